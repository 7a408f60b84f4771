"""A cart's shipping: the methods that there are, and the one that was chosen."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from decimal import Decimal

from moneyed import Money
from msgspec import UnsetType

from ..model.errors import InvalidConditionError
from ..model.operations import ChooseShipping
from ..pricing.shipping import ShippingOption
from .working_copy import WorkingCopy


@dataclass(frozen=True)
class ShippingDrift:
    """What the chosen shipping method costs now, and what the shopper was told.

    :param name: The name of the method.
    :param old_price: What the shopper was last told, if that is known.
    :param new_price: What it costs now; ``None`` if it is not there for the cart.
    :param is_applied: Whether the shopper has agreed to it, or it is no more than it
        was. It is charged in any case.
    """

    name: str
    old_price: Money | None
    new_price: Money | None
    is_applied: bool

    @property
    def is_gone(self) -> bool:
        """Whether it is not there any more, and the cart cannot be ordered with it."""
        return self.new_price is None

    @property
    def needs_consent(self) -> bool:
        """Whether it costs more than the shopper knows."""
        return not self.is_gone and not self.is_applied

    def to_dict(self) -> dict[str, t.Any]:
        """The difference as plain data that can be encoded as JSON."""
        old_price, new_price = self.old_price, self.new_price

        return {
            "name": self.name,
            "old_price": None if old_price is None else str(old_price.amount),
            "new_price": None if new_price is None else str(new_price.amount),
            "is_applied": self.is_applied,
            "is_gone": self.is_gone,
        }


def shipping_drift(
    working: WorkingCopy,
    ask: t.Callable[[], tuple[ShippingOption, ...]],
    accepts_all: bool,
    accepted: t.Mapping[str, Decimal],
) -> ShippingDrift | None:
    """Compare what the chosen method costs with what the shopper was told of it.

    :param ask: Returns the options.
    :param accepts_all: Whether the shopper agrees to whatever it costs.
    :param accepted: The prices that the shopper has agreed to, by name.
    """
    document = working.document
    name, told = document.shipping, document.shipping_price

    if name is None or not document.lines:
        return None

    option = next((each for each in ask() if each.is_chosen), None)
    old_price = None if isinstance(told, UnsetType) else Money(told, document.currency)

    if option is None or not option.is_available:
        return ShippingDrift(name, old_price, None, is_applied=False)

    if old_price is None or option.price == old_price:
        return None

    is_agreed = accepts_all or accepted.get(name) == option.price.amount
    is_applied = is_agreed or option.price < old_price

    if is_applied:
        working.apply(ChooseShipping(name, option.price.amount))

    return ShippingDrift(name, old_price, option.price, is_applied)


class Shipping:
    """How a cart is sent. Every change is a write of the cart.

    Only the name of the chosen method is stored. What it costs is asked of the
    :meth:`~FlaskCart.shipping_methods` whenever totals are calculated.

    :param working: What was read of the cart.
    :param ask: Returns the options.
    """

    def __init__(
        self, working: WorkingCopy, ask: t.Callable[[], tuple[ShippingOption, ...]]
    ) -> None:
        self._working = working
        self._ask = ask

    @property
    def options(self) -> tuple[ShippingOption, ...]:
        """The shipping methods of the shop, with what each costs for this cart.

        They are asked for every time; nobody is asked for an empty cart, which has
        none.
        """
        return self._ask()

    @property
    def chosen(self) -> str | None:
        """The name of the method that was chosen, whether it is there or not."""
        return self._working.document.shipping

    def choose(self, name: str) -> None:
        """Choose the method of this name, in place of any other shipping.

        :raises InvalidConditionError: If this cart cannot choose it.
        """
        option = next((each for each in self.options if each.name == name), None)

        if option is None:
            raise InvalidConditionError(f"There is no shipping method {name!r:.80}.")

        if not option.is_available:
            raise InvalidConditionError(
                f"The shipping method {name!r} cannot be chosen: {option.reason}."
            )

        self._working.apply(ChooseShipping(name, option.price.amount))

    def clear(self) -> None:
        """Remove what was chosen, or added with :meth:`Cart.add_shipping`."""
        self._working.apply(ChooseShipping(None))
