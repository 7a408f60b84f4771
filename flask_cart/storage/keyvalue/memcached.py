"""Carts in Memcached, by each of the client libraries that can compare and swap."""

from __future__ import annotations

import os
import time
import typing as t
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext

from ...model.errors import CartConfigError
from ...model.errors import CartStorageError
from ..base import Guarantee
from .keeping import name_of
from .keeping import packages_of
from .records import Found
from .records import check_room
from .records import found_bytes

#: A server's usual limit is a mebibyte, for the value and what it notes about it.
_MAX_BYTES: t.Final = 2**20 - 1024

#: Longer than that, a server takes a number of seconds for a point in time.
_MAX_RELATIVE_TTL: t.Final = 30 * 24 * 60 * 60


#: Gives a client for one thread.
Clients = t.Callable[[], AbstractContextManager[t.Any]]


class Dialect(t.Protocol):
    """How a client library says what a server can do."""

    errors: tuple[type[Exception], ...]

    def get(self, client: t.Any, name: str) -> tuple[bytes, t.Any] | None:
        """The value, and what tells it from all later ones."""

    def add(self, client: t.Any, name: str, value: bytes, ttl: int) -> bool:
        """Store a value if there is none."""

    def swap(
        self, client: t.Any, name: str, value: bytes, ttl: int, ticket: t.Any
    ) -> bool:
        """Store a value if the stored one is still the one of the ticket."""


class MemcachedRecords:
    """Texts in Memcached, replaced with its compare-and-swap.

    :param client: Only used to make others of it, if threads cannot share it.
    :param prefix: What all keys begin with.
    :param ttl: Seconds that a text is kept.
    """

    guarantee = Guarantee.ATOMIC

    def __init__(self, client: t.Any, prefix: str, ttl: float) -> None:
        self._dialect = dialect_of(client)
        self._clients = clients_for_threads(client)
        self._prefix = prefix
        self._ttl = round(ttl)

    def read(self, key: str) -> Found | None:
        with self._client() as client:
            found = self._dialect.get(client, self._prefix + key)

        return found_bytes(*found) if found is not None else None

    def replace(self, key: str, found: Found | None, text: str) -> bool:
        value = text.encode()
        check_room(value, _MAX_BYTES, "Memcached")
        name = self._prefix + key
        ttl = self._ttl
        until = ttl if ttl <= _MAX_RELATIVE_TTL else int(time.time()) + ttl

        with self._client() as client:
            if found is None:
                return self._dialect.add(client, name, value, until)

            return self._dialect.swap(client, name, value, until, found.ticket)

    @contextmanager
    def _client(self) -> t.Iterator[t.Any]:
        try:
            with self._clients() as client:
                yield client
        except self._dialect.errors as error:
            raise CartStorageError(f"Memcached could not be used: {error}") from error


def dialect_of(client: t.Any) -> Dialect:
    """How to talk to a client.

    :raises CartConfigError: If its library is not known.
    """
    packages = packages_of(client)

    if {"pylibmc", "_pylibmc"} & packages:
        return Pylibmc()

    if "pymemcache" in packages:
        _check_pymemcache(client)

        return Pymemcache()

    if "memcache" in packages:
        return PythonMemcached()

    raise CartConfigError(
        f"Carts in Memcached need pylibmc, pymemcache or python-memcached, not"
        f" {name_of(client)}.",
        "memcached-client",
    )


def _check_pymemcache(client: t.Any) -> None:
    inner = getattr(client, "_client", client)
    options = getattr(inner, "default_kwargs", {})

    if getattr(inner, "ignore_exc", False) or options.get("ignore_exc"):
        raise CartConfigError(
            "With ignore_exc, pymemcache finds nothing where it cannot look, and"
            " every cart would be empty. Do without it.",
            "memcached-silent",
        )

    if not getattr(inner, "use_pooling", hasattr(inner, "client_pool")):
        raise CartConfigError(
            f"pymemcache's {type(client).__name__} breaks when two threads use it"
            " at once. Use PooledClient, or HashClient with use_pooling=True.",
            "memcached-threads",
        )


