"""Storages of every kind that keep their promises, to be broken in ``broken.py``."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import threading
import time
import typing as t
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext
from contextvars import ContextVar
from pathlib import Path

from flask_cart import CartCorruptError
from flask_cart import CartStorageError
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Guarantee
from flask_cart.storage.base import Stored
from flask_cart.storage.base import first_version
from flask_cart.storage.memory import MemoryStorage


class LockedMemory(MemoryStorage):
    """Memory with a lock for each cart, which every write has to hold."""

    guarantee = Guarantee.LOCKED
    always_lock = True

    def __init__(self) -> None:
        super().__init__()
        self._locks: dict[CartKey, threading.RLock] = {}

    def delete(self, key: CartKey, expected: int) -> bool:
        with self.lock(key):
            return super().delete(key, expected)

    @contextmanager
    def lock(self, key: CartKey) -> Iterator[None]:
        with self._locks.setdefault(key, threading.RLock()):
            yield


class UnlockedMemory(MemoryStorage):
    """Memory with nothing that keeps writers apart."""

    guarantee = Guarantee.LAST_WRITE_WINS

    def lock(self, key: CartKey) -> AbstractContextManager[None]:
        return nullcontext()


class ExpiringMemory(MemoryStorage):
    """Memory that counts for how long it is to keep each cart."""

    TTL: t.Final = 60.0

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[CartKey, float] = {}

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        version = super().save(key, data, expected)

        if version is not None:
            self.ends[key] = time.monotonic() + self.TTL

        return version

    def ttl_of(self, key: CartKey) -> float | None:
        end = self.ends.get(key)

        return end - time.monotonic() if end is not None else None


class ListingMemory(MemoryStorage):
    """Memory that says which carts it has."""

    def keys(self) -> Iterator[CartKey]:
        yield from list(self._carts)


class RemoteMemory(MemoryStorage):
    """Memory that can be out of reach."""

    is_reachable = True

    @property
    def _carts(self) -> dict[CartKey, t.Any]:
        if not self.is_reachable:
            raise CartStorageError("Nobody answers.")

        return self._all_carts

    @_carts.setter
    def _carts(self, carts: dict[CartKey, t.Any]) -> None:
        self._all_carts = carts

    def cut_off(self) -> None:
        self.is_reachable = False


class Files:
    """A file for each cart, and one for its lock, which ends with its process."""

    guarantee = Guarantee.LOCKED
    always_lock = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: ContextVar[CartKey | None] = ContextVar("held", default=None)

    def load(self, key: CartKey) -> Stored | None:
        try:
            version, _, data = self._path(key).read_bytes().partition(b"\n")
            return Stored(data.decode(), int(version))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise CartCorruptError("This is not a cart.", "") from error

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        if self._version(key) != expected:
            return None

        version = expected + 1 if expected else first_version()
        path = self._path(key)
        path.parent.mkdir(exist_ok=True)
        self._write(path, f"{version}\n{data}".encode())

        return version

    def delete(self, key: CartKey, expected: int) -> bool:
        with nullcontext() if self._held.get() == key else self.lock(key):
            if not expected or self._version(key) != expected:
                return False

            self._path(key).unlink()

        return True

    @contextmanager
    def lock(self, key: CartKey) -> Iterator[None]:
        name = hashlib.sha256(str(key).encode()).hexdigest()

        with (self._folder / f"{name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            token = self._held.set(key)

            try:
                yield
            finally:
                self._held.reset(token)

    def instances(self, owner: str) -> list[str]:
        return sorted(path.name for path in self._owner_folder(owner).glob("*"))

    def purge(self, before: t.Any, *, limit: int) -> Iterator[CartKey]:
        return iter(())

    def transaction(self) -> None:
        return None

    def spoil(self, key: CartKey) -> None:
        self._path(key).write_bytes(b"\xff\n")

    def _version(self, key: CartKey) -> int:
        stored = Files.load(self, key)

        return stored.version if stored is not None else 0

    def _write(self, path: Path, content: bytes) -> None:
        number, name = tempfile.mkstemp(dir=self._folder)

        with os.fdopen(number, "wb") as file:
            file.write(content)

        os.replace(name, path)

    def _path(self, key: CartKey) -> Path:
        return self._owner_folder(key.owner) / key.instance

    def _owner_folder(self, owner: str) -> Path:
        return self._folder / hashlib.sha256(owner.encode()).hexdigest()
