"""Ordering: one order for one content of a cart, whatever is repeated or cut off."""

from __future__ import annotations

import logging
import typing as t
from contextlib import AbstractContextManager
from contextlib import contextmanager
from functools import partial

from msgspec import UNSET
from msgspec import UnsetType
from msgspec.structs import replace

from ..model.document import MAX_PENDING
from ..model.document import Document
from ..model.document import OrderNote
from ..model.document import emptied
from ..model.errors import CartBusyError
from ..model.errors import CartCorruptError
from ..model.errors import CartError
from ..model.errors import CartStorageError
from ..model.errors import transaction_failed
from ..model.events import CartCheckedOut
from ..model.events import Event
from ..model.events import ItemRemoved
from ..model.events import ItemUpdated
from ..model.lines import Line
from ..model.money import MoneyLike
from ..model.operations import Applied
from ..model.operations import Reapplied
from ..model.values import FrozenDict
from .cached_totals import CachedTotals
from .drafts import OrderDraft
from .drafts import agree
from .drafts import at_prices_of_now
from .drafts import current_token
from .drafts import draft_of
from .drafts import new_token
from .drafts import to_be_ordered
from .notes import Notes
from .working_copy import WorkingCopy

Order = t.TypeVar("Order")

Create = t.Callable[[OrderDraft], Order]
Find = t.Callable[[str], Order | None]

_logger = logging.getLogger(__name__)


class SettleOrder(Reapplied, frozen=True):
    """Take out what was ordered, and leave what came in since the order was begun.

    :param is_noted: Whether only a cart that knows of the order is changed.
    :param is_told: Whether another cart has been the one that was sold.
    """

    note: OrderNote
    is_noted: bool = True
    is_told: bool = False

    def apply(self, document: Document) -> Applied:
        token = self.note.token
        pending = document.order(token)

        if pending is None and self.is_noted:
            return document, ()

        settled = (*document.settled, token)[-MAX_PENDING:]
        after = replace(document.without_order(token), settled=settled)

        if pending is None or not pending.was_emptied:
            after = self._taken_out(after)

        if self.is_told:
            return after, tuple(_changes(document, after))

        return after, (CartCheckedOut(order_token=token, lines=self.note.lines),)

    def _taken_out(self, document: Document) -> Document:
        note = self.note
        lines = tuple(_left_of(document.lines, note.lines))

        if not lines:
            return emptied(document)

        ordered = (*note.conditions, *note.asked)
        metadata = FrozenDict(
            (key, value)
            for key, value in document.metadata.items()
            if note.metadata.get(key) != value
        )
        is_sent = document.shipping == note.shipping

        return replace(
            document,
            lines=lines,
            conditions=tuple(e for e in document.conditions if e not in ordered),
            metadata=metadata,
            coupons=tuple(e for e in document.coupons if e not in note.coupons),
            shipping=None if is_sent else document.shipping,
        )


def begin_order(
    notes: Notes,
    working: WorkingCopy,
    prices: CachedTotals,
    expected_total: MoneyLike | UnsetType,
) -> OrderDraft:
    """Note that what was read is being ordered.

    :raises CartConfigError: If there is no place for the note but a browser.
    :raises CartEmptyError: If there is nothing to order.
    :raises CartConflictError: If it is not what is stored any more, or the total is
        not the expected one.
    """
    working.refuse_batch("ordered")
    notes.check_kept()
    current = current_token(working)
    known = notes.find(current)
    # What was begun at another price may be paid at that price, and so may what is
    # forgotten: this is another order.
    token = new_token(working) if current else ""

    if known is not None and known.is_begun:
        begun_or_new = known, draft_of(prices, known)
    else:
        token_or_tried = current if known is not None else token
        begun_or_new = at_prices_of_now(working, prices, token_or_tried)

    note, draft = agree(working, prices, begun_or_new, expected_total, token)
    note = replace(note, is_begun=True)

    if note != known:
        notes.begin(working, note, None)

    return draft


def place_order(
    notes: Notes,
    working: WorkingCopy,
    prices: CachedTotals,
    create: Create[Order],
    find: Find[Order],
    session: t.Any,
    token: str | UnsetType,
    expected_total: MoneyLike | UnsetType,
) -> Order:
    """Make an order of what was read or begun, unless there is one already.

    :raises CartEmptyError: If there is nothing to order.
    :raises CartConflictError: If it is not what is stored any more, the total is not
        the expected one, or rivals have made the session's transaction fail.
    :raises CartStorageError: If nobody knows whether the order was made.
    """
    working.refuse_batch("ordered")
    find = asked(find, session)
    # A form without its field has shown nothing, which is not "whatever there is".
    shown = None if token is UNSET else token or ""
    wanted, known = _wanted(notes, working, shown)
    order = _order_made_before(notes, working, find, shown, known)

    if order is not None:
        return order

    joined = None if session is None else working.repository.join(session)

    try:
        begun_or_new = to_be_ordered(working, prices, known, wanted)
        note, draft = agree(working, prices, begun_or_new, expected_total)
        make = partial(create, draft)

        if joined is not None:
            return _order_in_one_transaction(
                notes, working, note, known, make, session, joined
            )

        is_kept = notes.records.are_kept

        if note != known and is_kept:
            notes.begin(working, note, known)

        with _committed(working, session):
            order = make()

        if not is_kept:
            working.write((SettleOrder(note, is_noted=False),), None)
    except Exception as error:
        # Somebody else was faster, or the order is there, but nobody could say so.
        order = _found_after(error, find, wanted) if wanted else None

        if order is None:
            raise

        working.refresh()

    _settle(notes, wanted)

    return order


