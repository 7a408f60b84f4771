"""Rounding: exact amounts become amounts that can be paid, also the share of a line."""

from __future__ import annotations

import decimal
import typing as t
from decimal import Decimal
from fractions import Fraction

from moneyed import Money

from ..model.lines import Line
from ..model.money import CONTEXT
from ..model.money import ZERO
from ..model.money import smallest_unit

ROUNDING_MODES: t.Final[t.Mapping[str, str]] = {
    "half_up": decimal.ROUND_HALF_UP,
    "half_even": decimal.ROUND_HALF_EVEN,
    "half_down": decimal.ROUND_HALF_DOWN,
    "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN,
}

#: Exact for the sum of any amounts, so that their sequence does not matter.
_WIDE: t.Final = decimal.Context(prec=10_000)
_NOTHING: t.Final = Fraction(0)


class Rounding(t.NamedTuple):
    """How amounts of one currency become amounts that can be paid.

    :param currency: The ISO 4217 code.
    :param mode: A key of :data:`ROUNDING_MODES`.
    :param at: ``"line"`` rounds every line and every step of the calculation, as on
        an invoice; ``"total"`` calculates exactly and rounds the total.
    """

    currency: str
    mode: str = "half_up"
    at: t.Literal["line", "total"] = "line"

    def round(self, amount: Decimal) -> Decimal:
        """Round to the smallest unit of the currency."""
        return amount.quantize(
            smallest_unit(self.currency), ROUNDING_MODES[self.mode], CONTEXT
        )

    def money(self, amount: Decimal) -> Money:
        """The amount as money of this currency, without rounding it."""
        return Money(amount, self.currency)


class Proration:
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
    return sum((Fraction(each) for each in amounts), _NOTHING)


def _as_decimal(amount: Decimal | Fraction) -> Decimal:
    """A fraction as a decimal, rounded to the digits of the context once."""
    if isinstance(amount, Decimal):
        return amount

    return CONTEXT.divide(Decimal(amount.numerator), Decimal(amount.denominator))


def allocate(
    parts: t.Sequence[Decimal | Fraction],
    total: Decimal,
    unit: Decimal,
    keys: t.Sequence[t.Any] = (),
) -> list[Decimal]:
    """Round parts so that they add up to a rounded total, by largest remainder.

    Every part is rounded down to the unit. What is then missing is given to the
    parts that lost most, one unit each; of equal ones, the first by their key, or
    else by position.

    >>> third = Decimal(10) / 3
    >>> [str(part) for part in allocate([third] * 3, Decimal(10), Decimal("0.01"))]
    ['3.34', '3.33', '3.33']

    :param parts: The exact amounts, not negative.
    :param total: Their sum, rounded up or down to the unit.
    :param unit: The smallest amount.
    :param keys: What equal parts are sorted by.
    """
    divided = [_divided(part, unit) for part in parts]
    units = [whole for whole, _ in divided]
    missing = int(total / unit) - sum(units)

    if missing:
        by_key = sorted(range(len(parts)), key=lambda i: keys[i] if keys else i)

        for i in sorted(by_key, key=lambda i: -divided[i][1])[:missing]:
            units[i] += 1

    return [each * unit for each in units]


def _divided(part: Decimal | Fraction, unit: Decimal) -> tuple[int, Fraction]:
    """How many whole units, and what is left."""
    # As two integers, because this is many times faster than with fractions.
    numerator, denominator = part.as_integer_ratio()
    for_unit, of_unit = unit.as_integer_ratio()
    whole, rest = divmod(numerator * of_unit, denominator * for_unit)

    return whole, Fraction(rest, denominator * for_unit) if rest else _NOTHING
