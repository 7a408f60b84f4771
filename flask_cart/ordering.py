"""Ordering: one order for one content of a cart, whatever is repeated or cut off."""

from __future__ import annotations

import datetime as dt
import logging
import typing as t

from msgspec.structs import replace

from .checkout import OrderDraft
from .checkout import Sell
from .checkout import cart_token
from .checkout import check_total
from .checkout import committed
from .document import Document
from .document import PendingOrder
from .errors import CartConflictError
from .errors import CartEmptyError
from .errors import CartError
from .events import CartCheckedOut
from .events import CheckoutStarted
from .items import Amount
from .items import Line
from .operations import Applied
from .operations import Reapplied
from .operations import emptied
from .totals import Totals
from .values import FrozenDict
from .working import WorkingCopy

Order = t.TypeVar("Order")

Create = t.Callable[[OrderDraft], Order]
Find = t.Callable[[str], Order | None]

#: Prices a document as at a time.
Price = t.Callable[[Document, dt.datetime], Totals]

_logger = logging.getLogger(__name__)


class BeginOrder(Reapplied, frozen=True):
    """Note what is being ordered."""

    pending: PendingOrder

    def apply(self, document: Document) -> Applied:
        event = CheckoutStarted(cart_token=self.pending.token, lines=document.lines)

        return replace(document, pending=self.pending), (event,)


class SettleOrder(Reapplied, frozen=True):
    """Take out what was ordered, and leave what came in since the order was begun."""

    token: str

    def apply(self, document: Document) -> Applied:
        pending = document.pending

        if pending is None or pending.token != self.token:
            return document, ()

        event = CartCheckedOut(cart_token=self.token, lines=pending.lines)
        document = replace(document, pending=None)
        lines = tuple(_left_of(document.lines, pending.lines))

        if not lines:
            return emptied(document), (event,)

        conditions = tuple(
            each for each in document.conditions if each not in pending.conditions
        )
        metadata = FrozenDict(
            (key, value)
            for key, value in document.metadata.items()
            if pending.metadata.get(key) != value
        )
        document = replace(
            document, lines=lines, conditions=conditions, metadata=metadata
        )

        return document, (event,)


def current_token(working: WorkingCopy) -> str:
    """The token of what was read, empty if nothing is stored."""
    document, version = working.snapshot.document, working.snapshot.version

    if working.key is None or not version:
        return ""

    # Noting an order makes a new version of the cart, but no other content.
    if document.pending is not None and _is_all_of(document, document.pending):
        return document.pending.token

    return cart_token(working.key, version)


def begin_order(
    working: WorkingCopy, price: Price, expected_total: Amount | None
) -> OrderDraft:
    """Note in the cart that what was read is being ordered.

    :raises CartEmptyError: If there is nothing to order.
    :raises CartConflictError: If it is not what is stored any more, or the total is
        not the expected one.
    """
    working.refuse_batch("ordered")
    pending = _content(working, None)
    draft = _draft(working, price, pending, expected_total)
    _note(working, pending)

    return draft


def place_order(
    working: WorkingCopy,
    price: Price,
    create: Create[Order],
    find: Find[Order],
    session: t.Any,
    token: str | None,
    expected_total: Amount | None,
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

    make_order = (
        _order_in_one_transaction
        if session is not None and working.repository.joins_sessions
        else _order_step_by_step
    )
    wanted = token or current_token(working)

    try:
        pending = _content(working, token)
        draft = _draft(working, price, pending, expected_total)
        order = make_order(working, pending, lambda: create(draft), session)
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

    pending = working.document.pending
    order = find(pending.token) if pending and pending.token != token else None

    if pending is None or order is None:
        return None

    # Whoever made it died before the lines were taken out.
    working.write((SettleOrder(pending.token),), None)

    return None if token or working.document.lines else order


def _order_in_one_transaction(
    working: WorkingCopy,
    pending: PendingOrder,
    create: t.Callable[[], Order],
    session: t.Any,
) -> Order:
    version = working.snapshot.version
    is_begun = working.document.pending == pending
    take_out = SettleOrder(pending.token) if is_begun else Sell(pending.token)

    with committed(session), working.repository.join(session):
        order = create()
        working.write((take_out,), None if is_begun else version)

    return order


def _order_step_by_step(
    working: WorkingCopy,
    pending: PendingOrder,
    create: t.Callable[[], Order],
    session: t.Any,
) -> Order:
    _note(working, pending)

    with committed(session):
        return create()


def _note(working: WorkingCopy, pending: PendingOrder) -> None:
    """Note in the cart what is being ordered, unless somebody else has just done so."""
    if pending == working.document.pending:
        return

    try:
        working.write((BeginOrder(pending),), working.snapshot.version)
    except CartConflictError:
        noted = working.document.pending

        if noted is None or noted.token != pending.token:
            raise


def _settle(working: WorkingCopy, token: str) -> None:
    """Take out what was ordered, if that has not happened yet."""
    try:
        working.write((SettleOrder(token),), None)
    except CartError:
        # The order is made, and that is what the shopper has to know. The next order
        # finds it, and takes the lines out first.
        _logger.exception("The lines that were ordered are still in the cart.")


def _content(working: WorkingCopy, token: str | None) -> PendingOrder:
    """What is to be ordered: what was begun with this token, or what was read."""
    document = working.document
    pending = document.pending
    current = current_token(working)
    wanted = current if token is None else token

    if pending is not None and pending.token == wanted:
        return pending

    if not current or not document.lines:
        raise CartEmptyError("The cart is empty, there is nothing to order.")

    if wanted != current:
        raise working.conflict(
            "The cart was changed since the form of the order was shown.",
            expected_version=working.snapshot.version,
        )

    return PendingOrder(
        token=current,
        started_at=working.now(),
        currency=document.currency,
        lines=document.lines,
        conditions=document.conditions,
        metadata=document.metadata,
    )


def _draft(
    working: WorkingCopy,
    price: Price,
    pending: PendingOrder,
    expected_total: Amount | None,
) -> OrderDraft:
    content = replace(
        working.document,
        currency=pending.currency,
        lines=pending.lines,
        conditions=pending.conditions,
        metadata=pending.metadata,
    )
    totals = price(content, pending.started_at)

    if expected_total is not None:
        check_total(working, totals, expected_total)

    return OrderDraft(totals.lines, totals, pending.metadata, pending.token)


def _is_all_of(document: Document, pending: PendingOrder) -> bool:
    return (
        document.currency,
        document.lines,
        document.conditions,
        document.metadata,
    ) == (pending.currency, pending.lines, pending.conditions, pending.metadata)


def _left_of(lines: t.Iterable[Line], taken: t.Iterable[Line]) -> t.Iterator[Line]:
    """The lines without the quantities that were taken."""
    quantities = {line.id: line.quantity for line in taken}

    for line in lines:
        quantity = line.quantity - quantities.get(line.id, 0)

        if quantity > 0:
            yield replace(line, quantity=quantity)
