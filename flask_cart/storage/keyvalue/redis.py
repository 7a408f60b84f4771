"""Carts in Redis or Valkey: one server, behind Sentinel, or a cluster."""

from __future__ import annotations

import datetime as dt
import importlib
import re
import time
import typing as t
from contextlib import AbstractContextManager
from contextlib import suppress

from ...model.errors import CartBusyError
from ...model.errors import CartConfigError
from ...model.errors import CartCorruptError
from ...model.errors import CartStorageError
from ...model.keys import CartKey
from ...model.keys import without_tokens
from ..base import Annotation
from ..base import Changes
from ..base import Guarantee
from ..base import Held
from ..base import Kept
from ..base import Stored
from ..base import deletes_nothing
from ..base import is_sought
from . import redis_scripts
from .keeping import Keeping
from .keeping import name_of
from .keeping import packages_of
from .leases import Lease
from .leases import Leases
from .leases import LockedError
from .redis_scanning import find_records
from .write_ids import new_write_id

_record = re.compile(rb"(\d+) [\w,-]+ (\d+)\n(.*)", re.DOTALL)

#: Seconds after which a waiter looks at a lock again, should nobody wake it.
_LONGEST_NAP: t.Final = 1.0
_SHORTEST_NAP: t.Final = 0.01


class RedisStorage:
    """Keeps carts in Redis or Valkey, those of one owner in one hash.

    * Concurrency: every save compares the versions that were read with the stored
      ones, in one script; safe for threads, processes and servers.
    * Durability: what the server is configured to, and it may evict carts.
    * Size: 512 MiB a cart.
    * Lifetime: the owner's carts expire together, some time after the last save.

    The lock is fenced: a holder whose lease has run out cannot save any more. Taking it
    is part of the read, and giving it back part of the save, so it costs no round trip.

    :param client: A client of redis-py or valkey-py that talks to the master, with
        bytes as answers.
    :param make_prefix: Returns what the names of all keys begin with.
    :param keeping: How it is to keep them. Any read renews, if one does.
    """

    guarantee = Guarantee.ATOMIC

    def __init__(
        self, client: t.Any, make_prefix: t.Callable[[], str], keeping: Keeping
    ) -> None:
        self.always_lock = keeping.always_lock
        self._client = client
        self._make_prefix = make_prefix
        self._ttl = _milliseconds(keeping.ttl)
        self._renews = keeping.renew_after is not None
        self._lock_lease = _milliseconds(keeping.lock_lease)
        self._translated = _Translated(_errors_of(client))
        self._longest_nap = _longest_nap(client)
        self._compare_and_set = client.register_script(redis_scripts.COMPARE_AND_SET)
        self._read_and_renew = client.register_script(redis_scripts.READ_AND_RENEW)
        self._acquire_and_read = client.register_script(redis_scripts.ACQUIRE_AND_READ)
        self._release_lock = client.register_script(redis_scripts.RELEASE)
        self._leases = Leases(keeping.lock_timeout, self._pause, self._release)

    def load(self, key: CartKey) -> Stored | None:
        lease = self._leases.on(key.owner)

        with self._translated:
            if lease is None:
                record = self._read(key)
            else:
                record = self._acquire(lease, key.instance)

        if record is None:
            return None

        found = _record.fullmatch(record)

        with suppress(UnicodeDecodeError):
            if found is not None:
                return Stored(found[3].decode(), int(found[1]))

        shown = without_tokens(str(key))

        raise CartCorruptError(f"What Redis has of {shown} is not a cart.", record)

    def save(self, owner: str, changes: Changes) -> bool:
        if deletes_nothing(changes):
            return False

        lease = self._leases.on(owner)

        with self._translated:
            if lease is not None and not lease.is_held:
                self._acquire(lease, next(iter(changes)))

            saved = self._replace(owner, changes, lease)

        if saved < 0:
            raise CartBusyError(
                f"The carts of {without_tokens(owner)} are locked by others."
            )

        if lease is not None:
            lease.is_held = lease.is_expired = not saved
            lease.is_spent = bool(saved)

        return bool(saved)

    def lock(self, owner: str) -> AbstractContextManager[Held]:
        return self._leases.lock(owner)

    def instances(self, owner: str) -> list[str]:
        with self._translated:
            names = self._client.hkeys(self._carts(owner))

        return sorted(name.decode() for name in names)

    def scan(self, before: dt.datetime | None = None) -> t.Iterator[Kept]:
        prefix = self._carts("").removesuffix("}")
        since = _microseconds(before) if before is not None else None

        with self._translated:
            found = find_records(self._client, prefix, since)
            carts = (_kept(prefix, *each) for each in found)
            yield from (each for each in carts if is_sought(each, before))

    def transaction(self) -> None:
        return None

    def _read(self, key: CartKey) -> bytes | None:
        carts = self._carts(key.owner)

        if self._renews:
            record = self._read_and_renew(keys=[carts], args=[key.instance, self._ttl])
        else:
            record = self._client.hget(carts, key.instance)

        return t.cast("bytes | None", record)

    def _replace(self, owner: str, changes: Changes, lease: Lease | None) -> int:
        """1 if the carts were stored and deleted, 0 if somebody was faster, -1 if
        others hold the lock."""
        now = time.time_ns() // 1000
        args: list[t.Any] = [
            new_write_id(),
            self._ttl,
            lease.token if lease is not None else "",
            self._lock_lease,
        ]

        for name, change in changes.items():
            expected, text, version = change
            saved_at = "" if isinstance(change, Annotation) else now
            args += [name, expected, version, saved_at, text or ""]

        keys = [self._carts(owner), self._lock(owner), self._wake(owner)]

        return int(self._compare_and_set(keys=keys, args=args))

    def _acquire(self, lease: Lease, instance: str) -> bytes | None:
        """Take the lock and read a cart, as soon as nobody else holds it."""
        owner = lease.owner

        def attempt(lease: Lease) -> bytes | None:
            lease.is_held = True
            acquired, found = self._acquire_and_read(
                keys=[self._carts(owner), self._lock(owner)],
                args=[instance, lease.token, self._lock_lease, int(lease.waited > 0)],
            )

            if acquired:
                return t.cast("bytes | None", found)

            raise LockedError(max(_SHORTEST_NAP, found / 1000))

        return self._leases.take(lease, attempt)

    def _pause(self, owner: str, seconds: float) -> None:
        """Wait until somebody gives the lock back."""
        # Never 0, which is for ever.
        nap = max(_SHORTEST_NAP, min(seconds, self._longest_nap))
        self._client.blpop([self._wake(owner)], timeout=nap)

    def _release(self, lease: Lease) -> None:
        with self._translated:
            self._release_lock(
                keys=[self._lock(lease.owner), self._wake(lease.owner)],
                args=[lease.token, self._lock_lease],
            )

    # The braces make a cluster keep all of an owner's keys on one server. A key of
    # carts ends with a brace and the others do not, so they are never the same.

    def _carts(self, owner: str) -> str:
        return f"{self._make_prefix()}{{{owner}}}"

    def _lock(self, owner: str) -> str:
        return f"{self._carts(owner)}/lock"

    def _wake(self, owner: str) -> str:
        return f"{self._carts(owner)}/wake"


