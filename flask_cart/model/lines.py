"""Lines: what is in a cart, and how a product becomes one."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter

import msgspec
from moneyed import Money
from msgspec.structs import force_setattr as set_field
from msgspec.structs import replace

from .conditions import Condition
from .errors import InvalidItemError
from .money import MoneyLike
from .money import check_decimal
from .money import money
from .money import price_in
from .products import Buyable
from .products import Chosen
from .products import Variant
from .products import canonical_options
from .products import is_buyable
from .products import item_id_of
from .products import line_id
from .products import options_of
from .products import variant_of
from .values import EMPTY
from .values import FrozenDict
from .values import NumberError
from .values import check_text
from .values import freeze_dict
from .values import refused_as
from .values import whole_number

#: The greatest quantity that any limit may allow.
MAX_QUANTITY: t.Final = 2**31 - 1

#: What is chosen of each option.
_Chosen = tuple[tuple[str, Chosen], ...]

_name = attrgetter("name")


class ProductRef(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Where a line came from.

    :param type: The class of the product.
    :param id: Its ``cart_id``.
    :param variant_id: The ``cart_id`` of what is sold with the options of the line, if
        that has one of its own.
    :param attributes: The names of the line's attributes that the product gives.
    :param is_pinned: Whether the price was agreed upon, whatever the product costs.
    """

    type: str
    id: str
    variant_id: str | None = None
    attributes: tuple[str, ...] = ()
    is_pinned: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.is_pinned, bool):
            raise InvalidItemError(f"'pinned' is a bool, not {self.is_pinned!r:.40}.")


# Nothing in a line refers to it, so a cart of many need not be searched for circles.
class Line(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    gc=False,
    omit_defaults=True,
):
    """A line of a cart. It cannot be changed; the cart's methods replace it.

    :param id: SHA-256 of the item id and the options, in hexadecimal.
    :param item_id: Identifies the item, such as a SKU.
    :param name: What the shopper reads.
    :param unit_amount: The amount of its price.
    :param quantity: How many, at least 1.
    :param options: What tells variants of one item apart: of each option a text, or
        several of them as a sorted tuple.
    :param attributes: Anything else to remember, as JSON, and what the product has as
        ``cart_attributes``.
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
    options: dict[str, Chosen] = EMPTY
    attributes: dict[str, t.Any] = EMPTY
    conditions: tuple[Condition, ...] = ()
    product_ref: ProductRef | None = None
    currency: str = ""

    def __post_init__(self) -> None:
        # Each line that is read comes by here. Most have neither options nor
        # attributes, and what is right already is not set again.
        count, amount, conditions = self.quantity, self.unit_amount, self.conditions
        chosen: _Chosen = ()

        try:
            if not (type(self.item_id) is type(self.name) is str):
                set_field(self, "item_id", check_text(self.item_id, "The id"))
                set_field(self, "name", check_text(self.name, "The name"))

            if self.options == self.attributes == EMPTY:
                set_field(self, "options", EMPTY)
                set_field(self, "attributes", EMPTY)
            else:
                chosen = self._freeze()

            if type(self.id) is not str or not _is_id_of(
                self.id, self.item_id, self.name, chosen
            ):
                raise ValueError(
                    "The line's id does not belong to its item and options."
                )

            if type(count) is not int or not 0 < count <= MAX_QUANTITY:
                set_field(self, "quantity", check_quantity(count))

            if (checked := check_decimal(amount)) is not amount:
                set_field(self, "unit_amount", checked)

            if conditions and len(set(map(_name, conditions))) != len(conditions):
                raise ValueError("Two of its conditions have the same name.")
        except ValueError as error:
            raise _invalid(self.item_id, error) from error

    def _freeze(self) -> _Chosen:
        """Let nobody change the options and attributes, and say what is chosen."""
        options = self.options

        if type(options) is not FrozenDict:
            options = canonical_options(options)

        attributes = freeze_dict(self.attributes, "The attributes")
        # Only the default itself is left out of what is stored.
        set_field(self, "options", options or EMPTY)
        set_field(self, "attributes", attributes or EMPTY)

        return tuple(options.items())

    @property
    def price(self) -> Money:
        """The price of one before the line's conditions."""
        return money(self.unit_amount, self.currency)

    @property
    def product_id(self) -> str | None:
        """The id of the product that the line was made of, if it was."""
        return self.product_ref.id if self.product_ref is not None else None

    @property
    def variant_id(self) -> str | None:
        """The id of what is sold with its options, if that has one of its own."""
        return self.product_ref.variant_id if self.product_ref is not None else None

    @property
    def is_pinned(self) -> bool:
        """Whether the price was agreed upon, whatever the product costs."""
        return self.product_ref is not None and self.product_ref.is_pinned

    @property
    def given_attributes(self) -> FrozenDict:
        """The attributes that the product gives."""
        names = self.product_ref.attributes if self.product_ref is not None else ()

        return FrozenDict(
            (each, self.attributes[each]) for each in names if each in self.attributes
        )

    def condition(self, name: str) -> Condition | None:
        """The condition of this name, if the line has one."""
        return next((each for each in self.conditions if each.name == name), None)


