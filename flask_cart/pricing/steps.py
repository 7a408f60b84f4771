"""Steps: what conditions make of the price of a line, and of the sum of all lines."""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import dataclass
from dataclasses import replace
from decimal import Decimal

from msgspec.structs import replace as replace_fields

from ..model.conditions import CEILING
from ..model.conditions import Condition
from ..model.document import Document
from ..model.lines import Line
from ..model.money import ZERO
from ..model.rules import Rule
from ..model.rules import rule
from .evaluation import Evaluation
from .facts import Facts
from .facts import Lazy
from .reasons import YES
from .reasons import Verdict
from .rounding import Proration
from .rounding import Rounding
from .totals import Adjustment
from .totals import LineTotals

_NO_LINES: t.Final = Verdict("no_lines")
_NOT_FOR_LINES: t.Final = Verdict("not_for_lines")
_FAILED: t.Final = Verdict("provider_failed")


def lines_at(facts: Facts, positions: tuple[int, ...]) -> bool:
    """The line is one of those at these positions."""
    (line,) = facts.about

    return any(facts.lines[position] is line for position in positions)


def amount_of(facts: Facts, amount: str) -> Decimal:
    """An amount that was calculated before, with all of its digits."""
    return Decimal(amount)


class PricedLine(t.NamedTuple):
    """A line with its exact amounts: at first, and after each of its conditions."""

    line: Line
    amounts: list[Decimal]
    verdicts: list[Verdict]


def price_line(
    line: Line, document: Document, rounding: Rounding, evaluation: Evaluation
) -> PricedLine:
    """Apply the conditions of a line to its price, one after the other."""
    unit_price = line.unit_amount
    amounts = [unit_price * line.quantity]
    verdicts = []

    for condition in _in_order(line.conditions):
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
            applied=_as_applied(condition) if verdict.holds else None,
        )
        for condition, verdict, (before, after) in zip(
            _in_order(line.conditions), priced.verdicts, steps, strict=True
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


class _Step(t.NamedTuple):
    """What there is to say of a condition of the cart.

    :param verdict: Whether it was applied, or why not.
    :param applied: How it was.
    :param base: What the value acted on, rounded.
    :param contained: How much of it the condition is, if it is included.
    """

    verdict: Verdict = YES
    applied: Condition | None = None
    base: Decimal | None = None
    contained: Decimal | None = None


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
        self._amount = self.goods.amount
        self._subtotal = self.shown
        self._provided: dict[str, Condition] = {}

    @property
    def shown(self) -> Decimal:
        """What there is to pay at this point, as it is shown."""
        return self.rounding.round(self._amount)

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

        return [self._adjustment(each, self.shown, _Step(_FAILED)) for each in missing]

    def run(self, target: str) -> list[Adjustment]:
        """Apply the conditions of one target."""
        conditions = (*self.conditions, *self._provided.values())

        # A step is taken between the two amounts: their difference, and not a rounded
        # difference, is what makes the steps add up.
        return [
            self._adjustment(each, self.shown, self._apply(each))
            for each in _in_order(conditions)
            if each.target == target
        ]

    def _adjustment(
        self, condition: Condition, before: Decimal, step: _Step
    ) -> Adjustment:
        return Adjustment.of(
            condition,
            self.rounding,
            before=before,
            after=self.shown,
            is_provided=condition.name in self._provided,
            **step._asdict(),
        )

    def _apply(self, condition: Condition) -> _Step:
        """Change the amount, if the condition applies."""
        if not self.document.lines:
            return _Step(applied=condition, base=self.shown)

        if condition.rule is not None:
            verdict = self.evaluation.decide(condition.rule, self._facts())

            if not verdict.holds:
                return _Step(verdict)

        picked = None if condition.lines is None else self._picked(condition.lines)

        if isinstance(picked, Verdict):
            return _Step(picked)

        whole = self._amount if picked is None else self.goods.of(picked)
        base = whole if condition.base is None else self._base(condition.base, picked)

        if isinstance(base, Verdict):
            return _Step(base)

        contained = None

        if condition.included:
            contained = self.rounding.round(condition.contained(base))
        elif condition.base is None:
            self._change(condition.target, picked, condition.apply(base))
        else:
            after = whole + (condition.apply(base) - base)
            self._change(condition.target, picked, min(max(after, ZERO), CEILING))

        applied = _as_applied(condition, picked, base)

        return _Step(YES, applied, self.rounding.round(base), contained)

    def _change(self, target: str, picked: list[int] | None, amount: Decimal) -> None:
        if self.rounding.at == "line":
            amount = self.rounding.round(amount)

        if picked is not None:
            self.goods.change(picked, amount)
            self._amount = self.goods.amount
            return

        self._amount = amount

        # What comes later is not what the lines come to.
        if target == "subtotal":
            self.goods.amount = amount

    def _picked(self, rule: Rule) -> list[int] | Verdict:
        """The positions of the lines for which a rule holds, or why it is none."""
        facts = self._facts()
        picked = []

        for position, line in enumerate(self.document.lines):
            verdict = self.evaluation.decide(rule, replace(facts, about=(line,)))

            if verdict.holds:
                picked.append(position)
            elif not verdict.is_known:
                return verdict

        return picked or _NO_LINES

    def _base(self, rule: Rule, picked: list[int] | None) -> Decimal | Verdict:
        lines = self.document.lines
        about = lines if picked is None else tuple(lines[i] for i in picked)

        return self.evaluation.amount(rule, replace(self._facts(), about=about))

    def _facts(self) -> Facts:
        """The facts at this point."""
        return replace(
            self.evaluation.facts(self.document, self.rounding),
            subtotal=self._subtotal,
            amount=self.shown,
            amounts=Lazy(self.goods.by_line),
        )


def _in_order(conditions: t.Iterable[Condition]) -> list[Condition]:
    """Conditions in the order in which they are applied."""
    return sorted(conditions, key=lambda condition: condition.order)


def _as_applied(
    condition: Condition, picked: list[int] | None = None, base: Decimal = ZERO
) -> Condition:
    """A condition as it was applied, with nothing of the shop's left to ask.

    :param picked: The positions of the lines that it was limited to, if it was.
    :param base: The exact amount that its value acted on.
    """
    if not (condition.rule or condition.lines or condition.base):
        return condition

    return replace_fields(
        condition,
        rule=None,
        lines=rule(lines_at.__name__, positions=picked) if picked else None,
        base=rule(amount_of.__name__, amount=str(base)) if condition.base else None,
    )
