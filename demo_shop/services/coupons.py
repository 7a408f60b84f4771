"""Coupons: a code is noted in the cart, and what it does is asked of the shop's table.

Nothing of a coupon but its code is stored in a cart. So it can end, or be used up by
somebody else, while it is in one; then the totals are those without it, and say why.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from flask import has_request_context
from flask_babel import format_date
from moneyed import Money
from msgspec.structs import replace
from sqlalchemy import ColumnElement
from sqlalchemy import func
from sqlalchemy import or_
from sqlalchemy import select
from sqlalchemy import update

from flask_cart import Adjustment
from flask_cart import CartVetoError
from flask_cart import Condition
from flask_cart import Facts
from flask_cart import OrderDraft
from flask_cart import Totals
from flask_cart import current_cart
from flask_cart import rule
from flask_cart.pricing.presets import buy_x_get_y

from ..extensions import cart_ext
from ..extensions import db
from ..languages import gettext
from ..languages import price
from ..languages import told
from ..models import Category
from ..models import Coupon
from ..models import CouponUse
from ..models import Order
from ..models import Product
from ..models import Variant
from ..money import asked_in
from ..money import cents
from ..money import euros
from .accounts import shopper
from .shipping import POST

LONGEST_CODE = 40

_CODE = re.compile(rf"[A-Z0-9-]{{1,{LONGEST_CODE}}}")


class CouponRefusedError(Exception):
    """Raised with a sentence for the shopper when an order cannot use a coupon."""


@dataclass(frozen=True)
class NotedCoupon:
    """The coupon in the cart, as the shopper sees it."""

    code: str
    #: What it is, in the language of the page.
    what: str
    #: What it takes off now.
    savings: Money
    #: Why it takes off nothing, or an empty string.
    reason: str
    #: Whether that can't change with what is in the basket.
    is_over: bool


# What the cart asks when a code is entered, and when it calculates totals


@cart_ext.coupon_loader
def load_coupon(text: str, facts: Facts) -> Condition | None:
    """What a code takes off; nothing if there is none.

    :raises CartVetoError: If the shopper can't use it, whatever they buy.
    """
    coupon = find_coupon(text)

    if coupon is None:
        return None

    if has_request_context() and not current_cart:
        raise CartVetoError(
            gettext("Put something in your basket first, then the code.")
        )

    if why := why_over(coupon):
        raise CartVetoError(why)

    return _condition(coupon, facts.currency)


def unknown_code(text: str) -> str:
    """Say that a code is none of ours."""
    if not text.strip():
        return gettext("Please type a code first.")

    return gettext(
        "“%(code)s” isn't one of our codes. Is there a typing error?",
        code=text[:LONGEST_CODE],
    )


def why_over(coupon: Coupon) -> str:
    """Say why nothing that is put in the basket can help, or nothing."""
    code, now = coupon.code, cart_ext.clock()

    if coupon.starts_at and now < coupon.starts_at:
        return gettext(
            "%(code)s starts on %(day)s. Keep it dry till then.",
            code=code,
            day=_day(coupon.starts_at),
        )

    if coupon.ends_at and now >= coupon.ends_at:
        return gettext(
            "%(code)s ended on %(day)s.", code=code, day=_day(coupon.ends_at)
        )

    if coupon.total_limit is not None and coupon.used >= coupon.total_limit:
        return gettext("Sorry, %(code)s has been used up.", code=code)

    if coupon.first_order or coupon.customer_limit is not None:
        return _why_not_again(coupon)

    return ""


def _why_not_again(coupon: Coupon) -> str:
    """Say that the coupon is not for this shopper, after the orders they made."""
    codes = db.session.scalars(
        select(Coupon.code)
        .select_from(Order)
        .outerjoin(Order.coupon_use)
        .outerjoin(CouponUse.coupon)
        .where(Order.shopper == shopper(), Order.shopper != "")
    ).all()
    limit = coupon.customer_limit

    if limit is not None and codes.count(coupon.code) >= limit:
        return gettext("You have used %(code)s already.", code=coupon.code)

    if coupon.first_order and codes:
        return gettext(
            "%(code)s is for a first order, and you have been here before.",
            code=coupon.code,
        )

    return ""


def _condition(coupon: Coupon, currency: str) -> Condition:
    category = coupon.category
    lines = rule("item", ids=_skus_of(category)) if category else None

    if coupon.kind == "cheapest_free":
        condition = buy_x_get_y(coupon.code, coupon.pieces - 1, lines=lines)
    elif coupon.kind == "post_free":
        # Who is in a hurry pays the rest.
        post = str(asked_in(currency, POST.price).amount)
        condition = Condition(coupon.code, "discount", "shipping", "-100%", cap=post)
    else:
        cap, off = coupon.cap_cents, coupon.value

        if not off.endswith("%"):
            off = _asked(cents(Money(off, "EUR")), currency)

        condition = Condition(
            coupon.code,
            "discount",
            "subtotal",
            f"-{off}",
            lines=lines,
            cap=None if cap is None else _asked(cap, currency),
        )

    if coupon.minimum_cents is None:
        return condition

    minimum = _asked(coupon.minimum_cents, currency)

    return replace(condition, rule=rule("total_at_least", amount=minimum))


def _asked(cents: int, currency: str) -> str:
    """So many cents of a euro by the price list of another currency."""
    return str(asked_in(currency, euros(cents)).amount)


def _skus_of(category: Category) -> list[str]:
    return list(
        db.session.scalars(
            select(Variant.sku)
            .join(Variant.product)
            .where(Product.category_id == category.id)
        )
    )


# What the pages do with it


def find_coupon(text: object) -> Coupon | None:
    """The coupon of a code, however it is written."""
    # Not any capitals: that of the dotless i is an I, and two letters those of the ß.
    if not isinstance(text, str) or not text.isascii():
        return None

    code = "".join(text.split()).upper()

    if not _CODE.fullmatch(code):
        return None

    return db.session.scalar(select(Coupon).where(Coupon.code == code))


def coupons_to_try() -> list[Coupon]:
    """Those that anybody can use; a real shop would not hang them out."""
    return list(
        db.session.scalars(
            select(Coupon).where(*_is_usable(cart_ext.clock())).order_by(Coupon.id)
        )
    )


def describe(coupon: Coupon) -> str:
    """Say what a coupon is, with its amounts in the currency of the basket."""
    is_amount = coupon.value and not coupon.value.endswith("%")
    off = cents(Money(coupon.value, "EUR")) if is_amount else None
    amounts = {"minimum": coupon.minimum_cents, "cap": coupon.cap_cents, "off": off}
    currency = current_cart.currency

    return told(coupon.blurb).format_map(
        {
            name: price(asked_in(currency, euros(amount)))
            for name, amount in amounts.items()
            if amount is not None
        }
    )


def forget_coupon() -> None:
    """Take the code out of the cart; nothing happens if there is none."""
    with current_cart.batch():
        for code in list(current_cart.coupons):
            current_cart.coupons.remove(code)


def read_noted() -> NotedCoupon | None:
    """The coupon in the cart, and what it does there now."""
    codes = list(current_cart.coupons)
    coupon = find_coupon(codes[-1]) if codes else None

    if coupon is None:
        return None

    if why := why_over(coupon):
        nothing = current_cart.totals.total * 0
        return NotedCoupon(coupon.code, describe(coupon), nothing, why, is_over=True)

    totals = current_cart.totals
    adjustment = _adjustment(coupon.code, totals)

    if adjustment is None:
        return None

    return NotedCoupon(
        coupon.code,
        describe(coupon),
        -adjustment.amount,
        _why_not(coupon, adjustment, totals) if adjustment.code else "",
        is_over=False,
    )


def _adjustment(code: object, totals: Totals) -> Adjustment | None:
    provided = (each for each in totals.adjustments if each.is_provided)

    return next((each for each in provided if each.name == code), None)


def _why_not(coupon: Coupon, adjustment: Adjustment, totals: Totals) -> str:
    code, shelf = coupon.code, told(coupon.category.name) if coupon.category else ""

    match adjustment.rule.name if adjustment.rule else adjustment.code:
        case "total_at_least":
            minimum = euros(coupon.minimum_cents or 0)
            return _below_minimum(code, minimum, totals)
        case "no_lines":
            return gettext(
                "%(code)s is for things from the %(shelf)s shelf. None is in here yet.",
                code=code,
                shelf=shelf,
            )
        case "no_amount" if coupon.kind == "cheapest_free" and shelf:
            return gettext(
                "%(code)s needs %(number)s things from the %(shelf)s shelf. Add a few"
                " more.",
                code=code,
                number=coupon.pieces,
                shelf=shelf,
            )
        case "no_amount" if coupon.kind == "cheapest_free":
            return gettext(
                "%(code)s needs %(number)s things. Add a few more.",
                code=code,
                number=coupon.pieces,
            )
        case _:
            return gettext(
                "%(code)s takes nothing off what is in your basket now.", code=code
            )


def _below_minimum(code: str, minimum: Money, totals: Totals) -> str:
    goods = sum((line.subtotal for line in totals.lines), totals.total * 0)
    minimum = asked_in(goods.currency.code, minimum)

    return gettext(
        "%(code)s applies to orders of %(minimum)s or more: add %(rest)s.",
        code=code,
        minimum=price(minimum),
        rest=price(minimum - goods),
    )


def _day(moment: datetime) -> str:
    return str(format_date(moment, "long"))


# What the checkout does with it


def redeem(order: Order, draft: OrderDraft) -> None:
    """Use up what the order was made cheaper with, in the order's transaction.

    :raises CouponRefusedError: If the coupon has ended or was used up meanwhile.
    """
    for code in draft.coupons:
        _use_up(code, order, draft.totals)


def _use_up(code: str, order: Order, totals: Totals) -> None:
    # It decides and counts in one statement: of two who come at once, the other one
    # waits for this row, and then finds it as the first one has left it.
    counted = db.session.connection().execute(
        update(Coupon)
        .where(Coupon.code == code, *_is_usable(cart_ext.clock()))
        .values(used=Coupon.used + 1)
    )
    coupon, adjustment = find_coupon(code), _adjustment(code, totals)

    if coupon is None or adjustment is None or counted.rowcount != 1:
        raise CouponRefusedError(
            gettext("%(code)s has ended or was used up meanwhile.", code=code)
        )

    _use(coupon, order, -adjustment.amount)


def _use(coupon: Coupon, order: Order, savings: Money) -> None:
    customer = order.email.lower()
    # A statement after that one, and not a part of it, which would count the uses as
    # they were before it waited.
    uses = db.session.scalar(
        select(func.count(CouponUse.id)).where(
            CouponUse.coupon_id == coupon.id, CouponUse.customer == customer
        )
    )
    number = (uses or 0) + 1

    if coupon.customer_limit is not None and number > coupon.customer_limit:
        raise CouponRefusedError(
            gettext(
                "%(code)s was used with the address %(email)s before.",
                code=coupon.code,
                email=order.email,
            )
        )

    order.coupon_use = CouponUse(
        coupon=coupon,
        customer=customer,
        number=number,
        amount_cents=cents(savings),
    )


def _is_usable(now: datetime) -> Iterator[ColumnElement[bool]]:
    yield or_(Coupon.total_limit.is_(None), Coupon.used < Coupon.total_limit)
    yield or_(Coupon.starts_at.is_(None), Coupon.starts_at <= now)
    yield or_(Coupon.ends_at.is_(None), Coupon.ends_at > now)
