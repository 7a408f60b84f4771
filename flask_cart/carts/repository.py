"""The one write path: load, apply, check, and save if nobody else was faster."""

from __future__ import annotations

import datetime as dt
import random
import time
import typing as t
import uuid
from contextlib import AbstractContextManager
from contextlib import ExitStack
from contextlib import nullcontext

import msgspec
from msgspec.structs import replace

from ..model.document import Document
from ..model.document import decode
from ..model.document import encode
from ..model.document import new_document
from ..model.errors import CartBusyError
from ..model.errors import CartConflictError
from ..model.errors import CartLockTimeoutError
from ..model.events import CartCreated
from ..model.events import CartDestroyed
from ..model.events import Event
from ..model.keys import CartKey
from ..model.limits import Limits
from ..model.limits import check_limits
from ..model.limits import check_size
from ..model.operations import Operation
from ..model.operations import StaleError
from ..model.operations import apply_all
from ..model.operations import terms_in
from ..model.stock import check_terms
from ..storage.base import SavesTogether
from ..storage.base import Storage
from ..storage.base import Transaction
from .observing import Observer
from .observing import Watch
from .observing import watched

#: Told what is about to happen, and to which version; raises to keep it from happening.
BeforeChange = t.Callable[[CartKey, int, tuple[Event, ...]], None]


T = t.TypeVar("T")

#: Makes the operations for each of several carts, of what is in all of them.
Plan = t.Callable[[t.Sequence[Document]], t.Sequence[t.Sequence[Operation]]]

#: Seconds after which nothing is tried again: a database that makes a request wait
#: for its locks must not do so many times over.
PATIENCE: t.Final = 10.0


class Snapshot(t.NamedTuple):
    """A document as it was read, with the version that came with it.

    The version is 0 where nothing is stored.
    """

    document: Document
    version: int
    size: int = 0


class Written(t.NamedTuple):
    """What a write left.

    :param events: What is to be announced; none if nothing was saved.
    :param follows: The version that it was made of, if something was saved.
    """

    snapshot: Snapshot
    events: tuple[Event, ...] = ()
    follows: int | None = None


class Writer(t.NamedTuple):
    """Who changes one of several carts.

    :param before: Told what is about to be saved.
    :param expected: The only version that may be changed, if there is one.
    """

    before: BeforeChange
    expected: int | None


class _Change(t.NamedTuple):
    """What is about to be saved."""

    document: Document
    data: str
    events: tuple[Event, ...]
    now: dt.datetime


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


