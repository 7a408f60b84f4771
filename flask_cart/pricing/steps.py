"""Steps: what the conditions of a cart make of the sum of its lines."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from decimal import Decimal

from ..model.conditions import CEILING
from ..model.conditions import Condition
from ..model.document import Document
from ..model.money import ZERO
from ..model.rules import Rule
from .evaluation import YES
from .evaluation import Evaluation
from .evaluation import Verdict
from .facts import Facts
from .facts import Lazy
from .proration import Proration
from .rounding import Rounding
from .totals import Adjustment
from .totals import Decided

_NO_LINES: t.Final = Verdict("no_lines")
_FAILED: t.Final = Verdict("provider_failed")


class _Off(Exception):
    """A condition does not apply."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict)
        self.verdict = verdict


class _Applied(t.NamedTuple):
    """A condition that was applied.

    :param base: What the value acted on.
    :param contained: How much of it the condition is, if it is included.
    """

    decided: Decided
    base: Decimal
    contained: Decimal | None = None


class CartSteps:
    """Applies the conditions of a cart, one after the other.

    :param document: The content of the cart.
    :param conditions: Those that are applied: the stored ones, and shipping.
    :param goods: What the lines come to after their own conditions.
    :param rounding: How amounts are rounded.
    :param evaluation: Whom the rules are asked for, and when.
    """

    def __init__(
        self,
        document: Document,
        conditions: t.Sequence[Condition],
        goods: Proration,
        rounding: Rounding,
        evaluation: Evaluation,
    ) -> None:
        self._document = document
        self._conditions = conditions
        self._goods = goods
        self._rounding = rounding
        self._evaluation = evaluation
        self._amount = goods.amount
        self._subtotal = self.shown
        self._provided: dict[str, Condition] = {}

    @property
    def shown(self) -> Decimal:
        """What there is to pay at this point, as it is shown."""
        return self._rounding.round(self._amount)

    def provide(self) -> list[Adjustment]:
        """Ask for the conditions that are not stored.

        :return: What could not be asked for.
        """
        if not self._document.lines or not self._evaluation.has_providers:
            return []

        provided, failed = self._evaluation.provided(self._facts())
        stored = {each.name for each in self._conditions}
        self._provided = {
            each.name: each for each in provided if each.name not in stored
        }

        return [
            self._adjustment(
                Condition(name, "provider", "subtotal", "0"), verdict=_FAILED
            )
            for name in failed
        ]

    def run(self, target: str) -> list[Adjustment]:
        """Apply the conditions of one target."""
        conditions = (*self._conditions, *self._provided.values())

        return [
            self._adjust(each) for each in in_order(conditions) if each.target == target
        ]

    def _adjust(self, condition: Condition) -> Adjustment:
        """Apply a condition, if it applies."""
        before = self.shown

        try:
            applied = self._apply(condition)
        except _Off as off:
            return self._adjustment(condition, verdict=off.verdict)

        # The difference of two rounded amounts, not a rounded difference: this is what
        # makes the steps add up.
        return self._adjustment(condition, before, applied)

    def _adjustment(
        self,
        condition: Condition,
        before: Decimal | None = None,
        applied: _Applied | None = None,
        verdict: Verdict = YES,
    ) -> Adjustment:
        return Adjustment.of(
            condition,
            self._rounding,
            before=self.shown if before is None else before,
            after=self.shown,
            base=self._rounding.round(applied.base) if applied is not None else None,
            contained=applied.contained if applied is not None else None,
            verdict=verdict,
            is_provided=condition.name in self._provided,
            decided=applied.decided if applied is not None else None,
        )

    def _apply(self, condition: Condition) -> _Applied:
        """Change the amount."""
        if not self._document.lines:
            return _Applied(Decided(condition), ZERO)

        if condition.rule is not None:
            verdict = self._evaluation.decide(condition.rule, self._facts())

            if not verdict.holds:
                raise _Off(verdict)

        picked = self._picked(condition.lines) if condition.lines is not None else None
        whole = self._amount if picked is None else self._goods.of(picked)

        if condition.base is None:
            base = whole
            after = condition.apply(base)
        else:
            base = self._base(condition.base, picked)
            more = condition.apply(base) - base
            after = min(max(whole + more, ZERO), CEILING)

        decided = Decided(
            condition,
            lines=None if picked is None else tuple(picked),
            base=None if condition.base is None else base,
        )

        if condition.included:
            contained = self._rounding.round(condition.contained(base))

            return _Applied(decided, base, contained)

        self._change(condition.target, picked, after)

        return _Applied(decided, base)

    def _change(self, target: str, picked: list[int] | None, amount: Decimal) -> None:
        if self._rounding.at == "line":
            amount = self._rounding.round(amount)

        if picked is not None:
            self._goods.change(picked, amount)
            self._amount = self._goods.amount
            return

        self._amount = amount

        # What comes later is not what the lines come to.
        if target == "subtotal":
            self._goods.amount = amount

    def _picked(self, rule: Rule) -> list[int]:
        """The positions of the lines for which a rule holds."""
        facts = self._facts()
        picked = []

        for position, line in enumerate(self._document.lines):
            verdict = self._evaluation.decide(rule, replace(facts, about=(line,)))

            if verdict.holds:
                picked.append(position)
            elif not verdict.is_known:
                raise _Off(verdict)

        if not picked:
            raise _Off(_NO_LINES)

        return picked

    def _base(self, rule: Rule, picked: list[int] | None) -> Decimal:
        lines = self._document.lines
        about = lines if picked is None else tuple(lines[i] for i in picked)
        base = self._evaluation.amount(rule, replace(self._facts(), about=about))

        if isinstance(base, Verdict):
            raise _Off(base)

        return base

    def _facts(self) -> Facts:
        """The facts at this point."""
        return replace(
            self._evaluation.facts(self._document, self._rounding),
            subtotal=self._subtotal,
            amount=self.shown,
            amounts=Lazy(self._goods.by_line),
        )


def in_order(conditions: t.Iterable[Condition]) -> list[Condition]:
    """Conditions in the order in which they are applied."""
    return sorted(conditions, key=lambda condition: condition.order)
