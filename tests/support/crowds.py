"""Many carts in a shop, and what is asked about them on the command line."""

from __future__ import annotations

import datetime as dt
import json
import typing as t
from dataclasses import dataclass
from functools import cached_property

from click.testing import Result
from flask import Flask

from flask_cart import Cart
from flask_cart.model.conditions import Condition
from flask_cart.model.document import SCHEMA
from flask_cart.model.document import Document
from flask_cart.model.document import PendingOrder
from flask_cart.model.document import encode
from flask_cart.model.lines import make_line
from tests.support import shops

COUNT = 10_000

#: The time at which all carts of the crowd are so many days old.
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Given:
    """One of the crowd: every combination of its properties occurs."""

    number: int

    @property
    def is_guest(self) -> bool:
        return self.number % 2 == 0

    @property
    def owner(self) -> str:
        return f"guest:{self.number:022}" if self.is_guest else f"user:{self.number}"

    @property
    def days(self) -> int:
        """How many days and an hour ago it was saved."""
        return self.number % 41

    @property
    def quantity(self) -> int:
        """Of the one item that is in it, 0 if it is empty."""
        return self.number % 3

    @property
    def is_corrupt(self) -> bool:
        return self.number % 1000 == 999

    @property
    def is_outdated(self) -> bool:
        return self.number % 1000 == 500

    @property
    def is_in_checkout(self) -> bool:
        return self.number % 1000 == 251

    @property
    def kind(self) -> str:
        if not self.quantity:
            return "empty"

        return "guest" if self.is_guest else "user"

    @property
    def saved_at(self) -> dt.datetime:
        return NOW - dt.timedelta(days=self.days, hours=1)

    @cached_property
    def data(self) -> str:
        if self.is_corrupt:
            return "{"

        text = encode(document(self.quantity, self.saved_at, self.is_in_checkout))

        # As somebody stores it who changes it by hand.
        return text.replace(",", ", ") if self.is_outdated else text

    @property
    def row(self) -> dict[str, t.Any]:
        return {
            "owner": self.owner,
            "instance": "default",
            "version": 7,
            "data": self.data,
            "updated_at": self.saved_at.replace(tzinfo=None),
        }


CROWD = [Given(number) for number in range(COUNT)]


def document(
    quantity: int, saved_at: dt.datetime, in_checkout: bool = False
) -> Document:
    """A cart with some mugs, or with nothing."""
    mug = make_line("mug", max(quantity, 1), "EUR", name="Mug", price="12.50")
    pending = PendingOrder(token="t", content="c", started_at=saved_at)

    return Document(
        schema=SCHEMA,
        currency="EUR",
        lines=(mug,) if quantity else (),
        conditions=(Condition("SUMMER", "discount", "subtotal", "-10%"),),
        created_at=saved_at,
        updated_at=saved_at,
        pending=(pending,) if in_checkout else (),
    )


def insert(shop: shops.Shop, given: list[Given]) -> None:
    """Put carts into a shop, without going through it one by one."""
    with shop.app.app_context(), shop.db.engine.begin() as connection:
        connection.execute(shop.storage.table.insert(), [each.row for each in given])


def run(app: Flask, *args: str, **options: t.Any) -> Result:
    """Call ``flask cart`` in an app."""
    return app.test_cli_runner().invoke(args=["cart", *args], **options)


def run_json(app: Flask, *args: str) -> t.Any:
    """What ``flask cart`` prints with ``--json``, if it succeeds."""
    result = run(app, *args, "--json")
    assert result.exit_code == 0, repr(result.exception) + result.output

    return json.loads(result.stdout)


def cart_of(app: Flask, owner: str, instance: str = "default") -> Cart:
    """A cart of an app, under a key."""
    cart: Cart = app.extensions["cart"].extension.cart(owner=owner, instance=instance)

    return cart


def fill(app: Flask, *owners: str) -> None:
    """Put a mug into the carts of these owners."""
    with app.app_context():
        for owner in owners:
            cart_of(app, owner).add("mug", price=1)


def pass_days(app: Flask, days: float) -> None:
    """Let so many days pass in the shop."""
    now = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    app.extensions["cart"].extension.clock = lambda: now


def times_of(app: Flask) -> dict[str, dt.datetime | None]:
    """When the carts were saved, by their owners."""
    with app.app_context():
        found = app.extensions["cart"].storage.scan()

        return {each.key.owner: each.saved_at for each in found}
