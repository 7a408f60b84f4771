"""The one write path of carts: load, apply, check, and save if nobody was faster.

All that a shopper or the app changes goes through it. What is no change of a cart is
saved as the text that it is: a copy of all carts to another storage, an import, a
repair, and the new version of a cart that is about to be deleted as abandoned.
"""

from __future__ import annotations

import random
import time
import typing as t
from contextlib import AbstractContextManager
from contextlib import ExitStack
from dataclasses import dataclass

import msgspec

from ..model.document import decode
from ..model.document import new_document
from ..model.errors import CartBusyError
from ..model.errors import CartLockTimeoutError
from ..model.errors import changed_meanwhile
from ..model.errors import transaction_failed
from ..model.idempotency import USED_KEYS
from ..model.idempotency import decode_keys
from ..model.keys import CartKey
from ..model.limits import Limits
from ..model.values import fulfills
from ..model.values import size_of
from ..storage.base import Storage
from ..storage.base import Transaction
from .observing import Observer
from .observing import Watch
from .observing import watched
from .used_keys import Claims
from .used_keys import KeptKeys
from .writing import Fit
from .writing import Part
from .writing import Snapshot
from .writing import Write
from .writing import Written

T = t.TypeVar("T")

#: Seconds after which nothing is tried again: a database that makes a request wait
#: for its locks must not do so many times over.
PATIENCE: t.Final = 10.0


class Retry(msgspec.Struct, frozen=True):
    """How often, and after what pause, a lost save is tried again.

    :param attempts: Retries after the first try. The last one holds the storage's
        lock.
    :param base_delay: The greatest pause before the first retry, in seconds. It
        doubles with each.
    :param max_delay: The greatest pause of all, in seconds.
    """

    attempts: int = 8
    base_delay: float = 0.01
    max_delay: float = 0.25

    def tries(self) -> t.Iterator[bool]:
        """Yield for every try whether it is the last retry, after a pause."""
        started = time.monotonic()
        yield False

        for number in range(self.attempts):
            if time.monotonic() - started > PATIENCE:
                return

            # Without the jitter, those who collided would collide again.
            longest = min(self.max_delay, self.base_delay * 2.0**number)
            time.sleep(random.uniform(0, longest))

            yield number == self.attempts - 1

    def run(self, attempt: t.Callable[[bool], T | None]) -> T | None:
        """Make attempts until one of them succeeds.

        :param attempt: Told whether it is the last retry. ``None`` means that somebody
            else was faster.
        :return: What the attempt returned, ``None`` if all of them were too late.
        :raises CartBusyError: If the storage was busy at the last one.
        :raises CartLockTimeoutError: If a rival held the lock for too long. Who has
            waited for that once does not wait again.
        """
        busy: CartBusyError | None = None

        for is_last in self.tries():
            try:
                result = attempt(is_last)
            except CartLockTimeoutError:
                raise
            except CartBusyError as error:
                busy = error
                continue

            if result is not None:
                return result

            busy = None

        if busy is not None:
            raise busy

        return None


