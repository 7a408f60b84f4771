"""What moves or merges is never lost and never doubled, on any storage, come what may.

CART_MOVE_RUNS says how often carts are moved between while others add to them.
"""

from __future__ import annotations

import os
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextlib import suppress
from threading import Barrier

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_login import LoginManager
from flask_login import UserMixin
from flask_login import login_user

from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import FlaskCart
from flask_cart import InvalidItemError
from flask_cart.model.keys import CartKey
from tests.support.customers import Config
from tests.support.customers import shop as shop_of
from tests.support.forks import let_die
from tests.support.guests import cookies_of
from tests.support.guests import give_cookies
from tests.support.places import DATABASES
from tests.support.places import PLACES
from tests.support.places import SHARED
from tests.support.places import place_of

pytestmark = pytest.mark.unmeasured

USER = "user:1"
GUEST = "guest:a"
RUNS = int(os.environ.get("CART_MOVE_RUNS", "20"))
LOGINS = 8


class User(UserMixin):
    def __init__(self, user_id: str) -> None:
        self.id = user_id


class Shop:
    """An app with logins, and carts anywhere."""

    def __init__(self, app: Flask, extension: FlaskCart) -> None:
        self.app = app
        self.extension = extension
        LoginManager(app).user_loader(User)
        app.add_url_rule("/login", view_func=self.login, methods=["POST"])

    def login(self) -> str:
        login_user(User("1"))

        return "in"

    def cart(self, owner: str = USER, instance: str = "default") -> Cart:
        """A cart as a new reader has it."""
        return self.extension.cart(owner=owner, instance=instance)

    def items(self, owner: str = USER, instance: str = "default") -> dict[str, int]:
        return {line.item_id: line.quantity for line in self.cart(owner, instance)}

    def stored(self) -> dict[str, t.Any]:
        """What is stored of all carts of the user, as it is."""
        storage = self.extension.storage

        return {
            name: storage.load(CartKey(USER, name)) for name in storage.instances(USER)
        }

    def fill(self, owner: str, **quantities: int) -> None:
        with self.cart(owner).batch() as cart:
            for item, quantity in quantities.items():
                cart.add(item, quantity, price=5)


@contextmanager
def open_shop(place: Config) -> Iterator[Shop]:
    extension = FlaskCart()

    with shop_of({"CART_RETRY_ATTEMPTS": 50, **place}, extension) as app:
        shop = Shop(app, extension)

        with app.app_context():
            if "SQLALCHEMY_DATABASE_URI" in place:
                app.extensions["sqlalchemy"].create_all()

            yield shop


@pytest.fixture(params=SHARED)
def place(request: pytest.FixtureRequest) -> Config:
    """A place that processes share."""
    return place_of(request, request.param)


@pytest.fixture
def shop(place: Config) -> Iterator[Shop]:
    with open_shop(place) as shop:
        yield shop


@pytest.fixture(params=PLACES)
def any_shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    with open_shop(place_of(request, request.param)) as shop:
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
    guest.post("/add/mug,mug")
    guest.post("/add/tea,tea")
    cookies = cookies_of(guest)

    def login() -> int:
        client = any_shop.app.test_client()
        give_cookies(client, cookies)

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
    cart.move(cart.lines[0].id, to="wishlist")


#: When somebody dies: after so many saves, or ``INSIDE`` of the first one, when one of
#: its two rows is written.
Moment = int
INSIDE: t.Final = -1


@pytest.mark.parametrize("saves", range(3))
class TestKilled:
    """A process is killed at each step, and what it did is repeated."""

    def test_merge(self, shop: Shop, place: Config, saves: int) -> None:
        """No line is lost, and none is doubled."""
        shop.fill(USER, mug=3, pot=1)
        shop.fill(GUEST, mug=2, tea=1)
        let_die(do_and_die, merge, saves, place)
        merge(shop)
        merge(shop)

        assert shop.items() == {"mug": 5, "pot": 1, "tea": 1}
        assert shop.items(GUEST) == {}

    def test_transfer(self, shop: Shop, place: Config, saves: int) -> None:
        """All is with the new owner, once."""
        shop.fill(GUEST, mug=2, tea=1)
        let_die(do_and_die, transfer, saves, place)
        transfer(shop)

        assert shop.items("user:2") == {"mug": 2, "tea": 1}
        assert shop.items(GUEST) == {}


class TestKilledInAMove:
    """The line is in exactly one cart, and nobody has to do anything about it."""

    @pytest.mark.parametrize("saves", range(2))
    def test_before_and_after_the_save(
        self, shop: Shop, place: Config, saves: int
    ) -> None:
        """A move is one save: it has happened, or it has not."""
        check_killed_move(shop, place, saves)

    @pytest.mark.parametrize("name", DATABASES)
    def test_between_the_rows(self, request: pytest.FixtureRequest, name: str) -> None:
        """A database undoes what was half written."""
        place = place_of(request, name)

        with open_shop(place) as shop:
            check_killed_move(shop, place, INSIDE)


def check_killed_move(shop: Shop, place: Config, moment: Moment) -> None:
    shop.fill(USER, mug=3)
    let_die(do_and_die, move, moment, place)
    stored = shop.stored()
    assert len(stored) == (2 if moment > 0 else 1)

    found = shop.items(), shop.items(USER, "wishlist")
    assert found == (({}, {"mug": 3}) if moment > 0 else ({"mug": 3}, {}))
    assert shop.stored() == stored


def do_and_die(job: Callable[[Shop], None], moment: Moment, place: Config) -> None:
    """Do something and die at some moment of it."""
    with open_shop(place) as shop:
        storage: t.Any = shop.extension.storage
        save = storage.save
        left = moment

        def save_and_die(*arguments: t.Any) -> t.Any:
            nonlocal left

            if left == 0:
                os._exit(42)

            result = save(*arguments)
            left -= 1

            if left == 0:
                os._exit(42)

            return result

        if left == INSIDE:
            sa.event.listen(sa.Engine, "after_cursor_execute", die_when_written)
        else:
            storage.save = save_and_die

        job(shop)
        os._exit(1)


def die_when_written(*context: t.Any) -> None:
    statement: str = context[2]

    if statement.startswith(("UPDATE", "INSERT", "DELETE")):
        os._exit(42)
