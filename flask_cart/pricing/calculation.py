"""Pricing: from a document to totals in which everything displayed adds up."""

from __future__ import annotations

import datetime as dt
import decimal
import typing as t
from dataclasses import dataclass
from dataclasses import replace
from decimal import Decimal

from moneyed import Money
from msgspec.structs import replace as replace_fields

from ..model.conditions import PHASES
from ..model.conditions import SHIPPING
from ..model.conditions import Condition
from ..model.document import Document
from ..model.money import CONTEXT
from ..model.money import ZERO
from ..model.values import FrozenDict
from .evaluation import Evaluation
from .facts import Facts
from .fixed_rules import fixed_rulebook
from .priced_lines import line_totals
from .priced_lines import price_line
from .reasons import YES
from .reasons import Verdict
from .rounding import Proration
from .rounding import Rounding
from .shipping import ShippingMethod
from .shipping import ShippingOption
from .steps import CartSteps
from .taxes import Tax
from .taxes import summed_taxes
from .totals import SHIPPING_UNAVAILABLE
from .totals import Adjustment
from .totals import LineTotals
from .totals import Totals

_NOT_ASKED: t.Final = Verdict(SHIPPING_UNAVAILABLE, FrozenDict(why="not_asked"))
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


def fix(
    totals: Totals,
) -> tuple[Totals, tuple[Condition, ...], tuple[Condition, ...]]:
    """What of totals was applied, as conditions that ask nobody.

    What is being paid must not change because a coupon has ended, or a rule has another
    answer: :func:`fixed_totals` makes the same totals of it at any time.

    :return: The totals, of lines with those of their conditions that were applied; the
        cart's conditions that were; and those of providers.
    """
    adjustments, tenders = map(_only_applied, (totals.adjustments, totals.tenders))
    applied = (*adjustments, *tenders)
    lines = tuple(map(_fixed_line, totals.lines))

    return (
        replace(totals, lines=lines, adjustments=adjustments, tenders=tenders),
        _applied(each for each in applied if not each.is_provided),
        _applied(each for each in applied if each.is_provided),
    )


def fixed_totals(
    document: Document, provided: tuple[Condition, ...], rounding: Rounding
) -> Totals:
    """Price what was fixed, without asking anybody.

    :param document: Has the lines and conditions that were fixed.
    :param provided: Those of providers.
    :param rounding: How amounts are rounded.
    """
    rulebook = fixed_rulebook()
    rulebook.providers.append(lambda facts: provided)
    evaluation = Evaluation(rulebook, None, "default", dt.datetime.min)

    return compute_totals(document, rounding, evaluation)


def _fixed_line(totals: LineTotals) -> LineTotals:
    adjustments = _only_applied(totals.adjustments)
    line = replace_fields(totals.line, conditions=_applied(adjustments))

    return replace(totals, line=line, adjustments=adjustments)


def _only_applied(adjustments: t.Iterable[Adjustment]) -> tuple[Adjustment, ...]:
    return tuple(each for each in adjustments if each.applied is not None)


def _applied(adjustments: t.Iterable[Adjustment]) -> tuple[Condition, ...]:
    return tuple(each.applied for each in adjustments if each.applied is not None)


def _with_taxes(
    adjustment: Adjustment, taxes: t.Mapping[str, t.Iterable[Tax]]
) -> Adjustment:
    """The adjustment with the taxes on what it has added."""
    if adjustment.applied is None or adjustment.name not in taxes:
        return adjustment

    return replace(adjustment, taxes=summed_taxes(taxes[adjustment.name]))


class _Result(t.NamedTuple):
    """The amounts of a cart with one shipping, as they are shown.

    :param lines: What each line comes to.
    :param shares: The same after the conditions on the subtotal.
    :param taxes: Its part of the taxes.
    """

    lines: list[Decimal]
    shares: list[Decimal]
    taxes: list[list[Tax]]
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
        self._priced = [price_line(line, *given) for line in self.document.lines]

    def run(self, conditions: t.Sequence[Condition]) -> _Result:
        """Apply conditions to what the lines come to, the best of each group."""
        steps = self._steps(conditions)
        steps.provide()
        groups: dict[str, list[Condition]] = {}

        for each in (each for phase in PHASES for each in steps.of_phase(phase)):
            if each.group is not None:
                groups.setdefault(each.group, []).append(each)

        left_out = {each.name for group in groups.values() for each in group}

        # One group after the other: all of one with all of another are too many.
        for group in groups.values():
            best = min(group, key=lambda each: self._cost(conditions, left_out, each))
            left_out.remove(best.name)

        return self._run(conditions, left_out)

    def _cost(
        self, conditions: t.Sequence[Condition], left_out: set[str], only: Condition
    ) -> tuple[Decimal, bool]:
        """What there is to pay with one of a group; of equal ones, one that applies."""
        result = self._run(conditions, left_out - {only.name})

        return result.total, not result.has(only)

    def _run(
        self, conditions: t.Sequence[Condition], left_out: t.Container[str]
    ) -> _Result:
        steps = self._steps(conditions, left_out)
        adjustments = steps.provide()
        adjustments += steps.run(PHASES[0])
        subtotal, shares = steps.shown, steps.goods.shown()

        for phase in PHASES[1:-1]:
            adjustments += steps.run(phase)

        return _Result(
            steps.lines,
            shares,
            steps.line_taxes,
            [_with_taxes(each, steps.added_taxes) for each in adjustments],
            subtotal,
            total=steps.shown,
            tenders=steps.run(PHASES[-1]),
            due=steps.shown,
        )

    def _steps(
        self, conditions: t.Sequence[Condition], left_out: t.Container[str] = ()
    ) -> CartSteps:
        document, rounding = self.document, self.rounding
        amounts = [each.amounts[-1] for each in self._priced]
        goods = Proration(document.lines, amounts, rounding)

        return CartSteps(
            document, conditions, goods, rounding, self.evaluation, left_out
        )

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
        rounding = self.rounding
        lines = tuple(
            line_totals(*each, rounding)
            for each in zip(
                self._priced, result.lines, result.shares, result.taxes, strict=True
            )
        )
        nothing = rounding.money(rounding.round(ZERO))

        return Totals(
            lines=lines,
            adjustments=tuple(result.adjustments),
            subtotal_without_conditions=sum(
                (line.subtotal_without_conditions for line in lines), nothing
            ),
            subtotal=rounding.money(result.subtotal),
            total=rounding.money(result.total),
            tenders=tuple(result.tenders),
            due=rounding.money(result.due),
        )