@dataclass(eq=False)
class Repository:
    """Reads and writes carts in one storage.

    :param observers: Who is told of every access; others may join them at any time.
    """

    storage: Storage
    currency: str
    limits: Limits
    retry: Retry
    observers: t.Sequence[Observer] = ()

    def __post_init__(self) -> None:
        #: What is read where nothing is stored.
        self.nothing = Snapshot(new_document(self.currency), 0)

    def load(self, key: CartKey) -> Snapshot:
        """Read a cart.

        :raises CartCorruptError: If what is stored is not a cart.
        :raises CartStorageError: If the storage cannot be read.
        """
        # Here and below: an app without observers pays for nothing but this question.
        if not self.observers:
            return self._load_persistently(key)

        with watched(self.observers, "load", key, self.storage) as watch:
            return self._load_persistently(key, watch)

    def instances(self, owner: str) -> list[str]:
        """The names of the carts that an owner has."""
        names = self.storage.instances(owner)

        return [name for name in names if CartKey(owner, name).is_cart]

    def used_keys(self, owner: str) -> KeptKeys:
        """The keys that the changes of an owner's carts came with.

        :raises CartCorruptError: If what is stored are none.
        """
        found = self.tried(lambda is_last: self._used_keys(owner))

        return t.cast(KeptKeys, found)

    def write(
        self,
        parts: t.Sequence[Part],
        fit: Fit | None = None,
        claims: Claims | None = None,
    ) -> list[Written]:
        """Change or delete one or several carts of one owner, in one step.

        If somebody else saved one of them first, the operations are applied to what was
        saved then, as long as they may be.

        :param parts: What is to be done with each.
        :param fit: Makes their operations anew, where they depend on what is in the
            other carts.
        :param claims: The keys that the changes came with, to be remembered.
        :return: What is left of each.
        :raises CartReplayedError: If they were made already.
        :raises CartConflictError: If they cannot be applied to the stored carts.
        :raises CartBusyError: If the storage was busy with rivals, up to the last try.
        :raises CartLockTimeoutError: If a rival held the lock for too long.
        :raises CartLimitError: If a result goes over a limit.
        :raises CartQuantityError: If a result does not keep to the terms of an item.
        :raises CartStorageError: If the storage cannot be used.
        """
        if not self.observers:
            return self._write(parts, fit, claims)

        with ExitStack() as stack:
            watches = [stack.enter_context(self._watched(part)) for part in parts]
            written = self._write(parts, fit, claims, watches)

            for watch, each in zip(watches, written, strict=True):
                watch.outcome = "done" if each.events else "unchanged"

            return written

    def transaction(self) -> Transaction | None:
        """The app's transaction that this thread's writes are part of, if any."""
        return self.storage.transaction()

    def join(self, session: t.Any) -> AbstractContextManager[None] | None:
        """What makes the writes of this thread part of a session's transaction.

        :return: ``None`` if the storage is not in a database.
        """
        if not fulfills(self.storage, JoinsSessions):
            return None

        return t.cast(JoinsSessions, self.storage).join(session)

    def _watched(self, part: Part) -> AbstractContextManager[Watch]:
        return watched(
            self.observers,
            "destroy" if part.operations is None else "write",
            part.key,
            self.storage,
            part.operations or (),
        )

    def _write(
        self,
        parts: t.Sequence[Part],
        fit: Fit | None,
        claims: Claims | None,
        watches: t.Sequence[Watch] = (),
    ) -> list[Written]:
        write = Write(
            self.storage,
            self._load,
            self._used_keys,
            self.nothing,
            self.limits,
            parts,
            fit,
            claims,
            watches,
        )
        written = self.tried(write.attempt, lambda: write.seen_version)

        if written is None:
            version = self._load_persistently(parts[0].key).version
            raise changed_meanwhile(write.seen_version, version)

        return written

    def _load_persistently(self, key: CartKey, watch: Watch | None = None) -> Snapshot:
        def attempt(is_last: bool) -> Snapshot:
            if watch is not None:
                watch.tries += 1

            return self._load(key)

        return t.cast(Snapshot, self.tried(attempt))

    def tried(
        self,
        attempt: t.Callable[[bool], T | None],
        seen_version: t.Callable[[], int] = lambda: 0,
    ) -> T | None:
        """What an attempt comes to that is made again, where we may.

        :param seen_version: Tells the version that it is made for.
        """

        def attempt_once(is_last: bool) -> T | None:
            try:
                return attempt(is_last)
            except CartBusyError as error:
                if self.storage.transaction() is None:
                    raise

                # It has failed as a whole, and only the app can begin it again.
                raise transaction_failed(seen_version()) from error

        return self.retry.run(attempt_once)

    def _load(self, key: CartKey) -> Snapshot:
        stored = self.storage.load(key)

        if stored is None:
            return self.nothing

        return Snapshot(decode(stored.data), stored.version, size_of(stored.data))

    def _used_keys(self, owner: str) -> KeptKeys:
        stored = self.storage.load(CartKey(owner, USED_KEYS))

        if stored is None:
            return KeptKeys()

        return KeptKeys(decode_keys(stored.data), stored.version)


@t.runtime_checkable
class JoinsSessions(t.Protocol):
    """A storage whose writes can be part of a session's transaction."""

    def join(self, session: t.Any) -> AbstractContextManager[None]:
        """Make the writes of this thread part of a session's transaction."""
