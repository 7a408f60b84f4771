"""The lock: whom it keeps out, and when it ends."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable
from contextlib import suppress

import pytest

from ...storage.base import Guarantee
from ...storage.base import Storage
from ..carts import KEY
from ..carts import OTHER
from ..carts import change
from ..carts import delete
from ..carts import delete_cart
from ..carts import load_under_lock
from ..carts import loaded
from ..carts import locking
from ..carts import save
from ..carts import save_cart
from ..carts import save_under_lock
from ..carts import saved
from ..carts import saved_again
from ..others import Others
from ..others import result_of
from ..traits import Traits
from ..traits import excludes
from ..traits import only_if

#: Seconds that a rival has for doing what it should not.
PAUSE: t.Final = 0.1

#: What is done under a lock, with the version of the cart.
Deed = Callable[[Storage, int], object]

DEEDS: dict[str, Deed] = {
    "nothing": lambda storage, version: None,
    "load": lambda storage, version: storage.load(KEY),
    "save": lambda storage, version: (
        storage.load(KEY),
        save_cart(storage, KEY, "2", version),
    ),
    "lost save": lambda storage, version: (
        storage.load(KEY),
        save_cart(storage, KEY, "3", version + 1),
    ),
    "delete": lambda storage, version: (
        storage.load(KEY),
        delete_cart(storage, KEY, version),
    ),
    "refused delete": lambda storage, version: (
        storage.load(KEY),
        delete_cart(storage, KEY, version + 1),
    ),
}


def fail_under_lock(storage: Storage) -> t.NoReturn:
    with storage.lock(KEY.owner):
        storage.load(KEY)
        raise ZeroDivisionError


class Locking(Traits):
    """What the lock is good for. There is one load and one save under it."""

    def test_lock_keeps_a_save(self, storage: Storage) -> None:
        """What is read and saved under the lock is there after it."""
        with storage.lock(KEY.owner):
            assert storage.load(KEY) is None
            version = saved(storage)

        with storage.lock(KEY.owner):
            assert loaded(storage) == ("{}", version)
            version = saved_again(storage, version, data="new")

        assert loaded(storage) == ("new", version)

    def test_lock_deletes(self, storage: Storage) -> None:
        """A delete under the lock holds after it."""
        version = saved(storage)

        with storage.lock(KEY.owner):
            assert loaded(storage) == ("{}", version)
            assert delete_cart(storage, KEY, version) is True

        assert storage.load(KEY) is None

    def test_lost_first_save_under_the_lock(self, storage: Storage) -> None:
        """A lost first save is a lost save under the lock, too."""
        version = saved(storage)

        with storage.lock(KEY.owner):
            assert storage.load(KEY) is not None
            assert save_cart(storage, KEY, "lost", 0) is None

        assert loaded(storage) == ("{}", version)

    def test_stale_save_under_the_lock(self, storage: Storage) -> None:
        """The lock does not make a stale save good."""
        stale = saved(storage)
        version = saved_again(storage, stale, data="stays")

        with storage.lock(KEY.owner):
            assert storage.load(KEY) is not None
            assert save_cart(storage, KEY, "lost", stale) is None

        with storage.lock(KEY.owner):
            assert storage.load(KEY) is not None
            assert delete_cart(storage, KEY, stale) is False

        assert loaded(storage) == ("stays", version)

    def test_error_under_the_lock(self, storage: Storage) -> None:
        """An error under the lock comes out of it, and the cart can still be saved."""
        version = saved(storage)

        with pytest.raises(ZeroDivisionError):
            fail_under_lock(storage)

        with storage.lock(KEY.owner):
            assert loaded(storage) == ("{}", version)
            assert saved_again(storage, version, data="new")

    @pytest.mark.parametrize("deed", DEEDS.values(), ids=list(DEEDS))
    def test_lock_ends_with_its_block(
        self, storage: Storage, others: Others, deed: Deed
    ) -> None:
        """Whatever was done under the lock, others can take it after it."""
        version = saved(storage, data="1")

        with storage.lock(KEY.owner):
            deed(storage, version)

        assert others.call(load_under_lock, KEY) == loaded(storage)
        assert others.call(change, KEY)

    def test_lock_ends_with_an_error(self, storage: Storage, others: Others) -> None:
        """Others can take the lock of one who has failed under it."""
        version = saved(storage, data="1")

        with suppress(ZeroDivisionError):
            fail_under_lock(storage)

        assert others.call(load_under_lock, KEY) == ("1", version)
        assert others.call(change, KEY) > version

    @only_if(excludes)
    def test_lock_makes_a_rival_wait(self, storage: Storage, others: Others) -> None:
        """A rival who takes the lock gets to read only after the first one's save."""
        version = saved(storage)

        with storage.lock(KEY.owner):
            storage.load(KEY)
            reading = others.start(load_under_lock, KEY)
            # Without a lock it will have read by then, most of the times.
            time.sleep(PAUSE)
            version = saved_again(storage, version, data="first")

        assert result_of(reading) == ("first", version)

    @only_if(lambda suite: excludes(suite) and suite.locks_each_owner)
    def test_lock_leaves_other_owners_alone(
        self, storage: Storage, others: Others
    ) -> None:
        """Nobody waits for the lock of somebody else's carts."""
        saved(storage)
        version = saved(storage, OTHER)

        with storage.lock(KEY.owner):
            storage.load(KEY)
            saving = others.start(save_under_lock, OTHER, "new", version)
            newer = result_of(saving)

        assert newer is not None
        assert loaded(storage, OTHER) == ("new", newer)

    @only_if(lambda suite: suite.guarantee is Guarantee.ATOMIC)
    def test_save_without_the_lock(self, storage: Storage, others: Others) -> None:
        """Of one who holds the lock and one who saves without it, exactly one wins,
        whether or not the lock keeps the other from saving."""
        version = saved(storage)

        with storage.lock(KEY.owner):
            storage.load(KEY)
            saving = others.start(save, KEY, "theirs", version)
            time.sleep(PAUSE)
            mine = save_cart(storage, KEY, "mine", version)

        theirs = result_of(saving)
        assert (mine is None) is not (theirs is None)
        assert loaded(storage) == (("mine", mine) if mine else ("theirs", theirs))

    @only_if(excludes)
    def test_delete_or_save(
        self, storage: Storage, others: Others, locked: bool
    ) -> None:
        """Of one who deletes and one who saves, exactly one wins."""
        version = saved(storage)

        with locking(storage, KEY.owner, locked=locked):
            storage.load(KEY)
            deleting = others.start(delete, KEY, version, locked)
            time.sleep(PAUSE)
            newer = save_cart(storage, KEY, "new", version)

        is_deleted = result_of(deleting)
        assert is_deleted is (newer is None)
        assert loaded(storage) == (None if is_deleted else ("new", newer))
