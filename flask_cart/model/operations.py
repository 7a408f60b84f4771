"""Operations: changes as data, which can be applied again to a fresher document.

Each one is a pure function from a document to a document and the events that lead
there. When a save loses against another one, the operations are applied to what the
other one saved. An operation that says what the shopper *saw* raises ``StaleError``
when that is no longer what is there.
"""

from __future__ import annotations

import typing as t
from decimal import Decimal
from typing import ClassVar

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from .conditions import SHIPPING
from .conditions import Condition
from .document import Document
from .errors import CartConflictError
from .events import ConditionAdded
from .events import ConditionRemoved
from .events import CouponAdded
from .events import CouponRemoved
from .events import Event
from .events import MetadataAdded
from .events import MetadataRemoved
from .events import ShippingChosen
from .limits import Terms
from .lines import Line
from .values import FrozenDict

Applied = tuple[Document, tuple[Event, ...]]


class StaleError(Exception):
    """The line that an operation is about was changed since it was seen."""

    def __init__(self, line_id: str, details: dict[str, t.Any]) -> None:
        super().__init__(line_id, details)
        self.line_id = line_id
        self.details = details


def line_gone(line_id: str, **wanted: t.Any) -> StaleError:
    """The error about a line that is not there any more."""
    return StaleError(line_id, {"stored": None, "wanted": wanted})


class Operation(t.Protocol):
    """A change of a document."""

    @property
    def reapplies(self) -> bool:
        """Whether it may be applied to a document that its author has not seen."""

    def apply(self, document: Document) -> Applied:
        """The changed document, and what happened to it."""


class Reapplied(msgspec.Struct, frozen=True):
    """An operation that is as good on any document."""

    # Spelled "ClassVar" and not "t.ClassVar", which msgspec would take for a field.
    reapplies: ClassVar[bool] = True


class Limited(Reapplied, frozen=True, kw_only=True):
    """An operation that may lead to a quantity in which an item is not sold.

    :param terms: In which quantities it is sold, as far as that is known.
    :param asks: The lines whose products are to be asked for them, before it is saved.
    """

    terms: tuple[Terms, ...] = ()
    asks: tuple[Line, ...] = ()


def terms_in(operations: t.Iterable[Operation]) -> list[Terms]:
    """The terms that operations have to keep to."""
    return [
        terms
        for each in operations
        if isinstance(each, Limited)
        for terms in each.terms
    ]


def apply_all(document: Document, operations: t.Iterable[Operation]) -> Applied:
    """Apply operations one after the other.

    Operations that cancel each other out leave the document as it was, and then
    nothing has happened.
    """
    result = document
    events: list[Event] = []

    for operation in operations:
        result, happened = operation.apply(result)
        events.extend(happened)

    unchanged = document

    if result.removed != document.removed:
        # What is remembered of a change is no change of the cart.
        unchanged = replace(document, removed=result.removed)

    if same(result, unchanged):
        return unchanged, ()

    if result.cleared is document.cleared is not UNSET:
        # It is something else now.
        result = replace(result, cleared=UNSET)

    return result, tuple(events)


class AddCondition(Reapplied, frozen=True):
    """Add a condition to the cart, in place of one of the same name.

    Shipping takes the place of any other, and of the method that was chosen; so does
    what is called like that method.
    """

    condition: Condition

    def apply(self, document: Document) -> Applied:
        events: tuple[Event, ...] = ()
        name = self.condition.name

        if self.condition.type == SHIPPING or name == document.shipping:
            document, events = _send_by(document, None, name)

        conditions, gone = put_condition(document.conditions, self.condition)

        if same(gone, (self.condition,)):
            return document, events

        removed = (ConditionRemoved(condition=each) for each in gone)
        events = (*events, *removed, ConditionAdded(condition=self.condition))

        return replace(document, conditions=conditions), events


class RemoveCondition(Reapplied, frozen=True):
    """Remove a condition of the cart, if it is there."""

    name: str

    def apply(self, document: Document) -> Applied:
        condition = document.condition(self.name)

        if condition is None:
            return document, ()

        conditions = tuple(c for c in document.conditions if c is not condition)
        event = ConditionRemoved(condition=condition)

        return replace(document, conditions=conditions), (event,)


class SetMetadata(Reapplied, frozen=True):
    """Set metadata keys, and remove others."""

    values: FrozenDict
    remove: tuple[str, ...] = ()

    def apply(self, document: Document) -> Applied:
        metadata = dict(document.metadata)
        events: list[Event] = []

        for key in self.remove:
            if key in metadata:
                events.append(MetadataRemoved(key=key, value=metadata.pop(key)))

        for key, value in self.values.items():
            if key not in metadata or not same(metadata[key], value):
                metadata[key] = value
                events.append(MetadataAdded(key=key, value=value))

        if not events:
            return document, ()

        return replace(document, metadata=FrozenDict(metadata)), tuple(events)


