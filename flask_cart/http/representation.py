"""The representation: a cart as JSON, and the ETag that identifies it."""

from __future__ import annotations

import hashlib
import typing as t

import msgspec
from flask import url_for
from moneyed import Money
from msgspec import structs
from werkzeug.routing import BuildError

from ..app.current import get_state
from ..app.language import gettext
from ..app.reasons import COUPON_GONE
from ..app.shopper import offered_again
from ..app.shopper import offered_shipping
from ..carts.adding import AddReport
from ..carts.cart import Cart
from ..carts.cart import working_copy
from ..model.lines import Line
from ..model.products import Buyable
from ..model.products import item_id_of
from ..pricing.shipping import ShippingOption
from ..pricing.taxes import Tax
from ..pricing.totals import Adjustment
from ..pricing.totals import LineTotals
from .quantities import QuantityLimits
from .quantities import limits_of_lines
from .routes import ROUTES
from .schemas import ShownAction
from .schemas import ShownCart
from .schemas import ShownCondition
from .schemas import ShownCoupon
from .schemas import ShownLimits
from .schemas import ShownLine
from .schemas import ShownPart
from .schemas import ShownRemoved
from .schemas import ShownReport
from .schemas import ShownShipping
from .schemas import ShownTax
from .schemas import ShownTender

#: What programs can do with a cart, and the address behind that of the cart.
_STEPS: t.Final = [(e, e.template) for e in ROUTES if not e.is_for_forms]

#: What there is to do only where there is something.
_WITH_LINES: t.Final = {"set_quantity", "increment", "remove", "move", "clear"}


def show_cart(cart: Cart, report: AddReport | None = None) -> ShownCart:
    """What a shopper may see of a cart, and can do next with it.

    :param report: What became of many items.
    """
    shown = _show(cart, report)

    try:
        return structs.replace(shown, next=_next_steps(shown))
    except (BuildError, RuntimeError):
        # A view of an app without the blueprint, or no request at all.
        return shown


def _show(cart: Cart, report: AddReport | None) -> ShownCart:
    totals = cart.totals
    shown_keys = get_state().settings.client_metadata
    limits = limits_of_lines(cart)

    return ShownCart(
        instance=working_copy(cart).instance,
        version=cart.version,
        currency=totals.currency,
        quantity=totals.quantity,
        lines=[_line(each, limits[each.id]) for each in totals.lines],
        removed=[_removed(each) for each in offered_again(cart)],
        conditions=[_condition(each) for each in totals.adjustments],
        coupons=[
            ShownCoupon(code=code, is_used=not reason, reason=reason)
            for code, reason in reasons_of_coupons(cart).items()
        ],
        shipping=cart.shipping.chosen,
        shipping_options=[_shipping(each) for each in offered_shipping(cart)],
        subtotal_without_conditions=_amount(totals.subtotal_without_conditions),
        subtotal=_amount(totals.subtotal),
        savings=_amount(totals.savings),
        taxes=_taxes(totals.taxes),
        total=_amount(totals.total),
        tenders=[_tender(each) for each in totals.tenders],
        due=_amount(totals.due),
        metadata={
            key: value for key, value in cart.metadata.items() if key in shown_keys
        },
        order_token=cart.order_token,
        problems=[_condition(each) for each in totals.problems],
        next=[],
        report=msgspec.UNSET if report is None else _report(report),
    )


def reasons_of_coupons(cart: Cart) -> dict[str, str]:
    """The coupons of a cart, and why each does nothing; empty if it does."""
    reason_of = get_state().loaders.reason_of
    reasons = {each.name: reason_of(each) for each in cart.totals.explain()}

    return {
        code: reasons[code] if code in reasons else gettext(COUPON_GONE)
        for code in cart.coupons
    }


def show_limits(limits: QuantityLimits) -> ShownLimits:
    """The quantities of a line."""
    return ShownLimits(*limits[:3])


def make_etag(version: int, body: bytes) -> str:
    """The tag of a representation: the cart's version, and what else is shown.

    Totals may change without the cart, such as at the end of a sale.
    """
    return f"{version}-{hashlib.sha256(body).hexdigest()[:16]}"


def version_of(etag: str) -> int | None:
    """The version of the cart that a tag was made for."""
    version = etag.partition("-")[0]

    return int(version) if version.isdecimal() and len(version) < 20 else None


