"""Removing: a line leaves a cart, which remembers it for a while, to put it back.

So a line comes back as it was, with its price, attributes and conditions, and nobody
has to be trusted with what these were.
"""

from __future__ import annotations

import typing as t

from msgspec.structs import replace

from .document import Document
from .document import RemovedLine
from .events import ItemAdded
from .events import ItemRemoved
from .lines import Line
from .operations import Applied
from .operations import Limited
from .operations import Reapplied
from .operations import left_with
from .operations import line_gone

#: How many lines a cart remembers.
MAX_REMOVED: t.Final = 3


class RemoveLine(Reapplied, frozen=True):
    """Remove a line, if it is there."""

    line_id: str

    def apply(self, document: Document) -> Applied:
        line = document.line(self.line_id)

        return (document, ()) if line is None else remove_line(document, line)


class RestoreLine(Limited, frozen=True):
    """Put a line back that was removed, if it is not there."""

    line_id: str

    def apply(self, document: Document) -> Applied:
        if document.line(self.line_id) is not None:
            return document, ()

        line = removed_line(document, self.line_id)

        if line is None:
            raise line_gone(self.line_id, restored=True)

        others = tuple(each for each in document.removed if each.line is not line)
        gone = {each.line.id for each in others}
        lines = tuple(each for each in _all_lines(document) if each.id not in gone)

        return replace(document, lines=lines, removed=others), (ItemAdded(line=line),)


def removed_line(document: Document, line_id: str) -> Line | None:
    """A line that was removed and can be put back, if it is remembered."""
    return next((each for each in document.restorable if each.id == line_id), None)


def remove_line(document: Document, line: Line) -> Applied:
    """The document without a line, which it remembers."""
    place = _all_lines(document).index(line)
    after, events = drop_line(document, line)
    after = replace(after, removed=(*document.removed, RemovedLine(line, place)))

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
