"""Lines: what is in a cart, and how a product becomes one."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from decimal import Decimal

import msgspec
from moneyed import Money

from .conditions import Condition
from .errors import InvalidItemError
from .money import MoneyLike
from .money import check_decimal
from .money import price_in
from .products import Buyable
from .products import item_id_of
from .values import EMPTY
from .values import FrozenDict
from .values import check_text
from .values import fingerprint
from .values import freeze_dict
from .values import whole_number

#: The greatest quantity that any limit may allow.
MAX_QUANTITY: t.Final = 2**31 - 1


class ProductRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a line came from: the class of the product and its ``cart_id``."""

    type: str
    id: str


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line of a cart. It cannot be changed; the cart's methods replace it.

    :param id: SHA-256 of the item id and the options, in hexadecimal.
    :param item_id: Identifies the item, such as a SKU.
    :param name: What the shopper reads.
    :param unit_amount: The amount of its price.
    :param quantity: How many, at least 1.
    :param options: What tells variants of one item apart.
    :param attributes: Anything else to remember, as JSON.
    :param conditions: Conditions on the unit price.
    :param product_ref: The product that the line was made of.
    :param currency: The ISO 4217 code of the price's currency. Empty until the line
        is in a cart, if the price was given without one.
    """

    id: str
    item_id: str
    name: str
    unit_amount: Decimal = msgspec.field(name="price")
    quantity: int
    options: dict[str, str] = EMPTY
    attributes: dict[str, t.Any] = EMPTY
    conditions: tuple[Condition, ...] = ()
    product_ref: ProductRef | None = None
    currency: str = ""

    def __post_init__(self) -> None:
        try:
            self._check()
        except ValueError as error:
            raise _invalid(self.item_id, error) from error

    def _check(self) -> None:
        set_field = msgspec.structs.force_setattr
        set_field(self, "item_id", check_text(self.item_id, "The id"))
        set_field(self, "name", check_text(self.name, "The name"))
        set_field(self, "quantity", check_quantity(self.quantity))
        set_field(self, "unit_amount", check_decimal(self.unit_amount))

        if type(self.options) is not FrozenDict:
            set_field(self, "options", canonical_options(self.options))

        set_field(self, "attributes", freeze_dict(self.attributes, "The attributes"))

        if self.id != line_id(self.item_id, self.options):
            raise ValueError("The line's id does not belong to its item and options.")

        if len({each.name for each in self.conditions}) != len(self.conditions):
            raise ValueError("Two of its conditions have the same name.")

    @property
    def price(self) -> Money:
        """The price of one before the line's conditions."""
        return Money(self.unit_amount, self.currency)

    @property
    def product_id(self) -> str | None:
        """The id of the product that the line was made of, if it was."""
        return self.product_ref.id if self.product_ref is not None else None

    def condition(self, name: str) -> Condition | None:
        """The condition of this name, if the line has one."""
        return next((each for each in self.conditions if each.name == name), None)


def line_id(item_id: str, options: t.Mapping[str, str]) -> str:
    """The id of the line for an item with these options, in whatever order."""
    return fingerprint(item_id, sorted(options.items()))


def canonical_options(options: t.Mapping[str, t.Any]) -> FrozenDict:
    """Options as text, so that a form's ``"42"`` is the same option as ``42``.

    :raises ValueError: If an option has no name or is not a str, int, bool or Decimal.
    """
    if not isinstance(options, Mapping):
        raise ValueError(f"The options must be a dict, not {type(options).__name__}.")

    if not options:
        return EMPTY

    return FrozenDict(
        (check_text(name, "An option's name"), _option_text(name, value))
        for name, value in options.items()
    )


def _option_text(name: str, value: t.Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"

    if isinstance(value, int):
        return str(int(value))

    if isinstance(value, Decimal) and value.is_finite():
        return f"{value:f}"

    return check_text(value, f"The option {name!r}", empty=True)


def check_quantity(quantity: t.Any, at_least: int = 1) -> int:
    """Give the quantity back if it is one.

    :raises InvalidItemError: If it is not an int, less than ``at_least``, or absurd.
    """
    count = whole_number(quantity, "A quantity")

    if count < at_least:
        raise InvalidItemError(
            f"A quantity must be at least {at_least}, not {count}.", is_input=True
        )

    if count > MAX_QUANTITY:
        raise InvalidItemError(
            f"A quantity must be at most {MAX_QUANTITY}.", is_input=True
        )

    return count


def check_quantities(quantities: t.Any) -> dict[str, int]:
    """Give the quantities of lines back if they are such, by the ids of the lines.

    :raises InvalidItemError: If they are anything else.
    """
    if not isinstance(quantities, Mapping):
        raise InvalidItemError(
            f"The quantities must be a mapping of lines, not {quantities!r:.40}."
        )

    for line_id, quantity in quantities.items():
        if not isinstance(line_id, str):
            raise InvalidItemError(f"A line has an id of text, not {line_id!r:.40}.")

        check_quantity(quantity)

    return dict(quantities)


def make_line(
    product: Buyable | str | int,
    quantity: int,
    currency: str | None,
    *,
    name: str | None = None,
    price: MoneyLike | None = None,
    options: t.Mapping[str, t.Any] | None = None,
    attributes: t.Mapping[str, t.Any] | None = None,
) -> Line:
    """A line for a product, or for an id with a name and a price.

    :param currency: What a price that is :class:`Money` has to be in.
    :raises InvalidItemError: If anything about it is not valid.
    """
    ref = None
    item_id: t.Any = product
    own_options: t.Any = None

    if not isinstance(product, str | int):
        if not isinstance(product, Buyable):
            raise InvalidItemError(
                f"{type(product).__name__!r} cannot be put into a cart: it needs"
                " 'cart_id', 'cart_name' and 'cart_price'. Or give the item's id,"
                " name= and price=."
            )

        item_id = product.cart_id
        name = product.cart_name if name is None else name
        price = product.cart_price if price is None else price
        own_options = getattr(product, "cart_options", None)
        ref = ProductRef(type(product).__name__, item_id_of(product))

    if isinstance(item_id, int) and not isinstance(item_id, bool):
        item_id = str(item_id)

    if price is None:
        raise InvalidItemError(f"The item {item_id!r:.80} needs a price.")

    try:
        chosen = FrozenDict(
            canonical_options({} if own_options is None else own_options)
            | canonical_options({} if options is None else options)
        )
        item_id = check_text(item_id, "The id")
        return Line(
            id=line_id(item_id, chosen),
            item_id=item_id,
            name=item_id if name is None else name,
            unit_amount=price_in(currency, price),
            quantity=quantity,
            options=chosen,
            attributes=freeze_dict(
                EMPTY if attributes is None else attributes, "The attributes"
            ),
            product_ref=ref,
            currency=currency or "",
        )
    except ValueError as error:
        raise _invalid(item_id, error) from error


def _invalid(item_id: t.Any, error: ValueError) -> InvalidItemError:
    return InvalidItemError(f"The item {item_id!r:.80} is not valid: {error}")
