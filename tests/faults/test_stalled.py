"""The server is there, but does not answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from flask import Flask

from flask_cart.signals import before_change
from tests.support.backends import Backend
from tests.support.backends import on
from tests.support.customers import HASTE
from tests.support.customers import OK
from tests.support.customers import Config
from tests.support.customers import Customer
from tests.support.servers import DEADLINE

#: Seconds that a shop may need to give up, with a client that waits for one second.
BOUND = 8

OpenShop = Callable[[Config], Flask]


@on(
    "mariadb",
    "redis",
    "valkey-locking",
    "pymemcache",
    "python-memcached",
    "session-redis",
    "session-memcached",
)
def test_stalled(backend: Backend, customer: Customer, open_shop: OpenShop) -> None:
    """A shop gives up when its client does, and goes on when the server does."""
    hasty = Customer(open_shop(backend.config(patience=HASTE)), customer.cookies)

    def pause(sender: object, **extra: object) -> None:
        backend.endpoint.daemon.pause()

    with before_change.connected_to(pause, hasty.app):
        began = time.monotonic()
        assert hasty.add("hat") in backend.refusals
        assert time.monotonic() - began < BOUND

    backend.endpoint.daemon.resume()
    hasty.wait_until_served(backend.refusals)

    # The server comes to a request that nobody waits for any more, or will, as long as
    # nobody is faster.
    assert customer.cart() in ({"mug": 1}, {"mug": 1, "hat": 1})
    assert customer.add("hat") == OK
    cart = customer.cart()
    assert cart in ({"mug": 1, "hat": 1}, {"mug": 1, "hat": 2})
    assert customer.cart() == cart


@on("postgresql", "postgresql-locking", "session-postgresql")
def test_stalled_without_bound(backend: Backend, customer: Customer) -> None:
    """With a client that waits for ever, the change is made when the server goes on."""
    backend.endpoint.daemon.pause()

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(customer.add, "hat")
        # It could have been made by now.
        time.sleep(0.3)
        assert not answer.done()

        backend.endpoint.daemon.resume()
        assert answer.result(DEADLINE) == OK

    assert customer.cart() == {"mug": 1, "hat": 1}
