"""Rounding: exact amounts become amounts that can be paid."""

from __future__ import annotations

import decimal
import typing as t
from decimal import Decimal

from moneyed import Money

from ..model.money import CONTEXT
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
