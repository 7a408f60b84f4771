"""Rounding: exact amounts become amounts that can be paid."""

from __future__ import annotations

import decimal
import typing as t
from decimal import Decimal

from moneyed import Money

from ..model.money import CONTEXT
from ..model.money import smallest_unit

ROUNDING_MODES: t.Final[t.Mapping[str, str]] = {
    "half_up": decimal.ROUND_HALF_UP,
    "half_even": decimal.ROUND_HALF_EVEN,
    "half_down": decimal.ROUND_HALF_DOWN,
    "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN,
}


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
