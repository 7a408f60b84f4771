"""Moving: a line goes from one cart of an owner into another, and is never lost.

Storages that can change two carts in one step do so. Elsewhere it takes three writes:
the first cart notes that the line is moving, the second one receives it and remembers
the move, the first one lets it go. Whoever dies in between leaves a note behind, and
whoever loads the first cart next repeats what is missing; no step has an effect twice.
"""

from __future__ import annotations

import secrets
import typing as t

from msgspec.structs import replace

from ..model.combining import in_currency
from ..model.combining import take_over
from ..model.document import Document
from ..model.document import Move
from ..model.errors import CartConflictError
from ..model.errors import CartStorageError
from ..model.errors import InvalidItemError
from ..model.events import ItemMoved
from ..model.events import ItemMoving
from ..model.idempotency import ClaimKey
from ..model.keys import CartKey
from ..model.line_operations import IncrementLine
from ..model.lines import Line
from ..model.lines import check_quantity
from ..model.operations import Applied
from ..model.operations import Limited
from ..model.operations import Operation
from ..model.operations import Reapplied
from ..model.operations import StaleError
from ..model.operations import apply_all
from ..model.stock import check_terms
from .working_copy import WorkingCopy
from .working_copy import write_together

#: How many moves a cart remembers, so that none brings its line twice.
REMEMBERED: t.Final = 50


class StartMove(Limited, frozen=True):
    """Note that a line is moving; it stays until it has arrived.

    What stays behind has to keep to the terms of the item now: later there is nobody to
    tell.

    :param id: Identifies the move.
    :param to: The instance that it moves into.
    :param quantity: How many, ``None`` for all.
    :param claim: What identifies the key that it came with, if there was one.
    """

    id: str
    to: str
    line_id: str
    quantity: int | None
    claim: str = ""

    def apply(self, document: Document) -> Applied:
        line = movable(document, self.line_id, self.quantity)

        if self.terms is not None:
            rest, _ = IncrementLine(line.id, -line.quantity).apply(document)
            check_terms(document, rest, [self.terms])

        move = Move(self.id, self.to, line, document.currency, self.claim)
        moves = (*document.moves, move)

        return replace(document, moves=moves), (
            ItemMoving(line=line, to=self.to, is_over=False),
        )


class ReceiveCopy(Limited, frozen=True):
    """Add a line of another cart.

    :param currency: What its price is in.
    """

    line: Line
    currency: str

    def apply(self, document: Document) -> Applied:
        return take_over(in_currency(document, self.currency), self.line)


class ReceiveLine(ReceiveCopy, frozen=True):
    """Add a line that moves, unless it has come already.

    :param source: The instance that it comes from.
    :param id: Identifies the move, if that is noted.
    """

    source: str
    id: str | None = None

    def apply(self, document: Document) -> Applied:
        if self.id in document.received:
            return document, ()

        document, events = super().apply(document)

        if self.id is not None:
            received = (*document.received, self.id)[-REMEMBERED:]
            document = replace(document, received=received)

        return document, (*events, ItemMoved(line=self.line, source=self.source))


class EndMove(Reapplied, frozen=True):
    """Forget that a line is moving.

    :param has_arrived: Whether it is in the other cart, and not in this one any more.
        If it is not, the key of the move is free for another try.
    """

    id: str
    has_arrived: bool

    def apply(self, document: Document) -> Applied:
        move = next((each for each in document.moves if each.id == self.id), None)

        if move is None:
            return document, ()

        others = tuple(each for each in document.moves if each is not move)
        document = replace(document, moves=others)
        ended = ItemMoving(line=move.line, to=move.to, is_over=True)

        if not self.has_arrived:
            claims = tuple(each for each in document.claims if each != move.claim)

            return replace(document, claims=claims), (ended,)

        let_go = IncrementLine(move.line.id, -move.line.quantity)
        document, events = let_go.apply(document)

        return document, (*events, ended)


def movable(document: Document, line_id: str, quantity: int | None) -> Line:
    """The line with the quantity that is to move, without what is moving already.

    :raises StaleError: If there is no such line.
    :raises InvalidItemError: If there are fewer.
    """
    line = document.line(line_id)

    if line is None:
        raise StaleError(line_id, {"stored": None, "wanted": {"move": quantity}})

    moving = [each.line for each in document.moves if each.line.id == line_id]
    free = line.quantity - sum(each.quantity for each in moving)

    if free <= 0 or (quantity or 0) > free:
        raise InvalidItemError(
            f"Of {line.item_id!r:.80}, {max(free, 0)} can be moved, not"
            f" {quantity or 'more'}."
        )

    return replace(line, quantity=quantity or free)


