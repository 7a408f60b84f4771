"""Coupons: a code is noted in the cart, and what it does is asked of the shop's table.

Nothing of a coupon but its code is stored in a cart. So it can end, or be used up by
somebody else, while it is in one; then the totals are those without it, and say why.
"""

import re
from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import has_request_context
from flask import session
from moneyed import Money
from msgspec.structs import replace
from sqlalchemy import ColumnElement
from sqlalchemy import func
from sqlalchemy import or_
from sqlalchemy import select
from sqlalchemy import update

from flask_cart import Adjustment
from flask_cart import Condition
from flask_cart import Facts
from flask_cart import OrderDraft
from flask_cart import Rule
from flask_cart import Totals
from flask_cart import all_of
from flask_cart import current_cart
from flask_cart import rule
from flask_cart.money import format_money
from flask_cart.presets import buy_x_get_y

from .basket import SHIPPING_PRICE
from .extensions import cart_ext
from .extensions import db
from .models import Coupon
from .models import CouponUse
from .models import Order
from .money import cents
from .money import euros

#: Where a cart keeps the code.
KEY = "coupon"

#: The rules that nothing the shopper puts in the basket can help with.
FINAL = {"between", "coupon_unused", "first_order", "coupon_left"}

LONGEST_CODE = 40

_CODE = re.compile(rf"[A-Z0-9-]{{1,{LONGEST_CODE}}}")


class CouponRefusedError(Exception):
    """Raised with a sentence for the shopper when a coupon cannot be used."""


@dataclass(frozen=True)
class NotedCoupon:
    """The coupon in the cart, as the shopper sees it."""

    code: str
    #: What it is.
    blurb: str
    #: What it takes off now.
    savings: Money
    #: Why it takes off nothing, or an empty string.
    reason: str
    #: Whether that can't change with what is in the basket.
    is_over: bool


# What the cart asks when it calculates totals


@cart_ext.condition_provider
def noted_coupon(facts: Facts) -> Iterator[Condition]:
    """Yield what the coupon in the cart takes off."""
    coupon = find_coupon(facts.metadata.get(KEY))

    if coupon is not None:
        yield _condition(coupon)


@cart_ext.facts
def shopper(facts: Facts) -> Mapping[str, object]:
    """Tell how often this browser ordered, and with which coupons."""
    secret = session.get("shopper", "") if has_request_context() else ""
    codes = db.session.scalars(
        select(Coupon.code)
        .select_from(Order)
        .outerjoin(Order.coupon_use)
        .outerjoin(CouponUse.coupon)
        .where(Order.shopper == secret)
    ).all()

    return {"orders": len(codes), "coupons": Counter(codes)}


@cart_ext.rule("coupon_unused")
def coupon_unused(facts: Facts, code: str, limit: int) -> bool:
    """This browser ordered with the coupon less often than it may."""
    uses: Counter[str] = facts.app["coupons"]

    return uses[code] < limit


@cart_ext.rule("coupon_left")
def coupon_left(facts: Facts, uses: int) -> bool:
    """There are uses left of the coupon."""
    return uses > 0


def _condition(coupon: Coupon) -> Condition:
    category = coupon.category
    lines = rule("category", names=[category.slug]) if category else None

    if coupon.kind == "cheapest_free":
        condition = buy_x_get_y(coupon.code, coupon.pieces - 1, lines=lines)
    elif coupon.kind == "post_free":
        post = f"-{SHIPPING_PRICE.amount}"
        # The post itself has the order 0.
        condition = Condition(coupon.code, "discount", "total", post, order=1)
    else:
        cap = None if coupon.cap_cents is None else euros(coupon.cap_cents).amount
        condition = Condition(
            coupon.code,
            "discount",
            "subtotal",
            f"-{coupon.value}",
            lines=lines,
            cap=None if cap is None else str(cap),
        )

    rules = list(_rules(coupon))

    return replace(condition, rule=all_of(*rules)) if rules else condition


def _rules(coupon: Coupon) -> Iterator[Rule]:
    """When it applies; the first that does not hold is what the shopper is told."""
    if coupon.starts_at or coupon.ends_at:
        yield rule("between", start=coupon.starts_at, end=coupon.ends_at)

    if coupon.customer_limit is not None:
        yield rule("coupon_unused", code=coupon.code, limit=coupon.customer_limit)

    if coupon.first_order:
        yield rule("first_order")

    if coupon.total_limit is not None:
        yield rule("coupon_left", uses=coupon.total_limit - coupon.used)

    if coupon.minimum_cents is not None:
        yield rule("total_at_least", amount=euros(coupon.minimum_cents).amount)


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


