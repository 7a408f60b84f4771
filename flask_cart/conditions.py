"""Conditions: named changes of a price, such as a discount, a tax or shipping."""

from __future__ import annotations

import decimal
import re
import typing as t
from decimal import Decimal

import msgspec

from .errors import InvalidConditionError
from .money import CONTEXT
from .money import ZERO
from .money import parse_decimal
from .values import EMPTY
from .values import check_text
from .values import freeze_dict

Target = t.Literal["subtotal", "total", "item"]

TARGETS: t.Final[tuple[str, ...]] = t.get_args(Target)
MAX_ORDER: t.Final = 2**31

#: Where absurd conditions stop, within the digits that amounts are calculated with.
CEILING: t.Final = Decimal(10) ** 40

_value = re.compile(r"(?P<operator>[+\-*/]?)(?P<number>[0-9.]+)(?P<percent>%?)")


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named change of a price.

    >>> summer = Condition("SUMMER", type="discount", target="subtotal", value="-10%")
    >>> summer.apply(Decimal(50))
    Decimal('45.00')

    :param name: Identifies the condition in its cart or line; a second one with the
        same name replaces it.
    :param type: What it is for the shop: ``"discount"``, ``"tax"``, ``"shipping"``,
        ``"fee"`` or a word of its own.
    :param target: ``"subtotal"`` or ``"total"`` of the cart, or ``"item"``. On a line
        it always acts on the unit price.
    :param value: ``[+-*/]<decimal>[%]``, in major units: ``"-10%"``, ``"+4.90"``,
        ``"*1.5"``. Without a sign it adds.
    :param order: Conditions of one target are applied by order, then by position.
    :param attributes: Anything else to remember, as JSON.
    :raises InvalidConditionError: If the condition could not be applied.
    """

    name: str
    type: str
    target: Target
    value: str
    order: int = 0
    attributes: dict[str, t.Any] = EMPTY

    def __post_init__(self) -> None:
        try:
            self._check()
        except ValueError as error:
            raise InvalidConditionError(
                f"The condition {self.name!r:.80} is not valid: {error}"
            ) from error

    def _check(self) -> None:
        set_field = msgspec.structs.force_setattr
        set_field(self, "name", check_text(self.name, "The name"))
        set_field(self, "type", check_text(self.type, "The type"))

        if self.target not in TARGETS:
            raise ValueError(
                f"The target must be one of {', '.join(TARGETS)}, not {self.target!r}."
            )

        if isinstance(self.order, bool) or not isinstance(self.order, int):
            raise ValueError(f"The order must be an int, not {self.order!r}.")

        if abs(self.order) > MAX_ORDER:
            raise ValueError(f"The order must be within {MAX_ORDER} of zero.")

        set_field(self, "value", _plain(self.value))
        _parse(self.value)

        set_field(self, "attributes", freeze_dict(self.attributes, "The attributes"))

    def apply(self, amount: Decimal) -> Decimal:
        """The amount after this condition: never below zero, nor beyond 10**40.

        :param amount: The amount in major units.
        """
        operator, number, percent = _parse(self.value)

        # Not the app's context, which may round to fewer digits.
        with decimal.localcontext(CONTEXT):
            if percent:
                number = number.scaleb(-2)

            match operator:
                case "*":
                    changed = amount * number
                case "/":
                    changed = amount / number
                case "-":
                    changed = amount - (amount * number if percent else number)
                case _:
                    changed = amount + (amount * number if percent else number)

            return min(max(changed, ZERO), CEILING)


def _plain(value: t.Any) -> str:
    """A number given as a value is the same text without an exponent."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"The value must be a str, not {type(value).__name__}.")

    if isinstance(value, str):
        return str.__str__(value)

    return f"{value:f}" if isinstance(value, Decimal) else str(int(value))


def _parse(value: str) -> tuple[str, Decimal, bool]:
    match = _value.fullmatch(value)

    if match is None:
        raise ValueError(
            f"The value must look like '-10%', '+4.90' or '*1.5', not {value[:40]!r}."
        )

    operator = match["operator"]
    number = parse_decimal(match["number"])

    if operator == "/" and not number:
        raise ValueError("The value must not divide by zero.")

    return operator, number, bool(match["percent"])
