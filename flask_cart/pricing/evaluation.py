"""Asking: what the rules of an app say about one cart at one time."""

from __future__ import annotations

import datetime as dt
import decimal
import logging
import typing as t
from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from ..model.conditions import CEILING
from ..model.conditions import Condition
from ..model.document import Document
from ..model.money import CONTEXT
from ..model.money import ZERO
from ..model.rules import Rule
from ..model.values import FrozenDict
from .facts import Facts
from .facts import Lazy
from .reasons import YES
from .reasons import No
from .reasons import Verdict
from .rounding import Proration
from .rounding import Rounding
from .rulebook import RegisteredFunction
from .rulebook import Rulebook
from .shipping import ShippingMethod

T = t.TypeVar("T")

_EXEMPT: t.Final = Verdict("exempt")
_NO_LINES: t.Final = Verdict("no_lines")

#: Characters of a reason that a rule of the app gives.
MAX_REASON: t.Final = 200


class Ruling(t.NamedTuple):
    """What the rules of a condition say.

    :param verdict: Whether it applies, or why not.
    :param lines: The positions of the lines that it is limited to, if it is.
    :param base: The amount that its value acts on, if it is not all that there is.
    :param is_exempt: Whether it is included in the prices, and need not be paid.
    """

    verdict: Verdict = YES
    lines: list[int] | None = None
    base: Decimal | None = None
    is_exempt: bool = False