def clients_for_threads(client: t.Any) -> Clients:
    """What gives each thread a client that it may use, made from one for all."""
    if not isinstance(dialect_of(client), Pylibmc):
        return lambda: nullcontext(client)

    import pylibmc

    pools: dict[int, t.Any] = {}

    def reserve() -> AbstractContextManager[t.Any]:
        # Its clients break if two threads use one at the same time, or a forked worker
        # talks on the connection of its parent.
        pid = os.getpid()

        if pid not in pools:
            pools.setdefault(pid, pylibmc.ThreadMappedPool(client))

        return t.cast("AbstractContextManager[t.Any]", pools[pid].reserve())

    return reserve


class Pylibmc:
    def __init__(self) -> None:
        import pylibmc

        self.errors: tuple[type[Exception], ...] = (pylibmc.Error,)
        self._gone = pylibmc.NotFound

    def get(self, client: t.Any, name: str) -> tuple[bytes, t.Any] | None:
        # Without it the library does not ask for the ticket.
        client.behaviors = {"cas": True}
        # Of a str it makes bytes that it frees before they are sent, so that it may
        # ask for the key of another thread. These here live until there is an answer.
        key = name.encode()
        value, ticket = client.gets(key)

        # On a connection that has broken, the first gets() finds nothing, and only the
        # next command says why.
        if value is None and client.get(key) is not None:
            value, ticket = client.gets(key)

        return (value, ticket) if value is not None else None

    def add(self, client: t.Any, name: str, value: bytes, ttl: int) -> bool:
        key = name.encode()

        return bool(client.add(key, value, time=ttl))

    def swap(
        self, client: t.Any, name: str, value: bytes, ttl: int, ticket: t.Any
    ) -> bool:
        key = name.encode()

        try:
            return bool(client.cas(key, value, ticket, time=ttl))
        except self._gone:
            return False


class Pymemcache:
    def __init__(self) -> None:
        from pymemcache.exceptions import MemcacheError

        self.errors: tuple[type[Exception], ...] = (MemcacheError, OSError)

    def get(self, client: t.Any, name: str) -> tuple[bytes, t.Any] | None:
        found = client.gets(name)

        # What a HashClient answers for a server that has failed a moment ago.
        if found is None:
            raise CartStorageError("Memcached cannot be reached.")

        value, ticket = found

        return (value, ticket) if value is not None else None

    def add(self, client: t.Any, name: str, value: bytes, ttl: int) -> bool:
        return bool(client.add(name, value, expire=ttl, noreply=False))

    def swap(
        self, client: t.Any, name: str, value: bytes, ttl: int, ticket: t.Any
    ) -> bool:
        return bool(client.cas(name, value, ticket, expire=ttl, noreply=False))


class PythonMemcached:
    """It answers like an empty server when there is none, so we have to look."""

    errors: tuple[type[Exception], ...] = (OSError,)

    def get(self, client: t.Any, name: str) -> tuple[bytes, t.Any] | None:
        # Without it, its cas() is a plain set().
        client.cache_cas = True
        client.reset_cas()
        value = client.gets(name)

        if value is None:
            _check_alive(client)
            return None

        return value, client.cas_ids

    def add(self, client: t.Any, name: str, value: bytes, ttl: int) -> bool:
        return bool(client.add(name, value, time=ttl)) or _check_alive(client)

    def swap(
        self, client: t.Any, name: str, value: bytes, ttl: int, ticket: t.Any
    ) -> bool:
        client.cas_ids = ticket

        return bool(client.cas(name, value, time=ttl)) or _check_alive(client)


def _check_alive(client: t.Any) -> t.Literal[False]:
    """Tell a "no" from silence.

    :raises CartStorageError: If a server cannot be reached.
    """
    for server in client.servers:
        # Looking again may bring it back, which makes silence no answer.
        was_dead = server.deaduntil

        if not server.connect() or was_dead:
            raise CartStorageError(f"Memcached at {server} cannot be reached.")

    return False