@lru_cache(maxsize=4096)
def _is_id_of(id: str, item_id: str, name: str, chosen: _Chosen) -> bool:
    """Whether a line has this id, if it can be called so."""
    # The same items are in many carts, and are looked at whenever a cart is read.
    check_text(item_id, "The id")
    check_text(name, "The name")

    return id == line_id(item_id, dict(chosen))


def count_of(line: Line | None) -> int:
    """How many there are, none if there is no line."""
    return line.quantity if line is not None else 0


def check_quantity(quantity: t.Any, at_least: int = 1) -> int:
    """Give the quantity back if it is one.

    :raises NumberError: If it is not an int, less than ``at_least``, or absurd.
    """
    count = quantity if type(quantity) is int else whole_number(quantity, "A quantity")

    if count < at_least:
        raise NumberError(f"A quantity must be at least {at_least}, not {count}.")

    if count > MAX_QUANTITY:
        raise NumberError(f"A quantity must be at most {MAX_QUANTITY}.")

    return count


def check_quantities(quantities: t.Any) -> dict[str, int]:
    """Give the quantities of lines back if they are such, by the ids of the lines.

    :raises InvalidItemError: If they are anything else.
    """
    if not isinstance(quantities, Mapping):
        raise InvalidItemError(
            f"The quantities must be a mapping of lines, not {quantities!r:.40}."
        )

    for each, quantity in quantities.items():
        if not isinstance(each, str):
            raise InvalidItemError(f"A line has an id of text, not {each!r:.40}.")

        with refused_as(InvalidItemError, f"The line {each!r:.80}: "):
            check_quantity(quantity)

    return dict(quantities)


def make_line(
    product: Buyable | Variant | str | int,
    quantity: int,
    currency: str | None,
    *,
    name: str | None = None,
    price: MoneyLike | None = None,
    options: t.Mapping[str, t.Any] | None = None,
    attributes: t.Mapping[str, t.Any] | None = None,
    pinned: bool = False,
) -> Line:
    """A line for a product, or for an id with a name and a price.

    :param product: If it is a variant, it has the options.
    :param currency: What a price that is :class:`Money` has to be in.
    :raises InvalidItemError: If anything about it is not valid.
    """
    item_id: t.Any = product
    given = EMPTY
    ref = None

    if not isinstance(product, str | int):
        variant = _variant(product, options)
        item_id = variant.product.cart_id
        options = variant.options
        name = variant.sold.cart_name if name is None else name
        price = variant.sold.cart_price if price is None else price
        given = variant.attributes
        ref = ref_of(variant, pinned)
    elif pinned:
        raise InvalidItemError(
            f"The item {item_id!r:.80} has no product, so there is nothing that could"
            " change its price. Leave 'pinned' out."
        )

    if isinstance(item_id, int) and not isinstance(item_id, bool):
        item_id = str(item_id)

    if price is None:
        raise InvalidItemError(f"The item {item_id!r:.80} needs a price.")

    try:
        chosen = canonical_options({} if options is None else options)
        item_id = check_text(item_id, "The id")
        own = EMPTY if attributes is None else freeze_dict(attributes, "The attributes")

        return Line(
            id=line_id(item_id, chosen),
            item_id=item_id,
            name=item_id if name is None else name,
            unit_amount=price_in(currency, price),
            quantity=quantity,
            options=chosen,
            attributes=FrozenDict({**given, **own}),
            product_ref=_telling(ref, given, own),
            currency=currency or "",
        )
    except ValueError as error:
        raise _invalid(item_id, error) from error


