"""Carts in the memory of one process, for tests and scripts."""

from __future__ import annotations

import datetime as dt
import threading
import typing as t
from contextlib import contextmanager

from ..model.keys import CartKey
from .base import Annotation
from .base import Changes
from .base import Guarantee
from .base import Kept
from .base import Stored
from .base import deletes_nothing
from .base import is_sought


class MemoryStorage:
    """Keeps carts in a dict.

    * Concurrency: safe for threads and greenlets; other processes see nothing of it.
    * Durability: none, the carts end with the process.
    * Size: the memory of the process.
    * Lifetime: until they are destroyed.
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

    def save(self, owner: str, changes: Changes) -> bool:
        now = dt.datetime.now(dt.UTC)

        with self._lock:
            if deletes_nothing(changes) or any(
                self._version(CartKey(owner, name)) != change.expected
                for name, change in changes.items()
            ):
                return False

            for name, change in changes.items():
                key, (_, text, version) = CartKey(owner, name), change

                if text is None:
                    del self._carts[key]
                else:
                    is_noted = isinstance(change, Annotation)
                    saved_at = self._carts[key][1] if is_noted else now
                    self._carts[key] = Stored(text, version), saved_at

        return True

    @contextmanager
    def lock(self, owner: str) -> t.Iterator[None]:
        with self._lock:
            yield

    def instances(self, owner: str) -> list[str]:
        with self._lock:
            return sorted(key.instance for key in self._carts if key.owner == owner)

    def scan(self, before: dt.datetime | None = None) -> t.Iterator[Kept]:
        with self._lock:
            carts = [Kept(key, *each) for key, each in sorted(self._carts.items())]

        yield from (each for each in carts if is_sought(each, before))

    def transaction(self) -> None:
        return None

    def _version(self, key: CartKey) -> int:
        return self._carts[key][0].version if key in self._carts else 0
