"""The server is there, but the connections to it break."""

from __future__ import annotations

import pytest

from tests.support.backends import CHANGE
from tests.support.backends import Backend
from tests.support.backends import on
from tests.support.customers import CONFLICT
from tests.support.customers import OK
from tests.support.customers import Customer
from tests.support.proxies import Proxy

EVERYWHERE = (
    "postgresql",
    "postgresql-locking",
    "mariadb",
    "mariadb-locking",
    "redis-retrying",
    "valkey-locking-retrying",
    "pymemcache",
    "python-memcached",
    "session-redis",
    "session-mariadb",
)


@on(*EVERYWHERE, "memcached")
def test_cut_while_idle(
    backend: Backend, relay: Proxy, relayed_customer: Customer
) -> None:
    """Over a connection that was cut since, a cart is whole, or an error."""
    relay.cut_all()
    status, items = relayed_customer.look()

    assert status in backend.refusals or items == {"mug": 1}

    relayed_customer.wait_until_served(backend.refusals)

    assert relayed_customer.cart() == {"mug": 1}
    assert relayed_customer.add("hat") == OK
    assert relayed_customer.cart() == {"mug": 1, "hat": 1}


@on(*EVERYWHERE)
def test_request_is_lost(
    backend: Backend, relay: Proxy, relayed_customer: Customer
) -> None:
    """A change that the server has not heard of is made later, or an error."""
    relay.cut_request(CHANGE)
    status = relayed_customer.add("scarf")

    assert relay.is_done
    assert status in {OK} | backend.refusals

    relayed_customer.wait_until_served(backend.refusals)
    scarves = {"scarf": 1} if status == OK else {}

    assert relayed_customer.cart() == {"mug": 1} | scarves
    assert relayed_customer.add("hat") == OK


@on(*EVERYWHERE)
def test_answer_is_lost(
    backend: Backend, relay: Proxy, relayed_customer: Customer
) -> None:
    """A change that the server has made before the connection broke is not made
    twice."""
    relay.cut_answer(backend.commit)
    status = relayed_customer.add("scarf")

    assert relay.is_done
    assert status in {OK} | backend.refusals

    relayed_customer.wait_until_served(backend.refusals)

    assert relayed_customer.cart() == {"mug": 1, "scarf": 1}
    assert relayed_customer.add("hat") == OK


@on(*EVERYWHERE, "memcached")
def test_answer_is_lost_and_a_rival_saves(
    backend: Backend, relay: Proxy, relayed_customer: Customer, rival: Customer
) -> None:
    """It is not made twice either when somebody else changes the cart before it can
    be asked what became of it."""
    statuses = []
    relay.cut_answer(
        backend.commit,
        meanwhile=lambda: statuses.append(rival.add("hat")),
    )
    status = relayed_customer.add("scarf")

    assert statuses == [OK]
    assert status in {OK} | backend.refusals

    relayed_customer.wait_until_served(backend.refusals)

    assert relayed_customer.cart() == {"mug": 1, "scarf": 1, "hat": 1}


@on(*[name for name in EVERYWHERE if "locking" not in name], "memcached")
def test_rival_saves_while_a_change_is_on_its_way(
    backend: Backend, relay: Proxy, relayed_customer: Customer, rival: Customer
) -> None:
    """It is the server that compares: at the last moment there is."""
    statuses = []
    relay.delay_request(CHANGE, meanwhile=lambda: statuses.append(rival.add("hat")))

    assert relayed_customer.add("scarf") == OK
    assert statuses == [OK]
    assert relayed_customer.cart() == {"mug": 1, "scarf": 1, "hat": 1}


@on("valkey-locking", "memcached-locking")
def test_lease_runs_out_while_a_change_is_on_its_way(
    backend: Backend, relay: Proxy, relayed_customer: Customer, rival: Customer
) -> None:
    """It is the server that refuses whoever does not hold the lock any more."""
    statuses = []
    relay.delay_request(CHANGE, meanwhile=lambda: statuses.append(rival.add("hat")))
    status = relayed_customer.add("scarf")

    assert statuses == [OK]
    assert status in {OK} | backend.refusals

    scarves = {"scarf": 1} if status == OK else {}
    assert relayed_customer.cart() == {"mug": 1, "hat": 1} | scarves


@on(*EVERYWHERE)
@pytest.mark.parametrize("action", ["clear", "destroy"])
def test_answer_to_a_deletion_is_lost(
    backend: Backend, relay: Proxy, relayed_customer: Customer, action: str
) -> None:
    """A cart that was emptied is empty, and at worst nobody can tell."""
    relay.cut_answer(backend.commit)
    status = relayed_customer.post(action)

    assert relay.is_done
    assert status in {OK, CONFLICT} | backend.refusals

    relayed_customer.wait_until_served(backend.refusals)

    assert relayed_customer.cart() == {}
    assert relayed_customer.add("hat") == OK
    assert relayed_customer.cart() == {"hat": 1}


@on(*EVERYWHERE, "memcached")
def test_request_to_move_is_lost(
    backend: Backend, relay: Proxy, relayed_customer: Customer
) -> None:
    """A line that the server has not heard of moving is in exactly one of two carts."""
    relay.cut_request(backend.commit_of_several)
    status = relayed_customer.post("move", "mug")

    assert relay.is_done
    assert status in {OK} | backend.refusals

    relayed_customer.wait_until_served(backend.refusals)
    stays, moved = ({}, {"mug": 1}) if status == OK else ({"mug": 1}, {})

    assert relayed_customer.cart() == stays
    assert relayed_customer.wishlist() == moved
    assert relayed_customer.add("hat") == OK
    assert relayed_customer.post("move", "hat") == OK
    assert relayed_customer.wishlist() == moved | {"hat": 1}


@on(*EVERYWHERE, "memcached")
def test_answer_to_a_move_is_lost(
    backend: Backend, relay: Proxy, relayed_customer: Customer, rival: Customer
) -> None:
    """A line that the server has moved before the connection broke is in the other cart
    only, once, whatever somebody else does meanwhile, and at worst nobody can tell."""
    statuses = []
    relay.cut_answer(
        backend.commit_of_several,
        meanwhile=lambda: statuses.append(rival.add("hat")),
    )
    status = relayed_customer.post("move", "mug")

    assert statuses == [OK]
    assert status in {OK, CONFLICT} | backend.refusals

    relayed_customer.wait_until_served(backend.refusals)

    assert relayed_customer.cart() == {"hat": 1}
    assert relayed_customer.wishlist() == {"mug": 1}
