"""Merging: the content of one cart taken over into another, and given back."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from msgspec.structs import replace

from .claims import remembered
from .conditions import Condition
from .coupons import coupon_keys
from .coupons import surplus_coupons
from .document import MAX_PENDING
from .document import Content
from .document import Document
from .document import MergedCart
from .document import encode
from .document import noted
from .errors import CartConflictError
from .errors import CartTooLargeError
from .errors import InvalidItemError
from .events import CartMerged
from .events import Event
from .events import MergeUndone
from .items import MAX_QUANTITY
from .items import Line
from .limits import Limits
from .operations import AddCondition
from .operations import AddItemCondition
from .operations import AddLine
from .operations import Applied
from .operations import Operation
from .operations import Reapplied
from .operations import RemoveCondition
from .operations import RemoveLine
from .operations import SetMetadata
from .operations import StaleError
from .operations import apply_all
from .storage.base import CartKey
from .strategies import ADD_QUANTITIES
from .strategies import Strategy
from .values import FrozenDict
from .values import fingerprint
from .working import WorkingCopy
from .working import write_together

#: How many merged carts a cart remembers, so that none is merged twice.
REMEMBERED: t.Final = 5

#: How often a cart that keeps changing while it is merged is looked at again.
MAX_ROUNDS: t.Final = 10

#: The type of the conditions of which a cart has those of one choice.
SHIPPING: t.Final = "shipping"

#: What leaves nothing behind.
_UNLIMITED: t.Final = Limits(items=MAX_QUANTITY, quantity=MAX_QUANTITY)


@dataclass(frozen=True)
class MergeReport:
    """What became of the carts of a guest.

    :param merged: What was merged: an event for each write.
    :param errors: Why carts were not merged. They are as they were.
    """

    merged: tuple[CartMerged, ...] = ()
    errors: tuple[Exception, ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines that were added, with the quantities that came."""
        return tuple(line for event in self.merged for line in event.lines)

    @property
    def left_out(self) -> tuple[Line, ...]:
        """The lines and quantities that the limits did not allow."""
        return tuple(line for event in self.merged for line in event.left_out)

    @property
    def quantity(self) -> int:
        """How many items were added."""
        return sum(line.quantity for line in self.lines)


class MergeDocument(Reapplied, frozen=True):
    """Take over all that is in another cart, and was not taken over before.

    The strategy says how many of a line there are afterwards, within the limits.

    :param source: The content of the other cart.
    :param owner: The owner of the other cart.
    :param source_id: Identifies the other cart.
    :param limits: What the result is cut down to.
    :param is_undoable: Whether to remember what is needed to undo it.
    """

    source: Document
    owner: str
    source_id: str
    limits: Limits
    strategy: Strategy = ADD_QUANTITIES
    is_undoable: bool = True

    def apply(self, document: Document) -> Applied:
        earlier = next(
            (each for each in document.merged if each.source == self.source_id), None
        )
        before = earlier or MergedCart(self.source_id, {})
        digest = fingerprint(encode(self.source))[:20]

        if before.digest == digest:
            return document, ()

        result = _ready_for(document, self.source)
        events: list[Event] = []
        taken: list[Line] = []
        left_out: list[Line] = []
        gained = dict(before.gained)

        for line in self.source.lines:
            # Of what was merged before, only what there is more of is looked at again.
            if line.quantity > before.quantities.get(line.id, 0):
                more, left = self._share(line, result, gained.get(line.id, 0))
                result, happened = self._take_over(line, more, result)
                events.extend(happened)
                gained[line.id] = gained.get(line.id, 0) + more

                if more > 0:
                    taken.append(replace(line, quantity=more))

                if left:
                    left_out.append(replace(line, quantity=left))

            result, happened = add_item_conditions(
                result, line, replaces=self.strategy.prefers_guest
            )
            events.extend(happened)

        result, happened = self._take_over_rest(result)
        events.extend(happened)
        orders = [
            each for each in self.source.pending if each.token not in before.orders
        ]
        result = replace(result, pending=noted(result.pending, orders))
        is_changed = bool(events or left_out or orders)

        # Also what changes nothing is remembered: the other cart is deleted after it.
        if not is_changed and (earlier is not None or _is_empty(self.source)):
            return document, ()

        events.append(
            CartMerged(source=self.owner, lines=tuple(taken), left_out=tuple(left_out))
        )
        quantities = {
            line.id: max(line.quantity, before.quantities.get(line.id, 0))
            for line in self.source.lines
        }
        record = MergedCart(
            self.source_id,
            # Also what was left out, or the next login would try again.
            {**before.quantities, **quantities},
            gained,
            digest,
            (*before.orders, *(each.token for each in orders))[-MAX_PENDING:],
        )

        if self.is_undoable and (earlier is None or earlier.guest is not None):
            record = replace(
                record,
                guest=_all_of(self.source, before.guest, self.strategy.prefers_guest),
                user=_part_of(document, self.source, before, result.metadata),
                has_replaced=self.strategy.prefers_guest,
            )

        # Only the last merge can be undone.
        others = [
            forgotten(each) for each in document.merged if each.source != self.source_id
        ]
        merged = (*others, record)[-REMEMBERED:]
        # A form that was sent before the login may be sent again after it.
        claims = remembered(document.claims, self.source.claims)

        return replace(result, merged=merged, claims=claims), tuple(events)

    def _share(self, line: Line, document: Document, gained: int) -> tuple[int, int]:
        """How many more there are of a line, and how many the limits leave out.

        :param gained: How many of this cart's line came from the other one before.
        """
        mine = document.line(line.id)
        now = mine.quantity if mine is not None else 0
        own = max(0, now - gained)
        wanted = self.strategy.quantity(
            replace(mine, quantity=own) if mine is not None and own else None, line
        )
        # What came and was sold or taken out since must not come again.
        wanted = max(0, wanted - max(0, gained - now))
        room = max(self.limits.quantity, now)

        if mine is None and len(document.lines) >= self.limits.items:
            room = 0

        return min(wanted, room) - now, max(0, wanted - room)

    def _take_over(self, line: Line, more: int, document: Document) -> Applied:
        mine = document.line(line.id)

        if mine is None:
            return (
                take_over(document, replace(line, quantity=more))
                if more
                else (
                    document,
                    (),
                )
            )

        if not mine.quantity + more:
            return RemoveLine(line.id).apply(document)

        # The name and price that this cart has are as good as those of the other.
        kept = line if self.strategy.prefers_guest else mine
        changed = replace(
            kept, quantity=mine.quantity + more, conditions=mine.conditions
        )

        return AddLine(changed, "replace").apply(document)

    def _take_over_rest(self, document: Document) -> Applied:
        """Take over the conditions and metadata."""
        prefers_guest = self.strategy.prefers_guest

        return add_rest(
            document,
            self.source.conditions,
            self.source.metadata,
            prefers_guest,
            self.limits.coupons,
        )


