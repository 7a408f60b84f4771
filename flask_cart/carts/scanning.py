"""Scanning: all that is in a storage, one by one, what is damaged among it."""

from __future__ import annotations

import datetime as dt
import typing as t

from msgspec import UNSET
from msgspec import UnsetType

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
from ..storage.base import ScansCarts
from ..storage.base import Storage
from ..storage.base import Stored
from ..storage.base import scans_carts
from .notes import notes_in
from .records import Records
from .replacing import SHOWN
from .repository import Repository


class Ends(t.Protocol):
    """A record that is good for a while."""

    @property
    def expires_at(self) -> dt.datetime:
        """Until when."""


T = t.TypeVar("T")
Ending = t.TypeVar("Ending", bound=Ends)

Kind = t.Literal["empty", "guest", "user"]

KINDS: t.Final[tuple[Kind, ...]] = t.get_args(Kind)


class Found(t.NamedTuple, t.Generic[T]):
    """Something that was come across.

    :param saved_at: When it was last saved, if that can be read.
    :param content: What it is, or why what is stored is none.
    """

    key: CartKey
    stored: Stored
    saved_at: dt.datetime | None
    content: T | CartCorruptError

    @property
    def untouched_since(self) -> dt.datetime | None:
        """Since when nobody has changed it, whoever was reminded of it meanwhile."""
        left = self.content.left if isinstance(self.content, Document) else UNSET

        return self.saved_at if isinstance(left, UnsetType) else left.since


FoundCart = Found[Document]
FoundNote = Found[OrderNote]
FoundKeys = Found[UsedKeys]


def find_carts(
    storage: Storage, before: dt.datetime | None = None
) -> t.Iterator[FoundCart]:
    """All carts, a few in memory at a time.

    :param before: Only those that were last saved before this time.
    :raises CartConfigError: If the storage cannot list its carts.
    """
    return (
        Found(key, stored, saved_at, _content(decode, stored.data))
        for key, stored, saved_at in _scanning(storage).scan(before)
        if key.is_cart
    )


def find_notes(
    repository: Repository, before: dt.datetime | None = None
) -> t.Iterator[FoundNote]:
    """The notes of all orders that were begun, alike."""
    return find_records(notes_in(repository), before)


def find_records(
    records: Records[T], before: dt.datetime | None = None
) -> t.Iterator[Found[T]]:
    """All records of one kind, alike."""
    return (
        Found(key, stored, saved_at, _content(records.read, stored.data))
        for key, stored, saved_at in _scanning(records.repository.storage).scan(before)
        if records.is_one(key)
    )


def find_used_keys(
    storage: Storage, before: dt.datetime | None = None
) -> t.Iterator[FoundKeys]:
    """The used keys of all owners, alike."""
    return (
        Found(key, stored, saved_at, _content(decode_keys, stored.data))
        for key, stored, saved_at in _scanning(storage).scan(before)
        if key.instance == USED_KEYS
    )


def find_shown(
    storage: Storage, before: dt.datetime | None = None
) -> t.Iterator[FoundCart]:
    """What programs were shown of carts, alike."""
    return (
        Found(key, stored, saved_at, _content(decode, stored.data))
        for key, stored, saved_at in _scanning(storage).scan(before)
        if key.instance == SHOWN
    )


def forget_expired(records: Records[Ending], now: dt.datetime) -> None:
    """Forget the records of a kind that are over."""
    for found in list(find_records(records)):
        content = found.content

        if not isinstance(content, CartCorruptError) and content.expires_at <= now:
            records.remove(records.token_of(found.key), content)


def find_untouched(storage: Storage, before: dt.datetime) -> t.Iterator[FoundCart]:
    """The carts that nobody has changed since a time.

    :raises CartConfigError: If the storage cannot list its carts.
    """
    # Not those that were saved before it: some are saved later, without a change.
    for found in find_carts(storage):
        if found.untouched_since is not None and found.untouched_since < before:
            yield found


def kind_of(key: CartKey, document: Document) -> Kind:
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


def _content(
    read: t.Callable[[str | bytes], T], data: str | bytes
) -> T | CartCorruptError:
    try:
        return read(data)
    except CartCorruptError as error:
        return error
