"""Leftovers: what is kept beside the carts for a while, and is of no use any more."""

from __future__ import annotations

import typing as t
from contextlib import suppress

from ..model.errors import CartBusyError
from ..model.errors import CartCorruptError
from ..model.idempotency import LASTS
from ..model.idempotency import USED_KEYS
from ..model.idempotency import decode_keys
from ..model.idempotency import known
from ..model.keys import CartKey
from ..storage.base import Change
from ..storage.base import Kept
from .abandonment import CHECKOUT_LASTS
from .answers import answers_in
from .links import links_in
from .notes import notes_in
from .payments import cancel_order
from .records import Records
from .replacing import SHOWN
from .services import CartServices


class Leftovers:
    """What is found of them while a storage is gone through.

    :param services: The shop whose storage it is.
    """

    def __init__(self, services: CartServices) -> None:
        repository = services.repository
        self._services = services
        self._storage = repository.storage
        self._now = services.clock()
        self._notes = notes_in(repository)
        self._ending: list[Records[t.Any]] = [
            links_in(repository),
            answers_in(repository),
        ]
        self._orders: list[str] = []

    def look_at(self, kept: Kept) -> None:
        """Forget it if it is one, at once; only orders are noted for later."""
        with suppress(CartCorruptError):
            if self._notes.is_one(kept.key):
                self._look_at_order(kept)
            elif self._is_old(kept) and not self._is_of_use(kept):
                self._delete(kept)

            for records in self._ending:
                if records.is_one(kept.key):
                    self._look_at_record(records, kept)

    def forget_orders(self) -> int:
        """Forget orders that can be paid no longer; how many that was."""
        return sum(cancel_order(self._services, token) for token in self._orders)

    def _look_at_order(self, kept: Kept) -> None:
        oldest = self._now - CHECKOUT_LASTS

        if kept.saved_at is not None and kept.saved_at < oldest:
            self._orders.append(self._notes.read(kept.stored.data).token)

    def _look_at_record(self, records: Records[t.Any], kept: Kept) -> None:
        content = records.read(kept.stored.data)

        if content.expires_at <= self._now:
            records.remove(records.token_of(kept.key), content)

    def _is_old(self, kept: Kept) -> bool:
        return kept.saved_at is not None and kept.saved_at < self._now - LASTS

    def _is_of_use(self, kept: Kept) -> bool:
        """Whether there are keys that may be sent again, or a cart that programs were
        shown; anything else is."""
        if kept.key.instance == USED_KEYS:
            return bool(known(decode_keys(kept.stored.data), self._now))

        if kept.key.instance == SHOWN:
            # It comes before what is beside it, and may be gone by now.
            return self._storage.load(CartKey(kept.key.owner, "default")) is not None

        return True

    def _delete(self, kept: Kept) -> None:
        delete = {kept.key.instance: Change.on(kept.stored.version, None)}

        # If somebody is faster, it is of use again.
        with suppress(CartBusyError):
            self._storage.save(kept.key.owner, delete)