class Repository:
    """Reads and writes carts in one storage.

    :param observers: Who is told of every access; others may join them at any time.
    """

    def __init__(
        self,
        storage: Storage,
        currency: str,
        limits: Limits,
        retry: Retry,
        observers: t.Sequence[Observer] = (),
    ) -> None:
        self.storage = storage
        self.limits = limits
        self._retry = retry
        self._observers = observers

        #: What is read where nothing is stored.
        self.nothing = Snapshot(new_document(currency), 0)

    def load(self, key: CartKey) -> Snapshot:
        """Read a cart.

        :raises CartCorruptError: If what is stored is not a cart.
        :raises CartStorageError: If the storage cannot be read.
        """
        # Here and below: an app without observers pays for nothing but this question.
        if not self._observers:
            return self._load_persistently(key)

        with watched(self._observers, "load", key, self.storage) as watch:
            return self._load_persistently(key, watch)

    def write(
        self,
        key: CartKey,
        operations: t.Sequence[Operation],
        base: Snapshot | None,
        expected: int | None,
        before: BeforeChange,
    ) -> Written:
        """Apply operations to a cart and save it.

        If somebody else saved first, they are applied to what was saved then, as
        long as they may be.

        :param base: The cart as it was read, if it was.
        :param expected: The only version that they may be applied to, if there is one.
        :param before: Told what is about to be saved.
        :raises CartConflictError: If they cannot be applied to the stored cart.
        :raises CartBusyError: If the storage was busy with rivals, up to the last try.
        :raises CartLockTimeoutError: If a rival held the lock for too long.
        :raises CartLimitError: If the result goes over a limit.
        :raises CartQuantityError: If the result does not keep to the terms of an item.
        :raises CartStorageError: If the storage cannot be used.
        """
        if not self._observers:
            return self._write(key, operations, base, expected, before, None)

        with watched(self._observers, "write", key, self.storage, operations) as watch:
            written = self._write(key, operations, base, expected, before, watch)

            watch.outcome = "done" if written.events else "unchanged"

            return written

    @property
    def saves_together(self) -> bool:
        """Whether several carts can be changed in one step."""
        return isinstance(self.storage, SavesTogether)

    def write_together(
        self, carts: t.Mapping[CartKey, Writer], plan: Plan
    ) -> list[Written]:
        """Change several carts in one step, if the storage can.

        :param carts: Their keys, and who changes them.
        :param plan: Called with their documents, also again if somebody was faster.
        :raises CartConflictError: If the operations cannot be applied, or a rival has
            made the app's transaction fail.
        :raises CartLimitError: If a result goes over a limit.
        :raises CartStorageError: If the storage cannot be used.
        """
        with ExitStack() as stack:
            storage = self.storage
            keys = list(carts) if self._observers else []
            watches = [
                stack.enter_context(watched(self._observers, "write", key, storage))
                for key in keys
            ]

            def save() -> list[Written]:
                try:
                    with t.cast(SavesTogether, storage).together():
                        return self._save_together(carts, plan, watches)
                except CartBusyError as error:
                    self._refuse_in_transaction(error, 0)
                    raise

            return self._persistently(save, *watches)

    def destroy(
        self,
        key: CartKey,
        base: Snapshot,
        expected: int | None,
        before: BeforeChange,
    ) -> Written:
        """Delete a cart that is as it was read.

        :raises CartConflictError: If it was changed since.
        :raises CartBusyError: If the storage was busy with rivals, up to the last try.
        :raises CartStorageError: If the storage cannot be used.
        """
        if not self._observers:
            return self._destroy(key, base, expected, before)

        with watched(self._observers, "destroy", key, self.storage) as watch:
            written = self._destroy(key, base, expected, before, watch)

            watch.outcome = "done" if written.events else "unchanged"

            return written

    def _write(
        self,
        key: CartKey,
        operations: t.Sequence[Operation],
        base: Snapshot | None,
        expected: int | None,
        before: BeforeChange,
        watch: Watch | None,
    ) -> Written:
        reapplies = all(each.reapplies for each in operations)
        seen = base
        busy: CartBusyError | None = None

        for is_last in self._retry.tries():
            is_locked = is_last or self.storage.always_lock

            if watch is not None:
                watch.tries += 1

            try:
                with self.storage.lock(key) if is_locked else nullcontext() as held:
                    if watch is not None:
                        watch.hold(held)

                    if base is None or is_locked:
                        base = self._load(key)

                    seen = seen or base
                    _check_currency(base, seen)

                    if not reapplies and expected is None:
                        expected = seen.version

                    written = self._save(
                        key, operations, base, seen.version, expected, before
                    )
            except CartBusyError as error:
                version = seen.version if seen is not None else 0
                self._refuse_in_transaction(error, version)

                if isinstance(error, CartLockTimeoutError):
                    raise

                busy = error
                continue

            if written is not None:
                return written

            busy = None

            if expected is not None:
                break

            base = None

        if busy is not None:
            raise busy

        raise CartConflictError(
            "Somebody else changed the cart at the same time.",
            expected_version=seen.version if seen is not None else 0,
            current_version=self._load_persistently(key).version,
        )

    def _destroy(
        self,
        key: CartKey,
        base: Snapshot,
        expected: int | None,
        before: BeforeChange,
        *watches: Watch,
    ) -> Written:
        check_expected(base, expected)

        if not base.version:
            return Written(self.nothing)

        happened = (CartDestroyed(lines=base.document.lines),)
        before(key, base.version, happened)

        if not self._persistently(
            lambda: self.storage.delete(key, base.version), *watches
        ):
            current = self._load_persistently(key).version

            # It may be gone because the answer to a first try was lost on the way.
            if current:
                raise CartConflictError(
                    "The cart was changed after it was read, so it was not destroyed.",
                    expected_version=base.version,
                    current_version=current,
                )

        events = _stamped(happened, key, base.version, dt.datetime.now(dt.UTC))

        return Written(self.nothing, events, base.version)

    def transaction(self) -> Transaction | None:
        """The app's transaction that this thread's writes are part of, if any."""
        return self.storage.transaction()

    def _refuse_in_transaction(self, error: CartBusyError, version: int) -> None:
        """Try nothing again that was part of the app's transaction.

        :raises CartConflictError: If it was.
        """
        if self.transaction() is None:
            return

        # It has failed as a whole, and only the app can begin it again.
        raise CartConflictError(
            "Somebody else changed the same things at the same time, and the"
            " transaction that the cart is part of has failed.",
            expected_version=version,
            current_version=version,
        ) from error

    def join(self, session: t.Any) -> AbstractContextManager[None] | None:
        """What makes the writes of this thread part of a session's transaction.

        :return: ``None`` if the storage is not in a database.
        """
        if not isinstance(self.storage, JoinsSessions):
            return None

        return self.storage.join(session)

    def _load_persistently(self, key: CartKey, *watches: Watch) -> Snapshot:
        return self._persistently(lambda: self._load(key), *watches)

    def _persistently(self, work: t.Callable[[], T], *watches: Watch) -> T:
        """Do something again as long as the storage is busy, and there are tries."""
        for _ in self._retry.tries():
            for watch in watches:
                watch.tries += 1

            try:
                return work()
            except CartLockTimeoutError:
                raise
            except CartBusyError as error:
                busy = error

        raise busy

    def _load(self, key: CartKey) -> Snapshot:
        stored = self.storage.load(key)

        if stored is None:
            return self.nothing

        return Snapshot(decode(stored.data), stored.version, _size(stored.data))

    def _save(
        self,
        key: CartKey,
        operations: t.Sequence[Operation],
        base: Snapshot,
        seen_version: int,
        expected: int | None,
        before: BeforeChange,
    ) -> Written | None:
        """Save once. ``None`` if somebody else was faster."""
        check_expected(base, expected)
        version = seen_version if expected is None else expected
        change = self._change(key, operations, base, version, before)

        return Written(base) if change is None else self._store(key, base, change)

    def _save_together(
        self,
        carts: t.Mapping[CartKey, Writer],
        plan: Plan,
        watches: t.Sequence[Watch],
    ) -> list[Written]:
        # In one order for all, or two would wait for each other.
        bases = {key: self._load(key) for key in sorted(carts)}

        for key, writer in carts.items():
            check_expected(bases[key], writer.expected)

        planned = plan([bases[key].document for key in carts])

        # There is one watch for each cart, or none.
        for watch, operations in zip(watches, planned, strict=False):
            watch.operations = operations

        # All that may be refused comes before the first save.
        changes = [
            self._change(key, operations, bases[key], bases[key].version, writer.before)
            for (key, writer), operations in zip(carts.items(), planned, strict=True)
        ]
        written: list[Written] = []

        for key, change in zip(carts, changes, strict=True):
            base = bases[key]
            saved = Written(base) if change is None else self._store(key, base, change)

            if saved is None:
                raise CartBusyError(f"Somebody else made the cart {key} meanwhile.")

            written.append(saved)

        for watch, each in zip(watches, written, strict=False):
            watch.outcome = "done" if each.events else "unchanged"

        return written

    def _change(
        self,
        key: CartKey,
        operations: t.Sequence[Operation],
        base: Snapshot,
        expected: int,
        before: BeforeChange,
    ) -> _Change | None:
        """What operations make of a cart, if it may be saved; ``None`` if nothing."""
        try:
            document, happened = apply_all(base.document, operations)
        except StaleError as error:
            raise CartConflictError(
                "The line was changed after it was read, so it was left as it is.",
                expected_version=expected,
                current_version=base.version,
                line_id=error.line_id,
                details=error.details,
            ) from error

        if not happened:
            return None

        now = dt.datetime.now(dt.UTC)
        check_limits(base.document, document, self.limits)
        check_terms(base.document, document, terms_in(operations))
        document = replace(
            document, created_at=document.created_at or now, updated_at=now
        )
        data = encode(document)
        check_size(base.size, _size(data), self.limits)
        before(key, base.version, happened)

        return _Change(document, data, happened, now)

    def _store(self, key: CartKey, base: Snapshot, change: _Change) -> Written | None:
        version = self.storage.save(key, change.data, base.version)

        if version is None:
            return None

        created = () if base.version else (CartCreated(),)
        events = _stamped((*created, *change.events), key, version, change.now)
        snapshot = Snapshot(change.document, version, _size(change.data))

        return Written(snapshot, events, base.version)


