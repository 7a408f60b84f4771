"""No storage mixes up the carts of two tenants, whatever they are called."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_cart.model.keys import CartKey
from flask_cart.model.keys import cart_key
from flask_cart.storage.base import Storage
from flask_cart.storage.base import scans_carts
from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing.carts import delete_cart
from flask_cart.testing.carts import save_cart
from tests.storage.test_cache_contract import open_cache
from tests.storage.test_cache_contract import open_cookie
from tests.storage.test_cache_contract import open_memcached
from tests.storage.test_cache_contract import open_sessions
from tests.storage.test_contract import open_database

Request = pytest.FixtureRequest
Opened = AbstractContextManager[Storage]

#: Few characters, so that tenants, kinds and ids differ by where they are cut off.
tenants = st.none() | st.from_regex(r"[au][au.-]{0,2}", fullmatch=True)
kinds = st.sampled_from(["a", "u", "au", "a-u", "u-"])
ids = st.from_regex(r"[auA:/.%{}-]{1,4}", fullmatch=True)
instances = st.sampled_from(["a", "u", "A"])

keys = st.builds(
    lambda tenant, kind, id_, instance: cart_key(f"{kind}:{id_}", instance, tenant),
    tenants,
    kinds,
    ids,
    instances,
)

#: The same characters, with the tenant ending elsewhere or nowhere.
SHIFTED = [
    CartKey("a:u/a:u", "a"),
    CartKey("a/a:u", "a"),
    CartKey("a/a:u/a:u", "a"),
    CartKey("a.a/a:u", "a"),
    CartKey("a/a:u/a", "a"),
    CartKey("a:a/a:u", "a"),
    CartKey("a:u", "a"),
    CartKey("u/a:u", "a"),
    CartKey("u/a:U", "a"),
    CartKey("u/a:u", "A"),
]


def memory(request: Request, folder: Path) -> Opened:
    return nullcontext(MemoryStorage())


def cookie(request: Request, folder: Path) -> Opened:
    return open_cookie()


def redis(request: Request, folder: Path) -> Opened:
    server = request.getfixturevalue("redis_server")

    return open_cache(CACHE_TYPE="RedisCache", CACHE_REDIS_URL=server.url)


def redis_cluster(request: Request, folder: Path) -> Opened:
    nodes = request.getfixturevalue("redis_cluster").nodes

    return open_cache(
        CACHE_TYPE="RedisClusterCache",
        CACHE_REDIS_CLUSTER=",".join(f"127.0.0.1:{port}" for port in nodes),
    )


def memcached(request: Request, folder: Path) -> Opened:
    server = request.getfixturevalue("memcached_server")

    return open_memcached(server.url)


def files(request: Request, folder: Path) -> Opened:
    return open_cache(
        CACHE_TYPE="FileSystemCache", CACHE_DIR=str(folder / "cache"), CACHE_THRESHOLD=0
    )


def database(name: str) -> Callable[[Request, Path], Opened]:
    return lambda request, folder: open_database(request.getfixturevalue(f"{name}_url"))


def sessions_in_redis(request: Request, folder: Path) -> Opened:
    return open_sessions("redis", request.getfixturevalue("valkey_server").url)


def sessions_in_files(request: Request, folder: Path) -> Opened:
    return open_sessions("cachelib", str(folder / "sessions"))


def sessions_in_memcached(request: Request, folder: Path) -> Opened:
    return open_sessions("memcached", request.getfixturevalue("memcached_server").url)


def session_table(name: str) -> Callable[[Request, Path], Opened]:
    return lambda request, folder: open_sessions(
        "sqlalchemy", request.getfixturevalue(f"{name}_url")
    )


STORAGES: dict[str, Callable[[Request, Path], Opened]] = {
    "memory": memory,
    "sqlite": database("sqlite"),
    "postgresql": database("postgresql"),
    "mariadb": database("mariadb"),
    "redis": redis,
    "redis cluster": redis_cluster,
    "memcached": memcached,
    "files": files,
    "cookie": cookie,
    "sessions in redis": sessions_in_redis,
    "sessions in memcached": sessions_in_memcached,
    "sessions in files": sessions_in_files,
    "sessions in sqlite": session_table("sqlite"),
    "sessions in postgresql": session_table("postgresql"),
    "sessions in mariadb": session_table("mariadb"),
}


@pytest.fixture(params=STORAGES)
def storage(request: Request, tmp_path: Path) -> Iterator[Storage]:
    with STORAGES[request.param](request, tmp_path) as storage:
        yield storage


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(keys, min_size=2, max_size=8, unique=True))
@example(SHIFTED)
def test_tenants_have_their_own_carts(storage: Storage, keys: list[CartKey]) -> None:
    """What is stored for a key is read, found and deleted for it only."""
    versions = {key: _saved(storage, key) for key in keys}

    try:
        _check(storage, keys, versions)
        gone, *left = keys
        assert delete_cart(storage, gone, versions.pop(gone))
        assert storage.load(gone) is None
        _check(storage, left, versions)
    finally:
        for key, version in versions.items():
            delete_cart(storage, key, version)


def _saved(storage: Storage, key: CartKey) -> int:
    version = save_cart(storage, key, str(key), 0)
    assert version is not None, f"There is something at {key} already."

    return version


def _check(
    storage: Storage, keys: list[CartKey], versions: t.Mapping[CartKey, int]
) -> None:
    for key in keys:
        stored = storage.load(key)
        assert stored is not None
        data = stored.data if isinstance(stored.data, str) else stored.data.decode()
        assert (data, stored.version) == (str(key), versions[key])
        assert storage.instances(key.owner) == sorted(
            each.instance for each in keys if each.owner == key.owner
        )

    if scans_carts(storage):
        assert sorted(each.key for each in storage.scan()) == sorted(keys)
