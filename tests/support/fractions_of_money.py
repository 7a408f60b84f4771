"""Prices once more, slowly: with fractions, to compare the real ones with."""

from __future__ import annotations

import itertools
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
    value = condition.value
    operator = value[0] if value[0] in "+-*/~" else "+"
    number = Fraction(value.lstrip("+-*/~").rstrip("%"))
    is_percent = value.endswith("%")

    if is_percent:
        number /= 100

    if operator == "~":
        return rounded(amount, number, "half_up")

    if operator in "+-":
        by = amount * number if is_percent else number
        result = amount + by if operator == "+" else amount - by
    else:
        result = amount * number if operator == "*" else amount / number

    if condition.cap is not None:
        cap = Fraction(condition.cap)
        result = min(max(result, amount - cap), amount + cap)

    return max(result, Fraction(0))


def line_amount(line: Line, rounding: Rounding) -> Fraction:
    """What a line comes to after its conditions, which act on one unit.

    Taxes come last, unless their order is below zero, and those of one order act on the
    same price.
    """
    unit_price = Fraction(line.unit_amount)

    for _, group in itertools.groupby(sorted(line.conditions, key=place), key=place):
        base = unit_price

        for condition in group:
            if not condition.is_tax:
                base = unit_price

            unit_price = max(unit_price + changed(base, condition) - base, Fraction(0))

    if rounding.at == "unit":
        unit = Fraction(smallest_unit(rounding.currency))
        unit_price = rounded(unit_price, unit, rounding.mode)

    return unit_price * line.quantity


def place(condition: Condition) -> tuple[bool, int, bool]:
    """Where a condition stands among those of its line or target."""
    is_tax = condition.type == "tax" or condition.included

    return is_tax and condition.order >= 0, condition.order, is_tax


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


#: A part of what there is to pay: a line, what was added, or what of it is of a line.
Part = tuple[str | None, str | None]