@t.runtime_checkable
class JoinsSessions(t.Protocol):
    """A storage whose writes can be part of a session's transaction."""

    def join(self, session: t.Any) -> AbstractContextManager[None]:
        """Make the writes of this thread part of a session's transaction."""


def check_expected(base: Snapshot, expected: int | None) -> None:
    """Refuse to go on from another version than the expected one.

    :raises CartConflictError: If it is another one.
    """
    if expected is not None and base.version != expected:
        raise CartConflictError(
            f"The change was meant for version {expected} of the cart, which is at"
            f" version {base.version} now.",
            expected_version=expected,
            current_version=base.version,
        )


def _check_currency(base: Snapshot, seen: Snapshot) -> None:
    # The prices in an operation are amounts of the currency that was seen.
    if base.document.currency != seen.document.currency:
        raise CartConflictError(
            f"The cart is in {base.document.currency} now, it was in"
            f" {seen.document.currency}.",
            expected_version=seen.version,
            current_version=base.version,
        )


def _stamped(
    events: t.Iterable[Event], key: CartKey, version: int, now: dt.datetime
) -> tuple[Event, ...]:
    return tuple(
        replace(
            event,
            id=uuid.uuid4().hex,
            occurred_at=now,
            owner=key.owner,
            instance=key.instance,
            version=version,
        )
        for event in events
    )


def _size(data: str | bytes) -> int:
    return len(data.encode()) if isinstance(data, str) else len(data)