class UndoMerge(Reapplied, frozen=True):
    """Take out what came from another cart, as far as it is still as it came.

    :param source_id: Identifies the other cart.
    :param owner: The owner of the other cart.
    """

    source_id: str
    owner: str

    def apply(self, document: Document) -> Applied:
        record = next((e for e in document.merged if e.source == self.source_id), None)

        if record is None or record.guest is None or record.user is None:
            return document, ()

        guest, user = record.guest, record.user
        result = document
        events: list[Event] = []

        for theirs in guest.lines:
            had = user.line(theirs.id)

            if had is not None and document.currency != guest.currency:
                raise StaleError(
                    theirs.id,
                    {"merged": guest.currency, "stored": document.currency},
                )

            result, happened = _give_back(
                result,
                theirs,
                had,
                record.gained.get(theirs.id, 0),
                has_replaced=record.has_replaced,
            )
            events.extend(happened)

        gone = _came(document.conditions, guest.conditions, user.conditions)
        back = [each for each in user.conditions if _meets(each, gone)]
        names = {each.name for each in back}
        stay = [c for c in document.conditions if c not in gone or c.name in names]

        # Those that are amounts were of another currency.
        if document.currency == guest.currency:
            result, happened = _put_conditions(result, _united(stay, back, True))
            events.extend(happened)

        came = [
            key
            for key in guest.metadata
            if _of(document, key) == _of(guest, key) != _of(user, key)
        ]
        keys = [*came, *_displaced(document, user, guest, came)]
        values = {key: user.metadata[key] for key in keys if key in user.metadata}
        removed = tuple(key for key in came if key not in values)
        result, happened = SetMetadata(FrozenDict(values), removed).apply(result)
        events.extend(happened)

        tokens = {each.token for each in guest.pending}
        tokens -= {each.token for each in user.pending}
        pending = tuple(e for e in result.pending if e.token not in tokens)
        result = replace(result, pending=pending)

        if not result.lines and not result.conditions:
            result = replace(result, currency=user.currency)

        merged = tuple(each for each in document.merged if each is not record)
        events.append(MergeUndone(source=self.owner))

        return replace(result, merged=merged), tuple(events)


