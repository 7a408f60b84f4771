"""Reminding: carts that were left, for an app that reminds their owners of them."""

from __future__ import annotations

import datetime as dt
import typing as t

from ..carts.abandonment import carts_to_remind_of
from ..carts.abandonment import mark_reminded
from ..carts.cart import Cart
from ..carts.cart import working_copy
from .current import cart_at
from .current import get_state


def abandoned_carts(older_than: dt.timedelta) -> t.Iterator[Cart]:
    """The carts that were left for so long, and that nobody was reminded of yet."""
    state = get_state()
    now = state.services.clock()

    for found in carts_to_remind_of(state.storage, now - older_than, now):
        cart = cart_at(found.key)

        # Its owner may have come back since it was come across.
        if cart.version == found.stored.version:
            yield cart


def mark_as_reminded(cart: Cart) -> bool:
    """Note that somebody is reminded of a cart; whether this was the first to do so."""
    working = working_copy(cart)
    document, version = working.snapshot.document, working.snapshot.version

    if working.key is None or not version:
        return False

    state = get_state()
    now = state.services.clock()
    marked = mark_reminded(state.storage, working.key, version, document, now)
    working.refresh()

    return marked is not None
