from __future__ import annotations

import threading
from unittest.mock import ANY

import pytest

from flask_cart import CartConfigError
from flask_cart.model.keys import MAX_OWNER_LENGTH
from flask_cart.model.keys import CartKey
from flask_cart.model.keys import cart_key
from flask_cart.model.keys import check_owner
from flask_cart.storage.base import Change
from flask_cart.storage.base import Guarantee
from flask_cart.storage.base import Stored
from flask_cart.storage.base import deletes_nothing
from flask_cart.storage.base import next_version
from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing.carts import save_carts
from tests.support.shop import KEY


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
    versions = {next_version(0) for _ in range(1000)}

    assert len(versions) == 1000
    assert all(0 < version <= 2**52 for version in versions)


def test_next_versions() -> None:
    """Each version grows by a step that nobody can foresee, and stays exact in JSON
    for longer than any cart is saved."""
    versions = {next_version(7) for _ in range(1000)}

    assert len(versions) > 900
    assert min(versions) > 7
    assert max(versions) < 7 + 2**25


def test_versions_of_changes() -> None:
    """A change has a version on top of the expected one; a deletion has none."""
    assert Change.on(7, "x") == (7, "x", ANY)
    assert Change.on(7, "x").version > 7
    assert Change.on(0, "x").version > 0
    assert Change.on(7, None) == (7, None, 0)


def test_deletes_nothing() -> None:
    """Whether one is to be deleted that was not there."""
    changes = {"a": Change.on(7, None), "b": Change.on(0, "x")}

    assert not deletes_nothing(changes)
    assert deletes_nothing(changes | {"c": Change.on(0, None)})


class TestMemoryStorage:
    """What the suite for all storages does not test: see ``test_contract.py``."""

    def test_guarantee(self, storage: MemoryStorage) -> None:
        """It compares versions without any lock."""
        assert storage.guarantee is Guarantee.ATOMIC
        assert not storage.always_lock

    def test_lock(self, storage: MemoryStorage) -> None:
        """Who holds the lock keeps others from saving, and can save."""
        saved: list[dict[str, int] | None] = []
        rival = threading.Thread(
            target=lambda: saved.append(
                save_carts(storage, KEY.owner, {"default": (0, "r")})
            )
        )

        with storage.lock(KEY.owner):
            rival.start()
            rival.join(0.05)
            assert saved == []
            versions = save_carts(storage, KEY.owner, {"default": (0, "mine")})

        rival.join(60)
        assert saved == [None]
        assert versions is not None
        assert storage.load(KEY) == Stored("mine", versions["default"])
