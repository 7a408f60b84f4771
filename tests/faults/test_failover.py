"""One of several Redis servers is gone."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from tests.support import cache_servers
from tests.support.customers import OK
from tests.support.customers import UNAVAILABLE
from tests.support.customers import Config
from tests.support.customers import Customer

OpenShop = Callable[[Config], Flask]


def test_replica_takes_over(open_shop: OpenShop) -> None:
    """When the sentinel makes the replica the master, the shop goes on with it."""
    with cache_servers.redis_sentinel() as sentinel:
        config = {
            "CART_STORAGE": "cache",
            "CART_CACHE_LOCKING": True,
            "CACHE_TYPE": "RedisSentinelCache",
            "CACHE_REDIS_SENTINELS": [("127.0.0.1", sentinel.port)],
            "CACHE_REDIS_SENTINEL_MASTER": cache_servers.SENTINEL_NAME,
        }
        customer = Customer(open_shop(config))
        assert customer.add("mug") == OK

        master = sentinel.master()
        sentinel.wait_for_replica()
        sentinel.fail_over()
        customer.wait_until_served({UNAVAILABLE})

        assert sentinel.master() != master
        assert customer.cart() == {"mug": 1}
        assert customer.add("hat") == OK
        assert customer.cart() == {"mug": 1, "hat": 1}


def test_cluster_without_a_node(open_shop: OpenShop) -> None:
    """Carts that are on a lost node are errors until it is back; others are whole."""
    with cache_servers.redis_cluster() as cluster:
        config = {
            "CART_STORAGE": "cache",
            "CACHE_TYPE": "RedisClusterCache",
            "CACHE_REDIS_CLUSTER": ",".join(
                f"127.0.0.1:{port}" for port in cluster.nodes
            ),
        }
        app = open_shop(config)
        customers = [Customer(app) for _ in range(6)]
        assert {customer.add("mug") for customer in customers} == {OK}

        lost = next(node for port, node in cluster.nodes.items() if _has_carts(port))
        lost.kill()
        statuses = [customer.add("hat") for customer in customers]
        lost.start()

        assert UNAVAILABLE in statuses
        assert set(statuses) <= {OK, UNAVAILABLE}

        for customer, status in zip(customers, statuses, strict=True):
            customer.wait_until_served({UNAVAILABLE})

            # The nodes keep nothing when they are killed.
            assert customer.cart() == ({"mug": 1, "hat": 1} if status == OK else {})
            assert customer.add("scarf") == OK


def _has_carts(port: int) -> bool:
    with cache_servers.redis_client(port) as client:
        return client.dbsize() > 0
