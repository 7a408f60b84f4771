"""Caching: the storage for a cache of Flask-Caching."""

from __future__ import annotations

import datetime as dt
import typing as t
from pathlib import Path

from flask import Flask

from ...model.errors import CartConfigError
from ...storage.base import Storage
from ...storage.keyvalue.records import RecordStorage
from ...storage.keyvalue.redis import connection_options
from ..settings import Settings
from .startup import is_production
from .startup import require
from .startup import warn

if t.TYPE_CHECKING:
    from flask_caching import Cache


def make_cache_storage(app: Flask, settings: Settings, cache: Cache | None) -> Storage:
    """The storage for the app's cache.

    :param cache: The cache; left out, the only one of the app.
    :raises CartConfigError: If there is none, or it cannot keep carts.
    """
    require("flask_caching", "CART_STORAGE = 'cache'", "cache")
    backend = _backend_of(app, cache)
    _warn_of_short_ttl(app, settings)

    if is_redis(backend):
        return _make_redis_storage(app, settings, backend)

    if _is(backend, "MemcachedCache"):
        return _make_memcached_storage(settings, backend)

    return make_cachelib_storage(
        app,
        backend,
        prefix=f"{settings.cache_prefix}:",
        ttl=settings.cache_ttl,
        locking="CART_CACHE_LOCKING" if settings.cache_locking else None,
        extra="cache",
        settings=settings,
    )


def make_cachelib_storage(
    app: Flask,
    backend: t.Any,
    *,
    prefix: str,
    ttl: float,
    locking: str | None,
    extra: str,
    settings: Settings,
    renew_after: float | None = None,
) -> Storage:
    """The storage for a cache that cannot compare and set.

    :param locking: The setting that wants the lock from before the read on, if one
        does.
    :param extra: The extra of this package that brings what it needs.
    :raises CartConfigError: If it cannot keep carts.
    """
    from ...storage.keyvalue.cachelib import CacheRecords
    from ...storage.keyvalue.cachelib import Locks
    from ...storage.keyvalue.cachelib import NoLocks
    from ...storage.keyvalue.cachelib import ThreadLocks
    from ...storage.keyvalue.cachelib import is_file_of

    locks: Locks = NoLocks()
    has: t.Callable[[t.Any, str], bool] = _has

    if _is(backend, "NullCache"):
        raise CartConfigError(
            "NullCache keeps nothing, so every cart would be empty. Use another cache,"
            " or CART_STORAGE = 'memory' for tests.",
            "null-cache",
        )

    if _is(backend, "FileSystemCache"):
        require("filelock", "A cache of files", extra)

        from ...storage.keyvalue.file_locks import FileLocks

        has = is_file_of
        folder = Path(backend._path).absolute()
        locks = FileLocks(
            folder.with_name(f"{folder.name}.locks"), settings.lock_timeout
        )
        _warn_of_threshold(app, backend)
    elif _is(backend, "SimpleCache"):
        locks = ThreadLocks(settings.lock_timeout)

        if is_production(app):
            warn(
                "SimpleCache keeps the carts of each worker process apart, and forgets"
                " some after CACHE_THRESHOLD entries. Use Redis, or the database.",
                "process-local-cache",
            )
    elif locking:
        raise CartConfigError(
            f"{type(backend).__name__} has no lock that {locking} could use."
            " Redis, Memcached and FileSystemCache have.",
            "cache-cannot-lock",
        )
    elif is_production(app):
        warn(
            f"{type(backend).__name__} cannot compare and set: of two changes at once,"
            " one is lost. Use Redis, Memcached or FileSystemCache.",
            "last-write-wins",
        )

    return RecordStorage(
        CacheRecords(backend, prefix, ttl, locks, has),
        always_lock=locking is not None,
        lock_timeout=settings.lock_timeout,
        lock_lease=settings.lock_lease,
        renew_after=renew_after,
    )


def is_redis(backend: t.Any) -> bool:
    """Whether a cache is in Redis or Valkey, whatever library talks to it."""
    return _is(backend, "BaseRedisCache")


def _backend_of(app: Flask, cache: Cache | None) -> t.Any:
    backends = app.extensions.get("cache", {})

    if cache is not None:
        if cache not in backends:
            raise CartConfigError(
                "The cache does not know the app yet. Call its init_app() before.",
                "no-cache",
            )

        return backends[cache]

    if not backends:
        raise CartConfigError(
            "CART_STORAGE = 'cache' needs the app's Cache(). Call its init_app()"
            " before, or give it: FlaskCart(app, cache=cache).",
            "no-cache",
        )

    if len(backends) > 1:
        raise CartConfigError(
            "The app has several caches. Give the one for carts: FlaskCart(app,"
            " cache=cache).",
            "several-caches",
        )

    (backend,) = backends.values()

    return backend


