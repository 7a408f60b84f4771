"""What an app has told SQLAlchemy to do, on the connections of the carts as well."""

from __future__ import annotations

import logging
import sqlite3
import sys
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from flask_cart import CartConfigError
from flask_cart.model.keys import CartKey
from flask_cart.testing.carts import save_carts
from tests.support.shop import sell
from tests.support.shops import Shop
from tests.support.shops import heard
from tests.support.shops import open_shop


@contextmanager
def listening(target: t.Any, **listeners: Callable[..., t.Any]) -> Iterator[None]:
    """Listen to events in this block."""
    for name, listener in listeners.items():
        sa.event.listen(target, name, listener)

    try:
        yield
    finally:
        for name, listener in listeners.items():
            sa.event.remove(target, name, listener)


def let_sqlalchemy_begin(connection: t.Any, record: object) -> None:
    connection.isolation_level = None


def begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def begin_exclusive(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN EXCLUSIVE")


def note_nothing(connection: sa.Connection) -> None:
    pass


def set_pragmas(connection: t.Any, record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()


def set_pragmas_and_begin(connection: t.Any, record: object) -> None:
    set_pragmas(connection, record)
    connection.isolation_level = None


#: What SQLAlchemy's documentation recommends for SQLite, and others beside it.
RECIPES: dict[str, dict[str, Callable[..., t.Any]]] = {
    "begin": {"connect": let_sqlalchemy_begin, "begin": begin},
    "immediate": {"connect": let_sqlalchemy_begin, "begin": begin_immediate},
    "exclusive": {"connect": let_sqlalchemy_begin, "begin": begin_exclusive},
    "pragmas": {"connect": set_pragmas},
    "all": {"connect": set_pragmas_and_begin, "begin": begin_immediate},
    "autocommit": {"connect": let_sqlalchemy_begin},
    "ends": {"commit": note_nothing, "rollback": note_nothing},
}


@contextmanager
def on_class(url: str, options: dict[str, t.Any], **recipe: t.Any) -> Iterator[Shop]:
    with (
        listening(sa.Engine, **recipe),
        open_shop(url, options) as shop,
        shop.app.app_context(),
    ):
        yield shop


@contextmanager
def on_engine(url: str, options: dict[str, t.Any], **recipe: t.Any) -> Iterator[Shop]:
    with open_shop(url, options) as shop, shop.app.app_context():
        engine = shop.db.engine

        with listening(engine, **recipe):
            # Those that are open were not prepared.
            engine.dispose()
            yield shop


@pytest.fixture(params=[on_class, on_engine], ids=["class", "engine"])
def listen(request: pytest.FixtureRequest) -> t.Any:
    """Opens a shop that listens to all engines, or only to its own."""
    return request.param


@pytest.fixture(params=RECIPES)
def shop(
    request: pytest.FixtureRequest, sqlite_url: str, listen: t.Any
) -> Iterator[Shop]:
    """A shop that tells SQLite's driver or SQLAlchemy what to do."""
    with listen(sqlite_url, {}, **RECIPES[request.param]) as shop:
        yield shop


def test_saved(shop: Shop) -> None:
    """A change is saved when the method returns, and is in nobody's way."""
    cart = shop.cart()
    cart.add("mug", price=1)
    assert shop.stored() == {"mug": 1}

    cart.add("pot", price=1)
    assert len(shop.cart()) == 2

    cart.move(cart.lines[0].id, to="wishlist")
    shop.order("mine")
    shop.db.session.commit()
    shop.touch()
    cart.add("cup", price=1)
    assert shop.stored() == {"pot": 1, "cup": 1}
    assert shop.orders() == ["mine"]


def test_saved_where_the_app_has_read(shop: Shop) -> None:
    """That the user was looked up before does not keep the cart from being saved at
    once, and a rollback does not undo it."""
    shop.db.session.execute(sa.select(shop.order_table)).all()

    with heard(shop.app) as names:
        cart = shop.cart()
        assert len(cart) == 0
        cart.add("mug", price=1)
        assert names == ["cart_created", "item_added", "cart_updated"]

    shop.db.session.rollback()
    assert shop.stored() == {"mug": 1}

    # Also where a rival was faster, and with the lock.
    shop.db.session.execute(sa.select(shop.order_table)).all()
    shop.db.session.commit()
    cart = shop.cart()
    assert cart.quantity == 1
    shop.touch()
    shop.db.session.execute(sa.select(shop.order_table)).all()
    cart.add("mug", price=1)

    with shop.storage.lock("user:1"):
        cart.add("pot", price=1)

    shop.db.session.rollback()
    assert shop.stored() == {"mug": 2, "pot": 1}


@pytest.mark.parametrize("shop", sorted(RECIPES.keys() - {"autocommit"}), indirect=True)
def test_app_goes_on(shop: Shop) -> None:
    """The transaction that the app has only read in goes on as it was: what comes
    after the cart's change is committed, or rolled back."""
    session = shop.db.session
    session.execute(sa.select(shop.order_table)).all()
    shop.cart().add("mug", price=1)
    shop.order("one")
    session.commit()
    assert shop.orders() == ["one"]

    session.execute(sa.select(shop.order_table)).all()
    shop.cart().add("mug", price=1)
    shop.order("two")
    session.rollback()
    assert shop.orders() == ["one"]
    assert shop.stored() == {"mug": 2}

    with session.begin(), session.begin_nested():
        shop.order("three")

    assert shop.orders() == ["one", "three"]


@pytest.mark.parametrize(
    "recipe", ["begin", "immediate", "exclusive", "all", "pragmas"]
)
def test_written(sqlite_url: str, listen: t.Any, recipe: str) -> None:
    """Where the app has written, the cart's change is committed and rolled back with
    that, as it is without a recipe."""
    with listen(sqlite_url, {}, **RECIPES[recipe]) as shop:
        shop.fill("mug")
        shop.order("one")
        cart = shop.cart()
        cart.add("pot", price=1)
        assert shop.cart().quantity == 2

        shop.db.session.rollback()
        assert shop.stored() == {"mug": 1}

        shop.order("two")
        shop.cart().add("cup", price=1)
        shop.db.session.commit()
        assert shop.stored() == {"mug": 1, "cup": 1}
        assert shop.orders() == ["two"]


def test_order(shop: Shop) -> None:
    """An order says what it joins, and commits it."""
    shop.fill("mug")
    sell(shop.cart(), lambda: shop.order("one"), session=shop.db.session)

    assert shop.orders() == ["one"]
    assert shop.stored() == {}


def test_lost(shop: Shop) -> None:
    """Several carts are saved or not, all of them."""
    storage = shop.storage
    first = save_carts(storage, "user:1", {"a": (0, "1"), "c": (0, "1")})
    assert first is not None
    assert (
        save_carts(storage, "user:1", {"a": (first["a"], "2"), "c": (7, "2")}) is None
    )
    assert (
        save_carts(storage, "user:1", {"a": (first["a"], "2"), "c": (0, "2")}) is None
    )

    def change_and_fail() -> None:
        with storage.lock("user:1"):
            save_carts(storage, "user:1", {"a": (first["a"], "2")})
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        change_and_fail()

    found = [storage.load(CartKey("user:1", name)) for name in "ac"]
    assert [each.data for each in found if each] == ["1", "1"]


def test_savepoint_of_the_app(sqlite_url: str, listen: t.Any) -> None:
    """A savepoint that the app is in does not end before its time: what is changed
    there is committed and undone with it."""
    with listen(sqlite_url, {}, **RECIPES["begin"]) as shop:
        with shop.db.session.begin_nested():
            shop.cart().add("mug", price=1)

        assert shop.stored() is None
        shop.db.session.commit()
        assert shop.stored() == {"mug": 1}


def test_transaction_that_nobody_has_noted(sqlite_url: str, listen: t.Any) -> None:
    """Who begins to write before the first use of a cart, outside of a request, is told
    if it cannot be known what that has done; from the next transaction on it is."""
    with listen(sqlite_url, {}, **RECIPES["begin"]) as shop:
        shop.order("one")
        shop.db.session.commit()
        shop.db.session.execute(sa.select(shop.order_table)).all()

        with pytest.raises(CartConfigError, match="End it before"):
            shop.cart().add("mug", price=1)

        shop.db.session.commit()
        shop.db.session.execute(sa.select(shop.order_table)).all()
        shop.cart().add("mug", price=1)
        assert shop.stored() == {"mug": 1}


def test_first_request(sqlite_url: str, listen: t.Any) -> None:
    """In a request it is noted from the beginning."""
    with listen(sqlite_url, {}, **RECIPES["begin"]) as shop:

        @shop.app.post("/")
        def add() -> str:
            shop.db.session.execute(sa.select(shop.order_table)).all()
            shop.cart().add("mug", price=1)

            return ""

        shop.order("one")
        shop.db.session.commit()
        shop.db.session.remove()
        assert shop.app.test_client().post("/").status_code == 200
        assert shop.stored() == {"mug": 1}


class Explicit(sqlite3.Connection):
    """What ``autocommit=False`` of Python 3.12 does, for older ones."""

    def __init__(self, *args: t.Any, **options: t.Any) -> None:
        super().__init__(*args, **options)
        self.isolation_level = None
        self.mode: t.Any = False
        self.execute("BEGIN")

    @property
    def autocommit(self) -> t.Any:
        return self.mode

    @autocommit.setter
    def autocommit(self, mode: t.Any) -> None:
        if mode is True:
            super().commit()

        self.mode = mode

    def commit(self) -> None:
        super().commit()
        self._begin()

    def rollback(self) -> None:
        super().rollback()
        self._begin()

    def _begin(self) -> None:
        if self.mode is False:
            self.execute("BEGIN")


DRIVERS: dict[str, dict[str, t.Any]] = {"explicit": {"factory": Explicit}}

if sys.version_info >= (3, 12):
    DRIVERS |= {"off": {"autocommit": False}, "on": {"autocommit": True}}


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("recipe", [{}, {"begin": note_nothing}], ids=["no", "noted"])
def test_autocommit_of_the_driver(
    sqlite_url: str, driver: str, recipe: dict[str, t.Any]
) -> None:
    """The attribute of Python 3.12 may say what it likes."""
    options = {"connect_args": DRIVERS[driver]}

    with on_class(sqlite_url, options, **recipe) as shop:
        shop.db.session.execute(sa.select(shop.order_table)).all()
        cart = shop.cart()
        cart.add("mug", price=1)
        assert shop.stored() == {"mug": 1}

        shop.db.session.rollback()
        cart.add("pot", price=1)
        cart.move(cart.lines[0].id, to="wishlist")
        assert shop.stored() == {"pot": 1}

        shop.order("one")
        shop.db.session.commit()
        assert shop.orders() == ["one"]
        test_lost(shop)


def test_memory(listen: t.Any) -> None:
    """On the one connection of a database in memory it is the same."""
    with listen("sqlite://", {}, **RECIPES["begin"]) as shop:
        shop.db.create_all()
        shop.db.session.execute(sa.select(shop.order_table)).all()
        cart = shop.cart()
        cart.add("mug", price=1)
        shop.db.session.rollback()
        assert shop.cart().quantity == 1

        shop.order("one")
        cart.add("pot", price=1)
        shop.db.session.rollback()
        assert shop.cart().quantity == 1


def test_statements_are_heard_of(database_url: str) -> None:
    """Who listens to the app's engine hears of the carts' statements, once each, also
    who comes later."""
    words: list[str] = []

    def note(connection: t.Any, cursor: t.Any, statement: str, *args: t.Any) -> None:
        words.append(statement.split()[0])

    with open_shop(database_url) as shop, shop.app.app_context():
        shop.fill("mug")

        with listening(shop.db.engine, before_cursor_execute=note):
            shop.fill("mug")
            assert words == ["SELECT", "UPDATE"]

        with listening(sa.Engine, before_cursor_execute=note):
            shop.fill("mug")
            assert words == ["SELECT", "UPDATE"] * 2

        shop.fill("mug")
        assert words == ["SELECT", "UPDATE"] * 2


def test_statements_can_be_changed(database_url: str) -> None:
    """A listener that adds a comment to each statement adds it to the carts', too."""
    seen: list[str] = []

    def comment(
        connection: t.Any,
        cursor: t.Any,
        statement: str,
        parameters: t.Any,
        *args: t.Any,
    ) -> tuple[str, t.Any]:
        return f"{statement} /* shop */", parameters

    def note(connection: t.Any, cursor: t.Any, statement: str, *args: t.Any) -> None:
        seen.append(statement)

    with open_shop(database_url) as shop, shop.app.app_context():
        engine = shop.db.engine
        sa.event.listen(engine, "before_cursor_execute", comment, retval=True)
        sa.event.listen(engine, "after_cursor_execute", note)
        shop.fill("mug")

    assert [each[-10:] for each in seen] == ["/* shop */"] * 2


@pytest.mark.parametrize(
    "name", ["connect", "checkout", "checkin", "engine_connect", "begin", "commit"]
)
def test_each_is_run(database_url: str, name: str) -> None:
    """Whatever the app listens to, once for each connection of the carts."""
    told: list[t.Any] = []

    def note(*args: t.Any) -> None:
        told.append(args[0])

    with open_shop(database_url) as shop, shop.app.app_context():
        sa.event.listen(shop.db.engine, name, note)
        shop.fill("mug")
        assert told
        told.clear()
        shop.fill("mug")
        # One that reads and one that writes, of one connection.
        assert len(told) == (0 if name == "connect" else 2)


def test_errors_are_heard_of(database_url: str) -> None:
    """So does who listens to errors."""
    told: list[t.Any] = []

    with open_shop(database_url) as shop, shop.app.app_context():
        sa.event.listen(shop.db.engine, "handle_error", told.append)
        shop.fill("mug")
        assert save_carts(shop.storage, "user:1", {"default": (0, "{}")}) is None

    assert len(told) == 1


def test_tenant(postgresql_url: str) -> None:
    """A database that shows an app only the rows of a tenant, which it is told for each
    transaction, shows it the tenant's carts."""
    tenant = "blue"

    def tell(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL app.tenant = '{tenant}'")

    with open_shop(postgresql_url) as shop, shop.app.app_context():
        with shop.outside() as connection:
            for statement in [
                "ALTER TABLE carts ADD tenant text"
                " DEFAULT current_setting('app.tenant', true)",
                "ALTER TABLE carts DROP CONSTRAINT carts_pkey",
                "ALTER TABLE carts ADD PRIMARY KEY (owner, instance, tenant)",
                "ALTER TABLE carts ENABLE ROW LEVEL SECURITY",
                "CREATE POLICY mine ON carts"
                " USING (tenant = current_setting('app.tenant'))",
                "DROP ROLE IF EXISTS clerk",
                "CREATE ROLE clerk",
                "GRANT ALL ON carts TO clerk",
            ]:
                connection.exec_driver_sql(statement)

        def become(connection: t.Any, record: object) -> None:
            connection.execute("SET ROLE clerk")
            connection.commit()

        sa.event.listen(shop.db.engine, "connect", become)
        sa.event.listen(shop.db.engine, "begin", tell)
        shop.fill("mug")
        tenant = "red"
        assert not shop.cart()
        shop.fill("pot")
        shop.fill("pot")
        cart = shop.cart()
        cart.move(cart.lines[0].id, to="wishlist")
        tenant = "blue"
        assert [line.item_id for line in shop.cart()] == ["mug"]


@pytest.mark.parametrize("options", [{}, {"isolation_level": "AUTOCOMMIT"}])
def test_several(database_url: str, options: dict[str, str]) -> None:
    """Several carts are one transaction where the app listens to those, also if the
    app itself has none."""
    with open_shop(database_url, options) as shop, shop.app.app_context():
        sa.event.listen(shop.db.engine, "begin", note_nothing)
        test_lost(shop)


def test_echo(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Who wants to see the statements sees those of the carts, but nobody's token."""
    with (
        caplog.at_level(logging.INFO, "sqlalchemy.engine"),
        open_shop(database_url, {"echo": True}) as shop,
    ):
        caplog.clear()
        shop.fill("mug", owner="guest:secret")

    logging.getLogger("sqlalchemy.engine.Engine").handlers.clear()
    assert "INSERT INTO carts" in caplog.text
    assert "secret" not in caplog.text
