"""Pricing: from a document to totals in which everything displayed adds up."""

from __future__ import annotations

import decimal
import itertools
import typing as t
from dataclasses import dataclass
from decimal import Decimal
from itertools import compress
from operator import attrgetter

from moneyed import Money
from msgspec.structs import replace

from ..model.conditions import CEILING
from ..model.conditions import PHASES
from ..model.conditions import SHIPPING
from ..model.conditions import Condition
from ..model.document import Document
from ..model.lines import Line
from ..model.money import CONTEXT
from ..model.money import ZERO
from ..model.values import FrozenDict
from .evaluation import Evaluation
from .evaluation import Ruling
from .evaluation import of_other_currency
from .facts import Facts
from .fixed_rules import as_applied
from .reasons import SHIPPING_UNAVAILABLE
from .reasons import YES
from .reasons import Verdict
from .rounding import Proration
from .rounding import Rounding
from .rounding import shown_steps
from .shipping import ShippingMethod
from .shipping import ShippingOption
from .steps import CartSteps
from .steps import in_order
from .taxes import Tax
from .taxes import summed_taxes
from .totals import Adjustment
from .totals import LineTotals
from .totals import Totals

_unit_amount, _quantity, _conditions, _plain_amount = map(
    attrgetter, ("unit_amount", "quantity", "conditions", "plain_amount")
)

_NOT_ASKED: t.Final = Verdict(SHIPPING_UNAVAILABLE, FrozenDict(why="not_asked"))
_NOT_FOR_LINES: t.Final = Verdict("not_for_lines")
_GONE: t.Final = Verdict(SHIPPING_UNAVAILABLE, FrozenDict(why="not_offered"))


def compute_totals(
    document: Document, rounding: Rounding, evaluation: Evaluation
) -> Totals:
    """Price a document.

    Conditions of lines come first, then those on the subtotal, those on the total and
    those on the shipping, then the taxes; among these by ``order``, then by position,
    with the chosen shipping after those that are stored, and those that are provided
    after it. No step goes below zero. At last the total may be rounded, and paid.

    :param document: The content of the cart.
    :param rounding: How amounts are rounded. Its currency is the document's.
    :param evaluation: Whom the rules are asked for, and when.
    """
    with decimal.localcontext(CONTEXT):
        calculation = _Calculation(document, rounding, evaluation)

        if document.shipping is None or not document.lines:
            return calculation.totals(calculation.run(document.conditions))

        bare = calculation.run_with()
        chosen = calculation.chosen(document.shipping, bare)

        if isinstance(chosen, Condition):
            return calculation.totals(calculation.run_with(chosen))

        nothing = Condition(document.shipping, SHIPPING, "total", "0")
        problem = Adjustment.of(
            nothing, rounding, before=bare.total, after=bare.total, verdict=chosen
        )

        return calculation.totals(
            bare._replace(adjustments=[*bare.adjustments, problem])
        )


def shipping_options(
    document: Document, rounding: Rounding, evaluation: Evaluation
) -> tuple[ShippingOption, ...]:
    """What each shipping method would cost; nothing for an empty cart.

    :param document: The content of the cart.
    :param rounding: How amounts are rounded.
    :param evaluation: Whom the rules and methods are asked for, and when.
    :raises InvalidConditionError: If the methods are not as they must be.
    """
    if not document.lines:
        return ()

    with decimal.localcontext(CONTEXT):
        calculation = _Calculation(document, rounding, evaluation)
        facts = calculation.facts(calculation.run_with())

        return tuple(
            calculation.option(method, facts) for method in evaluation.methods(facts)
        )


class _PricedLine(t.NamedTuple):
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


def _price_line(
    line: Line, document: Document, rounding: Rounding, evaluation: Evaluation
) -> _PricedLine:
    """Apply the conditions of a line to its price, one after the other."""
    unit_price = base = line.unit_amount
    priced = _PricedLine(line, in_order(line.conditions), [], [], [])
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


def _adjustments(
    priced: _PricedLine, shown: list[Decimal], rounding: Rounding
) -> tuple[Adjustment, ...]:
    """What the conditions of a line made of its amounts, as these are shown."""
    steps = itertools.pairwise(shown)

    return tuple(
        Adjustment.of(
            condition,
            rounding,
            before=before,
            after=after,
            base=shown[base],
            verdict=verdict,
            line_id=priced.line.id,
            applied=as_applied(condition, Ruling()) if verdict.holds else None,
        )
        for condition, base, verdict, (before, after) in zip(
            priced.conditions, priced.bases, priced.verdicts, steps, strict=True
        )
    )


class _Result(t.NamedTuple):
    """The amounts of a cart with one shipping, as they are shown.

    :param lines: What each line comes to, maybe with a remainder of all lines.
    :param shares: The same after its share of the conditions on the subtotal.
    :param taxes: The parts that lines have of the taxes, by their positions.
    """

    lines: list[Decimal]
    shares: list[Decimal]
    taxes: t.Mapping[int, list[Tax]]
    adjustments: list[Adjustment]
    subtotal: Decimal
    total: Decimal
    tenders: list[Adjustment]
    due: Decimal

    def has(self, condition: Condition) -> bool:
        """Whether a condition was applied."""
        return any(e.name == condition.name and e.is_applied for e in self.adjustments)