def find_line(
    lines: t.Iterable[Line],
    product: Buyable | str | int,
    options: t.Mapping[str, t.Any] | None,
) -> Line | None:
    """The line of a product, or of an item's id, with these options.

    :param options: If they are ``None``, the line without any, or the first there is.
    :raises InvalidItemError: If they are no options, or it is no product.
    """
    if isinstance(product, str | int):
        item_id = str(product)

        with refused_as(InvalidItemError, f"The item {item_id!r:.80} is not valid: "):
            chosen = canonical_options({} if options is None else options)
    else:
        item_id = item_id_of(_checked(product))
        chosen = options_of(product, options)

    wanted = line_id(item_id, chosen)
    found = {line.id: line for line in lines if line.item_id == item_id}
    first = next(iter(found.values()), None) if options is None else None

    return found.get(wanted, first)


def ref_of(variant: Variant, is_pinned: bool = False) -> ProductRef:
    """Where a line of this variant comes from."""
    product = variant.product

    return ProductRef(
        # Not type(), which of a proxy is the proxy's.
        product.__class__.__name__,
        item_id_of(product),
        variant_id=variant.id,
        is_pinned=is_pinned,
    )


def refreshed(line: Line, given: FrozenDict, ref: ProductRef | None) -> Line:
    """The line with other attributes of its product; what it has of its own it keeps.

    :param given: The attributes of the product.
    :param ref: Where the line comes from by now.
    """
    before = line.given_attributes
    own = {name: each for name, each in line.attributes.items() if name not in before}

    return with_attributes(line, own, given, ref)


def with_attributes(
    line: Line, own: t.Mapping[str, t.Any], given: FrozenDict, ref: ProductRef | None
) -> Line:
    """The line with attributes of its own, and with those of its product."""
    attributes = FrozenDict({**given, **own})

    return replace(line, attributes=attributes, product_ref=_telling(ref, given, own))


def _telling(
    ref: ProductRef | None, given: FrozenDict, own: t.Mapping[str, t.Any]
) -> ProductRef | None:
    """Where a line comes from, with the names of what its product gives of it."""
    if ref is None:
        return None

    return replace(ref, attributes=tuple(sorted(given.keys() - own.keys())))


def _variant(
    product: Buyable | Variant, options: t.Mapping[str, t.Any] | None
) -> Variant:
    if isinstance(product, Variant):
        return product

    return variant_of(_checked(product), options)


def _checked(product: t.Any) -> Buyable:
    if is_buyable(product):
        return product

    raise InvalidItemError(
        f"{type(product).__name__!r} cannot be put into a cart: it needs 'cart_id',"
        " 'cart_name' and 'cart_price'. Or give the item's id, name= and price=."
    )


def _invalid(item_id: t.Any, error: ValueError) -> InvalidItemError:
    return InvalidItemError(
        f"The item {item_id!r:.80} is not valid: {error}",
        is_input=isinstance(error, NumberError),
    )