class Slowly:
    """A cart whose conditions are applied with fractions."""

    def __init__(self, document: Document, rounding: Rounding) -> None:
        self.document = document
        self.rounding = rounding
        self.unit = Fraction(smallest_unit(rounding.currency))
        self.lines = {line.id: line for line in document.lines}
        self.added: dict[str, Condition] = {}
        self.weights: dict[Part, Fraction] = {
            (line_id, None): self.step(line_amount(line, rounding))
            for line_id, line in self.lines.items()
        }
        self.amount = total(self.weights)

    def step(self, amount: Fraction) -> Fraction:
        if self.rounding.at == "total":
            return amount

        return self.rounded(amount)

    def rounded(self, amount: Fraction) -> Fraction:
        sign = -1 if amount < 0 else 1

        return sign * rounded(abs(amount), self.unit, self.rounding.mode)

    def total(self) -> Fraction:
        for target in ("subtotal", "total", "shipping"):
            for (_, _, is_tax), group in itertools.groupby(
                sorted(self.conditions(target), key=place), key=place
            ):
                if is_tax:
                    self.tax(list(group))
                else:
                    for condition in group:
                        self.apply(condition)

        self.tax(sorted(self.conditions(None), key=place))
        whole = self.rounded(self.amount)

        for condition in self.conditions("rounding"):
            whole = changed(whole, condition)

        return self.rounded(whole)

    def conditions(self, target: str | None) -> list[Condition]:
        """Those of a target, what rounds, or the taxes that come last."""
        if not self.lines:
            return []

        def targeted(condition: Condition) -> str | None:
            is_last = condition.target == "total" and condition.value[0] == "~"

            return "rounding" if is_last else condition.target

        return [
            each
            for each in self.document.conditions
            if (None if place(each)[0] else targeted(each)) == target
        ]

    def apply(self, condition: Condition) -> None:
        """Change some parts, or all of them."""
        if condition.target == "shipping":
            picked = {p for p in self.weights if self.is_shipping(p)}
        else:
            picked = {
                (line, added)
                for line, added in self.weights
                if line is None or is_about(condition.lines, self.lines[line])
            }

        is_limited = condition.lines is not None or condition.target == "shipping"

        if not picked:
            return

        shares = self.shares()
        before = total({each: shares[each] for each in picked})
        before = before if is_limited else self.amount
        base = before if condition.base is None else self.cheapest(condition)
        after = self.step(max(before + changed(base, condition) - base, Fraction(0)))

        if is_limited:
            parts = in_proportion(after, {each: shares[each] for each in picked})
            self.settle(shares | parts)
        elif condition.target == "total" and after > before:
            self.added[condition.name] = condition
            self.settle(shares | {(None, condition.name): after - before})
        else:
            self.amount = after

    def tax(self, taxes: list[Condition]) -> None:
        """Add taxes, tell what is contained, or take that off."""
        taxes = [each for each in taxes if each.included or not self.is_exempt(each)]
        limited = any(each.target == "total" and each.lines for each in taxes)
        parts = self.by_line() if limited else self.shares()
        on = {tax.name: self.taxed(tax, parts) for tax in taxes}
        contained = {
            tax.name: self.contained(tax, taxes, parts, on)
            for tax in taxes
            if tax.included
        }
        reached = {
            part: max(
                amount - sum(each.get(part, 0) for each in contained.values()),
                Fraction(0),
            )
            for part, amount in parts.items()
        }
        paid, amount = dict(parts), self.amount

        for _, group in itertools.groupby(taxes, key=lambda each: each.order):
            of_order = [
                (
                    tax,
                    contained.get(tax.name) or self.levied(tax, on[tax.name], reached),
                )
                for tax in group
                if on[tax.name]
            ]

            for tax, amounts in of_order:
                sign = -1 if tax.included else 1

                if not self.is_exempt(tax):
                    add(reached, amounts)

                if not tax.included or self.is_exempt(tax):
                    add(paid, {part: sign * each for part, each in amounts.items()})
                    amount = max(amount + sign * total(amounts), Fraction(0))

        whole: dict[Part, Fraction] = dict.fromkeys(self.weights, Fraction(0))

        for (line, added), each in paid.items():
            whole[(None, added) if added else (line, None)] += each

        self.settle(whole)
        self.amount = amount

    def is_exempt(self, tax: Condition) -> bool:
        about = self.lines.values()

        return tax.exempt is not None and any(is_about(tax.exempt, e) for e in about)

    def levied(
        self, tax: Condition, on: set[Part], reached: dict[Part, Fraction]
    ) -> dict[Part, Fraction]:
        """What an added tax comes to."""
        bases = {part: reached[part] for part in on}

        if tax.base is not None:
            bases = in_proportion(self.cheapest(tax), bases)

        base = total(bases)
        change = changed(base, tax) - base

        return self.settled(in_proportion(change, bases), self.step(change))

    def contained(
        self,
        tax: Condition,
        taxes: list[Condition],
        parts: dict[Part, Fraction],
        on: dict[str, set[Part]],
    ) -> dict[Part, Fraction]:
        """What an included tax comes to: its part of every price of 1."""
        bases = {part: parts[part] for part in on[tax.name]}

        if tax.base is not None and bases:
            bases = in_proportion(self.cheapest(tax), bases)

        amounts = {}

        for part, base in bases.items():
            price, own = Fraction(1), Fraction(0)
            siblings = [e for e in taxes if e.included and part in on[e.name]]

            for order in sorted({each.order for each in siblings}):
                rates = {e.name: rate(e) for e in siblings if e.order == order}
                own = price * rates.get(tax.name, 0) or own
                price *= 1 + sum(rates.values())

            amounts[part] = base * own / price

        return self.settled(amounts, self.step(total(amounts)))

    def taxed(self, tax: Condition, parts: dict[Part, Fraction]) -> set[Part]:
        """The parts that a tax is on."""
        if tax.target == "shipping":
            return {part for part in parts if self.is_shipping(part)}

        return {
            (line, added)
            for line, added in parts
            if (tax.target == "total" or added is None)
            and (tax.lines is None or is_about(tax.lines, self.lines[line]))
        }

    def is_shipping(self, part: Part) -> bool:
        return part[1] is not None and self.added[part[1]].type == "shipping"

    def cheapest(self, condition: Condition) -> Fraction:
        """What the cheapest of the lines come to that a condition is about."""
        shares = self.shares()
        lines = {
            line_id: line
            for line_id, line in self.lines.items()
            if is_about(condition.lines, line)
        }

        return cheapest(lines, {each: shares[each, None] for each in lines})

    def shares(self) -> dict[Part, Fraction]:
        if self.amount == total(self.weights):
            return self.weights

        return self.settled(in_proportion(self.amount, self.weights))

    def by_line(self) -> dict[Part, Fraction]:
        """The shares, with what was added divided among the lines."""
        shares = self.shares()
        goods = {part: each for part, each in shares.items() if part[1] is None}
        parts = dict(goods)

        for part, share in shares.items():
            if part[1] is not None:
                of_lines = {(p[0], part[1]): each for p, each in goods.items()}
                parts |= self.settled(in_proportion(share, of_lines))

        return parts

    def settle(self, shares: dict[Part, Fraction]) -> None:
        self.weights = self.settled(shares)
        self.amount = total(self.weights)

    def settled(
        self, shares: dict[Part, Fraction], amount: Fraction | None = None
    ) -> dict[Part, Fraction]:
        """Shares that are rounded, by largest remainder, unless only the total is."""
        if self.rounding.at == "total":
            return shares

        sign = -1 if sum(shares.values()) < 0 else 1
        amount = abs(total(shares) if amount is None else amount)
        units = {each: abs(share) // self.unit for each, share in shares.items()}
        missing = amount / self.unit - sum(units.values())
        by_rest = sorted(
            shares,
            key=lambda each: (
                -(abs(shares[each]) % self.unit),
                not shares[each],
                key(each, self.lines),
            ),
        )

        for each in by_rest[: int(missing)]:
            units[each] += 1

        return {each: sign * share * self.unit for each, share in units.items()}


def key(part: Part, lines: dict[str, Line]) -> tuple[str, ...]:
    line, added = part
    of_line = ("", lines[line].item_id, line) if line is not None else ()

    return ((added, "", "") if added is not None else ()) + of_line


def rate(tax: Condition) -> Fraction:
    return Fraction(tax.value.strip("+%")) / 100


def add(parts: dict[Part, Fraction], amounts: dict[Part, Fraction]) -> None:
    for part, amount in amounts.items():
        parts[part] = max(parts[part] + amount, Fraction(0))


def total(amounts: dict[Part, Fraction]) -> Fraction:
    return sum(amounts.values(), Fraction(0))


def in_proportion(
    amount: Fraction, weights: dict[Part, Fraction]
) -> dict[Part, Fraction]:
    """An amount, divided by weights, or evenly where there are none."""
    whole = total(weights)

    return {
        each: amount * weight / whole if whole else amount / len(weights)
        for each, weight in weights.items()
    }


def total_of(document: Document, rounding: Rounding) -> Fraction:
    """The total of a document."""
    return Slowly(document, rounding).total()
