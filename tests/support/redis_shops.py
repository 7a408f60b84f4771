"""Shops with carts on Redis, and what they ask of the server."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextlib import contextmanager
from dataclasses import dataclass

from flask import Flask
from flask_caching import Cache

from flask_cart import Cart
from flask_cart import FlaskCart
from flask_cart.model.keys import CartKey
from flask_cart.storage.keyvalue.keeping import Keeping
from flask_cart.storage.keyvalue.redis import RedisStorage
from tests.support.apps import make_app
from tests.support.cache_servers import SENTINEL_NAME
from tests.support.cache_servers import Cluster
from tests.support.cache_servers import Sentinel
from tests.support.cache_servers import redis_client

KEY = CartKey("user:1", "default")
WISHES = CartKey("user:1", "wishlist")

#: What a shop calls the hash of that owner's carts, the lock of the carts, and the list
#: that wakes those who wait for it.
CARTS = "cart:flask_cache_{user:1}"
LOCK = f"{CARTS}/lock"
WAKE = f"{CARTS}/wake"


@dataclass(frozen=True)
class RedisShop:
    """An app with carts in its cache."""

    app: Flask
    cache: Cache
    extension: FlaskCart

    @property
    def storage(self) -> RedisStorage:
        storage: RedisStorage = self.app.extensions["cart"].storage

        return storage

    def cart(self, owner: str = KEY.owner, instance: str = KEY.instance) -> Cart:
        """A cart as a new reader has it; it needs an app context."""
        return self.extension.cart(owner=owner, instance=instance)

    def add(
        self, item: str = "mug", owner: str = KEY.owner, instance: str = KEY.instance
    ) -> None:
        """Add an item to a cart, as another request would."""
        with self.app.app_context():
            self.cart(owner, instance).add(item, price=1)

    def items(
        self, owner: str = KEY.owner, instance: str = KEY.instance
    ) -> dict[str, int]:
        """The quantities of what is in a cart, by item."""
        with self.app.app_context():
            lines = self.cart(owner, instance).lines

        return {line.item_id: line.quantity for line in lines}


def open_redis_shop(url: str, **config: t.Any) -> RedisShop:
    """A shop on one server.

    :param config: Configuration of the app.
    """
    return open_cache_shop(CACHE_TYPE="RedisCache", CACHE_REDIS_URL=url, **config)


def open_sentinel_shop(sentinel: Sentinel, **config: t.Any) -> RedisShop:
    """A shop on the server that a sentinel says is the master."""
    return open_cache_shop(
        CACHE_TYPE="RedisSentinelCache",
        CACHE_REDIS_SENTINELS=[("127.0.0.1", sentinel.port)],
        CACHE_REDIS_SENTINEL_MASTER=SENTINEL_NAME,
        **config,
    )


def open_cluster_shop(cluster: Cluster, **config: t.Any) -> RedisShop:
    """A shop on a cluster."""
    nodes = ",".join(f"127.0.0.1:{port}" for port in cluster.nodes)

    return open_cache_shop(
        CACHE_TYPE="RedisClusterCache", CACHE_REDIS_CLUSTER=nodes, **config
    )


def open_cache_shop(**config: t.Any) -> RedisShop:
    """A shop with carts in its only cache."""
    app = make_app(CART_STORAGE="cache", CART_RETRY_BASE_DELAY=0.001, **config)
    cache = Cache(app)

    return RedisShop(app, cache, FlaskCart(app))


def make_storage(client: t.Any, **options: t.Any) -> RedisStorage:
    """A storage that calls everything as a shop does.

    :param options: Of the storage, in place of the usual ones.
    """
    usual = Keeping(
        ttl=60, renew_after=None, always_lock=False, lock_timeout=30, lock_lease=30
    )
    keeping = usual._replace(**options)

    return RedisStorage(client, lambda: "cart:flask_cache_", keeping)


@contextmanager
def asked(port: int) -> Iterator[list[str]]:
    """The names of the commands that clients send to a server in this block.

    What a script calls is part of the command that runs the script.
    """
    names: list[str] = []

    with ExitStack() as stack:
        client = stack.enter_context(redis_client(port))
        other = stack.enter_context(redis_client(port))
        # It connects before anybody watches.
        client.ping()
        monitor = stack.enter_context(other.monitor())
        yield names
        client.echo("That is all")

        for each in monitor.listen():
            if each["command"] == "ECHO That is all":
                break

            if each["client_type"] != "lua":
                names.append(each["command"].partition(" ")[0])


@contextmanager
def elsewhere() -> Iterator[Callable[..., t.Any]]:
    """Calls functions in another thread, and waits for what they return."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda *args: pool.submit(*args).result(30)
