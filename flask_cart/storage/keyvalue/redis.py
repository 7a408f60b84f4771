"""Carts in Redis or Valkey: one server, behind Sentinel, or a cluster."""

from __future__ import annotations

import datetime as dt
import heapq
import importlib
import re
import secrets
import time
import typing as t
from contextlib import AbstractContextManager
from contextlib import contextmanager

from ...model.errors import CartBusyError
from ...model.errors import CartConfigError
from ...model.errors import CartCorruptError
from ...model.errors import CartLockTimeoutError
from ...model.errors import CartStorageError
from ...model.keys import CartKey
from ..base import Guarantee
from ..base import Held
from ..base import Kept
from ..base import Stored
from ..base import next_version
from . import redis_scripts
from .leases import Lease
from .leases import Leases

_record = re.compile(rb"(\d+) [\w,]+ (\d+)\n(.*)", re.DOTALL)

#: Seconds after which a waiter looks at a lock again, should nobody wake it.
_LONGEST_NAP: t.Final = 1.0
_SHORTEST_NAP: t.Final = 0.01


class RedisStorage:
    """Keeps carts in Redis or Valkey, those of one owner in one hash.

    * Concurrency: every save compares the version that was read with the stored one,
      in one script; safe for threads, processes and servers.
    * Durability: what the server is configured to, and it may evict carts.
    * Size: 512 MiB a cart.
    * Lifetime: the owner's carts expire together, some time after the last save.

    The lock is fenced: a holder whose lease has run out cannot save any more. Taking it
    is part of the read, and giving it back part of the save, so it costs no round trip.

    :param client: A client of redis-py or valkey-py that talks to the master, with
        bytes as answers.
    :param make_prefix: Returns what the names of all keys begin with.
    :param ttl: Seconds that an owner's carts are kept after a save.
    :param renews: Whether they are kept for as long after a read, too.
    :param always_lock: Lock from before the read instead of only after several lost
        saves.
    :param lock_timeout: Seconds to wait for the lock.
    :param lock_lease: Seconds after which the lock of somebody who has died is free.
    """

    guarantee = Guarantee.ATOMIC

    def __init__(
        self,
        client: t.Any,
        make_prefix: t.Callable[[], str],
        *,
        ttl: float,
        renews: bool,
        always_lock: bool,
        lock_timeout: float,
        lock_lease: float,
    ) -> None:
        self.always_lock = always_lock
        self._client = client
        self._make_prefix = make_prefix
        self._ttl = _milliseconds(ttl)
        self._renews = renews
        self._lock_timeout = lock_timeout
        self._lock_lease = _milliseconds(lock_lease)
        self._errors = _errors_of(client)
        self._longest_nap = _longest_nap(client)
        self._compare_and_set = client.register_script(redis_scripts.COMPARE_AND_SET)
        self._read_and_renew = client.register_script(redis_scripts.READ_AND_RENEW)
        self._acquire_and_read = client.register_script(redis_scripts.ACQUIRE_AND_READ)
        self._release_lock = client.register_script(redis_scripts.RELEASE)
        self._read_heads = client.register_script(redis_scripts.READ_HEADS)
        self._leases: Leases[CartKey] = Leases(self._release)

    def load(self, key: CartKey) -> Stored | None:
        lease = self._leases.on(key)

        with self._translated():
            record = self._read(key) if lease is None else self._acquire(lease)

        if record is None:
            return None

        found = _record.fullmatch(record)

        try:
            if found is not None:
                return Stored(found[3].decode(), int(found[1]))
        except UnicodeDecodeError:
            pass

        raise CartCorruptError(f"What Redis has of {key} is not a cart.", record)

    def save(self, key: CartKey, data: str, expected: int) -> int | None:
        version = next_version(expected)

        return version if self._replace(key, expected, version, data) else None

    def delete(self, key: CartKey, expected: int) -> bool:
        # Nothing is stored at version 0, so there would be nothing to delete.
        return bool(expected) and self._replace(key, expected, 0, "")

    def lock(self, key: CartKey) -> AbstractContextManager[Held]:
        return self._leases.lock(key)

    def instances(self, owner: str) -> list[str]:
        with self._translated():
            names = self._client.hkeys(self._carts(owner))

        return sorted(name.decode() for name in names)

    def keys(self) -> t.Iterator[CartKey]:
        with self._translated():
            for key, _, _ in self._heads():
                yield key

    def scan(self, before: dt.datetime | None = None) -> t.Iterator[Kept]:
        with self._translated():
            for owner, name in self._names():
                for instance, record in self._client.hgetall(name).items():
                    key = CartKey(owner, instance.decode(errors="replace"))
                    kept = _kept(key, record)

                    if before is None or (kept.saved_at and kept.saved_at < before):
                        yield kept

    def purge(self, before: dt.datetime, *, limit: int) -> t.Iterator[CartKey]:
        limit_time = _microseconds(before.timestamp())

        with self._translated():
            stale = {
                (saved_at, key, version)
                for key, version, saved_at in self._heads()
                if saved_at < limit_time
            }

        for _, key, version in heapq.nsmallest(limit, stale):
            try:
                is_gone = self.delete(key, version)
            except CartBusyError:
                # Somebody is just changing it.
                continue

            if is_gone:
                yield key

    def transaction(self) -> None:
        return None

    def _read(self, key: CartKey) -> bytes | None:
        carts = self._carts(key.owner)

        if self._renews:
            record = self._read_and_renew(keys=[carts], args=[key.instance, self._ttl])
        else:
            record = self._client.hget(carts, key.instance)

        return t.cast("bytes | None", record)

    def _replace(self, key: CartKey, expected: int, version: int, data: str) -> bool:
        lease = self._leases.on(key)

        with self._translated():
            if lease is not None and not lease.is_held:
                self._acquire(lease)

            saved = self._compare_and_set(
                keys=[self._carts(key.owner), self._lock(key), self._wake(key)],
                args=[
                    key.instance,
                    expected,
                    secrets.token_hex(8),
                    version,
                    _microseconds(time.time()),
                    data,
                    self._ttl,
                    lease.token if lease is not None else "",
                    self._lock_lease,
                ],
            )

        if saved < 0:
            raise CartBusyError(f"The cart {key} is locked by others.")

        if lease is not None:
            lease.is_held = lease.is_expired = not saved
            lease.is_spent = bool(saved)

        return bool(saved)

    def _acquire(self, lease: Lease[CartKey]) -> bytes | None:
        """Take the lock and read the cart, as soon as nobody else holds it."""
        key = lease.subject
        started = time.monotonic()
        deadline = started + self._lock_timeout
        has_waited = 0

        while True:
            # Not only once it is known: the answer may be lost on the way.
            lease.is_held = True
            acquired, found = self._acquire_and_read(
                keys=[self._carts(key.owner), self._lock(key)],
                args=[key.instance, lease.token, self._lock_lease, has_waited],
            )

            if acquired:
                return t.cast("bytes | None", found)

            lease.is_held = False
            remaining = deadline - time.monotonic()

            if remaining <= 0:
                raise CartLockTimeoutError(
                    f"The cart {key} was locked by others for {self._lock_timeout:g}"
                    " seconds."
                )

            nap = min(remaining, found / 1000, self._longest_nap)
            self._client.blpop([self._wake(key)], timeout=max(_SHORTEST_NAP, nap))
            has_waited = 1
            lease.waited = time.monotonic() - started

    def _release(self, lease: Lease[CartKey]) -> None:
        key = lease.subject

        with self._translated():
            self._release_lock(
                keys=[self._lock(key), self._wake(key)],
                args=[lease.token, self._lock_lease],
            )

    def _heads(self) -> t.Iterator[tuple[CartKey, int, int]]:
        """Key, version and time of all carts."""
        for owner, name in self._names():
            heads = iter(self._read_heads(keys=[name]))

            for instance, head in zip(heads, heads, strict=True):
                found = _record.fullmatch(head + b"\n")

                # What is not a cart stays, for somebody to repair.
                if found is not None:
                    key = CartKey(owner, instance.decode(errors="replace"))
                    yield key, int(found[1]), int(found[2])

    def _names(self) -> t.Iterator[tuple[str, bytes]]:
        """All owners and the names of their hashes."""
        prefix = f"{self._make_prefix()}{{"
        pattern = re.sub(r"([][*?\\^])", r"\\\1", prefix) + "*}"

        # A server that is growing its table may tell of a key twice.
        seen = set()

        for name in self._client.scan_iter(match=pattern, count=1000, _type="hash"):
            if name not in seen:
                seen.add(name)
                yield name.decode(errors="replace")[len(prefix) : -1], name

    # The braces make a cluster keep all of an owner's keys on one server. A key of
    # carts ends with a brace and the others do not, so they are never the same.

    def _carts(self, owner: str) -> str:
        return f"{self._make_prefix()}{{{owner}}}"

    def _lock(self, key: CartKey) -> str:
        return f"{self._carts(key.owner)}/{key.instance}/lock"

    def _wake(self, key: CartKey) -> str:
        return f"{self._carts(key.owner)}/{key.instance}/wake"

    @contextmanager
    def _translated(self) -> t.Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise CartStorageError(f"Redis could not be used: {error}") from error


def _kept(key: CartKey, record: bytes) -> Kept:
    found = _record.fullmatch(record)

    if found is None:
        return Kept(key, Stored(record, 0), None)

    saved_at = dt.datetime.fromtimestamp(int(found[2]) / 1_000_000, dt.UTC)

    return Kept(key, Stored(found[3], int(found[1])), saved_at)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _errors_of(client: t.Any) -> tuple[type[Exception], ...]:
    """What a client raises; redis-py and valkey-py have classes of their own."""
    package = next(
        (
            name
            for kind in type(client).__mro__
            if (name := kind.__module__.partition(".")[0]) in ("redis", "valkey")
        ),
        None,
    )

    if package is None:
        raise CartConfigError(
            "Carts in Redis need a client of redis-py or valkey-py, not"
            f" {type(client).__module__}.{type(client).__qualname__}."
        )

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
