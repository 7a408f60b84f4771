"""Quantities: in which an item can be put into a cart, for fields and for programs."""

from __future__ import annotations

import typing as t

from ..app.current import get_state
from ..carts.cart import Cart
from ..model.limits import Terms
from ..model.limits import terms_of
from ..model.products import Buyable
from ..model.products import Variant
from ..model.values import EMPTY


class QuantityLimits(t.NamedTuple):
    """What a field for a quantity takes."""

    minimum: int
    maximum: int
    step: int

    @property
    def is_sold_out(self) -> bool:
        """Whether there is none that it takes."""
        return self.maximum < self.minimum


def limits_of_product(product: Buyable) -> QuantityLimits:
    """What a field takes that adds a product."""
    return _limits(terms_of(Variant(product, EMPTY, product)))


def limits_of_lines(
    cart: Cart, lines: t.Iterable[str] | None = None
) -> dict[str, QuantityLimits]:
    """What the fields of a cart's lines take, by the ids of the lines.

    A quantity that is too large by now may stay, and become smaller.

    :param lines: The ids of those that are asked for, if it is not all.
    """
    catalogue = get_state().services.registry.catalogue
    asked = cart.lines if lines is None else [*filter(None, map(cart.get, lines))]
    variants = {} if catalogue.loader is None else catalogue.variants(asked)
    limits = {}

    for line in asked:
        variant = variants.get(line.id)
        own = _limits(terms_of(variant) if variant is not None else ())
        limits[line.id] = own._replace(maximum=max(own.maximum, line.quantity))

    return limits


def _limits(terms: t.Collection[Terms]) -> QuantityLimits:
    most = [each for terms_ in terms for each in (terms_.available, terms_.maximum)]
    # Only those of the variant have others than 1.
    step = max((each.step for each in terms), default=1)
    minimum = max((each.minimum for each in terms), default=1)

    return QuantityLimits(
        # The browser counts the steps from the minimum.
        -(-minimum // step) * step,
        min(
            each
            for each in (get_state().settings.max_quantity, *most)
            if each is not None
        ),
        step,
    )
