"""Shipping: the ways to send what is in a cart."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from decimal import Decimal

from moneyed import Money

from ..model.conditions import Condition
from ..model.errors import InvalidConditionError
from ..model.money import parse_amount
from ..model.rules import Rule
from .reasons import plain_reason

_NEVER: t.Final = Decimal("inf")


@dataclass(frozen=True)
class ShippingMethod:
    """A way to send what is in a cart.

    :param condition: What it does to the total: a condition of the type
        ``"shipping"``. Its name is the method's. Its rule says when it costs something.
    :param available: Says which carts may choose it. Left out, all may.
    :raises InvalidConditionError: If the condition is of another type or target.
    """

    condition: Condition
    available: Rule | None = None

    def __post_init__(self) -> None:
        condition = self.condition

        if (condition.type, condition.target) != ("shipping", "total"):
            raise InvalidConditionError(
                f"The condition {condition.name!r:.80} of a shipping method must be of"
                f" the type 'shipping' on the total, not {condition.type!r:.80} on the"
                f" {condition.target}."
            )

    @property
    def name(self) -> str:
        """What carts note that choose it."""
        return self.condition.name


@dataclass(frozen=True)
class ShippingOption:
    """A shipping method, for one cart as it is.

    :param name: The name of the method.
    :param price: What it adds to the total of this cart.
    :param condition: What it does to the total.
    :param is_chosen: Whether it is the one that was chosen.
    :param code: Why it cannot be chosen, as a word for programs, or an empty string.
    :param params: What a sentence about that needs. :meth:`FlaskCart.reason_of` makes
        one for the shopper.
    """

    name: str
    price: Money
    condition: Condition
    is_chosen: bool
    code: str
    params: t.Mapping[str, t.Any]

    @property
    def reason(self) -> str:
        """Why it cannot be chosen, on one line for a developer, or an empty string."""
        return plain_reason(self.code, self.params) if self.code else ""

    @property
    def is_available(self) -> bool:
        """Whether it can be chosen."""
        return not self.code

    def to_dict(self) -> dict[str, t.Any]:
        """The option as plain data that can be encoded as JSON."""
        return {
            "name": self.name,
            "price": str(self.price.amount),
            "currency": self.price.currency.code,
            "is_chosen": self.is_chosen,
            "is_available": self.is_available,
            "code": self.code,
            "reason": self.reason,
        }


class FreeShipping(t.NamedTuple):
    """How far a cart is from being sent for free.

    :param name: The shipping method.
    :param amount: What the lines have to come to.
    :param there: What they come to now.
    """

    name: str
    amount: Money
    there: Money

    @property
    def missing(self) -> Money:
        """How much more it takes."""
        return max(self.amount - self.there, self.amount * 0)

    @property
    def is_reached(self) -> bool:
        """Whether it is sent for free."""
        return not self.missing


def nearest_free(
    options: t.Iterable[ShippingOption], there: Money
) -> FreeShipping | None:
    """The method that is free from some sum on: the one that was chosen, or else the
    first to be free; ``None`` if there is none.

    :param there: What the lines come to.
    """
    found = {
        each.is_chosen: FreeShipping(each.name, Money(start, there.currency), there)
        for each in sorted(options, key=_free_from, reverse=True)
        if each.is_available and 0 < (start := _free_from(each)) < _NEVER
    }

    return found.get(True) or found.get(False)


def _free_from(option: ShippingOption) -> Decimal:
    """From which sum of the lines on a method is free, as presets say it."""
    rule = option.condition.rule

    if rule is None or rule.name != "total_below":
        return _NEVER

    return parse_amount(rule.params["amount"])
