"""Many threads use one client of Memcached at the same time."""

from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_cart.storage.keyvalue.memcached import clients_for_threads
from flask_cart.storage.keyvalue.memcached import dialect_of
from tests.support import cache_servers
from tests.support.customers import memcached_client

THREADS = 8
READS = 1000

LIBRARIES = {
    "pylibmc": "pylibmc",
    "pymemcache": "pymemcache",
    "python-memcached": "memcache",
}


@pytest.mark.parametrize(
    "library",
    [name for name, package in LIBRARIES.items() if importlib.util.find_spec(package)],
)
def test_everybody_reads_the_own_cart(
    memcached_server: cache_servers.CacheServer, library: str
) -> None:
    """Nobody is shown the cart of somebody else, or none."""

    def read(number: int) -> set[bytes | None]:
        with clients() as client:
            dialect.add(client, _name(number), b"%d" % number, 60)
            # A new string each time: the library must not rely on an old one.
            found = [dialect.get(client, _name(number)) for _ in range(READS)]

        return {each[0] if each is not None else None for each in found}

    with memcached_client(library, memcached_server.url) as shared:
        clients = clients_for_threads(shared)
        dialect = dialect_of(shared)

        with ThreadPoolExecutor(THREADS) as pool:
            seen = list(pool.map(read, range(THREADS)))

    assert seen == [{b"%d" % number} for number in range(THREADS)]


def _name(number: int) -> str:
    return f"cart:{number:064d}"
