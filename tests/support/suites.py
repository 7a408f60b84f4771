"""The suite, as it is given to the storages of this folder."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Guarantee
from flask_cart.storage.base import Storage
from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing import StorageSuite
from tests.support.sound import ExpiringMemory
from tests.support.sound import Files
from tests.support.sound import LockedMemory
from tests.support.sound import RemoteMemory
from tests.support.sound import UnlockedMemory

OpenStorage = Callable[[], AbstractContextManager[Storage]]


class MemorySuite(StorageSuite):
    across_processes = False
    locks_each_owner = False
    scans_carts = True
    make: t.ClassVar[type[MemoryStorage]] = MemoryStorage

    @pytest.fixture
    def open_storage(self) -> OpenStorage:
        return lambda: nullcontext(self.make())


class LockedMemorySuite(MemorySuite):
    guarantee = Guarantee.LOCKED
    locks_each_owner = True
    make = LockedMemory


class UnlockedMemorySuite(MemorySuite):
    guarantee = Guarantee.LAST_WRITE_WINS
    make = UnlockedMemory


class ExpiringMemorySuite(MemorySuite):
    make = ExpiringMemory

    @pytest.fixture
    def ttl_of(self, storage: ExpiringMemory) -> Callable[[CartKey], float | None]:
        return storage.ttl_of


class RemoteMemorySuite(MemorySuite):
    make = RemoteMemory

    @pytest.fixture
    def cut_off(self, storage: RemoteMemory) -> Callable[[], None]:
        return storage.cut_off


class FilesSuite(StorageSuite):
    guarantee = Guarantee.LOCKED
    patience = 5.0
    make: t.ClassVar[type[Files]] = Files

    @pytest.fixture
    def open_storage(self, tmp_path: Path) -> OpenStorage:
        return partial(open_files, self.make, tmp_path)

    @pytest.fixture
    def spoil(self, storage: Files) -> Callable[[CartKey], None]:
        return storage.spoil


@contextmanager
def open_files(make: type[Files], folder: Path) -> Iterator[Files]:
    yield make(folder)


#: The suite for each kind of storage, the most special ones first.
SUITES: dict[type[MemoryStorage] | type[Files], type[StorageSuite]] = {
    LockedMemory: LockedMemorySuite,
    UnlockedMemory: UnlockedMemorySuite,
    ExpiringMemory: ExpiringMemorySuite,
    RemoteMemory: RemoteMemorySuite,
    MemoryStorage: MemorySuite,
    Files: FilesSuite,
}
