"""The schemas: what a client is told, of which the OpenAPI document is made as well.

What stands behind ``:param`` is the description of the field there.
"""

from __future__ import annotations

import typing as t

import msgspec

from ..app.problem_codes import ProblemCode
from ..model.products import Chosen

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
    """What a tax comes to, and of what; if it is included, of what contains it.

    :param name: What it is called.
    :param rate: How much it is, such as `19%`.
    :param base: The amount that it is a part of, or is added to.
    :param amount: What it comes to.
    :param included: Whether the prices contain it.
    """

    name: str
    rate: str
    base: _Amount
    amount: _Amount
    included: bool


class ShownCondition(msgspec.Struct, frozen=True):
    """What a condition does to a cart or a line, or why it does nothing.

    What the prices contain of a tax changes no amount.

    :param name: What it is called.
    :param type: What kind it is, such as `discount`, `coupon`, `shipping` or `tax`.
    :param value: What it does, such as `-10%`.
    :param base: The amount that it is about.
    :param amount: What it changes: negative for what is taken off.
    :param contained: What the prices contain of it, if they do.
    :param code: Why it does nothing, as a word for programs; empty if it does.
    :param reason: The same for people.
    """

    name: str
    type: str
    value: str
    base: _Amount
    amount: _Amount
    contained: _Amount | None
    code: str
    reason: str


class ShownCoupon(msgspec.Struct, frozen=True):
    """A coupon that the cart has noted.

    :param code: As the shop writes it, to be removed by.
    :param is_used: Whether it does something now.
    :param reason: Why it does nothing, for people; empty if it does.
    """

    code: str
    is_used: bool
    reason: str


class ShownTender(msgspec.Struct, frozen=True):
    """What a gift card pays of the total, and what is left on it, or why it does not.

    Nothing is said of what is left where it cannot be used.

    :param name: What it is called.
    :param amount: What it pays, as a negative amount.
    :param left: What is left on it after that.
    :param code: Why it pays nothing, as a word for programs; empty if it does.
    :param reason: The same for people.
    """

    name: str
    amount: _Amount
    left: _Amount | None
    code: str
    reason: str


class ShownLimits(msgspec.Struct, frozen=True):
    """The quantities in which an item can be in a line.

    :param minimum: The fewest.
    :param maximum: The most: what is left, or what a cart may have.
    :param step: What the quantity is a multiple of.
    """

    minimum: _Count
    maximum: _Count
    step: _Count


class ShownLine(msgspec.Struct, frozen=True):
    """A line of a cart.

    :param id: Names the line in addresses. It stays the same as long as the item and
        its options do.
    :param item: The id of the product.
    :param name: What the shopper reads.
    :param quantity: How many.
    :param options: What was chosen, by the names of the options.
    :param price: The price of one, before all conditions.
    :param unit_price: The price of one, with the conditions of the line.
    :param subtotal_without_conditions: All of them, before all conditions.
    :param subtotal: All of them, with the conditions of the line.
    :param conditions: What changes the price.
    :param taxes: What the line has of each tax.
    :param limits: The quantities that the line can have.
    """

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
    limits: ShownLimits


class ShownRemoved(msgspec.Struct, frozen=True):
    """A line that was removed, and comes back as it was if it is restored.

    :param id: Names the line in addresses.
    :param item: The id of the product.
    :param name: What the shopper reads.
    :param quantity: How many come back.
    :param options: What was chosen, by the names of the options.
    """

    id: str
    item: str
    name: str
    quantity: _Count
    options: dict[str, Chosen]


class ShownShipping(msgspec.Struct, frozen=True):
    """A shipping method, what it costs for the cart, or why it cannot be chosen.

    :param name: What it is chosen by.
    :param price: What it costs for this cart.
    :param is_chosen: Whether it is the one that was chosen.
    :param is_available: Whether this cart can choose it.
    :param code: Why not, as a word for programs; empty if it can.
    :param reason: The same for people.
    """

    name: str
    price: _Amount
    is_chosen: bool
    is_available: bool
    code: str
    reason: str


class ShownAction(msgspec.Struct, frozen=True):
    """Something that can be done next.

    :param name: What it is called in the OpenAPI document.
    :param method: The method of HTTP.
    :param href: The address; in braces is what is to be filled in, such as the id of a
        line.
    :param instance: Which of the carts it is done with.
    """

    name: str
    method: str
    href: str
    instance: str