@dataclass
class Evaluation:
    """One calculation: for whom, when, and by which rules.

    :param rulebook: The rules.
    :param owner: Whose cart it is, such as ``"user:7"``, if that is known. Without the
        tenant.
    :param instance: Which of the owner's carts.
    :param now: When it is, with a time zone.
    :param tenant: The tenant whose cart it is, also of an owner who is not known.
    """

    rulebook: Rulebook
    owner: str | None
    instance: str
    now: dt.datetime
    tenant: str | None = None

    def __post_init__(self) -> None:
        self._facts: Facts | None = None
        self._provided: tuple[list[Condition], list[str]] | None = None
        self._failures: list[tuple[str, Exception]] = []

        #: Whether anything but the document had a say, so that the result may be
        #: another one later.
        self.was_asked = False

    def facts(self, document: Document, rounding: Rounding) -> Facts:
        """The facts about a cart before any condition, at their prices."""
        if self._facts is not None:
            return self._facts

        amounts = [rounding.times(e.unit_amount, e.quantity) for e in document.lines]
        goods = Proration(document.lines, amounts, rounding)
        subtotal = rounding.round(goods.amount)
        kind, _, owner_id = (self.owner or "guest:").partition(":")
        self._facts = facts = Facts(
            lines=document.lines,
            about=document.lines,
            subtotal=subtotal,
            amount=subtotal,
            amounts=Lazy(goods.by_line),
            subtotals=Lazy(goods.shown_by_line),
            net=Lazy(goods.by_line),
            shipping=ZERO,
            currency=document.currency,
            metadata=document.metadata,
            coupons=document.coupons,
            tenant=self.tenant,
            owner_kind=kind,
            owner_id=owner_id or None,
            instance=self.instance,
            now=self.now,
            app=Lazy(lambda: self.rulebook.load_facts(facts)),
        )

        return facts

    @property
    def has_providers(self) -> bool:
        """Whether there may be conditions that are not stored."""
        return bool(self.rulebook.providers)

    def judge(self, condition: Condition, facts: Facts) -> Ruling:
        """What the rules of a condition of the cart say."""
        if condition.rule is not None:
            verdict = self.decide(condition.rule, facts)

            if not verdict.holds:
                return Ruling(verdict)

        # Who cannot be found out to be exempt has to pay.
        is_exempt = condition.exempt is not None and (
            self.decide(condition.exempt, facts).holds
        )

        if is_exempt and not condition.included:
            return Ruling(_EXEMPT)

        picked = (
            None if condition.lines is None else self._picked(condition.lines, facts)
        )

        if isinstance(picked, Verdict):
            return Ruling(picked)

        if picked is not None and not picked:
            return Ruling(_NO_LINES)

        if condition.base is None:
            return Ruling(YES, picked, None, is_exempt)

        about = facts.lines if picked is None else (facts.lines[i] for i in picked)
        base = self.amount(condition.base, replace(facts, about=tuple(about)))

        if isinstance(base, Verdict):
            return Ruling(base)

        return Ruling(YES, picked, base, is_exempt)

    def decide(self, rule: Rule, facts: Facts) -> Verdict:
        """Whether a rule holds. A rule that raises does not."""
        self.was_asked = True

        match rule.name:
            case "all":
                verdicts = (self.decide(each, facts) for each in rule.rules)

                return next((each for each in verdicts if not each.holds), YES)
            case "any":
                return self._decide_any(rule, facts)
            case "not":
                return _opposite(rule, self.decide(rule.rules[0], facts))
            case "among":
                return self._decide_among(rule, facts)

        function = self.rulebook.rules.get(rule.name)

        return self._call(rule, function, facts, _answer)

    def amount(self, rule: Rule, facts: Facts) -> Decimal | Verdict:
        """The amount that a value acts on, or why there is none."""
        self.was_asked = True
        function = self.rulebook.amounts.get(rule.name)

        return self._call(rule, function, facts, _amount)

    def provided(self, facts: Facts) -> tuple[list[Condition], list[str]]:
        """What the app's providers yield, and the names of those that raised.

        They are asked once, for nothing that comes before them depends on shipping.
        """
        if self._provided is not None:
            return self._provided

        conditions: dict[str, Condition] = {}
        failed: list[str] = []

        for provider in self.rulebook.providers:
            self.was_asked = True

            try:
                with decimal.localcontext():
                    provided = [self._checked(each) for each in provider(facts)]
            except Exception as error:
                name = getattr(provider, "__name__", type(provider).__name__)
                failed.append(name)
                self.failed(name, error)
            else:
                for each in provided:
                    conditions.setdefault(each.name, each)

        self._provided = list(conditions.values()), failed

        return self._provided

    def methods(self, facts: Facts) -> list[ShippingMethod]:
        """The shipping methods for a cart.

        :raises InvalidConditionError: If they are not as they must be.
        """
        self.was_asked = True

        with decimal.localcontext():
            return self.rulebook.methods(facts)

    def failed(self, name: str, error: Exception) -> None:
        """Note what has failed, for the report."""
        self._failures.append((name, error))

    def report(self, logger: logging.Logger) -> None:
        """Log what has failed: once, with the first of the errors."""
        if self._failures:
            logger.error(
                "The totals are without what depends on these rules and providers,"
                " which failed: %s.",
                ", ".join(sorted({name for name, _ in self._failures})),
                exc_info=self._failures[0][1],
            )

    def _picked(self, rule: Rule, facts: Facts) -> list[int] | Verdict:
        """The positions of the lines for which a rule holds, or why that is unknown."""
        picked = []

        for position, line in enumerate(facts.lines):
            verdict = self.decide(rule, replace(facts, about=(line,)))

            if verdict.holds:
                picked.append(position)
            elif not verdict.is_known:
                return verdict

        return picked

    def _checked(self, condition: t.Any) -> Condition:
        if not isinstance(condition, Condition) or condition.target == "item":
            raise TypeError(
                f"A provider yields conditions for a cart, not {condition!r:.80}."
            )

        self.rulebook.check(condition)

        return condition

    def _decide_among(self, rule: Rule, facts: Facts) -> Verdict:
        which, asked = rule.rules
        picked = self._picked(which, facts)

        if isinstance(picked, Verdict):
            return picked

        lines = tuple(facts.lines[i] for i in picked)
        amount = sum((facts.amounts[line.id] for line in lines), ZERO)
        verdict = self.decide(
            asked,
            replace(
                facts,
                about=lines,
                subtotal=sum((facts.subtotals[line.id] for line in lines), ZERO),
                amount=Rounding(facts.currency).round(amount),
            ),
        )

        if verdict.holds:
            return verdict

        # "There are 20.00" would be a riddle to who sees 100.00.
        params = FrozenDict(verdict.params, among=which.name)

        return verdict._replace(params=params)

    def _decide_any(self, rule: Rule, facts: Facts) -> Verdict:
        verdicts = []

        for each in rule.rules:
            verdicts.append(self.decide(each, facts))

            if verdicts[-1].holds:
                return YES

        unknown = next((each for each in verdicts if not each.is_known), None)
        reasons = tuple(each.params for each in verdicts)

        return unknown or _not_met(rule, No("any", {"reasons": reasons}))

    def _call(
        self,
        rule: Rule,
        function: RegisteredFunction | None,
        facts: Facts,
        check: t.Callable[[Rule, t.Any], T],
    ) -> T | Verdict:
        name = rule.name

        if function is None:
            return Verdict("rule_unknown", FrozenDict({"rule": name}), rule)

        try:
            arguments = function.arguments(rule)
        except ValueError:
            return Verdict("rule_invalid", FrozenDict({"rule": name}), rule)

        try:
            # An own context, so that a rule cannot change that of the calculation.
            with decimal.localcontext():
                return check(rule, function.call(facts, **arguments))
        except Exception as error:
            self.failed(name, error)

            return Verdict("rule_failed", FrozenDict({"rule": name}), rule)


