"""Shares: what each line has of an amount, while conditions change it."""

from __future__ import annotations

import decimal
import typing as t
from decimal import Decimal
from fractions import Fraction

from .items import Line
from .money import CONTEXT
from .money import ZERO
from .money import Rounding
from .money import allocate
from .money import smallest_unit

#: Exact for the sum of any amounts, so that their sequence does not matter.
_WIDE: t.Final = decimal.Context(prec=10_000)


class Shares:
    """An amount, and the share of it that each line has.

    A change of the whole amount changes all shares in proportion. A change of what
    some lines come to leaves the shares of the others as they are.

    :param lines: The lines. Of those that have the same right to a remainder, the
        first by its item gets it, in whatever order they were added.
    :param amounts: What each of them comes to.
    :param rounding: How amounts are rounded.
    """

    def __init__(
        self,
        lines: t.Sequence[Line],
        amounts: t.Sequence[Decimal],
        rounding: Rounding,
    ) -> None:
        self._rounding = rounding
        self._unit = smallest_unit(rounding.currency)
        self._ids = [line.id for line in lines]
        self._keys = [(line.item_id, line.id) for line in lines]

        if rounding.at == "line":
            amounts = [rounding.round(each) for each in amounts]

        with decimal.localcontext(_WIDE):
            amount = sum(amounts, ZERO)

        #: The whole amount.
        self.amount = CONTEXT.plus(amount)

        self._weights = [Fraction(each) for each in amounts]

    def exact(self) -> list[Fraction]:
        """The share of every line. They add up to the amount."""
        amount, shares = Fraction(self.amount), self._weights
        whole = sum(shares, Fraction(0))

        if whole != amount:
            # Lines that are free share a fee evenly.
            weights = shares if whole else [Fraction(1)] * len(shares)
            shares = [amount * each / sum(weights) for each in weights]

        if self._rounding.at == "line":
            return [Fraction(each) for each in self._allocated(shares, self.amount)]

        return shares

    def shown(self) -> list[Decimal]:
        """The shares, rounded so that they add up to the rounded amount."""
        return self._allocated(self.exact(), self._rounding.round(self.amount))

    def by_line(self) -> dict[str, Decimal]:
        """The share of every line, by its id."""
        return dict(zip(self._ids, map(as_decimal, self.exact()), strict=True))

    def of(self, picked: t.Iterable[int]) -> Decimal:
        """What some lines come to together."""
        shares = self.exact()

        return as_decimal(sum((shares[i] for i in picked), Fraction(0)))

    def change(self, picked: t.Collection[int], amount: Decimal) -> None:
        """Let some lines come to another amount together."""
        shares = self.exact()
        whole = sum((shares[i] for i in picked), Fraction(0))

        for i in picked:
            weight = shares[i] / whole if whole else Fraction(1, len(picked))
            shares[i] = Fraction(amount) * weight

        self._weights = shares
        self.amount = CONTEXT.add(
            self.amount, CONTEXT.subtract(amount, as_decimal(whole))
        )

    def _allocated(self, shares: list[Fraction], amount: Decimal) -> list[Decimal]:
        return allocate(shares, amount, self._unit, self._keys)


def as_decimal(fraction: Fraction) -> Decimal:
    """The fraction as a decimal, rounded to the digits of the context once."""
    return CONTEXT.divide(Decimal(fraction.numerator), Decimal(fraction.denominator))
