"""Turn the cart into an order."""

import secrets
from collections.abc import Iterable

from moneyed import Money
from sqlalchemy import select
from sqlalchemy import update

from flask_cart import LineTotals
from flask_cart import Totals
from flask_cart import current_cart

from .basket import NotEnoughError
from .extensions import db
from .forms import Address
from .models import Order
from .models import OrderLine
from .models import Variant
from .money import cents


def place_order(address: Address, shopper: str, expected_total: Money) -> Order:
    """Sell the cart to *shopper*.

    The order, the stock and the emptied cart are one transaction: all of it
    happens, or, if something is sold out or the cart has changed, none of it.
    """
    with current_cart.checkout(
        session=db.session, expected_total=expected_total
    ) as sold:
        _take_from_stock(sold.lines)
        order = Order(
            token=secrets.token_urlsafe(32),
            shopper=shopper,
            cart_token=sold.cart_token,
            note=sold.metadata.get("note", ""),
            lines=[_order_line(line) for line in sold.lines],
            **address.columns(),
            **_sums(sold.totals),
        )
        db.session.add(order)

    return order


def _take_from_stock(lines: Iterable[LineTotals]) -> None:
    connection = db.session.connection()

    # Always in the same order, so that two orders never wait for each other.
    for line in sorted(lines, key=lambda line: line.item_id):
        taken = connection.execute(
            update(Variant)
            .where(Variant.sku == line.item_id, Variant.stock >= line.quantity)
            .values(stock=Variant.stock - line.quantity)
        )

        if taken.rowcount != 1:
            left = select(Variant.stock).where(Variant.sku == line.item_id)
            raise NotEnoughError(line.name, line.options, connection.scalar(left) or 0)


def _order_line(line: LineTotals) -> OrderLine:
    return OrderLine(
        sku=line.item_id,
        slug=line.line.attributes["slug"],
        name=line.name,
        options=dict(line.options),
        quantity=line.quantity,
        unit_cents=cents(line.unit_price),
        subtotal_cents=cents(line.subtotal),
    )


def _sums(totals: Totals) -> dict[str, int]:
    shipping = [a.amount for a in totals.adjustments if a.type == "shipping"]

    return {
        "subtotal_cents": cents(totals.subtotal),
        "shipping_cents": sum(cents(amount) for amount in shipping),
        "savings_cents": cents(totals.savings),
        "total_cents": cents(totals.total),
    }