def of_other_currency(condition: Condition, currency: str) -> Verdict | None:
    """Why a condition does nothing in a cart of this currency, if it does nothing."""
    if condition.currency in (None, currency):
        return None

    return Verdict("other_currency", FrozenDict({"codes": (condition.currency,)}))


def _not_met(rule: Rule, no: No) -> Verdict:
    return Verdict("rule_not_met", FrozenDict({"why": no.why, **no.params}), rule)


def _opposite(rule: Rule, verdict: Verdict) -> Verdict:
    """What "not" makes of it: the opposite of what is not known is not known."""
    if not verdict.is_known:
        return verdict

    if not verdict.holds:
        return YES

    return _not_met(rule, No("holds", {"rule": rule.rules[0].name}))


def _answer(rule: Rule, answer: t.Any) -> Verdict:
    """What a rule has answered: that it holds, or why not.

    :raises TypeError: If it is no answer, so that a forgotten ``return`` is noticed.
    """
    if answer is True:
        return YES

    if isinstance(answer, No):
        return _not_met(rule, answer)

    if answer is not False and not isinstance(answer, str):
        raise TypeError(
            f"The rule {rule.name!r} must return True, False or a reason, not"
            f" {answer!r:.40}."
        )

    # Markup, as a template of the app would make it, is text like any other.
    reason = str.__str__(answer)[:MAX_REASON] if answer else ""

    if not reason:
        return _not_met(rule, No("does_not_hold", {"rule": rule.name}))

    return _not_met(rule, No("said", {"text": reason}))


def _amount(rule: Rule, answer: t.Any) -> Decimal:
    """What a function has calculated, within the bounds of conditions.

    :raises ValueError: If it is no such amount.
    """
    if isinstance(answer, bool) or not isinstance(answer, Decimal | int):
        raise ValueError(f"{rule.name!r} must return a Decimal, not {answer!r:.40}.")

    amount = Decimal(answer)

    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{rule.name!r} must return 0 or more, not {amount}.")

    # Less than that is nothing, and would only be slow to calculate with.
    if amount.adjusted() < -CONTEXT.prec:
        return ZERO

    with decimal.localcontext(CONTEXT):
        return min(+amount, CEILING)
