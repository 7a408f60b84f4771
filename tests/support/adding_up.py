"""What is true of all totals: everything adds up, and can be paid."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from decimal import Decimal

from moneyed import Money

from flask_cart import Adjustment
from flask_cart import Totals
from flask_cart.model.document import Document
from flask_cart.model.money import CONTEXT
from flask_cart.model.money import smallest_unit
from flask_cart.pricing import calculation as pricing
from flask_cart.pricing.rounding import Rounding
from tests.support.shop import evaluation


def compute_totals(document: Document, rounding: Rounding) -> Totals:
    """The totals of a cart of user 1, on a Wednesday."""
    return pricing.compute_totals(document, rounding, evaluation())


def adds_up(totals: Totals) -> None:
    """Everything that is displayed adds up to the total, to the last digit."""
    with decimal.localcontext(CONTEXT):
        for line in totals.lines:
            chain(line.adjustments, line.subtotal_without_conditions, line.subtotal)

        lines = sum((line.subtotal.amount for line in totals.lines), Decimal(0))
        on_subtotal = [each for each in totals.adjustments if each.target == "subtotal"]
        on_total = [each for each in totals.adjustments if each.target == "total"]
        assert totals.adjustments == (*on_subtotal, *on_total)

        chain(on_subtotal, Money(lines, totals.currency), totals.subtotal)
        chain(on_total, totals.subtotal, totals.total)

        shares = sum((line.share.amount for line in totals.lines), Decimal(0))
        assert shares == totals.subtotal.amount

        without = sum(each.subtotal_without_conditions.amount for each in totals.lines)
        assert totals.subtotal_without_conditions.amount == without

        explained = sum(each.amount.amount for each in totals.explain())
        assert without + explained == totals.total.amount


def chain(adjustments: list[Adjustment], first: Money, last: Money) -> None:
    """Each adjustment starts from what the one before it has left."""
    amounts = [first]

    for each in adjustments:
        assert each.before == amounts[-1]
        assert each.before + each.amount == each.after
        assert not each.reason or not each.amount.amount
        assert bool(each.reason) == bool(each.code)
        amounts.append(each.after)

    assert amounts[-1] == last


def can_be_paid(totals: Totals) -> None:
    """Each amount is at least zero and a multiple of the smallest unit."""
    unit = smallest_unit(totals.currency)

    for money in shown_amounts(totals):
        assert money.currency.code == totals.currency
        assert money.amount.is_finite()
        assert money.amount >= 0
        assert money.amount % unit == 0
        assert not money.amount.is_signed()


def shown_amounts(totals: Totals) -> Iterator[Money]:
    """Every amount that is shown; unit prices are exact, and not among them."""
    yield from [totals.subtotal_without_conditions, totals.subtotal, totals.total]

    for line in totals.lines:
        yield from [line.subtotal_without_conditions, line.subtotal, line.share]

    for each in totals.explain():
        yield from [each.before, each.after, each.base]

        if each.contained is not None:
            assert each.contained <= each.base
            yield each.contained
