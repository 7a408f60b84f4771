"""Carts in stores that know only keys and values: all those of an owner in one."""

from __future__ import annotations

import hashlib
import random
import time
import typing as t
from contextlib import AbstractContextManager
from contextlib import suppress

import msgspec

from ...model.errors import CartBusyError
from ...model.errors import CartCorruptError
from ...model.errors import CartStorageError
from ...model.errors import CartTooLargeError
from ...model.keys import CartKey
from ...model.keys import without_tokens
from ..base import Changes
from ..base import Guarantee
from ..base import Held
from ..base import Stored
from ..base import deletes_nothing
from .keeping import Keeping
from .leases import Lease
from .leases import Leases
from .leases import LockedError
from .write_ids import REMEMBERED
from .write_ids import new_write_id

#: How often a save is tried again because other carts of the same owner were saved.
_ATTEMPTS: t.Final = 50

#: The greatest lease of a lock that there can be, in seconds.
MAX_LEASE: t.Final = 3600

#: The longest pause before a lock is looked at again, in seconds.
_NAP: t.Final = 0.01


class Found(t.NamedTuple):
    """A value, and what a store needs to replace just this one."""

    text: str
    ticket: t.Any


def found_bytes(data: t.Any, ticket: t.Any) -> Found:
    """What was found, as text.

    :raises CartCorruptError: If it is none.
    """
    try:
        return Found(bytes(memoryview(data)).decode(), ticket)
    except (TypeError, UnicodeDecodeError) as error:
        raise CartCorruptError(
            f"What is stored is not text: {error}", repr(data)
        ) from error


def check_room(data: bytes, limit: int, place: str) -> None:
    """Refuse a text that its place would not take, or cut off.

    :raises CartTooLargeError: If it is too large.
    """
    if len(data) > limit:
        raise CartTooLargeError(
            f"The owner's carts would take {len(data)} bytes together, and {place} at"
            f" most {limit}.",
            limit=limit,
            given=len(data),
        )


class Records(t.Protocol):
    """A store of texts under keys."""

    #: How it keeps two writers from undoing each other.
    guarantee: Guarantee

    def read(self, key: str) -> Found | None:
        """What is stored under the key."""

    def replace(self, key: str, found: Found | None, text: str) -> bool:
        """Store a text, if what is stored is still what was found."""


class _Cart(msgspec.Struct, array_like=True, frozen=True):
    version: int
    data: str

    #: Of the last saves; they tell one whose answer was lost from a rival's.
    write_ids: tuple[str, ...]


class _Lock(msgspec.Struct, array_like=True, frozen=True):
    token: str

    #: When somebody else may take it, in seconds.
    until: float


class _Record(msgspec.Struct, omit_defaults=True):
    #: When the store was last told to keep the record, in seconds.
    renewed_at: int
    carts: dict[str, _Cart]
    lock: _Lock | None = None

    def is_locked_for(self, token: str) -> bool:
        """Whether somebody else is the only one who may write."""
        lock = self.lock

        # Whose clock is far ahead does not lock it for longer than anybody may.
        return (
            lock is not None
            and lock.token != token
            and 0 < lock.until - time.time() <= MAX_LEASE
        )

    def is_locked_by(self, token: str) -> bool:
        """Whether the lock is that of a lease which has not run out."""
        lock = self.lock

        return lock is not None and lock.token == token and lock.until > time.time()


_NOTHING: t.Final = _Cart(0, "", ())
_decoder = msgspec.json.Decoder(_Record)


