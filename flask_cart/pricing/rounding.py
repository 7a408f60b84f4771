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
from ..model.money import money
from ..model.money import smallest_unit

ROUNDING_MODES: t.Final[t.Mapping[str, str]] = {
    "half_up": decimal.ROUND_HALF_UP,
    "half_even": decimal.ROUND_HALF_EVEN,
    "half_down": decimal.ROUND_HALF_DOWN,
    "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN,
}

#: Where amounts are rounded.
RoundingPlace = t.Literal["unit", "line", "total"]

#: Exact for the sum of any amounts, so that their sequence does not matter.
_WIDE: t.Final = decimal.Context(prec=10_000)
_NOTHING: t.Final = Fraction(0)


class Rounding(t.NamedTuple):
    """How amounts of one currency become amounts that can be paid.

    :param currency: The ISO 4217 code.
    :param mode: A key of :data:`ROUNDING_MODES`.
    :param at: ``"line"`` rounds every line and every step of the calculation, as on
        an invoice; ``"unit"`` the price of one as well, before it is multiplied;
        ``"total"`` calculates exactly and rounds the total.
    """

    currency: str
    mode: str = "half_up"
    at: RoundingPlace = "line"

    @property
    def is_stepwise(self) -> bool:
        """Whether every step of the calculation is rounded."""
        return self.at != "total"

    def times(self, unit_price: Decimal, quantity: int) -> Decimal:
        """What so many come to, at the price of one."""
        return (self.round(unit_price) if self.at == "unit" else unit_price) * quantity

    def round(self, amount: Decimal) -> Decimal:
        """Round to the smallest unit of the currency."""
        return amount.quantize(self.unit, ROUNDING_MODES[self.mode], CONTEXT)

    @property
    def unit(self) -> Decimal:
        """The smallest amount that can be paid."""
        return smallest_unit(self.currency)

    def money(self, amount: Decimal) -> Money:
        """The amount as money of this currency, without rounding it."""
        return money(amount, self.currency)


class Part(t.NamedTuple):
    """A part of what there is to pay.

    :param amount: What it comes to.
    :param key: Of parts with the same right to a remainder, the first by it gets it.
    :param line: The position of the line that it belongs to.
    :param added: The position of what it is of all that was added, such as shipping,
        if it is not the line itself.
    """

    amount: Decimal | Fraction
    key: tuple[str, ...]
    line: int | None
    added: int | None = None


