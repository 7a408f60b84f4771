"""Operations on lines: changes of one line of a cart, as data."""

from __future__ import annotations

import typing as t

from msgspec import UNSET
from msgspec import UnsetType
from msgspec.structs import replace

from .conditions import Condition
from .document import Document
from .errors import InvalidItemError
from .events import Event
from .events import ItemAdded
from .events import ItemConditionAdded
from .events import ItemConditionRemoved
from .events import ItemUpdated
from .limits import Limits
from .limits import allowed
from .limits import by_item
from .lines import Line
from .lines import count_of
from .lines import refreshed
from .operations import Applied
from .operations import Limited
from .operations import Reapplied
from .operations import StaleError
from .operations import apply_all
from .operations import line_gone
from .operations import put_condition
from .operations import same
from .removing import drop_line
from .removing import forget_line
from .removing import remove_line

OnExisting = t.Literal["merge", "replace", "error"]

#: The same, as values.
ON_EXISTING: t.Final[tuple[str, ...]] = t.get_args(OnExisting)

#: What the fields of a line are called by those who set them.
_NAMES: t.Final = {"unit_amount": "price"}


class AddLine(Limited, frozen=True):
    """Add a line, or its quantity to the one that is there.

    :param line: It may have no currency; then it has that of the cart.
    """

    line: Line
    on_existing: OnExisting = "merge"

    def apply(self, document: Document) -> Applied:
        line = self.line

        if not line.currency:
            line = replace(line, currency=document.currency)
        elif line.currency != document.currency:
            raise InvalidItemError(
                f"The item {line.item_id!r:.80} is not valid: The price is in"
                f" {line.currency}, the cart in {document.currency}."
            )

        existing = document.line(line.id)

        if existing is None:
            document = replace(document, lines=(*document.lines, line))
            removed = (each for each in document.removed if each.line.id == line.id)

            for each in removed:
                # There is nothing to be put back any more.
                document = forget_line(document, each)

            return document, (ItemAdded(line=line),)

        if self.on_existing == "error":
            raise InvalidItemError(
                f"The item {line.item_id!r:.80} is in the cart already."
            )

        if self.on_existing == "replace":
            return _put_line(document, existing, line)

        return _put_line(document, existing, _merged(existing, line))


class AddLines(Limited, frozen=True):
    """Add so many of each line as there may be.

    :param limits: What the cart may reach.
    :param counts: Gets how many of each line that was, when it was last applied.
    """

    lines: tuple[Line, ...]
    limits: Limits
    counts: list[int]

    def apply(self, document: Document) -> Applied:
        self.counts.clear()
        terms = by_item(self.terms)
        events: list[Event] = []

        for line in self.lines:
            now = count_of(document.line(line.id))
            wanted = now + line.quantity
            most = allowed(document, line, wanted, self.limits, terms)
            self.counts.append(most - now)

            if most > now:
                more = AddLine(replace(line, quantity=most - now))
                document, happened = more.apply(document)
                events.extend(happened)

        return document, tuple(events)


class UpdateLine(Limited, frozen=True):
    """Set fields of a line that the shopper saw as ``seen``."""

    seen: Line
    changes: dict[str, t.Any]

    def apply(self, document: Document) -> Applied:
        line = document.line(self.seen.id)

        if line is None or not same(line, self.seen):
            raise StaleError(
                self.seen.id,
                {
                    "seen": _shown(self.seen, self.changes),
                    "stored": _shown(line, self.changes) if line else None,
                    "wanted": {
                        _NAMES.get(k, k): str(v) for k, v in self.changes.items()
                    },
                },
            )

        if self.changes.get("quantity") == 0:
            return remove_line(document, line)

        return _put_line(document, line, replace(line, **self.changes))


class IncrementLine(Limited, frozen=True):
    """Add to the quantity of a line; at zero or below the line is removed.

    :param remembers: Whether it can be put back then.
    :param to: The cart that it is moved to, and may come back from.
    """

    line_id: str
    by: int
    remembers: bool = True
    to: str | UnsetType = UNSET

    def apply(self, document: Document) -> Applied:
        line = document.line(self.line_id)

        if line is None:
            if self.by < 0:
                return document, ()

            raise line_gone(self.line_id, increment=self.by)

        quantity = line.quantity + self.by

        if quantity <= 0:
            if not self.remembers:
                return drop_line(document, line)

            return remove_line(document, line, self.to)

        return _put_line(document, line, replace(line, quantity=quantity))


class AddItemCondition(Reapplied, frozen=True):
    """Add a condition to a line, in place of one of the same name."""

    line_id: str
    condition: Condition

    def apply(self, document: Document) -> Applied:
        line = document.line(self.line_id)

        if line is None:
            raise line_gone(self.line_id, condition=self.condition.name)

        conditions, gone = put_condition(line.conditions, self.condition)

        if same(gone, (self.condition,)):
            return document, ()

        changed = replace(line, conditions=conditions)
        removed = (ItemConditionRemoved(line=changed, condition=each) for each in gone)
        added = ItemConditionAdded(line=changed, condition=self.condition)

        return _with_line(document, line, changed), (*removed, added)


class RemoveItemCondition(Reapplied, frozen=True):
    """Remove a condition of a line, if both are there."""

    line_id: str
    name: str

    def apply(self, document: Document) -> Applied:
        line = document.line(self.line_id)
        condition = line.condition(self.name) if line is not None else None

        if line is None or condition is None:
            return document, ()

        conditions = tuple(c for c in line.conditions if c is not condition)
        changed = replace(line, conditions=conditions)
        event = ItemConditionRemoved(line=changed, condition=condition)

        return _with_line(document, line, changed), (event,)


def put_lines(document: Document, lines: t.Iterable[Line]) -> Applied:
    """Put lines in the places of those of the same ids."""
    events: list[Event] = []

    for line in lines:
        previous = t.cast(Line, document.line(line.id))
        document, happened = _put_line(document, previous, line)
        events.extend(happened)

    return document, tuple(events)


def _put_line(document: Document, previous: Line, line: Line) -> Applied:
    if same(line, previous):
        return document, ()

    event = ItemUpdated(
        line=line, previous=previous, quantity_delta=line.quantity - previous.quantity
    )

    return _with_line(document, previous, line), (event,)


def _with_line(document: Document, previous: Line, line: Line) -> Document:
    lines = document.lines
    place = lines.index(previous)

    return replace(document, lines=(*lines[:place], line, *lines[place + 1 :]))


def _shown(line: Line, changes: t.Iterable[str]) -> dict[str, str]:
    return {_NAMES.get(name, name): str(getattr(line, name)) for name in changes}


def in_currency(document: Document, currency: str) -> Document:
    """The document, ready for lines of this currency.

    :raises InvalidItemError: If it has amounts of another one.
    """
    if currency == document.currency:
        return document

    if document.has_amounts:
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


def _merged(line: Line, more: Line) -> Line:
    """A line and more of it; what was agreed upon stays."""
    is_agreed = line.is_pinned and not more.is_pinned
    quantity = line.quantity + more.quantity

    if more.product_ref is not None:
        ref = replace(more.product_ref, is_pinned=line.is_pinned or more.is_pinned)
        line = refreshed(line, more.given_attributes, ref)

    return replace(
        line,
        name=more.name,
        unit_amount=line.unit_amount if is_agreed else more.unit_amount,
        quantity=quantity,
    )
