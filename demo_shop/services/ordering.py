"""Turn the cart into an order, once."""

import secrets
from collections.abc import Iterable
from collections.abc import Mapping
from functools import partial

from moneyed import Money
from sqlalchemy import select
from sqlalchemy import update

from flask_cart import LineTotals
from flask_cart import OrderDraft
from flask_cart import Tax
from flask_cart import Totals
from flask_cart import current_cart

from ..extensions import cart_ext
from ..extensions import db
from ..forms import Address
from ..forms import read_note
from ..models import Order
from ..models import OrderLine
from ..models import OrderTax
from ..models import Payment
from ..models import Variant
from ..money import cents
from .basket import NotEnoughError
from .basket import label
from .basket import not_enough
from .basket import savings
from .basket import variants_of
from .coupons import redeem
from .delivery import estimate
from .gift_cards import check_due
from .gift_cards import spend


def place_order(
    address: Address, shopper: str, token: str, total: Money, due: Money
) -> Order:
    """Sell the cart to *shopper*, or find what was sold when the form came before.

    The order, the stock, coupon, card and the emptied cart are one transaction: all of
    it happens, or, if something is gone or the cart has changed, none of it.

    :param token: The ``current_cart.order_token`` that the form was shown with.
    :param due: What of the *total* no gift card pays.
    """
    return current_cart.place_order(
        partial(_create, address, shopper, due, is_paid=not due),
        lambda token: find_order(token, shopper),
        session=db.session,
        token=token,
        expected_total=total,
    )


def place_paid_order(payment: Payment, paid: Money) -> Order:
    """Sell what *payment* is for, whoever's basket it is in by now.

    The provider may say so several times, and at once.

    :param paid: How much came.
    """
    return cart_ext.place_order(
        partial(_create, payment.address, payment.shopper, paid, is_paid=True),
        lambda token: db.session.scalar(
            select(Order).where(Order.order_token == token)
        ),
        session=db.session,
        token=payment.order_token,
        expected_total=paid + payment.paid_by_card,
    )


def _create(
    address: Address, shopper: str, due: Money, draft: OrderDraft, *, is_paid: bool
) -> Order:
    check_due(draft, due)
    variants = variants_of(line.item_id for line in draft)
    now = cart_ext.clock()
    first, last = estimate(draft.shipping or "", now) or (None, None)
    order = Order(
        token=secrets.token_urlsafe(32),
        shopper=shopper,
        order_token=draft.order_token,
        placed_at=now,
        paid_at=now if is_paid else None,
        arrives_first=first,
        arrives_last=last,
        note=read_note(draft.metadata.get("note")),
        lines=[_order_line(line, variants) for line in draft],
        shipping_name=draft.shipping or "",
        taxes=[_order_tax(tax) for tax in draft.totals.taxes],
        currency=draft.totals.total.currency.code,
        **address.columns(),
        **_sums(draft.totals, savings(draft.totals, variants)),
    )
    db.session.add(order)
    # Before anything is taken: whoever sends the same form a second time waits
    # here for the first one, and holds up nobody else.
    db.session.flush()
    _take_from_stock(draft)
    redeem(order, draft)
    spend(order, draft)

    return order


def find_order(token: str, shopper: str) -> Order | None:
    """What *shopper* ordered with the form of this token."""
    return db.session.scalar(
        select(Order).where(Order.order_token == token, Order.shopper == shopper)
    )


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
            raise _not_enough(line, connection.scalar(left) or 0)


def _not_enough(line: LineTotals, left: int) -> NotEnoughError:
    return NotEnoughError(
        not_enough(label(line.name, line.options), left, line.quantity)
    )


def _order_line(line: LineTotals, variants: Mapping[str, Variant]) -> OrderLine:
    variant = variants.get(line.item_id)

    if variant is None:
        raise _not_enough(line, 0)

    return OrderLine(
        sku=line.item_id,
        slug=variant.product.slug,
        name=line.name,
        options=dict(line.options),
        quantity=line.quantity,
        unit_cents=cents(line.unit_price),
        subtotal_cents=cents(line.subtotal),
    )


def _order_tax(tax: Tax) -> OrderTax:
    return OrderTax(
        rate=tax.rate, base_cents=cents(tax.base), amount_cents=cents(tax.amount)
    )


def _sums(totals: Totals, savings: Money) -> dict[str, int]:
    shipping = [a.amount for a in totals.adjustments if a.type == "shipping"]
    goods = sum((line.subtotal for line in totals.lines), totals.total * 0)

    return {
        "subtotal_cents": cents(goods),
        "shipping_cents": sum(cents(amount) for amount in shipping),
        "savings_cents": cents(savings),
        "total_cents": cents(totals.total),
    }
