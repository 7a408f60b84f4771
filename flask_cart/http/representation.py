"""The representation: a cart as JSON, and the ETag that identifies it."""

from __future__ import annotations

import hashlib
import typing as t

import msgspec
from moneyed import Money

from ..app.current import get_state
from ..app.shopper import offered_shipping
from ..app.wording import COUPON_GONE
from ..carts.adding import AddReport
from ..carts.cart import Cart
from ..model.lines import Line
from ..model.products import Buyable
from ..model.products import item_id_of
from ..pricing.shipping import ShippingOption
from ..pricing.taxes import Tax
from ..pricing.totals import Adjustment
from ..pricing.totals import LineTotals
from .quantities import QuantityLimits
from .quantities import limits_of_lines
from .schemas import ShownCart
from .schemas import ShownCondition
from .schemas import ShownCoupon
from .schemas import ShownLimits
from .schemas import ShownLine
from .schemas import ShownPart
from .schemas import ShownReport
from .schemas import ShownShipping
from .schemas import ShownTax
from .schemas import ShownTender


def show_cart(
    cart: Cart, instance: str | None = None, report: AddReport | None = None
) -> ShownCart:
    """What a shopper may see of a cart.

    :param instance: Which of the shopper's carts it is, if the cart cannot know.
    :param report: What became of many items.
    """
    totals = cart.totals
    shown_keys = get_state().settings.client_metadata
    limits = limits_of_lines(cart)

    return ShownCart(
        instance=instance or (cart.key.instance if cart.key else "default"),
        version=cart.version,
        currency=totals.currency,
        quantity=totals.quantity,
        lines=[_line(each, limits[each.id]) for each in totals.lines],
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

    return {code: reasons.get(code, COUPON_GONE) for code in cart.coupons}


def show_limits(limits: QuantityLimits) -> ShownLimits:
    """The quantities of a line."""
    return ShownLimits(**limits._asdict())


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
        price=_amount(line.price),
        unit_price=_amount(line.unit_price),
        subtotal_without_conditions=_amount(line.subtotal_without_conditions),
        subtotal=_amount(line.subtotal),
        conditions=[_condition(each) for each in line.adjustments],
        taxes=_taxes(line.taxes),
        limits=show_limits(limits),
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