def _make_redis_storage(app: Flask, settings: Settings, backend: t.Any) -> Storage:
    from ...storage.keyvalue.redis import RedisStorage

    client = backend._write_client

    for each in app.extensions["cache"].values():
        if is_redis(each) and _place(each) == _place(backend):
            _check_prefix(f"{settings.cache_prefix}:{backend.key_prefix}", each)

    check_redis_client(client)

    return RedisStorage(
        client,
        # The cache's prefix comes second: those of the cache's own entries begin with
        # it, and clear() deletes them.
        lambda: f"{settings.cache_prefix}:{backend._get_prefix()}",
        ttl=settings.cache_ttl,
        renews=False,
        always_lock=settings.cache_locking,
        lock_timeout=settings.lock_timeout,
        lock_lease=settings.lock_lease,
    )


def _make_memcached_storage(settings: Settings, backend: t.Any) -> Storage:
    from ...storage.keyvalue.memcached import MemcachedRecords
    from ...storage.keyvalue.memcached_dialects import clients_for_threads
    from ...storage.keyvalue.memcached_dialects import dialect_of

    # Only to make others of it: the cache has a single one for all threads, and who
    # reads all the time may keep the rest from ever getting it.
    with backend._client_context() as client:
        dialect = dialect_of(client)
        clients = clients_for_threads(client)

    records = MemcachedRecords(
        clients,
        dialect,
        f"{settings.cache_prefix}:{backend.key_prefix or ''}",
        settings.cache_ttl,
    )

    return RecordStorage(
        records,
        always_lock=settings.cache_locking,
        lock_timeout=settings.lock_timeout,
        lock_lease=settings.lock_lease,
    )


def _place(backend: t.Any) -> tuple[t.Any, ...]:
    """Where a cache in Redis is, as far as its client knows."""
    pool = getattr(backend._write_client, "connection_pool", None)
    options = pool.connection_kwargs if pool is not None else {}

    return tuple(options.get(name) for name in ("host", "port", "path", "db"))


def _check_prefix(keys: str, backend: t.Any) -> None:
    """Refuse a cache whose clear() would delete the carts.

    :param keys: What the keys of the carts begin with.
    """
    prefix = backend.key_prefix

    # A function may say something else every time.
    if not isinstance(prefix, str):
        return

    if not prefix:
        raise CartConfigError(
            "CACHE_KEY_PREFIX is empty, so clear() of the cache would delete everything"
            " in that Redis database, also the carts. Set one.",
            "empty-cache-prefix",
        )

    if set("*?[]^\\{}") & set(prefix):
        raise CartConfigError(
            f"CACHE_KEY_PREFIX is {prefix!r}. clear() of the cache would take it for a"
            " pattern, and a cluster braces for the place of a key. Use letters, digits"
            " and '_:.-'.",
            "special-cache-prefix",
        )

    if keys.startswith(prefix):
        raise CartConfigError(
            f"clear() of the cache deletes what begins with CACHE_KEY_PREFIX,"
            f" {prefix!r}, and so do the carts' keys. Change it or CART_CACHE_PREFIX.",
            "shared-cache-prefix",
        )


def check_redis_client(client: t.Any) -> None:
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


def _warn_of_short_ttl(app: Flask, settings: Settings) -> None:
    lifetime = app.permanent_session_lifetime
    default = Flask.default_config["PERMANENT_SESSION_LIFETIME"]
    # Otherwise the session ends with the browser, and nobody knows when that is.
    is_permanent = lifetime != default or (
        "SESSION_TYPE" in app.config and app.config.get("SESSION_PERMANENT", True)
    )

    if is_permanent and dt.timedelta(seconds=settings.cache_ttl) < lifetime:
        warn(
            f"CART_CACHE_TTL is {settings.cache_ttl} seconds, and sessions live"
            f" {round(lifetime.total_seconds())}: who comes back in between finds the"
            " cart gone. Raise it to at least that.",
            "short-cache-ttl",
        )


def _warn_of_threshold(app: Flask, backend: t.Any) -> None:
    if backend._threshold and is_production(app):
        warn(
            f"The folder of files deletes some when it has more than"
            f" {backend._threshold}, also carts. Set the threshold to 0"
            " (CACHE_THRESHOLD, or SESSION_FILE_THRESHOLD).",
            "cache-threshold",
        )


def _has(backend: t.Any, name: str) -> bool:
    return bool(backend.has(name))


def _is(backend: t.Any, name: str) -> bool:
    return any(kind.__name__ == name for kind in type(backend).__mro__)
