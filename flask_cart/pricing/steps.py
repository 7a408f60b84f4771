"""Steps: what conditions make of the sum of all lines, one after the other."""

from __future__ import annotations

import dataclasses
import itertools
import typing as t
from dataclasses import dataclass
from decimal import ROUND_DOWN
from decimal import Decimal

from msgspec.structs import replace

from ..model.conditions import CEILING
from ..model.conditions import PHASES
from ..model.conditions import SHIPPING
from ..model.conditions import TARGETS
from ..model.conditions import Condition
from ..model.document import Document
from ..model.money import ZERO
from ..model.money import Shares
from .evaluation import Evaluation
from .evaluation import Ruling
from .evaluation import of_other_currency
from .facts import Facts
from .facts import Lazy
from .fixed_rules import as_applied
from .reasons import Verdict
from .rounding import Part
from .rounding import Proration
from .rounding import Rounding
from .taxes import Assessment
from .taxes import Assessor
from .taxes import Tax
from .taxes import levy_on
from .taxes import summed_taxes
from .taxes import without_taxes
from .totals import Adjustment

_NO_SHIPPING: t.Final = Verdict("no_amount")
_FAILED: t.Final = Verdict("provider_failed")
_OTHER_IS_BETTER: t.Final = Verdict("other_is_better")


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

        #: What the lines come to at first, as they are shown.
        self.lines = self.goods.shown()
        self._provided: dict[str, Condition] = {}
        self._added: list[Condition] = []

        #: The taxes of lines, by their positions, and of what was added, by its name.
        self.line_taxes: dict[int, list[Tax]] = {}
        self.added_taxes: dict[str, list[Tax]] = {}

        #: The names of those for which another one of their group applies.
        self.left_out: t.Container[str] = ()

        self._phases = by_phase(self.conditions)

        #: What could not be asked for.
        self.missing = self._provide()

        if self._provided:
            self._phases = by_phase((*self.conditions, *self._provided.values()))

    @property
    def shown(self) -> Decimal:
        """What there is to pay at this point, as it is shown."""
        return self.rounding.round(self.goods.amount)

    def _provide(self) -> list[Adjustment]:
        """Ask for the conditions that are not stored."""
        if not self.document.lines or not self.evaluation.has_providers:
            return []

        provided, failed = self.evaluation.provided(self._facts())
        stored = {each.name for each in self.conditions}
        self._provided = {
            each.name: each for each in provided if each.name not in stored
        }
        missing = [Condition(name, "provider", "subtotal", "0") for name in failed]

        return [self._adjustment(each, self.shown, verdict=_FAILED) for each in missing]

    def groups(self) -> list[list[Condition]]:
        """The conditions of each group, in the order in which they act."""
        found: dict[str, list[Condition]] = {}

        for phase in PHASES:
            for each in self._phases.get(phase, ()):
                if each.group is not None:
                    found.setdefault(each.group, []).append(each)

        return list(found.values())

    def run(self, phase: str) -> list[Adjustment]:
        """Apply the conditions of one phase."""
        if phase == "rounding":
            # What is rounded is what would have been paid.
            self.goods.amount = self.shown

        if phase not in self._phases:
            return []

        apply = self._pay if phase == "tenders" else self._apply
        adjustments = []

        def place(condition: Condition) -> tuple[bool, int]:
            # Taxes that come last are compound together, each order on those before.
            return condition.is_tax, 0 if phase == "taxes" else condition.order

        for (is_tax, _), group in itertools.groupby(self._phases[phase], key=place):
            if is_tax and self.document.lines:
                adjustments += self._tax(list(group))
            else:
                adjustments += map(apply, group)

        return adjustments

    def with_taxes(self, adjustment: Adjustment) -> Adjustment:
        """An adjustment with the taxes on what it has added."""
        taxes = self.added_taxes.get(adjustment.name)

        if adjustment.applied is None or taxes is None:
            return adjustment

        return dataclasses.replace(adjustment, taxes=summed_taxes(taxes))

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

        picked = self._picked(condition, ruling)
        whole = self.goods.amount if picked is None else self.goods.of(picked)
        base = whole if ruling.base is None else ruling.base
        each = self._each(condition, picked) if condition.per and picked else None
        after = condition.apply(base) if each is None else each.sum()

        if condition.target == "total":
            picked, each, whole = None, None, self.goods.amount

        if whole != base:
            after = min(max(whole + (after - base), ZERO), CEILING)

        if each is None or picked is None:
            self._change(condition, picked, after)
        else:
            self.goods.assign(picked, each)

        return self._adjustment(
            condition,
            before,
            base=self.rounding.round(base),
            applied=as_applied(condition, ruling),
        )

    def _picked(self, condition: Condition, ruling: Ruling) -> list[int] | None:
        """The shares that a value acts on, if these are not all."""
        count = len(self.document.lines)

        if condition.target == SHIPPING:
            return [count + i for i in self._shipping()]

        is_of_all = ruling.lines is None and condition.per is not None

        return list(range(count)) if is_of_all else ruling.lines

    def _each(self, condition: Condition, picked: list[int]) -> Shares:
        """What a value makes of each of the lines, or of each of their pieces."""
        lines, amounts = self.document.lines, self.goods.each(picked)
        changed = [
            condition.apply(each, lines[i].quantity if condition.per == "piece" else 1)
            for i, each in zip(picked, amounts, strict=True)
        ]

        if not self.rounding.is_stepwise:
            return Shares.of(changed)

        return Shares.of(map(self.rounding.round, changed))

    def _pay(self, tender: Condition) -> Adjustment:
        """Pay with what there is, and not more than there is to pay."""
        before, ruling = self.shown, self._judge(tender)

        if not ruling.verdict.holds:
            return self._adjustment(tender, before, verdict=ruling.verdict)

        base = CEILING if ruling.base is None else ruling.base
        # Nobody has a fraction of a cent.
        worth = (base - tender.apply(base)).quantize(self.rounding.unit, ROUND_DOWN)
        self.goods.amount = before - min(before, worth)

        return self._adjustment(
            tender, before, base=worth, applied=as_applied(tender, ruling)
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
        parts, prices = self.goods.parts(by_line=is_by_line)
        assessor = Assessor(parts, prices, self.goods.amount, self.rounding)
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

        # What is off settles nothing, and after the last taxes nobody asks for shares.
        if assessed and taxes[0].phase != "taxes":
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

        return self.line_taxes.setdefault(t.cast(int, part.line), [])

    def _shipping(self) -> list[int]:
        """Which of what was added is shipping."""
        return [i for i, each in enumerate(self._added) if each.type == SHIPPING]

    def _judge(self, condition: Condition, facts: Facts | None = None) -> Ruling:
        if condition.target == SHIPPING and not self._shipping():
            return Ruling(_NO_SHIPPING)

        if foreign := of_other_currency(condition, self.document.currency):
            return Ruling(foreign)

        ruling = Ruling()

        if condition.asks:
            ruling = self.evaluation.judge(condition, facts or self._facts())

        is_beaten = ruling.verdict.holds and condition.name in self.left_out

        return Ruling(_OTHER_IS_BETTER) if is_beaten else ruling

    def _facts(self) -> Facts:
        """The facts at this point."""
        added = [len(self.document.lines) + i for i in self._shipping()]

        return replace(
            self.evaluation.facts(self.document, self.rounding),
            subtotal=self._subtotal,
            amount=self.shown,
            amounts=Lazy(self.goods.by_line),
            subtotals=Lazy(lambda: dict(zip(self._ids(), self.lines, strict=True))),
            net=Lazy(self._net),
            shipping=self.goods.of(added) if added else ZERO,
        )

    def _net(self) -> dict[str, Decimal]:
        """What each line comes to without the taxes that it includes."""
        # Those of the taxes themselves cannot ask for it.
        facts = replace(self._facts(), net=self.goods.by_line())
        parts, prices = self.goods.parts(by_line=False)
        included = [each for each in self._phases.get("taxes", ()) if each.included]
        rulings = [self._judge(each, facts) for each in included]
        levies = [
            levy_on(parts, tax, ruling, ())
            for tax, ruling in zip(included, rulings, strict=True)
            if ruling.verdict.holds
        ]
        amounts = without_taxes(parts, prices, levies, self.rounding)

        return dict(zip(self._ids(), amounts.decimals(), strict=False))

    def _ids(self) -> list[str]:
        return [line.id for line in self.document.lines]


def by_phase(conditions: t.Iterable[Condition]) -> dict[str, list[Condition]]:
    """The conditions of each phase, in the order in which they are applied."""
    found: dict[str, list[Condition]] = {}

    for each in in_order(conditions):
        found.setdefault(each.phase, []).append(each)

    return found


def in_order(conditions: t.Iterable[Condition]) -> list[Condition]:
    """Conditions of one phase, or of a line, in the order in which they are applied."""

    def place(condition: Condition) -> tuple[bool, int, bool, int]:
        is_late = condition.phase == "taxes"
        target = TARGETS.index(condition.target)

        return is_late, condition.order, condition.is_tax, target if is_late else 0

    return sorted(conditions, key=place)
