"""The shop whose views are timed, with any cart, and with ours."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

import sqlalchemy as sa
from flask import Flask
from flask import request
from flask import session

from flask_cart import Condition
from flask_cart import FlaskCart
from flask_cart import OrderDraft
from flask_cart import current_cart

PRICE: t.Final = "12.50"

INSERT_ORDER: t.Final = sa.text("INSERT INTO orders VALUES (:token, :total)")
FIND_ORDER: t.Final = sa.text("SELECT token FROM orders WHERE token = :token")

#: What a view shows: the lines, and the total.
Seen = dict[str, t.Any]


class Basket(t.Protocol):
    """The cart of a request."""

    def fill(self, lines: int, conditions: int) -> None:
        """Put so many lines into it, and discounts of 1 %."""

    def show(self) -> Seen:
        """All that a page shows."""

    def add(self, items: list[str]) -> int:
        """Add one of each, and say how many there are of the last one."""

    def order(self) -> str:
        """Order what is in it, and say what it costs."""


class Ours:
    """The cart of this extension.

    :param session: Of the database that orders are written to, if there is one.
    """

    def __init__(self, extension: FlaskCart, session: t.Any) -> None:
        self.extension = extension
        self._session = session

    def fill(self, lines: int, conditions: int) -> None:
        # What is cleared could be put back, and would be stored for it.
        if current_cart.version:
            current_cart.destroy()

        with current_cart.batch() as cart:
            for number in range(lines):
                _add(cart, f"sku-{number}")

            for number in range(conditions):
                cart.add_condition(
                    Condition(f"C{number}", "discount", "subtotal", "-1%")
                )

    def show(self) -> Seen:
        totals = current_cart.totals

        return {
            "lines": [
                {
                    "item": line.item_id,
                    "name": line.name,
                    "price": str(line.price.amount),
                    "quantity": line.quantity,
                    "subtotal": str(line.subtotal.amount),
                }
                for line in totals.lines
            ],
            "total": str(totals.total.amount),
        }

    def add(self, items: list[str]) -> int:
        if len(items) == 1:
            return t.cast(int, _add(current_cart, items[0]).quantity)

        with current_cart.batch() as cart:
            lines = [_add(cart, item) for item in items]

        return t.cast(int, lines[-1].quantity)

    def order(self) -> str:
        return current_cart.place_order(self._create, self._find, session=self._session)

    def _create(self, draft: OrderDraft) -> str:
        total = str(draft.totals.total.amount)

        if self._session is not None:
            order = {"token": draft.order_token, "total": total}
            self._session.execute(INSERT_ORDER, order)

        return total

    def _find(self, token: str) -> str | None:
        if self._session is None:
            return None

        found: str | None = self._session.scalar(FIND_ORDER, {"token": token})

        return found


def make_shop(set_up: Callable[[Flask, str], Basket], address: str) -> Flask:
    """A shop with the views that are timed.

    :param set_up: Makes its cart.
    :param address: Where it is kept.
    """
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY="benchmark",
        CART_MAX_ITEMS=5000,
        CART_MAX_QUANTITY=2**31 - 1,
        CART_MAX_DATA_BYTES=2**23,
    )
    basket = set_up(app, address)

    @app.post("/fill")
    def fill() -> Seen:
        basket.fill(**request.get_json())

        # Who has sessions on a server has them without a cart, too.
        if "SESSION_TYPE" in app.config:
            session["visitor"] = "somebody"

        return {}

    @app.get("/about")
    def about() -> Seen:
        return {"opens": "9:00"}

    @app.get("/cart")
    def cart() -> Seen:
        return basket.show()

    @app.post("/add")
    def add() -> Seen:
        return {"quantity": basket.add(request.get_json())}

    @app.post("/order")
    def order() -> Seen:
        return {"total": basket.order()}

    return app


def make_orders(engine: sa.Engine) -> None:
    """Make the table of the orders, if the other shop has not."""
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE IF NOT EXISTS orders"
            " (token VARCHAR(80) PRIMARY KEY, total VARCHAR(20))"
        )


def _add(cart: t.Any, item: str) -> t.Any:
    return cart.add(item, name=f"Product {item}", price=PRICE)
