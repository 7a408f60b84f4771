"""Rounding: exact amounts become amounts that can be paid, also the share of a line."""

from __future__ import annotations

import decimal
import typing as t
from decimal import Decimal
from itertools import repeat
from operator import mul

from moneyed import Money

from ..model.lines import Line
from ..model.money import CONTEXT
from ..model.money import ZERO
from ..model.money import Shares
from ..model.money import allocate
from ..model.money import in_proportion
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
        return self.times_all([unit_price], [quantity])[0]

    def times_all(
        self, unit_prices: t.Iterable[Decimal], quantities: t.Iterable[int]
    ) -> list[Decimal]:
        """What so many of each come to, at the price of one."""
        prices = self.round_all(unit_prices) if self.at == "unit" else unit_prices

        return list(map(mul, prices, quantities))

    def round(self, amount: Decimal) -> Decimal:
        """Round to the smallest unit of the currency."""
        return self.round_all([amount])[0]

    def round_all(self, amounts: t.Iterable[Decimal]) -> list[Decimal]:
        """Round each of them."""
        how = map(repeat, (self.unit, ROUNDING_MODES[self.mode], CONTEXT))

        return list(map(Decimal.quantize, amounts, *how))

    @property
    def unit(self) -> Decimal:
        """The smallest amount that can be paid."""
        return smallest_unit(self.currency)

    def money(self, amount: Decimal) -> Money:
        """The amount as money of this currency, without rounding it."""
        return money(amount, self.currency)


class Part(t.NamedTuple):
    """A part of what there is to pay.

    :param key: Of parts with the same right to a remainder, the first by it gets it.
    :param line: The position of the line that it belongs to.
    :param added: The position of what it is of all that was added, such as shipping,
        if it is not the line itself.
    """

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
        self._lines = lines
        self._added: list[str] = []
        self._rounding = rounding

        if rounding.is_stepwise:
            amounts = rounding.round_all(amounts)

        with decimal.localcontext(_WIDE):
            amount = sum(amounts, ZERO)

        #: The whole amount.
        self.amount = CONTEXT.plus(amount)

        # What the shares were when they came to some amount. Most carts have no
        # condition that needs them before the end, so they are not kept up to date.
        self._weights: Shares | None = None
        self._weighed = self.amount

        #: The shares as they were given, until they are changed.
        self._given: list[Decimal] | None = list(amounts)

    def shown(self) -> list[Decimal]:
        """The shares, rounded so that they add up to the rounded amount."""
        if self._rounding.is_stepwise:
            return self._amounts()

        total = self._rounding.round(self.amount)

        return self._allocated(self._shares(), total).in_units(self._rounding.unit)

    def shown_by_line(self) -> dict[str, Decimal]:
        """The rounded share of every line, by its id."""
        return self._by_line(self.shown())

    def by_line(self) -> dict[str, Decimal]:
        """The share of every line, by its id."""
        return self._by_line(self._amounts())

    def each(self, picked: t.Iterable[int]) -> list[Decimal]:
        """What some shares come to, each of them."""
        amounts = self._amounts()

        return [amounts[i] for i in picked]

    def of(self, picked: t.Iterable[int]) -> Decimal:
        """What some shares come to together."""
        return self._shares().at(picked).sum()

    def change(self, picked: t.Collection[int], amount: Decimal) -> None:
        """Let some shares come to another amount together."""
        weights = self._shares().at(picked)
        self.assign(picked, in_proportion(amount.as_integer_ratio(), weights))

    def assign(self, picked: t.Iterable[int], amounts: Shares) -> None:
        """Let some shares come to other amounts, each of them."""
        shares = self._shares().put(picked, amounts)
        self._put(self._settled(shares), shares.sum())

    def add(self, name: str, amount: Decimal) -> None:
        """Add what has a share of its own."""
        shares = self._shares().joined(Shares.of([amount]))
        self._added.append(name)
        self._put(shares, self.amount + amount)

    def parts(self, *, by_line: bool) -> tuple[list[Part], Shares]:
        """The parts of what there is to pay, the lines first, and their shares.

        :param by_line: Whether what was added is divided among the lines.
        """
        shares, count = self._shares(), len(self._lines)
        keys = list(map(self._key, range(len(shares.numerators))))
        parts = [Part(key, i) for i, key in enumerate(keys[:count])]
        added = list(enumerate(keys[count:]))

        if not by_line:
            return parts + [Part(key, None, each) for each, key in added], shares

        goods = divided = shares.at(range(count))

        for each, key in added:
            amount = shares.numerators[count + each], shares.denominator
            divided = divided.joined(self._settled(in_proportion(amount, goods)))
            parts += [Part(key + keys[i], i, each) for i in range(count)]

        return parts, divided

    def settle(self, parts: t.Iterable[Part], amounts: Shares, amount: Decimal) -> None:
        """Let the parts be what they have become, and come to an amount."""
        sums = [0] * (len(self._lines) + len(self._added))

        for part, each in zip(parts, amounts.numerators, strict=True):
            i = part.line if part.added is None else len(self._lines) + part.added
            sums[t.cast(int, i)] += each

        shares = Shares(sums, amounts.denominator)
        self._put(self._settled(shares), shares.sum())
        self.amount = amount

    def _put(self, shares: Shares, amount: Decimal) -> None:
        self._weights, self._given = shares, None
        self.amount = self._weighed = amount

    def _shares(self) -> Shares:
        if self._weights is None:
            self._weights = Shares.of(self._given or ())

        if self.amount == self._weighed:
            return self._weights

        amount = self.amount.as_integer_ratio()

        return self._settled(in_proportion(amount, self._weights))

    def _amounts(self) -> list[Decimal]:
        """What each share comes to."""
        if self._given is not None and self.amount == self._weighed:
            return self._given

        shares = self._shares()

        if not self._rounding.is_stepwise:
            return shares.decimals()

        return shares.in_units(self._rounding.unit)

    def _by_line(self, amounts: t.Iterable[Decimal]) -> dict[str, Decimal]:
        return {line.id: each for line, each in zip(self._lines, amounts, strict=False)}

    def _settled(self, shares: Shares) -> Shares:
        if not self._rounding.is_stepwise:
            return shares.reduced()

        return self._allocated(shares, shares.sum())

    def _allocated(self, shares: Shares, amount: Decimal) -> Shares:
        return allocate(shares, amount, self._rounding.unit, self._key)

    def _key(self, i: int) -> tuple[str, ...]:
        if i >= len(self._lines):
            return self._added[i - len(self._lines)], "", ""

        line = self._lines[i]

        return "", line.item_id, line.id


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
