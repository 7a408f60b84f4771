"""Carts in Memcached."""

from __future__ import annotations

import time
import typing as t
from contextlib import AbstractContextManager
from contextlib import contextmanager

from ...model.errors import CartStorageError
from ...model.errors import CartTooLargeError
from ..base import Guarantee
from .records import Found
from .records import found_bytes

#: A server's usual limit is a mebibyte, for the value and what it notes about it.
_MAX_BYTES: t.Final = 2**20 - 1024

#: Longer than that, a server takes a number of seconds for a point in time.
_MAX_RELATIVE_TTL: t.Final = 30 * 24 * 60 * 60


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

    :param clients: Gives a client for one thread, as a context manager.
    :param dialect: How to talk to it.
    :param prefix: What all keys begin with.
    :param ttl: Seconds that a text is kept.
    """

    guarantee = Guarantee.ATOMIC

    def __init__(
        self,
        clients: t.Callable[[], AbstractContextManager[t.Any]],
        dialect: Dialect,
        prefix: str,
        ttl: float,
    ) -> None:
        self._clients = clients
        self._dialect = dialect
        self._prefix = prefix
        self._ttl = round(ttl)

    def read(self, key: str) -> Found | None:
        with self._client() as client:
            found = self._dialect.get(client, self._prefix + key)

        return found_bytes(*found) if found is not None else None

    def replace(self, key: str, found: Found | None, text: str) -> bool:
        value = text.encode()

        if len(value) > _MAX_BYTES:
            raise CartTooLargeError(
                f"The owner's carts would take {len(value)} bytes together, and"
                f" Memcached at most {_MAX_BYTES}.",
                limit=_MAX_BYTES,
                given=len(value),
            )

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
