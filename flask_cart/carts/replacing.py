"""Replacing: a program sends all that is to be in a cart, and loses nothing of others.

What it does is the difference to what it was last shown. That is kept beside the cart,
and saved in the same write. An answer may get lost, and then the client sends the same
again: so what others have added counts as seen only when it was told twice.
"""

from __future__ import annotations

import typing as t

import msgspec
from msgspec.structs import replace

from ..model.document import Document
from ..model.events import Event
from ..model.events import MetadataAdded
from ..model.idempotency import Claim
from ..model.keys import AFTER
from ..model.keys import CartKey
from ..model.limits import Limits
from ..model.limits import allowed
from ..model.limits import by_item
from ..model.line_operations import AddLine
from ..model.line_operations import IncrementLine
from ..model.lines import Line
from ..model.lines import count_of
from ..model.operations import Applied
from ..model.operations import Limited
from ..model.operations import Reapplied
from ..model.operations import apply_all
from ..model.operations import line_gone
from ..model.values import FrozenDict
from .working_copy import WorkingCopy
from .working_copy import write_parts
from .writing import Operations
from .writing import Part

#: The name of the instance that is kept beside a cart.
SHOWN: t.Final = f"{AFTER}shown"

#: Of how many clients a cart knows what they were shown.
MAX_CLIENTS: t.Final = 32

_CLIENTS: t.Final = "clients"

Quantities = t.Mapping[str, int]


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """What a client was shown of a cart.

    :param quantities: How many of each line.
    :param sent: How many of a line it had sent, if it was told once that there are
        more.
    """

    quantities: dict[str, int]
    sent: dict[str, int] = {}

    def next(self, wanted: Quantities, after: Quantities) -> Seen:
        """What it has seen after the answer to what it wants."""
        told_once = {
            line_id: wanted.get(line_id, 0)
            for line_id, count in after.items()
            if count > wanted.get(line_id, 0)
            and self.sent.get(line_id) != wanted.get(line_id, 0)
        }

        return Seen(dict(after), told_once)

    def of(self, line_id: str, wanted: int) -> int:
        """How many of a line a client has in mind that wants so many."""
        if self.sent.get(line_id) == wanted:
            return wanted

        return self.quantities.get(line_id, 0)


class ReplaceLines(Limited, frozen=True):
    """Make of a cart what a client wants, who has seen it some time ago.

    :param wanted: The lines that are to be there, with their quantities.
    :param limits: What the cart may reach.
    :param seen: What the client was shown; ``None`` if it never was. Who has seen
        nothing takes nothing out, and adds what is missing.
    :param makes_cart: Whether there is no cart yet.
    """

    wanted: tuple[Line, ...]
    limits: Limits
    seen: Seen | None = None
    makes_cart: bool = False

    def apply(self, document: Document) -> Applied:
        if document.created_at is None and not self.makes_cart:
            # It was cancelled, or handed over.
            raise line_gone("")

        terms = by_item(self.terms)
        wanted = {line.id for line in self.wanted}
        events: list[Event] = []

        for line_id in self.seen.quantities if self.seen is not None else ():
            count = t.cast(Seen, self.seen).of(line_id, 0)

            if line_id not in wanted and count and document.line(line_id) is not None:
                # What others have added to it since stays.
                document, happened = IncrementLine(line_id, -count).apply(document)
                events.extend(happened)

        for line in self.wanted:
            now = count_of(document.line(line.id))
            # Less than nothing, if others have taken it out meanwhile.
            target = max(now + line.quantity - self._in_mind(line, now), 0)
            most = allowed(document, line, target, self.limits, terms)

            if most != now:
                change = (
                    AddLine(replace(line, quantity=most - now))
                    if most > now
                    else IncrementLine(line.id, most - now)
                )
                document, happened = change.apply(document)
                events.extend(happened)

        return document, tuple(events)

    def _in_mind(self, line: Line, now: int) -> int:
        """How many of a line the client believes that there are."""
        if self.seen is None:
            return min(now, line.quantity)

        return self.seen.of(line.id, line.quantity)


class Show(Reapplied, frozen=True):
    """Note what a client is shown."""

    client: str
    seen: Seen

    def apply(self, document: Document) -> Applied:
        before = _clients(document)

        if before.get(self.client) == self.seen:
            return document, ()

        others = [each for each in before.items() if each[0] != self.client]
        clients = [*others, (self.client, self.seen)][-MAX_CLIENTS:]
        # A list, for objects lose their order in some databases.
        metadata = FrozenDict({_CLIENTS: msgspec.to_builtins(clients)})
        event = MetadataAdded(key=_CLIENTS, value=None)

        return replace(document, metadata=metadata), (event,)


def replace_lines(
    working: WorkingCopy,
    client: str,
    wanted: t.Sequence[Line],
    claim: Claim | None,
    *,
    makes_cart: bool = False,
    expected: int | None = None,
) -> None:
    """Let there be in a cart what a client wants, and note that it is shown that.

    :param client: Identifies it.
    :param claim: The key of the change, if the client has made one up.
    :param makes_cart: Whether there is none yet.
    :param expected: The only version that may be changed, if there is one.
    :raises CartConflictError: If there is no such cart any more, or of another version.
    :raises CartReplayedError: If it was made already.
    :raises CartQuantityError: If something is not sold in what is left of it.
    """
    claims = [claim] if claim is not None else []

    for each in claims:
        working.check_unused(each)

    limits = working.repository.limits
    lines = tuple(wanted)
    change = ReplaceLines(lines, limits, makes_cart=makes_cart, asks=lines)

    def fit(
        documents: t.Sequence[Document], operations: t.Sequence[Operations]
    ) -> t.Sequence[Operations]:
        document, beside = documents
        (change,) = t.cast("tuple[ReplaceLines]", operations[0])
        seen = _clients(beside).get(client)
        change = replace(change, seen=seen)
        after, _ = apply_all(document, [change])
        told = (seen or Seen({})).next(_counts(lines), _counts(after.lines))
        # What comes to nothing makes no cart.
        is_kept = after.lines or not makes_cart

        return [(change,), (Show(client, told),) if is_kept else ()]

    key = working.found_key()
    parts = [working.part((change,), expected), _beside(key)]
    write_parts([working], parts, fit, claims)


def note_shown(
    working: WorkingCopy, client: str, quantities: Quantities | None = None
) -> None:
    """Note that a client is shown what was read.

    :param quantities: What it is shown of the lines, if it is something older.
    """
    if quantities is None:
        quantities = _counts(working.document.lines)

    show = Show(client, Seen(dict(quantities)))
    working.repository.write([_beside(working.found_key(), show)])


def _counts(lines: t.Iterable[Line]) -> dict[str, int]:
    return {line.id: line.quantity for line in lines}


def _beside(key: CartKey, *operations: Show) -> Part:
    return Part(CartKey(key.owner, SHOWN), operations, None, None, _tell_nobody)


def _tell_nobody(key: CartKey, version: int, events: tuple[Event, ...]) -> None:
    """What a client is shown is no change of a cart."""


def _clients(document: Document) -> dict[str, Seen]:
    kept = document.metadata.get(_CLIENTS, ())

    return dict(msgspec.convert(kept, list[tuple[str, Seen]]))
