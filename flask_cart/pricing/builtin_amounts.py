"""The amounts that every app has: what a value acts on instead of all that there is.

Each is about the lines that the condition is limited to, or all of them.
"""

from __future__ import annotations

import bisect
import typing as t
from decimal import Decimal
from functools import partial

from ..model.lines import Line
from ..model.money import ZERO
from .builtin_rules import Pieces
from .facts import Facts


def cheapest(
    facts: Facts, buy: Pieces, get: Pieces = 1, bought: tuple[str, ...] = ()
) -> Decimal:
    """What the cheapest items come to: so many of them for every so many bought.

    :param buy: How many have to be bought.
    :param get: How many are then counted.
    :param bought: The ids of the items that have to be bought. Left out, it is the
        items themselves: of every ``buy + get`` of them.
    """
    paid = {
        line.id: line.quantity
        for line in (facts.lines if bought else facts.about)
        if not bought or line.item_id in bought
    }
    left = sum(paid.values())
    taken = 0
    found = ZERO

    for line in sorted(facts.about, key=lambda each: _unit_amount(facts, each)):
        # What is free is not bought.
        missing = partial(_missing, buy, get, left, taken, line.id in paid)
        free = bisect.bisect_right(range(line.quantity + 1), 0, key=missing) - 1
        # Divided last, so that six thirds are exactly two.
        found += facts.amounts[line.id] * free / line.quantity
        taken += free
        left -= free if line.id in paid else 0

    return found


def _missing(
    buy: int, get: int, left: int, taken: int, is_paid: bool, more: int
) -> int:
    """How many would have to be bought in addition to get so many more."""
    return -(-(taken + more) // get) * buy + more * is_paid - left


def goods(facts: Facts) -> Decimal:
    """What the lines come to at this point, without shipping and fees."""
    return _sum(facts, facts.amounts)


def net(facts: Facts) -> Decimal:
    """The same, without the taxes that the prices include."""
    return _sum(facts, facts.net)


def original(facts: Facts) -> Decimal:
    """What the lines come to before any condition: price times quantity."""
    return sum((line.unit_amount * line.quantity for line in facts.about), ZERO)


def shipping(facts: Facts) -> Decimal:
    """What shipping comes to at this point."""
    return facts.shipping


def _sum(facts: Facts, amounts: t.Mapping[str, Decimal]) -> Decimal:
    return sum((amounts[line.id] for line in facts.about), ZERO)


def _unit_amount(facts: Facts, line: Line) -> tuple[Decimal, str]:
    # Of equal ones always the same, in whatever order they were added.
    return facts.amounts[line.id] / line.quantity, line.id


#: All of them.
AMOUNTS: t.Final[tuple[t.Callable[..., Decimal], ...]] = (
    cheapest,
    goods,
    net,
    original,
    shipping,
)
