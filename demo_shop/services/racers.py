"""The carts that race: two that are often written by hand, and that of this shop.

The first two are here to lose. Do not copy them.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from typing import Protocol

from cachelib import BaseCache
from cachelib import FileSystemCache
from cachelib import RedisCache
from flask import current_app
from flask import session
from redis import Redis
from sqlalchemy import select

from flask_cart import Cart

from ..extensions import cart_ext
from ..extensions import db
from ..models import Variant

#: Whose carts the races are about: nobody's.
NOBODY = "race"


class Racer(Protocol):
    """A cart, in a request of the race."""

    def begin(self) -> None:
        """Begin with nothing in it."""

    def add(self, sku: str) -> None:
        """Add one piece."""

    def pieces(self) -> int:
        """How many there are in it."""

    def end(self) -> None:
        """Leave nothing behind."""


@dataclass(frozen=True)
class SessionCart:
    """``session["cart"]``, as in most tutorials."""

    race: int

    def begin(self) -> None:
        session["cart"] = {}

    def add(self, sku: str) -> None:
        cart = session["cart"]
        sku = find_variant(sku).sku
        cart[sku] = cart.get(sku, 0) + 1
        session["cart"] = cart

    def pieces(self) -> int:
        return sum(session["cart"].values())

    def end(self) -> None:
        session.clear()


@dataclass(frozen=True)
class CacheCart:
    """A cart in a cache, with a lock around the put."""

    race: int

    def begin(self) -> None:
        self.cache.set(self.key, {})

    def add(self, sku: str) -> None:
        cart = self.cache.get(self.key)
        sku = find_variant(sku).sku
        cart[sku] = cart.get(sku, 0) + 1

        with self.lock(self.key):
            self.cache.set(self.key, cart)

    def pieces(self) -> int:
        return sum(self.cache.get(self.key).values())

    def end(self) -> None:
        self.cache.delete(self.key)

    @property
    def key(self) -> str:
        return f"{NOBODY}:{self.race}"

    @property
    def cache(self) -> BaseCache:
        return _shared().cache

    @property
    def lock(self) -> Callable[[str], AbstractContextManager[Any]]:
        return _shared().lock


@dataclass(frozen=True)
class ShopCart:
    """A cart of this shop, where all its carts are."""

    race: int

    def begin(self) -> None:
        self.cart.destroy()

    def add(self, sku: str) -> None:
        variant = find_variant(sku)
        self.cart.add(variant)

    def pieces(self) -> int:
        return self.cart.quantity

    def end(self) -> None:
        self.cart.destroy()

    @property
    def cart(self) -> Cart:
        return cart_ext.cart(owner=f"{NOBODY}:{self.race}")


def find_variant(sku: str) -> Variant:
    """What is to be added."""
    return db.session.execute(select(Variant).where(Variant.sku == sku)).scalar_one()


@dataclass(frozen=True)
class Shared:
    """A cache that all workers share, with its locks."""

    cache: BaseCache
    lock: Callable[[str], AbstractContextManager[Any]]


def _shared() -> Shared:
    config = current_app.config

    return _make_shared(config["DEMO_SHOP_REDIS_URL"], config["DEMO_SHOP_FOLDER"])


@cache
def _make_shared(url: str, folder: Path) -> Shared:
    if url:
        client = Redis.from_url(url, socket_timeout=10)
        return Shared(
            RedisCache(client), lambda key: client.lock(f"lock.{key}", timeout=10)
        )

    lock = threading.Lock()

    return Shared(FileSystemCache(str(folder / "race")), lambda key: lock)
