"""Carts in a database that the app uses with another library than Flask-SQLAlchemy."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as orm
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy_lite import SQLAlchemy as SQLAlchemyLite

from flask_cart import CartConfigError
from flask_cart import FlaskCart
from flask_cart import current_cart
from tests.support.shop import sell


@dataclass
class Shop:
    """An app with a table of orders, and carts.

    :param session: Returns the app's session.
    """

    app: Flask
    extension: FlaskCart
    engine: sa.Engine
    session: Callable[[], orm.Session]
    orders: sa.Table

    def cart(self) -> t.Any:
        return self.extension.cart(owner="user:1")

    def order(self) -> None:
        self.session().execute(self.orders.insert().values(token="one"))

    def stored(self) -> int:
        with self.engine.connect() as connection:
            query = sa.select(sa.func.count()).select_from(self.orders)

            return connection.execute(query).scalar_one()


def make_lite(app: Flask, url: str) -> t.Any:
    app.config["SQLALCHEMY_ENGINES"] = {"default": url}

    return SQLAlchemyLite(app)


def make_scoped(app: Flask, url: str) -> t.Any:
    session = orm.scoped_session(orm.sessionmaker(sa.create_engine(url)))
    app.teardown_appcontext(lambda error: session.remove())

    return session


#: How to make what an app uses, and what its engine and session are then.
KINDS: dict[str, tuple[t.Any, t.Any, t.Any]] = {
    "lite": (make_lite, lambda db: db.engine, lambda db: db.session),
    "scoped": (make_scoped, lambda db: db.get_bind(), lambda db: db()),
    "engine": (
        lambda app, url: sa.create_engine(url),
        lambda db: db,
        lambda db: orm.Session(db),
    ),
}


@pytest.fixture(params=KINDS)
def shop(request: pytest.FixtureRequest, database_url: str) -> Iterator[Shop]:
    make, engine_of, session_of = KINDS[request.param]
    metadata = sa.MetaData()
    orders = sa.Table("orders", metadata, sa.Column("token", sa.String(64)))
    app = Flask("shop")
    app.config.update(CART_STORAGE="database", CART_CURRENCY="EUR", SECRET_KEY="test")
    db = make(app, database_url)
    extension = FlaskCart(app, db=db, metadata=metadata)

    with app.app_context():
        engine = engine_of(db)
        metadata.create_all(engine)
        yield Shop(app, extension, engine, lambda: session_of(db), orders)
        engine.dispose()


def test_requests(shop: Shop) -> None:
    """What one request saves another one sees."""

    @shop.app.post("/<item>")
    def add(item: str) -> str:
        current_cart.add(item, price=1)

        return str(len(current_cart))

    client = shop.app.test_client()
    assert [client.post(f"/{item}").text for item in ["mug", "pot"]] == ["1", "2"]


def test_order(shop: Shop) -> None:
    """An order and the cart that it empties are one transaction."""
    cart = shop.cart()
    cart.add("mug", price=1)
    session = shop.session()

    def create(error: Exception | None) -> None:
        session.execute(shop.orders.insert().values(token="one"))

        if error is not None:
            raise error

    with pytest.raises(ZeroDivisionError):
        sell(cart, lambda: create(ZeroDivisionError()), session=session)

    assert (len(shop.cart()), shop.stored()) == (1, 0)
    session.rollback()

    sell(cart, lambda: create(None), session=session)
    assert (len(shop.cart()), shop.stored()) == (0, 1)
    session.close()


@pytest.mark.parametrize("shop", ["lite", "scoped"], indirect=True)
def test_session_that_has_written(shop: Shop) -> None:
    """Where SQLite has one writer, the cart joins the app's; elsewhere it does not."""
    shop.order()
    shop.cart().add("mug", price=1)
    assert len(shop.cart()) == 1
    shop.session().rollback()

    assert len(shop.cart()) == (0 if shop.engine.name == "sqlite" else 1)
    assert shop.stored() == 0


