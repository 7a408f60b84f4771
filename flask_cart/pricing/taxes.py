"""Taxes: what each comes to, on every part of what there is to pay.

Taxes of one order are parallel: they act on the same base, and none is in that of
another. One of a higher order is compound: those of lower ones are in its base. What
the prices include is contained in them whatever is added.
"""

from __future__ import annotations

import decimal
import typing as t
from dataclasses import dataclass
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from moneyed import Money

from ..model.conditions import CEILING
from ..model.conditions import SHIPPING
from ..model.conditions import Condition
from ..model.money import CONTEXT
from ..model.money import ZERO
from ..model.money import Shares
from ..model.money import allocate
from ..model.money import in_proportion
from .evaluation import Ruling
from .rounding import Part
from .rounding import Rounding


@dataclass(frozen=True)
class Tax:
    """What one tax of one rate comes to, on a cart or a part of it.

    :param name: The name of its condition.
    :param rate: The value of its condition, such as ``"19%"``.
    :param base: What it was calculated on. Of an included tax, what contains it.
    :param amount: What it comes to.
    :param included: Whether the prices contain it.
    """

    name: str
    rate: str
    base: Money
    amount: Money
    included: bool

    def to_dict(self) -> dict[str, t.Any]:
        """The tax as plain data, with amounts as decimal strings."""
        return {
            "name": self.name,
            "rate": self.rate,
            "base": str(self.base.amount),
            "amount": str(self.amount.amount),
            "included": self.included,
        }


def summed_taxes(taxes: t.Iterable[Tax]) -> tuple[Tax, ...]:
    """The taxes, those of one name and rate together."""
    found: dict[tuple[str, str, bool], Tax] = {}

    with decimal.localcontext(CONTEXT):
        for tax in taxes:
            key = tax.name, tax.rate, tax.included

            if other := found.get(key):
                base, amount = other.base + tax.base, other.amount + tax.amount
                tax = replace(tax, base=base, amount=amount)

            found[key] = tax

    return tuple(found.values())


class Levy(t.NamedTuple):
    """A tax that is due.

    :param condition: The tax.
    :param parts: The positions of the parts that it is on.
    :param base: An amount that it acts on instead.
    :param is_exempt: Whether it is included and not paid, and has to be taken off.
    """

    condition: Condition
    parts: t.Sequence[int]
    base: Decimal | None
    is_exempt: bool

    @property
    def is_contained(self) -> bool:
        """Whether it changes nothing."""
        return self.condition.included and not self.is_exempt


def levy_on(
    parts: t.Sequence[Part], tax: Condition, ruling: Ruling, shipping: t.Collection[int]
) -> Levy:
    """A tax on the parts that its target and its rules allow.

    :param shipping: Which of what was added is shipping.
    """

    def is_on(part: Part) -> bool:
        if tax.target == SHIPPING:
            return part.added in shipping

        is_target = tax.target == "total" or part.added is None

        return is_target and (ruling.lines is None or part.line in ruling.lines)

    positions = [i for i, part in enumerate(parts) if is_on(part)]

    return Levy(tax, positions, ruling.base, ruling.is_exempt)


class Assessment(t.NamedTuple):
    """What a tax comes to.

    :param levy: The tax, and what it is on.
    :param paid: What there is to pay after it.
    :param base: What it acts on, as it is shown.
    :param amount: What it comes to, as it is shown; negative if it is taken off.
    :param bases: What it acts on of each of its parts, as it is shown.
    :param amounts: What it comes to on each of its parts, as it is shown.
    :param shares: The same, as it is calculated with.
    """

    levy: Levy
    paid: Decimal
    base: Decimal
    amount: Decimal
    bases: list[Decimal]
    amounts: list[Decimal]
    shares: Shares