class AddCoupons(Reapplied, frozen=True):
    """Note the codes of coupons, in place of the oldest if there are too many.

    :param most: How many a cart notes.
    """

    codes: tuple[str, ...]
    most: int | None = None

    def apply(self, document: Document) -> Applied:
        had = document.coupons
        new = [each for each in self.codes if each not in had]
        # What is noted again is as young as what is new, but stays in its place.
        by_age = [*(each for each in had if each not in self.codes), *self.codes]
        surplus = by_age[: max(len(by_age) - self.most, 0)] if self.most else []
        coupons = tuple(each for each in (*had, *new) if each not in surplus)
        gone = [CouponRemoved(code=each) for each in had if each in surplus]
        came = [CouponAdded(code=each) for each in new if each not in surplus]

        return replace(document, coupons=coupons), (*gone, *came)


class RemoveCoupon(Reapplied, frozen=True):
    """Forget the code of a coupon, if it is there."""

    code: str

    def apply(self, document: Document) -> Applied:
        if self.code not in document.coupons:
            return document, ()

        coupons = tuple(each for each in document.coupons if each != self.code)

        return replace(document, coupons=coupons), (CouponRemoved(code=self.code),)


class ChooseShipping(Reapplied, frozen=True):
    """Choose a shipping method, in place of any other shipping.

    :param method: Its name; ``None`` for no shipping at all.
    :param price: What the shopper was told that it costs.
    """

    method: str | None
    price: Decimal | None = None

    def apply(self, document: Document) -> Applied:
        document, events = _send_by(document, self.method)

        if self.price is None or self.price == document.shipping_price:
            return document, events

        if not events:
            events = (ShippingChosen(method=self.method),)

        return replace(document, shipping_price=self.price), events


def _send_by(document: Document, method: str | None, but: str | None = None) -> Applied:
    """Choose a shipping method or none, and remove the conditions that are shipping.

    One that is called like the method goes, too.

    :param but: The name of the condition that stays.
    """
    gone = [
        each
        for each in document.conditions
        if each.name == method or (each.type == SHIPPING and each.name != but)
    ]
    events: list[Event] = [ConditionRemoved(condition=each) for each in gone]

    if method != document.shipping:
        events.append(ShippingChosen(method=method))

        # Nobody was told what this one costs.
        document = replace(document, shipping_price=UNSET)

    conditions = tuple(each for each in document.conditions if each not in gone)

    return replace(document, conditions=conditions, shipping=method), tuple(events)


def put_condition(
    conditions: tuple[Condition, ...], condition: Condition
) -> tuple[tuple[Condition, ...], tuple[Condition, ...]]:
    """The conditions with another one, and the one of its name that goes for it."""
    gone = tuple(c for c in conditions if c.name == condition.name)

    if not gone:
        return (*conditions, condition), gone

    return tuple(condition if c in gone else c for c in conditions), gone


def same(one: t.Any, other: t.Any) -> bool:
    """Whether two values are the same, of the same types.

    Python takes True, 1 and 1.0 for equal; the shop that noted them does not.
    """
    if one is other:
        return True

    if one != other:
        return False

    if isinstance(one, Decimal):
        return True

    if type(one) is not type(other):
        return False

    if isinstance(one, msgspec.Struct):
        return same(msgspec.structs.astuple(one), msgspec.structs.astuple(other))

    if isinstance(one, dict):
        return all(same(value, other[key]) for key, value in one.items())

    if isinstance(one, tuple | list):
        return all(map(same, one, other))

    return True


def applied(
    document: Document, operations: t.Iterable[Operation], expected: int, version: int
) -> Applied:
    """What operations make of a document.

    :param expected: The version that they were made for.
    :param version: The version of the document.
    :raises CartConflictError: If what they are about was changed in between.
    """
    try:
        return apply_all(document, operations)
    except StaleError as error:
        raise stale(error, expected, version) from error


def stale(error: StaleError, expected: int, version: int) -> CartConflictError:
    """The error about an operation whose line is not what its author saw.

    :param expected: The version that it was made for.
    :param version: The version that it was applied to.
    """
    return CartConflictError(
        "The line was changed after it was read, so it was left as it is.",
        expected_version=expected,
        current_version=version,
        line_id=error.line_id,
        details=error.details,
    )


def check_expected(
    version: int, expected: int | None, line_id: str | None = None
) -> None:
    """Refuse to go on from another version than the expected one.

    :param version: The one that was read.
    :param expected: The only one that may be changed, if there is one.
    :param line_id: The line that it is about, if it is about one.
    :raises CartConflictError: If it is another one.
    """
    if expected is not None and version != expected:
        raise CartConflictError(
            f"The change was meant for version {expected} of the cart, which is at"
            f" version {version} now.",
            expected_version=expected,
            current_version=version,
            line_id=line_id,
        )
