"""One order for one content of a cart, on every storage, come what may."""

from __future__ import annotations

import json
import os
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextlib import contextmanager
from urllib.parse import quote

import pytest
import redis
import sqlalchemy as sa
from flask import request
from flask_caching import Cache
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from flask_cart import CartConflictError
from flask_cart import CartOrderUnknownError
from flask_cart import FlaskCart
from flask_cart import OrderDraft
from flask_cart import current_cart
from flask_cart.storage import base as storages
from tests.support.apps import make_app
from tests.support.forks import let_die

OWNER = "user:1"
CUSTOMERS = 32

#: Where a process can die while it makes an order.
STEPS = ["begun", "created", "committed", "settled"]


class Shop:
    """An app with orders in a database, stock of one item, and carts anywhere."""

    def __init__(self, storage: str, database: str, redis_url: str) -> None:
        self.app = app = make_app(
            TESTING=True,
            CART_STORAGE=storage,
            CACHE_TYPE="RedisCache",
            CACHE_REDIS_URL=redis_url,
            SQLALCHEMY_DATABASE_URI=database,
        )
        self.db = db = SQLAlchemy(app)
        self.clients: list[redis.Redis] = []

        if storage == "cache":
            cache = Cache(app)
            self.clients.append(app.extensions["cache"][cache]._write_client)

        if storage == "session":
            self.clients.append(redis.Redis.from_url(redis_url))
            app.config.from_mapping(
                SESSION_TYPE="redis", SESSION_REDIS=self.clients[-1]
            )
            Session(app)

        class Order(db.Model):
            id: Mapped[int] = mapped_column(primary_key=True)
            token: Mapped[str] = mapped_column(sa.String(64), unique=True)
            items: Mapped[str] = mapped_column(sa.String(255))

        class Stock(db.Model):
            item: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
            left: Mapped[int]

        self.Order = Order
        self.Stock = Stock
        self.extension = FlaskCart(app)
        self.extension.owner_loader(lambda: OWNER)
        app.add_url_rule("/order", view_func=self.order, methods=["POST"])

    def order(self) -> str:
        made = self.place(request.form["token"])

        return str(made.id)

    def place(self, token: str | None) -> t.Any:
        return current_cart.place_order(
            self.create, self.find, session=self.db.session, token=token
        )

    def create(self, draft: OrderDraft) -> t.Any:
        items = {line.item_id: line.quantity for line in draft}
        order = self.Order(token=draft.order_token, items=json.dumps(items))
        self.db.session.add(order)
        self.db.session.execute(
            sa.update(self.Stock).values(left=self.Stock.left - items["mug"])
        )

        return order

    def find(self, token: str) -> t.Any:
        return self.db.session.scalar(sa.select(self.Order).filter_by(token=token))

    def cart(self) -> t.Any:
        return self.extension.cart(owner=OWNER)

    def items(self) -> dict[str, int]:
        with self.app.app_context():
            return {line.item_id: line.quantity for line in self.cart()}

    def sold(self) -> tuple[list[dict[str, int]], int]:
        """The orders, and what is left of the stock."""
        with self.app.app_context():
            orders = self.db.session.scalars(sa.select(self.Order.items))
            left = self.db.session.scalar(sa.select(self.Stock.left))

            return [json.loads(each) for each in orders], left or 0


@contextmanager
def open_shop(*place: str) -> Iterator[Shop]:
    shop = Shop(*place)

    with ExitStack() as stack:
        stack.enter_context(shop.app.app_context())
        stack.callback(shop.db.engine.dispose)
        stack.callback(shop.db.session.remove)

        for client in shop.clients:
            stack.callback(client.close)

        yield shop


DATABASES = ["sqlite", "postgresql", "mariadb"]
PLACES = [*DATABASES, "cache", "session"]

#: Whether MariaDB refuses to lock what is newer than a transaction shows, as it does by
#: default from 11.6.2 on.
SNAPSHOTS = {"mariadb": "OFF", "strict mariadb": "ON"}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> tuple[str, str, str]:
    """A storage, the database of the orders, and a Redis."""
    name = request.param
    is_database = name not in ("cache", "session")
    kind = name.removeprefix("strict ") if is_database else "postgresql"
    database = request.getfixturevalue(f"{kind}_url")

    if name in SNAPSHOTS:
        mode = f"SET innodb_snapshot_isolation = {SNAPSHOTS[name]}"
        database += f"&init_command={quote(mode)}"

    server = request.getfixturevalue("valkey_server")

    return "database" if is_database else name, database, server.url


