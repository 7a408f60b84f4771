"""Leftovers: what is kept beside the carts for a while, and is of no use any more."""

from __future__ import annotations

from contextlib import suppress

from ..model.errors import CartBusyError
from ..model.errors import CartCorruptError
from ..model.idempotency import LASTS
from ..model.idempotency import USED_KEYS
from ..model.idempotency import decode_keys
from ..model.idempotency import known
from ..storage.base import Change
from ..storage.base import Kept
from .abandonment import CHECKOUT_LASTS
from .links import forget_link
from .links import links_in
from .notes import notes_in
from .payments import cancel_order
from .services import CartServices


class Leftovers:
    """What is found of them while a storage is gone through.

    :param services: The shop whose storage it is.
    """

    def __init__(self, services: CartServices) -> None:
        self._services = services
        self._now = services.clock()
        self._notes = notes_in(services.repository)
        self._links = links_in(services.repository)
        self._orders: list[str] = []
        self._expired: list[str] = []

    def note(self, kept: Kept) -> None:
        """Look whether something is one; used keys are forgotten at once."""
        with suppress(CartCorruptError):
            if self._notes.is_one(kept.key):
                self._note_order(kept)
            elif self._links.is_one(kept.key):
                self._note_link(kept)
            elif kept.key.instance == USED_KEYS:
                self._forget_keys(kept)

    def forget(self) -> int:
        """Forget orders that can be paid no longer, and links that are not good any
        more.

        :return: How many orders that was.
        """
        for token in self._expired:
            forget_link(self._services.repository, token)

        return sum(cancel_order(self._services, token) for token in self._orders)

    def _note_order(self, kept: Kept) -> None:
        if kept.saved_at is None or kept.saved_at >= self._now - CHECKOUT_LASTS:
            return

        self._orders.append(self._notes.read(kept.stored.data).token)

    def _note_link(self, kept: Kept) -> None:
        if self._links.read(kept.stored.data).expires_at <= self._now:
            self._expired.append(self._links.token_of(kept.key))

    def _forget_keys(self, kept: Kept) -> None:
        """Forget used keys that are too old to be sent again."""
        if kept.saved_at is None or kept.saved_at >= self._now - LASTS:
            return

        if known(decode_keys(kept.stored.data), self._now):
            return

        delete = {kept.key.instance: Change.on(kept.stored.version, None)}

        # If somebody is faster, there are newer ones.
        with suppress(CartBusyError):
            self._services.repository.storage.save(kept.key.owner, delete)
