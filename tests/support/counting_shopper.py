"""A process whose threads change carts and count what becomes of it, for the tests."""

from __future__ import annotations

import os
import threading
import typing as t
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection

from flask import Flask
from flask_caching import Cache

from flask_cart import CartBusyError
from flask_cart import CartConflictError
from flask_cart import FlaskCart
from flask_cart.carts.observing import Access
from flask_cart.storage.base import Changes
from flask_cart.storage.keyvalue.redis import RedisStorage
from tests.support.shop import sell

THREADS = 4
ROUNDS = 20

#: The cart that all change.
ALL = "user:all"


class CountingStorage:
    """Counts the saves that do not succeed, in front of a storage."""

    def __init__(self, storage: RedisStorage, done: Done) -> None:
        self._storage = storage
        self._done = done

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._storage, name)

    def save(self, owner: str, changes: Changes) -> bool:
        try:
            is_saved = self._storage.save(owner, changes)
        except CartBusyError:
            self._done.count("lost saves")
            raise

        if not is_saved:
            self._done.count("lost saves")

        return is_saved


class Done:
    """What was done, counted without any of the code that is under test."""

    def __init__(self) -> None:
        self.numbers: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, what: str, number: float = 1) -> None:
        with self._lock:
            self.numbers[what] += number


class Sums:
    """An observer that adds up what cannot be known from outside."""

    def __init__(self, done: Done) -> None:
        self._done = done

    def accessed(self, access: Access) -> None:
        self._done.count("lock waits", len(access.lock_waits))
        self._done.count("retries told", access.retries)

    def happened(self, event: object) -> None:
        self._done.count("events")


def shop(app: Flask, extension: FlaskCart, done: Done, own: str) -> None:
    """Change a cart that all change, and one of one's own."""
    for number in range(ROUNDS):
        with app.app_context():
            with counted(done, "add"):
                extension.cart(owner=ALL).add("mug", price=1)

            cart = extension.cart(owner=ALL)
            (line,) = cart.lines
            done.count("loads")

            with counted(done, "set"):
                cart.set_quantity(line.id, 2 + number)

            cart = extension.cart(owner=own)

            with cart.batch():
                cart.add("hat", price=1)
                cart.add("scarf", price=1)

            # The batch has looked at what is there.
            done.count("loads")

            sell(cart)
            done.count("sold")


@contextmanager
def counted(done: Done, name: str) -> Iterator[None]:
    """Count how a change goes."""
    try:
        yield
    except CartConflictError:
        done.count(f"{name} conflict")
    else:
        done.count(f"{name} done")


def work(here: Connection, folder: str, url: str, locking: str, process: int) -> None:
    """Say that all is ready, wait for an answer, change carts, and tell what was
    done.

    :param folder: Where Prometheus writes, for all processes.
    """
    # Its client asks when it is imported.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder

    from flask_cart.metrics.prometheus import PrometheusMetrics

    app = Flask("shop")
    app.config.update(
        CACHE_TYPE="RedisCache",
        CACHE_REDIS_URL=url,
        CART_STORAGE="cache",
        CART_CACHE_LOCKING=locking == "locking",
        CART_LOCK_TIMEOUT=60,
        CART_LOCK_LEASE=60,
        CART_RETRY_BASE_DELAY=0.001,
        CART_RETRY_MAX_DELAY=0.01,
    )
    extension = FlaskCart(app, cache=Cache(app))
    done = Done()
    repository = app.extensions["cart"].services.repository
    repository.storage = CountingStorage(repository.storage, done)
    extension.observe(PrometheusMetrics())
    extension.observe(Sums(done))
    here.send("ready")
    here.recv()

    with ThreadPoolExecutor(THREADS) as pool:
        jobs = [
            pool.submit(shop, app, extension, done, f"user:{process}-{thread}")
            for thread in range(THREADS)
        ]

        for job in jobs:
            job.result()

    here.send(done.numbers)
