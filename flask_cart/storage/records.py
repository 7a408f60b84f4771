"""Carts in stores that know only keys and values: all those of an owner in one."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import typing as t
from contextlib import AbstractContextManager

import msgspec

from ..errors import CartBusyError
from ..errors import CartCorruptError
from .base import CartKey
from .base import Guarantee
from .base import Stored
from .base import first_version

#: How often a save is tried again because other carts of the same owner were saved.
_ATTEMPTS: t.Final = 50


class Found(t.NamedTuple):
    """A value, and what a store needs to replace just this one."""

    text: str
    ticket: t.Any


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

    #: Tells a save whose answer was lost from a rival's.
    write_id: str


_Carts = dict[str, _Cart]
_decoder = msgspec.json.Decoder(_Carts)


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
    """

    def __init__(self, records: Records, *, always_lock: bool) -> None:
        self.guarantee = records.guarantee
        self.always_lock = always_lock
        self._records = records

    def load(self, key: CartKey) -> Stored | None:
        _, carts = self._read(key.owner)
        cart = carts.get(key.instance)

        return Stored(cart.data, cart.version) if cart is not None else None

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        version = expected + 1 if expected else first_version()
        cart = _Cart(version, data, secrets.token_hex(8))

        return version if self._replace(key, expected, cart) else None

    def delete(self, key: CartKey, expected: int) -> bool:
        return bool(expected) and self._replace(key, expected, None)

    def lock(self, key: CartKey) -> AbstractContextManager[None]:
        return self._records.lock(_name(key.owner))

    def instances(self, owner: str) -> list[str]:
        return sorted(self._read(owner)[1])

    def purge(self, before: dt.datetime, *, limit: int) -> t.Iterator[CartKey]:
        return iter(())

    def transaction(self) -> None:
        return None

    def _replace(self, key: CartKey, expected: int, cart: _Cart | None) -> bool:
        for _ in range(_ATTEMPTS):
            found, carts = self._read(key.owner)
            stored = carts.pop(key.instance, None)

            # The try before this one was a success whose answer was lost.
            if cart is not None and stored == cart:
                return True

            if (stored.version if stored is not None else 0) != expected:
                return False

            if cart is not None:
                carts[key.instance] = cart

            text = msgspec.json.encode(carts).decode()

            # Without any carts, too: the stores cannot compare and delete in one step.
            if self._records.replace(_name(key.owner), found, text):
                return True

        raise CartBusyError(f"The other carts of {key.owner} do not stop changing.")

    def _read(self, owner: str) -> tuple[Found | None, _Carts]:
        found = self._records.read(_name(owner))

        if found is None:
            return None, {}

        try:
            return found, _decoder.decode(found.text)
        except msgspec.MsgspecError as error:
            raise CartCorruptError(
                f"What is stored are not the carts of {owner}: {error}", found.text
            ) from error


def _name(owner: str) -> str:
    # Memcached takes no long keys and no spaces, others compare without case.
    return hashlib.sha256(owner.encode()).hexdigest()
