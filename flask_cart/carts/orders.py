"""Ordering: one order for one content of a cart, whatever is repeated or cut off."""

from __future__ import annotations

import datetime as dt
import logging
import typing as t

from msgspec.structs import replace

from ..model.document import Document
from ..model.document import PendingOrder
from ..model.document import noted
from ..model.errors import CartConflictError
from ..model.errors import CartEmptyError
from ..model.errors import CartError
from ..model.errors import CartTooLargeError
from ..model.events import CartCheckedOut
from ..model.events import CheckoutStarted
from ..model.keys import CartKey
from ..model.lines import Line
from ..model.money import MoneyLike
from ..model.operations import Applied
from ..model.operations import Reapplied
from ..model.operations import emptied
from ..model.values import FrozenDict
from ..pricing.totals import Totals
from .checkout import OrderDraft
from .checkout import Sell
from .checkout import check_problems
from .checkout import check_total
from .checkout import committed
from .checkout import order_token
from .working_copy import WorkingCopy

Order = t.TypeVar("Order")

Create = t.Callable[[OrderDraft], Order]
Find = t.Callable[[str], Order | None]

#: Prices a document as at a time.
Price = t.Callable[[Document, dt.datetime], Totals]

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
    """Take out what was ordered, and leave what came in since the order was begun."""

    token: str

    def apply(self, document: Document) -> Applied:
        pending = _noted_as(document, self.token)

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

        conditions = tuple(
            each for each in document.conditions if each not in pending.conditions
        )
        metadata = FrozenDict(
            (key, value)
            for key, value in document.metadata.items()
            if pending.metadata.get(key) != value
        )
        coupons = tuple(c for c in document.coupons if c not in pending.coupons)
        is_sent = document.shipping == pending.shipping
        document = replace(
            document,
            lines=lines,
            conditions=conditions,
            metadata=metadata,
            coupons=coupons,
            shipping=None if is_sent else document.shipping,
        )

        return document, (event,)


def current_token(working: WorkingCopy) -> str:
    """The token of what was read, empty if nothing is stored."""
    document, version = working.snapshot.document, working.snapshot.version

    if working.key is None or not version:
        return ""

    # Noting an order makes a new version of the cart, but no other content.
    for pending in reversed(document.pending):
        if _is_all_of(document, pending):
            return pending.token

    return order_token(working.key, version)


def begin_order(
    working: WorkingCopy, price: Price, expected_total: MoneyLike | None
) -> OrderDraft:
    """Note in the cart that what was read is being ordered.

    :raises CartEmptyError: If there is nothing to order.
    :raises CartConflictError: If it is not what is stored any more, or the total is
        not the expected one.
    """
    working.refuse_batch("ordered")
    pending = replace(_content(working, None), is_begun=True)
    # What was begun at another price may be paid at that price: it is another order.
    anew = order_token(t.cast(CartKey, working.key), working.snapshot.version)
    pending, draft = _agreed(working, price, pending, anew, expected_total)
    _note(working, pending)

    return draft


def place_order(
    working: WorkingCopy,
    price: Price,
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

    make_order = (
        _order_in_one_transaction
        if session is not None and working.repository.joins_sessions
        else _order_step_by_step
    )
    wanted = token or current_token(working)

    try:
        pending = _content(working, token)
        pending, draft = _agreed(working, price, pending, pending.token, expected_total)
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
    create: t.Callable[[], Order],
    session: t.Any,
) -> Order:
    version = working.snapshot.version
    is_noted = _noted_as(working.document, pending.token) is not None
    take_out = SettleOrder(pending.token) if is_noted else Sell(pending.token)

    with committed(session), working.repository.join(session):
        order = create()

        if not working.write((take_out,), None if is_noted else version):
            raise working.conflict(
                "The order that was begun is not known any more.",
                expected_version=version,
            )

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
        known = _noted_as(working.document, pending.token)

        if known is None or (pending.is_begun and not known.is_begun):
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
    current = current_token(working)
    wanted = current if token is None else token
    pending = _noted_as(document, wanted)

    # What was only tried is as good as not, and costs what it costs now.
    if pending is not None and pending.is_begun:
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
        coupons=document.coupons,
        shipping=document.shipping,
    )


def _agreed(
    working: WorkingCopy,
    price: Price,
    pending: PendingOrder,
    anew: str,
    expected_total: MoneyLike | None,
) -> tuple[PendingOrder, OrderDraft]:
    """What is to be ordered, and how: at the prices of now if only these are expected.

    :param anew: Its token at other prices than those of then.
    :raises CartConflictError: If the total was never the expected one.
    """
    draft = _draft(working, price, pending)

    if expected_total is None:
        return pending, draft

    try:
        check_total(working, draft.totals, expected_total)
    except CartConflictError:
        pending = replace(pending, token=anew, started_at=working.now())
        draft = _draft(working, price, pending)
        check_total(working, draft.totals, expected_total)

    return pending, draft


def _noted_as(document: Document, token: str) -> PendingOrder | None:
    return next((each for each in document.pending if each.token == token), None)


def _draft(working: WorkingCopy, price: Price, pending: PendingOrder) -> OrderDraft:
    content = replace(
        working.document,
        currency=pending.currency,
        lines=pending.lines,
        conditions=pending.conditions,
        metadata=pending.metadata,
        coupons=pending.coupons,
        shipping=pending.shipping,
    )
    totals = price(content, pending.started_at)
    check_problems(working, totals)

    return OrderDraft(
        totals.lines, totals, pending.metadata, pending.coupons, pending.token
    )


def _is_all_of(document: Document, pending: PendingOrder) -> bool:
    return not pending.was_emptied and (
        document.currency,
        document.lines,
        document.conditions,
        document.metadata,
        document.coupons,
        document.shipping,
    ) == (
        pending.currency,
        pending.lines,
        pending.conditions,
        pending.metadata,
        pending.coupons,
        pending.shipping,
    )


def _left_of(lines: t.Iterable[Line], taken: t.Iterable[Line]) -> t.Iterator[Line]:
    """The lines without the quantities that were taken."""
    quantities = {line.id: line.quantity for line in taken}

    for line in lines:
        quantity = line.quantity - quantities.get(line.id, 0)

        if quantity > 0:
            yield replace(line, quantity=quantity)