def encode(data: t.Any) -> bytes:
    """Data as JSON."""
    return msgspec.json.encode(data)


def _line(line: LineTotals, limits: QuantityLimits) -> ShownLine:
    return ShownLine(
        id=line.id,
        item=line.item_id,
        name=line.name,
        quantity=line.quantity,
        options=line.options,
        price=f"{line.line.unit_amount:f}",
        unit_price=f"{line.unit_amount:f}",
        subtotal_without_conditions=f"{line.plain_amount:f}",
        subtotal=f"{line.amount:f}",
        conditions=[_condition(each) for each in line.adjustments],
        taxes=_taxes(line.taxes),
        limits=show_limits(limits),
    )


def _removed(line: Line) -> ShownRemoved:
    return ShownRemoved(
        id=line.id,
        item=line.item_id,
        name=line.name,
        quantity=line.quantity,
        options=dict(line.options),
    )


def _report(report: AddReport) -> ShownReport:
    return ShownReport(
        added=[_part_of(each) for each in report.added],
        short=[_part_of(each) for each in report.short],
        gone=[
            ShownPart(
                item=_item_id(each["product"]),
                options=each["options"],
                quantity=each["quantity"],
                line_id=None,
            )
            for each in report.gone
        ],
    )


def _part_of(line: Line) -> ShownPart:
    return ShownPart(
        item=line.item_id,
        options=dict(line.options),
        quantity=line.quantity,
        line_id=line.id,
    )


def _item_id(product: str | Buyable) -> str:
    return product if isinstance(product, str) else item_id_of(product)


def _condition(adjustment: Adjustment) -> ShownCondition:
    # Not the rule, whose parameters may say more than the shop wants to.
    return ShownCondition(
        name=adjustment.name,
        type=adjustment.type,
        value=adjustment.value,
        base=_amount(adjustment.base),
        amount=_amount(adjustment.amount),
        contained=None
        if adjustment.contained is None
        else _amount(adjustment.contained),
        code=adjustment.code,
        reason=get_state().loaders.reason_of(adjustment),
    )


def _shipping(option: ShippingOption) -> ShownShipping:
    return ShownShipping(
        name=option.name,
        price=_amount(option.price),
        is_chosen=option.is_chosen,
        is_available=option.is_available,
        code=option.code,
        reason=get_state().loaders.reason_of(option),
    )


def _tender(tender: Adjustment) -> ShownTender:
    return ShownTender(
        name=tender.name,
        amount=_amount(tender.amount),
        left=None if tender.left is None else _amount(tender.left),
        code=tender.code,
        reason=get_state().loaders.reason_of(tender),
    )


def _taxes(taxes: t.Iterable[Tax]) -> list[ShownTax]:
    return [
        ShownTax(
            name=each.name,
            rate=each.rate,
            base=_amount(each.base),
            amount=_amount(each.amount),
            included=each.included,
        )
        for each in taxes
    ]


def _amount(money: Money) -> str:
    return f"{money.amount:f}"


def _next_steps(cart: ShownCart) -> list[ShownAction]:
    base = url_for("cart.show", instance=cart.instance)
    possible = _possible(cart)
    steps = [
        ShownAction(
            name=route.view,
            method=route.method,
            href=base.removesuffix("/") + template,
            instance=cart.instance,
        )
        for route, template in _STEPS
        if route.view in possible
    ]
    others = [
        ShownAction(
            name="show",
            method="GET",
            href=url_for("cart.show", instance=name),
            instance=name,
        )
        for name in get_state().settings.all_instances
        if name != cart.instance
    ]

    return steps + others


def _possible(cart: ShownCart) -> set[str]:
    settings = get_state().settings
    possible = {"show", "add", "add_many"}

    if cart.lines:
        possible |= _WITH_LINES
        possible -= {"move"} if not settings.instances else set()

        if cart.instance == "default":
            possible.add("add_coupon")

    if cart.removed:
        possible.add("restore")

    if any(each.is_available for each in cart.shipping_options):
        possible.add("choose_shipping")

    if cart.shipping is not None:
        possible.add("clear_shipping")

    if cart.coupons:
        possible.add("remove_coupon")

    if settings.client_metadata:
        possible.add("set_metadata")

    return possible
