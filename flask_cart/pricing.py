"""Pricing: from a document to totals in which everything displayed adds up."""

from __future__ import annotations

import decimal
import itertools
import typing as t
from dataclasses import dataclass
from decimal import Decimal

from moneyed import Money

from .conditions import Condition
from .document import Document
from .items import Line
from .money import CONTEXT
from .money import ZERO
from .money import Rounding
from .money import allocate
from .money import format_money
from .money import smallest_unit


@dataclass(frozen=True)
class Adjustment:
    """What one condition changed.

    :param name: The condition's name.
    :param type: The condition's type.
    :param target: What it acted on: ``"item"``, ``"subtotal"`` or ``"total"``.
    :param value: The condition's value, such as ``"-10%"``.
    :param before: The amount before it, of the whole line or cart.
    :param after: The amount after it.
    :param line_id: The line that it belongs to, if it is not the cart's.
    :param reason: Why it changed nothing, or an empty string.
    """

    name: str
    type: str
    target: str
    value: str
    before: Money
    after: Money
    line_id: str | None = None
    reason: str = ""

    @property
    def amount(self) -> Money:
        """What it added; negative for a discount."""
        difference = CONTEXT.subtract(self.after.amount, self.before.amount)

        return Money(difference, self.after.currency)

    def to_dict(self) -> dict[str, t.Any]:
        """The adjustment as plain data, with amounts as decimal strings."""
        return {
            "name": self.name,
            "type": self.type,
            "target": self.target,
            "value": self.value,
            "before": str(self.before.amount),
            "after": str(self.after.amount),
            "amount": str(self.amount.amount),
            "currency": self.after.currency.code,
            "line_id": self.line_id,
            "reason": self.reason,
        }

    def __str__(self) -> str:
        change = self.reason or (
            f"{format_money(self.before)} -> {format_money(self.after)}"
        )

        return f"{self.name} ({self.value} on {self.target}): {change}"


@dataclass(frozen=True)
class LineTotals:
    """The amounts of one line. Attributes of the line can be read from it, too.

    :param line: The line.
    :param unit_price: The exact price of one after the line's conditions. It is not
        rounded: three at 8.4915 are 25.47.
    :param subtotal_without_conditions: Price times quantity.
    :param subtotal: The same after the line's conditions.
    :param adjustments: What each of them changed, for the whole line.
    """

    line: Line
    unit_price: Money
    subtotal_without_conditions: Money
    subtotal: Money
    adjustments: tuple[Adjustment, ...]

    @property
    def id(self) -> str:
        return self.line.id

    @property
    def item_id(self) -> str:
        return self.line.item_id

    @property
    def name(self) -> str:
        return self.line.name

    @property
    def quantity(self) -> int:
        return self.line.quantity

    @property
    def price(self) -> Money:
        """The price of one before the line's conditions."""
        return Money(self.line.price, self.subtotal.currency)

    @property
    def options(self) -> dict[str, str]:
        return self.line.options

    @property
    def attributes(self) -> dict[str, t.Any]:
        return self.line.attributes

    @property
    def savings(self) -> Money:
        """What the line's conditions took off."""
        return _savings(self.adjustments, self.subtotal.currency.code)


@dataclass(frozen=True)
class Totals:
    """All the amounts of a cart.

    The subtotals of the lines and the amounts of the adjustments add up to the total,
    to the last unit.

    :param lines: The amounts of every line.
    :param adjustments: What each condition of the cart changed, in the order in which
        they were applied.
    :param subtotal_without_conditions: The sum of price times quantity.
    :param subtotal: The sum of the lines after the conditions on the subtotal.
    :param total: What is to be paid.
    """

    lines: tuple[LineTotals, ...]
    adjustments: tuple[Adjustment, ...]
    subtotal_without_conditions: Money
    subtotal: Money
    total: Money

    @property
    def currency(self) -> str:
        """The ISO 4217 code of all amounts."""
        return self.total.currency.code

    @property
    def count(self) -> int:
        """How many lines."""
        return len(self.lines)

    @property
    def quantity(self) -> int:
        """How many items, over all lines."""
        return sum(line.quantity for line in self.lines)

    @property
    def savings(self) -> Money:
        """What conditions took off, on lines and on the cart."""
        return _savings(self.explain(), self.currency)

    def explain(self) -> tuple[Adjustment, ...]:
        """Every condition in the order of evaluation: what it changed, or why not.

        ``str()`` of each is a sentence, ``to_dict()`` is data.
        """
        on_lines = (each for line in self.lines for each in line.adjustments)

        return (*on_lines, *self.adjustments)


