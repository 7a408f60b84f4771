"""Storages that cannot be used, and carts that cannot be read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from ...model.errors import CartError
from ...model.errors import CartStorageError
from ...model.keys import CartKey
from ...storage.base import Storage
from ..carts import KEY
from ..carts import saved
from ..traits import Traits
from ..traits import only_if

#: What is done with a storage, and the version of the cart in it.
Call = Callable[[Storage, int], object]

CALLS: dict[str, Call] = {
    "load": lambda storage, version: storage.load(KEY),
    "first save": lambda storage, version: storage.save(
        CartKey("user:2", "default"), "{}", 0
    ),
    "save": lambda storage, version: storage.save(KEY, "new", version),
    "delete": lambda storage, version: storage.delete(KEY, version),
    "instances": lambda storage, version: storage.instances(KEY.owner),
    "lock": lambda storage, version: _save_under_lock(storage, version),
}

if_it_can_be_spoilt = only_if(lambda suite: suite.spoil is not None)


def _save_under_lock(storage: Storage, version: int) -> None:
    with storage.lock(KEY):
        storage.load(KEY)
        storage.save(KEY, "new", version)


class Failing(Traits):
    """That nothing is taken for an empty cart but the absence of a cart."""

    @only_if(lambda suite: suite.cut_off is not None)
    @pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
    def test_unreachable_is_an_error(
        self, storage: Storage, cut_off: Callable[[], None], call: Call
    ) -> None:
        """A storage that cannot be used says so: it does not answer that there is
        nothing, or that somebody else was faster."""
        version = saved(storage)
        cut_off()

        with pytest.raises(CartStorageError):
            call(storage, version)

    @only_if(lambda suite: suite.cut_off is not None and suite.purges)
    def test_unreachable_purge_is_an_error(
        self, storage: Storage, cut_off: Callable[[], None]
    ) -> None:
        """A purge that can delete nothing says so."""
        saved(storage)
        cut_off()

        with pytest.raises(CartStorageError):
            list(storage.purge(dt.datetime.now(dt.UTC), limit=1))

    @if_it_can_be_spoilt
    def test_unreadable_is_not_absent(
        self, storage: Storage, spoil: Callable[[CartKey], None]
    ) -> None:
        """What cannot be read is an error, or given as it is to whoever can say what
        is wrong with it; it is not taken for an empty cart."""
        saved(storage)
        spoil(KEY)

        try:
            stored = storage.load(KEY)
        except CartError:
            return

        assert stored is not None

    @if_it_can_be_spoilt
    def test_unreadable_is_not_overwritten(
        self, storage: Storage, spoil: Callable[[CartKey], None]
    ) -> None:
        """What cannot be read stays for somebody to repair: nobody makes a new cart
        in its place."""
        saved(storage)
        spoil(KEY)

        try:
            version = storage.save(KEY, "new", 0)
        except CartError:
            return

        assert version is None
