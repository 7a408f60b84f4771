"""Shops with sessions of all kinds, and requests that are held on their way."""

from __future__ import annotations

import threading
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import pymemcache
import pytest
import redis
from cachelib import FileSystemCache
from flask import Flask
from flask import Response
from flask import request
from flask import session
from flask.testing import FlaskClient
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy

from flask_cart import FlaskCart
from flask_cart import current_cart
from tests.support.harness import empty_database

DEADLINE = 30

Config = dict[str, t.Any]


@dataclass(frozen=True)
class Shop:
    """An app with carts, and with a basket in its session as apps make it by hand."""

    app: Flask
    extension: FlaskCart

    def browser(self, sid: str | None = None) -> FlaskClient:
        """A browser, with the cookie of a session if it is to have one."""
        browser = self.app.test_client()

        if sid is not None:
            browser.set_cookie("session", sid)

        return browser

    def visitor(self) -> FlaskClient:
        """A browser that has a session already, with a name in it."""
        browser = self.browser()
        browser.post("/name/Ann")

        return browser


@dataclass(frozen=True)
class _Gate:
    """Where a request stands still."""

    place: str
    reached: threading.Event = field(default_factory=threading.Event)
    is_open: threading.Event = field(default_factory=threading.Event)


@contextmanager
def redis_sessions(request: pytest.FixtureRequest, folder: Path) -> Iterator[Config]:
    server = request.getfixturevalue("running_valkey")

    with redis.Redis(port=server.port) as client:
        yield {"SESSION_TYPE": "redis", "SESSION_REDIS": client}


@contextmanager
def memcached_sessions(
    request: pytest.FixtureRequest, folder: Path
) -> Iterator[Config]:
    server = request.getfixturevalue("running_memcached")

    with closing(pymemcache.PooledClient(server.url, default_noreply=False)) as client:
        yield {"SESSION_TYPE": "memcached", "SESSION_MEMCACHED": client}


@contextmanager
def file_sessions(request: pytest.FixtureRequest, folder: Path) -> Iterator[Config]:
    cache = FileSystemCache(str(folder / "sessions"), threshold=0)

    yield {"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": cache}


@contextmanager
def sqlite_sessions(request: pytest.FixtureRequest, folder: Path) -> Iterator[Config]:
    yield {
        "SESSION_TYPE": "sqlalchemy",
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder / 'sessions.sqlite3'}",
    }


@contextmanager
def postgresql_sessions(
    request: pytest.FixtureRequest, folder: Path
) -> Iterator[Config]:
    with empty_database(request, "postgresql", folder) as url:
        yield {"SESSION_TYPE": "sqlalchemy", "SQLALCHEMY_DATABASE_URI": url}


@contextmanager
def mariadb_sessions(request: pytest.FixtureRequest, folder: Path) -> Iterator[Config]:
    with empty_database(request, "mariadb", folder) as url:
        yield {"SESSION_TYPE": "sqlalchemy", "SQLALCHEMY_DATABASE_URI": url}


#: Where sessions can be kept, by name.
SESSIONS: dict[str, Callable[..., t.Any]] = {
    "redis": redis_sessions,
    "memcached": memcached_sessions,
    "files": file_sessions,
    "sqlite": sqlite_sessions,
    "postgresql": postgresql_sessions,
    "mariadb": mariadb_sessions,
}


@contextmanager
def open_shop(
    config: Config, *, cart_first: bool = False, set_up: Callable[[Flask], t.Any] = id
) -> Iterator[Shop]:
    """A shop, as in production, whose connections are closed at the end.

    :param cart_first: Whether FlaskCart hears of the app before Flask-Session does.
    :param set_up: Called with the app before both.
    """
    app = Flask("shop")
    app.config.from_mapping({"SECRET_KEY": "test", "CART_CURRENCY": "EUR"} | config)
    _add_pages(app)
    set_up(app)

    if "SQLALCHEMY_DATABASE_URI" in config:
        app.config["SESSION_SQLALCHEMY"] = SQLAlchemy(app)

    extension = FlaskCart()
    extensions = [extension] if cart_first else []

    if "SESSION_TYPE" in config:
        extensions.append(Session())

    if not cart_first:
        extensions.append(extension)

    for each in extensions:
        each.init_app(app)

    try:
        yield Shop(app, extension)
    finally:
        if "SQLALCHEMY_DATABASE_URI" in config:
            _dispose(app)


@contextmanager
def held(browser: FlaskClient, place: str, method: str, path: str) -> Iterator[None]:
    """Have a request made that stands still during this block.

    :param place: ``"before the view"``, when it has its copy of the session, or
        ``"after the view"``, before its session is saved.
    """
    gate = _Gate(place)

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(
            browser.open, path, method=method, environ_overrides={"shop.gate": gate}
        )

        try:
            assert gate.reached.wait(DEADLINE)
            yield
        finally:
            gate.is_open.set()

        assert answer.result(DEADLINE).status_code in {200, 404}


def sid_of(browser: FlaskClient) -> str:
    """The id of a browser's session, or of its cookie all that it has."""
    cookie = browser.get_cookie("session")
    assert cookie is not None

    return cookie.value


def _add_pages(app: Flask) -> None:
    app.before_request(lambda: _stop("before the view"))

    @app.after_request
    def stop_after_view(response: Response) -> Response:
        _stop("after the view")
        return response

    @app.post("/name/<name>")
    def name(name: str) -> str:
        session["name"] = name
        return ""

    @app.get("/session")
    def content() -> Config:
        return dict(session)

    @app.get("/elsewhere")
    def elsewhere() -> str:
        return ""

    @app.post("/cart/add/<item>")
    def add(item: str) -> str:
        current_cart.add(item, price=1)
        return ""

    @app.post("/cart/clear")
    def clear() -> str:
        current_cart.clear()
        return ""

    @app.get("/cart")
    def show() -> dict[str, int]:
        return {line.item_id: line.quantity for line in current_cart}

    @app.post("/by-hand/add/<item>")
    def add_by_hand(item: str) -> str:
        basket = session.get("basket", {})
        session["basket"] = {**basket, item: basket.get(item, 0) + 1}
        return ""

    @app.post("/by-hand/clear")
    def clear_by_hand() -> str:
        session["basket"] = {}
        return ""

    @app.get("/by-hand")
    def show_by_hand() -> dict[str, int]:
        return session.get("basket", {})


def _stop(place: str) -> None:
    gate: _Gate | None = request.environ.get("shop.gate")

    if gate is not None and gate.place == place:
        gate.reached.set()
        assert gate.is_open.wait(DEADLINE)


def _dispose(app: Flask) -> None:
    with app.app_context():
        for engine in app.extensions["sqlalchemy"].engines.values():
            engine.dispose()
