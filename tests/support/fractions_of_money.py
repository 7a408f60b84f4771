"""Prices once more, slowly: with fractions, to compare the real ones with."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

from flask_cart import Condition
from flask_cart import Line
from flask_cart import Rule
from flask_cart.model.document import Document
from flask_cart.model.money import smallest_unit
from flask_cart.pricing.rounding import Rounding


def rounded(amount: Fraction, unit: Fraction, mode: str) -> Fraction:
    """An amount that is not negative, rounded to the unit."""
    units = math.floor(amount / unit)
    rest = amount / unit - units

    if mode == "up":
        is_up = rest > 0
    elif mode == "down":
        is_up = False
    elif rest != Fraction(1, 2):
        is_up = rest > Fraction(1, 2)
    else:
        is_up = mode == "half_up" or (mode == "half_even" and units % 2 == 1)

    return (units + is_up) * unit


def changed(amount: Fraction, condition: Condition) -> Fraction:
    """The amount after a condition."""
    if condition.included:
        return amount

    value = condition.value
    operator = value[0] if value[0] in "+-*/" else "+"
    number = Fraction(value.lstrip("+-*/").rstrip("%"))
    is_percent = value.endswith("%")

    if is_percent:
        number /= 100

    if operator in "+-":
        by = amount * number if is_percent else number
        result = amount + by if operator == "+" else amount - by
    else:
        result = amount * number if operator == "*" else amount / number

    if condition.cap is not None:
        cap = Fraction(condition.cap)
        result = min(max(result, amount - cap), amount + cap)

    return max(result, Fraction(0))


def line_amount(line: Line) -> Fraction:
    """The exact amount of a line after its conditions, which act on one unit."""
    unit_price = Fraction(line.unit_amount)

    for condition in sorted(line.conditions, key=lambda each: each.order):
        unit_price = changed(unit_price, condition)

    return unit_price * line.quantity


def is_about(rule: Rule | None, line: Line) -> bool:
    """Whether a rule holds for a line."""
    if rule is None:
        return True

    match rule.name, rule.params:
        case "not", _:
            return not is_about(rule.rules[0], line)
        case "item", {"ids": ids}:
            return line.item_id in ids
        case "option", {"name": name, "values": values}:
            return line.options.get(name) in values
        case "quantity_at_least", {"quantity": quantity}:
            return line.quantity >= quantity
        case "price_at_least", {"amount": amount}:
            return line.unit_amount >= Decimal(amount)

    raise NotImplementedError(rule)


def cheapest(lines: dict[str, Line], shares: dict[str, Fraction]) -> Fraction:
    """What the cheapest third of the items comes to."""
    prices = sorted(
        (shares[line_id] / line.quantity, line.quantity)
        for line_id, line in lines.items()
    )
    left = sum(quantity for _, quantity in prices) // 3
    result = Fraction(0)

    for price, quantity in prices:
        result += price * min(quantity, left)
        left -= min(quantity, left)

    return result


class Slowly:
    """A cart whose conditions are applied with fractions."""

    def __init__(self, document: Document, rounding: Rounding) -> None:
        self.document = document
        self.rounding = rounding
        self.unit = Fraction(smallest_unit(rounding.currency))
        self.lines = {line.id: line for line in document.lines}
        self.weights = {
            line_id: self.step(line_amount(line))
            for line_id, line in self.lines.items()
        }
        self.goods = sum(self.weights.values(), Fraction(0))

    def step(self, amount: Fraction) -> Fraction:
        if self.rounding.at == "total":
            return amount

        return rounded(amount, self.unit, self.rounding.mode)

    def total(self) -> Fraction:
        for condition in self.conditions("subtotal"):
            self.apply(condition)

        amount = self.goods

        for condition in self.conditions("total"):
            amount = self.step(self.after(condition, amount, self.lines))

        return rounded(amount, self.unit, self.rounding.mode)

    def conditions(self, target: str) -> list[Condition]:
        these = [each for each in self.document.conditions if each.target == target]

        return sorted(these, key=lambda each: each.order) if self.lines else []

    def apply(self, condition: Condition) -> None:
        picked = {
            line_id: line
            for line_id, line in self.lines.items()
            if is_about(condition.lines, line)
        }

        if condition.lines is None:
            self.goods = self.step(self.after(condition, self.goods, picked))
        elif picked:
            shares = self.shares()
            before = sum((shares[line_id] for line_id in picked), Fraction(0))
            after = self.step(self.after(condition, before, picked))
            parts = in_proportion(after, {each: shares[each] for each in picked})
            self.weights = self.settled(shares | parts)
            self.goods = sum(self.weights.values(), Fraction(0))

    def after(
        self, condition: Condition, amount: Fraction, about: dict[str, Line]
    ) -> Fraction:
        if condition.base is None:
            return changed(amount, condition)

        base = cheapest(about, self.shares())

        return max(amount + changed(base, condition) - base, Fraction(0))

    def shares(self) -> dict[str, Fraction]:
        return self.settled(in_proportion(self.goods, self.weights))

    def settled(self, shares: dict[str, Fraction]) -> dict[str, Fraction]:
        """Shares that are rounded, by largest remainder, unless only the total is."""
        if self.rounding.at == "total":
            return shares

        units = {each: share // self.unit for each, share in shares.items()}
        missing = sum(shares.values()) / self.unit - sum(units.values())
        by_rest = sorted(
            shares,
            key=lambda each: (
                -(shares[each] % self.unit),
                self.lines[each].item_id,
                each,
            ),
        )

        for each in by_rest[: int(missing)]:
            units[each] += 1

        return {each: share * self.unit for each, share in units.items()}


def in_proportion(
    amount: Fraction, weights: dict[str, Fraction]
) -> dict[str, Fraction]:
    """An amount, divided by weights, or evenly where there are none."""
    whole = sum(weights.values(), Fraction(0))

    return {
        each: amount * weight / whole if whole else amount / len(weights)
        for each, weight in weights.items()
    }


def total_of(document: Document, rounding: Rounding) -> Fraction:
    """The total of a document."""
    return Slowly(document, rounding).total()
