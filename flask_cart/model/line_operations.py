"""Operations on lines: changes of one line of a cart, as data."""

from __future__ import annotations

import types
import typing as t

from moneyed import Money
from msgspec.structs import replace

from .conditions import Condition
from .document import Document
from .errors import InvalidItemError
from .events import Event
from .events import ItemAdded
from .events import ItemConditionAdded
from .events import ItemConditionRemoved
from .events import ItemRemoved
from .events import ItemUpdated
from .lines import Line
from .lines import check_quantity
from .lines import make_line
from .money import MoneyLike
from .money import price_in
from .operations import Applied
from .operations import Limited
from .operations import Reapplied
from .operations import StaleError
from .operations import left_with
from .operations import line_gone
from .operations import put_condition
from .operations import same
from .products import Buyable
from .products import price_of
from .stock import terms_of
from .values import freeze_dict
from .values import refused_as
from .values import whole_number

OnExisting = t.Literal["merge", "replace", "error"]

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
            lines = (*document.lines, line)

            return replace(document, lines=lines), (ItemAdded(line=line),)

        if self.on_existing == "error":
            raise InvalidItemError(
                f"The item {line.item_id!r:.80} is in the cart already."
            )

        if self.on_existing == "replace":
            return _put_line(document, existing, line)

        merged = replace(
            existing,
            name=line.name,
            unit_amount=line.unit_amount,
            quantity=existing.quantity + line.quantity,
        )

        return _put_line(document, existing, merged)


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
            return _drop_line(document, line)

        return _put_line(document, line, replace(line, **self.changes))


def make_addition(
    product: Buyable | str | int,
    quantity: int,
    currency: t.Callable[[], str],
    *,
    name: str | None,
    price: MoneyLike | None,
    options: t.Mapping[str, t.Any] | None,
    attributes: t.Mapping[str, t.Any] | None,
    on_existing: OnExisting,
) -> AddLine:
    """What adds an item to a cart.

    :param currency: Tells that of the cart. It is asked only if it has to be known.
    :raises InvalidItemError: If anything about the item is not valid.
    """
    if on_existing not in t.get_args(OnExisting):
        raise InvalidItemError(
            f"on_existing must be one of {', '.join(t.get_args(OnExisting))}, not"
            f" {on_existing!r:.40}."
        )

    terms = None

    if isinstance(product, Buyable):
        terms = terms_of(product)
        price = price_of(product, currency) if price is None else price

    price_currency = price.currency.code if isinstance(price, Money) else None
    line = make_line(
        product,
        quantity,
        price_currency,
        name=name,
        price=price,
        options=options,
        attributes=attributes,
    )

    return AddLine(line, on_existing, terms=terms)


def make_update(
    line: Line,
    currency: str,
    *,
    quantity: int | types.EllipsisType,
    name: str | None,
    price: MoneyLike | None,
    attributes: t.Mapping[str, t.Any] | None,
) -> UpdateLine:
    """What sets fields of a line; what is ``None`` stays, a quantity that is ``...``.

    :raises InvalidItemError: If a value is not valid.
    """
    changes: dict[str, t.Any] = {}

    opening = f"The item {line.item_id!r} cannot be changed: "

    with refused_as(InvalidItemError, opening):
        if quantity is not ...:
            changes["quantity"] = check_quantity(quantity, at_least=0)

        if name is not None:
            changes["name"] = name

        if price is not None:
            changes["unit_amount"] = price_in(currency, price)

        if attributes is not None:
            changes["attributes"] = freeze_dict(attributes, "The attributes")

    asks = line.product_id if changes.get("quantity") else None

    return UpdateLine(line, changes, asks=asks)


class IncrementLine(Limited, frozen=True):
    """Add to the quantity of a line; at zero or below the line is removed."""

    line_id: str
    by: int

    def apply(self, document: Document) -> Applied:
        line = document.line(self.line_id)

        if line is None:
            if self.by < 0:
                return document, ()

            raise line_gone(self.line_id, increment=self.by)

        quantity = line.quantity + self.by

        if quantity <= 0:
            return _drop_line(document, line)

        return _put_line(document, line, replace(line, quantity=quantity))


def make_increment(line: Line, by: int) -> IncrementLine:
    """What adds to the quantity of a line.

    :raises InvalidItemError: If it is no number.
    """
    return IncrementLine(line.id, whole_number(by, "A quantity"), asks=line.product_id)


class RemoveLine(Reapplied, frozen=True):
    """Remove a line, if it is there."""

    line_id: str

    def apply(self, document: Document) -> Applied:
        line = document.line(self.line_id)

        return (document, ()) if line is None else _drop_line(document, line)


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

        return _with_line(document, changed), (*removed, added)


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

        return _with_line(document, changed), (event,)


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

    return _with_line(document, line), (event,)


def _with_line(document: Document, line: Line) -> Document:
    lines = tuple(line if each.id == line.id else each for each in document.lines)

    return replace(document, lines=lines)


def _drop_line(document: Document, line: Line) -> Applied:
    lines = tuple(each for each in document.lines if each is not line)

    return left_with(document, lines), (ItemRemoved(line=line),)


def _shown(line: Line, changes: t.Iterable[str]) -> dict[str, str]:
    return {_NAMES.get(name, name): str(getattr(line, name)) for name in changes}
