"""Notes: what is being ordered, and which carts have it.

A note is made before the order, and deleted once the order is made and what was
ordered is out of the cart. Until then the order can be made of the note alone, wherever
the cart has got to.
"""

from __future__ import annotations

import typing as t
from contextlib import AbstractContextManager
from contextlib import nullcontext
from dataclasses import dataclass

from msgspec.structs import replace

from ..model.document import Document
from ..model.document import OrderNote
from ..model.document import PendingOrder
from ..model.document import noted
from ..model.errors import CartConflictError
from ..model.errors import CartCorruptError
from ..model.events import CartCheckedOut
from ..model.events import CheckoutCancelled
from ..model.events import CheckoutStarted
from ..model.keys import CartKey
from ..model.operations import Applied
from ..model.operations import Operation
from ..model.operations import Reapplied
from .records import Records
from .repository import Repository
from .working_copy import WorkingCopy
from .writing import stamped

#: What an order is finished with in a cart, and whether another cart has told of it.
Closing = t.Callable[[OrderNote, bool], Operation]

Told = type[CartCheckedOut] | type[CheckoutCancelled]

#: Opens the cart under a key.
Open = t.Callable[[CartKey], WorkingCopy]


def notes_in(repository: Repository) -> Records[OrderNote]:
    """The notes of all orders that were begun, by their tokens."""
    return Records(repository, "order", OrderNote)


class BeginOrder(Reapplied, frozen=True):
    """Note that what is in the cart is being ordered."""

    pending: PendingOrder

    def apply(self, document: Document) -> Applied:
        event = CheckoutStarted(order_token=self.pending.token, lines=document.lines)
        orders = noted(document.pending, (self.pending,))

        return replace(document, pending=orders), (event,)


class CancelOrder(Reapplied, frozen=True):
    """Forget that something is being ordered, and leave it in the cart."""

    note: OrderNote

    def apply(self, document: Document) -> Applied:
        if document.order(self.note.token) is None:
            return document, ()

        event = CheckoutCancelled(order_token=self.note.token, lines=self.note.lines)

        return document.without_order(self.note.token), (event,)


@dataclass(frozen=True)
class Notes:
    """The notes of the orders of an app, and the carts that they are about.

    :param repository: Where both are.
    :param open: Opens one of the carts.
    """

    repository: Repository
    open: Open

    @property
    def records(self) -> Records[OrderNote]:
        """Where they are."""
        return notes_in(self.repository)

    def check_kept(self) -> None:
        """Refuse to begin an order where nothing can be kept of it.

        :raises CartConfigError: If the carts are in cookies.
        """
        self.records.check_kept("An order that was begun")

    def find(self, token: str | None) -> OrderNote | None:
        """The note of an order, if there is one."""
        return self.records.find(token) if token else None

    def _keep(self, note: OrderNote, known: OrderNote | None) -> OrderNote:
        """Keep a note, in place of what was only tried.

        :param known: What is there, and was begun, and is to be replaced all the same.
        :return: What is kept. It may be what somebody else has begun meanwhile.
        """

        def change(stored: OrderNote | None) -> OrderNote:
            if stored is None:
                return note

            if stored.is_begun and stored != known:
                return stored

            return replace(note, carts=stored.carts)

        return t.cast(OrderNote, self.records.change(note.token, change))

    def _drop(self, note: OrderNote) -> None:
        """Forget a note that no cart knows of, unless it is another one by now."""
        self.records.remove(note.token, note)

    def begin(
        self, working: WorkingCopy, note: OrderNote, known: OrderNote | None
    ) -> None:
        """Note what is being ordered, unless somebody else has just done so.

        :param known: What was begun with the same token, and is to be replaced.
        :raises CartConflictError: If somebody else has begun something else.
        """
        kept = self._keep(note, known)

        if not _is_same(kept, note):
            raise working.conflict("The same order was begun at another price.")

        if working.document.order(note.token) is not None:
            return

        try:
            working.write((BeginOrder(note.pending),), working.snapshot.version)
        except Exception as error:
            is_conflict = isinstance(error, CartConflictError)

            if is_conflict and working.document.order(note.token) is not None:
                return

            if known is None:
                self._drop(kept)

            raise

    def cancel(self, token: str) -> bool:
        """Forget an order that was begun, and leave its lines in the cart.

        :return: Whether there was one, which nobody else has cancelled or settled.
        """
        return self.close(
            token, lambda note, is_told: CancelOrder(note), CheckoutCancelled
        )

    def follow(self, document: Document, key: CartKey) -> dict[str, OrderNote]:
        """Note that what is in a cart is about to come into another one.

        :return: The notes, by token.
        """
        notes = {}

        for pending in document.pending:
            note = self.records.change(
                pending.token,
                lambda stored: stored and stored.in_cart(key),
            )

            if note is not None:
                notes[note.token] = note

        return notes

    def close(self, token: str, make: Closing, event: Told) -> bool:
        """Finish with an order in all the carts that it has been in, then forget it.

        It is told exactly once: by the first cart that knows of it, or, if there is
        none, by who forgets the note.

        :param make: Makes what is to be done to a cart that knows of it.
        :param event: What it is told with.
        :return: Whether there was a note, which nobody else has forgotten.
        """
        # Not find(): a transaction of the app may show an older state of it.
        while (note := self.records.change(token, lambda stored: stored)) is not None:
            is_told = False

            for key in note.carts:
                operation = make(note, is_told)

                with self._seen_as_it_is(key):
                    is_told = _is_told(self.open(key), operation, token) or is_told

            # Else it has come into another cart meanwhile.
            if self.records.remove(token, note):
                if not is_told:
                    _tell(self.open(note.carts[-1]), note, event)

                return True

        return False

    def _seen_as_it_is(self, key: CartKey) -> AbstractContextManager[object]:
        """Keep a transaction of the app from showing an older state of a cart, which
        does not know of the order yet."""
        if self.repository.transaction() is None:
            return nullcontext()

        return self.repository.storage.lock(key.owner)


def _is_told(cart: WorkingCopy, operation: Operation, token: str) -> bool:
    """Change a cart; whether it has told of the order, now or before."""
    cart.refresh()

    try:
        events = cart.write((operation,), None)
    except CartCorruptError:
        # Nobody can say what is in it, and the order has to go on.
        return False

    return bool(events) or token in cart.document.settled


def _tell(cart: WorkingCopy, note: OrderNote, event: Told) -> None:
    """Announce what has become of an order that no cart has any more."""
    happened = event(order_token=note.token, lines=note.lines)
    cart.announce((stamped(happened, note.carts[-1], version=0),))


def _is_same(one: OrderNote, other: OrderNote) -> bool:
    """Whether two have noted the same."""
    return one == replace(
        other, started_at=one.started_at, is_begun=one.is_begun, carts=one.carts
    )
