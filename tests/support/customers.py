"""A shop whose server breaks, and those who shop there meanwhile."""

from __future__ import annotations

import traceback
import typing as t
from collections.abc import Collection
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from importlib.util import find_spec

import memcache
import redis
from flask import Flask
from flask_caching import Cache
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy
from pymemcache.client.base import PooledClient

from flask_cart import FlaskCart
from flask_cart import current_cart
from tests.support.apps import make_app
from tests.support.guests import cookies_of
from tests.support.guests import give_cookies
from tests.support.servers import wait_until

OK = 200
CONFLICT = 409
UNAVAILABLE = 503

#: Flask-Session has raised an error of its own, before or after the shop did anything.
NO_SESSION = 500

#: Seconds that a client waits for an answer, where it can be told: on a machine that is
#: busy with something else, each comes in time.
PATIENCE = 60

#: Seconds that it waits where there may be none. A config says so: ``PATIENCE``.
HASTE = 1

#: What a config says that an app can be made from in any process.
Config = dict[str, t.Any]


@contextmanager
def shop(config: Config, extension: FlaskCart | None = None) -> Iterator[Flask]:
    """An app whose errors are raised, except for those that carts have. After this
    block its connections are closed.

    :param extension: The one whose carts it has; one of its own, if left out.
    """
    app = make_app(**config, PROPAGATE_EXCEPTIONS=True)

    with ExitStack() as stack:
        if "SQLALCHEMY_DATABASE_URI" in config:
            db = SQLAlchemy(app)
            stack.callback(_dispose, app, db)

        if "SESSION_TYPE" in config:
            _add_session(app, config, stack)

        if "MEMCACHED_CLIENT" in config:
            (server,) = config["CACHE_MEMCACHED_SERVERS"]
            patience = config.get("PATIENCE", PATIENCE)
            app.config["CACHE_MEMCACHED_SERVERS"] = stack.enter_context(
                memcached_client(config["MEMCACHED_CLIENT"], server, patience)
            )

        if "CACHE_TYPE" in config:
            Cache(app)

        (extension or FlaskCart()).init_app(app)
        app.add_url_rule("/", view_func=show)
        app.add_url_rule("/wishlist", view_func=show_wishlist)

        for view in [add, clear, destroy, move]:
            rule = f"/{view.__name__}/<items>"
            app.add_url_rule(rule, view_func=view, methods=["POST"])

        yield app


def create_tables(config: Config, *, anew: bool = False) -> None:
    """Create the tables of a shop whose carts are in a database.

    :param anew: Drop those that are there.
    """
    with shop(config) as app, app.app_context():
        db = app.extensions["sqlalchemy"]

        if anew:
            db.drop_all()

        db.create_all()


def _dispose(app: Flask, db: SQLAlchemy) -> None:
    with app.app_context():
        db.engine.dispose()


def _add_session(app: Flask, config: Config, stack: ExitStack) -> None:
    match config["SESSION_TYPE"]:
        case "redis":
            app.config["SESSION_REDIS"] = redis.from_url(config["SESSION_SERVER"])
        case "memcached":
            patience = config.get("PATIENCE", PATIENCE)
            app.config["SESSION_MEMCACHED"] = stack.enter_context(
                memcached_client("pymemcache", config["SESSION_SERVER"], patience)
            )
        case "sqlalchemy":
            app.config["SESSION_SQLALCHEMY"] = app.extensions["sqlalchemy"]

    Session(app)


#: What Flask-Caching takes if it can, or else one that closes what it has opened.
PREFERRED = "pylibmc" if find_spec("pylibmc") is not None else "pymemcache"


@contextmanager
def memcached_client(
    library: str, server: str, patience: int = PATIENCE
) -> Iterator[t.Any]:
    """A client of one of the libraries for Memcached, closed after this block.

    :param patience: How many seconds it waits for an answer, where it can be told.
    """
    client = _memcached_client(library, server, patience)

    try:
        yield client
    finally:
        client.disconnect_all()


def _memcached_client(library: str, server: str, patience: int) -> t.Any:
    if library == "pymemcache":
        return PooledClient(server, connect_timeout=patience, timeout=patience)

    if library == "pylibmc":
        import pylibmc

        return pylibmc.Client([server])

    return memcache.Client([server], dead_retry=0, socket_timeout=patience)


def show() -> dict[str, int]:
    return {line.item_id: line.quantity for line in current_cart}


def show_wishlist() -> dict[str, int]:
    return {
        line.item_id: line.quantity for line in current_cart.instance("wishlist").lines
    }


def add(items: str) -> dict[str, int]:
    with current_cart.batch():
        for item in items.split(","):
            current_cart.add(item, price=1)

    return show()


def clear(items: str) -> dict[str, int]:
    current_cart.clear()

    return show()


def destroy(items: str) -> dict[str, int]:
    current_cart.destroy()

    return show()


def move(items: str) -> dict[str, int]:
    (line,) = [line for line in current_cart if line.item_id == items]
    current_cart.move(line.id, to="wishlist")

    return show()


class Customer:
    """A browser, with a cart.

    :param app: The shop, or another process's.
    :param cookies: The cookies of the same browser in another process.
    """

    def __init__(self, app: Flask, cookies: dict[str, str] | None = None) -> None:
        self.app = app
        self._client = app.test_client()

        give_cookies(self._client, cookies or {})

    @property
    def cookies(self) -> dict[str, str]:
        """What makes another customer the same one."""
        return cookies_of(self._client)

    def add(self, *items: str) -> int:
        """Put one of each item into the cart.

        :return: The status of the answer.
        """
        return self.post("add", *items)

    def post(self, action: str, *items: str) -> int:
        """Change the cart.

        :return: The status of the answer.
        """
        return self._ask("POST", f"/{action}/{','.join(items) or '-'}")[0]

    def look(self) -> tuple[int, t.Any]:
        """The status of the answer, and the quantities of the items in the cart."""
        return self._ask("GET", "/")

    def cart(self) -> dict[str, int]:
        """The quantities of the items in the cart, where nothing is broken."""
        status, quantities = self.look()
        assert status == OK

        return dict(quantities)

    def wishlist(self) -> dict[str, int]:
        """The quantities of the items in the wishlist, where nothing is broken."""
        status, quantities = self._ask("GET", "/wishlist")
        assert status == OK

        return dict(quantities)

    def wait_until_served(self, refusals: Collection[int]) -> None:
        """Look at the cart until that works, as it must after a while.

        :param refusals: The statuses of answers that may come before.
        """

        def is_served() -> bool:
            status, _ = self.look()
            assert status == OK or status in refusals

            return status == OK

        wait_until(is_served)

    def _ask(self, method: str, path: str) -> tuple[int, t.Any]:
        try:
            answer = self._client.open(path, method=method)
        except Exception as error:
            if not _is_from_session(error):
                raise

            return NO_SESSION, None

        return answer.status_code, answer.json if answer.status_code == OK else None


def _is_from_session(error: Exception) -> bool:
    frames = traceback.walk_tb(error.__traceback__)
    packages = {frame.f_globals["__name__"].partition(".")[0] for frame, line in frames}

    return "flask_session" in packages and "flask_cart" not in packages
