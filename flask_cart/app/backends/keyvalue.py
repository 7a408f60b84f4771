"""Key-value stores: the storage for a client, whether an app has it for its cache or
for its sessions."""

from __future__ import annotations

import typing as t
from pathlib import Path

from flask import Flask

from ...model.errors import CartConfigError
from ...storage.base import Storage
from ...storage.keyvalue.cachelib import CacheRecords
from ...storage.keyvalue.cachelib import Locks
from ...storage.keyvalue.cachelib import ThreadLocks
from ...storage.keyvalue.cachelib import is_file_of
from ...storage.keyvalue.cachelib import with_text
from ...storage.keyvalue.keeping import Keeping
from ...storage.keyvalue.memcached import MemcachedRecords
from ...storage.keyvalue.records import RecordStorage
from ...storage.keyvalue.redis import RedisStorage
from ...storage.keyvalue.redis import connection_options
from .startup import is_production
from .startup import require
from .startup import warn


def make_redis_storage(
    client: t.Any, make_prefix: t.Callable[[], str], keeping: Keeping
) -> Storage:
    """The storage for a client of Redis or Valkey.

    :raises CartConfigError: If it cannot keep carts.
    """
    _check_redis_client(client)

    return RedisStorage(client, make_prefix, keeping)


def make_memcached_storage(client: t.Any, prefix: str, keeping: Keeping) -> Storage:
    """The storage for a client of Memcached.

    :param client: Only used to make others of it, if threads cannot share it.
    :raises CartConfigError: If it cannot keep carts.
    """
    return RecordStorage(MemcachedRecords(client, prefix, keeping.ttl), keeping)


def make_cachelib_storage(
    app: Flask, backend: t.Any, prefix: str, keeping: Keeping, place: str
) -> Storage:
    """The storage for a cache that cannot compare and set.

    :param place: ``"cache"`` or ``"session"``, as settings and extras are called.
    :raises CartConfigError: If it cannot keep carts.
    """
    locks: Locks | None = None
    has: t.Callable[[t.Any, str], bool] = _has

    if is_a(backend, "NullCache"):
        raise CartConfigError(
            "NullCache keeps nothing, so every cart would be empty. Use another cache,"
            " or CART_STORAGE = 'memory' for tests.",
            "null-cache",
        )

    if is_a(backend, "FileSystemCache"):
        require("filelock", "A cache of files", place)

        from ...storage.keyvalue.file_locks import FileLocks

        has = is_file_of
        folder = Path(backend._path).absolute()
        locks = FileLocks(
            folder.with_name(f"{folder.name}.locks"), keeping.lock_timeout
        )

        if backend._threshold and is_production(app):
            warn(
                f"The folder of files deletes some when it has more than"
                f" {backend._threshold}, also carts. Set the threshold to 0"
                " (CACHE_THRESHOLD, or SESSION_FILE_THRESHOLD).",
                "cache-threshold",
            )
    elif is_a(backend, "SimpleCache"):
        locks = ThreadLocks(keeping.lock_timeout)

        if is_production(app):
            warn(
                "SimpleCache keeps the carts of each worker process apart, and forgets"
                " some after CACHE_THRESHOLD entries. Use Redis, or the database.",
                "process-local-cache",
            )
    elif keeping.always_lock:
        raise CartConfigError(
            f"{type(backend).__name__} has no lock that"
            f" CART_{place.upper()}_LOCKING could use. Redis, Memcached and"
            " FileSystemCache have.",
            "cache-cannot-lock",
        )
    elif is_production(app):
        warn(
            f"{type(backend).__name__} cannot compare and set: of two changes at once,"
            " one is lost. Use Redis, Memcached or FileSystemCache.",
            "last-write-wins",
        )

    records = CacheRecords(with_text(backend), prefix, keeping.ttl, locks, has)

    return RecordStorage(records, keeping)


def is_a(backend: t.Any, *names: str) -> bool:
    """Whether something is of a class of one of these names, in whatever library."""
    return any(kind.__name__ in names for kind in type(backend).__mro__)


def _check_redis_client(client: t.Any) -> None:
    """Refuse a client that may show carts as they were, and warn of one that waits.

    :raises CartConfigError: If it reads from replicas.
    """
    if getattr(client, "read_from_replicas", False) or getattr(
        client, "load_balancing_strategy", None
    ):
        raise CartConfigError(
            "The client of the Redis cluster reads from replicas, which may not have"
            " the last change of a cart yet. Do without read_from_replicas and"
            " load_balancing_strategy.",
            "replica-reads",
        )

    options = connection_options(client)

    if options.get("decode_responses"):
        raise CartConfigError(
            "The Redis client answers with text, and carts need bytes. Do without"
            " decode_responses.",
            "redis-text-answers",
        )

    pool = getattr(client, "connection_pool", None)
    # What it is if nobody has said so differs between the versions of redis-py.
    socket_timeout = (
        pool.connection_class(**options).socket_timeout
        if pool is not None
        else options.get("socket_timeout", 1)
    )

    if socket_timeout is None:
        warn(
            "The Redis client has no socket_timeout, so a server that does not answer"
            " would keep requests waiting for ever. Set one, such as 2 seconds.",
            "no-socket-timeout",
        )


def _has(backend: t.Any, name: str) -> bool:
    return bool(backend.has(name))
