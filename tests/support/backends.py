"""What carts can be kept on: servers that a test may break, and the apps on them."""

from __future__ import annotations

import importlib.util
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from tests.support import cache_servers
from tests.support import servers
from tests.support.customers import NO_SESSION
from tests.support.customers import PATIENCE
from tests.support.customers import UNAVAILABLE
from tests.support.customers import Config
from tests.support.customers import create_tables
from tests.support.proxies import Address

#: Seconds after which the lock of somebody who has died is free, at the latest.
LEASE = 1

#: What is in a request that changes a cart there is, as a regular expression.
CHANGE = (
    rb"UPDATE (carts|sessions)|DELETE FROM carts"
    rb"|EVALSHA\r\n\$40\r\n\w+\r\n\$1\r\n3|cas (?!\S*lock-)"
)


class Endpoint(t.NamedTuple):
    """A server.

    :param daemon: Its process.
    :param address: Where it listens.
    :param is_durable: Whether it keeps everything when it is killed.
    :param url: The URL of an address that leads to it, for a client that waits for an
        answer for so many seconds, if it can be told.
    """

    daemon: servers.Daemon
    address: Address
    is_durable: bool
    url: Callable[[Address, int], str]


@contextmanager
def postgresql() -> Iterator[Endpoint]:
    with servers.postgresql(durable=True) as server:
        (folder,) = sa.make_url(server.url).normalized_query["host"]

        def url(address: Address, patience: int) -> str:
            host = f"127.0.0.1&port={address}" if isinstance(address, int) else folder
            return f"postgresql+psycopg://postgres@/postgres?host={host}"

        yield _with_tables(
            Endpoint(server.daemon, f"{folder}/.s.PGSQL.5432", True, url)
        )


@contextmanager
def mariadb() -> Iterator[Endpoint]:
    with servers.mariadb(durable=True) as server:
        engine = sa.create_engine(server.database("mysql"), poolclass=sa.NullPool)

        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE carts")

        (socket,) = engine.url.normalized_query["unix_socket"]

        def url(address: Address, patience: int) -> str:
            query = f"read_timeout={patience}"
            found = (
                servers.mariadb_url(query, f"127.0.0.1:{address}")
                if isinstance(address, int)
                else servers.mariadb_url(f"unix_socket={address}&{query}")
            )

            return found.format(name="carts")

        yield _with_tables(Endpoint(server.daemon, socket, True, url))


@contextmanager
def redis() -> Iterator[Endpoint]:
    with cache_servers.redis(durable=True) as server:
        yield Endpoint(server.daemon, server.port, True, _redis_url)


@contextmanager
def valkey() -> Iterator[Endpoint]:
    with cache_servers.valkey(durable=True) as server:
        yield Endpoint(server.daemon, server.port, True, _redis_url)


@contextmanager
def memcached() -> Iterator[Endpoint]:
    with cache_servers.memcached() as server:
        yield Endpoint(server.daemon, server.port, False, "127.0.0.1:{}".format)


ENDPOINTS = {
    each.__name__: each for each in (postgresql, mariadb, redis, valkey, memcached)
}


class Backend(t.NamedTuple):
    """A server, and how the carts are kept there.

    :param endpoint: The server.
    :param make_config: The configuration of an app, for a URL.
    """

    endpoint: Endpoint
    make_config: Callable[[str], Config]

    def config(
        self, address: Address | None = None, patience: int = PATIENCE
    ) -> Config:
        """The configuration of an app.

        :param address: Where it is to look for the server; the right address, if it is
            left out.
        :param patience: How many seconds its client waits for an answer, where it can
            be told.
        """
        url = self.endpoint.url(address or self.endpoint.address, patience)

        return {**self.make_config(url), "PATIENCE": patience}

    @property
    def refusals(self) -> set[int]:
        """The statuses of answers without the server."""
        has_session = "SESSION_TYPE" in self.config()

        return {UNAVAILABLE, NO_SESSION} if has_session else {UNAVAILABLE}

    @property
    def commit(self) -> bytes:
        """What is in the request that makes a change final, as a regular expression."""
        in_transaction = "CART_DATABASE_LOCK_FOR_UPDATE" in self.config()

        return rb"COMMIT\b" if in_transaction else CHANGE

    @property
    def commit_of_several(self) -> bytes:
        """What is in the request that makes a change of several carts final."""
        return rb"COMMIT\b" if self.config()["CART_STORAGE"] == "database" else CHANGE

    def kept(self, items: dict[str, int]) -> dict[str, int]:
        """What is left of a cart when the server was ended and started again."""
        return items if self.endpoint.is_durable else {}


