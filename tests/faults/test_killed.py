"""The server is killed in the middle of many changes, and started again."""

from __future__ import annotations

import time
from contextlib import ExitStack
from itertools import chain

from tests.support.backends import Backend
from tests.support.backends import on
from tests.support.customers import OK
from tests.support.customers import Customer
from tests.support.workers import Attempt
from tests.support.workers import add_many
from tests.support.workers import working

WORKERS = 2
THREADS = 2


@on(
    "postgresql",
    "mariadb",
    "redis-retrying",
    "valkey-locking",
    "pymemcache",
    "session-redis",
    "session-postgresql",
)
def test_killed_under_load(backend: Backend, customer: Customer) -> None:
    """What was acknowledged is in the cart, nothing is there twice, and all go on
    when the server is back."""
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                working(
                    add_many, backend.config(), customer.cookies, str(number), THREADS
                )
            )
            for number in range(WORKERS)
        ]

        for worker in workers * THREADS:
            assert worker.receive() == "busy"

        backend.endpoint.daemon.kill()
        backend.endpoint.daemon.start()
        back_at = time.monotonic()

        for worker in workers:
            worker.send("back")

        attempts: list[Attempt] = [
            *chain.from_iterable(worker.receive() for worker in workers)
        ]

    added = {each.item for each in attempts if each.status == OK}
    refused = {each.item for each in attempts if each.status in backend.refusals}
    late = {each.item for each in attempts if each.began > back_at}
    kept = added if backend.endpoint.is_durable else added & late
    customer.wait_until_served(backend.refusals)
    cart = customer.cart()
    cart.pop("mug", None)

    assert {each.status for each in attempts} <= {OK} | backend.refusals
    assert cart.keys() >= kept
    assert cart.keys() <= added | refused
    assert set(cart.values()) == {1}
