"""The offers: what a shopper can choose from, and what can be put back."""

from __future__ import annotations

import typing as t

from ..carts.cached_totals import CachedTotals
from ..carts.cart import Cart
from ..carts.cart import working_copy
from ..model.lines import Line
from ..model.products import Buyable
from ..model.products import Chosen
from ..model.products import choices_of
from ..model.products import multiple_of
from ..model.products import option_values
from ..pricing.shipping import ShippingOption
from .current import get_state
from .problem_codes import ProblemCode
from .wording import RefusedError


def find_product(item_id: str) -> Buyable | None:
    """The product of an id, if there is one."""
    return find_products([item_id]).get(item_id)


def find_products(item_ids: t.Iterable[str]) -> dict[str, Buyable]:
    """The products of these ids that there are, by their ids."""
    return get_state().services.registry.catalogue.load(item_ids)


def offered_shipping(cart: Cart) -> tuple[ShippingOption, ...]:
    """The shipping methods for a cart; none if they cannot be asked for."""
    return prices_of(cart).offered_shipping()


def prices_of(cart: Cart) -> CachedTotals:
    """What a cart comes to, and what is asked for that."""
    return CachedTotals(get_state().services, working_copy(cart), cart.tenant)


def offered_again(cart: Cart) -> list[Line]:
    """The lines that were removed from a cart and that a shopper can put back, the last
    one first: those of which there still is something, as far as anybody knows."""
    catalogue = get_state().services.registry.catalogue
    removed = working_copy(cart).document.restorable

    if catalogue.loader is None:
        return removed

    variants = catalogue.variants(each for each in removed if each.product_ref)

    return [each for each in removed if variants.get(each.id, each) is not None]


def check_choices(product: Buyable, options: t.Mapping[str, Chosen]) -> None:
    """Refuse options that are not those which the product leaves to the shopper."""
    choices, multiple = choices_of(product), multiple_of(product)

    for name, chosen in options.items():
        for value in option_values(chosen):
            if value not in choices.get(name, ()):
                raise RefusedError(
                    ProblemCode.BAD_OPTION,
                    name=name,
                    value=value,
                    choices=list(choices.get(name, ())),
                )

    for name, values in choices.items():
        if name in multiple:
            continue

        if not isinstance(options.get(name), str):
            raise RefusedError(
                ProblemCode.MISSING_OPTION, name=name, choices=list(values)
            )
