"""Redis and Valkey whose servers die: alone, with a sentinel, and in a cluster."""

from __future__ import annotations

from typing import Final

import pytest
import redis

from tests.distributed.conftest import Ride
from tests.support import cache_servers
from tests.support.backends import LEASE
from tests.support.backends import in_redis
from tests.support.cache_servers import redis_client
from tests.support.servers import Daemon
from tests.support.servers import wait_until

locking = pytest.mark.parametrize("locking", [False, True], ids=["bare", "locking"])

#: A master without a replica takes nothing.
CAREFUL: Final = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "1"]
WAYS: Final = {
    "linked": ([], False),
    "cut": ([], True),
    "linked, careful": (CAREFUL, False),
    "cut, careful": (CAREFUL, True),
}
ways = pytest.mark.parametrize(("options", "is_cut"), WAYS.values(), ids=WAYS)

NOT_COPIED: Final = "what was not copied yet"

#: Bytes of changes that a replica never hears of.
UNHEARD: Final = 2000


def restart(daemon: Daemon) -> None:
    daemon.kill()
    daemon.start()


def cut(master: int, replica: int) -> None:
    """Cut the link between two servers for good, and wait until the master has taken
    some changes more, or refuses them."""
    with redis_client(replica) as client:
        # The master knows nobody of that name.
        client.config_set("masteruser", "nobody")
        client.config_set("masterauth", "nothing")

    with redis_client(master) as client:
        client.execute_command("CLIENT KILL", "TYPE", "replica")
        begin = _offset(client)
        wait_until(lambda: _offset(client) > begin + UNHEARD or _refuses(client))


def _offset(client: redis.Redis) -> int:
    return int(client.info("replication")["master_repl_offset"])


def _refuses(client: redis.Redis) -> bool:
    replication = client.info("replication")

    return replication.get("min_slaves_good_slaves") == 0


@locking
def test_synced(judged: Ride, locking: bool) -> None:
    """A server that syncs each write has everything that it acknowledged."""
    with cache_servers.valkey(durable=True) as server:
        judged(
            "Valkey, ``appendfsync always``",
            "killed and started again, twice",
            in_redis(f"{server.url}?socket_timeout=1", CART_CACHE_LOCKING=locking),
            *[lambda: restart(server.daemon)] * 2,
        )


def test_in_memory(judged: Ride) -> None:
    """What a server had in memory alone is gone, and the checker says so."""
    with cache_servers.valkey() as server:
        verdict = judged(
            "Valkey, nothing on disk",
            "killed and started again",
            in_redis(f"{server.url}?socket_timeout=1"),
            lambda: restart(server.daemon),
            may_lose="everything",
        )

    assert verdict.found


@locking
@ways
def test_sentinel(
    judged: Ride, options: list[str], is_cut: bool, locking: bool
) -> None:
    """A replica becomes the master, that may not have heard of the last changes."""
    with cache_servers.redis_sentinel(*options) as sentinel:
        first = sentinel.master()
        (second,) = {*sentinel.servers} - {first}

        def fail_over() -> None:
            if is_cut:
                cut(first, second)

            sentinel.fail_over()

        verdict = judged(
            f"Valkey with a sentinel{_also(options)}",
            f"master killed{', its link cut before' if is_cut else ''}",
            {
                "CART_STORAGE": "cache",
                "CART_CACHE_LOCKING": locking,
                "CART_LOCK_LEASE": LEASE,
                "CACHE_TYPE": "RedisSentinelCache",
                "CACHE_REDIS_SENTINELS": [("127.0.0.1", sentinel.port)],
                "CACHE_REDIS_SENTINEL_MASTER": cache_servers.SENTINEL_NAME,
            },
            fail_over,
            sentinel.servers[first].start,
            may_lose=NOT_COPIED,
        )

    assert verdict.found or not is_cut or options


@ways
def test_cluster(judged: Ride, options: list[str], is_cut: bool) -> None:
    """A replica takes over the slots of a master, that may have known more."""
    with cache_servers.redis_cluster(*options, with_replicas=True) as cluster:

        def fail_over() -> None:
            master = next(filter(_has_the_cart, cluster.nodes))

            if is_cut:
                cut(master, cluster.replicas[master].port)

            cluster.fail_over(master)

        verdict = judged(
            f"Valkey Cluster, three and three{_also(options)}",
            f"a master killed{', its link cut before' if is_cut else ''}",
            {
                "CART_STORAGE": "cache",
                "CACHE_TYPE": "RedisClusterCache",
                "CACHE_REDIS_CLUSTER": ",".join(
                    f"127.0.0.1:{port}" for port in cluster.nodes
                ),
            },
            fail_over,
            may_lose=NOT_COPIED,
        )

    assert verdict.found or not is_cut or options


def _has_the_cart(port: int) -> bool:
    with redis_client(port) as client:
        return any("user:1" in key for key in client.scan_iter())


def _also(options: list[str]) -> str:
    return ", ``min-replicas-to-write 1``" if options else ""
