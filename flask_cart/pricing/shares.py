"""Shares: exact amounts of the parts of a whole, and how they become whole units."""

from __future__ import annotations

import math
import typing as t
from decimal import Decimal
from fractions import Fraction

from ..model.money import CONTEXT


class Shares(t.NamedTuple):
    """Exact amounts, as integers over one denominator: faster than many fractions."""

    numerators: list[int]
    denominator: int

    @classmethod
    def of(cls, amounts: t.Iterable[Decimal]) -> Shares:
        """Shares that are decimals."""
        ratios = [each.as_integer_ratio() for each in amounts]
        common = math.lcm(*{denominator for _, denominator in ratios})

        return cls([each * (common // of) for each, of in ratios], common)

    def sum(self) -> Decimal:
        """What they come to together, rounded to the digits of the context once."""
        return CONTEXT.divide(Decimal(sum(self.numerators)), Decimal(self.denominator))

    def decimals(self) -> list[Decimal]:
        """What each of them comes to, alike."""
        return [Shares([each], self.denominator).sum() for each in self.numerators]

    def in_units(self, unit: Decimal) -> list[Decimal]:
        """The same for shares of whole units, with all the decimals of one."""
        factor = int(1 / unit)

        return [each * factor // self.denominator * unit for each in self.numerators]

    def at(self, positions: t.Iterable[int]) -> Shares:
        """Some of them."""
        return Shares([self.numerators[i] for i in positions], self.denominator)

    def absolute(self) -> Shares:
        """The same without their signs."""
        return Shares(list(map(abs, self.numerators)), self.denominator)

    def reduced(self) -> Shares:
        """The same with the smallest denominator."""
        common = math.gcd(self.denominator, *self.numerators)
        numerators = [each // common for each in self.numerators]

        return Shares(numerators, self.denominator // common)

    def joined(self, others: Shares) -> Shares:
        """These, and others after them."""
        mine, theirs, denominator = _over_one(self, others)

        return Shares(mine + theirs, denominator)

    def put(self, positions: t.Iterable[int], others: Shares) -> Shares:
        """The same, with others in some of the places."""
        mine, theirs, denominator = _over_one(self, others)

        for i, each in zip(positions, theirs, strict=True):
            mine[i] = each

        return Shares(mine, denominator)

    def plus(self, positions: t.Iterable[int], more: Shares, sign: int = 1) -> Shares:
        """The same, with more or less in some of the places, nowhere below zero."""
        mine, theirs, denominator = _over_one(self, more)

        for i, each in zip(positions, theirs, strict=True):
            mine[i] = max(mine[i] + sign * each, 0)

        return Shares(mine, denominator)

    def times(self, rates: t.Sequence[Fraction]) -> Shares:
        """A part of each of them."""
        common = math.lcm(*{each.denominator for each in rates})
        numerators = [
            each * rate.numerator * (common // rate.denominator)
            for each, rate in zip(self.numerators, rates, strict=True)
        ]

        return Shares(numerators, self.denominator * common)


def _over_one(one: Shares, other: Shares) -> tuple[list[int], list[int], int]:
    """The numerators of both over one denominator."""
    common = math.lcm(one.denominator, other.denominator)
    mine, theirs = common // one.denominator, common // other.denominator

    return (
        [mine * each for each in one.numerators],
        [theirs * each for each in other.numerators],
        common,
    )


def in_proportion(amount: tuple[int, int], weights: Shares) -> Shares:
    """Divide an amount by weights, or evenly if all of them are zero.

    :param amount: Its numerator and its denominator.
    """
    numerator, denominator = amount
    factors = weights.numerators

    if not any(factors):
        factors = [1] * len(factors)

    return Shares([numerator * each for each in factors], denominator * sum(factors))


def allocate(
    shares: Shares, total: Decimal, unit: Decimal, key: t.Callable[[int], t.Any]
) -> Shares:
    """Round shares so that they add up to a rounded total, by largest remainder.

    Every share is rounded down to the unit. What is then missing is given to the
    shares that lost most, one unit each; of equal ones, the first by their key. What
    there is too much is taken from those that lost least.

    >>> thirds = Shares([10, 10, 10], 3)
    >>> allocate(thirds, Decimal(10), Decimal("0.01"), lambda i: i)
    Shares(numerators=[334, 333, 333], denominator=100)

    :param shares: The exact amounts, not negative.
    :param total: Their sum, rounded to the unit, or one unit beside it.
    :param unit: The smallest amount: 1, or a decimal place.
    :param key: What shares are sorted by that have lost the same.
    """
    per_unit, denominator = int(1 / unit), shares.denominator
    divided = [divmod(each * per_unit, denominator) for each in shares.numerators]
    units = [whole for whole, _ in divided]
    missing = int(total * per_unit) - sum(units)

    if missing:
        step = 1 if missing > 0 else -1

        def place(i: int) -> t.Any:
            # A free line gets nothing, as long as there is another one.
            return -step * divided[i][1], not shares.numerators[i], key(i)

        for i in sorted(range(len(units)), key=place)[: abs(missing)]:
            units[i] += step

    return Shares(units, per_unit)
