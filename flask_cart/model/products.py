"""Products: what can be put into a cart as it is, with which options."""

from __future__ import annotations

import typing as t
from collections.abc import Collection
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

from moneyed import Money

from .errors import CartConfigError
from .errors import InvalidItemError
from .money import MoneyLike
from .values import EMPTY
from .values import FrozenDict
from .values import check_text
from .values import fingerprint
from .values import freeze_dict
from .values import fulfills
from .values import refused_as

#: What is chosen for an option: one value, or several of them, each once and sorted.
Chosen = str | tuple[str, ...]


@t.runtime_checkable
class Buyable(t.Protocol):
    """A product that can be put into a cart as it is.

    It may also have

    * ``cart_options``, a mapping as the ``options`` of :meth:`~flask_cart.Cart.add`,
    * ``cart_attributes``, a mapping as its ``attributes``, such as a tax class,
    * ``cart_variant(options)``, which returns what is sold with these options, another
      Buyable; ``None`` or a ``KeyError`` if nothing is,
    * ``cart_price_in(currency)``, which returns the price for a cart in another
      currency,
    * ``cart_available``, how many there are, and ``cart_maximum``, the most that a cart
      may hold: over all lines of the item, whatever their options,
    * ``cart_minimum``, the fewest of a line, and ``cart_step``, what the quantity of a
      line has to be a multiple of,
    * ``cart_choices``, a mapping from the options that are left to the shopper to the
      values of each, and ``cart_multiple``, those of which several may be chosen,
    * ``cart_image`` and ``cart_url``, the addresses of a picture and of its page.

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


def is_buyable(product: t.Any) -> t.TypeGuard[Buyable]:
    """Whether it is a product that can be put into a cart as it is."""
    return fulfills(product, Buyable)


class NotSoldError(InvalidItemError):
    """An item that is not sold with some options, or in some currency."""


class Variant(t.NamedTuple):
    """A product as it is sold with some options.

    :param product: What is found by the id of the item.
    :param options: All options, those of the product included.
    :param sold: What the product says is sold with them, or the product itself.
    """

    product: Buyable
    options: FrozenDict
    sold: Buyable

    @property
    def id(self) -> str | None:
        """The id of what is sold, if it has one of its own."""
        own = item_id_of(self.sold)

        return own if own != item_id_of(self.product) else None

    @property
    def attributes(self) -> FrozenDict:
        """The attributes of the product, and of what is sold.

        :raises InvalidItemError: If they are no mapping of JSON.
        """
        own = _attributes(self.product)

        if self.sold is self.product:
            return own

        return FrozenDict(own | _attributes(self.sold))


def item_id_of(product: Buyable) -> str:
    """The id of a product as text, as its lines have it."""
    return str(product.cart_id)


def choices_of(product: Buyable) -> t.Mapping[str, t.Collection[str]]:
    """The options that a product leaves to the shopper, with the values of each."""
    return getattr(product, "cart_choices", None) or {}


def multiple_of(product: Buyable) -> t.Collection[str]:
    """The options of which several values may be chosen, or none."""
    return getattr(product, "cart_multiple", None) or ()


def options_of(product: Buyable, options: t.Mapping[str, t.Any] | None) -> FrozenDict:
    """The options of a line: those of its product, and those that are given.

    :raises InvalidItemError: If they are no options.
    """
    own = getattr(product, "cart_options", None)

    if own is None and options in (None, EMPTY):
        return EMPTY

    opening = f"The item {item_id_of(product)!r:.80} is not valid: "

    with refused_as(InvalidItemError, opening):
        chosen: dict[str, Chosen] = dict(
            canonical_options({} if own is None else own)
            | canonical_options({} if options is None else options)
        )

    for name in multiple_of(product):
        if isinstance(value := chosen.get(name), str):
            chosen[name] = (value,)

    return FrozenDict(chosen)


def variant_of(product: Buyable, options: t.Mapping[str, t.Any] | None) -> Variant:
    """A product as it is sold with these options.

    :raises InvalidItemError: If they are no options.
    :raises NotSoldError: If it is not sold with them.
    """
    chosen = options_of(product, options)
    choose = getattr(product, "cart_variant", None)

    if choose is None:
        return Variant(product, chosen, product)

    try:
        sold = choose(chosen)
    except (KeyError, InvalidItemError) as error:
        raise _not_sold(product, chosen, error) from error

    if sold is None:
        raise _not_sold(product, chosen)

    if not is_buyable(sold):
        raise CartConfigError(
            f"The 'cart_variant' of {item_id_of(product)!r:.80} returns a product with"
            f" 'cart_id', 'cart_name' and 'cart_price', or None, not {sold!r:.80}."
        )

    return Variant(product, chosen, sold)


def price_of(product: Buyable, currency: t.Callable[[], str]) -> MoneyLike:
    """The price of a product for a cart.

    :param currency: Tells the currency of the cart. It is asked only if the product
        has prices in several.
    :raises NotSoldError: If it has none in this one.
    """
    price_in_currency = getattr(product, "cart_price_in", None)

    if price_in_currency is None:
        return product.cart_price

    code = currency()
    price: MoneyLike | None = price_in_currency(code)

    if price is None:
        raise NotSoldError(
            f"The item {item_id_of(product)!r:.80} has no price in {code}."
        )

    return price


def is_plain(product: Buyable, price: MoneyLike) -> bool:
    """Whether the price of a product is a number that does not tell its currency: it
    would be the same in euros and in yen, so it is in that of the shop."""
    return not isinstance(price, Money) and not hasattr(product, "cart_price_in")


def _attributes(product: Buyable) -> FrozenDict:
    attributes = getattr(product, "cart_attributes", None)

    if attributes is None:
        return EMPTY

    opening = f"The 'cart_attributes' of the item {item_id_of(product)!r:.80}: "

    with refused_as(InvalidItemError, opening):
        return freeze_dict(attributes, "The mapping")


def _not_sold(
    product: Buyable, options: t.Mapping[str, Chosen], error: Exception | None = None
) -> NotSoldError:
    if isinstance(error, InvalidItemError):
        return NotSoldError(str(error))

    chosen = ", ".join(f"{name}={value!r}" for name, value in options.items())
    missing = [
        f" Choose one for {name!r}: {', '.join(map(repr, values))}."
        for name, values in choices_of(product).items()
        if name not in options and name not in multiple_of(product)
    ]

    return NotSoldError(
        f"The item {item_id_of(product)!r:.80} is not sold with"
        f" {chosen or 'no options'}.{''.join(missing)}"
    )


def line_id(item_id: str, options: t.Mapping[str, Chosen]) -> str:
    """The id of the line for an item with these options, in whatever order.

    One value in a list is the same as that value.
    """
    if not options:
        return _line_id(item_id)

    plain = {
        name: value[0] if len(value) == 1 and isinstance(value, tuple) else value
        for name, value in options.items()
    }

    return _line_id(item_id, *sorted(plain.items()))


@lru_cache(maxsize=4096)
def _line_id(item_id: str, *options: tuple[str, Chosen]) -> str:
    # The same items are in many carts, and ids are checked whenever a cart is read.
    return fingerprint(item_id, options)


def canonical_options(options: t.Mapping[str, t.Any]) -> FrozenDict:
    """Options as text, so that a form's ``"42"`` is the same option as ``42``.

    Several values of an option are a set; without any, there is no such option.

    :raises ValueError: If an option has no name, or a value is not a str, int, bool or
        Decimal, or a list of these.
    """
    if options == EMPTY:
        return EMPTY

    if not isinstance(options, Mapping):
        raise ValueError(f"The options must be a dict, not {type(options).__name__}.")

    chosen = (
        _option(name, value)
        if type(name) is type(value) is str
        else (check_text(name, "An option's name"), _canonical(name, value))
        for name, value in options.items()
    )

    return FrozenDict((name, value) for name, value in chosen if value != ())


def option_values(chosen: Chosen) -> tuple[str, ...]:
    """What is chosen for an option, one or several, as a tuple."""
    return (chosen,) if isinstance(chosen, str) else chosen


@lru_cache(maxsize=4096)
def _option(name: str, value: str) -> tuple[str, str]:
    # The same options are in many carts, and are looked at whenever a cart is read.
    return check_text(name, "An option's name"), _option_text(name, value)


def _canonical(name: str, value: t.Any) -> Chosen:
    if isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping):
        return tuple(sorted({_option_text(name, each) for each in value}))

    return _option_text(name, value)


def _option_text(name: str, value: t.Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"

    if isinstance(value, int):
        return str(int(value))

    if isinstance(value, Decimal) and value.is_finite():
        return f"{value:f}"

    return check_text(value, f"The option {name!r}", empty=True)