class RecordStorage:
    """Keeps carts in a store of texts.

    * Concurrency: the store's ``guarantee``.
    * Durability, size: the store's.
    * Lifetime: the owner's carts expire together, some time after the last save.

    These stores cannot list what they have, and forget by themselves what has expired.

    The lock is a part of the text: it is compared and set like all of it. It is fenced:
    a holder whose lease has run out cannot save any more.

    :param records: The store.
    :param keeping: How it is to keep them.
    """

    def __init__(self, records: Records, keeping: Keeping) -> None:
        self.guarantee = records.guarantee
        self.always_lock = keeping.always_lock
        self._records = records
        self._keeping = keeping
        self._leases = Leases(keeping.lock_timeout, _pause, self._release)

    def load(self, key: CartKey) -> Stored | None:
        lease = self._leases.on(key.owner)
        record = (
            self._leases.take(lease, self._acquire)
            if lease is not None
            else self._renewed(key.owner)
        )
        cart = record.carts.get(key.instance)

        return Stored(cart.data, cart.version) if cart is not None else None

    def save(self, owner: str, changes: Changes) -> bool:
        if deletes_nothing(changes):
            return False

        lease = self._leases.on(owner)

        if lease is not None and not lease.is_held:
            self._leases.take(lease, self._acquire)

        saved = self._compare_and_set(owner, changes, lease)

        if lease is not None:
            lease.is_held = lease.is_expired = not saved

        return saved

    def lock(self, owner: str) -> AbstractContextManager[Held]:
        return self._leases.lock(owner)

    def instances(self, owner: str) -> list[str]:
        return sorted(self._read(owner)[1].carts)

    def transaction(self) -> None:
        return None

    def _compare_and_set(
        self, owner: str, changes: Changes, lease: Lease | None
    ) -> bool:
        """Store and delete carts, and give back the lock if there is a lease on it."""
        write_id = new_write_id()

        for _ in range(_ATTEMPTS):
            found, record = self._read(owner)
            stored = {name: record.carts.pop(name, _NOTHING) for name in changes}

            # The try before this one was a success whose answer was lost.
            if any(write_id in cart.write_ids for cart in stored.values()):
                return True

            if any(stored[name].version != changes[name].expected for name in changes):
                return False

            if lease is None and record.is_locked_for(""):
                raise CartBusyError(
                    f"The carts of {without_tokens(owner)} are locked by others."
                )

            if lease is not None and not record.is_locked_by(lease.token):
                return False

            record.lock = None

            for name, (_, text, version) in changes.items():
                if text is not None:
                    ids = (write_id, *stored[name].write_ids)[:REMEMBERED]
                    record.carts[name] = _Cart(version, text, ids)

            # Without any carts, too: the stores cannot compare and delete in one step.
            if self._write(owner, found, record):
                return True

        raise CartBusyError(
            f"The carts of {without_tokens(owner)} do not stop changing."
        )

    def _acquire(self, lease: Lease) -> _Record:
        """Take the lock and read, if nobody else holds it."""
        found, record = self._read(lease.owner)

        if record.is_locked_for(lease.token):
            raise LockedError(random.uniform(_NAP / 2, _NAP))

        record.lock = _Lock(lease.token, time.time() + self._keeping.lock_lease)
        lease.is_held = True

        if not self._write(lease.owner, found, record):
            raise LockedError(0)

        return record

    def _release(self, lease: Lease) -> None:
        for _ in range(_ATTEMPTS):
            found, record = self._read(lease.owner)

            if record.lock is None or record.lock.token != lease.token:
                return

            record.lock = None

            if self._write(lease.owner, found, record):
                return

    def _renewed(self, owner: str) -> _Record:
        """Read, and let the store keep what was not written for long."""
        found, record = self._read(owner)
        renew_after = self._keeping.renew_after
        age = time.time() - record.renewed_at

        if found is not None and renew_after and age > renew_after:
            # If it loses, somebody else has just renewed them, and if it fails, a
            # later read does.
            with suppress(CartStorageError):
                self._write(owner, found, record)

        return record

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
                f"What is stored are not the carts of {without_tokens(owner)}: {error}",
                found.text,
            ) from error


def _pause(owner: str, seconds: float) -> None:
    time.sleep(seconds)


def _name(owner: str) -> str:
    # Memcached takes no long keys and no spaces, others compare without case.
    return hashlib.sha256(owner.encode()).hexdigest()
