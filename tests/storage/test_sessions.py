"""A cart beside work of the app that is not committed."""

from __future__ import annotations

import threading
import typing as t
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import sqlalchemy as sa
from flask import Flask

from flask_cart import CartStorageError
from flask_cart import signals
from flask_cart.testing.carts import delete_cart
from flask_cart.testing.carts import save_cart
from tests.support.shops import Shop
from tests.support.shops import heard
from tests.support.shops import open_shop

#: On SQLite, whoever waits for a lock is refused at once instead.
IMPATIENT = {"connect_args": {"timeout": 0}}


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    """A shop on every engine, whose context the test is in."""
    options = IMPATIENT if database_url.startswith("sqlite") else {}

    with (
        open_shop(database_url, options, CART_RETRY_ATTEMPTS=1) as shop,
        shop.app.app_context(),
    ):
        yield shop


@pytest.fixture
def sqlite_shop(sqlite_url: str) -> Iterator[Shop]:
    """A shop on SQLite, whose context the test is in."""
    with (
        open_shop(sqlite_url, IMPATIENT, CART_RETRY_ATTEMPTS=1) as shop,
        shop.app.app_context(),
    ):
        yield shop


@pytest.fixture
def memory_shop() -> Iterator[Shop]:
    """A shop on the one connection of SQLite in memory."""
    with open_shop("sqlite://") as shop, shop.app.app_context():
        yield shop


def orders_of(shop: Shop) -> list[str]:
    """The orders that the session sees."""
    return list(shop.db.session.scalars(sa.select(shop.order_table.c.token)))


def test_uncommitted_work_is_kept(shop: Shop) -> None:
    """A view's uncommitted work can be committed after a change of the cart."""
    shop.order("one")
    shop.cart().add("mug", price=1)
    assert shop.orders() == []

    shop.db.session.commit()
    assert shop.orders() == ["one"]
    assert shop.stored() == {"mug": 1}


def test_uncommitted_work_can_be_undone(shop: Shop) -> None:
    """A view's uncommitted work can be rolled back after a change of the cart."""
    shop.order("one")
    shop.cart().add("mug", price=1)
    shop.db.session.rollback()

    assert shop.orders() == []


@pytest.mark.parametrize("name", ["postgresql", "mariadb"])
def test_cart_does_not_depend_on_the_session(
    request: pytest.FixtureRequest, name: str
) -> None:
    """Where writers do not wait for each other, the cart is saved at once."""
    with (
        open_shop(request.getfixturevalue(f"{name}_url")) as shop,
        shop.app.app_context(),
        heard(shop.app) as names,
    ):
        shop.order("one")
        shop.cart().add("mug", price=1)
        assert names == ["cart_created", "item_added", "cart_updated"]
        assert shop.stored() == {"mug": 1}

        shop.db.session.rollback()
        assert shop.stored() == {"mug": 1}


def test_read_transaction_is_not_joined(shop: Shop) -> None:
    """A session that has only read does not keep the cart from being saved at once."""
    assert orders_of(shop) == []
    assert shop.db.session().in_transaction()

    shop.cart().add("mug", price=1)
    assert shop.stored() == {"mug": 1}


def test_begun_session_is_not_joined(shop: Shop) -> None:
    """A session that has begun and done nothing yet is left alone."""
    with shop.db.session.begin():
        shop.cart().add("mug", price=1)
        assert shop.stored() == {"mug": 1}


def test_pending_objects_are_not_flushed(shop: Shop) -> None:
    """What the app has added and not flushed stays pending, as it may be invalid."""

    class Order:
        token: t.Any

    shop.db.Model.registry.map_imperatively(Order, shop.order_table)
    order = Order()
    order.token = None
    shop.db.session.add(order)

    cart = shop.cart()
    cart.add("mug", price=1)
    assert len(cart) == 1
    assert order in shop.db.session.new
    assert shop.stored() == {"mug": 1}


def test_pending_objects_are_not_flushed_when_joined(sqlite_shop: Shop) -> None:
    """Joining a transaction flushes nothing either."""

    class Order:
        token: t.Any

    sqlite_shop.db.Model.registry.map_imperatively(Order, sqlite_shop.order_table)
    sqlite_shop.order("one")
    order = Order()
    order.token = None
    sqlite_shop.db.session.add(order)
    sqlite_shop.cart().add("mug", price=1)

    assert order in sqlite_shop.db.session.new


def test_failed_session(shop: Shop) -> None:
    """A session whose flush has failed does not stand in the way."""

    class Order:
        token: t.Any

    shop.db.Model.registry.map_imperatively(Order, shop.order_table)
    shop.order("one")
    order = Order()
    order.token = "one"
    shop.db.session.add(order)

    with pytest.raises(sa.exc.IntegrityError):
        shop.db.session.flush()

    assert not shop.db.session.is_active
    shop.cart().add("mug", price=1)
    assert shop.stored() == {"mug": 1}


