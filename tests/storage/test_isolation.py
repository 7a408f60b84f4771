"""Carts in a test of an app that rolls back what its database was told."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as orm
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy_lite import SQLAlchemy as SQLAlchemyLite

from flask_cart import FlaskCart
from flask_cart import current_cart
from flask_cart.testing.carts import save_carts
from tests.support.shop import sell


class Orders(orm.DeclarativeBase):
    """The app's tables."""


class Order(Orders):
    __tablename__ = "orders"

    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    token: orm.Mapped[str] = orm.mapped_column(sa.String(80))


class Shop(t.NamedTuple):
    """An app, and what makes a test of it leave nothing behind."""

    app: Flask
    db: t.Any
    extension: FlaskCart
    isolate: Callable[[], t.Any]


def flask_sqlalchemy(app: Flask, url: str, **options: t.Any) -> t.Any:
    app.config["SQLALCHEMY_DATABASE_URI"] = url

    return SQLAlchemy(app, model_class=Orders, session_options=options)


@contextmanager
def with_a_connection(app: Flask, db: t.Any) -> Iterator[None]:
    """As it is recommended for Flask-SQLAlchemy."""
    with app.app_context():
        engines = db.engines

    replaced = []

    for key, engine in engines.items():
        connection = engine.connect()
        transaction = connection.begin()
        engines[key] = connection
        replaced.append((key, engine, connection, transaction))

    yield

    for key, engine, connection, transaction in replaced:
        transaction.rollback()
        connection.close()
        engines[key] = engine


def lite(app: Flask, url: str) -> t.Any:
    app.config["SQLALCHEMY_ENGINES"] = {"default": url}

    return SQLAlchemyLite(app)


KINDS: dict[
    str, Callable[[Flask, str], tuple[t.Any, Callable[[Flask, t.Any], t.Any]]]
] = {
    "connection": lambda app, url: (flask_sqlalchemy(app, url), with_a_connection),
    "savepoints": lambda app, url: (
        flask_sqlalchemy(app, url, join_transaction_mode="create_savepoint"),
        with_a_connection,
    ),
    "lite": lambda app, url: (lite(app, url), lambda app, db: db.test_isolation()),
}


# With SQLAlchemy 2.1, test_isolation() of Flask-SQLAlchemy-Lite 0.2.1 does not survive
# a second request, with carts or without. With the lowest versions it is tested.
if sa.__version__ >= "2.1":
    KINDS.pop("lite")

SAVEPOINTS = sorted(KINDS.keys() - {"connection"})


@pytest.fixture(params=KINDS)
def shop(request: pytest.FixtureRequest, database_url: str) -> Iterator[Shop]:
    app = Flask("shop")
    app.config.update(CART_STORAGE="database", CART_CURRENCY="EUR", SECRET_KEY="test")
    app.testing = True
    db, isolate = KINDS[request.param](app, database_url)
    metadata = Orders.metadata if request.param == "lite" else None
    extension = FlaskCart(app, db=db, metadata=metadata)
    extension.owner_loader(lambda: who(db))

    @app.post("/<item>")
    def add(item: str) -> str:
        current_cart.add(item, price=1)

        return ""

    @app.post("/<item>/rolled-back")
    def add_and_roll_back(item: str) -> str:
        db.session.add(Order(token=item))
        db.session.flush()
        current_cart.add(item, price=1)
        db.session.rollback()

        return ""

    @app.post("/order")
    def order() -> str:
        sell(
            current_cart,
            lambda: db.session.add(Order(token="one")),
            session=db.session,
        )

        return ""

    @app.get("/")
    def show() -> dict[str, t.Any]:
        return {
            "items": sorted(line.item_id for line in current_cart),
            "orders": sorted(db.session.scalars(sa.select(Order.token))),
        }

    with app.app_context():
        if database_url.startswith("sqlite"):
            begin_as_recommended(db.engine)

        extension.storage.create_table()
        Orders.metadata.create_all(db.engine)

    yield Shop(app, db, extension, lambda: isolate(app, db))

    with app.app_context():
        db.engine.dispose()

    Orders.metadata.remove(Orders.metadata.tables["carts"])


def who(db: t.Any) -> str:
    """Looks the user up, as most requests do first."""
    db.session.scalars(sa.select(Order.token)).all()

    return "user:1"


