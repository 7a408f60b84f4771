"""Unmerging: what was merged is taken out, and the other cart gets it back."""

from __future__ import annotations

import typing as t

from msgspec.structs import replace

from ..model.combining import add_rest
from ..model.combining import meets
from ..model.combining import put_conditions
from ..model.combining import ready_for
from ..model.combining import take_over
from ..model.combining import united
from ..model.conditions import Condition
from ..model.coupons import coupon_keys
from ..model.document import Content
from ..model.document import Document
from ..model.document import MergedCart
from ..model.document import noted
from ..model.events import Event
from ..model.events import MergeUndone
from ..model.keys import CartKey
from ..model.lines import Line
from ..model.operations import AddLine
from ..model.operations import Applied
from ..model.operations import Operation
from ..model.operations import Reapplied
from ..model.operations import RemoveLine
from ..model.operations import SetMetadata
from ..model.operations import StaleError
from ..model.operations import apply_all
from ..model.values import FrozenDict
from .merging import source_id
from .working_copy import WorkingCopy


class UndoMerge(Reapplied, frozen=True):
    """Take out what came from another cart, as far as it is still as it came.

    :param source_id: Identifies the other cart.
    :param owner: The owner of the other cart.
    """

    source_id: str
    owner: str

    def apply(self, document: Document) -> Applied:
        record = next((e for e in document.merged if e.source == self.source_id), None)

        if record is None or record.guest is None or record.user is None:
            return document, ()

        guest, user = record.guest, record.user
        result = document
        events: list[Event] = []

        for theirs in guest.lines:
            had = user.line(theirs.id)

            if had is not None and document.currency != guest.currency:
                raise StaleError(
                    theirs.id,
                    {"merged": guest.currency, "stored": document.currency},
                )

            result, happened = _give_back(
                result,
                theirs,
                had,
                record.gained.get(theirs.id, 0),
                has_replaced=record.has_replaced,
            )
            events.extend(happened)

        gone = _came(document.conditions, guest.conditions, user.conditions)
        back = [each for each in user.conditions if meets(each, gone)]
        names = {each.name for each in back}
        stay = [c for c in document.conditions if c not in gone or c.name in names]

        # Those that are amounts were of another currency.
        if document.currency == guest.currency:
            result, happened = put_conditions(result, united(stay, back, True))
            events.extend(happened)

        came = [
            key
            for key in guest.metadata
            if _of(document, key) == _of(guest, key) != _of(user, key)
        ]
        keys = [*came, *_displaced(document, user, guest, came)]
        values = {key: user.metadata[key] for key in keys if key in user.metadata}
        removed = tuple(key for key in came if key not in values)
        result, happened = SetMetadata(FrozenDict(values), removed).apply(result)
        events.extend(happened)

        tokens = {each.token for each in guest.pending}
        tokens -= {each.token for each in user.pending}
        pending = tuple(e for e in result.pending if e.token not in tokens)
        result = replace(result, pending=pending)

        if not result.lines and not result.conditions:
            result = replace(result, currency=user.currency)

        merged = tuple(each for each in document.merged if each is not record)
        events.append(MergeUndone(source=self.owner))

        return replace(result, merged=merged), tuple(events)


class RestoreContent(Reapplied, frozen=True):
    """Put back what was in a cart before it was merged into another one.

    :param owner: The owner of the cart.
    :param max_coupons: How many codes of coupons a cart notes.
    """

    content: Content
    owner: str
    max_coupons: int | None = None

    def apply(self, document: Document) -> Applied:
        # It is still, or again, the cart that was merged. It gets a new version, so
        # that a merge that has not deleted it yet does not.
        if document.created_at == self.content.created_at:
            return replace(document, updated_at=None), (MergeUndone(source=self.owner),)

        result = ready_for(document, self.content)
        events: list[Event] = []

        for line in self.content.lines:
            result, happened = take_over(result, line)
            events.extend(happened)

        result, happened = add_rest(
            result,
            self.content.conditions,
            self.content.metadata,
            max_coupons=self.max_coupons,
        )
        events.extend(happened)

        # With its old date it is known to have been merged: if the other cart still
        # says so, because somebody died in between, nothing of it counts twice.
        result = replace(
            result,
            created_at=self.content.created_at,
            pending=noted(self.content.pending, result.pending),
        )

        return result, tuple(events)


