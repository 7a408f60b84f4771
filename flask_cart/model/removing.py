"""Removing: a line leaves a cart, which remembers it for a while, to put it back.

So a line comes back as it was, with its price, attributes and conditions, and nobody
has to be trusted with what these were.
"""

from __future__ import annotations

import typing as t
from typing import ClassVar

import msgspec
from msgspec import UNSET
from msgspec import UnsetType
from msgspec.structs import replace

from .document import Cleared
from .document import Document
from .document import RemovedLine
from .document import emptied
from .document import left_with
from .events import CartCleared
from .events import ConditionAdded
from .events import CouponAdded
from .events import Event
from .events import ItemAdded
from .events import ItemRemoved
from .events import MetadataAdded
from .events import ShippingChosen
from .lines import Line
from .operations import Applied
from .operations import Limited
from .operations import Reapplied
from .operations import line_gone
from .values import FrozenDict

#: How many lines a cart remembers.
MAX_REMOVED: t.Final = 3


class RemoveLine(Reapplied, frozen=True):
    """Remove a line, if it is there."""

    line_id: str

    def apply(self, document: Document) -> Applied:
        line = document.line(self.line_id)

        return (document, ()) if line is None else remove_line(document, line)


class Clear(msgspec.Struct, frozen=True):
    """Remove all that the shopper saw."""

    reapplies: ClassVar[bool] = False

    def apply(self, document: Document) -> Applied:
        content: dict[str, t.Any] = {
            "lines": document.lines,
            "conditions": document.conditions,
            "metadata": document.metadata,
            "coupons": document.coupons,
            "shipping": document.shipping,
        }

        if not any(content.values()):
            return document, ()

        after = replace(emptied(document), cleared=Cleared(**content))

        return after, (CartCleared(**content),)


class RestoreLine(Limited, frozen=True):
    """Put a line back that was removed, if it is not there."""

    line_id: str

    def apply(self, document: Document) -> Applied:
        if document.line(self.line_id) is not None:
            return document, ()

        line = removed_line(document, self.line_id)

        if line is None:
            raise line_gone(self.line_id, restored=True)

        return _put_back(document, line, line)


class RestoreAll(Limited, frozen=True):
    """Put back what was in a cart before it was emptied, beside what is there."""

    def apply(self, document: Document) -> Applied:
        cleared = document.cleared

        if cleared is UNSET:
            return document, ()

        lines = [e for e in cleared.lines if document.line(e.id) is None]
        there = [e for e in cleared.conditions if document.condition(e.name) is None]
        notes = {
            k: v for k, v in cleared.metadata.items() if k not in document.metadata
        }
        coupons = [each for each in cleared.coupons if each not in document.coupons]
        shipping = document.shipping or cleared.shipping
        after = replace(
            document,
            lines=(*lines, *document.lines),
            conditions=(*there, *document.conditions),
            metadata=FrozenDict({**notes, **document.metadata}),
            coupons=(*coupons, *document.coupons),
            shipping=shipping,
            cleared=UNSET,
        )
        events: list[Event] = [ItemAdded(line=each) for each in lines]
        events += [ConditionAdded(condition=each) for each in there]
        events += [MetadataAdded(key=k, value=v) for k, v in notes.items()]
        events += [CouponAdded(code=each) for each in coupons]

        if shipping != document.shipping:
            events.append(ShippingChosen(method=shipping))

        return after, tuple(events)


def come_back(document: Document, line: Line, source: str) -> Applied | None:
    """The document with a line that was moved away, in its place; ``None`` if it has
    none here.

    :param source: The cart that it comes from.
    """
    away = (each.line for each in document.removed if each.to == source)
    known = next((each for each in away if each.id == line.id), None)

    if known is None or document.line(line.id) is not None:
        return None

    return _put_back(document, known, line)


def _put_back(document: Document, known: Line, line: Line) -> Applied:
    """The document with a line in the place of one that it remembers."""
    others = tuple(each for each in document.removed if each.line is not known)
    gone = {each.line.id for each in others}
    lines = tuple(
        line if each is known else each
        for each in _all_lines(document)
        if each.id not in gone
    )

    return replace(document, lines=lines, removed=others), (ItemAdded(line=line),)


def removed_line(document: Document, line_id: str) -> Line | None:
    """A line that was removed and can be put back, if it is remembered."""
    return next((each for each in document.restorable if each.id == line_id), None)


def remove_line(document: Document, line: Line, to: str | UnsetType = UNSET) -> Applied:
    """The document without a line, which it remembers.

    :param to: The cart that it was moved to.
    """
    place = _all_lines(document).index(line)
    after, events = drop_line(document, line)
    after = replace(after, removed=(*document.removed, RemovedLine(line, place, to)))

    while len(after.removed) > MAX_REMOVED:
        after = forget_line(after, after.removed[0])

    return after, events


def drop_line(document: Document, line: Line) -> Applied:
    """The document without a line."""
    lines = tuple(each for each in document.lines if each is not line)

    return left_with(document, lines), (ItemRemoved(line=line),)


def forget_line(document: Document, removed: RemovedLine) -> Document:
    """The document without what it remembers of a line."""
    others = (each for each in document.removed if each is not removed)

    return replace(
        document,
        removed=tuple(
            replace(each, place=each.place - (each.place > removed.place))
            for each in others
        ),
    )


def _all_lines(document: Document) -> list[Line]:
    """The lines, and those that were removed, all in their places."""
    lines = list(document.lines)

    for each in sorted(document.removed, key=lambda each: each.place):
        lines.insert(each.place, each.line)

    return lines
