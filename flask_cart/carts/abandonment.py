"""Abandonment: carts that were left for so long that they are deleted."""

from __future__ import annotations

import datetime as dt
import logging
import typing as t

from ..model.document import Document
from ..model.errors import CartBusyError
from ..model.errors import CartConflictError
from ..model.errors import CartStorageError
from ..model.errors import CartVetoError
from ..model.events import CartAbandoned
from ..model.keys import CartKey
from .repository import Repository
from .scanning import FoundCart
from .scanning import Kind
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

#: What has become of a cart that was to be deleted. ``kept``: a receiver wants it so.
#: ``changed``: somebody else was faster, or is just changing it. ``failed``: a receiver
#: raised something else, and has not done its part.
Outcome = t.Literal["deleted", "kept", "changed", "failed"]

OUTCOMES: t.Final[tuple[Outcome, ...]] = t.get_args(Outcome)


def state_of(found: FoundCart, deadlines: Deadlines, now: dt.datetime) -> State:
    """Whether a cart is to be deleted.

    :param now: When it is.
    """
    document = found.content

    if not isinstance(document, Document):
        return "corrupt"

    deadline = deadlines[kind_of(found.key, document)]

    if found.saved_at is None or deadline is None or found.saved_at >= deadline:
        return "active"

    if any(each.started_at > now - CHECKOUT_LASTS for each in document.pending):
        return "in_checkout"

    return "abandoned"


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

    try:
        saved = repository.storage.save(
            key.owner, {key.instance: (stored.version, stored.text)}
        )
    except CartBusyError:
        saved = None

    if saved is None:
        return "changed"

    version = saved[key.instance]

    try:
        announce(_event(found, version))
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


def _event(found: FoundCart, version: int) -> CartAbandoned:
    document = t.cast(Document, found.content)
    event = CartAbandoned(
        kind=kind_of(found.key, document),
        lines=document.lines,
        last_changed=document.updated_at,
    )

    return stamped(event, found.key, version)
