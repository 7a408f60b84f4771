"""Transferring: all that is in a cart is given to another owner."""

from __future__ import annotations

import typing as t

from ..model.limits import Limits
from ..model.lines import MAX_QUANTITY
from ..model.merging import is_empty
from ..model.merging import record_of
from .merging import merge
from .merging import source_id
from .notes import Notes
from .working_copy import WorkingCopy

#: What leaves nothing behind.
_UNLIMITED: t.Final = Limits(items=MAX_QUANTITY, quantity=MAX_QUANTITY)


def transfer(
    notes: Notes, pairs: t.Collection[tuple[WorkingCopy, WorkingCopy]]
) -> None:
    """Give what is in carts to other owners, who have nothing there.

    :param notes: Those of the orders that were begun in them.
    :param pairs: Each cart, and the one that it becomes.
    :raises CartConflictError: If one of the others is not empty. All stay as they are.
    """
    for source, target in pairs:
        _check_vacant(target, source)

    for source, target in pairs:
        merge(notes, source, target, limits=_UNLIMITED)


def _check_vacant(target: WorkingCopy, source: WorkingCopy) -> None:
    # It may have been given already, by somebody who then died.
    if is_empty(target.document) or _was_given(target, source):
        return

    raise target.conflict(
        f"There is something in the cart {target.key} already. Empty it before it is"
        f" given that of another owner, or merge the two.",
        expected_version=0,
    )


def _was_given(target: WorkingCopy, source: WorkingCopy) -> bool:
    if source.key is None:
        return False

    known = source_id(source.key, source.document)

    return record_of(target.document, known) is not None
