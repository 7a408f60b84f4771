"""Going through all carts, where the storage can."""

from __future__ import annotations

import datetime as dt
import typing as t
from collections.abc import Iterator

from ...model.keys import CartKey
from ...storage.base import Annotation
from ...storage.base import Kept
from ...storage.base import Storage
from ...storage.base import scans_carts
from ..carts import KEY
from ..carts import delete_cart
from ..carts import saved
from ..carts import saved_again
from ..traits import Traits
from ..traits import only_if

#: Those that a database could take for each other, or put in another order.
KEYS = [
    # The note of an order is kept as a cart is, and moves with them.
    CartKey("@order:0f3c", "default"),
    CartKey("acme/user:7", "default"),
    CartKey("guest:AAAA", "default"),
    CartKey("guest:aaaa", "default"),
    CartKey("user:7", "default"),
    CartKey("user:7", "wish-list"),
    CartKey("user:7", "wishlist"),
    CartKey("user:70", "default"),
    CartKey("user:z", "default"),
    CartKey("user:ä", "default"),
]

if_it_scans = only_if(lambda suite: suite.scans_carts)


class Scanning(Traits):
    """What ``scan`` shows."""

    @if_it_scans
    def test_scan_finds_all_carts(self, storage: Storage) -> None:
        """Every cart comes once, with what is stored and when it was, and no other."""
        assert scan(storage) == []

        begun = dt.datetime.now(dt.UTC) - dt.timedelta(milliseconds=1)
        versions = {key: saved(storage, key, str(key)) for key in KEYS}
        ended = dt.datetime.now(dt.UTC) + dt.timedelta(milliseconds=1)
        found = scan(storage)
        assert sorted(each.key for each in found) == KEYS

        for key, stored, saved_at in found:
            assert (stored.text, stored.version) == (str(key), versions[key])
            assert saved_at is not None
            assert begun <= saved_at <= ended

    @if_it_scans
    def test_scan_after_a_delete(self, storage: Storage) -> None:
        """What was deleted is not found any more."""
        versions = {key: saved(storage, key) for key in KEYS}

        for key in KEYS[1:]:
            assert delete_cart(storage, key, versions[key])

        assert [each.key for each in scan(storage)] == KEYS[:1]

    @if_it_scans
    def test_scan_of_what_is_old(self, storage: Storage) -> None:
        """Those that were saved since a time are left out, however soon after, and
        wherever that time is told."""
        version = saved(storage, KEYS[0])
        saved(storage, KEYS[1])
        saved_at = {each.key: each.saved_at for each in scan(storage)}
        first, second = saved_at[KEYS[0]], saved_at[KEYS[1]]
        assert first is not None
        assert second is not None
        assert scan(storage, first) == []

        saved_again(storage, version, KEYS[0])
        since = second + dt.timedelta(microseconds=1)
        assert [each.key for each in scan(storage, since)] == [KEYS[1]]

        east = since.astimezone(dt.timezone(dt.timedelta(hours=14)))
        assert [each.key for each in scan(storage, east)] == [KEYS[1]]

    @if_it_scans
    def test_annotated(self, storage: Storage) -> None:
        """A cart that something is noted about stays as old as it was."""
        first = saved(storage, KEY, "one")
        ((_, _, saved_at),) = scan(storage)
        change = Annotation.on(first, "two")
        assert storage.save(KEY.owner, {KEY.instance: change})
        assert not storage.save(KEY.owner, {KEY.instance: Annotation.on(first, "3")})
        ((_, stored, still_saved_at),) = scan(storage)
        assert (stored.text, stored.version) == ("two", change.version)
        assert saved_at is not None
        assert still_saved_at == saved_at

        saved_again(storage, change.version)
        assert t.cast(dt.datetime, scan(storage)[0].saved_at) > saved_at

    @if_it_scans
    def test_scan_while_carts_change(self, storage: Storage) -> None:
        """What is found can be saved and deleted, and the rest is still found."""
        for key in KEYS:
            saved(storage, key)

        seen = []

        for number, (key, stored, _) in enumerate(scanning(storage)):
            seen.append(key)

            if number % 2:
                assert delete_cart(storage, key, stored.version)
            else:
                saved_again(storage, stored.version, key, "new")

        assert sorted(seen) == KEYS
        assert len(scan(storage)) == 5


def scan(storage: Storage, before: dt.datetime | None = None) -> list[Kept]:
    return sorted(scanning(storage, before), key=lambda each: each.key)


def scanning(storage: Storage, before: dt.datetime | None = None) -> Iterator[Kept]:
    assert scans_carts(storage)

    return storage.scan(before)