class RestoreContent(Reapplied, frozen=True):
    """Put back what was in a cart before it was merged into another one.

    :param owner: The owner of the cart.
    :param max_coupons: How many codes of coupons a cart notes.
    """

    content: Content
    owner: str
    max_coupons: int | None = None

    def apply(self, document: Document) -> Applied:
        # It is still, or again, the cart that was merged. It gets a new version, so
        # that a merge that has not deleted it yet does not.
        if document.created_at == self.content.created_at:
            return replace(document, updated_at=None), (MergeUndone(source=self.owner),)

        result = _ready_for(document, self.content)
        events: list[Event] = []

        for line in self.content.lines:
            result, happened = take_over(result, line)
            events.extend(happened)

        result, happened = add_rest(
            result,
            self.content.conditions,
            self.content.metadata,
            max_coupons=self.max_coupons,
        )
        events.extend(happened)

        # With its old date it is known to have been merged: if the other cart still
        # says so, because somebody died in between, nothing of it counts twice.
        result = replace(
            result,
            created_at=self.content.created_at,
            pending=noted(self.content.pending, result.pending),
        )

        return result, tuple(events)


def merge(
    source: WorkingCopy,
    target: WorkingCopy,
    strategy: Strategy = ADD_QUANTITIES,
    limits: Limits | None = None,
    *,
    is_undoable: bool = True,
) -> MergeReport:
    """Take over what is in one cart into another, and delete the first.

    What somebody adds to the first one meanwhile is taken over, too.

    :param source: The cart that is emptied.
    :param target: The cart that gets its content.
    :param limits: What the target may reach, if it is not what any cart may.
    :raises CartConflictError: If the source does not stop changing, or a line of it is
        on its way into another cart.
    :raises InvalidItemError: If they are in different currencies. Both stay.
    """
    source.refuse_batch("merged")
    target.refuse_batch("merged")
    events: list[Event] = []

    if source.key is None or source.key == target.key or not source.snapshot.version:
        return MergeReport()

    for _ in range(MAX_ROUNDS):
        # What was undone since is no longer there, and must come again.
        target.refresh()
        content = source.document

        if content.moves:
            # The note would be lost, and the line be in two carts for good.
            raise source.conflict(
                "A line is on its way from the cart into another one, and could not"
                " arrive yet.",
                expected_version=source.snapshot.version,
            )

        operation = MergeDocument(
            content,
            source.key.owner,
            source_id(source.key, content),
            limits or target.repository.limits,
            strategy,
            is_undoable,
        )

        try:
            events += target.apply(operation)
        except CartTooLargeError:
            # It may be what is remembered that is too large.
            events += target.apply(replace(operation, is_undoable=False))

        try:
            source.destroy()
        except CartConflictError as error:
            conflict = error
        else:
            return MergeReport(
                tuple(each for each in events if isinstance(each, CartMerged))
            )

    raise conflict


def undo_merge(target: WorkingCopy, source: WorkingCopy) -> bool:
    """Give back to a cart what was merged of it last.

    :param target: The cart that it was merged into.
    :param source: The cart that was merged.
    :return: Whether there was something to undo.
    :raises CartConflictError: If what came has been changed since.
    """
    source.refuse_batch("given back")
    target.refuse_batch("divided")

    if source.key is None or target.key is None:
        return False

    key = source.key
    max_coupons = target.repository.limits.coupons

    is_undone = False

    def plan(documents: t.Sequence[Document]) -> tuple[tuple[Operation, ...], ...]:
        nonlocal is_undone
        found = _undoable(documents[1], key)
        is_undone = found is not None

        # It may have been sold since, or undone by somebody else.
        if found is None or found.guest is None:
            return (), ()

        restore = RestoreContent(found.guest, key.owner, max_coupons)

        return (restore,), (UndoMerge(found.source, key.owner),)

    # What was read long ago must not come back.
    target.refresh()
    restore, undo = plan([source.document, target.document])

    if not is_undone:
        return False

    try:
        apply_all(target.document, undo)
    except StaleError as error:
        raise target.conflict(
            "What was merged has been changed since, so it was not taken out.",
            expected_version=target.snapshot.version,
            line_id=error.line_id,
            details=error.details,
        ) from error

    if target.repository.saves_together:
        write_together([source, target], [key, target.key], plan)
    else:
        # Refused before anything is given back, if another version is expected.
        target.apply()
        source.write(restore, None)
        is_undone = bool(target.apply(*undo))

    return is_undone


def transfer(source: WorkingCopy, target: WorkingCopy) -> None:
    """Give all that is in one cart to another owner, who has nothing there.

    :raises CartConflictError: If the other cart is not empty.
    """
    check_vacant(target, source)
    merge(source, target, limits=_UNLIMITED, is_undoable=False)


