"""Carts in the memory of one process, for tests and scripts."""

from __future__ import annotations

import datetime as dt
import threading
import typing as t
from contextlib import AbstractContextManager
from contextlib import contextmanager

from ..model.keys import CartKey
from .base import Guarantee
from .base import Kept
from .base import Stored
from .base import next_version


class MemoryStorage:
    """Keeps carts in a dict.

    * Concurrency: safe for threads and greenlets; other processes see nothing of it.
    * Durability: none, the carts end with the process.
    * Size: the memory of the process.
    * Lifetime: until they are destroyed or purged.
    """

    guarantee = Guarantee.ATOMIC
    always_lock = False

    def __init__(self) -> None:
        self._carts: dict[CartKey, tuple[Stored, dt.datetime]] = {}
        self._lock = threading.RLock()

    def load(self, key: CartKey) -> Stored | None:
        with self._lock:
            found = self._carts.get(key)

        return found[0] if found is not None else None

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        with self._lock:
            if self._version(key) != expected:
                return None

            version = next_version(expected)
            self._carts[key] = Stored(data, version), dt.datetime.now(dt.UTC)

        return version

    def delete(self, key: CartKey, expected: int) -> bool:
        with self._lock:
            if not expected or self._version(key) != expected:
                return False

            del self._carts[key]

        return True

    def lock(self, key: CartKey) -> AbstractContextManager[None]:
        return self._locked()

    def together(self) -> AbstractContextManager[None]:
        return self._locked()

    def instances(self, owner: str) -> list[str]:
        with self._lock:
            return sorted(key.instance for key in self._carts if key.owner == owner)

    def keys(self) -> t.Iterator[CartKey]:
        with self._lock:
            return iter(sorted(self._carts))

    def scan(self, before: dt.datetime | None = None) -> t.Iterator[Kept]:
        with self._lock:
            carts = sorted(self._carts.items())

        for key, (stored, saved_at) in carts:
            if before is None or saved_at < before:
                yield Kept(key, stored, saved_at)

    def purge(self, before: dt.datetime, *, limit: int) -> t.Iterator[CartKey]:
        with self._lock:
            stale = sorted(
                (saved_at, key, stored.version)
                for key, (stored, saved_at) in self._carts.items()
                if saved_at < before
            )

        for _, key, version in stale[:limit]:
            if self.delete(key, version):
                yield key

    def transaction(self) -> None:
        return None

    def _version(self, key: CartKey) -> int:
        return self._carts[key][0].version if key in self._carts else 0

    @contextmanager
    def _locked(self) -> t.Iterator[None]:
        with self._lock:
            yield
