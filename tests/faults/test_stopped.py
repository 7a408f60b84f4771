"""The server is not there, and comes back."""

from __future__ import annotations

import pytest

from flask_cart.signals import before_change
from tests.support.backends import Backend
from tests.support.backends import on
from tests.support.customers import OK
from tests.support.customers import Customer

EVERYWHERE = (
    "postgresql",
    "mariadb",
    "redis",
    "valkey-locking",
    "pymemcache",
    "session-redis",
    "session-memcached",
)


@on(*EVERYWHERE, "memcached", "session-postgresql")
def test_stopped(backend: Backend, customer: Customer) -> None:
    """Without its server, a shop says so in every answer. With it, it goes on."""
    backend.endpoint.daemon.stop()

    assert customer.look()[0] in backend.refusals
    assert customer.add("hat") in backend.refusals

    backend.endpoint.daemon.start()
    customer.wait_until_served(backend.refusals)

    assert customer.cart() == backend.kept({"mug": 1})
    assert customer.add("hat") == OK
    assert customer.cart() == backend.kept({"mug": 1}) | {"hat": 1}


@on(*EVERYWHERE, "memcached")
def test_stopped_between_load_and_save(backend: Backend, customer: Customer) -> None:
    """A change that was not saved is an error, and the cart stays as it was."""

    def stop(sender: object, **extra: object) -> None:
        backend.endpoint.daemon.stop()

    with before_change.connected_to(stop, customer.app):
        assert customer.add("hat") in backend.refusals

    backend.endpoint.daemon.start()
    customer.wait_until_served(backend.refusals)

    assert customer.cart() == backend.kept({"mug": 1})
    assert customer.add("hat") == OK
    assert customer.cart() == backend.kept({"mug": 1}) | {"hat": 1}


@on(*EVERYWHERE)
@pytest.mark.parametrize("action", ["look", "add"])
def test_restarted(backend: Backend, customer: Customer, action: str) -> None:
    """A cart is whole, or an error, for a shop that has not noticed that its
    connections are gone."""
    backend.endpoint.daemon.kill()
    backend.endpoint.daemon.start()

    if action == "look":
        status, items = customer.look()
        assert status in backend.refusals or items == backend.kept({"mug": 1})
        added = 0
    else:
        status = customer.add("hat")
        assert status in {OK} | backend.refusals
        added = int(status == OK)

    customer.wait_until_served(backend.refusals)
    hats = {"hat": added} if added else {}

    assert customer.cart() == backend.kept({"mug": 1}) | hats