def begin_as_recommended(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def connect(connection: t.Any, record: object) -> None:
        connection.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")


def stored(shop: Shop) -> tuple[int, int]:
    with shop.app.app_context(), shop.db.engine.connect() as connection:
        return tuple(
            connection.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one()
            for name in ["carts", "orders"]
        )


def test_carts_take_part(shop: Shop) -> None:
    """A request sees what the one before it saved, and the test undoes it."""
    for _ in range(2):
        with shop.isolate():
            client = shop.app.test_client()
            assert client.get("/").json["items"] == []
            assert client.post("/mug").status_code == 200
            assert client.get("/").json["items"] == ["mug"]
            assert client.post("/pot").status_code == 200
            assert client.get("/").json["items"] == ["mug", "pot"]

        assert stored(shop) == (0, 0)


def test_order(shop: Shop) -> None:
    """A checkout is committed, as far as that goes, and undone with the test."""
    with shop.isolate():
        client = shop.app.test_client()
        client.post("/mug")
        assert client.post("/order").status_code == 200
        assert client.get("/").json == {"items": [], "orders": ["one"]}

    assert stored(shop) == (0, 0)


@pytest.mark.parametrize("shop", SAVEPOINTS, indirect=True)
def test_rollback_of_the_app(shop: Shop) -> None:
    """Where the app's rollback is one to a savepoint, the cart is saved all the same,
    as it is in production."""
    with shop.isolate():
        client = shop.app.test_client()
        client.post("/mug")
        assert client.post("/pot/rolled-back").status_code == 200
        assert client.get("/").json == {"items": ["mug", "pot"], "orders": []}

        with shop.app.app_context():
            cart = shop.extension.cart(owner="user:1")
            cart.move(cart.lines[0].id, to="wishlist")
            cart.add("cup", price=1)
            shop.db.session.execute(sa.select(Order)).all()
            cart.destroy()
            shop.db.session.rollback()
            wishlist = shop.extension.cart(owner="user:1", instance="wishlist")
            assert [line.item_id for line in wishlist] == ["mug"]

        assert client.get("/").json["items"] == []

    assert stored(shop) == (0, 0)


@contextmanager
def plain_app(url: str) -> Iterator[tuple[t.Any, FlaskCart]]:
    """The database and the extension of an app, in its context."""
    app = Flask("shop")
    app.config["CART_STORAGE"] = "database"
    db = flask_sqlalchemy(app, url)
    extension = FlaskCart(app, db=db)

    with app.app_context():
        engine = db.engine
        db.create_all()

        yield db, extension

        db.session.remove()
        engine.dispose()

    Orders.metadata.remove(Orders.metadata.tables["carts"])


def test_rollback_of_the_test(sqlite_url: str) -> None:
    """Where the app's rollback is that of the test itself, nothing comes after it."""
    with plain_app(sqlite_url) as (db, extension):
        engine = db.engine

        with engine.connect() as connection:
            connection.begin()
            db.engines[None] = connection
            db.session.add(Order(token="one"))
            db.session.flush()
            extension.cart(owner="user:1").add("mug", price=1)
            assert extension.cart(owner="user:1").quantity == 1
            db.session.rollback()
            assert not connection.in_transaction()

        db.engines[None] = engine
        assert len(extension.cart(owner="user:1")) == 0
        assert db.session.scalars(sa.select(Order)).all() == []


def test_rivals(shop: Shop) -> None:
    """A save that is lost fails nothing of the test's transaction."""
    with shop.isolate(), shop.app.app_context():
        storage = shop.extension.storage
        first = save_carts(storage, "user:1", {"a": (0, "1")})
        assert first is not None
        assert save_carts(storage, "user:1", {"a": (0, "2")}) is None
        assert (
            save_carts(storage, "user:1", {"a": (first["a"], "2"), "b": (7, "2")})
            is None
        )

        with storage.lock("user:1"):
            assert save_carts(
                storage, "user:1", {"a": (first["a"], "2"), "b": (0, "2")}
            )

        assert storage.instances("user:1") == ["a", "b"]
        assert not storage.create_table()

    assert stored(shop) == (0, 0)


def test_connection_without_transaction(sqlite_url: str) -> None:
    """A connection that nobody has begun a transaction on is one to commit on."""
    with plain_app(sqlite_url) as (db, extension):
        engine = db.engine

        with engine.connect() as connection:
            db.engines[None] = connection
            extension.cart(owner="user:1").add("mug", price=1)
            assert extension.cart(owner="user:1").quantity == 1

        db.engines[None] = engine
        assert extension.cart(owner="user:1").quantity == 1