def undo_merge(target: WorkingCopy, source: WorkingCopy) -> bool:
    """Give back to a cart what was merged of it last.

    :param target: The cart that it was merged into.
    :param source: The cart that was merged.
    :return: Whether there was something to undo.
    :raises CartConflictError: If what came has been changed since.
    """
    source.refuse_batch("given back")
    target.refuse_batch("divided")

    if source.key is None or target.key is None:
        return False

    key = source.key
    max_coupons = target.repository.limits.coupons

    is_undone = False

    def plan(documents: t.Sequence[Document]) -> tuple[tuple[Operation, ...], ...]:
        nonlocal is_undone
        found = _undoable(documents[1], key)
        is_undone = found is not None

        # It may have been sold since, or undone by somebody else.
        if found is None or found.guest is None:
            return (), ()

        restore = RestoreContent(found.guest, key.owner, max_coupons)

        return (restore,), (UndoMerge(found.source, key.owner),)

    # What was read long ago must not come back.
    target.refresh()
    restore, undo = plan([source.document, target.document])

    if not is_undone:
        return False

    try:
        apply_all(target.document, undo)
    except StaleError as error:
        raise target.conflict(
            "What was merged has been changed since, so it was not taken out.",
            expected_version=target.snapshot.version,
            line_id=error.line_id,
            details=error.details,
        ) from error

    # Refused before anything is given back, if another version is expected.
    target.apply()
    source.write(restore, None)

    return bool(target.apply(*undo))


def _undoable(document: Document, key: CartKey) -> MergedCart | None:
    """The record of the last merge, if it was of this cart and can be undone."""
    for record in document.merged:
        if record.guest is not None and record.source == source_id(key, record.guest):
            return record

    return None


def _give_back(
    document: Document,
    theirs: Line,
    had: Line | None,
    gained: int,
    *,
    has_replaced: bool,
) -> Applied:
    """Take out of a line what came from another cart.

    :param theirs: The line of the other cart.
    :param had: This cart's line before.
    :param gained: How many came.
    :param has_replaced: Whether its name, price and attributes came, too.
    :raises StaleError: If there are fewer now.
    """
    line = document.line(theirs.id)
    merged = gained + (had.quantity if had is not None else 0)
    now = line.quantity if line is not None else 0

    if now < merged:
        raise StaleError(theirs.id, {"merged": merged, "stored": now})

    if line is None:
        return AddLine(had).apply(document) if had is not None else (document, ())

    if had is None:
        if now == gained:
            return RemoveLine(line.id).apply(document)

        had = line

    conditions = tuple(
        next((each for each in had.conditions if each.name == condition.name), None)
        if condition in _came(line.conditions, theirs.conditions, had.conditions)
        else condition
        for condition in line.conditions
    )
    before = had if has_replaced else line
    changed = replace(
        line,
        quantity=now - gained,
        name=before.name if line.name == theirs.name else line.name,
        price=before.price if line.price == theirs.price else line.price,
        attributes=(
            before.attributes
            if line.attributes == theirs.attributes
            else line.attributes
        ),
        conditions=tuple(each for each in conditions if each is not None),
    )

    return AddLine(changed, "replace").apply(document)


def _came(
    now: t.Iterable[Condition],
    theirs: t.Collection[Condition],
    had: t.Collection[Condition],
) -> list[Condition]:
    """The conditions that came from another cart, and are still as they came."""
    return [each for each in now if each in theirs and each not in had]


def _displaced(
    document: Document, had: Content, theirs: Content, came: t.Iterable[str]
) -> tuple[str, ...]:
    """The keys of the coupons that had to go for those that came."""
    gone = [
        key
        for key in had.metadata
        if key not in theirs.metadata and key not in document.metadata
    ]
    count = len(coupon_keys(came))

    return coupon_keys(gone)[-count:] if count else ()


def _of(content: Document | Content, key: str) -> tuple[t.Any, ...]:
    """The value of a metadata key, if there is one."""
    return (content.metadata[key],) if key in content.metadata else ()