def _wanted(
    notes: Notes, working: WorkingCopy, token: str | None
) -> tuple[str, OrderNote | None]:
    """The token of what is to be ordered, and the note of it, if there is one."""
    try:
        current = current_token(working)
    except CartCorruptError:
        # What was begun does not need the cart.
        if not token:
            raise

        return token, notes.find(token)

    wanted = current if token is None else token

    # Of what is in the cart, and was never begun, there is none.
    if wanted == current and working.document.order(wanted) is None:
        return wanted, None

    return wanted, notes.find(wanted)


def _order_made_before(
    notes: Notes,
    working: WorkingCopy,
    find: Find[Order],
    token: str | None,
    known: OrderNote | None,
) -> Order | None:
    order = find(token) if token else None

    if token and order is not None:
        _settle(notes, token)

        return order

    # What was begun is ordered as it was then, whatever the cart is by now.
    if token and known is not None and known.is_begun:
        return None

    # Of those whose lines are gone, nothing can be ordered again.
    tokens = [each.token for each in working.document.pending if not each.was_emptied]

    for other in tokens:
        made = find(other) if other != token else None

        if made is not None and settle(notes, other):
            # Whoever made it died before the lines were taken out.
            working.refresh()
            order = made

    return None if token or working.document.lines else order


def _found_after(error: Exception, find: Find[Order], token: str) -> Order | None:
    """The order that is there although an error says that it was not made.

    :raises CartStorageError: If nobody can know, unless that is the error.
    """
    try:
        return find(token)
    except CartStorageError:
        if isinstance(error, CartStorageError):
            return None

        raise


def _order_in_one_transaction(
    notes: Notes,
    working: WorkingCopy,
    note: OrderNote,
    known: OrderNote | None,
    make: t.Callable[[], Order],
    session: t.Any,
    joined: AbstractContextManager[None],
) -> Order:
    version = working.snapshot.version

    # What hears of the commit is not part of the transaction any more.
    with _committed(working, session), joined:
        order = make()

        if known is not None:
            is_settled = settle(notes, note.token)
        else:
            operation = SettleOrder(note, is_noted=False)
            is_settled = bool(working.write((operation,), version))

        if not is_settled:
            raise working.conflict("The order that was begun is not known any more.")

    return order


def settle(notes: Notes, token: str) -> bool:
    """Take out what was ordered of wherever it is by now, and forget the note.

    :return: Whether there was one, which nobody else has settled.
    """
    return notes.close(
        token,
        lambda note, is_told: SettleOrder(note, is_told=is_told),
        CartCheckedOut,
    )


def _settle(notes: Notes, token: str) -> None:
    """Take out what was ordered, if that has not happened yet."""
    try:
        settle(notes, token)
    except CartError:
        # The order is made, and that is what the shopper has to know. The next order
        # finds it, and takes the lines out first.
        _logger.exception("The lines that were ordered are still in the cart.")


def _left_of(lines: t.Iterable[Line], taken: t.Iterable[Line]) -> t.Iterator[Line]:
    """The lines without the quantities that were taken."""
    quantities = {line.id: line.quantity for line in taken}

    for line in lines:
        quantity = line.quantity - quantities.get(line.id, 0)

        if quantity > 0:
            yield replace(line, quantity=quantity)


def _changes(before: Document, after: Document) -> t.Iterator[Event]:
    """What became of the lines of a cart that nothing came into."""
    for line in before.lines:
        left = after.line(line.id)

        if left is None:
            yield ItemRemoved(line=line)
        elif left.quantity != line.quantity:
            delta = left.quantity - line.quantity
            yield ItemUpdated(line=left, previous=line, quantity_delta=delta)


def asked(find: Find[Order], session: t.Any) -> Find[Order]:
    """The same question, whose errors of the database are those of a storage."""
    if session is None:
        return find

    from ..storage.sql.transaction import blamed

    return blamed()(find)


@contextmanager
def _committed(working: WorkingCopy, session: t.Any) -> t.Iterator[None]:
    """Commit a session at the end, or roll it back."""
    if session is None:
        yield
        return

    from ..storage.sql.transaction import committed

    try:
        with committed(session):
            yield
    except CartBusyError as error:
        # Only whoever has begun it can begin it again.
        raise transaction_failed(working.snapshot.version) from error