class Assessor:
    """Calculates taxes one after the other.

    :param parts: The parts of what there is to pay.
    :param prices: Their shares of it.
    :param paid: What they come to.
    :param rounding: How amounts are rounded.
    """

    def __init__(
        self,
        parts: t.Sequence[Part],
        prices: Shares,
        paid: Decimal,
        rounding: Rounding,
    ) -> None:
        self._parts = parts
        self._prices = prices
        self._rounding = rounding

        #: What there is to pay with the taxes that were added.
        self.paid = paid

    def assess(self, levies: t.Sequence[Levy]) -> list[Assessment]:
        """What taxes come to.

        :param levies: The taxes in their order.
        """
        contained = self._contained(levies)
        # What the taxes of an order act on: first of all, on prices without taxes.
        reached = self._prices

        for levy, shares in zip(levies, contained, strict=True):
            if shares is not None:
                reached = reached.plus(levy.parts, shares, sign=-1)

        assessed: list[Assessment] = []
        before: list[Assessment] = []
        given = zip(levies, contained, strict=True)

        for _, group in groupby(given, key=lambda each: each[0].condition.order):
            for each in before:
                if not each.levy.is_exempt:
                    reached = reached.plus(each.levy.parts, each.shares)

            before = [self._assess(*each, reached) for each in group]
            assessed += before

        return assessed

    def with_taxes(self, assessed: t.Iterable[Assessment]) -> Shares:
        """What each part comes to with the taxes that were added."""
        amounts = self._prices

        for each in assessed:
            if not each.levy.is_contained:
                amounts = amounts.plus(each.levy.parts, each.shares)

        return amounts

    def _contained(self, levies: t.Sequence[Levy]) -> list[Shares | None]:
        """What of each part every included tax is; nothing of those that are added."""
        found: list[Shares | None] = []

        for levy, rates in zip(levies, _rates(levies), strict=True):
            if not rates:
                found.append(None)
                continue

            shares = self._bases(levy, self._prices).times(rates)

            if self._rounding.is_stepwise:
                amount = self._rounding.round(shares.sum())
                shares = self._rounded(levy, shares, amount)

            found.append(shares)

        return found

    def _assess(
        self, levy: Levy, contained: Shares | None, reached: Shares
    ) -> Assessment:
        condition = levy.condition
        bases = self._bases(levy, self._prices if condition.included else reached)
        base = bases.sum()

        if contained is None:
            amount, shares = self._pay(condition.apply(base) - base, bases)
        elif levy.is_exempt:
            amount, shares = self._pay(-contained.sum(), contained)
        else:
            amount, shares = self._rounding.round(contained.sum()), contained

        shown = self._rounding.round(base)
        rounded = self._rounded(levy, shares, amount)

        return Assessment(
            levy,
            self.paid,
            shown,
            amount,
            bases=self._rounded(levy, bases, shown).in_units(self._rounding.unit),
            amounts=rounded.in_units(self._rounding.unit),
            shares=rounded if self._rounding.is_stepwise else shares,
        )

    def _bases(self, levy: Levy, amounts: Shares) -> Shares:
        picked = amounts.at(levy.parts)

        if levy.base is None:
            return picked

        return in_proportion(levy.base.as_integer_ratio(), picked)

    def _pay(self, change: Decimal, weights: Shares) -> tuple[Decimal, Shares]:
        """Let more or less be paid.

        :return: The difference as it is shown, and what it is of each part, exactly.
        """
        rounded = self._rounding.round(change) if self._rounding.is_stepwise else change
        before, self.paid = self.paid, min(max(self.paid + rounded, ZERO), CEILING)
        shown = self._rounding.round(self.paid) - self._rounding.round(before)
        # Each part has its own of the exact change, unless there was less to be had.
        is_whole = self.paid - before == rounded
        change = change if is_whole else self.paid - before

        return shown, in_proportion(change.as_integer_ratio(), weights)

    def _rounded(self, levy: Levy, shares: Shares, amount: Decimal) -> Shares:
        """Shares that are rounded, and come to a rounded amount together."""
        units, per_unit = allocate(
            shares.absolute(),
            abs(amount),
            self._rounding.unit,
            lambda i: self._parts[levy.parts[i]].key,
        )

        return Shares(units if amount >= 0 else [-each for each in units], per_unit)


def without_taxes(
    parts: t.Sequence[Part],
    prices: Shares,
    levies: t.Sequence[Levy],
    rounding: Rounding,
) -> Shares:
    """What parts come to without the taxes that their prices include."""
    for each in Assessor(parts, prices, prices.sum(), rounding).assess(levies):
        prices = prices.plus(each.levy.parts, each.shares.absolute(), sign=-1)

    return prices


def _rates(levies: t.Sequence[Levy]) -> list[list[Fraction]]:
    """How much of each of its parts every tax is; nothing if it is not included."""
    on_part: dict[int, list[int]] = {}

    for number, levy in enumerate(levies):
        if levy.condition.included:
            for part in levy.parts:
                on_part.setdefault(part, []).append(number)

    rates: list[list[Fraction]] = [[] for _ in levies]
    known: dict[tuple[int, ...], list[Fraction]] = {}

    for number, levy in enumerate(levies):
        for part in levy.parts if levy.condition.included else ():
            numbers = tuple(on_part[part])

            if numbers not in known:
                known[numbers] = _rates_together(
                    [levies[each].condition for each in numbers]
                )

            rates[number].append(known[numbers][numbers.index(number)])

    return rates


def _rates_together(taxes: t.Iterable[Condition]) -> list[Fraction]:
    """How much of a price each of the taxes is that it includes."""
    price = Fraction(1)
    amounts: list[Fraction] = []

    for _, group in groupby(taxes, key=lambda each: each.order):
        of_order = [price * each.rate for each in group]
        amounts += of_order
        price += sum(of_order)

    return [amount / price for amount in amounts]
