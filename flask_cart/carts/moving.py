"""Moving: a line goes from one cart of an owner into another, in one write."""

from __future__ import annotations

import types
import typing as t

from msgspec.structs import replace

from ..model.document import Document
from ..model.errors import InvalidItemError
from ..model.events import ItemMoved
from ..model.idempotency import Claim
from ..model.idempotency import move_content
from ..model.keys import CartKey
from ..model.line_changes import make_increment
from ..model.line_operations import in_currency
from ..model.line_operations import take_over
from ..model.lines import Line
from ..model.lines import check_quantity
from ..model.operations import Applied
from ..model.operations import Limited
from ..model.operations import line_gone
from ..model.removing import come_back
from ..model.values import refused_as
from .working_copy import WorkingCopy
from .working_copy import write_carts
from .writing import Operations

#: How many of a line; ``...`` for all of them.
Part = int | types.EllipsisType


class ReceiveCopy(Limited, frozen=True):
    """Add a line of another cart."""

    line: Line

    def apply(self, document: Document) -> Applied:
        return take_over(in_currency(document, self.line.currency), self.line)


class ReceiveLine(ReceiveCopy, frozen=True):
    """Add a line that comes from another cart and is not there any more.

    :param source: The instance that it comes from.
    """

    source: str

    def apply(self, document: Document) -> Applied:
        document = in_currency(document, self.line.currency)
        document, events = come_back(document, self.line, self.source) or take_over(
            document, self.line
        )

        return document, (*events, ItemMoved(line=self.line, source=self.source))


def move_line(
    source: WorkingCopy,
    target: WorkingCopy,
    line_id: str,
    to: str,
    quantity: Part,
    key: str | None,
) -> None:
    """Move a line into another cart of the same owner, once for a key.

    :param to: The instance of the other cart.
    :param quantity: How many; all of them if it is left out.
    :raises InvalidItemError: If there are not as many, or the carts are the same.
    :raises CartQuantityError: If it is not sold in what would be in one of the carts.
    :raises CartLimitError: If the other cart would become too large.
    :raises CartConflictError: If somebody else removed the line.
    :raises CartReplayedError: If it has happened before with the key.
    """
    content = move_content(line_id, to, quantity)
    claim = Claim(key, content) if key is not None else None

    if claim is not None:
        # Before the line is looked for, which is gone if it has happened.
        source.check_unused(claim)

    _move(source, target, source.line(line_id), to, quantity, claim)


def _move(
    source: WorkingCopy,
    target: WorkingCopy,
    line: Line,
    to: str,
    quantity: Part,
    claim: Claim | None,
) -> None:
    _check(source, target, quantity)
    # There is a line, so there is a cart.
    key = t.cast(CartKey, source.key)
    # Of all of it nothing stays behind that the product would have to be asked about.
    leave = replace(make_increment(line, 0), to=to)

    if quantity is ...:
        leave = replace(leave, asks=())

    arrive = ReceiveLine(line, key.instance, asks=(line,))

    def fit(
        documents: t.Sequence[Document], wanted: t.Sequence[Operations]
    ) -> t.Sequence[Operations]:
        moved = _movable(documents[0], line.id, quantity)
        # They come with the terms of the product.
        go, come = (t.cast(t.Any, each)[0] for each in wanted)

        return [(replace(go, by=-moved.quantity),), (replace(come, line=moved),)]

    claims = (claim,) if claim is not None else ()
    write_carts([(source, (leave,)), (target, (arrive,))], fit, claims)


def copy_line(
    source: WorkingCopy,
    target: WorkingCopy,
    line_id: str,
    quantity: Part,
) -> None:
    """Add a line to another cart of the same owner, and leave it where it is.

    :raises InvalidItemError: If the carts are the same.
    :raises CartLimitError: If the other cart would become too large.
    """
    line = source.line(line_id)
    _check(source, target, quantity)
    copied = line if quantity is ... else replace(line, quantity=quantity)
    target.apply(ReceiveCopy(copied, asks=(line,)))


def _movable(document: Document, line_id: str, quantity: Part) -> Line:
    """The line with the quantity that is to move.

    :raises StaleError: If there is no such line.
    :raises InvalidItemError: If there are fewer.
    """
    line = document.line(line_id)

    if line is None:
        raise line_gone(line_id, move=None if quantity is ... else quantity)

    if quantity is ...:
        return line

    if quantity > line.quantity:
        raise InvalidItemError(
            f"Of {line.item_id!r:.80}, {line.quantity} can be moved, not {quantity}.",
            is_input=True,
        )

    return replace(line, quantity=quantity)


def _check(source: WorkingCopy, target: WorkingCopy, quantity: Part) -> None:
    source.refuse_batch("moved or copied from")
    target.refuse_batch("moved or copied into")

    if source.key == target.key:
        raise InvalidItemError("A line cannot be moved or copied into its own cart.")

    if quantity is not ...:
        with refused_as(InvalidItemError):
            check_quantity(quantity)
