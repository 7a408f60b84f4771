"""Scanning: all that is in a storage, one by one, what is damaged among it."""

from __future__ import annotations

import datetime as dt
import typing as t
from functools import cached_property

from ..model.document import Document
from ..model.document import OrderNote
from ..model.document import decode
from ..model.errors import CartConfigError
from ..model.errors import CartCorruptError
from ..model.idempotency import USED_KEYS
from ..model.idempotency import UsedKeys
from ..model.idempotency import decode_keys
from ..model.keys import NOBODYS
from ..model.keys import CartKey
from ..model.summary import Summary
from ..model.summary import summarize
from ..storage.base import Kept
from ..storage.base import ScansCarts
from ..storage.base import Storage
from ..storage.base import is_sought
from ..storage.base import scans_carts
from .notes import notes_in
from .repository import Repository

T = t.TypeVar("T")

Kind = t.Literal["empty", "guest", "user"]

KINDS: t.Final[tuple[Kind, ...]] = t.get_args(Kind)


class Found(t.Generic[T]):
    """Something that was come across. It is read when somebody asks for its content.

    :param kept: As the storage has it.
    :param read: Reads what is stored.
    """

    def __init__(self, kept: Kept, read: t.Callable[[str | bytes], T]) -> None:
        self.key, self.stored, self.saved_at = kept
        self._read = read

    @cached_property
    def content(self) -> T | CartCorruptError:
        """What it is, or why what is stored is none."""
        return _unless_corrupt(self._read, self.stored.data)


class FoundCart(Found[Document]):
    """A cart that was come across."""

    def __init__(self, kept: Kept) -> None:
        super().__init__(kept, decode)

    @cached_property
    def summary(self) -> Summary | Document | CartCorruptError:
        """What it is at a glance, or why what is stored is none."""
        return _unless_corrupt(summarize, self.stored.data)


FoundNote = Found[OrderNote]
FoundKeys = Found[UsedKeys]


def scan(storage: Storage) -> t.Iterator[Kept]:
    """All that is stored, a few in memory at a time: carts, and what is beside them.

    :raises CartConfigError: If the storage cannot list its carts.
    """
    return _scanning(storage).scan()


def find_carts(
    storage: Storage,
    before: dt.datetime | None = None,
    aside: t.Callable[[Kept], None] | None = None,
) -> t.Iterator[FoundCart]:
    """All carts, a few in memory at a time.

    :param before: Only those that were last saved before this time.
    :param aside: Is given what is come across and is no cart, however young it is.
    :raises CartConfigError: If the storage cannot list its carts.
    """
    for kept in _scanning(storage).scan(before if aside is None else None):
        if not kept.key.is_cart:
            if aside is not None:
                aside(kept)
        elif is_sought(kept, before):
            yield FoundCart(kept)


def find_everything(
    repository: Repository,
) -> t.Iterator[FoundCart | FoundNote | FoundKeys]:
    """All carts, notes of orders that were begun, and used keys, alike."""
    notes = notes_in(repository)

    for kept in scan(repository.storage):
        if kept.key.is_cart:
            yield FoundCart(kept)
        elif notes.is_one(kept.key):
            yield Found(kept, notes.read)
        elif kept.key.instance == USED_KEYS:
            yield Found(kept, decode_keys)


def kind_of(key: CartKey, document: Document | Summary) -> Kind:
    """What kind of cart it is: how long it is of use depends on it."""
    if not document.lines:
        return "empty"

    return "guest" if key.bare_owner.startswith(NOBODYS) else "user"


def _scanning(storage: Storage) -> ScansCarts:
    if not scans_carts(storage):
        raise CartConfigError(
            # Not type(), which of a proxy is the proxy's.
            f"{storage.__class__.__name__} cannot list its carts."
        )

    return storage


def _unless_corrupt(
    read: t.Callable[[str | bytes], T], data: str | bytes
) -> T | CartCorruptError:
    try:
        return read(data)
    except CartCorruptError as error:
        return error
