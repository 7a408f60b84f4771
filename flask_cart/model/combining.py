"""Combining: what of one cart is put into another that has something already."""

from __future__ import annotations

import typing as t

from msgspec.structs import replace

from .conditions import SHIPPING
from .conditions import Condition
from .document import Content
from .document import Document
from .errors import InvalidItemError
from .events import Event
from .lines import Line
from .operations import AddCondition
from .operations import AddCoupons
from .operations import AddItemCondition
from .operations import AddLine
from .operations import Applied
from .operations import ChooseShipping
from .operations import Operation
from .operations import RemoveCondition
from .operations import SetMetadata
from .operations import apply_all
from .values import FrozenDict


def in_currency(document: Document, currency: str) -> Document:
    """The document, ready for lines of this currency.

    :raises InvalidItemError: If it has amounts of another one.
    """
    if currency == document.currency:
        return document

    if document.lines or document.conditions:
        raise InvalidItemError(
            f"What is in {currency} cannot be added to or merged into a cart in"
            f" {document.currency}."
        )

    return replace(document, currency=currency)


def ready_for(document: Document, content: Document | Content) -> Document:
    """The document, ready for what is in another cart.

    :raises InvalidItemError: If both have amounts, of different currencies.
    """
    has_amounts = content.lines or content.conditions

    if not has_amounts and (document.lines or document.conditions):
        return document

    return in_currency(document, content.currency)


def take_over(document: Document, line: Line) -> Applied:
    """Add a line of another cart.

    If there is one already, it keeps its name, price, attributes and conditions, and
    gets the conditions that it does not have.
    """
    existing = document.line(line.id)

    if existing is None:
        return AddLine(line).apply(document)

    more = replace(existing, quantity=existing.quantity + line.quantity)
    document, events = AddLine(more, "replace").apply(document)
    document, happened = add_item_conditions(document, line)

    return document, (*events, *happened)


def add_item_conditions(
    document: Document, line: Line, *, replaces: bool = False
) -> Applied:
    """Add the conditions that a line has and this cart's line has not.

    :param replaces: Whether they replace those of the same name.
    """
    existing = document.line(line.id)
    events: list[Event] = []

    if existing is None:
        return document, ()

    for condition in line.conditions if replaces else _missing(existing, line):
        document, happened = AddItemCondition(line.id, condition).apply(document)
        events.extend(happened)

    return document, tuple(events)


def add_rest(
    document: Document,
    content: Document | Content,
    replaces: bool = False,
    max_coupons: int | None = None,
) -> Applied:
    """Add what another cart has beside its lines, and this one has not.

    :param replaces: Whether it replaces what has the same name, and the shipping.
    :param max_coupons: How many coupons there are then: the last, as if those of the
        other cart had been noted after those of this one.
    """
    takes_shipping = replaces or not _has_shipping(document)
    conditions = (
        each
        for each in content.conditions
        if (replaces or document.condition(each.name) is None)
        and (takes_shipping or each.type != SHIPPING)
    )
    metadata = {
        key: value
        for key, value in content.metadata.items()
        if replaces or key not in document.metadata
    }
    rest: list[Operation] = [
        *map(AddCondition, conditions),
        SetMetadata(FrozenDict(metadata)),
        AddCoupons(content.coupons, max_coupons),
    ]

    if takes_shipping and content.shipping is not None:
        rest.append(ChooseShipping(content.shipping))

    return apply_all(document, rest)


def _has_shipping(content: Document | Content) -> bool:
    """Whether it is said how a cart is sent."""
    is_flat = any(each.type == SHIPPING for each in content.conditions)

    return is_flat or content.shipping is not None


def put_conditions(document: Document, conditions: t.Collection[Condition]) -> Applied:
    """Give a cart these conditions, and no others."""
    names = {each.name for each in conditions}
    gone = [each.name for each in document.conditions if each.name not in names]
    document, events = apply_all(document, map(RemoveCondition, gone))
    document, happened = apply_all(document, map(AddCondition, conditions))

    return document, (*events, *happened)


def by_name(
    first: t.Iterable[Condition], second: t.Iterable[Condition], prefers_second: bool
) -> tuple[Condition, ...]:
    """The conditions of both, one of each name."""
    found = {each.name: each for each in first}

    for each in second:
        if prefers_second or each.name not in found:
            found[each.name] = each

    return tuple(found.values())


def united(
    first: t.Collection[Condition],
    second: t.Collection[Condition],
    prefers_second: bool,
) -> tuple[Condition, ...]:
    """The conditions of two carts: one of each name, and one cart's shipping."""
    if prefers_second:
        first = _without_rivals(first, second)
    else:
        second = _without_rivals(second, first)

    return by_name(first, second, prefers_second)


def _without_rivals(
    conditions: t.Iterable[Condition], preferred: t.Collection[Condition]
) -> list[Condition]:
    """The conditions without a shipping that others are preferred to."""
    names = {each.name for each in preferred}

    return [
        each for each in conditions if each.name in names or not meets(each, preferred)
    ]


def meets(condition: Condition, others: t.Iterable[Condition]) -> bool:
    """Whether one of the others has the same name, or is shipping, too."""
    return any(
        each.name == condition.name or each.type == condition.type == SHIPPING
        for each in others
    )


def _missing(existing: Line, line: Line) -> list[Condition]:
    """The conditions of a line that another one does not have."""
    return [each for each in line.conditions if existing.condition(each.name) is None]
