"""What is one write in the code, as several writes."""

from __future__ import annotations

from collections.abc import Callable

from flask_cart.storage.base import Changes
from flask_cart.storage.base import Storage
from flask_cart.testing.standing import standing_for
from tests.models.replaying import Around


class _Split:
    """Saves several carts one after the other.

    :param rank: Which of them comes first: the one with the lowest.
    """

    def __init__(self, storage: Storage, rank: Callable[[str], int]) -> None:
        self._storage = storage
        self._rank = rank

    def save(self, owner: str, changes: Changes) -> bool:
        names = sorted(changes, key=self._rank)

        return all(self._storage.save(owner, {name: changes[name]}) for name in names)


def split(*names: str) -> Around:
    """Save the carts of these names one after the other."""
    return lambda storage: standing_for(storage, _Split, names.index)
