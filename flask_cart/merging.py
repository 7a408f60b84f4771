"""Merging: the content of one cart taken over into another."""

from __future__ import annotations

import typing as t

from msgspec.structs import replace

from .cart import Cart
from .document import Document
from .document import MergedCart
from .errors import CartConflictError
from .errors import InvalidItemError
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
from .values import fingerprint

#: How many merged carts a cart remembers, so that none is merged twice.
REMEMBERED: t.Final = 5

#: How often a cart that keeps changing while it is merged is looked at again.
MAX_ROUNDS: t.Final = 10


class MergeDocument(Reapplied, frozen=True):
    """Add all that is in another cart, and was not added before.

    Quantities are added up, within the limits. Where both carts have a condition or
    metadata of the same name, this cart keeps its own.

    :param source: The content of the other cart.
    :param owner: The owner of the other cart.
    :param source_id: Identifies the other cart.
    :param limits: What the result is cut down to.
    """

    source: Document
    owner: str
    source_id: str
    limits: Limits

    def apply(self, document: Document) -> Applied:
        result = self._in_one_currency(document)
        before = self._merged_before(document)
        events: list[Event] = []
        taken: list[Line] = []
        left_out: list[Line] = []

        for line in self.source.lines:
            more = line.quantity - before.get(line.id, 0)
            quantity = self._room_for(line, more, result)

            if quantity:
                taken.append(replace(line, quantity=quantity))
                result, happened = _add_line(result, taken[-1])
                events.extend(happened)

            if quantity < more:
                left_out.append(replace(line, quantity=more - quantity))

            result, happened = _add_conditions(result, line)
            events.extend(happened)

        for condition in self.source.conditions:
            if result.condition(condition.name) is None:
                result, happened = AddCondition(condition).apply(result)
                events.extend(happened)

        values = {
            key: value
            for key, value in self.source.metadata.items()
            if key not in result.metadata
        }
        result, happened = SetMetadata(FrozenDict(values)).apply(result)
        events.extend(happened)

        if not events and not left_out:
            return document, ()

        events.append(
            CartMerged(source=self.owner, lines=tuple(taken), left_out=tuple(left_out))
        )

        return self._remembered(result, before), tuple(events)

    def _in_one_currency(self, document: Document) -> Document:
        if self.source.currency == document.currency:
            return document

        if document.lines or document.conditions:
            raise InvalidItemError(
                f"A cart in {self.source.currency} cannot be merged into one in"
                f" {document.currency}."
            )

        return replace(document, currency=self.source.currency)

    def _merged_before(self, document: Document) -> dict[str, int]:
        """The quantities of the other cart that were merged before, by line."""
        for merged in document.merged:
            if merged.source == self.source_id:
                return merged.quantities

        return {}

    def _remembered(self, document: Document, before: dict[str, int]) -> Document:
        """The document with a record of what is merged now.

        Also of what was left out, or the next login would try again.
        """
        quantities = {
            line.id: max(line.quantity, before.get(line.id, 0))
            for line in self.source.lines
        }
        record = MergedCart(self.source_id, {**before, **quantities})
        others = [each for each in document.merged if each.source != self.source_id]

        return replace(document, merged=(*others, record)[-REMEMBERED:])

    def _room_for(self, line: Line, more: int, document: Document) -> int:
        """How many more of a line can be taken over."""
        existing = document.line(line.id)

        if existing is None and len(document.lines) >= self.limits.items:
            return 0

        room = self.limits.quantity - (existing.quantity if existing else 0)

        return max(0, min(more, room))


def _add_line(document: Document, line: Line) -> Applied:
    existing = document.line(line.id)

    if existing is not None:
        # The name and price that this cart has are as good as those of the other.
        line = replace(line, name=existing.name, price=existing.price)

    return AddLine(line).apply(document)


def _add_conditions(document: Document, line: Line) -> Applied:
    """Add the conditions that a line has and this cart's line has not."""
    existing = document.line(line.id)
    events: list[Event] = []

    for condition in line.conditions:
        if existing is not None and existing.condition(condition.name) is None:
            add = AddItemCondition(line.id, condition)
            document, happened = add.apply(document)
            events.extend(happened)

    return document, tuple(events)


def merge(source: Cart, target: Cart, limits: Limits) -> None:
    """Take over what is in one cart into another, and delete the first.

    What somebody adds to the first one meanwhile is taken over, too.

    :param source: The cart that is emptied.
    :param target: The cart that gets its content.
    :param limits: What the target may reach.
    :raises CartConflictError: If the source does not stop changing.
    :raises InvalidItemError: If they are in different currencies. Both stay.
    """
    if source.key is None or source.key == target.key or not source.version:
        return

    for _ in range(MAX_ROUNDS):
        content = source.document
        source_id = _source_id(source.key, content)
        target.apply(MergeDocument(content, source.key.owner, source_id, limits))

        try:
            source.destroy()
        except CartConflictError as error:
            conflict = error
        else:
            return

    raise conflict


def _source_id(key: CartKey, document: Document) -> str:
    """Identifies a cart from its first version to its last.

    A cart that was made anew under the same key is another one. It is a hash, so that
    it does not give away the token of a guest.
    """
    return fingerprint(key.owner, key.instance, document.created_at)[:20]
