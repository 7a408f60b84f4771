"""Whoever is about to change a cart is held up, or dies."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.backends import LEASE
from tests.support.backends import Backend
from tests.support.backends import on
from tests.support.customers import OK
from tests.support.customers import Customer
from tests.support.workers import Worker
from tests.support.workers import pause_before_save
from tests.support.workers import working

#: Seconds by which a lock may last longer: some servers count whole seconds.
INEXACTNESS = 1.5


@pytest.fixture
def paused(backend: Backend, customer: Customer) -> Iterator[Worker]:
    """A process that has read the cart, to add a hat, and is paused."""
    arguments = (backend.config(), customer.cookies, "hat")

    with working(pause_before_save, *arguments) as worker:
        worker.wait_until_paused()
        yield worker


@on("postgresql", "mariadb", "redis", "memcached", "session-redis", "session-mariadb")
def test_late_save(paused: Worker, customer: Customer) -> None:
    """A save that comes after a rival's is refused and made again, and both hold."""
    assert customer.add("scarf") == OK

    paused.resume()

    assert paused.receive() == OK
    assert customer.cart() == {"mug": 1, "scarf": 1, "hat": 1}


@on("valkey-locking", "memcached-locking")
def test_lease_runs_out(paused: Worker, customer: Customer) -> None:
    """A lock lasts as long as its lease, and without it nothing is saved."""
    began = time.monotonic()

    assert customer.add("scarf") == OK
    assert time.monotonic() - began < LEASE + INEXACTNESS
    assert customer.cart() == {"mug": 1, "scarf": 1}

    paused.resume()

    assert paused.receive() == OK
    assert customer.cart() == {"mug": 1, "scarf": 1, "hat": 1}


@on("postgresql-locking", "mariadb-locking")
def test_row_lock(backend: Backend, paused: Worker, customer: Customer) -> None:
    """A database's lock has no lease: others give up, and the change holds."""
    assert customer.add("scarf") in backend.refusals
    assert customer.cart() == {"mug": 1}

    paused.resume()

    assert paused.receive() == OK
    assert customer.add("scarf") == OK
    assert customer.cart() == {"mug": 1, "scarf": 1, "hat": 1}


@on(
    "postgresql",
    "postgresql-locking",
    "mariadb-locking",
    "redis",
    "valkey-locking",
    "memcached-locking",
    "session-redis",
)
def test_killed_between_load_and_save(paused: Worker, customer: Customer) -> None:
    """Whoever dies between load and save keeps others waiting for the lease at most,
    and has changed nothing."""
    paused.end()
    began = time.monotonic()

    assert customer.add("scarf") == OK
    assert time.monotonic() - began < LEASE + INEXACTNESS
    assert customer.cart() == {"mug": 1, "scarf": 1}
