"""Line steps: what the conditions of a line make of its price."""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import replace
from decimal import Decimal

from ..model.document import Document
from ..model.lines import Line
from .evaluation import YES
from .evaluation import Evaluation
from .evaluation import Verdict
from .rounding import Rounding
from .steps import in_order
from .totals import Adjustment
from .totals import Decided
from .totals import LineTotals

_NOT_FOR_LINES: t.Final = Verdict("not_for_lines")


class PricedLine(t.NamedTuple):
    """A line with its exact amounts: at first, and after each of its conditions."""

    line: Line
    amounts: list[Decimal]
    verdicts: list[Verdict]


def price_line(
    line: Line, document: Document, rounding: Rounding, evaluation: Evaluation
) -> PricedLine:
    """Apply the conditions of a line to its price, one after the other."""
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

    return PricedLine(line, amounts, verdicts)


def line_totals(
    priced: PricedLine, subtotal: Decimal, share: Decimal, rounding: Rounding
) -> LineTotals:
    """What is shown of a line.

    :param subtotal: What it comes to, maybe with a remainder of all lines.
    :param share: The same after its share of the cart's conditions on the subtotal.
    """
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
