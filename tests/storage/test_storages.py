from __future__ import annotations

import datetime as dt
import threading

import pytest

from flask_cart import CartConfigError
from flask_cart.model.keys import MAX_OWNER_LENGTH
from flask_cart.model.keys import CartKey
from flask_cart.model.keys import cart_key
from flask_cart.model.keys import check_owner
from flask_cart.storage.base import Guarantee
from flask_cart.storage.base import Stored
from flask_cart.storage.base import first_version
from flask_cart.storage.memory import MemoryStorage
from tests.support.shop import KEY


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class TestKeys:
    @pytest.mark.parametrize(
        "owner",
        [
            "user:7",
            "guest:x",
            "company:12/7",
            "a_b-c9:x",
            "user:jürgen@example.org",
            "user:a b",
            "user::",
            "user:" + "x" * (MAX_OWNER_LENGTH - 5),
        ],
    )
    def test_owners(self, owner: str) -> None:
        """A kind and an id make an owner."""
        assert check_owner(owner) == owner

    @pytest.mark.parametrize(
        "instance", ["default", "a", "0", "Wish-List_2.0", "x" * 64]
    )
    def test_instances(self, instance: str) -> None:
        """A short name makes an instance."""
        key = cart_key("user:7", instance)

        assert key == CartKey("user:7", instance)
        assert str(key) == f"user:7/{instance}"

    def test_bad_key(self) -> None:
        """Both parts are checked."""
        with pytest.raises(CartConfigError, match="An owner"):
            cart_key("7", "default")

        with pytest.raises(CartConfigError, match="An instance"):
            cart_key("user:7", "")


def test_first_versions_differ() -> None:
    """No two carts begin with the same version, and none is 0 or inexact in JSON."""
    versions = {first_version() for _ in range(1000)}

    assert len(versions) == 1000
    assert all(0 < version <= 2**52 for version in versions)


class TestMemoryStorage:
    def test_guarantee(self, storage: MemoryStorage) -> None:
        """It compares versions, and is in no transaction."""
        assert storage.guarantee is Guarantee.ATOMIC
        assert not storage.always_lock
        assert storage.transaction() is None

    def test_save_and_load(self, storage: MemoryStorage) -> None:
        """What is saved is loaded, with the version that the save returned."""
        assert storage.load(KEY) is None
        version = storage.save(KEY, "one", 0)
        assert storage.load(KEY) == Stored("one", version)

        assert storage.save(KEY, "two", version) == version + 1
        assert storage.load(KEY) == Stored("two", version + 1)

    def test_save_over_another_version(self, storage: MemoryStorage) -> None:
        """A save that expects something else is lost."""
        version = storage.save(KEY, "one", 0)

        for expected in [0, version - 1, version + 1]:
            assert storage.save(KEY, "two", expected) is None

        assert storage.load(KEY) == Stored("one", version)

    def test_save_where_nothing_is(self, storage: MemoryStorage) -> None:
        """A save that expects a cart where there is none is lost."""
        assert storage.save(KEY, "one", 5) is None
        assert storage.load(KEY) is None

    def test_delete(self, storage: MemoryStorage) -> None:
        """Only the expected version is deleted."""
        version = storage.save(KEY, "one", 0)

        assert not storage.delete(KEY, version + 1)
        assert not storage.delete(KEY, 0)
        assert storage.delete(KEY, version)
        assert not storage.delete(KEY, version)
        assert not storage.delete(KEY, 0)
        assert storage.load(KEY) is None

    def test_version_after_delete(self, storage: MemoryStorage) -> None:
        """A version that was deleted does not come back."""
        version = storage.save(KEY, "one", 0)
        storage.delete(KEY, version)

        assert storage.save(KEY, "two", 0) not in {version, version + 1}

    def test_instances(self, storage: MemoryStorage) -> None:
        """The carts of one owner are listed, and nobody else's."""
        for instance in ["b", "a"]:
            storage.save(CartKey("user:1", instance), "x", 0)

        storage.save(CartKey("user:11", "c"), "x", 0)

        assert storage.instances("user:1") == ["a", "b"]
        assert storage.instances("user:") == []

    def test_purge(self, storage: MemoryStorage) -> None:
        """The oldest carts go first, up to the limit, and each is named."""
        keys = [CartKey("user:1", name) for name in "bca"]

        for number, key in enumerate(keys):
            storage.save(key, "x", 0)
            stored, saved_at = storage._carts[key]
            storage._carts[key] = stored, saved_at - dt.timedelta(days=9 - number)

        before = now() - dt.timedelta(days=1)
        assert list(storage.purge(before, limit=2)) == keys[:2]
        assert storage.instances("user:1") == ["a"]
        assert list(storage.purge(before, limit=2)) == keys[2:]
        assert list(storage.purge(before, limit=2)) == []

    def test_purge_spares_new_ones(self, storage: MemoryStorage) -> None:
        """What was saved since is not purged."""
        storage.save(KEY, "x", 0)

        assert list(storage.purge(now() - dt.timedelta(days=1), limit=5)) == []
        assert storage.load(KEY) is not None

    def test_purge_spares_what_is_saved_meanwhile(self, storage: MemoryStorage) -> None:
        """A cart that a shopper comes back to during the purge stays."""
        one, other = CartKey("user:1", "a"), CartKey("user:2", "b")
        storage.save(one, "x", 0)
        version = storage.save(other, "x", 0)
        purge = storage.purge(now() + dt.timedelta(days=1), limit=5)
        assert next(purge) == one
        storage.save(other, "y", version)

        assert list(purge) == []
        assert storage.load(other).data == "y"

    def test_lock(self, storage: MemoryStorage) -> None:
        """Who holds the lock keeps others from saving, and can save."""
        saved: list[int | None] = []
        rival = threading.Thread(target=lambda: saved.append(storage.save(KEY, "r", 0)))

        with storage.lock(KEY):
            rival.start()
            rival.join(0.05)
            assert saved == []
            version = storage.save(KEY, "mine", 0)

        rival.join(10)
        assert saved == [None]
        assert storage.load(KEY) == Stored("mine", version)
