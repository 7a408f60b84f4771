"""Writing: carts of one owner are read, changed, checked, and saved in one step."""

from __future__ import annotations

import datetime as dt
import typing as t
import uuid
from contextlib import nullcontext

from msgspec.structs import replace

from ..model.document import Document
from ..model.document import encode
from ..model.errors import CartBusyError
from ..model.errors import CartConflictError
from ..model.events import CartCreated
from ..model.events import CartDestroyed
from ..model.events import Event
from ..model.keys import CartKey
from ..model.limits import Limits
from ..model.limits import check_limits
from ..model.limits import check_size
from ..model.operations import Operation
from ..model.operations import StaleError
from ..model.operations import applied
from ..model.operations import check_expected
from ..model.operations import stale
from ..model.operations import terms_in
from ..model.stock import check_terms
from ..storage.base import Storage
from .observing import Watch

#: Told what is about to happen, and to which version; raises to keep it from happening.
BeforeChange = t.Callable[[CartKey, int, tuple[Event, ...]], None]

#: What is to be done with a cart; ``None`` to delete it.
Operations = t.Sequence[Operation] | None

#: Fits what is to be done with several carts to what is in all of them. Called again
#: when somebody was faster.
Fit = t.Callable[[t.Sequence[Document], t.Sequence[Operations]], t.Sequence[Operations]]


class Snapshot(t.NamedTuple):
    """A document as it was read, with the version that came with it.

    The version is 0 where nothing is stored.
    """

    document: Document
    version: int
    size: int = 0


class Written(t.NamedTuple):
    """What a write left of one cart.

    :param events: What is to be announced; none if nothing was saved.
    :param follows: The version that it was made of, if something was saved.
    """

    snapshot: Snapshot
    events: tuple[Event, ...] = ()
    follows: int | None = None


class Part(t.NamedTuple):
    """What a write is to do with one cart.

    :param base: The cart as it was read, if it was.
    :param expected: The only version that may be changed, if there is one.
    :param before: Told what is about to be saved.
    """

    key: CartKey
    operations: Operations
    base: Snapshot | None
    expected: int | None
    before: BeforeChange


class _Change(t.NamedTuple):
    """What is about to be saved.

    :param data: The document as text, ``None`` to delete it.
    """

    snapshot: Snapshot
    data: str | None
    events: tuple[Event, ...]
    now: dt.datetime