class Proration:
    """An amount, and the share of it that each line has.

    To set the amount changes all shares in proportion; :meth:`change` leaves the shares
    of the others as they are. What is added, such as shipping, has a share as well.

    :param lines: The lines. Of those that have the same right to a remainder, the
        first by its item gets it, in whatever order they were added.
    :param amounts: What each of them comes to.
    :param rounding: How amounts are rounded. Stepwise, the shares are so at any time.
    """

    def __init__(
        self,
        lines: t.Sequence[Line],
        amounts: t.Sequence[Decimal],
        rounding: Rounding,
    ) -> None:
        self._ids = [line.id for line in lines]
        self._keys = [("", line.item_id, line.id) for line in lines]
        self._rounding = rounding

        if rounding.is_stepwise:
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
        if self._rounding.is_stepwise:
            return t.cast(list[Decimal], self._shares())

        return self._allocated(self._shares(), self._rounding.round(self.amount))

    def shown_by_line(self) -> dict[str, Decimal]:
        """The rounded share of every line, by its id."""
        return dict(zip(self._ids, self.shown(), strict=False))

    def by_line(self) -> dict[str, Decimal]:
        """The share of every line, by its id."""
        return {
            line_id: as_decimal(share)
            for line_id, share in zip(self._ids, self._shares(), strict=False)
        }

    def each(self, picked: t.Iterable[int]) -> list[Decimal]:
        """What some shares come to, each of them."""
        shares = self._shares()

        return [as_decimal(shares[i]) for i in picked]

    def of(self, picked: t.Iterable[int]) -> Decimal:
        """What some shares come to together."""
        shares = self._shares()

        return as_decimal(exact_sum(shares[i] for i in picked))

    def change(self, picked: t.Collection[int], amount: Decimal) -> None:
        """Let some shares come to another amount together."""
        shares = self._shares()
        weights = [Fraction(shares[i]) for i in picked]
        self.assign(picked, in_proportion(amount, weights))

    def assign(
        self, picked: t.Iterable[int], amounts: t.Sequence[Decimal | Fraction]
    ) -> None:
        """Let some shares come to other amounts, each of them."""
        shares = [Fraction(each) for each in self._shares()]

        for i, amount in zip(picked, amounts, strict=True):
            shares[i] = Fraction(amount)

        self.amount = self._weighed = as_decimal(exact_sum(shares))
        self._weights = self._settled(shares)

    def add(self, name: str, amount: Decimal) -> None:
        """Add what has a share of its own."""
        self._weights = [*self._shares(), amount]
        self._keys.append((name, "", ""))
        self.amount = self._weighed = self.amount + amount

    def parts(self, *, by_line: bool) -> list[Part]:
        """The shares, those of the lines first.

        :param by_line: Whether what was added is divided among the lines.
        """
        shares = self._shares()
        count = len(self._ids)
        keys, goods = self._keys[:count], shares[:count]
        added = list(enumerate(zip(self._keys[count:], shares[count:], strict=True)))
        parts = [
            Part(share, key, i)
            for i, (key, share) in enumerate(zip(keys, goods, strict=True))
        ]

        if not by_line:
            return parts + [
                Part(share, key, None, each) for each, (key, share) in added
            ]

        for each, (key, share) in added:
            divided = self._settled(in_proportion(share, goods))
            parts += [
                Part(of_line, key + keys[i], i, each)
                for i, of_line in enumerate(divided)
            ]

        return parts

    def settle(
        self, parts: t.Iterable[Part], amounts: t.Iterable[Fraction], amount: Decimal
    ) -> None:
        """Let the parts be what they have become, and come to an amount."""
        shares = [_NOTHING] * len(self._keys)

        for part, each in zip(parts, amounts, strict=True):
            i = part.line if part.added is None else len(self._ids) + part.added
            shares[t.cast(int, i)] += each

        self._weighed = as_decimal(exact_sum(shares))
        self._weights = self._settled(shares)
        self.amount = amount

    def _shares(self) -> t.Sequence[Decimal | Fraction]:
        if self.amount == self._weighed:
            return self._weights

        return self._settled(in_proportion(self.amount, self._weights))

    def _settled(self, shares: list[Fraction]) -> t.Sequence[Decimal | Fraction]:
        if not self._rounding.is_stepwise:
            return shares

        return self._allocated(shares, as_decimal(exact_sum(shares)))

    def _allocated(
        self, shares: t.Sequence[Decimal | Fraction], amount: Decimal
    ) -> list[Decimal]:
        keys = self._keys[: len(shares)]

        return allocate(shares, amount, self._rounding.unit, keys)


def shown_steps(
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


def in_proportion(
    amount: Decimal | Fraction, weights: t.Sequence[Decimal | Fraction]
) -> list[Fraction]:
    """Divide an amount by weights, or evenly if all of them are zero."""
    exact = _exact(weights)
    whole = sum(exact)

    if not whole:
        return [Fraction(amount) / len(weights)] * len(weights)

    factor = Fraction(amount) / whole

    return [factor * weight for weight in exact]


def exact_sum(amounts: t.Iterable[Decimal | Fraction]) -> Fraction:
    """The sum, with all of its digits."""
    return sum(_exact(amounts), _NOTHING)


def _exact(amounts: t.Iterable[Decimal | Fraction]) -> list[Fraction]:
    return [each if isinstance(each, Fraction) else Fraction(each) for each in amounts]


def as_decimal(amount: Decimal | Fraction) -> Decimal:
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
    else by position. What there is too much is taken from those that lost least.

    >>> third = Decimal(10) / 3
    >>> [str(part) for part in allocate([third] * 3, Decimal(10), Decimal("0.01"))]
    ['3.34', '3.33', '3.33']

    :param parts: The exact amounts, not negative.
    :param total: Their sum, rounded to the unit, or one unit beside it.
    :param unit: The smallest amount.
    :param keys: What equal parts are sorted by.
    """
    divided = [_divided(part, unit) for part in parts]
    units = [whole for whole, _ in divided]
    missing = int(total / unit) - sum(units)

    if missing:
        step = 1 if missing > 0 else -1
        # A free line gets nothing, as long as there is another one.
        by_key = sorted(
            range(len(parts)), key=lambda i: (not parts[i], keys[i] if keys else i)
        )

        for i in sorted(by_key, key=lambda i: -step * divided[i][1])[: abs(missing)]:
            units[i] += step

    return [each * unit for each in units]


def _divided(part: Decimal | Fraction, unit: Decimal) -> tuple[int, Fraction]:
    """How many whole units, and what is left."""
    # As two integers, because this is many times faster than with fractions.
    numerator, denominator = part.as_integer_ratio()
    for_unit, of_unit = unit.as_integer_ratio()
    whole, rest = divmod(numerator * of_unit, denominator * for_unit)

    return whole, Fraction(rest, denominator * for_unit) if rest else _NOTHING
