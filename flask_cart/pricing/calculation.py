"""Pricing: from a document to totals in which everything displayed adds up."""

from __future__ import annotations

import decimal
import itertools
import typing as t
from dataclasses import replace
from decimal import Decimal

from ..model.document import Document
from ..model.lines import Line
from ..model.money import CONTEXT
from ..model.money import ZERO
from .evaluation import YES
from .evaluation import Evaluation
from .evaluation import Verdict
from .proration import Proration
from .rounding import Rounding
from .steps import CartSteps
from .steps import in_order
from .totals import Adjustment
from .totals import Decided
from .totals import LineTotals
from .totals import Totals

_NOT_FOR_LINES: t.Final = Verdict("not_for_lines")


class _PricedLine(t.NamedTuple):
    """A line with its exact amounts: at first, and after each of its conditions."""

    line: Line
    amounts: list[Decimal]
    verdicts: list[Verdict]


def compute_totals(
    document: Document, rounding: Rounding, evaluation: Evaluation
) -> Totals:
    """Price a document.

    Conditions of lines come first, then those on the subtotal, then those on the
    total; among these by ``order``, then by position, with those that are provided
    after those that are stored. No step goes below zero.

    :param document: The content of the cart.
    :param rounding: How amounts are rounded. Its currency is the document's.
    :param evaluation: Whom the rules are asked for, and when.
    """
    with decimal.localcontext(CONTEXT):
        priced = [
            _price(line, document, rounding, evaluation) for line in document.lines
        ]
        goods = Proration(
            document.lines, [each.amounts[-1] for each in priced], rounding
        )
        shown = goods.shown()
        steps = CartSteps(document, goods, rounding, evaluation)
        adjustments = steps.provide()
        adjustments += steps.run("subtotal")
        subtotal, shares = steps.shown, goods.shown()
        adjustments += steps.run("total")
        lines = tuple(
            _line_totals(*each, rounding)
            for each in zip(priced, shown, shares, strict=True)
        )
        nothing = rounding.money(rounding.round(ZERO))

        return Totals(
            lines=lines,
            adjustments=tuple(adjustments),
            subtotal_without_conditions=sum(
                (line.subtotal_without_conditions for line in lines), nothing
            ),
            subtotal=rounding.money(subtotal),
            total=rounding.money(steps.shown),
        )


def _price(
    line: Line, document: Document, rounding: Rounding, evaluation: Evaluation
) -> _PricedLine:
    unit_price = line.price
    amounts = [unit_price * line.quantity]
    verdicts = []

    for condition in in_order(line.conditions):
        verdict = YES

        if condition.lines or condition.base or condition.included:
            verdict = _NOT_FOR_LINES
        elif condition.rule is not None:
            facts = evaluation.facts(document, rounding)
            amount = rounding.round(amounts[-1])
            about = replace(facts, about=(line,), amount=amount)
            verdict = evaluation.decide(condition.rule, about)

        if verdict.holds:
            unit_price = condition.apply(unit_price)

        amounts.append(unit_price * line.quantity)
        verdicts.append(verdict)

    return _PricedLine(line, amounts, verdicts)


def _line_totals(
    priced: _PricedLine, subtotal: Decimal, share: Decimal, rounding: Rounding
) -> LineTotals:
    line = priced.line
    shown = _shown_steps(priced.amounts, subtotal, rounding)
    steps = itertools.pairwise(shown)
    adjustments = tuple(
        Adjustment.of(
            condition,
            rounding,
            before=before,
            after=after,
            verdict=verdict,
            line_id=line.id,
            decided=Decided(condition) if verdict.holds else None,
        )
        for condition, verdict, (before, after) in zip(
            in_order(line.conditions), priced.verdicts, steps, strict=True
        )
    )

    return LineTotals(
        line=line,
        unit_price=rounding.money(priced.amounts[-1] / line.quantity),
        subtotal_without_conditions=rounding.money(shown[0]),
        subtotal=rounding.money(subtotal),
        share=rounding.money(share),
        adjustments=adjustments,
    )


def _shown_steps(
    steps: list[Decimal], subtotal: Decimal, rounding: Rounding
) -> list[Decimal]:
    """The rounded steps that lead to a subtotal which may have got a remainder.

    None of them moves in the other direction than its condition: a discount is never
    shown as a surcharge of a cent.
    """
    shown = [subtotal]

    for step, following in zip(steps[-2::-1], steps[:0:-1], strict=True):
        if step == following:
            shown.append(shown[-1])
            continue

        nearest = max if step > following else min
        shown.append(nearest(rounding.round(step), shown[-1]))

    return shown[::-1]