@pytest.mark.parametrize("shop", ["lite", "scoped"], indirect=True)
def test_session_that_has_read(shop: Shop) -> None:
    """Who has only read is not joined."""
    shop.session().execute(sa.select(shop.orders)).all()
    shop.cart().add("mug", price=1)
    shop.session().rollback()

    assert len(shop.cart()) == 1


def test_init_db(shop: Shop) -> None:
    """The command finds the table of the metadata."""
    result = shop.app.test_cli_runner().invoke(args=["cart", "init-db"])

    assert result.output == "The table 'carts' exists already.\n"


@pytest.mark.parametrize("kind", KINDS)
def test_without_metadata(sqlite_url: str, kind: str) -> None:
    """Who gives no metadata creates the table with the command."""
    make, engine_of, _ = KINDS[kind]
    app = Flask("shop")
    app.config.update(CART_STORAGE="database", CART_CURRENCY="EUR")
    db = make(app, sqlite_url)
    extension = FlaskCart(app, db=db)

    result = app.test_cli_runner().invoke(args=["cart", "init-db"])
    assert result.output == "Created the table 'carts'.\n"

    with app.app_context():
        assert extension.cart(owner="user:1").add("mug", price=1)
        engine_of(db).dispose()


def test_registered_extension(sqlite_url: str) -> None:
    """Flask-SQLAlchemy-Lite is found where it is registered, too."""
    app = Flask("shop")
    app.config.update(
        CART_STORAGE="database", SQLALCHEMY_ENGINES={"default": sqlite_url}
    )
    db = SQLAlchemyLite(app)
    extension = FlaskCart(app)

    with app.app_context():
        assert extension.storage.create_table()
        db.engine.dispose()


def test_bind_of_lite(sqlite_url: str, tmp_path: t.Any) -> None:
    """Carts may be in another engine than the default one."""
    app = Flask("shop")
    app.config.update(
        CART_STORAGE="database",
        CART_DATABASE_BIND_KEY="carts",
        SQLALCHEMY_ENGINES={
            "default": sqlite_url,
            "carts": f"sqlite:///{tmp_path / 'own.sqlite3'}",
        },
    )
    db = SQLAlchemyLite(app)
    extension = FlaskCart(app)

    with app.app_context():
        assert extension.storage.create_table()
        names = {
            key: sa.inspect(db.engines[key]).get_table_names() for key in db.engines
        }
        assert names == {"default": [], "carts": ["carts"]}

        for engine in db.engines.values():
            engine.dispose()


@pytest.mark.parametrize(
    ("db", "options", "message"),
    [
        (sa.create_engine("sqlite://"), {"CART_DATABASE_BIND_KEY": "a"}, "BIND_KEY"),
        (
            orm.scoped_session(orm.sessionmaker()),
            {"CART_DATABASE_BIND_KEY": "a"},
            "KEY",
        ),
        ("sqlite://", {}, "an engine or a scoped_session, not 'sqlite://'"),
        (orm.sessionmaker(), {}, "an engine or a scoped_session"),
        (orm.Session(), {}, "an engine or a scoped_session"),
    ],
)
def test_what_cannot_be_used(db: t.Any, options: t.Any, message: str) -> None:
    """Anything else is refused at startup."""
    app = Flask("shop")
    app.config.update(CART_STORAGE="database", **options)

    with pytest.raises(CartConfigError, match=message):
        FlaskCart(app, db=db)


def test_metadata_of_flask_sqlalchemy(sqlite_url: str) -> None:
    """Flask-SQLAlchemy has metadata, where migrations look for the table."""
    app = Flask("shop")
    app.config.update(CART_STORAGE="database", SQLALCHEMY_DATABASE_URI=sqlite_url)

    with pytest.raises(CartConfigError, match="metadata of its own"):
        FlaskCart(app, db=SQLAlchemy(app), metadata=sa.MetaData())