def test_session_that_failed_in_a_savepoint(sqlite_shop: Shop) -> None:
    """The session still has SQLite's lock, which is not a conflict with a rival."""
    sqlite_shop.order("one")
    fail_in_savepoint(sqlite_shop)

    with suppress(CartStorageError):
        sqlite_shop.cart().add("mug", price=1)

    sqlite_shop.db.session.rollback()
    assert sqlite_shop.orders() == []


def test_memory_session_that_failed_in_a_savepoint(memory_shop: Shop) -> None:
    """On the one connection there is, a cart does not commit what the app has not."""
    memory_shop.order("one")
    fail_in_savepoint(memory_shop)

    with suppress(CartStorageError):
        memory_shop.cart().add("mug", price=1)

    memory_shop.db.session.rollback()
    assert orders_of(memory_shop) == []


def fail_in_savepoint(shop: Shop) -> None:
    """Leave the session in a savepoint whose flush has failed."""

    class Order:
        token: t.Any

    shop.db.Model.registry.map_imperatively(Order, shop.order_table)
    order = Order()
    order.token = "one"
    shop.db.session.begin_nested()
    shop.db.session.add(order)

    with pytest.raises(sa.exc.IntegrityError):
        shop.db.session.flush()

    assert not shop.db.session.is_active


def test_joined_change_is_read_back(sqlite_shop: Shop) -> None:
    """Inside the joined transaction everybody of this request sees the change."""
    sqlite_shop.order("one")
    sqlite_shop.cart().add("mug", price=1)

    assert sqlite_shop.cart().quantity == 1
    assert sqlite_shop.storage.instances("user:1") == ["default"]
    assert sqlite_shop.stored() is None


def test_joined_change_is_committed_with_the_session(sqlite_shop: Shop) -> None:
    """The change is there, and announced, once the session has committed it."""
    shop = sqlite_shop

    with heard(shop.app) as names:
        shop.order("one")
        cart = shop.cart()
        cart.add("mug", price=1)
        cart.add("pot", price=1)
        assert names == []

        shop.db.session.commit()

    assert names == [
        *["cart_created", "item_added", "cart_updated"],
        *["item_added", "cart_updated"],
    ]
    assert shop.stored() == {"mug": 1, "pot": 1}


@pytest.mark.parametrize("end", ["rollback", "close", "remove"])
def test_joined_change_is_gone_with_the_session(sqlite_shop: Shop, end: str) -> None:
    """A session that ends in any other way takes the change along, unannounced."""
    shop = sqlite_shop
    shop.fill("mug")
    cart = shop.cart()
    version = cart.version

    with heard(shop.app) as names:
        shop.order("one")
        cart.add("pot", price=1)
        assert cart.quantity == 2

        getattr(shop.db.session, end)()
        assert names == []

    assert (cart.quantity, cart.version) == (1, version)
    assert shop.stored() == {"mug": 1}


def test_view_that_never_commits(sqlite_url: str) -> None:
    """A view that forgets to commit loses the change of the cart with its own."""
    with open_shop(sqlite_url, IMPATIENT) as shop, heard(shop.app) as names:

        @shop.app.post("/forget")
        def forget() -> str:
            shop.order("one")
            shop.cart().add("mug", price=1)

            return str(shop.cart().quantity)

        assert shop.app.test_client().post("/forget").text == "1"
        assert shop.stored() is None
        assert shop.orders() == []
        assert names == []


def test_cart_is_usable_after_the_rollback(sqlite_shop: Shop) -> None:
    """After the rollback the cart goes on from what is stored."""
    shop = sqlite_shop
    shop.order("one")
    cart = shop.cart()
    cart.add("mug", price=1)
    shop.db.session.rollback()

    cart.add("pot", price=1)
    assert shop.stored() == {"pot": 1}


def test_expectation_is_undone_by_the_rollback(sqlite_shop: Shop) -> None:
    """What a form was about is again what it was before the changes undone."""
    shop = sqlite_shop
    shop.fill("mug")
    cart = shop.cart()
    cart.expect(cart.version)
    shop.order("one")
    cart.add("pot", price=1)
    cart.add("cup", price=1)
    shop.db.session.rollback()

    cart.add("jug", price=1)
    assert shop.stored() == {"mug": 1, "jug": 1}


def test_destroy_is_rolled_back(sqlite_shop: Shop) -> None:
    """A cart that was destroyed in a transaction is there again without it."""
    shop = sqlite_shop
    shop.fill("mug")
    cart = shop.cart()

    with heard(shop.app) as names:
        shop.order("one")
        cart.destroy()
        assert len(cart) == 0
        shop.db.session.rollback()

    assert len(cart) == 1
    assert shop.stored() == {"mug": 1}
    assert names == []


