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

    To set the amount changes all shares in proportion; :meth:`change` leaves the shares
    of the other lines as they are.

    :param lines: The lines. Of those that have the same right to a remainder, the
        first by its item gets it, in whatever order they were added.
    :param amounts: What each of them comes to.
    :param rounding: How amounts are rounded: ``"line"`` rounds the shares at any time.
    """

    def __init__(
        self,
        lines: t.Sequence[Line],
        amounts: t.Sequence[Decimal],
        rounding: Rounding,
    ) -> None:
        self._lines = lines
        self._rounding = rounding
        self._unit = smallest_unit(rounding.currency)
        self._is_rounded = rounding.at == "line"

        if self._is_rounded:
            amounts = [rounding.round(each) for each in amounts]

        with decimal.localcontext(_WIDE):
            amount = sum(amounts, ZERO)

        #: The whole amount.
        self.amount = CONTEXT.plus(amount)

        # What the shares were when they came to some amount. Most carts have no
        # condition that needs them before the end, so they are not kept up to date.
        self._weights: t.Sequence[Decimal | Fraction] = amounts
        self._weighed = self.amount

    def shown(self) -> list[Decimal]:
        """The shares, rounded so that they add up to the rounded amount."""
        amount = self._rounding.round(self.amount)

        return self._allocated(self._shares(), amount)

    def by_line(self) -> dict[str, Decimal]:
        """The share of every line, by its id."""
        return {
            line.id: _as_decimal(share)
            for line, share in zip(self._lines, self._shares(), strict=True)
        }

    def of(self, picked: t.Iterable[int]) -> Decimal:
        """What some lines come to together."""
        shares = self._shares()

        return _as_decimal(_exact_sum(shares[i] for i in picked))

    def change(self, picked: t.Collection[int], amount: Decimal) -> None:
        """Let some lines come to another amount together."""
        shares = [Fraction(each) for each in self._shares()]
        changed = _in_proportion(amount, [shares[i] for i in picked])

        for i, share in zip(picked, changed, strict=True):
            shares[i] = share

        self.amount = self._weighed = _as_decimal(_exact_sum(shares))
        self._weights = self._settled(shares)

    def _shares(self) -> t.Sequence[Decimal | Fraction]:
        if self.amount == self._weighed:
            return self._weights

        weights = [Fraction(each) for each in self._weights]

        return self._settled(_in_proportion(self.amount, weights))

    def _settled(self, shares: list[Fraction]) -> t.Sequence[Decimal | Fraction]:
        return self._allocated(shares, self.amount) if self._is_rounded else shares

    def _allocated(
        self, shares: t.Sequence[Decimal | Fraction], amount: Decimal
    ) -> list[Decimal]:
        keys = [(line.item_id, line.id) for line in self._lines]

        return allocate(shares, amount, self._unit, keys)


def _in_proportion(amount: Decimal, weights: t.Sequence[Fraction]) -> list[Fraction]:
    """Divide an amount by weights, or evenly if all of them are zero."""
    whole = sum(weights)

    if not whole:
        return [Fraction(amount) / len(weights)] * len(weights)

    factor = Fraction(amount) / whole

    return [factor * weight for weight in weights]


def _exact_sum(amounts: t.Iterable[Decimal | Fraction]) -> Fraction:
    return sum((Fraction(each) for each in amounts), Fraction(0))


def _as_decimal(amount: Decimal | Fraction) -> Decimal:
    """A fraction as a decimal, rounded to the digits of the context once."""
    if isinstance(amount, Decimal):
        return amount

    return CONTEXT.divide(Decimal(amount.numerator), Decimal(amount.denominator))
