"""Operations on lines: changes of one line of a cart, as data."""

from __future__ import annotations

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
from .lines import refreshed
from .lines import with_attributes
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
from .products import variant_of
from .stock import Terms
from .stock import terms_of
from .values import FrozenDict
from .values import freeze_dict
from .values import refused_as

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

        return _put_line(document, existing, _merged(existing, line))


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
            return drop_line(document, line)

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
    pinned: bool = False,
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

    item: t.Any = product
    terms: tuple[Terms, ...] = ()

    if isinstance(product, Buyable):
        item = variant = variant_of(product, options)
        terms = terms_of(variant)
        price = price_of(variant.sold, currency) if price is None else price

    price_currency = price.currency.code if isinstance(price, Money) else None
    line = make_line(
        item,
        quantity,
        price_currency,
        name=name,
        price=price,
        options=options,
        attributes=attributes,
        pinned=pinned,
    )

    return AddLine(line, on_existing, terms=terms)


def make_update(
    line: Line,
    currency: str,
    *,
    quantity: int | None = None,
    name: str | None = None,
    price: MoneyLike | None = None,
    attributes: t.Mapping[str, t.Any] | None = None,
    pinned: bool | None = None,
    seen: int | None = None,
) -> UpdateLine:
    """What sets fields of a line; what is ``None`` stays.

    :param seen: The quantity that it is to have been, if it is not this line's.
    :raises InvalidItemError: If a value is not valid.
    """
    changes: dict[str, t.Any] = {}
    line = line if seen is None else replace(line, quantity=seen)
    opening = f"The item {line.item_id!r} cannot be changed: "

    with refused_as(InvalidItemError, opening):
        if quantity is not None:
            changes["quantity"] = check_quantity(quantity, at_least=0)

        if name is not None:
            changes["name"] = name

        if price is not None:
            changes["unit_amount"] = price_in(currency, price)

        if attributes is not None:
            own = freeze_dict(attributes, "The attributes")
            changes |= _attributes_of(line, own)

    if pinned is not None:
        ref = changes.get("product_ref", line.product_ref)

        if ref is None:
            raise InvalidItemError(f"{opening}it has no product to be pinned against.")

        changes["product_ref"] = replace(ref, is_pinned=pinned)

    return UpdateLine(line, changes, asks=_with_product(line) if quantity else ())


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


def _attributes_of(line: Line, own: FrozenDict) -> dict[str, t.Any]:
    """The fields of a line with these attributes, and with those of its product."""
    given = line.given_attributes
    # Copied from the line, they are still the product's.
    changed = {k: v for k, v in own.items() if k not in given or not same(v, given[k])}
    after = with_attributes(line, changed, given, line.product_ref)
    changes: dict[str, t.Any] = {"attributes": after.attributes}

    if after.product_ref != line.product_ref:
        changes["product_ref"] = after.product_ref

    return changes


def make_increment(line: Line, by: int) -> IncrementLine:
    """What adds to the quantity of a line.

    :raises InvalidItemError: If ``by`` is not an int.
    """
    if isinstance(by, bool) or not isinstance(by, int):
        raise InvalidItemError(f"A quantity must be an int, not {by!r:.40}.")

    return IncrementLine(line.id, by, asks=_with_product(line))


def _with_product(line: Line) -> tuple[Line, ...]:
    """The line, if there is a product that can be asked about it."""
    return (line,) if line.product_ref is not None else ()


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
            return drop_line(document, line)

        return _put_line(document, line, replace(line, quantity=quantity))


class RemoveLine(Reapplied, frozen=True):
    """Remove a line, if it is there."""

    line_id: str

    def apply(self, document: Document) -> Applied:
        line = document.line(self.line_id)

        return (document, ()) if line is None else drop_line(document, line)


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


def drop_line(document: Document, line: Line) -> Applied:
    """The document without a line."""
    lines = tuple(each for each in document.lines if each is not line)

    return left_with(document, lines), (ItemRemoved(line=line),)


def _shown(line: Line, changes: t.Iterable[str]) -> dict[str, str]:
    return {_NAMES.get(name, name): str(getattr(line, name)) for name in changes}
