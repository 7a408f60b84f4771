"""Writing: carts of one owner are read, changed, checked, and saved in one step."""

from __future__ import annotations

import datetime as dt
import secrets
import typing as t
from contextlib import nullcontext
from dataclasses import dataclass

from msgspec import UNSET
from msgspec.structs import replace

from ..model.document import Document
from ..model.document import encode
from ..model.errors import CartBusyError
from ..model.errors import CartConflictError
from ..model.errors import changed_meanwhile
from ..model.events import CartCreated
from ..model.events import CartDestroyed
from ..model.events import Event
from ..model.keys import CartKey
from ..model.limits import Limits
from ..model.limits import check_limits
from ..model.limits import check_size
from ..model.limits import check_terms
from ..model.operations import Operation
from ..model.operations import StaleError
from ..model.operations import applied
from ..model.operations import check_expected
from ..model.operations import stale
from ..model.operations import terms_in
from ..model.removing import forget_line
from ..model.values import size_of
from ..model.values import unchecked
from ..storage.base import Change
from ..storage.base import Guarantee
from ..storage.base import Storage
from .observing import Watch
from .used_keys import Claims
from .used_keys import KeptKeys

#: Bytes up to which a cart in a cookie remembers what was removed. There is more in a
#: cookie than the cart, and a full one could not be emptied line by line.
ROOM_IN_COOKIE: t.Final = 2_000

#: Told what is about to happen, and to which version; raises to keep it from happening.
BeforeChange = t.Callable[[CartKey, int, tuple[Event, ...]], None]

#: What is to be done with a cart; ``None`` to delete it.
Operations = t.Sequence[Operation] | None

E = t.TypeVar("E", bound=Event)

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


@dataclass
class Part:
    """What a write is to do with one cart, and what has been read of it.

    :param base: The cart as it was last read; ``None`` if it has to be read.
    :param expected: The only version that may be changed, if there is one.
    :param before: Told what is about to be saved.
    """

    key: CartKey
    operations: Operations
    base: Snapshot | None
    expected: int | None
    before: BeforeChange

    def __post_init__(self) -> None:
        #: The cart as its author has seen it.
        self.seen = self.base

        #: Whether it is good for the version that was seen and no other.
        self.is_bound = (
            self.expected is not None
            or self.operations is None
            or not all(each.reapplies for each in self.operations)
        )

    @property
    def seen_version(self) -> int:
        """The version that the change was made for."""
        if self.expected is not None:
            return self.expected

        return self.seen.version if self.seen is not None else 0


class _Change(t.NamedTuple):
    """What is about to be saved.

    :param base: What it was made of.
    :param snapshot: What it makes of it, with the new version; 0 if it is deleted.
    :param saved: What it is to the storage.
    """

    key: CartKey
    base: Snapshot
    snapshot: Snapshot
    saved: Change
    events: tuple[Event, ...]
    now: dt.datetime

    def written(self) -> Written:
        """What the save leaves of the cart."""
        version = self.snapshot.version or self.base.version
        events = tuple(
            stamped(each, self.key, version, self.now) for each in self.events
        )

        return Written(self.snapshot, events, self.base.version)


