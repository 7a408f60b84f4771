"""The carts that are compared: ours, and those that people write by hand."""

from __future__ import annotations

import typing as t
from abc import ABC
from abc import abstractmethod

from flask import request
from flask import session
from flask_caching import Cache

from flask_cart import FlaskCart
from flask_cart import current_cart


class Basket(t.Protocol):
    """The cart of a request."""

    @property
    def guarantee(self) -> str | None:
        """What is promised about two writers at once, if anything."""

    def add(self, item: str) -> None:
        """Add one piece of an item."""

    def quantities(self) -> dict[str, int]:
        """How much there is, by item."""

    def clear(self) -> None:
        """Remove everything."""


class OurBasket:
    """The cart of this extension."""

    def __init__(self, extension: FlaskCart) -> None:
        self.extension = extension

    @property
    def guarantee(self) -> str:
        return self.extension.storage.guarantee.value

    def add(self, item: str) -> None:
        current_cart.add(item, price=1)

    def quantities(self) -> dict[str, int]:
        return {line.item_id: line.quantity for line in current_cart}

    def clear(self) -> None:
        current_cart.clear()


class HandMadeBasket(ABC):
    """A dict that is loaded, changed and saved."""

    guarantee = None

    def add(self, item: str) -> None:
        cart = self.quantities()
        self._save(cart | {item: cart.get(item, 0) + 1})

    def clear(self) -> None:
        self._save({})

    def put(self, cart: dict[str, int]) -> None:
        """Let there be this, and nothing else."""
        self._save(cart)

    @abstractmethod
    def quantities(self) -> dict[str, int]: ...

    @abstractmethod
    def _save(self, cart: dict[str, int]) -> None: ...


class SessionDict(HandMadeBasket):
    """``session["cart"]``, as in most tutorials."""

    def quantities(self) -> dict[str, int]:
        cart: dict[str, int] = session.get("cart", {})

        return cart

    def _save(self, cart: dict[str, int]) -> None:
        session["cart"] = cart


class CachedDict(HandMadeBasket):
    """A dict that is got from a cache and set again."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def quantities(self) -> dict[str, int]:
        return self._cache.get(self._key) or {}

    def _save(self, cart: dict[str, int]) -> None:
        self._cache.set(self._key, cart)

    @property
    def _key(self) -> str:
        return request.headers["Owner"]


class LockedPut(CachedDict):
    """The same with a lock, but only around the set: what was got is old by then.

    :param lock: Makes the lock of a name.
    """

    def __init__(self, cache: Cache, lock: t.Callable[[str], t.Any]) -> None:
        super().__init__(cache)
        self._lock = lock

    def _save(self, cart: dict[str, int]) -> None:
        with self._lock(f"lock:{self._key}"):
            super()._save(cart)
