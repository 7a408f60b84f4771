"""Pricing: from a document to totals in which everything displayed adds up."""

from __future__ import annotations

import decimal
import typing as t
from dataclasses import replace
from decimal import Decimal

from moneyed import Money

from ..model.conditions import SHIPPING
from ..model.conditions import Condition
from ..model.document import Document
from ..model.money import CONTEXT
from ..model.money import ZERO
from ..model.values import FrozenDict
from .evaluation import YES
from .evaluation import Evaluation
from .evaluation import Verdict
from .facts import Facts
from .line_steps import line_totals
from .line_steps import price_line
from .proration import Proration
from .rounding import Rounding
from .shipping import ShippingMethod
from .shipping import ShippingOption
from .steps import CartSteps
from .totals import SHIPPING_UNAVAILABLE
from .totals import Adjustment
from .totals import Totals

_NOT_ASKED: t.Final = Verdict(SHIPPING_UNAVAILABLE, FrozenDict(why="not_asked"))
_GONE: t.Final = Verdict(SHIPPING_UNAVAILABLE, FrozenDict(why="not_offered"))


def compute_totals(
    document: Document, rounding: Rounding, evaluation: Evaluation
) -> Totals:
    """Price a document.

    Conditions of lines come first, then those on the subtotal, then those on the
    total; among these by ``order``, then by position, with the chosen shipping after
    those that are stored, and those that are provided after it. No step goes below
    zero.

    :param document: The content of the cart.
    :param rounding: How amounts are rounded. Its currency is the document's.
    :param evaluation: Whom the rules are asked for, and when.
    """
    with decimal.localcontext(CONTEXT):
        calculation = _Calculation(document, rounding, evaluation)

        if document.shipping is None or not document.lines:
            return calculation.totals(calculation.run(document.conditions))

        bare = calculation.run_without_shipping()
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
        facts = calculation.facts(calculation.run_without_shipping())

        return tuple(
            calculation.option(method, facts) for method in evaluation.methods(facts)
        )


class _Result(t.NamedTuple):
    """The amounts of a cart with one shipping, as they are shown.

    :param lines: What each line comes to.
    :param shares: The same after the conditions on the subtotal.
    """

    lines: list[Decimal]
    shares: list[Decimal]
    adjustments: list[Adjustment]
    subtotal: Decimal
    total: Decimal


class _Calculation:
    """Prices one document, with one shipping or another.

    Its lines are priced once, for they do not depend on the shipping.
    """

    def __init__(
        self, document: Document, rounding: Rounding, evaluation: Evaluation
    ) -> None:
        self._document = document
        self._rounding = rounding
        self._evaluation = evaluation
        self._priced = [
            price_line(line, document, rounding, evaluation) for line in document.lines
        ]

    def run(self, conditions: t.Sequence[Condition]) -> _Result:
        """Apply conditions to what the lines come to."""
        document, rounding = self._document, self._rounding
        amounts = [each.amounts[-1] for each in self._priced]
        goods = Proration(document.lines, amounts, rounding)
        lines = goods.shown()
        steps = CartSteps(document, conditions, goods, rounding, self._evaluation)
        adjustments = steps.provide()
        adjustments += steps.run("subtotal")
        subtotal, shares = steps.shown, goods.shown()
        adjustments += steps.run("total")

        return _Result(lines, shares, adjustments, subtotal, steps.shown)

    def run_without_shipping(self) -> _Result:
        """Apply the stored conditions but shipping."""
        return self.run(self._others)

    def run_with(self, shipping: Condition) -> _Result:
        """Apply a condition in place of any other shipping."""
        return self.run((*self._others, shipping))

    @property
    def _others(self) -> list[Condition]:
        return [each for each in self._document.conditions if each.type != SHIPPING]

    def facts(self, result: _Result) -> Facts:
        """What the shipping methods are told."""
        ids = [line.id for line in self._document.lines]

        return replace(
            self._evaluation.facts(self._document, self._rounding),
            subtotal=sum(result.lines, ZERO),
            amount=result.total,
            amounts=dict(zip(ids, result.shares, strict=True)),
        )

    def chosen(self, name: str, bare: _Result) -> Condition | Verdict:
        """The condition of the chosen method, or why there is none."""
        facts = self.facts(bare)

        try:
            methods = self._evaluation.methods(facts)
        except Exception as error:
            self._evaluation.failed("shipping_methods", error)

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
            is_chosen=method.name == self._document.shipping,
            code=verdict.code,
            params=verdict.params,
        )

    def _available(self, method: ShippingMethod, facts: Facts) -> Verdict:
        if method.available is None:
            return YES

        return self._evaluation.decide(method.available, facts)

    def _price(self, shipping: Condition) -> Money:
        # A discount of the same name is none of its rivals.
        return next(
            each.amount
            for each in self.run_with(shipping).adjustments
            if (each.name, each.type) == (shipping.name, SHIPPING)
        )

    def totals(self, result: _Result) -> Totals:
        """What is shown of a result."""
        rounding = self._rounding
        lines = tuple(
            line_totals(*each, rounding)
            for each in zip(self._priced, result.lines, result.shares, strict=True)
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
        )