def enter_coupon(text: str) -> None:
    """Note a code in the cart, in place of another.

    :raises CouponRefusedError: If the shopper can't use it, whatever they buy.
    """
    coupon = find_coupon(text)

    if coupon is None:
        raise CouponRefusedError(
            f"“{text[:LONGEST_CODE]}” isn't one of our codes. Is there a typing error?"
            if text
            else "Please type a code first."
        )

    if not current_cart:
        raise CouponRefusedError("Put something in your basket first, then the code.")

    # The rules decide, as they do later; an error discards what was noted to ask them.
    with current_cart.batch():
        current_cart.metadata[KEY] = coupon.code
        noted = read_noted()

        if noted is None:
            raise CouponRefusedError("We can't read our coupons now. Try again soon?")

        if noted.is_over:
            raise CouponRefusedError(noted.reason)


def forget_coupon() -> None:
    """Take the code out of the cart; nothing happens if there is none."""
    current_cart.metadata.pop(KEY, None)


def read_noted() -> NotedCoupon | None:
    """The coupon in the cart, and what it does there now."""
    coupon = find_coupon(current_cart.metadata.get(KEY))

    if coupon is None:
        return None

    totals = current_cart.totals
    adjustment = _adjustment(coupon.code, totals)

    if adjustment is None:
        return None

    return NotedCoupon(
        coupon.code,
        coupon.blurb,
        -adjustment.amount,
        _why_not(coupon, adjustment, totals) if adjustment.code else "",
        adjustment.rule is not None and adjustment.rule.name in FINAL,
    )


def _adjustment(code: object, totals: Totals) -> Adjustment | None:
    provided = (each for each in totals.adjustments if each.is_provided)

    return next((each for each in provided if each.name == code), None)


def _why_not(coupon: Coupon, adjustment: Adjustment, totals: Totals) -> str:
    code, shelf = coupon.code, coupon.category.name if coupon.category else ""

    match adjustment.rule.name if adjustment.rule else adjustment.code:
        case "between" if coupon.starts_at and cart_ext.clock() < coupon.starts_at:
            return f"{code} starts on {_day(coupon.starts_at)}. Keep it dry till then."
        case "between" if coupon.ends_at:
            return f"{code} ended on {_day(coupon.ends_at)}."
        case "coupon_unused":
            return f"You have used {code} already."
        case "first_order":
            return f"{code} is for a first order, and you have been here before."
        case "coupon_left":
            return f"Sorry, {code} has been used up."
        case "total_at_least":
            return _below_minimum(code, euros(coupon.minimum_cents or 0), totals)
        case "no_lines":
            return f"{code} is for things from the {shelf} shelf. None is in here yet."
        case "no_amount" if coupon.kind == "cheapest_free":
            which = f"things from the {shelf} shelf" if shelf else "things"
            return f"{code} needs {coupon.pieces} {which}. Add a few more."
        case _:
            return f"{code} takes nothing off what is in your basket now."


def _below_minimum(code: str, minimum: Money, totals: Totals) -> str:
    goods = sum((line.subtotal for line in totals.lines), euros(0))

    return (
        f"{code} applies to orders of {format_money(minimum)} or more: add"
        f" {format_money(minimum - goods)}."
    )


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


# What the checkout does with it


def redeem(order: Order, draft: OrderDraft) -> None:
    """Use up what the order was made cheaper with, in the order's transaction.

    :raises CouponRefusedError: If the coupon has ended or was used up meanwhile.
    """
    code = draft.metadata.get(KEY)
    adjustment = _adjustment(code, draft.totals)

    if adjustment is None or adjustment.code:
        return

    # It decides and counts in one statement: of two who come at once, the other one
    # waits for this row, and then finds it as the first one has left it.
    counted = db.session.connection().execute(
        update(Coupon)
        .where(Coupon.code == code, *_is_usable(cart_ext.clock()))
        .values(used=Coupon.used + 1)
    )
    coupon = find_coupon(code)

    if coupon is None or counted.rowcount != 1:
        raise CouponRefusedError(f"{code} has ended or was used up meanwhile.")

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
            f"{coupon.code} was used with the address {order.email} before."
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
