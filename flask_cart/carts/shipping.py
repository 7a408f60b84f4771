"""A cart's shipping: the methods that there are, and the one that was chosen."""

from __future__ import annotations

import typing as t

from ..model.errors import InvalidConditionError
from ..model.operations import ChooseShipping
from ..pricing.shipping import ShippingOption
from .working_copy import WorkingCopy


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

        self._working.apply(ChooseShipping(name))

    def clear(self) -> None:
        """Remove what was chosen, or added with :meth:`Cart.add_shipping`."""
        self._working.apply(ChooseShipping(None))
