"""Merging: the content of one cart is taken over into another."""

from __future__ import annotations

import typing as t
from collections import defaultdict
from dataclasses import dataclass

from ..model.document import Document
from ..model.document import OrderNote
from ..model.errors import CartConfigError
from ..model.errors import CartConflictError
from ..model.events import CartMerged
from ..model.events import CartNotMerged
from ..model.events import Event
from ..model.keys import CartKey
from ..model.limits import Limits
from ..model.lines import Line
from ..model.merging import ADD_QUANTITIES
from ..model.merging import MergeDocument
from ..model.merging import Strategy
from ..model.values import fingerprint
from .notes import Notes
from .orders import SettleOrder
from .orders import settle
from .working_copy import WorkingCopy

#: How often a cart that keeps changing while it is merged is looked at again.
MAX_ROUNDS: t.Final = 10


@dataclass(frozen=True)
class MergeReport:
    """What became of the carts of a guest.

    :param merged: What was merged: an event for each write.
    :param errors: Why carts were not merged. They are as they were.
    :param foreign: What was not, because it is in another currency: an event for each
        cart. :meth:`FlaskCart.merge_guest_carts` takes it over at the prices of now.
    """

    merged: tuple[CartMerged, ...] = ()
    errors: tuple[Exception, ...] = ()
    foreign: tuple[CartNotMerged, ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines that were added, with the quantities that came."""
        return tuple(line for event in self.merged for line in event.lines)

    @property
    def left_out(self) -> tuple[Line, ...]:
        """The lines and quantities that the limits and products did not allow."""
        return tuple(line for event in self.merged for line in event.left_out)

    @property
    def quantity(self) -> int:
        """How many items were added."""
        return sum(line.quantity for line in self.lines)

    @property
    def quantities(self) -> dict[str, dict[str, int]]:
        """How many came, by instance and line, as plain data.

        Keep it in the session, or in a signed field of a form, and give it to
        :meth:`FlaskCart.take_out` when the shopper says that it is not theirs.
        """
        came: dict[str, dict[str, int]] = {}

        for event in self.merged:
            counts = came.setdefault(event.instance, defaultdict(int))

            for line in event.lines:
                counts[line.id] += line.quantity

        return {name: dict(counts) for name, counts in came.items() if counts}


def merge(
    notes: Notes,
    source: WorkingCopy,
    target: WorkingCopy,
    strategy: Strategy = ADD_QUANTITIES,
    limits: Limits | None = None,
) -> MergeReport:
    """Take over what is in one cart into another, and delete the first.

    What somebody adds to the first one meanwhile is taken over, too.

    :param notes: Those of the orders that were begun in it.
    :param source: The cart that is emptied.
    :param target: The cart that gets its content.
    :param limits: What the target may reach, if it is not what any cart may.
    :raises CartConflictError: If the source does not stop changing.
    :raises InvalidItemError: If they are in different currencies, or a product is
        wrong. Both stay.
    """
    source.refuse_batch("merged")
    target.refuse_batch("merged")
    events: list[Event] = []

    if source.key is None or source.key == target.key or not source.snapshot.version:
        return MergeReport()

    followed: dict[str, OrderNote] = {}

    for _ in range(MAX_ROUNDS):
        # What was read long ago may say that all has come, of a cart that is gone.
        target.refresh()

        # Before it comes: who makes the order meanwhile must look for it in both.
        if source.document.pending:
            followed |= _follow(notes, source, target.found_key())

        content = source.document
        take_over = MergeDocument(
            content,
            source.key.owner,
            source_id(source.key, content),
            limits or target.repository.limits,
            strategy,
            # What is given away as it is, is so whatever is sold by now.
            asks=content.lines if limits is None else (),
        )
        # A form that was sent before a login may be sent again after it.
        used = source.repository.used_keys(source.key.owner).used
        events += target.apply(take_over, taken=used)

        for token in content.settled:
            _settle_late(notes, followed.get(token), token, target)

        try:
            source.destroy()
        except CartConflictError as error:
            conflict = error
        else:
            return MergeReport(
                tuple(each for each in events if isinstance(each, CartMerged))
            )

    raise conflict


def _follow(notes: Notes, source: WorkingCopy, target: CartKey) -> dict[str, OrderNote]:
    """Note of the orders that were begun in a cart that it comes into another one.

    :return: The notes, by token.
    """
    while True:
        content = source.document
        found = notes.follow(content, target)

        if len(found) == len(content.pending):
            return found

        # An order that is not known any more may have been made since it was read.
        source.refresh()

        if source.document == content:
            return found


def _settle_late(
    notes: Notes, followed: OrderNote | None, token: str, target: WorkingCopy
) -> None:
    """Finish an order that was made of a cart while it was merged.

    :param followed: Its note, if the cart did not know of the order yet when it was
        read before.
    """
    # While the cart can still say that it was the one that was sold.
    settle(notes, token)

    if followed is not None:
        target.apply(SettleOrder(followed, is_told=True))


def source_id(key: CartKey, document: Document) -> str:
    """Identifies a cart from its first version to its last.

    A cart that was made anew under the same key is another one. It is a hash, so that
    it does not give away the token of a guest.
    """
    return fingerprint(key.owner, key.instance, document.created_at)[:20]


def check_same_tenant(source: str | None, target: str | None) -> None:
    """Refuse to merge what belongs to two shops.

    :raises CartConfigError: If the tenants are not the same.
    """
    if source != target:
        raise CartConfigError(
            f"A cart of the tenant {source!r} cannot be merged into one of {target!r}."
        )
