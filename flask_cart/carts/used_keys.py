"""Used keys: what a write remembers of the keys that its changes came with."""

from __future__ import annotations

import datetime as dt
import typing as t
from dataclasses import dataclass

from ..model.events import Event
from ..model.idempotency import MAX_IN_COOKIE
from ..model.idempotency import MAX_KEYS
from ..model.idempotency import USED_KEYS
from ..model.idempotency import Claim
from ..model.idempotency import UsedKey
from ..model.idempotency import UsedKeys
from ..model.idempotency import check_unused
from ..model.idempotency import encode_keys
from ..model.idempotency import known
from ..model.idempotency import remembered
from ..model.keys import CartKey
from ..model.lines import Line
from ..storage.base import Change
from ..storage.base import Changes
from ..storage.base import Guarantee
from ..storage.base import Storage


class KeptKeys(t.NamedTuple):
    """Used keys as they were read, with the version that came with them."""

    used: UsedKeys = ()
    version: int = 0


@dataclass
class Claims:
    """The keys that a write is to remember.

    :param cart: Where the changes are made.
    :param made: Those that they came with.
    :param taken: Those of another owner, whose cart is taken over.
    :param now: When it is.
    :param base: What was last read of the owner's; ``None`` if it has to be read.
    """

    cart: CartKey
    made: t.Sequence[Claim]
    taken: UsedKeys
    now: dt.datetime
    base: KeptKeys | None = None

    @property
    def key(self) -> CartKey:
        """Where they are kept."""
        return CartKey(self.cart.owner, USED_KEYS)

    def check(self) -> None:
        """Refuse changes that were made already.

        :raises CartReplayedError: If one was.
        """
        for claim in self.made:
            check_unused(claim.on(self.cart.instance), self._base.used, self.now)

    def to_save(
        self, storage: Storage, left: int, events: t.Iterable[Event], is_kept: bool
    ) -> Changes:
        """What is to be saved with the changes, by the name of the instance.

        :param left: The version that they leave of the cart.
        :param events: What happens by them.
        :param is_kept: Whether there is a cart. What comes to nothing makes none, and
            is remembered by none.
        """
        is_cookie = storage.guarantee is Guarantee.LAST_WRITE_WINS
        used, expected = self._base
        # A cookie has no room for it.
        line_id = "" if is_cookie else _line_of(events)
        at = int(self.now.timestamp())
        made = self.made if is_kept else ()
        new = (UsedKey(each.on(self.cart.instance), at, line_id, left) for each in made)
        most = MAX_IN_COOKIE if is_cookie else MAX_KEYS
        after = known(remembered((*used, *self.taken, *new), most), self.now)

        if after == used:
            return {}

        return {USED_KEYS: Change.on(expected, encode_keys(after))}

    @property
    def _base(self) -> KeptKeys:
        return t.cast(KeptKeys, self.base)


def _line_of(events: t.Iterable[Event]) -> str:
    """The line that everything is about, if it is one."""
    lines = (getattr(each, "line", None) for each in events)
    ids = {line.id for line in lines if isinstance(line, Line)}

    return ids.pop() if len(ids) == 1 else ""
