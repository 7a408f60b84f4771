"""A shop with orders and carts in one database, for the tests of both together."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_cart import Cart
from flask_cart import FlaskCart
from flask_cart import signals
from flask_cart.model.document import decode
from flask_cart.storage.sql.database import DatabaseStorage


@dataclass(frozen=True)
class Shop:
    """An app with carts in a database, and orders beside them."""

    app: Flask
    db: SQLAlchemy
    extension: FlaskCart
    order_table: sa.Table
    url: str

    @property
    def storage(self) -> DatabaseStorage:
        storage: DatabaseStorage = self.app.extensions["cart"].storage

        return storage

    @property
    def name(self) -> str:
        """The name of the database's kind: sqlite, postgresql or mysql."""
        return sa.make_url(self.url).get_backend_name()

    def cart(self, owner: str = "user:1") -> Cart:
        """A cart as a new reader has it; it needs an app context."""
        return self.extension.cart(owner=owner)

    def fill(self, *items: str, owner: str = "user:1") -> None:
        """Add items to a cart, as another request would."""
        with self.app.app_context(), self.cart(owner).batch() as cart:
            for item in items:
                cart.add(item, price=1)

    def order(self, token: str) -> None:
        """Write an order with the session, without committing it."""
        self.db.session.execute(self.order_table.insert().values(token=token))

    @contextmanager
    def outside(self) -> Iterator[sa.Connection]:
        """A connection that the app knows nothing of, in a transaction."""
        # On SQLite, what is locked is refused at once.
        connect_args = {"timeout": 0} if self.name == "sqlite" else {}
        engine = sa.create_engine(
            self.url, poolclass=sa.NullPool, connect_args=connect_args
        )

        with engine.begin() as connection:
            yield connection

    def stored(self, owner: str = "user:1") -> dict[str, int] | None:
        """The quantities of what is committed, by item; ``None`` without a cart."""
        table = self.storage.table
        query = sa.select(table.c.data).where(table.c.owner == owner)

        with self.outside() as connection:
            data = connection.execute(query).scalar()

        if data is None:
            return None

        return {line.item_id: line.quantity for line in decode(data).lines}

    def orders(self) -> list[str]:
        """The tokens of the orders that are committed."""
        query = sa.select(self.order_table.c.token).order_by(self.order_table.c.token)

        with self.outside() as connection:
            return list(connection.execute(query).scalars())

    def touch(self, owner: str = "user:1") -> None:
        """Save the cart as a rival would, so that its version is another one."""
        with self.outside() as connection:
            connection.execute(touched(self.storage.table, owner))


def touched(table: sa.Table, owner: str = "user:1") -> sa.Update:
    """The statement of a rival who saves the cart as it is."""
    return (
        table.update().where(table.c.owner == owner).values(version=table.c.version + 1)
    )


@contextmanager
def open_shop(
    url: str,
    engine_options: dict[str, t.Any] | None = None,
    has_tables: bool = False,
    **config: t.Any,
) -> Iterator[Shop]:
    """A shop with its tables, whose connections are closed at the end.

    :param engine_options: Options of the app's engine.
    :param has_tables: Whether the tables are there already.
    :param config: Configuration of the app.
    """
    db = SQLAlchemy()
    order_table = db.Table(
        "orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("token", sa.String(64), nullable=False, unique=True),
    )
    app = Flask("shop")
    app.config.from_mapping(
        {
            "SECRET_KEY": "test",
            "SQLALCHEMY_DATABASE_URI": url,
            "SQLALCHEMY_ENGINE_OPTIONS": engine_options or {},
            "CART_STORAGE": "database",
            "CART_CURRENCY": "EUR",
            "CART_RETRY_BASE_DELAY": 0.001,
        }
        | config
    )
    db.init_app(app)
    extension = FlaskCart(app, db=db)

    if not has_tables:
        with app.app_context():
            db.create_all()

    try:
        yield Shop(app, db, extension, order_table, url)
    finally:
        with app.app_context():
            db.session.remove()

            for engine in db.engines.values():
                engine.dispose()


@contextmanager
def heard(app: Flask) -> Iterator[list[str]]:
    """The names of the signals that an app sends in this block."""
    names: list[str] = []

    def note(app: Flask, event: t.Any, **extra: t.Any) -> None:
        names.append(event.name)

    sent = [signals.ALL[name] for name in signals.names() - {"before_change"}]

    for signal in sent:
        signal.connect(note, app)

    try:
        yield names
    finally:
        for signal in sent:
            signal.disconnect(note, app)


@contextmanager
def contention() -> Iterator[list[t.Any]]:
    """The errors that databases answer with in this block."""
    errors: list[t.Any] = []

    def note(context: sa.engine.ExceptionContext) -> None:
        errors.append(context.original_exception)

    sa.event.listen(sa.Engine, "handle_error", note)

    try:
        yield errors
    finally:
        sa.event.remove(sa.Engine, "handle_error", note)


def code_of(error: t.Any) -> t.Any:
    """What the database calls an error: a number, or a SQLSTATE."""
    if error.args and isinstance(error.args[0], int):
        return error.args[0]

    return getattr(error, "sqlstate", None) or error.sqlite_errorname


@contextmanager
def counted() -> Iterator[list[str]]:
    """The first words of the statements that any engine executes in this block."""
    words: list[str] = []

    def note(connection: t.Any, cursor: t.Any, statement: str, *args: t.Any) -> None:
        words.append(statement.split()[0])

    sa.event.listen(sa.Engine, "before_cursor_execute", note)

    try:
        yield words
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
