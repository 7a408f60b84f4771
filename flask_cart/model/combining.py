"""Combining: what of one cart is put into another that has something already."""

from __future__ import annotations

from msgspec.structs import replace

from .document import Document
from .errors import InvalidItemError
from .line_operations import AddItemCondition
from .line_operations import AddLine
from .lines import Line
from .operations import Applied
from .operations import apply_all


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

    if existing is None or not line.conditions:
        return document, ()

    return apply_all(
        document,
        [
            AddItemCondition(line.id, each)
            for each in line.conditions
            if replaces or existing.condition(each.name) is None
        ],
    )
