"""Prices once more, slowly: with fractions, to compare the real ones with."""

from __future__ import annotations

import math
from fractions import Fraction

from flask_cart import Condition
from flask_cart import Line
from flask_cart.document import Document
from flask_cart.money import Rounding
from flask_cart.money import smallest_unit


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

    return max(result, Fraction(0))


def line_amount(line: Line) -> Fraction:
    """The exact amount of a line after its conditions, which act on one unit."""
    unit_price = Fraction(line.price)

    for condition in sorted(line.conditions, key=lambda each: each.order):
        unit_price = changed(unit_price, condition)

    return unit_price * line.quantity


def total_of(document: Document, rounding: Rounding) -> Fraction:
    """The total of a document."""
    unit = Fraction(smallest_unit(rounding.currency))

    def step(amount: Fraction) -> Fraction:
        is_rounded = rounding.at == "line"

        return rounded(amount, unit, rounding.mode) if is_rounded else amount

    running = sum((step(line_amount(line)) for line in document.lines), Fraction(0))

    if document.lines:
        for target in ["subtotal", "total"]:
            these = [each for each in document.conditions if each.target == target]

            for condition in sorted(these, key=lambda each: each.order):
                running = step(changed(running, condition))

    return rounded(running, unit, rounding.mode)
