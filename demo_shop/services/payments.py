"""Payments: orders are begun here, and made when Sandbox Pay has the money."""

from flask import current_app
from flask import url_for
from moneyed import Money
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from flask_cart import CartConflictError
from flask_cart import CartOrderUnknownError
from flask_cart import OrderDraft
from flask_cart import current_cart

from .. import sandbox_pay
from ..extensions import cart_ext
from ..extensions import db
from ..forms import Address
from ..models import Order
from ..models import Payment
from ..money import cents
from .basket import NotEnoughError
from .coupons import CouponRefusedError
from .gift_cards import CardRefusedError
from .gift_cards import check_due
from .ordering import place_paid_order

#: Why there may be money and no order.
_REFUSED = (CartOrderUnknownError, NotEnoughError, CouponRefusedError, CardRefusedError)


def begin_payment(
    address: Address | None, shopper: str, token: str, total: Money, due: Money
) -> Payment:
    """Begin the order that the form of *token* has shown, and its payment.

    Who begins the same again, or twice at once, has the same payment.

    :param address: ``None`` if Sandbox Pay knows it, and tells it with the money.
    :raises CartConflictError: If the basket or its total is another one by now.
    :raises CardRefusedError: If the gift card pays something else.
    """
    cart = current_cart

    if cart.order_token != token:
        raise CartConflictError(
            "The basket was changed since the form was shown.",
            expected_version=0,
            current_version=cart.version,
        )

    draft = cart.begin_order(total)
    check_due(draft, due)
    url = sandbox_pay.start(
        draft.order_token,
        due,
        back=url_for("payments.show", token=draft.order_token),
        notify=url_for("payments.hear"),
        tells_address=address is None,
    )
    payment = find_payment(draft.order_token) or _make_payment(draft, url, total, due)
    payment.shopper = shopper
    payment.state = "open"
    _send_to(payment, address or Address())
    db.session.commit()

    return payment


def _make_payment(draft: OrderDraft, url: str, total: Money, due: Money) -> Payment:
    """Make it, unless another request was faster."""
    payment = Payment(
        order_token=draft.order_token,
        shopper="",
        total_cents=cents(due),
        card_cents=cents(total - due),
        currency=total.currency.code,
        url=url,
        **Address().columns(),
    )
    db.session.add(payment)

    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        payment = db.session.scalars(
            select(Payment).where(Payment.order_token == draft.order_token)
        ).one()

    return payment


def _send_to(payment: Payment, address: Address) -> None:
    for name, value in address.columns().items():
        setattr(payment, name, value)


def find_payment(token: str, shopper: str | None = None) -> Payment | None:
    """The payment of an order that was begun, if it is one of this shopper's."""
    query = select(Payment).where(Payment.order_token == token)

    if shopper is not None:
        query = query.where(Payment.shopper == shopper)

    return db.session.scalar(query)


def find_paid_order(payment: Payment) -> Order | None:
    """The order that was made of a payment."""
    return db.session.scalar(
        select(Order).where(Order.order_token == payment.order_token)
    )


def hear_of(token: str, state: str, paid: Money, address: Address | None) -> None:
    """Do what has to be done when Sandbox Pay says what became of a payment.

    It may say so twice, late, or while the shopper comes back.

    :param address: If it is Sandbox Pay that knows it.
    """
    payment = find_payment(token)

    if payment is not None and address is not None:
        _send_to(payment, address)
        db.session.commit()

    if state == "paid":
        _sell(payment, token, paid)
    elif payment is not None and payment.state == "open":
        # The order stays begun: another card may do.
        _become(payment, "refused")


def give_up(payment: Payment) -> None:
    """Forget an order that won't be paid, and leave everything in the basket."""
    cart_ext.cancel_order(payment.order_token)
    _become(payment, "given_up")


def _sell(payment: Payment | None, token: str, paid: Money) -> None:
    try:
        if payment is None:
            raise CartOrderUnknownError(token)

        place_paid_order(payment, paid)
    except _REFUSED as error:
        # There is money and no order. Somebody has to hear of it.
        current_app.logger.warning("A payment goes back: %s", error)
        cart_ext.cancel_order(token)
        sandbox_pay.refund(token)

        if payment is not None:
            _become(payment, "too_late")
    else:
        _become(payment, "paid")


def _become(payment: Payment, state: str) -> None:
    payment.state = state
    db.session.commit()
