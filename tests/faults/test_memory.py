"""Redis has no memory left."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.support import cache_servers
from tests.support.backends import in_redis
from tests.support.customers import OK
from tests.support.customers import UNAVAILABLE
from tests.support.customers import Config
from tests.support.customers import Customer

OpenShop = Callable[[Config], Flask]


@pytest.mark.parametrize("locking", [False, True])
def test_full(open_shop: OpenShop, locking: bool) -> None:
    """A change that there is no memory for is an error, and the cart is as it was."""
    with (
        cache_servers.valkey("--maxmemory-policy", "noeviction") as server,
        cache_servers.redis_client(server.port) as client,
    ):
        config = in_redis(server.url, CART_CACHE_LOCKING=locking)
        customer = Customer(open_shop(config))
        assert customer.add("mug") == OK

        client.config_set("maxmemory", 1)
        assert customer.add("hat") == UNAVAILABLE
        assert customer.cart() == {"mug": 1}

        client.config_set("maxmemory", 0)
        assert customer.add("hat") == OK
        assert customer.cart() == {"mug": 1, "hat": 1}


@pytest.mark.parametrize("locking", [False, True])
def test_evicting(open_shop: OpenShop, locking: bool) -> None:
    """Of carts that are evicted nothing is left, and the others are whole."""
    # Long names take as much memory as many items, with fewer saves.
    items = [f"item-{number}-{'x' * 150}" for number in range(25)]
    whole = dict.fromkeys(items, 1)

    with cache_servers.valkey(
        *["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"]
    ) as server:
        app = open_shop(in_redis(server.url, CART_CACHE_LOCKING=locking))
        customers = [Customer(app) for _ in range(200)]
        assert {customer.add(*items) for customer in customers} == {OK}

        carts = [customer.cart() for customer in customers]
        evicted = [cart for cart in carts if not cart]

        assert 0 < len(evicted) < len(customers)
        assert all(cart == whole for cart in carts if cart)

        assert {customer.add("hat") for customer in customers} == {OK}
        assert all(
            customer.cart() in ({}, {"hat": 1}, whole | {"hat": 1})
            for customer in customers
        )
