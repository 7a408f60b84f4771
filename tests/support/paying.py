"""Processes that hear of the same payment at once."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from multiprocessing.connection import Connection

import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_cart import Cart
from flask_cart import CartError
from flask_cart import FlaskCart
from flask_cart import OrderDraft
from flask_cart.carts.notes import notes_in
from flask_cart.signals import cart_checked_out
from tests.support.customers import Config
from tests.support.customers import shop

#: How many of the one item there are before anything is sold.
STOCK = 10_000

#: How often a provider calls again when it was not answered with success.
CALLS = 20

_metadata = sa.MetaData()

_orders = sa.Table(
    "paid_orders",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("token", sa.String(64), unique=True),
    sa.Column("owner", sa.String(255)),
    sa.Column("quantity", sa.Integer),
)
_stock = sa.Table("paid_stock", _metadata, sa.Column("left", sa.Integer))


class Told(t.NamedTuple):
    """What became of a call.

    :param order_id: The order that was made or found; ``None`` for a login.
    :param told: How often this process told that something was sold.
    :param failures: What the calls before it were answered with.
    """

    order_id: int | None
    told: int
    failures: list[str]


class PayingShop:
    """A shop with orders, stock of one item, and carts anywhere."""

    def __init__(self, app: Flask, extension: FlaskCart) -> None:
        self.app = app
        self.extension = extension
        self.db: SQLAlchemy = app.extensions["sqlalchemy"]
        self.told = 0
        cart_checked_out.connect(self._hear, app)

    def _hear(self, app: Flask, **extra: t.Any) -> None:
        self.told += 1

    def create_tables(self) -> None:
        """Begin with nothing sold."""
        with self.app.app_context():
            _metadata.drop_all(self.db.engine)
            _metadata.create_all(self.db.engine)
            self.db.create_all()

            with self.db.engine.begin() as connection:
                connection.execute(_stock.insert().values(left=STOCK))

    def cart(self, owner: str) -> Cart:
        """Anybody's cart."""
        return self.extension.cart(owner=owner)

    def begin(self, owner: str, quantity: int) -> str:
        """Fill a cart and begin an order of it; its token."""
        with self.app.app_context():
            cart = self.cart(owner)
            cart.add("mug", quantity, price="12.50")

            return cart.begin_order().order_token

    def create(self, draft: OrderDraft) -> int:
        """Make an order, as a shop would, and take its stock."""
        session = self.db.session
        made = session.execute(
            _orders.insert().values(
                token=draft.order_token,
                owner=draft.owner,
                quantity=sum(line.quantity for line in draft),
            )
        )
        quantity = sum(line.quantity for line in draft)
        session.execute(_stock.update().values(left=_stock.c.left - quantity))

        return int(t.cast(t.Any, made).inserted_primary_key[0])

    def find(self, token: str) -> int | None:
        """The order of a token."""
        query = sa.select(_orders.c.id).where(_orders.c.token == token)

        return t.cast("int | None", self.db.session.scalar(query))

    def notify(self, token: str) -> int:
        """What the provider calls."""
        return self.extension.place_order(
            self.create,
            self.find,
            token=token,
            session=self.db.session,
            expected_total="25.00",
        )

    def come_back(self, token: str, owner: str) -> int:
        """What the shopper sees after the payment."""
        return self.cart(owner).place_order(
            self.create, self.find, token=token, session=self.db.session
        )

    def log_in(self, guest: str, owner: str) -> None:
        """Merge the guest's cart into the user's."""
        self.cart(owner).merge(self.cart(guest))

    def insistently(self, act: str, *arguments: str) -> Told:
        """Do something until it succeeds, as a provider does."""
        failures: list[str] = []
        before = self.told

        for _ in range(CALLS):
            try:
                with self.app.app_context():
                    result = getattr(self, act)(*arguments)
            except (CartError, sa.exc.SQLAlchemyError) as error:
                failures.append(repr(error))
            else:
                return Told(result, self.told - before, failures)

        raise AssertionError(failures)

    def sold(self) -> tuple[list[tuple[str, int]], int]:
        """The tokens and quantities of all orders, and what is left of the stock."""
        with self.app.app_context():
            orders = self.db.session.execute(
                sa.select(_orders.c.token, _orders.c.quantity)
            )
            left = self.db.session.scalar(sa.select(_stock.c.left))

            return [(each.token, each.quantity) for each in orders], left or 0

    def items(self, owner: str) -> dict[str, int]:
        """What is in a cart."""
        with self.app.app_context():
            return {line.item_id: line.quantity for line in self.cart(owner)}

    def is_noted(self, token: str) -> bool:
        """Whether anything is kept of an order that was begun."""
        with self.app.app_context():
            repository = self.cart("user:1")._services.repository

            return notes_in(repository).find(token) is not None


@contextmanager
def paying_shop(config: Config) -> Iterator[PayingShop]:
    """A shop of this process."""
    extension = FlaskCart()

    with shop(config, extension) as app:
        yield PayingShop(app, extension)


def serve(there: Connection) -> None:
    """Do what is asked for, in the shop that was asked for last."""
    with ExitStack() as stack:
        shop: PayingShop | None = None

        while True:
            act, *arguments = there.recv()

            if act == "open":
                stack.close()
                shop = stack.enter_context(paying_shop(*arguments))
                there.send(None)
            elif act == "end":
                return
            else:
                assert shop is not None

                try:
                    there.send(shop.insistently(act, *arguments))
                except AssertionError as error:
                    there.send(error)