def check_vacant(target: WorkingCopy, source: WorkingCopy) -> None:
    """Refuse to give something to an owner who has something already.

    :raises CartConflictError: If the cart is not empty.
    """
    document = target.document

    # It may have been given already, by somebody who then died.
    if _is_empty(document) or _is_merged(document, source):
        return

    raise target.conflict(
        f"There is something in the cart {target.key} already. Empty it before it is"
        f" given that of another owner, or merge the two.",
        expected_version=0,
    )


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


def _ready_for(document: Document, content: Document | Content) -> Document:
    """The document, ready for what is in another cart.

    :raises InvalidItemError: If both have amounts, of different currencies.
    """
    has_amounts = content.lines or content.conditions

    if not has_amounts and (document.lines or document.conditions):
        return document

    return in_currency(document, content.currency)


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
    events: list[Event] = []

    if existing is None:
        return document, ()

    for condition in line.conditions if replaces else _missing(existing, line):
        document, happened = AddItemCondition(line.id, condition).apply(document)
        events.extend(happened)

    return document, tuple(events)


def add_rest(
    document: Document,
    conditions: t.Collection[Condition],
    metadata: t.Mapping[str, t.Any],
    replaces: bool = False,
    max_coupons: int | None = None,
) -> Applied:
    """Add the conditions and metadata that a cart does not have.

    :param replaces: Whether they replace those of the same name, and the shipping.
    :param max_coupons: How many coupons are noted then: the last, as if these had been
        noted after those of the cart.
    """
    both = _united(document.conditions, conditions, replaces)
    document, events = _put_conditions(document, both)

    values = {
        key: value
        for key, value in metadata.items()
        if replaces or key not in document.metadata
    }
    noted = [key for key in document.metadata if key not in metadata]
    surplus = surplus_coupons([*noted, *metadata], max_coupons)
    kept = {key: value for key, value in values.items() if key not in surplus}
    document, happened = SetMetadata(FrozenDict(kept), surplus).apply(document)

    return document, (*events, *happened)


def _put_conditions(document: Document, conditions: t.Collection[Condition]) -> Applied:
    """Give a cart these conditions, and no others."""
    names = {each.name for each in conditions}
    gone = [each.name for each in document.conditions if each.name not in names]
    document, events = apply_all(document, map(RemoveCondition, gone))
    document, happened = apply_all(document, map(AddCondition, conditions))

    return document, (*events, *happened)


def forgotten(record: MergedCart) -> MergedCart:
    """The record without what is needed to undo the merge."""
    return replace(record, guest=None, user=None)


def source_id(key: CartKey, document: Document | Content) -> str:
    """Identifies a cart from its first version to its last.

    A cart that was made anew under the same key is another one. It is a hash, so that
    it does not give away the token of a guest.
    """
    return fingerprint(key.owner, key.instance, document.created_at)[:20]


def _undoable(document: Document, key: CartKey) -> MergedCart | None:
    """The record of the last merge, if it was of this cart and can be undone."""
    for record in document.merged:
        if record.guest is not None and record.source == source_id(key, record.guest):
            return record

    return None


def _is_empty(document: Document) -> bool:
    return not (
        document.lines or document.conditions or document.metadata or document.pending
    )


def _is_merged(document: Document, source: WorkingCopy) -> bool:
    """Whether a document has a record of a cart."""
    if source.key is None:
        return False

    known = source_id(source.key, source.document)

    return any(each.source == known for each in document.merged)


def _all_of(source: Document, earlier: Content | None, prefers_latest: bool) -> Content:
    """All that was ever merged of a cart.

    :param prefers_latest: Whether of two things with the same name, the later has come.
    """
    before = earlier or Content(currency=source.currency)
    lines = {line.id: line for line in before.lines}

    for line in source.lines:
        first = lines.get(line.id, line)
        has_grown = line.quantity > first.quantity
        came = line if prefers_latest and has_grown else first
        conditions = _named(first.conditions, line.conditions, prefers_latest)
        lines[line.id] = replace(
            came, quantity=max(first.quantity, line.quantity), conditions=conditions
        )

    metadata = (
        {**before.metadata, **source.metadata}
        if prefers_latest
        # In the order in which they came, with the values that came first.
        else {**before.metadata, **source.metadata, **before.metadata}
    )

    return Content(
        currency=source.currency,
        lines=tuple(lines.values()),
        conditions=_united(before.conditions, source.conditions, prefers_latest),
        metadata=FrozenDict(metadata),
        created_at=source.created_at,
        pending=noted(before.pending, source.pending),
    )