@pytest.fixture
def shop(place: tuple[str, str, str]) -> Iterator[Shop]:
    with open_shop(*place) as shop:
        shop.db.create_all()
        shop.db.session.add(shop.Stock(item="mug", left=10))
        shop.db.session.commit()
        shop.cart().add("mug", 2, price=5)

        yield shop


def test_many_at_once(shop: Shop) -> None:
    """Of 32 who post the same form at once all get the number of the one order."""
    token = shop.cart().order_token

    def post(number: int) -> tuple[int, str]:
        answer = shop.app.test_client().post("/order", data={"token": token})

        return answer.status_code, answer.text

    with ThreadPoolExecutor(CUSTOMERS) as pool:
        answers = set(pool.map(post, range(CUSTOMERS)))

    assert len(answers) == 1
    assert answers.pop()[0] == 200
    assert shop.sold() == ([{"mug": 2}], 8)
    assert shop.items() == {}


def test_adds_while_it_is_ordered(shop: Shop) -> None:
    """What is added while the cart is being ordered is in an order or in the cart."""
    token = shop.cart().order_token

    def add(number: int) -> None:
        with shop.app.app_context():
            shop.cart().add("mug", price=5)

    def order() -> int:
        return shop.app.test_client().post("/order", data={"token": token}).status_code

    with ThreadPoolExecutor(4) as pool:
        adding = [pool.submit(add, number) for number in range(10)]
        ordering = pool.submit(order)

        for each in adding:
            each.result(60)

        status = ordering.result(60)

    orders, left = shop.sold()
    ordered = sum(each["mug"] for each in orders)
    assert status in (200, 409)
    assert len(orders) == (status == 200)
    assert left == 10 - ordered
    assert ordered + shop.items().get("mug", 0) == 12


def test_begun_in_two_tabs(shop: Shop) -> None:
    """What was begun in one tab can be ordered after more was begun in another one, and
    goes out of the cart."""
    first = shop.cart().begin_order().order_token
    shop.cart().add("mug", 3, price=5)
    second = shop.cart().begin_order().order_token

    with shop.app.test_client() as client:
        assert client.post("/order", data={"token": first}).status_code == 200
        assert shop.items() == {"mug": 3}
        assert client.post("/order", data={"token": second}).status_code == 200

    assert shop.sold() == ([{"mug": 2}, {"mug": 5}], 3)
    assert shop.items() == {}


@pytest.mark.parametrize("place", DATABASES, indirect=True)
def test_forgotten_while_it_is_ordered(shop: Shop) -> None:
    """If what was begun is cancelled before it is taken out of the cart, the
    transaction is rolled back."""
    token = shop.cart().begin_order().order_token

    def cancel() -> None:
        with shop.app.app_context():
            assert shop.extension.cancel_order(token)

    def create(draft: OrderDraft) -> t.Any:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(cancel).result(60)

        return shop.create(draft)

    with pytest.raises(CartConflictError, match="not known any more"):
        shop.extension.place_order(
            create, shop.find, session=shop.db.session, token=token
        )

    assert shop.sold() == ([], 10)
    assert shop.items() == {"mug": 2}


def test_merged_while_it_is_ordered(shop: Shop) -> None:
    """A login in the middle of the order leaves nothing of it in the other cart, also
    where the transaction of the order shows an older state."""
    token = shop.cart().begin_order().order_token

    def merge() -> None:
        with shop.app.app_context():
            shop.extension.cart(owner="user:2").merge(shop.cart())

    def create(draft: OrderDraft) -> t.Any:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(merge).result(60)

        return shop.create(draft)

    shop.extension.place_order(create, shop.find, session=shop.db.session, token=token)

    assert shop.sold() == ([{"mug": 2}], 8)
    assert shop.items() == {}

    with shop.app.app_context():
        assert len(shop.extension.cart(owner="user:2")) == 0


