"""A storage that records what is loaded and saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...model.keys import CartKey
from ...storage.base import Changes
from ...storage.base import Held
from ...storage.base import Storage
from ...storage.base import Stored
from ..standing import standing_for
from .records import History


class _Recorded:
    def __init__(self, storage: Storage, history: History) -> None:
        self._storage = storage
        self._history = history

    def load(self, key: CartKey) -> Stored | None:
        found: list[Stored | None] = []

        def load() -> tuple[int, str | None]:
            found.append(stored := self._storage.load(key))

            return (stored.version, stored.text) if stored is not None else (0, None)

        self._history.load(key.owner, key.instance, load)

        return found[0]

    def save(self, owner: str, changes: Changes) -> bool:
        return self._history.save(
            owner, changes, lambda: self._storage.save(owner, changes)
        )

    @contextmanager
    def lock(self, owner: str) -> Iterator[Held | None]:
        with self._history.locked(), self._storage.lock(owner) as held:
            yield held


def recorded(storage: Storage, history: History) -> Storage:
    """A storage that records what is loaded and saved, and is otherwise like another.

    >>> from flask_cart.storage.memory import MemoryStorage
    >>> history = History()
    >>> storage = recorded(MemoryStorage(), history)
    >>> storage.load(CartKey("user:1", "default"))
    >>> [type(each).__name__ for each in history.records]
    ['Load']
    """
    return standing_for(storage, _Recorded, history)
