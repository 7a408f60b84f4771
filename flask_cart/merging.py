"""Merging: the content of one cart taken over into another."""

from __future__ import annotations

import hashlib
import typing as t

from msgspec.structs import replace

from .cart import Cart
from .document import Document
from .errors import CartConflictError
from .events import CartMerged
from .events import Event
from .items import Line
from .limits import Limits
from .operations import AddCondition
from .operations import AddItemCondition
from .operations import AddLine
from .operations import Applied
from .operations import Reapplied
from .operations import SetMetadata
from .storage.base import CartKey
from .values import FrozenDict

#: How many merged carts a cart remembers, so that none is merged twice.
REMEMBERED: t.Final = 20

#: How often a cart that keeps changing while it is merged is looked at again.
MAX_ROUNDS: t.Final = 10


class MergeDocument(Reapplied, frozen=True):
    """Add all that is in another cart.

    Quantities are added up, within the limits. Where both carts have a condition or
    metadata of the same name, this cart keeps its own.

    :param source: The content of the other cart.
    :param owner: The owner of the other cart.
    :param record: Identifies this content of the other cart; it is merged once.
    :param limits: What the result is cut down to.
    """

    source: Document
    owner: str
    record: str
    limits: Limits

    def apply(self, document: Document) -> Applied:
        if self.record in document.merged:
            return document, ()

        merged = (*document.merged, self.record)[-REMEMBERED:]
        result = replace(document, merged=merged)
        events: list[Event] = []
        taken: list[Line] = []
        left_out: list[Line] = []

        for line in self.source.lines:
            quantity = self._room_for(line, result)

            if quantity:
                taken.append(replace(line, quantity=quantity))
                result, happened = _add_line(result, taken[-1])
                events.extend(happened)

            if quantity < line.quantity:
                left_out.append(replace(line, quantity=line.quantity - quantity))

        for condition in self.source.conditions:
            if result.condition(condition.name) is None:
                result, happened = AddCondition(condition).apply(result)
                events.extend(happened)

        unknown = self.source.metadata.keys() - result.metadata.keys()
        values = {
            key: value for key, value in self.source.metadata.items() if key in unknown
        }
        result, happened = SetMetadata(FrozenDict(values)).apply(result)
        events.extend(happened)
        events.append(
            CartMerged(source=self.owner, lines=tuple(taken), left_out=tuple(left_out))
        )

        return result, tuple(events)

    def _room_for(self, line: Line, document: Document) -> int:
        """How many of a line can be taken over."""
        if self.source.currency != document.currency:
            return 0

        existing = document.line(line.id)

        if existing is None and len(document.lines) >= self.limits.items:
            return 0

        room = self.limits.quantity - (existing.quantity if existing else 0)

        return max(0, min(line.quantity, room))


def _add_line(document: Document, line: Line) -> Applied:
    existing = document.line(line.id)

    if existing is None:
        return AddLine(line).apply(document)

    # The name and price that this cart has are as good as those of the other.
    added = replace(line, name=existing.name, price=existing.price)
    result, events = AddLine(added).apply(document)

    for condition in line.conditions:
        if existing.condition(condition.name) is None:
            add = AddItemCondition(line.id, condition)
            result, happened = add.apply(result)
            events = (*events, *happened)

    return result, events


def merge(source: Cart, target: Cart, limits: Limits) -> None:
    """Take over what is in one cart into another, and delete the first.

    What somebody adds to the first one meanwhile is taken over, too.

    :param source: The cart that is emptied.
    :param target: The cart that gets its content.
    :param limits: What the target may reach.
    :raises CartConflictError: If the source does not stop changing.
    """
    if source.key is None or not source.version:
        return

    content = source.document

    for _ in range(MAX_ROUNDS):
        if content.lines or content.conditions or content.metadata:
            record = _record(source.key, source.version)
            target.apply(MergeDocument(content, source.key.owner, record, limits))

        taken_over = source.document

        try:
            source.destroy()
        except CartConflictError as error:
            conflict = error
        else:
            return

        content = _added_since(taken_over, source.document)

    raise conflict


def _added_since(before: Document, after: Document) -> Document:
    """What a cart has more of than it had before."""
    had = {line.id: line.quantity for line in before.lines}
    more = tuple(
        replace(line, quantity=line.quantity - had.get(line.id, 0))
        for line in after.lines
        if line.quantity > had.get(line.id, 0)
    )

    return replace(after, lines=more)


def _record(key: CartKey, version: int) -> str:
    # Not the owner itself, which would give away the token of a guest.
    owner = hashlib.sha256(key.owner.encode()).hexdigest()[:20]

    return f"{owner}@{version}"