def compute_totals(document: Document, rounding: Rounding) -> Totals:
    """Price a document.

    Conditions of lines come first, then those on the subtotal, then those on the
    total; among these by ``order``, then by position. No step goes below zero.

    :param document: The content of the cart.
    :param rounding: How amounts are rounded. Its currency is the document's.
    """
    with decimal.localcontext(CONTEXT):
        exact = [_exact_steps(line) for line in document.lines]
        priced = [steps[-1] for steps in exact]

        if rounding.at == "line":
            shown = [rounding.round(amount) for amount in priced]
            running = sum(shown, ZERO)
        else:
            running = sum(priced, ZERO)
            unit = smallest_unit(rounding.currency)
            shown = allocate(priced, rounding.round(running), unit)

        lines = tuple(
            _line_totals(line, steps, subtotal, rounding)
            for line, steps, subtotal in zip(document.lines, exact, shown, strict=True)
        )
        on_subtotal, running = _adjust(document, "subtotal", running, rounding)
        subtotal = rounding.round(running)
        on_total, running = _adjust(document, "total", running, rounding)
        nothing = rounding.money(ZERO)

        return Totals(
            lines=lines,
            adjustments=(*on_subtotal, *on_total),
            subtotal_without_conditions=sum(
                (line.subtotal_without_conditions for line in lines), nothing
            ),
            subtotal=rounding.money(subtotal),
            total=rounding.money(rounding.round(running)),
        )


def _exact_steps(line: Line) -> list[Decimal]:
    """The exact amount of a line, at first and after each of its conditions."""
    unit_price = line.price
    steps = [unit_price * line.quantity]

    for condition in _in_order(line.conditions):
        unit_price = condition.apply(unit_price)
        steps.append(unit_price * line.quantity)

    return steps


def _line_totals(
    line: Line, steps: list[Decimal], subtotal: Decimal, rounding: Rounding
) -> LineTotals:
    shown = _shown_steps(steps, subtotal, rounding)
    adjustments = tuple(
        _adjustment(condition, "item", before, after, rounding, line.id)
        for condition, (before, after) in zip(
            _in_order(line.conditions), itertools.pairwise(shown), strict=True
        )
    )

    return LineTotals(
        line=line,
        unit_price=rounding.money(steps[-1] / line.quantity),
        subtotal_without_conditions=rounding.money(shown[0]),
        subtotal=rounding.money(subtotal),
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


def _adjust(
    document: Document, target: str, running: Decimal, rounding: Rounding
) -> tuple[list[Adjustment], Decimal]:
    """Apply the cart's conditions of one target to the running amount."""
    adjustments = []
    conditions = [each for each in document.conditions if each.target == target]

    for condition in _in_order(conditions):
        before = rounding.round(running)

        if document.lines:
            running = condition.apply(running)

        if rounding.at == "line":
            running = rounding.round(running)

        # The difference of two rounded amounts, not a rounded difference: this is
        # what makes the steps add up.
        after = rounding.round(running)
        adjustments.append(_adjustment(condition, target, before, after, rounding))

    return adjustments, running


def _adjustment(
    condition: Condition,
    target: str,
    before: Decimal,
    after: Decimal,
    rounding: Rounding,
    line_id: str | None = None,
) -> Adjustment:
    return Adjustment(
        name=condition.name,
        type=condition.type,
        target=target,
        value=condition.value,
        before=rounding.money(before),
        after=rounding.money(after),
        line_id=line_id,
        reason=_reason(before, after),
    )


def _reason(before: Decimal, after: Decimal) -> str:
    if before != after:
        return ""

    return "it makes no difference" if before else "there is no amount to change"


def _in_order(conditions: t.Iterable[Condition]) -> list[Condition]:
    return sorted(conditions, key=lambda condition: condition.order)


def _savings(adjustments: t.Iterable[Adjustment], currency: str) -> Money:
    with decimal.localcontext(CONTEXT):
        changes = (each.amount.amount for each in adjustments)

        return Money(-sum((each for each in changes if each < 0), ZERO), currency)
