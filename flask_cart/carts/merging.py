"""Merging: the content of one cart is taken over into another."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from msgspec.structs import replace

from ..model.combining import add_item_conditions
from ..model.combining import add_rest
from ..model.combining import by_name
from ..model.combining import meets
from ..model.combining import ready_for
from ..model.combining import take_over
from ..model.combining import united
from ..model.document import MAX_PENDING
from ..model.document import Content
from ..model.document import Document
from ..model.document import MergedCart
from ..model.document import encode
from ..model.document import noted
from ..model.errors import CartConflictError
from ..model.errors import CartTooLargeError
from ..model.events import CartMerged
from ..model.events import Event
from ..model.idempotency import remembered
from ..model.keys import CartKey
from ..model.limits import Limits
from ..model.lines import MAX_QUANTITY
from ..model.lines import Line
from ..model.operations import AddLine
from ..model.operations import Applied
from ..model.operations import Reapplied
from ..model.operations import RemoveLine
from ..model.strategies import ADD_QUANTITIES
from ..model.strategies import Strategy
from ..model.values import FrozenDict
from ..model.values import fingerprint
from .working_copy import WorkingCopy

#: How many merged carts a cart remembers, so that none is merged twice.
MAX_MERGED: t.Final = 5

#: How often a cart that keeps changing while it is merged is looked at again.
MAX_ROUNDS: t.Final = 10

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

        result = ready_for(document, self.source)
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
            each.without_contents()
            for each in document.merged
            if each.source != self.source_id
        ]
        merged = (*others, record)[-MAX_MERGED:]
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

        if mine is None and not more:
            return document, ()

        if mine is None:
            return take_over(document, replace(line, quantity=more))

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
    :raises CartConflictError: If the source does not stop changing.
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


def source_id(key: CartKey, document: Document | Content) -> str:
    """Identifies a cart from its first version to its last.

    A cart that was made anew under the same key is another one. It is a hash, so that
    it does not give away the token of a guest.
    """
    return fingerprint(key.owner, key.instance, document.created_at)[:20]


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
        conditions = by_name(first.conditions, line.conditions, prefers_latest)
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
        conditions=united(before.conditions, source.conditions, prefers_latest),
        metadata=FrozenDict(metadata),
        created_at=source.created_at,
        pending=noted(before.pending, source.pending),
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
        if meets(each, source.conditions) and not meets(each, known.conditions)
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
