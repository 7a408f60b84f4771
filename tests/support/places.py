"""Places: configurations of apps with their carts in every kind of storage."""

from __future__ import annotations

import typing as t

import pytest

from tests.support.customers import Config

DATABASES = ["sqlite", "postgresql", "mariadb"]

#: Those that several processes share.
SHARED = [*DATABASES, "valkey", "memcached", "files", "session"]

PLACES = ["memory", *SHARED]


def place_of(request: pytest.FixtureRequest, name: str) -> Config:
    """The configuration of an app, which can be sent to another process as JSON."""

    def fixture(name: str) -> t.Any:
        return request.getfixturevalue(name)

    if name in DATABASES:
        return {
            "CART_STORAGE": "database",
            "SQLALCHEMY_DATABASE_URI": fixture(f"{name}_url"),
        }

    if name == "session":
        return {
            "CART_STORAGE": "session",
            "SESSION_TYPE": "redis",
            "SESSION_SERVER": fixture("valkey_server").url,
        }

    if name == "memory":
        return {"CART_STORAGE": "memory"}

    caches: dict[str, t.Callable[[], Config]] = {
        "valkey": lambda: {
            "CACHE_TYPE": "RedisCache",
            "CACHE_REDIS_URL": fixture("valkey_server").url,
        },
        "memcached": lambda: {
            "CACHE_TYPE": "MemcachedCache",
            "CACHE_MEMCACHED_SERVERS": [fixture("memcached_server").url],
            "MEMCACHED_CLIENT": "pymemcache",
        },
        "files": lambda: {
            "CACHE_TYPE": "FileSystemCache",
            "CACHE_DIR": str(fixture("tmp_path") / "cache"),
            "CACHE_THRESHOLD": 0,
        },
    }

    return {"CART_STORAGE": "cache", **caches[name]()}
