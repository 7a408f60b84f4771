"""Caching: the storage for a cache of Flask-Caching."""

from __future__ import annotations

import datetime as dt
import typing as t

from flask import Flask

from ...model.errors import CartConfigError
from ...storage.base import Storage
from ...storage.keyvalue.keeping import Keeping
from ..settings import Settings
from .clearing import check_clearing
from .clearing import is_redis
from .keyvalue import is_a
from .keyvalue import make_cachelib_storage
from .keyvalue import make_memcached_storage
from .keyvalue import make_redis_storage
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

    keeping = Keeping(
        ttl=settings.cache_ttl,
        renew_after=None,
        always_lock=settings.cache_locking,
        lock_timeout=settings.lock_timeout,
        lock_lease=settings.lock_lease,
    )
    prefix = f"{settings.cache_prefix}:"

    if is_redis(backend):
        check_clearing(app, backend._write_client, f"{prefix}{backend.key_prefix}")

        # The cache's prefix comes second: those of the cache's own entries begin with
        # it, and clear() deletes them.
        return make_redis_storage(
            backend._write_client,
            lambda: f"{prefix}{backend._get_prefix()}",
            keeping,
        )

    if is_a(backend, "MemcachedCache"):
        # The cache has a single one for all threads, and who reads all the time may
        # keep the rest from ever getting it.
        with backend._client_context() as client:
            return make_memcached_storage(
                client, f"{prefix}{backend.key_prefix or ''}", keeping
            )

    return make_cachelib_storage(app, backend, prefix, keeping, "cache")


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
