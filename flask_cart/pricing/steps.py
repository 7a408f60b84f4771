"""Steps: what the conditions of a cart make of the sum of its lines."""

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
from ..model.money import ZERO
from ..model.rules import Rule
from .evaluation import Evaluation
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
from .taxes import Levy
from .totals import Adjustment
from .totals import Tax

_EXEMPT: t.Final = Verdict("exempt")
_NO_LINES: t.Final = Verdict("no_lines")
_NO_SHIPPING: t.Final = Verdict("no_amount")
_FAILED: t.Final = Verdict("provider_failed")


class _Ruling(t.NamedTuple):
    """What the rules of a condition say.

    :param verdict: Whether it applies, or why not.
    :param lines: The positions of the lines that it is limited to, if it is.
    :param base: The amount that its value acts on, if it is not all that there is.
    :param is_exempt: Whether it is a tax that is not paid.
    """

    verdict: Verdict = YES
    lines: list[int] | None = None
    base: Decimal | None = None
    is_exempt: bool = False

    def fixed(self, condition: Condition) -> Condition:
        """The condition with nothing of the shop's left to ask."""
        return as_applied(condition, self.lines, self.base, is_exempt=self.is_exempt)


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

        for is_tax, group in itertools.groupby(chosen, key=lambda each: each.is_tax):
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
            applied=ruling.fixed(condition),
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
        assessed = iter(
            assessor.assess(
                [
                    Levy(tax, self._taxed(tax, ruling, parts), *ruling[2:])
                    for tax, ruling in given
                    if ruling.verdict.holds
                ]
            )
        )
        adjustments = []

        for tax, ruling in given:
            if ruling.verdict.holds:
                adjustments.append(self._levied(next(assessed), ruling, parts))
            else:
                verdict = ruling.verdict
                adjustments.append(self._adjustment(tax, self.shown, verdict=verdict))

        self.goods.settle(parts, assessor.amounts, assessor.paid)

        return adjustments

    def _taxed(self, tax: Condition, ruling: _Ruling, parts: list[Part]) -> list[int]:
        """The positions of the parts that a tax is on."""

        def is_on(part: Part) -> bool:
            if tax.target == SHIPPING:
                return part.added is not None and part.added in self._shipping()

            is_target = tax.target == "total" or part.added is None

            return is_target and (ruling.lines is None or part.line in ruling.lines)

        return [i for i, part in enumerate(parts) if is_on(part)]

    def _levied(
        self, assessment: Assessment, ruling: _Ruling, parts: list[Part]
    ) -> Adjustment:
        """Note the taxes of each part."""
        levy, before = assessment.levy, self.shown
        self.goods.amount = assessment.paid
        adjustment = self._adjustment(
            levy.condition,
            before,
            base=assessment.base,
            contained=assessment.amount if levy.is_contained else None,
            applied=ruling.fixed(levy.condition),
        )

        if adjustment.tax is not None:
            for i, base, amount in zip(
                levy.parts, assessment.bases, assessment.amounts, strict=True
            ):
                tax = replace(
                    adjustment.tax,
                    base=self.rounding.money(base),
                    amount=self.rounding.money(amount),
                )
                self._taxes_of(parts[i]).append(tax)

        return adjustment

    def _taxes_of(self, part: Part) -> list[Tax]:
        if part.added is not None:
            name = self._added[part.added].name

            return self.added_taxes.setdefault(name, [])

        return self.line_taxes[t.cast(int, part.line)]

    def _shipping(self) -> list[int]:
        """Which of what was added is shipping."""
        return [i for i, each in enumerate(self._added) if each.type == SHIPPING]

    def _judge(self, condition: Condition) -> _Ruling:
        """Ask the rules of a condition."""
        if condition.rule is not None:
            verdict = self.evaluation.decide(condition.rule, self._facts())

            if not verdict.holds:
                return _Ruling(verdict)

        is_exempt = condition.exempt is not None and (
            self.evaluation.decide(condition.exempt, self._facts()).holds
        )

        if is_exempt and not condition.included:
            return _Ruling(_EXEMPT)

        if condition.target == SHIPPING and not self._shipping():
            return _Ruling(_NO_SHIPPING)

        lines = None if condition.lines is None else self._picked(condition.lines)

        if isinstance(lines, Verdict):
            return _Ruling(lines)

        base = None if condition.base is None else self._base(condition.base, lines)

        if isinstance(base, Verdict):
            return _Ruling(base)

        return _Ruling(YES, lines, base, is_exempt)

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


def in_order(conditions: t.Iterable[Condition]) -> list[Condition]:
    """Conditions of one phase, or of a line, in the order in which they are applied."""

    def place(condition: Condition) -> tuple[bool, int, bool, int]:
        is_late = condition.phase == "taxes"
        target = TARGETS.index(condition.target)

        return is_late, condition.order, condition.is_tax, target if is_late else 0

    return sorted(conditions, key=place)
