"""Clearing: no cache of the app may delete carts in Redis when it is cleared."""

from __future__ import annotations

import typing as t

from flask import Flask

from ...model.errors import CartConfigError
from ...storage.keyvalue.redis import connection_options
from .keyvalue import is_a
from .startup import at_first_request


def check_clearing(app: Flask, client: t.Any, keys: str) -> None:
    """Refuse a cache whose ``clear()`` would delete carts, now and when all are there.

    :param client: The one of the carts.
    :param keys: What their keys begin with.
    :raises CartConfigError: If there is such a cache.
    """

    def check(is_same: t.Callable[[t.Any, t.Any], bool | None]) -> bool:
        """Whether all is known."""
        known = True

        for backend in app.extensions.get("cache", {}).values():
            error = _danger_of(backend, keys) if is_redis(backend) else None

            if error is None:
                continue

            match is_same(client, backend._write_client):
                case True:
                    raise error
                case None:
                    known = False

        return known

    check(_is_same_place)
    # Others may be set up later, and the same server has many names.
    at_first_request(app, lambda: check(_is_same_server))


def is_redis(backend: t.Any) -> bool:
    """Whether a cache is in Redis or Valkey, whatever library talks to it."""
    return is_a(backend, "BaseRedisCache")


def _danger_of(backend: t.Any, keys: str) -> CartConfigError | None:
    """What is wrong if a cache is where the carts are."""
    prefix = backend.key_prefix

    # A function may say something else every time.
    if prefix is not None and not isinstance(prefix, str):
        return None

    if not prefix:
        return CartConfigError(
            "CACHE_KEY_PREFIX is empty, so clear() of the cache would delete everything"
            " in that Redis database, also the carts. Set one.",
            "empty-cache-prefix",
        )

    if set("*?[]^\\{}") & set(prefix):
        return CartConfigError(
            f"CACHE_KEY_PREFIX is {prefix!r}. clear() of the cache would take it for a"
            " pattern, and a cluster braces for the place of a key. Use letters, digits"
            " and '_:.-'.",
            "special-cache-prefix",
        )

    if keys.startswith(prefix):
        return CartConfigError(
            f"clear() of the cache deletes what begins with CACHE_KEY_PREFIX,"
            f" {prefix!r}, and so do the carts' keys. Change it or CART_CACHE_PREFIX.",
            "shared-cache-prefix",
        )

    return None


def _is_same_place(one: t.Any, other: t.Any) -> bool:
    """Whether two clients look for the same database, as far as they know."""
    return _place(one) == _place(other)


def _place(client: t.Any) -> tuple[t.Any, ...]:
    options = connection_options(client)

    return tuple(options.get(name) for name in ("host", "port", "path", "db"))


def _is_same_server(one: t.Any, other: t.Any) -> bool | None:
    """Whether two clients find the same database; ``None`` if it does not answer."""
    if _is_same_place(one, other):
        return True

    databases = [connection_options(each).get("db") or 0 for each in (one, other)]

    if databases[0] != databases[1]:
        return False

    try:
        return not _servers(one).isdisjoint(_servers(other))
    except Exception:
        # It is down, or does not tell; each library has errors of its own.
        return None


def _servers(client: t.Any) -> set[t.Any]:
    """What tells a server, or those of a cluster, from all others."""
    if hasattr(client, "get_primaries"):
        return {client.cluster_myid(node) for node in client.get_primaries()}

    return {client.info("server")["run_id"]}
