"""The storages in caches and beside sessions pass the suite, too."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import ExitStack
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa
from cachelib import FileSystemCache
from flask import Flask
from flask.sessions import SecureCookieSession
from flask.sessions import SecureCookieSessionInterface
from flask_caching import Cache
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy
from pymemcache import PooledClient

from flask_cart import FlaskCart
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Guarantee
from flask_cart.storage.base import Storage
from flask_cart.testing import StorageSuite
from tests.support import cache_servers
from tests.support import servers
from tests.support.apps import make_app
from tests.support.customers import PREFERRED
from tests.support.customers import memcached_client

# What its tests reach, others reach as well: measuring them takes as long again.
pytestmark = pytest.mark.unmeasured

Open = Callable[[], AbstractContextManager[Storage]]

#: Seconds, of which the suite waits 10 for the lock of a process that was killed.
LEASE = 3


@contextmanager
def open_cache(**config: t.Any) -> Iterator[Storage]:
    app = make_app(TESTING=True, CART_STORAGE="cache", CART_LOCK_LEASE=LEASE, **config)
    cache = Cache(app)
    FlaskCart(app)

    with app.app_context():
        yield app.extensions["cart"].storage

        client = getattr(app.extensions["cache"][cache], "_write_client", None)

        if client is not None:
            client.close()


@contextmanager
def open_memcached(url: str) -> Iterator[Storage]:
    with (
        memcached_client(PREFERRED, url) as client,
        open_cache(
            CACHE_TYPE="MemcachedCache", CACHE_MEMCACHED_SERVERS=client
        ) as storage,
    ):
        yield storage


@contextmanager
def open_sessions(kind: str, place: str) -> Iterator[Storage]:
    app = make_app(TESTING=True, SESSION_TYPE=kind, CART_LOCK_LEASE=LEASE)

    with ExitStack() as stack:
        ADD_CLIENT[kind](app, place, stack)
        Session(app)
        FlaskCart(app)
        stack.enter_context(app.app_context())

        yield app.extensions["cart"].storage


def add_redis(app: Flask, place: str, stack: ExitStack) -> None:
    client = redis.Redis.from_url(place)
    stack.callback(client.close)
    app.config["SESSION_REDIS"] = client


def add_memcached(app: Flask, place: str, stack: ExitStack) -> None:
    client = PooledClient(place)
    stack.callback(client.close)
    app.config["SESSION_MEMCACHED"] = client


def add_files(app: Flask, place: str, stack: ExitStack) -> None:
    app.config["SESSION_CACHELIB"] = FileSystemCache(place, threshold=0)


def add_database(app: Flask, place: str, stack: ExitStack) -> None:
    app.config["SQLALCHEMY_DATABASE_URI"] = place
    db = app.config["SESSION_SQLALCHEMY"] = SQLAlchemy(app)

    with app.app_context():
        stack.callback(db.engine.dispose)


ADD_CLIENT: dict[str, Callable[[Flask, str, ExitStack], None]] = {
    "redis": add_redis,
    "memcached": add_memcached,
    "cachelib": add_files,
    "sqlalchemy": add_database,
}


#: Of the suite, what another way to the same server or folder could break: texts and
#: versions come and go whole, to and from other processes; the script and the lock are
#: there; what is in the way is told; all carts are found. What the storage makes of
#: that is proven once for each kind of server, and of tables of sessions on SQLite: how
#: databases differ is in ``test_session_table.py``.
ON_ANOTHER_WAY = {
    "test_is_a_storage",
    "test_text_is_kept_exactly",
    "test_longest_key",
    "test_largest_cart",
    "test_similar_owners_do_not_collide",
    "test_save_with_another_version_loses",
    "test_delete",
    "test_several_are_saved",
    "test_one_of_many_overlapping_saves_wins",
    "test_lock_makes_a_rival_wait",
    "test_lock_of_a_killed_process_ends",
    "test_others_see_what_is_saved_here",
    "test_what_others_save_is_seen_here",
    "test_increments_add_up",
    "test_history",
    "test_every_save_renews_the_ttl",
    "test_scan_finds_all_carts",
    # A cluster reads all of it, where a server leaves out what is not sought.
    "test_scan_of_what_is_old",
    "test_scan_while_carts_change",
}


def on_another_way(suite: type[StorageSuite]) -> type[StorageSuite]:
    """Leave out of a suite what was proven for this kind of server already."""
    for name in dir(suite):
        if name.startswith("test_") and name not in ON_ANOTHER_WAY:
            setattr(suite, name, None)

    return suite


class RedisSuite(StorageSuite):
    """Carts that expire by themselves, in a server that can be asked when."""

    scans_carts = True

    @pytest.fixture
    def ttl_of(self, storage: Storage) -> Callable[[CartKey], float | None]:
        def ttl_of(key: CartKey) -> float | None:
            left = storage._client.pttl(storage._carts(key.owner))

            return left / 1000 if left >= 0 else None

        return ttl_of

    @pytest.fixture
    def spoil(self, storage: Storage) -> Callable[[CartKey], None]:
        """Replaces the text by bytes that are none."""
        return lambda key: storage._client.hset(
            storage._carts(key.owner), key.instance, b"1 a 1\n\xfe"
        )


class TestRedis(RedisSuite):
    @pytest.fixture
    def open_storage(self, redis_server: cache_servers.CacheServer) -> Open:
        return partial(
            open_cache, CACHE_TYPE="RedisCache", CACHE_REDIS_URL=redis_server.url
        )


class TestValkeyWithLock(RedisSuite):
    @pytest.fixture
    def open_storage(self, valkey_server: cache_servers.CacheServer) -> Open:
        return partial(
            open_cache,
            CACHE_TYPE="RedisCache",
            CACHE_REDIS_URL=valkey_server.url,
            CART_CACHE_LOCKING=True,
        )


@on_another_way
class TestCluster(RedisSuite):
    @pytest.fixture
    def open_storage(self, redis_cluster: cache_servers.Cluster) -> Open:
        nodes = ",".join(f"127.0.0.1:{port}" for port in redis_cluster.nodes)

        return partial(
            open_cache, CACHE_TYPE="RedisClusterCache", CACHE_REDIS_CLUSTER=nodes
        )


@on_another_way
class TestSentinel(RedisSuite):
    @pytest.fixture
    def open_storage(self, redis_sentinel: cache_servers.Sentinel) -> Open:
        return partial(
            open_cache,
            CACHE_TYPE="RedisSentinelCache",
            CACHE_REDIS_SENTINELS=[("127.0.0.1", redis_sentinel.port)],
            CACHE_REDIS_SENTINEL_MASTER=cache_servers.SENTINEL_NAME,
        )


class RecordSuite(StorageSuite):
    """All carts of an owner are one text, in a store that cannot list its keys."""

    max_bytes = 2**19


class TestMemcached(RecordSuite):
    @pytest.fixture
    def open_storage(self, memcached_server: cache_servers.CacheServer) -> Open:
        return partial(open_memcached, memcached_server.url)


class TestFiles(RecordSuite):
    @pytest.fixture
    def open_storage(self, tmp_path: Path) -> Open:
        return partial(
            open_cache,
            CACHE_TYPE="FileSystemCache",
            CACHE_DIR=str(tmp_path / "cache"),
            CACHE_THRESHOLD=0,
        )


class TestSimpleCache(RecordSuite):
    across_processes = False

    @pytest.fixture
    def open_storage(self) -> Open:
        return partial(open_cache, CACHE_TYPE="SimpleCache")


@on_another_way
class TestSessionsInRedis(RedisSuite):
    @pytest.fixture
    def open_storage(self, redis_server: cache_servers.CacheServer) -> Open:
        return partial(open_sessions, "redis", redis_server.url)


@on_another_way
class TestSessionsInMemcached(RecordSuite):
    @pytest.fixture
    def open_storage(self, memcached_server: cache_servers.CacheServer) -> Open:
        return partial(open_sessions, "memcached", memcached_server.url)


@on_another_way
class TestSessionsInFiles(RecordSuite):
    @pytest.fixture
    def open_storage(self, tmp_path: Path) -> Open:
        return partial(open_sessions, "cachelib", str(tmp_path / "sessions"))


class SessionTableSuite(RecordSuite):
    @pytest.fixture
    def open_storage(self, url: str) -> Open:
        return partial(open_sessions, "sqlalchemy", url)

    @pytest.fixture
    def storage(self, open_storage: Open, url: str) -> Iterator[Storage]:
        with open_storage() as storage:
            engine = sa.create_engine(url, poolclass=sa.NullPool)

            with engine.begin() as connection:
                connection.exec_driver_sql("DELETE FROM sessions")

            yield storage


class TestSessionsInSQLite(SessionTableSuite):
    @pytest.fixture
    def url(self, sqlite_url: str) -> str:
        return sqlite_url


@on_another_way
class TestSessionsInPostgreSQL(SessionTableSuite):
    @pytest.fixture
    def url(self, postgresql_kit_url: str) -> str:
        return postgresql_kit_url


@on_another_way
class TestSessionsInMariaDB(SessionTableSuite):
    # What the column of Flask-Session takes.
    max_bytes = 2**15

    @pytest.fixture
    def url(self, mariadb_kit_url: str) -> str:
        return mariadb_kit_url


@pytest.fixture(scope="module")
def postgresql_kit_url(postgresql_server: servers.Server) -> Iterator[str]:
    with servers.fresh_database(postgresql_server) as url:
        yield url


@pytest.fixture(scope="module")
def mariadb_kit_url(mariadb_server: servers.Server) -> Iterator[str]:
    with servers.fresh_database(mariadb_server) as url:
        yield url


class OneSession(SecureCookieSessionInterface):
    """Gives every request the same session, as if they came one after the other."""

    def __init__(self) -> None:
        self.session = SecureCookieSession()

    def open_session(self, app: Flask, request: t.Any) -> SecureCookieSession:
        return self.session


@contextmanager
def open_cookie() -> Iterator[Storage]:
    app = make_app(TESTING=True, MAX_COOKIE_SIZE=2**20)
    app.session_interface = OneSession()
    FlaskCart(app)

    with app.test_request_context():
        yield app.extensions["cart"].storage


class TestCookie(StorageSuite):
    guarantee = Guarantee.LAST_WRITE_WINS
    across_processes = False
    max_bytes = 2**12

    @pytest.fixture
    def open_storage(self) -> Open:
        return open_cookie

    @pytest.fixture
    def thread_context(self, storage: Storage) -> t.Any:
        from flask import current_app

        return current_app._get_current_object().test_request_context
