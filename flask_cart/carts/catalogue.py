"""The catalogue: how the products behind the lines of a cart are found."""

from __future__ import annotations

import typing as t

from msgspec.structs import replace

from ..model.errors import CartConfigError
from ..model.limits import Terms
from ..model.limits import terms_of
from ..model.lines import Line
from ..model.operations import Limited
from ..model.operations import Operation
from ..model.products import Buyable
from ..model.products import NotSoldError
from ..model.products import Variant
from ..model.products import is_buyable
from ..model.products import item_id_of
from ..model.products import variant_of

ProductLoader = t.Callable[[list[str]], t.Iterable[Buyable]]


class Catalogue:
    """The products of an app, as far as it tells where they are."""

    def __init__(self) -> None:
        #: Returns the products of these ids, without those that there are not.
        self.loader: ProductLoader | None = None

    def load(self, item_ids: t.Iterable[str]) -> dict[str, Buyable]:
        """The products of these ids that there are, in one call of the loader.

        :raises CartConfigError: If there is no loader, or it does not return products.
        """
        if self.loader is None:
            raise CartConfigError(
                "Nothing tells where the products are. Register a function with"
                " @cart_ext.product_loader."
            )

        # Every id once, in the order of the lines.
        wanted = list(dict.fromkeys(item_ids))

        if not wanted:
            return {}

        products = {_checked_id(each): each for each in self.loader(wanted)}

        return {each: products[each] for each in wanted if each in products}

    def with_terms(self, operations: t.Sequence[Operation]) -> t.Sequence[Operation]:
        """The operations with the terms of the products that they ask for.

        What does not exist any more has no terms, and in an app without a loader
        nothing has.
        """
        if self.loader is None:
            return operations

        limited = (each for each in operations if isinstance(each, Limited))
        variants = self.variants(line for each in limited for line in each.asks)

        return [
            replace(each, terms=_terms(variants[line.id] for line in each.asks))
            if isinstance(each, Limited) and each.asks
            else each
            for each in operations
        ]

    def variants(self, lines: t.Iterable[Line]) -> dict[str, Variant | None]:
        """What is sold in the places of lines, by their ids; ``None`` if nothing is."""
        lines = list(lines)
        products = self.load(line.item_id for line in lines)

        return {line.id: variant_in(products, line) for line in lines}


def variant_in(products: t.Mapping[str, Buyable | None], line: Line) -> Variant | None:
    """What is sold with the options of a line, if its product is among these."""
    product = products.get(line.item_id)

    try:
        return variant_of(product, line.options) if product is not None else None
    except NotSoldError:
        return None


def _terms(variants: t.Iterable[Variant | None]) -> tuple[Terms, ...]:
    """In which quantities variants are sold, each told once."""
    found = (terms for each in variants if each is not None for terms in terms_of(each))

    return tuple(dict.fromkeys(found))


def _checked_id(product: t.Any) -> str:
    if not is_buyable(product):
        raise CartConfigError(
            "A product_loader returns a list of products with 'cart_id', 'cart_name'"
            f" and 'cart_price', not of {product!r:.80}. Leave out what does not exist."
        )

    return item_id_of(product)