class _Cart:
    """One of the carts of a write, as far as it was read."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.base = part.base
        self.seen = part.base

        #: Whether it is good for the version that was seen and no other.
        self.is_bound = (
            part.expected is not None
            or part.operations is None
            or not all(each.reapplies for each in part.operations)
        )

    @property
    def seen_version(self) -> int:
        """The version that the change was made for."""
        if self.part.expected is not None:
            return self.part.expected

        return self.seen.version if self.seen is not None else 0


class Write:
    """One write of one or several carts of one owner, from the first try to the last.

    :param load: Reads a cart.
    :param nothing: What is read where nothing is stored.
    :param fit: Makes the operations of all parts anew, where they depend on what is in
        the other carts.
    :param watches: One for each part, or none.
    """

    def __init__(
        self,
        storage: Storage,
        load: t.Callable[[CartKey], Snapshot],
        nothing: Snapshot,
        limits: Limits,
        parts: t.Sequence[Part],
        fit: Fit | None,
        watches: t.Sequence[Watch],
    ) -> None:
        self._storage = storage
        self._load = load
        self._nothing = nothing
        self._limits = limits
        self._carts = [_Cart(part) for part in parts]
        self._fit = fit
        self._watches = watches

    @property
    def seen_version(self) -> int:
        """The version of the first cart that the change was made for."""
        return self._carts[0].seen_version

    def attempt(self, is_last: bool) -> list[Written] | None:
        """Try once.

        :param is_last: Whether to hold the lock of the storage.
        :return: What it left of each cart; ``None`` if somebody else was faster.
        :raises CartConflictError: If there is nothing left to be tried.
        """
        for watch in self._watches:
            watch.tries += 1

        try:
            return self._attempt(is_last or self._storage.always_lock) or self._lose()
        except CartBusyError as error:
            self._refuse_in_transaction(error)
            raise

    def _attempt(self, is_locked: bool) -> list[Written] | None:
        owner = self._carts[0].part.key.owner

        with self._storage.lock(owner) if is_locked else nullcontext() as held:
            for watch in self._watches:
                watch.hold(held)

            return self._save(self._read(again=is_locked))

    def _read(self, *, again: bool) -> list[Snapshot]:
        """What is stored, or was when it was read before."""
        found: dict[CartKey, Snapshot] = {}

        # In one order for all, or two who lock them would wait for each other.
        for cart in sorted(self._carts, key=lambda each: each.part.key):
            key = cart.part.key
            base = self._load(key) if again or cart.base is None else cart.base
            cart.base = found[key] = base
            cart.seen = cart.seen or base

        return [found[cart.part.key] for cart in self._carts]

    def _save(self, bases: list[Snapshot]) -> list[Written] | None:
        for cart, base in zip(self._carts, bases, strict=True):
            _check(cart, base)

        # All that may be refused comes before the save.
        changes = [
            self._change(cart, base, operations)
            for cart, base, operations in zip(
                self._carts, bases, self._fitted(bases), strict=True
            )
        ]
        wanted = {
            cart.part.key.instance: (base.version, change.data)
            for cart, base, change in zip(self._carts, bases, changes, strict=True)
            if isinstance(change, _Change)
        }
        owner = self._carts[0].part.key.owner
        versions = self._storage.save(owner, wanted) if wanted else {}

        if versions is None:
            return None

        return [
            _written(cart.part.key, base, change, versions)
            if isinstance(change, _Change)
            else change
            for cart, base, change in zip(self._carts, bases, changes, strict=True)
        ]

    def _fitted(self, bases: list[Snapshot]) -> t.Sequence[Operations]:
        wanted = [cart.part.operations for cart in self._carts]

        if self._fit is None:
            return wanted

        try:
            return self._fit([base.document for base in bases], wanted)
        except StaleError as error:
            # It is about what leaves the first cart.
            raise stale(error, self.seen_version, bases[0].version) from error

    def _change(
        self, cart: _Cart, base: Snapshot, operations: Operations
    ) -> _Change | Written:
        """What operations make of a cart, if it may be saved, or what is left as it is.

        :raises CartConflictError: If they are about something that was changed.
        """
        if operations is None:
            return self._deletion(cart, base)

        document, happened = applied(
            base.document, operations, cart.seen_version, base.version
        )

        if not happened:
            return Written(base)

        now = dt.datetime.now(dt.UTC)
        check_limits(base.document, document, self._limits)

        if terms := terms_in(operations):
            check_terms(base.document, document, terms)

        document = replace(
            document, created_at=document.created_at or now, updated_at=now
        )
        data = encode(document)
        size = size_of(data)
        check_size(base.size, size, self._limits)
        cart.part.before(cart.part.key, base.version, happened)

        return _Change(Snapshot(document, 0, size), data, happened, now)

    def _deletion(self, cart: _Cart, base: Snapshot) -> _Change | Written:
        seen = cart.seen or base

        if not seen.version:
            return Written(self._nothing)

        key, before = cart.part.key, cart.part.before
        happened = (CartDestroyed(lines=seen.document.lines),)
        change = _Change(self._nothing, None, happened, dt.datetime.now(dt.UTC))

        # It may be gone because the answer to a first try was lost on the way.
        if not base.version:
            return _written(key, seen, change, {})

        before(key, base.version, happened)

        return change

    def _lose(self) -> list[Written] | None:
        """Go on from what somebody else has saved, if anything may be made of it.

        :raises CartConflictError: If not.
        """
        if not all(cart.is_bound for cart in self._carts):
            for cart in self._carts:
                cart.base = None

            return None

        first = self._carts[0]
        first.base = self._load(first.part.key)

        if first.part.operations is not None or first.base.version:
            raise changed_meanwhile(self.seen_version, first.base.version)

        return self._save(self._read(again=False))

    def _refuse_in_transaction(self, error: CartBusyError) -> None:
        """Try nothing again that was part of the app's transaction.

        :raises CartConflictError: If it was.
        """
        if self._storage.transaction() is None:
            return

        # It has failed as a whole, and only the app can begin it again.
        raise CartConflictError(
            "Somebody else changed the same things at the same time, and the"
            " transaction that the cart is part of has failed.",
            expected_version=self.seen_version,
            current_version=self.seen_version,
        ) from error


def changed_meanwhile(expected: int, version: int) -> CartConflictError:
    """The error about a save that somebody else's came before."""
    return CartConflictError(
        "Somebody else changed the cart at the same time, so it was left as it is.",
        expected_version=expected,
        current_version=version,
    )


def size_of(data: str | bytes) -> int:
    """The size of a text in bytes."""
    return len(data.encode()) if isinstance(data, str) else len(data)


def _check(cart: _Cart, base: Snapshot) -> None:
    """Refuse what is good for another cart than the one that is stored.

    :raises CartConflictError: If it is.
    """
    seen = cart.seen or base

    if cart.part.operations is None and not base.version:
        # It is to be deleted, and gone: nothing is lost that was not seen.
        check_expected(seen.version, cart.part.expected)
        return

    # The prices in an operation are amounts of the currency that was seen.
    if base.document.currency != seen.document.currency:
        raise CartConflictError(
            f"The cart is in {base.document.currency} now, it was in"
            f" {seen.document.currency}.",
            expected_version=seen.version,
            current_version=base.version,
        )

    if cart.is_bound:
        check_expected(base.version, cart.seen_version)


def _written(
    key: CartKey, base: Snapshot, change: _Change, versions: t.Mapping[str, int]
) -> Written:
    """What a save has left of a cart."""
    if change.data is None:
        events = _stamped(change.events, key, base.version, change.now)

        return Written(change.snapshot, events, base.version)

    version = versions[key.instance]
    created = () if base.version else (CartCreated(),)
    events = _stamped((*created, *change.events), key, version, change.now)

    return Written(change.snapshot._replace(version=version), events, base.version)


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