def in_database(url: str, **config: t.Any) -> Config:
    return {"CART_STORAGE": "database", "SQLALCHEMY_DATABASE_URI": url, **config}


def in_redis(url: str, **config: t.Any) -> Config:
    return {
        "CART_STORAGE": "cache",
        "CACHE_TYPE": "RedisCache",
        "CACHE_REDIS_URL": url,
        "CART_LOCK_LEASE": LEASE / 2,
        **config,
    }


def in_retrying_redis(url: str, **config: t.Any) -> Config:
    """Without a URL, the client sends everything again, up to ten times."""
    config["CACHE_REDIS_PORT"] = urlsplit(url).port

    return {**in_redis(url, **config), "CACHE_REDIS_URL": None}


def in_memcached(url: str, **config: t.Any) -> Config:
    return {
        "CART_STORAGE": "cache",
        "CACHE_TYPE": "MemcachedCache",
        "CACHE_MEMCACHED_SERVERS": [url],
        "CART_LOCK_LEASE": LEASE,
        **config,
    }


def in_session(url: str, kind: str) -> Config:
    server = "SQLALCHEMY_DATABASE_URI" if kind == "sqlalchemy" else "SESSION_SERVER"

    return {"CART_STORAGE": "session", "SESSION_TYPE": kind, server: url}


_locking_rows = partial(
    in_database, CART_DATABASE_LOCK_FOR_UPDATE=True, CART_LOCK_TIMEOUT=1
)

# Flask-Caching takes pylibmc, where there is one. Otherwise it makes a client that does
# not look at a server again for half a minute after it has failed.
_default_client = (
    {}
    if importlib.util.find_spec("pylibmc")
    else {"MEMCACHED_CLIENT": "python-memcached"}
)

#: By name: which server, and how.
BACKENDS: dict[str, tuple[str, Callable[[str], Config]]] = {
    "postgresql": ("postgresql", in_database),
    "postgresql-locking": ("postgresql", _locking_rows),
    "mariadb": ("mariadb", in_database),
    "mariadb-locking": ("mariadb", _locking_rows),
    "redis": ("redis", in_redis),
    "redis-retrying": ("redis", in_retrying_redis),
    "valkey-locking": ("valkey", partial(in_redis, CART_CACHE_LOCKING=True)),
    "valkey-locking-retrying": (
        "valkey",
        partial(in_retrying_redis, CART_CACHE_LOCKING=True),
    ),
    "memcached": ("memcached", partial(in_memcached, **_default_client)),
    "memcached-locking": (
        "memcached",
        partial(in_memcached, CART_CACHE_LOCKING=True, **_default_client),
    ),
    "pymemcache": ("memcached", partial(in_memcached, MEMCACHED_CLIENT="pymemcache")),
    "python-memcached": (
        "memcached",
        partial(in_memcached, MEMCACHED_CLIENT="python-memcached"),
    ),
    "session-redis": ("redis", partial(in_session, kind="redis")),
    "session-postgresql": ("postgresql", partial(in_session, kind="sqlalchemy")),
    "session-mariadb": ("mariadb", partial(in_session, kind="sqlalchemy")),
    "session-memcached": ("memcached", partial(in_session, kind="memcached")),
}


def on(*names: str) -> pytest.MarkDecorator:
    """Run a test on some of the backends."""
    return pytest.mark.parametrize("backend", names, indirect=True)


def _redis_url(address: Address, patience: int) -> str:
    return f"redis://127.0.0.1:{address}/0?socket_timeout={patience}"


def _with_tables(endpoint: Endpoint) -> Endpoint:
    create_tables(in_database(endpoint.url(endpoint.address, PATIENCE)))

    return endpoint
