"""What becomes of an order: it is packed and sent, or cancelled before that."""

from typing import Any

from sqlalchemy import update

from .. import sandbox_pay
from ..extensions import cart_ext
from ..extensions import db
from ..models import GiftCard
from ..models import Order
from ..models import Variant


def pack(order: Order) -> bool:
    """Note that an order is packed; whether that was the next step."""
    return _done(order, "packed_at", cancelled_at=False, packed_at=False)


def send(order: Order) -> bool:
    """Note that an order is sent; whether that was the next step."""
    return _done(order, "sent_at", packed_at=True, sent_at=False)


def cancel(order: Order) -> bool:
    """Cancel an order that is not packed yet; whether it could be.

    The goods go back to the shelf, and what was paid to where it came from. A coupon
    stays used.
    """
    if not _note(order, "cancelled_at", packed_at=False, cancelled_at=False):
        return False

    _put_back(order)

    # One transaction with all of that, as it is with a provider inside of the shop.
    if order.paid_at:
        sandbox_pay.refund(order.order_token)

    db.session.commit()

    return True


def _done(order: Order, step: str, **so_far: bool) -> bool:
    is_next = _note(order, step, **so_far)
    db.session.commit()

    return is_next


def _note(order: Order, step: str, **so_far: bool) -> bool:
    """Note when a step was, in one statement that only the first of two can do."""
    conditions = [
        getattr(Order, name).is_not(None) if there else getattr(Order, name).is_(None)
        for name, there in so_far.items()
    ]
    noted: Any = db.session.execute(
        update(Order)
        .where(Order.id == order.id, *conditions)
        .values({step: cart_ext.clock()})
    )

    return bool(noted.rowcount)


def _put_back(order: Order) -> None:
    # Always in the same order, so that two of them never wait for each other.
    for line in sorted(order.lines, key=lambda line: line.sku):
        db.session.execute(
            update(Variant)
            .where(Variant.sku == line.sku)
            .values(stock=Variant.stock + line.quantity)
        )

    db.session.execute(
        update(GiftCard)
        .where(GiftCard.code == order.card_code)
        .values(balance_cents=GiftCard.balance_cents + order.card_cents)
    )