def test_savepoint_rolled_back(sqlite_shop: Shop) -> None:
    """A change inside a savepoint goes with it, and the one before it stays."""
    shop = sqlite_shop

    with heard(shop.app) as names:
        shop.order("one")
        cart = shop.cart()
        cart.add("mug", price=1)
        savepoint = shop.db.session.begin_nested()
        cart.add("pot", price=1)
        savepoint.rollback()

        assert [line.item_id for line in cart] == ["mug"]
        shop.db.session.commit()

    assert shop.stored() == {"mug": 1}
    assert names == ["cart_created", "item_added", "cart_updated"]


def test_savepoint_released(sqlite_shop: Shop) -> None:
    """The release of a savepoint is not yet a commit, and its rollback still counts."""
    shop = sqlite_shop

    with heard(shop.app) as names:
        shop.order("one")

        with shop.db.session.begin_nested():
            shop.cart().add("mug", price=1)

        assert names == []
        shop.db.session.rollback()

    assert names == []
    assert shop.stored() is None


def test_savepoint_committed(sqlite_shop: Shop) -> None:
    """A change inside savepoints is announced once, after the last commit."""
    shop = sqlite_shop

    with heard(shop.app) as names:
        shop.order("one")

        with shop.db.session.begin_nested(), shop.db.session.begin_nested():
            shop.cart().add("mug", price=1)

        shop.db.session.commit()

    assert names == ["cart_created", "item_added", "cart_updated"]
    assert shop.stored() == {"mug": 1}


def test_outer_savepoint_rolled_back(sqlite_shop: Shop) -> None:
    """The rollback of an outer savepoint takes what the inner one released."""
    shop = sqlite_shop

    with heard(shop.app) as names:
        shop.order("one")
        outer = shop.db.session.begin_nested()

        with shop.db.session.begin_nested():
            shop.cart().add("mug", price=1)

        outer.rollback()
        shop.db.session.commit()

    assert names == []
    assert shop.stored() is None
    assert shop.orders() == ["one"]


def test_first_write_inside_a_savepoint(sqlite_shop: Shop) -> None:
    """A savepoint that holds the app's first write does not commit a thing either."""
    shop = sqlite_shop

    with shop.db.session.begin_nested() as savepoint:
        shop.order("one")
        shop.cart().add("mug", price=1)
        savepoint.rollback()

    shop.db.session.commit()
    assert shop.orders() == []


def test_receivers_may_use_the_session(sqlite_shop: Shop) -> None:
    """After the commit, a receiver has a session that it can write and commit with."""
    shop = sqlite_shop

    def write(app: Flask, event: t.Any, **extra: t.Any) -> None:
        shop.order(f"receipt for {event.line.item_id}")
        shop.db.session.commit()

    with signals.item_added.connected_to(write, shop.app):
        shop.order("one")
        cart = shop.cart()
        cart.add("mug", price=1)
        cart.add("pot", price=1)
        shop.db.session.commit()

    assert shop.orders() == ["one", "receipt for mug", "receipt for pot"]


def test_receivers_may_change_the_cart(sqlite_shop: Shop) -> None:
    """A receiver that writes with the session and the cart starts another round."""
    shop = sqlite_shop

    def give_gift(app: Flask, cart: t.Any, event: t.Any, **extra: t.Any) -> None:
        if event.line.item_id == "mug":
            shop.order("gift")
            cart.add("coaster", price=0)
            shop.db.session.commit()

    with (
        signals.item_added.connected_to(give_gift, shop.app),
        heard(shop.app) as names,
    ):
        shop.order("one")
        shop.cart().add("mug", price=1)
        shop.db.session.commit()

    assert shop.stored() == {"mug": 1, "coaster": 1}
    assert names.count("item_added") == 2
    assert names.count("cart_updated") == 2


def test_commit_that_fails(sqlite_shop: Shop) -> None:
    """A commit that fails is a rollback for the cart, too."""
    shop = sqlite_shop

    def refuse(session: t.Any) -> None:
        raise ZeroDivisionError

    with heard(shop.app) as names:
        shop.order("one")
        cart = shop.cart()
        cart.add("mug", price=1)
        sa.event.listen(shop.db.session(), "before_commit", refuse)

        with pytest.raises(ZeroDivisionError):
            shop.db.session.commit()

        shop.db.session.remove()

    assert len(cart) == 0
    assert names == []
    assert shop.stored() is None