class ShownPart(msgspec.Struct, frozen=True):
    """Something that was to be added, or a part of it.

    :param item: The id of the product.
    :param options: What was chosen, by the names of the options.
    :param quantity: How many.
    :param line_id: The line that it is in, or would be; null if nothing is sold.
    """

    item: str
    options: dict[str, Chosen]
    quantity: _Count
    line_id: str | None


class ShownReport(msgspec.Struct, frozen=True):
    """What became of many items that were to be added.

    :param added: What is in the cart now.
    :param short: What is not, because there are fewer left or a cart can have no more.
    :param gone: What the shop does not have, or not with these options.
    """

    added: list[ShownPart]
    short: list[ShownPart]
    gone: list[ShownPart]


class ShownCart(msgspec.Struct, frozen=True, kw_only=True):
    """What a shopper may see of a cart.

    :param instance: Which of the shopper's carts it is.
    :param version: Grows with every change.
    :param currency: The ISO 4217 code of all amounts.
    :param quantity: How many items, over all lines.
    :param lines: The lines, in the order in which they were added.
    :param removed: The lines that were removed last, and can be restored, the last one
        first; no more than three.
    :param conditions: What changes the total, in order.
    :param coupons: The coupons that are noted, and why one does nothing.
    :param shipping: The shipping method that was chosen.
    :param shipping_options: The shipping methods, with what each costs for this cart.
    :param subtotal_without_conditions: All lines, before all conditions.
    :param subtotal: All lines, with what is taken off or added before the total.
    :param savings: What the shopper saves.
    :param taxes: What each tax comes to.
    :param total: What all of it costs.
    :param tenders: What pays some of it, such as gift cards.
    :param due: What is left to be paid.
    :param metadata: The shopper's own notes, by their keys.
    :param order_token: Names what is in the cart: whoever orders the same content
        twice with it, gets one order. Empty if nothing is stored.
    :param problems: What keeps the cart from being ordered.
    :param next: What can be done next, and where.
    :param report: What became of many items; only in the answer to them.
    """

    instance: str
    version: _Version
    currency: str
    quantity: _Count
    lines: list[ShownLine]
    removed: list[ShownRemoved]
    conditions: list[ShownCondition]
    coupons: list[ShownCoupon]
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
    order_token: str
    problems: list[ShownCondition]
    next: list[ShownAction]
    report: ShownReport | msgspec.UnsetType = msgspec.UNSET


class ShownProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Why something was not done: a problem document of RFC 9457.

    After a conflict it comes with the cart as it is now.

    :param type: The address of a page about problems of this code.
    :param title: The problem, whatever the request.
    :param status: The HTTP status.
    :param code: Names the problem for programs.
    :param detail: Describes it for the shopper.
    :param params: What a program may want to know of it, such as the `limit` of a
        quantity, or the `name` and `choices` of an option.
    :param cart: The cart as it is now, of status 409 and 412.
    :param line_id: The line that both sides have changed, if it was a line.
    :param differs: The values that differ, such as what was `seen`, what is `stored`
        and what was `wanted`.
    """

    type: str
    title: str
    status: int
    code: ProblemCode
    detail: str
    params: _Anything
    cart: ShownCart | msgspec.UnsetType = msgspec.UNSET
    line_id: str | msgspec.UnsetType | None = msgspec.UNSET
    differs: _Anything | msgspec.UnsetType = msgspec.UNSET


class ShownMeaning(msgspec.Struct, frozen=True):
    """What a problem is, whatever the request.

    :param code: Names it for programs.
    :param status: The status that it is answered with.
    :param title: Names it for people.
    :param meaning: When it happens, and what a client can do.
    """

    code: ProblemCode
    status: int
    title: str
    meaning: str


class ShownItem(msgspec.Struct, frozen=True):
    """What there is to choose before an item is added.

    :param item: The id of the product.
    :param name: What the shopper reads.
    :param choices: The options that are left to the shopper, with the values of each.
    :param multiple: Those of which several values can be chosen, or none.
    :param limits: The quantities that a line can have.
    :param is_sold_out: Whether there is none left.
    """

    item: str
    name: str
    choices: dict[str, list[str]]
    multiple: list[str]
    limits: ShownLimits
    is_sold_out: bool
