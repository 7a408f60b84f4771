"""Quantities: what a field takes for a line, or for a product that is to be added."""

from __future__ import annotations

import typing as t

from ..app.current import get_state
from ..carts.cart import Cart
from ..carts.cart import working_copy
from ..carts.catalogue import variant_in
from ..model.limits import Terms
from ..model.limits import lines_by_item
from ..model.limits import terms_of
from ..model.lines import Line
from ..model.products import Buyable
from ..model.products import Variant
from ..model.values import EMPTY


class QuantityLimits(t.NamedTuple):
    """What a field for a quantity takes.

    :param short: How many there are, if that is fewer than in the line, or in all lines
        that share them; none if it is not sold any more.
    :param takes_line: Whether the quantity of the line is one that is sold.
    """

    minimum: int
    maximum: int
    step: int
    short: int | None = None
    takes_line: bool = True

    @property
    def is_sold_out(self) -> bool:
        """Whether there is none that it takes."""
        return self.maximum < self.minimum


def limits_of_product(product: Buyable) -> QuantityLimits:
    """What a field takes that adds a product."""
    terms = terms_of(Variant(product, EMPTY, product))

    return _limits(terms, get_state().settings.max_quantity)


def limits_of_lines(
    cart: Cart,
    lines: t.Iterable[str] | None = None,
    products: t.Mapping[str, Buyable] | None = None,
) -> dict[str, QuantityLimits]:
    """What the fields of a cart's lines take, by the ids of the lines.

    A quantity that is too large by now may stay, and become smaller. Lines of one stock
    share it; where stock does not count, it is only told.

    :param lines: The ids of those that are asked for, if it is not all.
    :param products: Their products, if somebody has loaded them.
    """
    state = get_state()
    catalogue, most = state.services.registry.catalogue, state.settings.max_quantity
    ids = set(lines or ())
    asked = [each for each in cart.lines if lines is None or each.id in ids]
    variants: t.Mapping[str, Variant | None] = {}

    if products is not None:
        variants = {each.id: variant_in(products, each) for each in asked}
    elif catalogue.loader is not None:
        variants = catalogue.variants(asked)

    is_asked = catalogue.loader is not None
    is_free = working_copy(cart).instance in state.services.policy.stock_ignored
    together = lines_by_item(cart.lines)
    limits = {}

    for line in asked:
        variant = variants.get(line.id)
        terms = () if variant is None else terms_of(variant)
        same = together[line.item_id]
        own = _limits(terms, most, [each for each in same if each is not line])

        if variant is None and is_asked and line.product_id is not None:
            # It is not sold any more.
            own = own._replace(short=0, takes_line=False)
        elif line.quantity > own.maximum:
            short = _short(terms, same)
            own = own._replace(maximum=line.quantity, short=short, takes_line=False)
        elif line.quantity < own.minimum or (line.quantity - own.minimum) % own.step:
            own = own._replace(takes_line=False)

        if is_free:
            own = own._replace(minimum=1, maximum=max(most, line.quantity), step=1)

        limits[line.id] = own

    return limits


def _limits(
    terms: t.Iterable[Terms], most: int, others: t.Sequence[Line] = ()
) -> QuantityLimits:
    """What a field takes for these terms beside other lines, and no more than that."""
    minimum = step = 1

    for each in terms:
        # Only those of the variant have others than 1.
        minimum, step = max(minimum, each.minimum), max(step, each.step)
        rooms = (n - each.count(others) for n in each.of_sum if n is not None)
        most = min([most, *rooms])

    # The browser counts the steps from the minimum.
    return QuantityLimits(-(-minimum // step) * step, most, step)


def _short(terms: t.Iterable[Terms], lines: t.Sequence[Line]) -> int | None:
    """How many there are of what lines share, if that is fewer than are in them."""
    stocks = [(each.available, each.count(lines)) for each in terms]

    return min((n for n, count in stocks if n is not None and n < count), default=None)