@dataclass
class Write:
    """One write of one or several carts of one owner, from the first try to the last.

    :param load: Reads a cart.
    :param load_keys: Reads the used keys of an owner.
    :param nothing: What is read where nothing is stored.
    :param fit: Makes the operations of all parts anew, where they depend on what is in
        the other carts.
    :param claims: The keys that the changes came with, if they are to be remembered.
    :param watches: One for each part, or none.
    """

    storage: Storage
    load: t.Callable[[CartKey], Snapshot]
    load_keys: t.Callable[[str], KeptKeys]
    nothing: Snapshot
    limits: Limits
    parts: t.Sequence[Part]
    fit: Fit | None
    claims: Claims | None
    watches: t.Sequence[Watch]

    @property
    def seen_version(self) -> int:
        """The version of the first cart that the change was made for."""
        return self.parts[0].seen_version

    @property
    def is_bound(self) -> bool:
        """Whether it is good for the versions that were seen and no others."""
        return all(part.is_bound for part in self.parts)

    def attempt(self, is_last: bool) -> list[Written] | None:
        """Try once.

        :param is_last: Whether to hold the lock of the storage.
        :return: What it left of each cart; ``None`` if somebody else was faster.
        :raises CartConflictError: If there is nothing left to be tried.
        """
        for watch in self.watches:
            watch.tries += 1

        try:
            return self._attempt(is_last or self.storage.always_lock) or self._lose()
        except CartBusyError:
            # Whoever it was busy with has most likely saved: what was read is stale.
            if not self.is_bound:
                self._forget()

            raise

    def _attempt(self, is_locked: bool) -> list[Written] | None:
        owner = self.parts[0].key.owner

        with self.storage.lock(owner) if is_locked else nullcontext() as held:
            for watch in self.watches:
                watch.hold(held)

            return self._save(self._read(again=is_locked))

    def _read(self, *, again: bool) -> list[Snapshot]:
        """What is stored, or was when it was read before."""
        wanted: list[Part | Claims] = [*self.parts, *filter(None, [self.claims])]

        # In one order for all, or two who lock them would wait for each other.
        for each in sorted(wanted, key=lambda each: each.key):
            if not again and each.base is not None:
                continue

            if isinstance(each, Claims):
                each.base = self.load_keys(each.key.owner)
            else:
                each.base = self.load(each.key)
                each.seen = each.seen or each.base

        return [t.cast(Snapshot, part.base) for part in self.parts]

    def _save(self, bases: list[Snapshot]) -> list[Written] | None:
        if self.claims is not None:
            self.claims.check()

        for part, base in zip(self.parts, bases, strict=True):
            _check(part, base)

        # All that may be refused comes before the save.
        parts = zip(self.parts, bases, self._fitted(bases), strict=True)
        changes = [self._change(*each) for each in parts]
        made = [each for each in changes if isinstance(each, _Change)]
        wanted = {each.key.instance: each.saved for each in made}

        if self.claims is not None:
            is_kept = bool(made) or any(base.version for base in bases)
            events = [event for each in made for event in each.events]
            version = changes[0].snapshot.version
            wanted |= self.claims.to_save(self.storage, version, events, is_kept)

        if wanted and not self.storage.save(self.parts[0].key.owner, wanted):
            return None

        return [
            each.written() if isinstance(each, _Change) else each for each in changes
        ]

    def _fitted(self, bases: list[Snapshot]) -> t.Sequence[Operations]:
        wanted = [part.operations for part in self.parts]

        if self.fit is None:
            return wanted

        try:
            return self.fit([base.document for base in bases], wanted)
        except StaleError as error:
            # It is about what leaves the first cart.
            raise stale(error, self.seen_version, bases[0].version) from error

    def _change(
        self, part: Part, base: Snapshot, operations: Operations
    ) -> _Change | Written:
        """What operations make of a cart, if it may be saved, or what is left as it is.

        :raises CartConflictError: If they are about something that was changed.
        """
        if operations is None:
            return self._deletion(part, base)

        document, happened = applied(
            base.document, operations, part.seen_version, base.version
        )

        if not happened:
            return Written(base)

        now = dt.datetime.now(dt.UTC)
        check_limits(base.document, document, self.limits)

        if terms := terms_in(operations):
            check_terms(base.document, document, terms)

        # Its lines have been looked at when they were changed.
        document = unchecked(
            document,
            created_at=document.created_at or now,
            updated_at=now,
            reminded_at=UNSET,
        )
        document, data = self._text_of(document)
        size = size_of(data)
        check_size(base.size, size, self.limits)
        part.before(part.key, base.version, happened)

        created = () if base.version else (CartCreated(),)
        saved = Change.on(base.version, data)
        snapshot = Snapshot(document, saved.version, size)

        return _Change(part.key, base, snapshot, saved, (*created, *happened), now)

    def _text_of(self, document: Document) -> tuple[Document, str]:
        """A document as it is stored: of what was removed, so much as there is room."""
        is_cookie = self.storage.guarantee is Guarantee.LAST_WRITE_WINS
        room = ROOM_IN_COOKIE if is_cookie else self.limits.data_bytes // 2
        data = encode(document)

        if document.cleared is not UNSET and size_of(data) > room:
            document = replace(document, cleared=UNSET)
            data = encode(document)

        while document.removed and size_of(data) > room:
            document = forget_line(document, document.removed[0])
            data = encode(document)

        return document, data

    def _deletion(self, part: Part, base: Snapshot) -> _Change | Written:
        seen = part.seen or base

        if not seen.version:
            return Written(self.nothing)

        happened = (CartDestroyed(lines=seen.document.lines),)
        now = dt.datetime.now(dt.UTC)
        deletion = Change.on(base.version, None)
        change = _Change(part.key, base, self.nothing, deletion, happened, now)

        # It may be gone because the answer to a first try was lost on the way.
        if not base.version:
            return change._replace(base=seen).written()

        part.before(part.key, base.version, happened)

        return change

    def _forget(self) -> None:
        """Let the next try read again."""
        for part in self.parts:
            part.base = None

        if self.claims is not None:
            self.claims.base = None

    def _lose(self) -> list[Written] | None:
        """Go on from what somebody else has saved, if anything may be made of it.

        :raises CartConflictError: If not.
        """
        # It may be about the keys, while the carts are still those that were seen.
        if self.claims is not None or not self.is_bound:
            self._forget()

            return None

        first = self.parts[0]
        first.base = self.load(first.key)

        if first.operations is not None or first.base.version:
            raise changed_meanwhile(self.seen_version, first.base.version)

        return self._save(self._read(again=False))


def _check(part: Part, base: Snapshot) -> None:
    """Refuse what is good for another cart than the one that is stored.

    :raises CartConflictError: If it is.
    """
    seen = part.seen or base

    if part.operations is None and not base.version:
        # It is to be deleted, and gone: nothing is lost that was not seen.
        check_expected(seen.version, part.expected)
        return

    # The prices in an operation are amounts of the currency that was seen.
    if base.document.currency != seen.document.currency:
        raise CartConflictError(
            f"The cart is in {base.document.currency} now, it was in"
            f" {seen.document.currency}.",
            expected_version=seen.version,
            current_version=base.version,
        )

    if part.is_bound:
        check_expected(base.version, part.seen_version)


def stamped(
    event: E, key: CartKey, version: int, moment: dt.datetime | None = None
) -> E:
    """The event as one that has happened to a cart, by default just now."""
    return replace(
        event,
        id=secrets.token_hex(16),
        occurred_at=moment or dt.datetime.now(dt.UTC),
        owner=key.owner,
        instance=key.instance,
        version=version,
    )
