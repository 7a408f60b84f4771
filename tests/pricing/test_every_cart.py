"""What is true of every cart, in every currency, however it is rounded.

``make every-cart`` tries 100,000 carts, which takes an hour.
"""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from msgspec.structs import replace

from flask_cart import Condition
from flask_cart import Totals
from flask_cart.model.document import Document
from flask_cart.pricing.rounding import ROUNDING_MODES
from flask_cart.pricing.rounding import Rounding
from tests.support import strategies
from tests.support.adding_up import adds_up
from tests.support.adding_up import can_be_paid
from tests.support.adding_up import compute_totals
from tests.support.fractions_of_money import total_of

CARTS = {
    "stored": strategies.carts(),
    "ruled": strategies.dynamic_carts(),
    "limited": strategies.dynamic_carts(with_rules=False),
    "taxed": strategies.taxed_carts(),
    "offered": strategies.offered_carts(),
    "levied": strategies.levied_carts(),
}

#: Those of whose rules the slow calculation knows enough, and that do not divide.
CALCULATED = {"levied"}

WAYS = list(
    itertools.product(
        strategies.CURRENCIES, sorted(ROUNDING_MODES), strategies.ROUNDING_PLACES
    )
)


#: In how many of them a cart is tried: in all, or of a hundred thousand carts in three.
TRIED = len(WAYS) if settings.default.max_examples < 10_000 else 3


@pytest.mark.parametrize("kind", CARTS)
@settings(max_examples=settings.default.max_examples // len(CARTS))
@given(data=st.data(), random=st.randoms())
def test_every_cart(kind: str, data: st.DataObject, random: random.Random) -> None:
    """All that is shown adds up, can be paid, and is the same in another sequence.

    The lines may come in any sequence, and so may the conditions, as long as those of
    the same target and order keep theirs among themselves.
    """
    drawn = data.draw(CARTS[kind])
    shuffled = other_sequence(drawn, random)

    for currency, mode, at in random.sample(WAYS, TRIED):
        rounding = Rounding(currency, mode, at)
        totals = compute_totals(in_currency(drawn, currency), rounding)
        again = compute_totals(in_currency(shuffled, currency), rounding)

        adds_up(totals)
        can_be_paid(totals)
        assert same(totals, again)
        has_the_best(in_currency(drawn, currency), totals, rounding)

        # Of what is net of an included tax there may be no decimals to round up.
        is_exact = at != "total" or mode.startswith("half")

        if kind in CALCULATED and is_exact:
            assert Fraction(totals.total.amount) == total_of(drawn, rounding)


def has_the_best(document: Document, totals: Totals, rounding: Rounding) -> None:
    """No other one of the last group would be better than the one that applies."""
    applied = {each.name for each in totals.adjustments if each.is_applied}
    groups: dict[str, list[Condition]] = {}

    for each in document.conditions:
        if each.group is not None:
            groups.setdefault(each.group, []).append(each)

    for group in groups.values():
        assert len([each for each in group if each.name in applied]) <= 1

    if len(groups) == 1:
        for only in group:
            beaten = [each for each in group if each != only]
            others = tuple(e for e in document.conditions if e not in beaten)
            other = replace(document, conditions=others)
            assert totals.total <= compute_totals(other, rounding).total


def in_currency(document: Document, currency: str) -> Document:
    """The document with the same amounts in another currency."""
    lines = tuple(replace(each, currency=currency) for each in document.lines)

    return replace(document, currency=currency, lines=lines)


def other_sequence(document: Document, random: random.Random) -> Document:
    """The document as another sequence of calls would have made it."""
    places = [(each.target, each.order) for each in document.conditions]
    random.shuffle(places)
    groups = {
        place: iter([c for c in document.conditions if (c.target, c.order) == place])
        for place in places
    }

    return replace(
        document,
        lines=tuple(random.sample(document.lines, len(document.lines))),
        conditions=tuple(next(groups[place]) for place in places),
    )


def same(one: Totals, other: Totals) -> bool:
    """Whether totals are the same but for the sequence of the lines."""
    lines = [sorted(each.lines, key=lambda line: line.id) for each in (one, other)]

    return (
        lines[0] == lines[1]
        and one.adjustments == other.adjustments
        and one.subtotal == other.subtotal
        and one.total == other.total
        and one.tenders == other.tenders
    )
