"""The representation: a cart as JSON, and the ETag that identifies it."""

from __future__ import annotations

import hashlib
import typing as t

import msgspec
from moneyed import Money

from ..app.current import get_state
from ..app.shopper import offered_shipping
from ..carts.cart import Cart
from ..model.products import Chosen
from ..pricing.shipping import ShippingOption
from ..pricing.taxes import Tax
from ..pricing.totals import Adjustment
from ..pricing.totals import LineTotals

_Amount = t.Annotated[
    str,
    msgspec.Meta(
        description="In major units of the currency.",
        pattern=r"^-?[0-9]+([.][0-9]+)?$",
    ),
]
_Count = t.Annotated[int, msgspec.Meta(ge=0)]
# More than 32 bits, and no more than numbers of JavaScript have.
_Version = t.Annotated[
    int, msgspec.Meta(ge=0, le=2**53 - 1, extra_json_schema={"format": "int64"})
]
# Without that, generated clients know of no key in it.
_Anything = t.Annotated[
    dict[str, t.Any], msgspec.Meta(extra_json_schema={"additionalProperties": True})
]


class ShownTax(msgspec.Struct, frozen=True):
    """What a tax comes to, and of what; if it is included, of what contains it."""

    name: str
    rate: str
    base: _Amount
    amount: _Amount
    included: bool


class ShownCondition(msgspec.Struct, frozen=True):
    """What a condition does to a cart or a line, or why it does nothing.

    What the prices contain of a tax changes no amount.
    """

    name: str
    type: str
    value: str
    base: _Amount
    amount: _Amount
    contained: _Amount | None
    code: str
    reason: str


class ShownTender(msgspec.Struct, frozen=True):
    """What a gift card pays of the total, and what is left on it, or why it does not.

    Nothing is said of what is left where it cannot be used.
    """

    name: str
    amount: _Amount
    left: _Amount | None
    code: str
    reason: str


class ShownLine(msgspec.Struct, frozen=True):
    """A line of a cart."""

    id: str
    item: str
    name: str
    quantity: _Count
    options: dict[str, Chosen]
    price: _Amount
    unit_price: _Amount
    subtotal_without_conditions: _Amount
    subtotal: _Amount
    conditions: list[ShownCondition]
    taxes: list[ShownTax]


class ShownShipping(msgspec.Struct, frozen=True):
    """A shipping method, what it costs for the cart, or why it cannot be chosen."""

    name: str
    price: _Amount
    is_chosen: bool
    is_available: bool
    code: str
    reason: str


class ShownCart(msgspec.Struct, frozen=True):
    """What a shopper may see of a cart."""

    instance: str
    version: _Version
    currency: str
    quantity: _Count
    lines: list[ShownLine]
    conditions: list[ShownCondition]
    coupons: tuple[str, ...]
    shipping: str | None
    shipping_options: list[ShownShipping]
    subtotal_without_conditions: _Amount
    subtotal: _Amount
    savings: _Amount
    taxes: list[ShownTax]
    total: _Amount
    tenders: list[ShownTender]
    due: _Amount
    metadata: _Anything


class ShownProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Why something was not done: a problem document of RFC 9457.

    After a conflict it comes with the cart as it is now.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str
    cart: ShownCart | msgspec.UnsetType = msgspec.UNSET
    line_id: str | msgspec.UnsetType | None = msgspec.UNSET
    differs: _Anything | msgspec.UnsetType = msgspec.UNSET


def show_cart(cart: Cart, instance: str | None = None) -> ShownCart:
    """What a shopper may see of a cart.

    :param instance: Which of the shopper's carts it is, if the cart cannot know.
    """
    totals = cart.totals
    shown_keys = get_state().settings.client_metadata

    return ShownCart(
        instance=instance or (cart.key.instance if cart.key else "default"),
        version=cart.version,
        currency=totals.currency,
        quantity=totals.quantity,
        lines=[_line(each) for each in totals.lines],
        conditions=[_condition(each) for each in totals.adjustments],
        coupons=tuple(cart.coupons),
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
    )


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


def _line(line: LineTotals) -> ShownLine:
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
    )


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
