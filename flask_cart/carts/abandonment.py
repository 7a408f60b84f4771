"""Abandonment: carts that were left, of which somebody is reminded, until they are
deleted."""

from __future__ import annotations

import datetime as dt
import logging
import typing as t

from msgspec import UNSET
from msgspec.structs import replace

from ..model.document import Document
from ..model.document import encode
from ..model.errors import CartBusyError
from ..model.errors import CartConflictError
from ..model.errors import CartCorruptError
from ..model.errors import CartStorageError
from ..model.errors import CartVetoError
from ..model.events import CartAbandoned
from ..model.events import ReminderDue
from ..model.keys import CartKey
from ..storage.base import Annotation
from ..storage.base import Change
from ..storage.base import Storage
from .repository import Repository
from .scanning import FoundCart
from .scanning import Kind
from .scanning import find_carts
from .scanning import kind_of
from .writing import stamped

_logger = logging.getLogger(__name__)

#: For how long a cart is kept after an order of it was begun, and so is the note of the
#: order: it may be paid by a bank transfer.
CHECKOUT_LASTS: t.Final = dt.timedelta(days=30)

#: Before when a cart of a kind was last saved if it is abandoned; ``None`` for never.
Deadlines = t.Mapping[Kind, dt.datetime | None]


#: Whether a cart is to be deleted: only what is abandoned is.
State = t.Literal["abandoned", "active", "in_checkout", "corrupt"]

#: What has become of a cart that was left. ``kept``: a receiver wants it so.
#: ``changed``: somebody else was faster, or is just changing it. ``failed``: a receiver
#: raised something else, and has not done its part.
Outcome = t.Literal["deleted", "reminded", "kept", "changed", "failed"]

Left = t.TypeVar("Left", CartAbandoned, ReminderDue)


def state_of(found: FoundCart, deadlines: Deadlines, now: dt.datetime) -> State:
    """Whether a cart is to be deleted.

    :param now: When it is.
    """
    saved_at = found.saved_at

    def is_left(kind: Kind) -> bool:
        deadline = deadlines[kind]

        return saved_at is not None and deadline is not None and saved_at < deadline

    # Only what is to be deleted is read in full.
    document = found.content if all(map(is_left, deadlines)) else found.summary

    if isinstance(document, CartCorruptError):
        return "corrupt"

    if not is_left(kind_of(found.key, document)):
        return "active"

    if any(each.started_at > now - CHECKOUT_LASTS for each in document.pending):
        return "in_checkout"

    return "abandoned" if isinstance(found.content, Document) else "corrupt"


def carts_to_remind_of(
    storage: Storage, deadline: dt.datetime, now: dt.datetime
) -> t.Iterator[FoundCart]:
    """The carts with something in them that are abandoned, and nobody was reminded of.

    :param deadline: Since when nobody has changed them.
    :param now: When it is.
    """
    deadlines: Deadlines = {"empty": None, "guest": deadline, "user": deadline}

    for found in find_carts(storage, deadline):
        is_left = state_of(found, deadlines, now) == "abandoned"

        if is_left and not is_reminded(t.cast(Document, found.content)):
            yield found


def mark_reminded(
    storage: Storage, key: CartKey, version: int, document: Document, now: dt.datetime
) -> int | None:
    """Note in a cart that its owner is reminded of it. It does not become younger.

    :param version: The version that was read, and is to be the stored one still.
    :param now: When it is.
    :return: The version with the note; ``None`` if there is one, or another version.
    """
    if is_reminded(document):
        return None

    marked = replace(document, reminded_at=now)

    return _saved(storage, key, Annotation.on(version, encode(marked)))


def remind(
    storage: Storage,
    found: FoundCart,
    announce: t.Callable[[ReminderDue], None],
    now: dt.datetime,
) -> Outcome:
    """Tell the app that it is time to remind somebody of a cart, once.

    :param announce: Tells the app; after what it raises, it is told again some day.
    :param now: When it is.
    """
    key, document = found.key, t.cast(Document, found.content)
    version = mark_reminded(storage, key, found.stored.version, document, now)

    if version is None:
        return "changed"

    try:
        announce(_event(ReminderDue, found, version))
    except Exception as error:
        _saved(storage, key, Annotation.on(version, encode(document)))

        return "kept" if isinstance(error, CartVetoError) else "failed"

    return "reminded"


def delete_abandoned(
    repository: Repository,
    found: FoundCart,
    announce: t.Callable[[CartAbandoned], None],
    destroy: t.Callable[[CartKey, int], None],
) -> Outcome:
    """Announce that a cart is abandoned, and delete it if nobody objects.

    It is saved as it is before, which makes a version that only this one knows: of
    several who want to delete it, one announces it, and a shopper who comes back at any
    time makes the rest of this fail.

    :param announce: Tells the app; what it raises keeps the cart, until it has been
        left for as long again.
    :param destroy: Deletes the cart, if it has this version.
    """
    key, stored = found.key, found.stored
    # If it is kept, it is until it has been left for as long again.
    resaved = Change.on(stored.version, stored.text)
    version = _saved(repository.storage, key, resaved)

    if version is None:
        return "changed"

    try:
        announce(_event(CartAbandoned, found, version))
    except CartVetoError:
        return "kept"
    except Exception:
        return "failed"

    try:
        destroy(key, version)
    except CartVetoError:
        return "kept"
    except (CartConflictError, CartBusyError):
        return "changed"
    except CartStorageError:
        raise
    except Exception:
        _logger.exception("A receiver of 'before_change' failed; the cart was kept.")

        return "failed"

    return "deleted"


def delete_unheard(storage: Storage, found: FoundCart) -> Outcome:
    """Delete a cart that is abandoned, where nobody is told of it, in one statement."""
    deletion = Change.on(found.stored.version, None)
    version = _saved(storage, found.key, deletion)

    return "changed" if version is None else "deleted"


def is_reminded(document: Document) -> bool:
    """Whether somebody was reminded of a cart since it was changed."""
    return document.reminded_at is not UNSET


def _saved(storage: Storage, key: CartKey, change: Change) -> int | None:
    """The version of a cart that is saved, or 0 if it is deleted; if nobody was
    faster."""
    try:
        is_saved = storage.save(key.owner, {key.instance: change})
    except CartBusyError:
        return None

    return change.version if is_saved else None


def _event(kind: type[Left], found: FoundCart, version: int) -> Left:
    document = t.cast(Document, found.content)
    event = kind(
        kind=kind_of(found.key, document),
        lines=document.lines,
        last_changed=document.updated_at,
    )

    return stamped(event, found.key, version)
