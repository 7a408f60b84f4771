"""Products: what can be put into a cart as it is."""

from __future__ import annotations

import typing as t

from .errors import InvalidItemError
from .money import MoneyLike


@t.runtime_checkable
class Buyable(t.Protocol):
    """A product that can be put into a cart as it is.

    It may also have

    * ``cart_options``, a mapping as the ``options`` of :meth:`~flask_cart.Cart.add`,
    * ``cart_price_in(currency)``, which returns the price for a cart in another
      currency,
    * ``cart_available``, how many there are, and ``cart_maximum``, the most that a cart
      may hold: over all lines of the item, whatever their options,
    * ``cart_minimum``, the fewest of a line, and ``cart_step``, what the quantity of a
      line has to be a multiple of.

    An attribute that is ``None`` is one that the product does not have.
    """

    @property
    def cart_id(self) -> str | int:
        """Identifies the product, such as its SKU."""

    @property
    def cart_name(self) -> str:
        """What the shopper reads."""

    @property
    def cart_price(self) -> MoneyLike:
        """The price of one, in major units."""


def item_id_of(product: Buyable) -> str:
    """The id of a product as text, as its lines have it."""
    return str(product.cart_id)


def price_of(product: Buyable, currency: t.Callable[[], str]) -> MoneyLike:
    """The price of a product for a cart.

    :param currency: Tells the currency of the cart. It is asked only if the product
        has prices in several.
    :raises InvalidItemError: If it has none in this one.
    """
    price_in_currency = getattr(product, "cart_price_in", None)

    if price_in_currency is None:
        return product.cart_price

    code = currency()
    price: MoneyLike | None = price_in_currency(code)

    if price is None:
        raise InvalidItemError(
            f"The item {item_id_of(product)!r:.80} has no price in {code}."
        )

    return price
