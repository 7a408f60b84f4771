"""Storages that cannot be used, and carts that cannot be read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ...model.errors import CartError
from ...model.errors import CartStorageError
from ...model.keys import CartKey
from ...storage.base import Storage
from ...storage.base import scans_carts
from ..carts import KEY
from ..carts import OTHER
from ..carts import delete_cart
from ..carts import save_cart
from ..carts import save_carts
from ..carts import saved
from ..traits import Traits
from ..traits import only_if

#: What is done with a storage, and the version of the cart in it.
Call = Callable[[Storage, int], object]

CALLS: dict[str, Call] = {
    "load": lambda storage, version: storage.load(KEY),
    "first save": lambda storage, version: save_cart(storage, OTHER, "{}", 0),
    "save": lambda storage, version: save_cart(storage, KEY, "new", version),
    "delete": lambda storage, version: delete_cart(storage, KEY, version),
    "save of two": lambda storage, version: save_carts(
        storage, KEY.owner, {KEY.instance: (version, None), "other": (0, "{}")}
    ),
    "instances": lambda storage, version: storage.instances(KEY.owner),
    "lock": lambda storage, version: _save_under_lock(storage, version),
}

if_it_can_be_spoilt = only_if(lambda suite: suite.spoil is not None)


def _save_under_lock(storage: Storage, version: int) -> None:
    with storage.lock(KEY.owner):
        storage.load(KEY)
        save_cart(storage, KEY, "new", version)


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

    @only_if(lambda suite: suite.cut_off is not None and suite.scans_carts)
    def test_unreachable_scan_is_an_error(
        self, storage: Storage, cut_off: Callable[[], None]
    ) -> None:
        """A storage that cannot look for its carts does not say that it has none."""
        saved(storage)
        cut_off()
        assert scans_carts(storage)

        with pytest.raises(CartStorageError):
            list(storage.scan())

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
            version = save_cart(storage, KEY, "new", 0)
        except CartError:
            return

        assert version is None
