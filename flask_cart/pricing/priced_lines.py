"""Priced lines: what conditions make of the price of a line."""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import replace
from decimal import Decimal

from ..model.conditions import CEILING
from ..model.conditions import TARGETS
from ..model.conditions import Condition
from ..model.document import Document
from ..model.lines import Line
from ..model.money import ZERO
from .evaluation import Evaluation
from .evaluation import Ruling
from .evaluation import of_other_currency
from .fixed_rules import as_applied
from .reasons import YES
from .reasons import Verdict
from .rounding import Rounding
from .taxes import Tax
from .taxes import summed_taxes
from .totals import Adjustment
from .totals import LineTotals

_NOT_FOR_LINES: t.Final = Verdict("not_for_lines")


class PricedLine(t.NamedTuple):
    """A line with its exact amounts: at first, and after each of its conditions.

    :param conditions: Its conditions in their order.
    :param amounts: One more than there are conditions.
    :param bases: Which of the amounts each of the conditions acts on.
    :param verdicts: Whether each of them applies.
    """

    line: Line
    conditions: list[Condition]
    amounts: list[Decimal]
    bases: list[int]
    verdicts: list[Verdict]


def price_line(
    line: Line, document: Document, rounding: Rounding, evaluation: Evaluation
) -> PricedLine:
    """Apply the conditions of a line to its price, one after the other."""
    unit_price = base = line.unit_amount
    priced = PricedLine(line, in_order(line.conditions), [], [], [])
    priced.amounts.append(rounding.times(unit_price, line.quantity))
    last = None

    for step, condition in enumerate(priced.conditions):
        verdict = YES
        this = (condition.phase, condition.order) if condition.is_tax else None

        # Taxes of one order act on the same price.
        if this is None or this != last:
            base, at, last = unit_price, step, this

        if not condition.can_be_on_line:
            verdict = _NOT_FOR_LINES
        elif foreign := of_other_currency(condition, document.currency):
            verdict = foreign
        elif condition.rule is not None:
            facts = evaluation.facts(document, rounding)
            amount = rounding.round(priced.amounts[-1])
            about = replace(facts, about=(line,), amount=amount)
            verdict = evaluation.decide(condition.rule, about)

        if verdict.holds:
            others = unit_price - base
            unit_price = min(max(condition.apply(base) + others, ZERO), CEILING)

        priced.amounts.append(rounding.times(unit_price, line.quantity))
        priced.bases.append(at)
        priced.verdicts.append(verdict)

    return priced


def line_totals(
    priced: PricedLine,
    subtotal: Decimal,
    share: Decimal,
    taxes: t.Iterable[Tax],
    rounding: Rounding,
) -> LineTotals:
    """What is shown of a line.

    :param subtotal: What it comes to, maybe with a remainder of all lines.
    :param share: The same after its share of the cart's conditions on the subtotal.
    :param taxes: Its part of the taxes of the cart.
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
            base=shown[base],
            verdict=verdict,
            line_id=line.id,
            applied=as_applied(condition, Ruling()) if verdict.holds else None,
        )
        for condition, base, verdict, (before, after) in zip(
            priced.conditions, priced.bases, priced.verdicts, steps, strict=True
        )
    )
    own_taxes = [each.tax for each in adjustments if each.tax is not None]

    return LineTotals(
        line=line,
        unit_price=rounding.money(priced.amounts[-1] / line.quantity),
        subtotal_without_conditions=rounding.money(shown[0]),
        subtotal=rounding.money(subtotal),
        share=rounding.money(share),
        adjustments=adjustments,
        taxes=summed_taxes((*own_taxes, *taxes)),
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


def in_order(conditions: t.Iterable[Condition]) -> list[Condition]:
    """Conditions of one phase, or of a line, in the order in which they are applied."""

    def place(condition: Condition) -> tuple[bool, int, bool, int]:
        is_late = condition.phase == "taxes"
        target = TARGETS.index(condition.target)

        return is_late, condition.order, condition.is_tax, target if is_late else 0

    return sorted(conditions, key=place)