@dataclass
class _Calculation:
    """Prices one document, with one shipping or another.

    Its lines are priced once, for they do not depend on the shipping.
    """

    document: Document
    rounding: Rounding
    evaluation: Evaluation

    def __post_init__(self) -> None:
        given = self.document, self.rounding, self.evaluation
        lines = self.document.lines
        prices, quantities = map(_unit_amount, lines), map(_quantity, lines)

        #: What each line comes to, exactly.
        self._amounts = self.rounding.times_all(prices, quantities)

        #: The lines that have conditions, by their positions.
        self._priced = {
            i: _price_line(line, *given)
            for i, line in compress(enumerate(lines), map(_conditions, lines))
        }

        for i, priced in self._priced.items():
            self._amounts[i] = priced.amounts[-1]

    def run(self, conditions: t.Sequence[Condition]) -> _Result:
        """Apply conditions to what the lines come to, the best of each group."""
        if not conditions and not self.evaluation.has_providers:
            return self._without_steps()

        steps = self._steps(conditions)
        groups = steps.groups()
        left_out = {each.name for group in groups for each in group}

        # One group after the other: all of one with all of another are too many.
        for group in groups:
            best = min(group, key=lambda each: self._cost(conditions, left_out, each))
            left_out.remove(best.name)

        return self._run(steps, left_out)

    def _without_steps(self) -> _Result:
        """What the lines come to, as most carts have no conditions at all."""
        goods = Proration(self.document.lines, self._amounts, self.rounding)
        lines, amount = goods.shown(), self.rounding.round(goods.amount)

        return _Result(lines, lines, {}, [], amount, amount, [], amount)

    def _cost(
        self, conditions: t.Sequence[Condition], left_out: set[str], only: Condition
    ) -> tuple[Decimal, bool]:
        """What there is to pay with one of a group; of equal ones, one that applies."""
        result = self._run(self._steps(conditions), left_out - {only.name})

        return result.total, not result.has(only)

    def _run(self, steps: CartSteps, left_out: t.Container[str]) -> _Result:
        steps.left_out = left_out
        adjustments = steps.missing + steps.run(PHASES[0])
        subtotal, shares = steps.shown, steps.goods.shown()

        for phase in PHASES[1:-1]:
            adjustments += steps.run(phase)

        return _Result(
            steps.lines,
            shares,
            steps.line_taxes,
            list(map(steps.with_taxes, adjustments)),
            subtotal,
            total=steps.shown,
            tenders=steps.run(PHASES[-1]),
            due=steps.shown,
        )

    def _steps(self, conditions: t.Sequence[Condition]) -> CartSteps:
        document, rounding = self.document, self.rounding
        goods = Proration(document.lines, self._amounts, rounding)

        return CartSteps(document, conditions, goods, rounding, self.evaluation)

    def run_with(self, *shipping: Condition) -> _Result:
        """Apply the stored conditions, with this shipping or none instead of theirs."""
        conditions = self.document.conditions
        others = [each for each in conditions if each.type != SHIPPING]

        return self.run((*others, *shipping))

    def facts(self, result: _Result) -> Facts:
        """What the shipping methods are told."""
        ids = [line.id for line in self.document.lines]

        return replace(
            self.evaluation.facts(self.document, self.rounding),
            subtotal=sum(result.lines, ZERO),
            amount=result.total,
            amounts=dict(zip(ids, result.shares, strict=True)),
            subtotals=dict(zip(ids, result.lines, strict=True)),
        )

    def chosen(self, name: str, bare: _Result) -> Condition | Verdict:
        """The condition of the chosen method, or why there is none."""
        facts = self.facts(bare)

        try:
            methods = self.evaluation.methods(facts)
        except Exception as error:
            self.evaluation.failed("shipping_methods", error)

            return _NOT_ASKED

        method = next((each for each in methods if each.name == name), None)

        if method is None:
            return _GONE

        verdict = self._available(method, facts)

        if verdict.holds:
            return method.condition

        why = FrozenDict({"why": verdict.code} | dict(verdict.params))

        return verdict._replace(code=SHIPPING_UNAVAILABLE, params=why)

    def option(self, method: ShippingMethod, facts: Facts) -> ShippingOption:
        """What a method is for this cart."""
        verdict = self._available(method, facts)

        return ShippingOption(
            name=method.name,
            price=self._price(method.condition),
            condition=method.condition,
            is_chosen=method.name == self.document.shipping,
            code=verdict.code,
            params=verdict.params,
        )

    def _available(self, method: ShippingMethod, facts: Facts) -> Verdict:
        if method.available is None:
            return YES

        return self.evaluation.decide(method.available, facts)

    def _price(self, shipping: Condition) -> Money:
        # A discount of the same name is none of its rivals.
        return next(
            each.amount
            for each in self.run_with(shipping).adjustments
            if (each.name, each.type) == (shipping.name, SHIPPING)
        )

    def totals(self, result: _Result) -> Totals:
        """What is shown of a result."""
        rounding, shown = self.rounding, result.lines
        amounts = self._amounts, shown, shown, result.shares
        lines = list(map(LineTotals, self.document.lines, *amounts))

        for i in self._priced.keys() | result.taxes.keys():
            lines[i] = self._with_steps(i, lines[i], result)

        plain = sum(map(_plain_amount, lines), rounding.round(ZERO))

        return Totals(
            lines=tuple(lines),
            adjustments=tuple(result.adjustments),
            subtotal_without_conditions=rounding.money(plain),
            subtotal=rounding.money(result.subtotal),
            total=rounding.money(result.total),
            tenders=tuple(result.tenders),
            due=rounding.money(result.due),
        )

    def _with_steps(self, i: int, line: LineTotals, result: _Result) -> LineTotals:
        """A line with its conditions, and its part of the taxes."""
        taxes = result.taxes.get(i, [])

        if i in self._priced:
            priced = self._priced[i]
            shown = shown_steps(priced.amounts, line.amount, self.rounding)
            steps = _adjustments(priced, shown, self.rounding)
            taxes = [each.tax for each in steps if each.tax is not None] + taxes
            line = replace(line, plain_amount=shown[0], adjustments=steps)

        return replace(line, taxes=summed_taxes(taxes))
