"""Carts that expire when nobody has saved them for some time."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable

from ...model.keys import CartKey
from ...storage.base import Storage
from ..carts import KEY
from ..carts import delete_cart
from ..carts import locking
from ..carts import save_cart
from ..carts import saved
from ..carts import saved_again
from ..others import LIMIT
from ..traits import Traits
from ..traits import only_if

#: Seconds by which a cart is to have aged, so that a renewal can be seen.
AGE: t.Final = 0.2

TtlOf = Callable[[CartKey], float | None]

if_it_expires = only_if(lambda suite: suite.ttl_of is not None)


class Expiring(Traits):
    """What every save does to the time that a cart has left."""

    @if_it_expires
    def test_first_save_sets_the_ttl(self, storage: Storage, ttl_of: TtlOf) -> None:
        """A new cart expires some day."""
        saved(storage)

        assert _seconds_left(ttl_of) > 0

    @if_it_expires
    def test_every_save_renews_the_ttl(
        self, storage: Storage, ttl_of: TtlOf, locked: bool
    ) -> None:
        """A cart that is saved again has all of its time before it, as a new one."""
        version = saved(storage)
        full = _seconds_left(ttl_of)

        for _ in range(2):
            _wait_until_below(full - AGE, ttl_of)
            started = time.monotonic()

            with locking(storage, KEY.owner, locked=locked):
                storage.load(KEY)
                version = saved_again(storage, version)

            left = _seconds_left(ttl_of)
            # However long this took: it may not have been at once.
            assert left > full - AGE / 2 - (time.monotonic() - started)

    @if_it_expires
    def test_lost_save_keeps_the_ttl(self, storage: Storage, ttl_of: TtlOf) -> None:
        """A save that is lost does not make the cart last for ever."""
        version = saved(storage)
        assert save_cart(storage, KEY, "lost", version + 1) is None
        assert save_cart(storage, KEY, "lost", 0) is None

        assert _seconds_left(ttl_of) > 0

    @if_it_expires
    def test_new_cart_after_a_delete_expires(
        self, storage: Storage, ttl_of: TtlOf
    ) -> None:
        """A cart that is made anew expires like the first one."""
        version = saved(storage)
        assert delete_cart(storage, KEY, version)
        saved(storage)

        assert _seconds_left(ttl_of) > 0


def _seconds_left(ttl_of: TtlOf) -> float:
    seconds = ttl_of(KEY)
    assert seconds is not None, "The cart never expires."

    return seconds


def _wait_until_below(seconds: float, ttl_of: TtlOf) -> None:
    """Wait until the cart has less time left than that."""
    deadline = time.monotonic() + LIMIT

    while time.monotonic() < deadline:
        if _seconds_left(ttl_of) <= seconds:
            return

        time.sleep(AGE / 10)

    raise AssertionError(f"In {LIMIT:g} s, the cart came no nearer to its end.")