@pytest.mark.parametrize("place", ["strict mariadb"], indirect=True)
@pytest.mark.parametrize("meanwhile", ["cancel", "merge"])
def test_begun_order_is_newer_than_the_snapshot(shop: Shop, meanwhile: str) -> None:
    """That a transaction must not see what became of the order is a conflict, and the
    next try sees it."""
    token = shop.cart().begin_order().order_token

    def change() -> None:
        with shop.app.app_context():
            if meanwhile == "cancel":
                shop.extension.cancel_order(token)
            else:
                shop.extension.cart(owner="user:2").merge(shop.cart())

    def create(draft: OrderDraft) -> t.Any:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(change).result(60)

        return shop.create(draft)

    def place_order(create: t.Callable[[OrderDraft], t.Any]) -> None:
        shop.extension.place_order(
            create, shop.find, session=shop.db.session, token=token
        )

    with pytest.raises(CartConflictError, match="transaction"):
        place_order(create)

    assert shop.sold() == ([], 10)

    if meanwhile == "cancel":
        with pytest.raises(CartOrderUnknownError):
            place_order(shop.create)
    else:
        place_order(shop.create)
        assert shop.sold() == ([{"mug": 2}], 8)


def copy_of_carts(shop: Shop) -> Callable[[], None]:
    """Keep what is stored now.

    :return: What puts it back, by the means of the back end.
    """
    if shop.clients:
        (client,) = shop.clients
        dumps = {key: client.dump(key) for key in client.scan_iter()}

        return lambda: (
            [client.restore(key, 0, dump, replace=True) for key, dump in dumps.items()]
            and None
        )

    table = shop.db.metadata.tables["carts"]

    with shop.db.engine.begin() as connection:
        (row,) = connection.execute(sa.select(table)).mappings()

    def put_back() -> None:
        with shop.db.engine.begin() as connection:
            connection.execute(table.update().values(**row))

    return put_back


@pytest.mark.parametrize("is_begun", [False, True])
def test_writes_that_were_lost(
    shop: Shop, is_begun: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the carts are what they were before an order, other goods are another order,
    also at the same version: the first one is not found for them, and no payment is
    taken for the other."""
    # Versions that count by one come again; that they do not is a promise of its own.
    monkeypatch.setattr(storages.secrets, "randbits", lambda bits: 0)
    tokens, versions = [], []
    put_back = copy_of_carts(shop)

    for item in ["pot", "cup"]:
        cart = shop.cart()
        cart.add(item, price=30)
        versions.append(cart.version)
        tokens.append(cart.begin_order().order_token if is_begun else cart.order_token)

        with shop.app.test_client() as client:
            assert client.post("/order", data={"token": tokens[-1]}).status_code == 200

        shop.db.session.rollback()
        put_back()

    assert versions[0] == versions[1]
    assert tokens[0] != tokens[1]
    assert shop.sold() == ([{"mug": 2, "pot": 1}, {"mug": 2, "cup": 1}], 6)
    assert shop.items() == {"mug": 2}


@pytest.mark.parametrize("step", STEPS)
def test_process_dies(shop: Shop, place: tuple[str, str, str], step: str) -> None:
    """A process that dies at any step, and the form that is posted again, make one
    order, take one order's stock, and leave nothing of it in the cart."""
    token = shop.cart().order_token
    let_die(order_and_die, step, token, *place)

    with shop.app.test_client() as client:
        first = client.post("/order", data={"token": token})
        second = client.post("/order", data={"token": token})

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.text == second.text
    assert shop.sold() == ([{"mug": 2}], 8)
    assert shop.items() == {}


def die() -> t.NoReturn:
    os._exit(42)


def order_and_die(step: str, token: str, *place: str) -> None:
    """Begin an order and die at a step of it."""
    with open_shop(*place) as shop:
        create = shop.create

        def create_and_die(draft: OrderDraft) -> t.Any:
            if step == "begun":
                die()

            order = create(draft)

            if step == "created":
                shop.db.session.flush()
                die()

            return order

        shop.create = create_and_die  # type: ignore[method-assign]

        if step == "committed":
            sa.event.listen(shop.db.session, "after_commit", lambda session: die())

        with shop.app.test_request_context():
            shop.place(token)
            die()
