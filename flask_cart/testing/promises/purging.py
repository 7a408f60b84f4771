"""Deleting what nobody has saved for long."""

from __future__ import annotations

import datetime as dt
import typing as t

from ...model.keys import CartKey
from ...storage.base import Storage
from ..carts import KEY
from ..carts import loaded
from ..carts import saved
from ..carts import saved_again
from ..traits import Traits
from ..traits import only_if

LONG_AGO: t.Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)

if_it_purges = only_if(lambda suite: suite.purges)


def later() -> dt.datetime:
    """A time after everything that was saved so far."""
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)


class Purging(Traits):
    """What ``purge`` deletes, and what it must not."""

    @if_it_purges
    def test_purge_takes_the_oldest_first(self, storage: Storage) -> None:
        """Carts go in the order in which they were last saved, up to the limit."""
        keys = [CartKey(f"user:{name}", "default") for name in "cabde"]
        versions = {key: saved(storage, key) for key in keys}
        # It was saved first, and is now the last.
        saved_again(storage, versions[keys[0]], keys[0])

        assert list(storage.purge(later(), limit=3)) == keys[1:4]
        assert [key for key in keys if storage.load(key)] == [keys[0], keys[4]]

    @if_it_purges
    def test_purge_leaves_the_fresh(self, storage: Storage) -> None:
        """What was saved after the given time stays, wherever that time is given."""
        saved(storage)
        far_east = dt.timezone(dt.timedelta(hours=14))

        assert list(storage.purge(LONG_AGO, limit=10)) == []
        assert list(storage.purge(LONG_AGO.astimezone(far_east), limit=10)) == []
        assert list(storage.purge(later().astimezone(far_east), limit=10)) == [KEY]

    @if_it_purges
    def test_purge_is_exact_within_a_second(self, storage: Storage) -> None:
        """A cart that was saved after the given moment stays, however soon after."""
        saved(storage)
        between = dt.datetime.now(dt.UTC)
        kept = CartKey("user:2", "default")
        saved(storage, kept)

        assert list(storage.purge(between, limit=10)) == [KEY]
        assert storage.load(kept) is not None

    @if_it_purges
    def test_purge_spares_what_is_saved_meanwhile(self, storage: Storage) -> None:
        """A cart that is saved while others are being purged is not deleted."""
        keys = [CartKey(f"user:{number}", "default") for number in range(3)]
        versions = [saved(storage, key) for key in keys]
        gone = []

        for key in storage.purge(later(), limit=10):
            gone.append(key)

            if key == keys[0]:
                saved_again(storage, versions[1], keys[1], "alive")

        assert gone == [keys[0], keys[2]]
        assert loaded(storage, keys[1]) == ("alive", versions[1] + 1)

    @if_it_purges
    def test_purge_deletes_as_it_goes(self, storage: Storage) -> None:
        """Each key is yielded when it is gone, and not before it is asked for."""
        keys = [CartKey(f"user:{number}", "default") for number in range(2)]

        for key in keys:
            saved(storage, key)

        assert next(iter(storage.purge(later(), limit=10))) == keys[0]
        assert storage.load(keys[0]) is None
        assert storage.load(keys[1]) is not None

    @if_it_purges
    def test_purged_carts_do_not_come_back(self, storage: Storage) -> None:
        """A purge is like a delete to those who still hold the old version."""
        version = saved(storage)
        assert list(storage.purge(later(), limit=10)) == [KEY]

        assert storage.save(KEY, "ghost", version) is None
        assert storage.instances(KEY.owner) == []
        assert saved(storage) != version

    @only_if(lambda suite: not suite.purges)
    def test_nothing_is_purged(self, storage: Storage) -> None:
        """A storage that cannot list its carts deletes none, and says so."""
        version = saved(storage)

        assert list(storage.purge(later(), limit=10)) == []
        assert loaded(storage) == ("{}", version)
