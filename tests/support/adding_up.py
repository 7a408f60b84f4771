"""What is true of all totals: everything adds up, and can be paid."""

from __future__ import annotations

import decimal
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from decimal import Decimal

from moneyed import Money

from flask_cart import Adjustment
from flask_cart import Tax
from flask_cart import Totals
from flask_cart.model.conditions import PHASES
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
        chain(totals.adjustments, Money(lines, totals.currency), totals.total)
        phases = [each.applied.phase for each in totals.adjustments if each.applied]
        assert phases == sorted(phases, key=PHASES.index)

        on_subtotal = sum(
            each.amount.amount
            for each in totals.adjustments
            if each.applied and each.applied.phase == "subtotal"
        )
        assert lines + on_subtotal == totals.subtotal.amount

        shares = sum((line.share.amount for line in totals.lines), Decimal(0))
        assert shares == totals.subtotal.amount

        without = sum(each.subtotal_without_conditions.amount for each in totals.lines)
        assert totals.subtotal_without_conditions.amount == without

        explained = sum(each.amount.amount for each in totals.explain())
        assert without + explained == totals.due.amount

        chain(totals.tenders, totals.total, totals.due)

        taxes_add_up(totals)


def taxes_add_up(totals: Totals) -> None:
    """What is taxed of each line, and of what was added, is what is taxed."""
    parts = [*totals.lines, *totals.adjustments]
    of_parts = [tax for part in parts for tax in part.taxes]
    of_conditions = [each.tax for each in totals.explain() if each.tax]

    assert amounts_of(of_parts) == amounts_of(totals.taxes)
    assert amounts_of(of_conditions) == amounts_of(totals.taxes)
    assert len(totals.taxes) == len(amounts_of(totals.taxes))

    # The price of one may be rounded together with a tax that is on its line.
    rounded = {
        each.name: totals.quantity
        for line in totals.lines
        for each in line.adjustments
        if each.tax
    }

    for each in (*of_conditions, *of_parts):
        is_right(each, rounded.get(each.name, totals.count))


def amounts_of(taxes: Iterable[Tax]) -> dict[tuple[str, str, bool], list[Decimal]]:
    """The base and the amount of each tax."""
    found: dict[tuple[str, str, bool], list[Decimal]] = {}

    for each in taxes:
        amounts = found.setdefault((each.name, each.rate, each.included), [0, 0])
        amounts[0] += each.base.amount
        amounts[1] += each.amount.amount

    return found


def is_right(tax: Tax, count: int) -> None:
    """A tax is what its rate allows, but for so many units."""
    unit = smallest_unit(tax.base.currency.code)

    assert tax.amount.amount % unit == 0

    if not re.fullmatch(r"[+]?[0-9.]+%", tax.rate):
        return

    rate = Decimal(tax.rate.strip("+%")) / 100
    due = tax.base.amount * rate / (1 + rate if tax.included else 1)

    assert 0 <= tax.amount.amount <= due + unit * count * (1 + rate)


def chain(adjustments: Sequence[Adjustment], first: Money, last: Money) -> None:
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
    yield from [totals.due, *(each.left for each in totals.tenders if each.left)]

    for line in totals.lines:
        yield from [line.subtotal_without_conditions, line.subtotal, line.share]

    for each in totals.explain():
        yield from [each.before, each.after, each.base]

        if each.contained is not None:
            assert each.contained <= each.base
            yield each.contained

    for part in (*totals.lines, *totals.adjustments, totals):
        for tax in part.taxes:
            yield tax.base
