"""Storages of every kind that keep their promises, to be broken in ``broken.py``."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
import threading
import time
import typing as t
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext
from pathlib import Path

from flask_cart import CartCorruptError
from flask_cart import CartStorageError
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Changes
from flask_cart.storage.base import Guarantee
from flask_cart.storage.base import Stored
from flask_cart.storage.base import deletes_nothing
from flask_cart.storage.memory import MemoryStorage


class LockedMemory(MemoryStorage):
    """Memory with a lock for each owner, which every write has to hold."""

    guarantee = Guarantee.LOCKED
    always_lock = True

    def __init__(self) -> None:
        super().__init__()
        self._locks: dict[str, threading.RLock] = {}

    @contextmanager
    def lock(self, owner: str) -> Iterator[None]:
        with self._locks.setdefault(owner, threading.RLock()):
            yield


class UnlockedMemory(MemoryStorage):
    """Memory with nothing that keeps writers apart."""

    guarantee = Guarantee.LAST_WRITE_WINS

    def lock(self, owner: str) -> AbstractContextManager[None]:
        return nullcontext()


class ExpiringMemory(MemoryStorage):
    """Memory that counts for how long it is to keep each cart."""

    TTL: t.Final = 60.0

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[CartKey, float] = {}

    def save(self, owner: str, changes: Changes) -> bool:
        is_saved = super().save(owner, changes)

        for name in changes if is_saved else ():
            self.ends[CartKey(owner, name)] = time.monotonic() + self.TTL

        return is_saved

    def ttl_of(self, key: CartKey) -> float | None:
        end = self.ends.get(key)

        return end - time.monotonic() if end is not None else None


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
    """A file for the carts of each owner, and one for their lock, which ends with its
    process."""

    guarantee = Guarantee.LOCKED
    always_lock = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, key: CartKey) -> Stored | None:
        return self._read(key.owner).get(key.instance)

    def save(self, owner: str, changes: Changes) -> bool:
        carts = self._read(owner)

        for name, (expected, text, version) in changes.items():
            stored = carts.pop(name, None)

            if (stored.version if stored is not None else 0) != expected:
                return False

            if text is not None:
                carts[name] = Stored(text, version)

        if deletes_nothing(changes):
            return False

        self._write(self._path(owner), json.dumps(carts).encode())

        return True

    @contextmanager
    def lock(self, owner: str) -> Iterator[None]:
        with self._path(owner).with_suffix(".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def instances(self, owner: str) -> list[str]:
        return sorted(self._read(owner))

    def transaction(self) -> None:
        return None

    def spoil(self, key: CartKey) -> None:
        self._path(key.owner).write_bytes(b"\xff\n")

    def _read(self, owner: str) -> dict[str, Stored]:
        try:
            carts = json.loads(self._path(owner).read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise CartCorruptError("This is not a cart.", "") from error

        return {name: Stored(*each) for name, each in carts.items()}

    def _write(self, path: Path, content: bytes) -> None:
        number, name = tempfile.mkstemp(dir=self._folder)

        with os.fdopen(number, "wb") as file:
            file.write(content)

        os.replace(name, path)

    def _path(self, owner: str) -> Path:
        return self._folder / hashlib.sha256(owner.encode()).hexdigest()
