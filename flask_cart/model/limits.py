"""Limits: what keeps one cart from growing without bounds.

A limit refuses what goes further over it, never what is there already: a shop that
lowers a limit must not lock its shoppers out of their carts. What comes from another
cart goes further.
"""

from __future__ import annotations

import typing as t

import msgspec

from .document import Document
from .errors import CartLimitError
from .errors import CartTooLargeError
from .lines import Line
from .options import option_values


class Limits(msgspec.Struct, frozen=True):
    """The greatest values that one cart may reach.

    :param items: Lines in a cart.
    :param quantity: The quantity of one line.
    :param data_bytes: The stored size.
    :param string_length: Characters of an id, name, type, option, code or metadata key.
    :param coupons: Codes of coupons. A further one is not refused, it takes the place
        of the oldest.
    """

    items: int = 1000
    quantity: int = 10_000
    data_bytes: int = 2**20
    string_length: int = 255
    coupons: int | None = None


def check_limits(before: Document, after: Document, limits: Limits) -> None:
    """Refuse a change that goes over a limit.

    :raises CartLimitError: If it does.
    """
    count = len(after.lines)

    if count > max(limits.items, len(before.lines)):
        raise CartLimitError(
            f"A cart holds at most {limits.items} lines, this would make {count}.",
            limit=limits.items,
            given=count,
        )

    unchanged = {id(line) for line in before.lines}

    for line in after.lines:
        if id(line) not in unchanged:
            _check_line(line, before.line(line.id), limits)

    for condition in after.conditions:
        if condition not in before.conditions:
            _check_strings({condition.name, condition.type}, limits)

    _check_strings(after.metadata.keys() - before.metadata.keys(), limits)
    _check_strings({*after.coupons} - {*before.coupons}, limits)

    if after.shipping is not None and after.shipping != before.shipping:
        _check_strings({after.shipping}, limits)


def check_size(before: int, after: int, limits: Limits) -> None:
    """Refuse a change that makes the stored text too large.

    :param before: The size of the stored text in bytes.
    :param after: The size that it would have.
    :raises CartTooLargeError: If it does.
    """
    if after > max(limits.data_bytes, before):
        raise CartTooLargeError(
            f"A cart is stored in at most {limits.data_bytes} bytes, this would take"
            f" {after}.",
            limit=limits.data_bytes,
            given=after,
        )


def _check_line(line: Line, before: Line | None, limits: Limits) -> None:
    quantity_before = before.quantity if before is not None else 0

    if line.quantity > max(limits.quantity, quantity_before):
        raise CartLimitError(
            f"A line holds at most {limits.quantity} of an item, this would make"
            f" {line.quantity} of {line.item_id!r:.80}.",
            limit=limits.quantity,
            given=line.quantity,
        )

    known = _strings(before) if before is not None else set()
    _check_strings(_strings(line) - known, limits)


def _strings(line: Line) -> set[str]:
    """All texts of a line that a limit is on."""
    conditions = (text for each in line.conditions for text in (each.name, each.type))

    values = (text for each in line.options.values() for text in option_values(each))

    return {line.item_id, line.name, *line.options, *values, *conditions}


def _check_strings(strings: t.Iterable[str], limits: Limits) -> None:
    for string in strings:
        if len(string) > limits.string_length:
            raise CartLimitError(
                "An id, name, type, option, code or metadata key has at most"
                f" {limits.string_length} characters, this one has {len(string)}:"
                f" {string[:40]!r}.",
                limit=limits.string_length,
                given=len(string),
            )
