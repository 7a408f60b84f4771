"""The server is there, but does not answer."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from flask_cart.signals import before_change
from tests.support.backends import Backend
from tests.support.backends import on
from tests.support.customers import OK
from tests.support.customers import Customer

#: Seconds that a shop may need to give up, with a client that waits for one second.
BOUND = 8


@on(
    "mariadb",
    "redis",
    "valkey-locking",
    "pymemcache",
    "python-memcached",
    "session-redis",
    "session-memcached",
)
def test_stalled(backend: Backend, customer: Customer) -> None:
    """A shop gives up when its client does, and goes on when the server does."""

    def pause(sender: object, **extra: object) -> None:
        backend.endpoint.daemon.pause()

    with before_change.connected_to(pause, customer.app):
        began = time.monotonic()
        assert customer.add("hat") in backend.refusals
        assert time.monotonic() - began < BOUND

    backend.endpoint.daemon.resume()
    customer.wait_until_served(backend.refusals)

    # The server may have come to a request that nobody waited for any more.
    hats = customer.cart().get("hat", 0)
    assert hats <= 1
    assert customer.cart() == {"mug": 1} | ({"hat": hats} if hats else {})
    assert customer.add("hat") == OK
    assert customer.cart() == {"mug": 1, "hat": hats + 1}


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
        assert answer.result(60) == OK

    assert customer.cart() == {"mug": 1, "hat": 1}
