"""Carts in stores that know only keys and values: all those of an owner in one."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import time
import typing as t
from contextlib import AbstractContextManager
from contextlib import suppress

import msgspec

from ..errors import CartBusyError
from ..errors import CartCorruptError
from ..errors import CartStorageError
from .base import CartKey
from .base import Guarantee
from .base import Stored
from .base import first_version

#: How often a save is tried again because other carts of the same owner were saved.
_ATTEMPTS: t.Final = 50

_REMEMBERED_WRITES: t.Final = 16


class Found(t.NamedTuple):
    """A value, and what a store needs to replace just this one."""

    text: str
    ticket: t.Any


def found_bytes(data: t.Any, ticket: t.Any) -> Found | None:
    """What was found, if it is text.

    :raises CartCorruptError: If it is not.
    """
    if data is None:
        return None

    try:
        return Found(bytes(memoryview(data)).decode(), ticket)
    except (TypeError, UnicodeDecodeError) as error:
        raise CartCorruptError(
            f"What is stored is not text: {error}", repr(data)
        ) from error


class Records(t.Protocol):
    """A store of texts under keys."""

    #: How it keeps two writers from undoing each other.
    guarantee: Guarantee

    def read(self, key: str) -> Found | None:
        """What is stored under the key."""

    def replace(self, key: str, found: Found | None, text: str) -> bool:
        """Store a text, if what is stored is still what was found."""

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Keep out all others who lock the same key."""


class _Cart(msgspec.Struct, array_like=True, frozen=True):
    version: int
    data: str

    #: Of the last saves; they tell one whose answer was lost from a rival's.
    write_ids: tuple[str, ...]


class _Record(msgspec.Struct):
    #: When the store was last told to keep the record, in seconds.
    renewed_at: int
    carts: dict[str, _Cart]


_NOTHING: t.Final = _Cart(0, "", ())
_decoder = msgspec.json.Decoder(_Record)


class RecordStorage:
    """Keeps carts in a store of texts.

    * Concurrency: the store's ``guarantee``.
    * Durability, size: the store's.
    * Lifetime: the owner's carts expire together, some time after the last save.

    These stores cannot list what they have, so :meth:`purge` leaves it to them to
    forget what has expired.

    :param records: The store.
    :param always_lock: Lock from before the read instead of only after several lost
        saves.
    :param renew_after: Seconds after which a read makes the store keep the carts for
        their whole lifetime again.
    """

    def __init__(
        self,
        records: Records,
        *,
        always_lock: bool,
        renew_after: float | None = None,
    ) -> None:
        self.guarantee = records.guarantee
        self.always_lock = always_lock
        self._records = records
        self._renew_after = renew_after

    def load(self, key: CartKey) -> Stored | None:
        found, record = self._read(key.owner)
        cart = record.carts.get(key.instance)

        if cart is None:
            return None

        age = time.time() - record.renewed_at

        if self._renew_after is not None and age > self._renew_after:
            # If it loses, somebody else has just renewed them, and if it fails, a
            # later read does.
            with suppress(CartStorageError):
                self._write(key.owner, found, record)

        return Stored(cart.data, cart.version)

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        version = expected + 1 if expected else first_version()

        return version if self._replace(key, expected, version, data) else None

    def delete(self, key: CartKey, expected: int) -> bool:
        return bool(expected) and self._replace(key, expected, 0, "")

    def lock(self, key: CartKey) -> AbstractContextManager[None]:
        return self._records.lock(_name(key.owner))

    def instances(self, owner: str) -> list[str]:
        return sorted(self._read(owner)[1].carts)

    def purge(self, before: dt.datetime, *, limit: int) -> t.Iterator[CartKey]:
        return iter(())

    def transaction(self) -> None:
        return None

    def _replace(self, key: CartKey, expected: int, version: int, data: str) -> bool:
        """Store a cart, or delete it if the new version is 0."""
        write_id = secrets.token_hex(8)

        for _ in range(_ATTEMPTS):
            found, record = self._read(key.owner)
            stored = record.carts.pop(key.instance, _NOTHING)

            # The try before this one was a success whose answer was lost.
            if write_id in stored.write_ids:
                return True

            if stored.version != expected:
                return False

            if version:
                write_ids = (write_id, *stored.write_ids)[:_REMEMBERED_WRITES]
                record.carts[key.instance] = _Cart(version, data, write_ids)

            # Without any carts, too: the stores cannot compare and delete in one step.
            if self._write(key.owner, found, record):
                return True

        raise CartBusyError(f"The other carts of {key.owner} do not stop changing.")

    def _write(self, owner: str, found: Found | None, record: _Record) -> bool:
        record.renewed_at = int(time.time())
        text = msgspec.json.encode(record).decode()

        return self._records.replace(_name(owner), found, text)

    def _read(self, owner: str) -> tuple[Found | None, _Record]:
        found = self._records.read(_name(owner))

        if found is None:
            return None, _Record(0, {})

        try:
            return found, _decoder.decode(found.text)
        except msgspec.MsgspecError as error:
            raise CartCorruptError(
                f"What is stored are not the carts of {owner}: {error}", found.text
            ) from error


def _name(owner: str) -> str:
    # Memcached takes no long keys and no spaces, others compare without case.
    return hashlib.sha256(owner.encode()).hexdigest()
