"""Changes of lines: what an app asks for, as operations."""

from __future__ import annotations

import types
import typing as t

from moneyed import Money
from msgspec import UNSET
from msgspec.structs import replace

from .document import Document
from .errors import InvalidItemError
from .limits import Terms
from .limits import terms_of
from .line_operations import ON_EXISTING
from .line_operations import AddLine
from .line_operations import IncrementLine
from .line_operations import OnExisting
from .line_operations import UpdateLine
from .lines import Line
from .lines import check_quantities
from .lines import check_quantity
from .lines import make_line
from .lines import with_attributes
from .money import MoneyLike
from .money import price_in
from .operations import same
from .products import Buyable
from .products import is_buyable
from .products import is_plain
from .products import price_of
from .products import variant_of
from .removing import RestoreAll
from .removing import RestoreLine
from .removing import removed_line
from .values import FrozenDict
from .values import freeze_dict
from .values import refused_as
from .values import whole_number


def make_addition(
    product: Buyable | str | int,
    currency: t.Callable[[], str],
    home: str,
    *,
    quantity: int = 1,
    name: str | None = None,
    price: MoneyLike | None = None,
    options: t.Mapping[str, t.Any] | None = None,
    attributes: t.Mapping[str, t.Any] | None = None,
    pinned: bool = False,
    on_existing: OnExisting = "merge",
) -> AddLine:
    """What adds an item to a cart.

    :param currency: Tells that of the cart. It is asked only if it has to be known.
    :param home: The currency of the shop.
    :raises InvalidItemError: If anything about the item is not valid.
    """
    if on_existing not in ON_EXISTING:
        raise InvalidItemError(
            f"on_existing must be one of {', '.join(ON_EXISTING)}, not"
            f" {on_existing!r:.40}."
        )

    item: t.Any = product
    terms: tuple[Terms, ...] = ()
    price_currency = None

    if is_buyable(product):
        item = variant = variant_of(product, options)
        terms = terms_of(variant)

        if price is None:
            price = price_of(variant.sold, currency)
            price_currency = home if is_plain(variant.sold, price) else None

    if isinstance(price, Money):
        price_currency = price.currency.code

    line = make_line(
        item,
        quantity,
        price_currency,
        name=name,
        price=price,
        options=options,
        attributes=attributes,
        pinned=pinned,
    )

    return AddLine(line, on_existing, terms=terms)


def make_update(
    line: Line,
    currency: str,
    *,
    quantity: int | types.EllipsisType = ...,
    name: str | None = None,
    price: MoneyLike | None = None,
    attributes: t.Mapping[str, t.Any] | None = None,
    pinned: bool | None = None,
    seen: int | types.EllipsisType = ...,
) -> UpdateLine:
    """What sets fields of a line; what is left out, or ``None``, stays.

    A quantity that is ``None`` comes from a form that has none, and is refused.

    :param seen: The quantity that it is to have been, if it is not this line's.
    :raises InvalidItemError: If a value is not valid.
    """
    changes: dict[str, t.Any] = {}
    opening = f"The item {line.item_id!r} cannot be changed: "

    with refused_as(InvalidItemError, opening):
        if seen is not ...:
            line = replace(line, quantity=check_quantity(seen))

        if quantity is not ...:
            changes["quantity"] = check_quantity(quantity, at_least=0)

        if name is not None:
            changes["name"] = name

        if price is not None:
            changes["unit_amount"] = price_in(currency, price)

        if attributes is not None:
            own = freeze_dict(attributes, "The attributes")
            changes |= _attributes_of(line, own)

    if pinned is not None:
        ref = changes.get("product_ref", line.product_ref)

        if ref is None:
            raise InvalidItemError(f"{opening}it has no product to be pinned against.")

        changes["product_ref"] = replace(ref, is_pinned=pinned)

    asks = _with_product(line) if changes.get("quantity") else ()

    return UpdateLine(line, changes, asks=asks)


def _attributes_of(line: Line, own: FrozenDict) -> dict[str, t.Any]:
    """The fields of a line with these attributes, and with those of its product."""
    given = line.given_attributes
    # Copied from the line, they are still the product's.
    changed = {k: v for k, v in own.items() if k not in given or not same(v, given[k])}
    after = with_attributes(line, changed, given, line.product_ref)
    changes: dict[str, t.Any] = {"attributes": after.attributes}

    if after.product_ref != line.product_ref:
        changes["product_ref"] = after.product_ref

    return changes


def make_increment(line: Line, by: int) -> IncrementLine:
    """What adds to the quantity of a line.

    :raises InvalidItemError: If ``by`` is not an int.
    """
    with refused_as(InvalidItemError):
        more = whole_number(by, "A quantity")

    return IncrementLine(line.id, more, asks=_with_product(line))


def make_restoring(document: Document, line_id: str) -> RestoreLine:
    """What puts a line back that was removed.

    :raises InvalidItemError: If it is neither there nor remembered.
    """
    line = document.line(line_id) or removed_line(document, line_id)

    if line is None:
        raise InvalidItemError(f"There is no line {line_id!r:.80} to be put back.")

    return RestoreLine(line_id, asks=_with_product(line))


def make_restoring_all(document: Document) -> RestoreAll:
    """What puts all back that was in a cart before it was emptied.

    :raises InvalidItemError: If it was not emptied, or was changed since.
    """
    if document.cleared is UNSET:
        raise InvalidItemError("There is nothing to be put back.")

    lines = document.cleared.lines

    return RestoreAll(asks=tuple(e for e in lines if e.product_ref is not None))


def make_taking_out(quantities: t.Any) -> list[IncrementLine]:
    """What takes some of several lines out, for good.

    :raises InvalidItemError: If they are no quantities of lines.
    """
    return [
        IncrementLine(line_id, -quantity, remembers=False)
        for line_id, quantity in check_quantities(quantities).items()
    ]


def _with_product(line: Line) -> tuple[Line, ...]:
    """The line, if there is a product that can be asked about it."""
    return (line,) if line.product_ref is not None else ()