def _named(
    first: t.Iterable[Condition], second: t.Iterable[Condition], prefers_second: bool
) -> tuple[Condition, ...]:
    """The conditions of both, one of each name."""
    found = {each.name: each for each in first}

    for each in second:
        if prefers_second or each.name not in found:
            found[each.name] = each

    return tuple(found.values())


def _united(
    first: t.Collection[Condition],
    second: t.Collection[Condition],
    prefers_second: bool,
) -> tuple[Condition, ...]:
    """The conditions of two carts: one of each name, and one cart's shipping."""
    if prefers_second:
        first = _without_rivals(first, second)
    else:
        second = _without_rivals(second, first)

    return _named(first, second, prefers_second)


def _without_rivals(
    conditions: t.Iterable[Condition], preferred: t.Collection[Condition]
) -> list[Condition]:
    """The conditions without a shipping that others are preferred to."""
    names = {each.name for each in preferred}

    return [
        each for each in conditions if each.name in names or not _meets(each, preferred)
    ]


def _meets(condition: Condition, others: t.Iterable[Condition]) -> bool:
    """Whether one of the others has the same name, or is shipping, too."""
    return any(
        each.name == condition.name or each.type == condition.type == SHIPPING
        for each in others
    )


def _part_of(
    document: Document,
    source: Document,
    before: MergedCart,
    kept: t.Container[str],
) -> Content:
    """What a cart has of what a merge is about to change, or had before the first.

    :param kept: The keys of the metadata that are there afterwards.
    """
    first = before.user or Content(currency=document.currency, pending=document.pending)
    known = before.guest or Content(currency=source.currency)
    lines = [
        line
        for line in document.lines
        if source.line(line.id) is not None and known.line(line.id) is None
    ]
    conditions = [
        each
        for each in document.conditions
        if _meets(each, source.conditions) and not _meets(each, known.conditions)
    ]
    metadata = {
        key: value
        for key, value in document.metadata.items()
        if (key in source.metadata or key not in kept) and key not in known.metadata
    }

    return replace(
        first,
        lines=(*first.lines, *lines),
        conditions=(*first.conditions, *conditions),
        metadata=FrozenDict({**first.metadata, **metadata}),
    )


def _give_back(
    document: Document,
    theirs: Line,
    had: Line | None,
    gained: int,
    *,
    has_replaced: bool,
) -> Applied:
    """Take out of a line what came from another cart.

    :param theirs: The line of the other cart.
    :param had: This cart's line before.
    :param gained: How many came.
    :param has_replaced: Whether its name, price and attributes came, too.
    :raises StaleError: If there are fewer now.
    """
    line = document.line(theirs.id)
    merged = gained + (had.quantity if had is not None else 0)
    now = line.quantity if line is not None else 0

    if now < merged:
        raise StaleError(theirs.id, {"merged": merged, "stored": now})

    if line is None:
        return AddLine(had).apply(document) if had is not None else (document, ())

    if had is None:
        if now == gained:
            return RemoveLine(line.id).apply(document)

        had = line

    conditions = tuple(
        next((each for each in had.conditions if each.name == condition.name), None)
        if condition in _came(line.conditions, theirs.conditions, had.conditions)
        else condition
        for condition in line.conditions
    )
    before = had if has_replaced else line
    changed = replace(
        line,
        quantity=now - gained,
        name=before.name if line.name == theirs.name else line.name,
        price=before.price if line.price == theirs.price else line.price,
        attributes=(
            before.attributes
            if line.attributes == theirs.attributes
            else line.attributes
        ),
        conditions=tuple(each for each in conditions if each is not None),
    )

    return AddLine(changed, "replace").apply(document)


def _came(
    now: t.Iterable[Condition],
    theirs: t.Collection[Condition],
    had: t.Collection[Condition],
) -> list[Condition]:
    """The conditions that came from another cart, and are still as they came."""
    return [each for each in now if each in theirs and each not in had]


def _displaced(
    document: Document, had: Content, theirs: Content, came: t.Iterable[str]
) -> tuple[str, ...]:
    """The keys of the coupons that had to go for those that came."""
    gone = [
        key
        for key in had.metadata
        if key not in theirs.metadata and key not in document.metadata
    ]
    count = len(coupon_keys(came))

    return coupon_keys(gone)[-count:] if count else ()


def _of(content: Document | Content, key: str) -> tuple[t.Any, ...]:
    """The value of a metadata key, if there is one."""
    return (content.metadata[key],) if key in content.metadata else ()


def _missing(existing: Line, line: Line) -> list[Condition]:
    """The conditions of a line that another one does not have."""
    return [each for each in line.conditions if existing.condition(each.name) is None]
