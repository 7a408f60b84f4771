"""Waits for locks, and locks that ran out, as the storages that have leases tell."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

import pytest
from flask import Flask
from flask_caching import Cache

from flask_cart import CartLockTimeoutError
from flask_cart import FlaskCart
from flask_cart.carts.observing import Access
from flask_cart.signals import before_change
from flask_cart.storage.keyvalue.leases import Leases
from tests.support.apps import make_app
from tests.support.customers import PREFERRED
from tests.support.customers import memcached_client
from tests.support.observers import Notes
from tests.support.redis_shops import elsewhere

#: Seconds that a lock lasts, and that others wait for one.
LEASE = 0.2
LONG = 30


class Shop(t.NamedTuple):
    """An app with locked carts in its cache, and an observer."""

    app: Flask
    extension: FlaskCart
    notes: Notes

    def add(self, item: str) -> Access:
        """Add to the cart as a request would, and say how that went."""
        with self.app.app_context():
            cart = self.extension.cart(owner="user:1")

            with suppress(CartLockTimeoutError):
                cart.add(item, price=1)

        return self.notes.accesses[-1]

    @contextmanager
    def held_up(self, meanwhile: Callable[[], object]) -> Iterator[None]:
        """Do something when the first change is about to be saved, under its lock."""
        others = [meanwhile]

        def hold_up(app: Flask, **extra: t.Any) -> None:
            if others:
                others.pop()()

        with before_change.connected_to(hold_up, self.app):
            yield


OpenShop = t.Callable[..., Shop]


@pytest.fixture(params=["valkey", "memcached", "files"])
def open_shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenShop]:
    """Opens a shop on each kind of cache that has leases."""
    stack = ExitStack()

    if request.param == "files":
        cache = {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(tmp_path / "cache")}
        cache["CACHE_THRESHOLD"] = 0
    else:
        server = request.getfixturevalue(f"{request.param}_server")
        cache = {
            "valkey": lambda: {
                "CACHE_TYPE": "RedisCache",
                "CACHE_REDIS_URL": server.url,
            },
            "memcached": lambda: {
                "CACHE_TYPE": "MemcachedCache",
                "CACHE_MEMCACHED_SERVERS": stack.enter_context(
                    memcached_client(PREFERRED, server.url)
                ),
            },
        }[request.param]()

    def open_(**config: t.Any) -> Shop:
        app = make_app(CART_STORAGE="cache", CART_CACHE_LOCKING=True, **cache, **config)
        extension = FlaskCart(app, cache=Cache(app))
        notes = Notes()
        extension.observe(notes)

        return Shop(app, extension, notes)

    with stack:
        yield open_


def test_free_lock(open_shop: OpenShop) -> None:
    """A lock that nobody else holds is no wait, and one in time has not run out."""
    shop = open_shop()

    for _ in range(3):
        access = shop.add("mug")
        assert (access.lock_waits, access.expired_leases) == ((), 0)


def test_lease_that_ran_out(open_shop: OpenShop) -> None:
    """Who waited is told so, once and for how long; and the holder, who was too slow,
    that the lock had run out."""
    shop = open_shop(CART_LOCK_LEASE=LEASE, CART_LOCK_TIMEOUT=LONG)
    shop.add("mug")
    rivals: list[tuple[float, Access, float]] = []

    with elsewhere() as call:

        def add_a_pot() -> None:
            began = time.perf_counter()
            rivals.append((began, call(shop.add, "pot"), time.perf_counter()))

        locked = time.perf_counter()

        with shop.held_up(add_a_pot):
            holder = shop.add("mug")

    assert (holder.outcome, holder.retries, holder.lock_waits) == ("done", 1, ())
    assert holder.expired_leases == 1

    ((began, rival, end),) = rivals
    assert (rival.outcome, rival.retries, rival.expired_leases) == ("done", 0, 0)
    (waited,) = rival.lock_waits
    # How much of the lease was gone when the rival came depends on the machine.
    assert locked + LEASE < end
    assert 0 < waited < rival.seconds < end - began


def test_lock_timeout(open_shop: OpenShop) -> None:
    """Who has waited in vain has waited, too."""
    shop = open_shop(CART_LOCK_LEASE=LONG, CART_LOCK_TIMEOUT=LEASE)
    rivals: list[Access] = []

    with (
        elsewhere() as call,
        shop.held_up(lambda: rivals.append(call(shop.add, "pot"))),
    ):
        shop.add("mug")

    (rival,) = rivals
    assert (rival.outcome, rival.retries) == ("lock_timeout", 0)
    (waited,) = rival.lock_waits
    assert LEASE / 2 < waited < rival.seconds


def test_lease_that_was_given_back(open_shop: OpenShop) -> None:
    """A change that is refused under the lock leaves no lease to run out."""
    shop = open_shop()

    def refuse() -> None:
        raise ZeroDivisionError

    with shop.held_up(refuse), pytest.raises(ZeroDivisionError):
        shop.add("mug")

    assert shop.notes.access.expired_leases == 0
    assert shop.add("mug").lock_waits == ()


def test_locks_that_tell_nothing(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without what the leases tell, the waits and the expired leases are gone."""
    lock = Leases.lock

    @contextmanager
    def silent(self: Leases, owner: str) -> Iterator[None]:
        with lock(self, owner):
            yield

    monkeypatch.setattr(Leases, "lock", silent)

    with pytest.raises(AssertionError):
        test_lease_that_ran_out(open_shop)