def test_other_sessions_are_left_alone(sqlite_shop: Shop) -> None:
    """Joining one session leaves nothing behind in the ones after it."""
    shop = sqlite_shop
    shop.order("one")
    shop.cart().add("mug", price=1)
    shop.db.session.commit()
    shop.db.session.remove()

    shop.order("two")
    shop.db.session.commit()
    assert shop.orders() == ["one", "two"]
    assert not shop.db.session().info


def test_memory_database(memory_shop: Shop) -> None:
    """In memory the cart is saved on the shared connection."""
    memory_shop.fill("mug")
    memory_shop.fill("mug")

    assert memory_shop.cart().quantity == 2


@pytest.mark.parametrize("read_first", [False, True])
def test_memory_database_does_not_commit_the_apps_work(
    memory_shop: Shop, read_first: bool
) -> None:
    """In memory, too, the app's work is only committed by the app."""
    if read_first:
        assert orders_of(memory_shop) == []

    memory_shop.order("one")
    cart = memory_shop.cart()
    cart.add("mug", price=1)
    memory_shop.db.session.rollback()

    assert orders_of(memory_shop) == []
    assert len(cart) == 0


def test_memory_database_does_not_roll_back_the_apps_work(memory_shop: Shop) -> None:
    """A lost save in memory takes nothing of the app's with it."""
    memory_shop.fill("mug")
    memory_shop.order("one")
    storage = memory_shop.storage
    key = memory_shop.cart().key
    assert key is not None

    assert save_cart(storage, key, "lost", 0) is None
    assert not delete_cart(storage, key, 1)
    memory_shop.db.session.commit()
    assert orders_of(memory_shop) == ["one"]


def test_memory_database_under_lock(memory_shop: Shop) -> None:
    """With one connection there is nobody to lock out."""
    key = memory_shop.cart().key
    assert key is not None

    with memory_shop.storage.lock(key.owner):
        assert save_cart(memory_shop.storage, key, "{}", 0)

    assert memory_shop.storage.load(key) is not None


def test_locked_inside_the_joined_transaction(sqlite_url: str) -> None:
    """The session's lock is the cart's lock; a second one would wait for itself."""
    with (
        open_shop(sqlite_url, IMPATIENT, CART_DATABASE_LOCK_FOR_UPDATE=True) as shop,
        shop.app.app_context(),
    ):
        shop.order("one")
        shop.cart().add("mug", price=1)
        shop.db.session.commit()
        assert shop.stored() == {"mug": 1}


def test_another_bind_is_not_joined(tmp_path: t.Any, sqlite_url: str) -> None:
    """With carts in a file of their own, the app's transaction is not theirs."""
    carts = f"sqlite:///{tmp_path / 'own.sqlite3'}"

    with (
        open_shop(
            sqlite_url,
            IMPATIENT,
            SQLALCHEMY_BINDS={"carts": {"url": carts, **IMPATIENT}},
            CART_DATABASE_BIND_KEY="carts",
        ) as shop,
        shop.app.app_context(),
        heard(shop.app) as names,
    ):
        shop.order("one")
        shop.cart().add("mug", price=1)
        assert names == ["cart_created", "item_added", "cart_updated"]

        shop.db.session.rollback()
        assert shop.cart().quantity == 1


def test_requests_do_not_starve_the_pool(database_url: str) -> None:
    """Each request may hold a connection of the app while it uses the cart."""
    threads = 4
    options = {"pool_size": threads, "max_overflow": 0, "pool_timeout": 5}
    all_hold_one = threading.Barrier(threads)

    with open_shop(database_url, options) as shop:

        def visit(number: int) -> None:
            with shop.app.app_context():
                orders_of(shop)
                all_hold_one.wait(30)
                shop.cart(f"user:{number}").add("mug", price=1)
                shop.cart("user:all").add("mug", price=1)
                assert shop.cart(f"user:{number}").quantity == 1
                shop.db.session.rollback()

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(visit, range(threads)))

        assert shop.stored("user:all") == {"mug": threads}


def test_pool_of_one_connection(database_url: str) -> None:
    """One connection is enough for many threads that hold it while using the cart."""
    options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 30}

    with open_shop(database_url, options) as shop:

        def visit(number: int) -> None:
            with shop.app.app_context():
                shop.order(f"order {number}")
                shop.cart().add("mug", price=1)
                shop.db.session.commit()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(visit, range(12)))

        assert shop.stored() == {"mug": 12}
        assert len(shop.orders()) == 12


def test_rollback_inside_a_batch(sqlite_shop: Shop) -> None:
    """A rollback in a batch forgets what was joined, and raises nothing."""
    shop = sqlite_shop
    shop.fill("mug")
    cart = shop.cart()
    shop.order("one")
    cart.add("pot", price=1)

    with cart.batch():
        shop.db.session.rollback()
        cart.add("cup", price=1)

    assert shop.stored() == {"mug": 1, "cup": 1}