class _Translated:
    """Turns errors of a client into those of a storage, any number of times over.

    :param errors: What the client raises.
    """

    def __init__(self, errors: tuple[type[Exception], ...]) -> None:
        self._errors = errors

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, self._errors):
            raise CartStorageError(f"Redis could not be used: {error}") from error


def _kept(prefix: str, name: bytes, instance: bytes, record: bytes) -> Kept:
    owner = name.decode(errors="replace")[len(prefix) : -1]
    key = CartKey(owner, instance.decode(errors="replace"))
    found = _record.fullmatch(record)

    if found is None:
        return Kept(key, Stored(record, 0), None)

    saved_at = dt.datetime.fromtimestamp(int(found[2]) / 1_000_000, dt.UTC)

    return Kept(key, Stored(found[3], int(found[1])), saved_at)


def _microseconds(moment: dt.datetime) -> int:
    # Not timestamp(), a float that is rounded.
    return (moment - dt.datetime.fromtimestamp(0, dt.UTC)) // dt.timedelta(
        microseconds=1
    )


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _errors_of(client: t.Any) -> tuple[type[Exception], ...]:
    """What a client raises; redis-py and valkey-py have classes of their own."""
    packages = packages_of(client) & {"redis", "valkey"}

    if not packages:
        raise CartConfigError(
            "Carts in Redis need a client of redis-py or valkey-py, not"
            f" {name_of(client)}."
        )

    (package,) = packages
    errors = importlib.import_module(f"{package}.exceptions")
    name = package.capitalize()

    # The cluster's own errors are not among the others.
    return getattr(errors, f"{name}Error"), getattr(errors, f"{name}ClusterException")


def connection_options(client: t.Any) -> dict[str, t.Any]:
    """What a client connects with, of one server or of a cluster."""
    pool = getattr(client, "connection_pool", None)

    return t.cast(
        "dict[str, t.Any]",
        pool.connection_kwargs if pool is not None else client.get_connection_kwargs(),
    )


def _longest_nap(client: t.Any) -> float:
    """How long a client may wait for an answer without taking the server for dead."""
    options = connection_options(client)
    socket_timeout = options.get("socket_timeout") or 2 * _LONGEST_NAP

    return float(min(_LONGEST_NAP, socket_timeout / 2))
