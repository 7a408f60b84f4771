"""Merging: a document takes over what is in another one, and so many of it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from msgspec.structs import replace

from .conditions import SHIPPING
from .document import Document
from .document import MergedCart
from .document import encode
from .document import noted
from .errors import CartConfigError
from .events import CartMerged
from .events import Event
from .limits import Limits
from .limits import allowed
from .limits import by_item
from .line_operations import AddLine
from .line_operations import add_item_conditions
from .line_operations import in_currency
from .lines import Line
from .lines import check_quantity
from .lines import count_of
from .operations import AddCondition
from .operations import AddCoupons
from .operations import Applied
from .operations import ChooseShipping
from .operations import Limited
from .operations import Operation
from .operations import SetMetadata
from .operations import apply_all
from .removing import drop_line
from .values import FrozenDict
from .values import closest
from .values import fingerprint
from .values import refused_as

#: How many merged carts a cart remembers, so that none is merged twice.
MAX_MERGED: t.Final = 5

#: Takes the user's line, ``None`` if there is none, and the guest's, and returns the
#: quantity that the user has afterwards.
DecideQuantity = t.Callable[[Line | None, Line], int]


def add_quantities(mine: Line | None, theirs: Line) -> int:
    """As many as both carts have together."""
    return count_of(mine) + theirs.quantity


def keep_highest_quantity(mine: Line | None, theirs: Line) -> int:
    """As many as the cart has that has more."""
    return max(count_of(mine), theirs.quantity)


def keep_user_cart(mine: Line | None, theirs: Line) -> int:
    """As many as the user has, if that is any."""
    return count_of(mine) or theirs.quantity


def replace_with_guest(mine: Line | None, theirs: Line) -> int:
    """As many as the guest has."""
    return theirs.quantity


@dataclass(frozen=True)
class Strategy:
    """A way to merge two carts.

    :param prefers_guest: Whether of two things with the same name, the guest's is kept.
    """

    name: str
    decide: DecideQuantity
    prefers_guest: bool = False

    def quantity(self, mine: Line | None, theirs: Line) -> int:
        """The quantity that the user has afterwards.

        :raises CartConfigError: If the app's function returns something else.
        """
        opening = f"The merge strategy {self.name!r} is wrong: "

        with refused_as(CartConfigError, opening):
            return check_quantity(self.decide(mine, theirs), at_least=0)


ADD_QUANTITIES: t.Final = Strategy("add_quantities", add_quantities)

_BUILT_IN: t.Final = (
    ADD_QUANTITIES,
    Strategy("keep_highest_quantity", keep_highest_quantity),
    Strategy("keep_user_cart", keep_user_cart),
    Strategy("replace_with_guest", replace_with_guest, prefers_guest=True),
)


class Strategies:
    """The strategies of an extension, by name."""

    def __init__(self) -> None:
        self._by_name = {each.name: each for each in _BUILT_IN}

    def add(self, name: str, decide: DecideQuantity) -> None:
        """Register the app's own.

        :raises CartConfigError: If there is a built-in one of the name.
        """
        if any(each.name == name for each in _BUILT_IN):
            raise CartConfigError(f"There is a built-in merge strategy {name!r}.")

        self._by_name[name] = Strategy(name, decide)

    def find(self, name: str) -> Strategy:
        """The strategy of this name.

        :raises CartConfigError: If there is none.
        """
        if name not in self._by_name:
            raise CartConfigError(
                f"There is no merge strategy {name!r:.80}."
                f"{closest(str(name), self._by_name)}"
            )

        return self._by_name[name]


class MergeDocument(Limited, frozen=True):
    """Take over all that is in another cart, and was not taken over before.

    The strategy says how many of a line there are afterwards, within the limits and
    the terms of the products.

    :param source: The content of the other cart.
    :param owner: The owner of the other cart.
    :param source_id: Identifies the other cart.
    :param limits: What the result is cut down to.
    """

    source: Document
    owner: str
    source_id: str
    limits: Limits
    strategy: Strategy = ADD_QUANTITIES

    def apply(self, document: Document) -> Applied:
        before = record_of(document, self.source_id)
        earlier = before or MergedCart(self.source_id, {})
        digest = fingerprint(encode(self.source))[:20]

        if earlier.digest == digest:
            return document, ()

        result, events, left_out = self._take_over_lines(document, earlier)
        result, happened = self._take_over_rest(result)
        events += happened
        orders = [
            each
            for each in self.source.pending
            if each.token not in document.settled and document.order(each.token) is None
        ]

        # Also what changes nothing is remembered: the other cart is deleted after it.
        if not (events or left_out or orders) and (before or is_empty(self.source)):
            return document, ()

        more = {
            line.id: count_of(result.line(line.id)) - count_of(document.line(line.id))
            for line in self.source.lines
        }
        came = [
            replace(line, quantity=more[line.id])
            for line in self.source.lines
            if more[line.id] > 0
        ]
        events.append(
            CartMerged(source=self.owner, lines=tuple(came), left_out=tuple(left_out))
        )
        others = (e for e in document.merged if e.source != self.source_id)
        record = self._record(earlier, more, digest)
        result = replace(
            result,
            merged=(*others, record)[-MAX_MERGED:],
            pending=noted(result.pending, orders),
        )

        return result, tuple(events)

    def _take_over_lines(
        self, document: Document, earlier: MergedCart
    ) -> tuple[Document, list[Event], list[Line]]:
        """Take over the lines, and say what the limits leave out."""
        document = _ready_for(document, self.source)
        terms = by_item(self.terms)
        events: list[Event] = []
        left_out: list[Line] = []

        for line in self.source.lines:
            # Of what was merged before, only what there is more of is looked at again.
            if line.quantity > earlier.quantities.get(line.id, 0):
                gained = earlier.gained.get(line.id, 0)
                wanted = self._wanted(line, document, gained)
                most = allowed(document, line, wanted, self.limits, terms)
                document, happened = self._put(line, most, document)
                events.extend(happened)

                if wanted > most:
                    left_out.append(replace(line, quantity=wanted - most))

            document, happened = add_item_conditions(
                document, line, replaces=self.strategy.prefers_guest
            )
            events.extend(happened)

        return document, events, left_out

    def _wanted(self, line: Line, document: Document, gained: int) -> int:
        """How many of a line there are to be.

        :param gained: How many of this cart's line came from the other one before.
        """
        mine = document.line(line.id)
        now = count_of(mine)
        own = max(0, now - gained)
        wanted = self.strategy.quantity(
            replace(mine, quantity=own) if mine is not None and own else None, line
        )

        # What came and was sold or taken out since must not come again.
        return max(0, wanted - max(0, gained - now))

    def _put(self, line: Line, quantity: int, document: Document) -> Applied:
        """Let there be so many of a line."""
        mine = document.line(line.id)

        if not quantity:
            return drop_line(document, mine) if mine is not None else (document, ())

        if mine is None:
            return AddLine(replace(line, quantity=quantity)).apply(document)

        # The name and price that this cart has are as good as those of the other.
        kept = line if self.strategy.prefers_guest else mine
        changed = replace(kept, quantity=quantity, conditions=mine.conditions)

        return AddLine(changed, "replace").apply(document)

    def _take_over_rest(self, document: Document) -> Applied:
        """Take over conditions, metadata, coupons, and one cart's shipping.

        Of two with the same name, one cart's is kept; of too many coupons, the last, as
        if those of the other cart had been noted after those of this one.
        """
        source, prefers_guest = self.source, self.strategy.prefers_guest
        is_sent = prefers_guest or not _has_shipping(document)
        names = {document.shipping, *(each.name for each in document.conditions)}
        conditions = (
            each
            for each in source.conditions
            if (prefers_guest or each.name not in names)
            and (is_sent or each.type != SHIPPING)
        )
        metadata = {
            key: value
            for key, value in source.metadata.items()
            if prefers_guest or key not in document.metadata
        }
        rest: list[Operation] = [
            *map(AddCondition, conditions),
            SetMetadata(FrozenDict(metadata)),
            AddCoupons(source.coupons, self.limits.coupons),
        ]

        if is_sent and source.shipping is not None:
            rest.append(ChooseShipping(source.shipping))

        return apply_all(document, rest)

    def _record(
        self,
        earlier: MergedCart,
        more: t.Mapping[str, int],
        digest: str,
    ) -> MergedCart:
        """What is remembered, so that nothing of it comes a second time."""
        # Also what was left out, or the next login would try again.
        quantities = {
            line.id: max(line.quantity, earlier.quantities.get(line.id, 0))
            for line in self.source.lines
        }
        gained = {
            line_id: earlier.gained.get(line_id, 0) + count
            for line_id, count in more.items()
        }

        return MergedCart(
            self.source_id,
            {**earlier.quantities, **quantities},
            {**earlier.gained, **gained},
            digest,
        )


def record_of(document: Document, source: str) -> MergedCart | None:
    """What a cart remembers of another one that was merged into it."""
    return next((each for each in document.merged if each.source == source), None)


def is_empty(document: Document) -> bool:
    """Whether there is nothing in a cart that could be given to another one."""
    return not (
        document.lines
        or document.conditions
        or document.metadata
        or document.coupons
        or document.shipping
        or document.pending
    )


def _ready_for(document: Document, source: Document) -> Document:
    """The document, ready for what is in another cart.

    :raises InvalidItemError: If both have amounts, of different currencies.
    """
    if document.has_amounts and not source.has_amounts:
        return document

    return in_currency(document, source.currency)


def _has_shipping(document: Document) -> bool:
    """Whether it is said how a cart is sent."""
    is_added = any(each.type == SHIPPING for each in document.conditions)

    return is_added or document.shipping is not None
