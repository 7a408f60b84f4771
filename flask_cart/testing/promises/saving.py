"""Saving, loading and deleting, one after the other."""

from __future__ import annotations

import pytest

from ...model.keys import CartKey
from ...storage.base import Change
from ...storage.base import Guarantee
from ...storage.base import Storage
from ...storage.base import is_storage
from ..carts import KEY
from ..carts import OTHER
from ..carts import delete_cart
from ..carts import loaded
from ..carts import save_cart
from ..carts import saved
from ..carts import saved_again
from ..traits import Traits
from ..traits import only_if


class Saving(Traits):
    """What one writer can rely on."""

    def test_is_a_storage(self, storage: Storage) -> None:
        """It has all the methods, and the guarantee that it is tested for."""
        assert is_storage(storage)
        assert storage.guarantee is self.guarantee
        assert storage.transaction() is None

    @only_if(lambda suite: suite.guarantee is Guarantee.LOCKED)
    def test_always_locks(self, storage: Storage) -> None:
        """Where only the lock keeps writers apart, every write takes it."""
        assert storage.always_lock is True

    def test_absent_is_none(self, storage: Storage) -> None:
        """There is nothing under a key that nobody has saved."""
        assert storage.load(KEY) is None
        assert storage.instances(KEY.owner) == []

    def test_save_and_load(self, storage: Storage) -> None:
        """What was saved is loaded, with the version that it was given."""
        version = saved(storage, data='{"a": 1}')

        assert loaded(storage) == ('{"a": 1}', version)

    def test_save_again(self, storage: Storage) -> None:
        """Saving on top of what was read replaces it, and its version."""
        version = saved(storage)

        version = saved_again(storage, version, data="new")
        assert loaded(storage) == ("new", version)

    def test_every_save_is_read_at_once(self, storage: Storage) -> None:
        """A load shows the save before it, and not the one before that."""
        version = saved(storage, data="0")

        for number in range(1, 10):
            version = saved_again(storage, version, data=str(number))

            assert loaded(storage) == (str(number), version)

        delete_cart(storage, KEY, version)
        assert storage.load(KEY) is None

    def test_same_text_is_a_new_version(self, storage: Storage) -> None:
        """Saving the same text is a save, and has a version of its own."""
        version = saved(storage)

        version = saved_again(storage, version)
        assert loaded(storage) == ("{}", version)

    @pytest.mark.parametrize("version", [1, 2**31, 2**53 - 1])
    def test_version_is_kept(self, storage: Storage, version: int) -> None:
        """A version is a number of up to 53 bits, and is kept as it was given."""
        first = {KEY.instance: Change(0, "one", version - 1 or 2**52)}
        assert storage.save(KEY.owner, first) is True
        newer = {KEY.instance: Change(first[KEY.instance].version, "two", version)}
        assert storage.save(KEY.owner, newer) is True

        assert loaded(storage) == ("two", version)

    def test_lost_first_save(self, storage: Storage) -> None:
        """A second first save loses, and is no error."""
        version = saved(storage, data="first")

        assert save_cart(storage, KEY, "second", 0) is None
        assert loaded(storage) == ("first", version)

    def test_save_after_a_lost_first_save(self, storage: Storage) -> None:
        """A lost first save leaves nothing behind that the next call stumbles over."""
        version = saved(storage)
        assert save_cart(storage, KEY, "lost", 0) is None

        assert saved_again(storage, version, data="won")

    @pytest.mark.parametrize("offset", [-1, 1, 10**6])
    def test_save_with_another_version_loses(
        self, storage: Storage, offset: int
    ) -> None:
        """A save that was made for another version changes nothing."""
        version = saved(storage, data="stays")

        assert save_cart(storage, KEY, "lost", version + offset) is None
        assert loaded(storage) == ("stays", version)

    def test_only_the_first_of_two_saves_wins(self, storage: Storage) -> None:
        """Of two who read the same version, the second does not overwrite the first:
        what is compared is the version that came with the read."""
        version = saved(storage)

        newer = saved_again(storage, version, data="one")
        assert save_cart(storage, KEY, "two", version) is None
        assert loaded(storage) == ("one", newer)

    def test_save_where_nothing_is_loses(self, storage: Storage) -> None:
        """A save on top of a cart that never was does not make one."""
        assert save_cart(storage, KEY, "ghost", 5) is None
        assert storage.load(KEY) is None

    def test_save_of_what_is_gone_loses(self, storage: Storage) -> None:
        """A save on top of a deleted cart does not bring it back."""
        version = saved(storage)
        assert delete_cart(storage, KEY, version)

        assert save_cart(storage, KEY, "ghost", version) is None
        assert storage.load(KEY) is None

    def test_save_leaves_other_carts_alone(self, storage: Storage) -> None:
        """Neither another owner nor another cart of this one notices a save."""
        wishlist = CartKey(KEY.owner, "wishlist")
        version = saved(storage)
        others = {key: saved(storage, key, str(key)) for key in (OTHER, wishlist)}

        saved_again(storage, version)

        for key, other_version in others.items():
            assert loaded(storage, key) == (str(key), other_version)

    def test_delete(self, storage: Storage) -> None:
        """A cart is deleted once."""
        version = saved(storage)

        assert delete_cart(storage, KEY, version) is True
        assert delete_cart(storage, KEY, version) is False
        assert storage.load(KEY) is None

    @pytest.mark.parametrize("offset", [-1, 1])
    def test_delete_with_another_version_refuses(
        self, storage: Storage, offset: int
    ) -> None:
        """A delete that was made for another version deletes nothing."""
        version = saved(storage)

        assert delete_cart(storage, KEY, version + offset) is False
        assert loaded(storage) == ("{}", version)

    def test_delete_of_nothing(self, storage: Storage) -> None:
        """Nothing is deleted where nothing is, and version 0 deletes nothing."""
        assert delete_cart(storage, KEY, 0) is False

        version = saved(storage)
        assert delete_cart(storage, KEY, 0) is False
        assert loaded(storage) == ("{}", version)

    def test_delete_leaves_other_carts_alone(self, storage: Storage) -> None:
        """Neither another owner nor another cart of this one notices a delete."""
        wishlist = CartKey(KEY.owner, "wishlist")
        version = saved(storage)
        others = {key: saved(storage, key, str(key)) for key in (OTHER, wishlist)}

        assert delete_cart(storage, KEY, version)

        for key, other_version in others.items():
            assert loaded(storage, key) == (str(key), other_version)

    def test_stale_writer_of_an_earlier_cart(self, storage: Storage) -> None:
        """Who read the cart before it was destroyed cannot write into the new one."""
        old = saved(storage, data="old")
        delete_cart(storage, KEY, old)
        new = saved(storage, data="new")

        assert save_cart(storage, KEY, "stale", old) is None
        assert delete_cart(storage, KEY, old) is False
        assert loaded(storage) == ("new", new)
