"""Steps: what conditions make of the price of a line, and of the sum of all lines."""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import dataclass
from dataclasses import replace
from decimal import Decimal

from ..model.conditions import CEILING
from ..model.conditions import SHIPPING
from ..model.conditions import TARGETS
from ..model.conditions import Condition
from ..model.document import Document
from ..model.lines import Line
from ..model.money import ZERO
from .evaluation import Evaluation
from .evaluation import Ruling
from .evaluation import of_other_currency
from .facts import Facts
from .facts import Lazy
from .fixed_rules import as_applied
from .reasons import YES
from .reasons import Verdict
from .rounding import Part
from .rounding import Proration
from .rounding import Rounding
from .taxes import Assessment
from .taxes import Assessor
from .taxes import levy_on
from .totals import Adjustment
from .totals import LineTotals
from .totals import Tax
from .totals import summed_taxes

_NOT_FOR_LINES: t.Final = Verdict("not_for_lines")
_NO_SHIPPING: t.Final = Verdict("no_amount")
_FAILED: t.Final = Verdict("provider_failed")


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


@dataclass
class CartSteps:
    """Applies the conditions of a cart, one after the other.

    :param document: The content of the cart.
    :param conditions: Those that are applied: the stored ones, and shipping.
    :param goods: What the lines come to after their own conditions.
    :param rounding: How amounts are rounded.
    :param evaluation: Whom the rules are asked for, and when.
    """

    document: Document
    conditions: t.Sequence[Condition]
    goods: Proration
    rounding: Rounding
    evaluation: Evaluation

    def __post_init__(self) -> None:
        self._subtotal = self.shown
        self._provided: dict[str, Condition] = {}
        self._added: list[Condition] = []

        #: The taxes of every line, and of what was added, by the name of what did.
        self.line_taxes: list[list[Tax]] = [[] for _ in self.document.lines]
        self.added_taxes: dict[str, list[Tax]] = {}

    @property
    def shown(self) -> Decimal:
        """What there is to pay at this point, as it is shown."""
        return self.rounding.round(self.goods.amount)

    def provide(self) -> list[Adjustment]:
        """Ask for the conditions that are not stored.

        :return: What could not be asked for.
        """
        if not self.document.lines or not self.evaluation.has_providers:
            return []

        provided, failed = self.evaluation.provided(self._facts())
        stored = {each.name for each in self.conditions}
        self._provided = {
            each.name: each for each in provided if each.name not in stored
        }
        missing = [Condition(name, "provider", "subtotal", "0") for name in failed]

        return [self._adjustment(each, self.shown, verdict=_FAILED) for each in missing]

    def run(self, phase: str) -> list[Adjustment]:
        """Apply the conditions of one phase."""
        conditions = (*self.conditions, *self._provided.values())
        chosen = in_order(each for each in conditions if each.phase == phase)
        adjustments = []

        def place(condition: Condition) -> tuple[bool, int]:
            # Taxes that come last are compound together, each order on those before.
            return condition.is_tax, 0 if phase == "taxes" else condition.order

        if phase == "rounding":
            # What is rounded is what would have been paid.
            self.goods.amount = self.shown

        for (is_tax, _), group in itertools.groupby(chosen, key=place):
            if is_tax and self.document.lines:
                adjustments += self._tax(list(group))
            else:
                adjustments += map(self._apply, group)

        return adjustments

    def _adjustment(
        self, condition: Condition, before: Decimal, **step: t.Any
    ) -> Adjustment:
        # A step is taken between the two amounts: their difference, and not a rounded
        # difference, is what makes the steps add up.
        return Adjustment.of(
            condition,
            self.rounding,
            before=before,
            after=self.shown,
            is_provided=condition.name in self._provided,
            **step,
        )

    def _apply(self, condition: Condition) -> Adjustment:
        """Change the amount, if the condition applies."""
        before = self.shown

        if not self.document.lines:
            return self._adjustment(condition, before, applied=condition)

        ruling = self._judge(condition)

        if not ruling.verdict.holds:
            return self._adjustment(condition, before, verdict=ruling.verdict)

        picked = ruling.lines

        if condition.target == SHIPPING:
            picked = [len(self.document.lines) + i for i in self._shipping()]

        whole = self.goods.amount if picked is None else self.goods.of(picked)
        base = whole if ruling.base is None else ruling.base
        after = condition.apply(base)

        if ruling.base is not None:
            after = min(max(whole + (after - base), ZERO), CEILING)

        self._change(condition, picked, after)

        return self._adjustment(
            condition,
            before,
            base=self.rounding.round(base),
            applied=as_applied(condition, ruling),
        )

    def _change(
        self, condition: Condition, picked: list[int] | None, amount: Decimal
    ) -> None:
        if self.rounding.is_stepwise:
            amount = self.rounding.round(amount)

        if picked is not None:
            self.goods.change(picked, amount)
        elif condition.target == "total" and amount > self.goods.amount:
            self._added.append(condition)
            self.goods.add(condition.name, amount - self.goods.amount)
        else:
            self.goods.amount = amount

    def _tax(self, taxes: list[Condition]) -> list[Adjustment]:
        """Assess taxes that no other condition comes between."""
        rulings = [self._judge(each) for each in taxes]
        given = list(zip(taxes, rulings, strict=True))
        is_by_line = any(e.target == "total" and r.lines is not None for e, r in given)
        parts = self.goods.parts(by_line=is_by_line)
        assessor = Assessor(parts, self.goods.amount, self.rounding)
        assessed = assessor.assess(
            [
                levy_on(parts, tax, ruling, self._shipping())
                for tax, ruling in given
                if ruling.verdict.holds
            ]
        )
        remaining = iter(assessed)
        adjustments = []

        for tax, ruling in given:
            if ruling.verdict.holds:
                adjustments.append(self._levied(next(remaining), ruling, parts))
            else:
                verdict = ruling.verdict
                adjustments.append(self._adjustment(tax, self.shown, verdict=verdict))

        # What comes after the last taxes asks for no shares.
        if taxes[0].phase != "taxes":
            self.goods.settle(parts, assessor.with_taxes(assessed), assessor.paid)

        return adjustments

    def _levied(
        self, assessment: Assessment, ruling: Ruling, parts: list[Part]
    ) -> Adjustment:
        """Note the taxes of each part."""
        levy, before = assessment.levy, self.shown
        self.goods.amount = assessment.paid
        adjustment = self._adjustment(
            levy.condition,
            before,
            base=assessment.base,
            contained=assessment.amount if levy.is_contained else None,
            applied=as_applied(levy.condition, ruling),
        )

        tax, money = adjustment.tax, self.rounding.money

        if tax is not None:
            for i, base, amount in zip(
                levy.parts, assessment.bases, assessment.amounts, strict=True
            ):
                of_part = Tax(
                    tax.name, tax.rate, money(base), money(amount), tax.included
                )
                self._taxes_of(parts[i]).append(of_part)

        return adjustment

    def _taxes_of(self, part: Part) -> list[Tax]:
        if part.added is not None:
            name = self._added[part.added].name

            return self.added_taxes.setdefault(name, [])

        return self.line_taxes[t.cast(int, part.line)]

    def _shipping(self) -> list[int]:
        """Which of what was added is shipping."""
        return [i for i, each in enumerate(self._added) if each.type == SHIPPING]

    def _judge(self, condition: Condition) -> Ruling:
        if condition.target == SHIPPING and not self._shipping():
            return Ruling(_NO_SHIPPING)

        if foreign := of_other_currency(condition, self.document.currency):
            return Ruling(foreign)

        if not condition.asks:
            return Ruling()

        return self.evaluation.judge(condition, self._facts())

    def _facts(self) -> Facts:
        """The facts at this point."""
        return replace(
            self.evaluation.facts(self.document, self.rounding),
            subtotal=self._subtotal,
            amount=self.shown,
            amounts=Lazy(self.goods.by_line),
        )


def in_order(conditions: t.Iterable[Condition]) -> list[Condition]:
    """Conditions of one phase, or of a line, in the order in which they are applied."""

    def place(condition: Condition) -> tuple[bool, int, bool, int]:
        is_late = condition.phase == "taxes"
        target = TARGETS.index(condition.target)

        return is_late, condition.order, condition.is_tax, target if is_late else 0

    return sorted(conditions, key=place)
