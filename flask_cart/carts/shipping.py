"""A cart's shipping: the methods that there are, and the one that was chosen."""

from __future__ import annotations

import typing as t

from ..model.document import Document
from ..model.errors import InvalidConditionError
from ..model.operations import ChooseShipping
from ..model.operations import Operation
from ..pricing.shipping import ShippingOption


class Shipping:
    """How a cart is sent. Every change is a write of the cart.

    Only the name of the chosen method is stored. What it costs is asked of the
    :meth:`~FlaskCart.shipping_methods` whenever totals are calculated.

    :param read: Returns the content of the cart.
    :param apply: Applies an operation to it.
    :param ask: Returns the options.
    """

    def __init__(
        self,
        read: t.Callable[[], Document],
        apply: t.Callable[[Operation], None],
        ask: t.Callable[[], tuple[ShippingOption, ...]],
    ) -> None:
        self._read = read
        self._apply = apply
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
        return self._read().shipping

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

        self._apply(ChooseShipping(name))

    def clear(self) -> None:
        """Remove what was chosen, or added with :meth:`Cart.add_shipping`."""
        self._apply(ChooseShipping(None))
