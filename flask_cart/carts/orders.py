"""Ordering: one order for one content of a cart, whatever is repeated or cut off."""

from __future__ import annotations

import logging
import typing as t
from contextlib import AbstractContextManager
from contextlib import contextmanager
from functools import partial

from msgspec.structs import replace

from ..model.document import Document
from ..model.document import PendingOrder
from ..model.document import noted
from ..model.errors import CartConflictError
from ..model.errors import CartError
from ..model.errors import CartTooLargeError
from ..model.events import CartCheckedOut
from ..model.events import CheckoutStarted
from ..model.lines import Line
from ..model.money import MoneyLike
from ..model.operations import Applied
from ..model.operations import Reapplied
from ..model.operations import emptied
from ..model.values import FrozenDict
from .cached_totals import CachedTotals
from .drafts import OrderDraft
from .drafts import agree
from .drafts import current_token
from .drafts import find_noted
from .drafts import new_token
from .drafts import to_be_ordered
from .working_copy import WorkingCopy

Order = t.TypeVar("Order")

Create = t.Callable[[OrderDraft], Order]
Find = t.Callable[[str], Order | None]

_logger = logging.getLogger(__name__)


class BeginOrder(Reapplied, frozen=True):
    """Note what is being ordered.

    :param is_alone: Whether all that was begun before is forgotten.
    """

    pending: PendingOrder
    is_alone: bool = False

    def apply(self, document: Document) -> Applied:
        event = CheckoutStarted(order_token=self.pending.token, lines=document.lines)
        orders = noted(() if self.is_alone else document.pending, (self.pending,))

        return replace(document, pending=orders), (event,)


class SettleOrder(Reapplied, frozen=True):
    """Take out what was ordered, and leave what came in since the order was begun.

    :param unnoted: What was ordered, if the cart has not noted it.
    """

    token: str
    unnoted: PendingOrder | None = None

    def apply(self, document: Document) -> Applied:
        pending = find_noted(document, self.token) or self.unnoted

        if pending is None:
            return document, ()

        event = CartCheckedOut(order_token=self.token, lines=pending.lines)
        others = tuple(each for each in document.pending if each is not pending)
        document = replace(document, pending=others)

        if pending.was_emptied:
            return document, (event,)

        lines = tuple(_left_of(document.lines, pending.lines))

        if not lines:
            return emptied(document), (event,)

        ordered = (*pending.conditions, *pending.asked)
        conditions = tuple(e for e in document.conditions if e not in ordered)
        metadata = FrozenDict(
            (key, value)
            for key, value in document.metadata.items()
            if pending.metadata.get(key) != value
        )
        is_sent = document.shipping == pending.shipping
        document = replace(
            document,
            lines=lines,
            conditions=conditions,
            metadata=metadata,
            coupons=tuple(e for e in document.coupons if e not in pending.coupons),
            shipping=None if is_sent else document.shipping,
        )

        return document, (event,)


def begin_order(
    working: WorkingCopy, prices: CachedTotals, expected_total: MoneyLike | None
) -> OrderDraft:
    """Note in the cart that what was read is being ordered.

    :raises CartEmptyError: If there is nothing to order.
    :raises CartConflictError: If it is not what is stored any more, or the total is
        not the expected one.
    """
    working.refuse_batch("ordered")
    begun_or_new = to_be_ordered(working, prices, None)
    # What was begun at another price may be paid at that price: it is another order.
    token = new_token(working)
    pending, draft = agree(working, prices, begun_or_new, expected_total, token)
    _note(working, replace(pending, is_begun=True))

    return draft


def place_order(
    working: WorkingCopy,
    prices: CachedTotals,
    create: Create[Order],
    find: Find[Order],
    session: t.Any,
    token: str | None,
    expected_total: MoneyLike | None,
) -> Order:
    """Make an order of what was read or begun, unless there is one already.

    :raises CartEmptyError: If there is nothing to order.
    :raises CartConflictError: If it is not what is stored any more, or the total is
        not the expected one.
    """
    working.refuse_batch("ordered")
    order = _order_made_before(working, find, token)

    if order is not None:
        return order

    joined = None if session is None else working.repository.join(session)
    wanted = token or current_token(working)

    try:
        begun_or_new = to_be_ordered(working, prices, token)
        pending, draft = agree(working, prices, begun_or_new, expected_total)
        make = partial(create, draft)

        if joined is None:
            _note(working, pending)

            with _committed(session):
                order = make()
        else:
            order = _order_in_one_transaction(working, pending, make, session, joined)
    except Exception:
        # Somebody else was faster, or the order is there, but nobody could say so.
        order = find(wanted) if wanted else None

        if order is None:
            raise

        working.refresh()

    _settle(working, wanted)

    return order


def _order_made_before(
    working: WorkingCopy, find: Find[Order], token: str | None
) -> Order | None:
    order = find(token) if token else None

    if token and order is not None:
        _settle(working, token)

        return order

    # Of those whose lines are gone, nothing can be ordered again.
    tokens = [each.token for each in working.document.pending if not each.was_emptied]

    for other in tokens:
        made = find(other) if other != token else None

        if made is not None:
            # Whoever made it died before the lines were taken out.
            working.write((SettleOrder(other),), None)
            order = made

    return None if token or working.document.lines else order


def _order_in_one_transaction(
    working: WorkingCopy,
    pending: PendingOrder,
    make: t.Callable[[], Order],
    session: t.Any,
    joined: AbstractContextManager[None],
) -> Order:
    version = working.snapshot.version
    is_noted = find_noted(working.document, pending.token) is not None
    settle = SettleOrder(pending.token, None if is_noted else pending)

    # What hears of the commit is not part of the transaction any more.
    with _committed(session), joined:
        order = make()

        if not working.write((settle,), None if is_noted else version):
            raise working.conflict(
                "The order that was begun is not known any more.", version
            )

    return order


def _note(working: WorkingCopy, pending: PendingOrder) -> None:
    """Note in the cart what is being ordered, unless somebody else has just done so."""
    if pending in working.document.pending:
        return

    version = working.snapshot.version

    try:
        try:
            working.write((BeginOrder(pending),), version)
        except CartTooLargeError:
            # Better than that it cannot be ordered at all.
            working.write((BeginOrder(pending, is_alone=True),), version)
    except CartConflictError:
        known = find_noted(working.document, pending.token)

        if known is None or not _is_as_good(known, pending):
            raise


def _is_as_good(known: PendingOrder, pending: PendingOrder) -> bool:
    """Whether an order that somebody else has noted may take the place of another."""
    is_same = known == replace(
        pending, started_at=known.started_at, is_begun=known.is_begun
    )

    return is_same and (known.is_begun or not pending.is_begun)


def _settle(working: WorkingCopy, token: str) -> None:
    """Take out what was ordered, if that has not happened yet."""
    try:
        working.write((SettleOrder(token),), None)
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


@contextmanager
def _committed(session: t.Any) -> t.Iterator[None]:
    """Commit a session at the end, or roll it back."""
    if session is None:
        yield
        return

    try:
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise
