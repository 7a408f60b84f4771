"""What moves or merges is never lost and never doubled, on any storage, come what may.

CART_MOVE_RUNS says how often carts are moved between while others add to them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path
from threading import Barrier

import pytest
from flask_caching import Cache
from flask_login import LoginManager
from flask_login import UserMixin
from flask_login import login_user
from flask_sqlalchemy import SQLAlchemy

from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import FlaskCart
from flask_cart import InvalidItemError
from flask_cart import current_cart
from tests.support.apps import make_app

USER = "user:1"
GUEST = "guest:a"
RUNS = int(os.environ.get("CART_MOVE_RUNS", "20"))
LOGINS = 8


class User(UserMixin):
    def __init__(self, user_id: str) -> None:
        self.id = user_id


class Shop:
    """An app with logins, and carts anywhere."""

    def __init__(self, storage: str, database: str, redis_url: str) -> None:
        self.app = app = make_app(
            CART_STORAGE=storage,
            CART_RETRY_ATTEMPTS=50,
            CACHE_TYPE="RedisCache",
            CACHE_REDIS_URL=redis_url,
            SQLALCHEMY_DATABASE_URI=database,
        )
        self.closing = ExitStack()

        if storage == "cache":
            cache = Cache(app)
            self.closing.callback(app.extensions["cache"][cache]._write_client.close)

        if storage == "database":
            db = SQLAlchemy(app)

        LoginManager(app).user_loader(User)
        self.extension = FlaskCart(app)
        self.closing.enter_context(app.app_context())

        if storage == "database":
            db.create_all()
            self.closing.callback(db.engine.dispose)
            self.closing.callback(db.session.remove)

        app.add_url_rule("/login", view_func=self.login, methods=["POST"])
        app.add_url_rule("/add/<item>", view_func=self.add, methods=["POST"])

    def login(self) -> str:
        login_user(User("1"))

        return "in"

    def add(self, item: str) -> str:
        current_cart.add(item, 2, price=5)

        return "added"

    def cart(self, owner: str = USER, instance: str = "default") -> Cart:
        """A cart as a new reader has it."""
        return self.extension.cart(owner=owner, instance=instance)

    def items(self, owner: str = USER, instance: str = "default") -> dict[str, int]:
        return {line.item_id: line.quantity for line in self.cart(owner, instance)}

    def fill(self, owner: str, **quantities: int) -> None:
        with self.cart(owner).batch() as cart:
            for item, quantity in quantities.items():
                cart.add(item, quantity, price=5)


@contextmanager
def open_shop(*place: str) -> Iterator[Shop]:
    shop = Shop(*place)

    with shop.closing:
        yield shop


SHARED = ["sqlite", "postgresql", "cache"]


def place_of(request: pytest.FixtureRequest, name: str) -> tuple[str, str, str]:
    """A storage, a database and a Redis."""
    if name == "memory":
        return "memory", "", ""

    if name == "cache":
        return "cache", "", request.getfixturevalue("valkey_server").url

    return "database", request.getfixturevalue(f"{name}_url"), ""


@pytest.fixture(params=SHARED)
def place(request: pytest.FixtureRequest) -> tuple[str, str, str]:
    """A place that processes share."""
    return place_of(request, request.param)


@pytest.fixture
def shop(place: tuple[str, str, str]) -> Iterator[Shop]:
    with open_shop(*place) as shop:
        yield shop


@pytest.fixture(params=["memory", "mariadb", *SHARED])
def any_shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    with open_shop(*place_of(request, request.param)) as shop:
        yield shop


def at_once(shop: Shop, *jobs: Callable[[], t.Any]) -> list[t.Any]:
    """Do several things at the same time."""
    barrier = Barrier(len(jobs))

    def run(job: Callable[[], t.Any]) -> t.Any:
        with shop.app.app_context():
            barrier.wait(60)

            return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def move_line(shop: Shop, owner: str, source: str, to: str, quantity: int) -> None:
    """Move mugs, if others have not taken them."""
    cart = shop.cart(owner, source)

    with suppress(CartConflictError, InvalidItemError):
        cart.move(cart.lines[0].id, to=to, quantity=quantity)


def add_and_move(shop: Shop, owner: str) -> None:
    """Add to two carts and move between them, all at once."""

    def add(instance: str) -> None:
        shop.cart(owner, instance).add("mug", 2, price=5)

    def move(source: str, to: str, quantity: int) -> None:
        move_line(shop, owner, source, to, quantity)

    at_once(
        shop,
        lambda: add("default"),
        lambda: add("wishlist"),
        lambda: move("default", "wishlist", 4),
        lambda: move("default", "wishlist", 3),
        lambda: move("wishlist", "default", 1),
    )


@pytest.mark.timeout(3600)
def test_moves_under_adds(any_shop: Shop) -> None:
    """While carts are added to, lines move to and fro, and none is lost or doubled."""
    for number in range(RUNS):
        owner = f"user:{number}"
        carts = [any_shop.cart(owner, instance) for instance in ("default", "wishlist")]

        for cart in carts:
            cart.add("mug", 5, price=5)

        add_and_move(any_shop, owner)

        for cart in carts:
            cart.refresh()

        assert sum(cart.quantity for cart in carts) == 14
        assert not any(cart.document.moves for cart in carts)


def test_moved_twice_at_once(any_shop: Shop) -> None:
    """Of those who click at the same time, one moves the line."""
    mug = any_shop.cart().add("mug", 3, price=5)

    def move() -> None:
        with suppress(CartConflictError, InvalidItemError):
            any_shop.cart().move(mug.id, to="wishlist")

    at_once(any_shop, *[move] * 4)

    assert any_shop.items() == {}
    assert any_shop.items(instance="wishlist") == {"mug": 3}


def test_logins_at_once(any_shop: Shop) -> None:
    """Of many logins at once with one session, the cart is that of one merge."""
    guest = any_shop.app.test_client()
    any_shop.fill(USER, mug=3)
    guest.post("/add/mug")
    guest.post("/add/tea")
    cookie = guest.get_cookie("session")
    assert cookie is not None

    def login() -> int:
        client = any_shop.app.test_client()
        client.set_cookie("session", cookie.value)

        return client.post("/login").status_code

    assert at_once(any_shop, *[login] * LOGINS) == [200] * LOGINS
    assert login() == 200
    assert any_shop.items() == {"mug": 5, "tea": 2}


def merge(shop: Shop) -> None:
    shop.cart().merge(shop.cart(GUEST))


def transfer(shop: Shop) -> None:
    shop.extension.transfer(GUEST, "user:2")


def move(shop: Shop) -> None:
    cart = shop.cart()

    # What was loaded is repaired: all that is still to be moved is here.
    if cart.lines:
        cart.move(cart.lines[0].id, to="wishlist")


JOBS = {job.__name__: job for job in (merge, transfer, move)}


def run_and_die(job: str, saves: int, place: tuple[str, str, str]) -> None:
    """Let another process do something, and die after so many saves of it."""
    path = [str(Path(__file__).parent), *sys.path]
    died = subprocess.run(
        [sys.executable, __file__, job, str(saves), *place],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert died.returncode == 42, died.stderr


@pytest.mark.parametrize("saves", range(3))
class TestKilled:
    """A process is killed at each step, and what it did is repeated."""

    def test_merge(self, shop: Shop, place: tuple[str, str, str], saves: int) -> None:
        """No line is lost, and none is doubled."""
        shop.fill(USER, mug=3, pot=1)
        shop.fill(GUEST, mug=2, tea=1)
        run_and_die("merge", saves, place)
        merge(shop)
        merge(shop)

        assert shop.items() == {"mug": 5, "pot": 1, "tea": 1}
        assert shop.items(GUEST) == {}

    def test_swap(self, shop: Shop, place: tuple[str, str, str], saves: int) -> None:
        """All is with the new owner, once."""
        shop.fill(GUEST, mug=2, tea=1)
        run_and_die("transfer", saves, place)
        transfer(shop)

        assert shop.items("user:2") == {"mug": 2, "tea": 1}
        assert shop.items(GUEST) == {}

    def test_move(self, shop: Shop, place: tuple[str, str, str], saves: int) -> None:
        """The line is in one cart or the other once the first one was loaded."""
        shop.fill(USER, mug=3)
        run_and_die("move", saves, place)
        found = shop.items().get("mug", 0), shop.items(USER, "wishlist").get("mug", 0)
        assert sum(found) == 3

        move(shop)
        assert shop.items() == {}
        assert shop.items(USER, "wishlist") == {"mug": 3}


def test_killed_between_carts(
    request: pytest.FixtureRequest, valkey_server: t.Any
) -> None:
    """Where two carts are not one transaction, the line is in both until a load."""
    place = place_of(request, "cache")

    with open_shop(*place) as shop:
        shop.fill(USER, mug=3)
        run_and_die("move", 2, place)

        assert shop.items(USER, "wishlist") == {"mug": 3}
        assert shop.items() == {}


def do_and_die(job: str, saves: str, *place: str) -> None:
    """Do something and die after so many saves and deletions."""
    with open_shop(*place) as shop:
        storage: t.Any = shop.extension.storage
        left = int(saves)

        def dying(method: Callable[..., t.Any]) -> Callable[..., t.Any]:
            def call(*arguments: t.Any) -> t.Any:
                nonlocal left

                if not left:
                    os._exit(42)

                result = method(*arguments)
                left -= 1

                if not left:
                    os._exit(42)

                return result

            return call

        storage.save = dying(storage.save)
        storage.delete = dying(storage.delete)
        JOBS[job](shop)
        os._exit(1)


if __name__ == "__main__":
    do_and_die(*sys.argv[1:])
