"""What every storage promises."""

from __future__ import annotations

import datetime as dt
import enum
import secrets
import typing as t
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ..model.keys import CartKey
from ..model.values import fulfills

#: Bits of the first version and of a step. Versions have to stay below 2**53.
_FIRST: t.Final = 52
_STEP: t.Final = 24


class Change(t.NamedTuple):
    """What is to become of one cart.

    :param expected: The version that it has to have, which came with
        :meth:`Storage.load`; 0 if there was none.
    :param text: What is to be stored; ``None`` to delete it.
    :param version: The version that it gets; 0 if it is deleted.
    """

    expected: int
    text: str | None
    version: int

    @classmethod
    def on(cls, expected: int, text: str | None) -> t.Self:
        """A change on top of a version, to a new one."""
        return cls(expected, text, 0 if text is None else next_version(expected))


class Annotation(Change):
    """A change of what is noted about a stored cart: that its owner was reminded.

    Where a storage tells when its carts were saved, the cart stays as old as it was.
    """

    __slots__ = ()


#: What is to become of carts of one owner, by their names.
Changes = t.Mapping[str, Change]


class Stored(t.NamedTuple):
    """What a storage keeps of one cart."""

    data: str | bytes
    version: int

    @property
    def text(self) -> str:
        """The data as text.

        :raises UnicodeDecodeError: If it is none.
        """
        return self.data if isinstance(self.data, str) else self.data.decode()


class Kept(t.NamedTuple):
    """A cart as a storage comes across it.

    :param stored: What is stored; with version 0 if it is damaged so that it has none,
        and cannot be saved or deleted.
    :param saved_at: When it was last saved, or ``None`` if that is damaged, too.
    """

    key: CartKey
    stored: Stored
    saved_at: dt.datetime | None


class Guarantee(enum.Enum):
    """How a storage keeps two writers from undoing each other."""

    #: A save succeeds only if the version is still the one that was read.
    ATOMIC = "atomic"

    #: Writers wait for each other, from the read to the save.
    LOCKED = "locked"

    #: Of two writers the later one wins, and the other's change is lost.
    LAST_WRITE_WINS = "last-write-wins"


@dataclass(kw_only=True)
class Held:
    """What a lock can tell about itself, once it was given back."""

    #: Seconds that somebody else kept this thread waiting for it.
    waited: float = 0.0

    #: Whether a save was lost because it had run out.
    is_expired: bool = False


class Transaction(t.Protocol):
    """A transaction of the app that a storage's writes have become part of."""

    def when_done(
        self, committed: t.Callable[[], None], rolled_back: t.Callable[[], None]
    ) -> None:
        """Call one of the two when the transaction has ended."""


@t.runtime_checkable
class Storage(t.Protocol):
    """Keeps carts.

    Its errors are :class:`~flask_cart.CartStorageError`, or
    :class:`~flask_cart.CartBusyError` where rivals were in the way, nothing was saved,
    and the same call may succeed later.
    """

    #: How it keeps two writers from undoing each other.
    guarantee: Guarantee

    #: Whether the lock is held from the first attempt of a write on, or only for the
    #: last one.
    always_lock: bool

    def load(self, key: CartKey) -> Stored | None:
        """What is stored under the key."""

    def save(self, owner: str, changes: Changes) -> bool:
        """Store or delete several carts of one owner: all of them, or none.

        Each is stored with its new version if its stored version is the expected one,
        and deleted if its text is ``None``. What was not there cannot be deleted.

        :param owner: Whose carts they are.
        :param changes: By the name of the cart; at least one.
        :return: ``False`` if somebody else was faster with any of them, and nothing was
            changed.
        """

    def lock(self, owner: str) -> AbstractContextManager[Held | None]:
        """Keep all others from writing the carts of an owner, from before a load until
        after the save."""

    def instances(self, owner: str) -> list[str]:
        """The names of the carts that the owner has."""

    def transaction(self) -> Transaction | None:
        """The app's transaction that this thread's writes are part of, if any."""


@t.runtime_checkable
class ScansCarts(t.Protocol):
    """A storage that can be gone through, for the commands of ``flask cart``."""

    def scan(self, before: dt.datetime | None = None) -> t.Iterator[Kept]:
        """All carts with what is stored, each once, a few in memory at a time.

        So are the records beside them, whose owners begin with ``@``. What is saved or
        deleted meanwhile may be missing.

        :param before: Only those that were last saved before this time, with its time
            zone.
        """


def is_storage(thing: t.Any) -> t.TypeGuard[Storage]:
    """Whether it has all that a storage has. So has its class, which is none."""
    return not isinstance(thing, type) and fulfills(thing, Storage)


def scans_carts(storage: Storage) -> t.TypeGuard[ScansCarts]:
    """Whether it can be gone through."""
    return fulfills(storage, ScansCarts)


def is_sought(kept: Kept, before: dt.datetime | None) -> bool:
    """Whether it is what :meth:`ScansCarts.scan` is to find."""
    if before is None:
        return True

    return kept.saved_at is not None and kept.saved_at < before


def next_version(expected: int) -> int:
    """The version of a cart that is saved on top of another one, or of a new one.

    It grows by a random step: a server that has lost its last writes and goes on from
    an older state must not give their versions to other contents. The first one is
    drawn at random, so that a cart which is destroyed and made anew does not come by a
    version that an old reader still holds. All of them stay exact in JSON.

    :param expected: That one's version; 0 if there was none.
    """
    return expected + 1 + secrets.randbits(_STEP if expected else _FIRST)


def deletes_nothing(changes: Changes) -> bool:
    """Whether one is to be deleted that was not there: such a save is lost."""
    return any(each.text is None and not each.expected for each in changes.values())