def move_line(
    source: WorkingCopy,
    target: WorkingCopy,
    line: Line,
    quantity: int | None,
    claim: ClaimKey | None = None,
) -> None:
    """Move a line into another cart of the same owner.

    :param line: The line as it was read.
    :param quantity: How many, ``None`` for all.
    :param claim: Of the key that the move came with, if there was one.
    :raises InvalidItemError: If there are not as many, or the carts are the same.
    :raises CartQuantityError: If it is not sold in what would be in one of the carts.
    :raises CartLimitError: If the other cart would become too large.
    """
    _check(source, target, quantity)
    # There is a line, so there is a cart.
    source_key = t.cast(CartKey, source.key)
    target_key = t.cast(CartKey, target.key)
    before = (claim,) if claim is not None else ()
    # Of all of it nothing stays behind that the product would have to be asked about.
    asks = line.product_id if quantity is not None else None

    if not source.repository.saves_together:
        start = StartMove(
            secrets.token_hex(8),
            target_key.instance,
            line.id,
            quantity,
            claim.claim if claim is not None else "",
            asks=asks,
        )
        source.apply(*before, start)
        (move,) = (each for each in source.document.moves if each.id == start.id)
        _finish(source, target, move)

        return

    receive = ReceiveLine(
        line, source.document.currency, source_key.instance, asks=line.item_id
    )
    # Not inside the transaction: the app's catalogue may take its time.
    (arrive,) = target.with_terms(target_key, [receive])
    (leave,) = source.with_terms(source_key, [IncrementLine(line.id, 0, asks=asks)])

    def plan(documents: t.Sequence[Document]) -> list[tuple[Operation, ...]]:
        here, _ = documents
        here, _ = apply_all(here, before)

        try:
            moved = movable(here, line.id, quantity)
        except StaleError as error:
            raise source.conflict(
                "The line is not in the cart any more.",
                expected_version=source.snapshot.version,
                line_id=line.id,
                details=error.details,
            ) from error

        go = replace(t.cast(IncrementLine, leave), by=-moved.quantity)
        come = replace(t.cast(ReceiveLine, arrive), line=moved, currency=here.currency)

        return [(*before, go), (come,)]

    write_together([source, target], [source_key, target_key], plan)


def copy_line(
    source: WorkingCopy, target: WorkingCopy, line: Line, quantity: int | None
) -> None:
    """Add a line to another cart of the same owner, and leave it where it is.

    :raises InvalidItemError: If the carts are the same.
    :raises CartLimitError: If the other cart would become too large.
    """
    _check(source, target, quantity)
    copied = replace(line, quantity=quantity or line.quantity)
    target.apply(ReceiveCopy(copied, source.document.currency, asks=line.item_id))


def finish_moves(
    source: WorkingCopy, open_target: t.Callable[[str], WorkingCopy]
) -> None:
    """Finish what somebody has begun who then died.

    :param open_target: Returns the owner's cart of an instance.
    """
    for move in source.document.moves:
        _finish(source, open_target(move.to), move)


def _finish(source: WorkingCopy, target: WorkingCopy, move: Move) -> None:
    source_key = t.cast(CartKey, source.key)
    target_key = t.cast(CartKey, target.key)
    load = source.repository.load

    # Whoever has finished it may have merged the other cart since, with what it knows.
    if all(each.id != move.id for each in load(source_key).document.moves):
        source.refresh()

        if move.id in load(target_key).document.received:
            return

        raise source.conflict(
            "It is not known where the line is now: somebody else has ended the move.",
            expected_version=source.snapshot.version,
            line_id=move.line.id,
        )

    receive = ReceiveLine(
        move.line, move.currency, source_key.instance, move.id, asks=move.line.item_id
    )

    try:
        target.write((receive,), None)
    except (CartConflictError, CartStorageError):
        # Nobody knows whether it has arrived. Whoever loads the cart next finds out.
        raise
    except Exception:
        source.write((EndMove(move.id, False),), None)
        raise

    source.write((EndMove(move.id, True),), None)


def _check(source: WorkingCopy, target: WorkingCopy, quantity: int | None) -> None:
    source.refuse_batch("moved or copied from")
    target.refuse_batch("moved or copied into")

    if source.key == target.key:
        raise InvalidItemError("A line cannot be moved or copied into its own cart.")

    if quantity is None:
        return

    try:
        check_quantity(quantity)
    except ValueError as error:
        raise InvalidItemError(str(error)) from error
