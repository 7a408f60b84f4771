"""What is left on the shelves, for the shopper who looks at them."""

from collections import Counter
from dataclasses import dataclass

from flask import g

from flask_cart import current_cart

from ..models import Product
from ..models import Variant

#: Up to how many pieces a shelf is said to be running out.
FEW = 3


@dataclass(frozen=True)
class Left:
    """How many pieces there are, and how many of them are in the shopper's basket."""

    stock: int
    mine: int

    @property
    def state(self) -> str:
        """``"none"``, ``"mine"``: the last ones are; ``"few"``, or ``"enough"``."""
        if not self.stock:
            return "none"

        if self.more <= 0:
            return "mine"

        return "few" if self.more <= FEW else "enough"

    @property
    def more(self) -> int:
        """How many more the shopper can have."""
        return self.stock - self.mine


def left_of(what: Product | Variant) -> Left:
    """What is left of a variant, or of all variants of a product together."""
    variants = what.variants if isinstance(what, Product) else [what]
    mine = _in_basket()
    # More than there are left of one are none of another.
    pairs = [(each.stock, min(each.stock, mine[each.sku])) for each in variants]

    return Left(sum(stock for stock, _ in pairs), sum(mine for _, mine in pairs))


def _in_basket() -> Counter[str]:
    """How many of each SKU there are in the basket of this shopper."""
    if "in_basket" not in g:
        g.in_basket = Counter()

        for line in current_cart.lines:
            g.in_basket[line.item_id] += line.quantity

    counted: Counter[str] = g.in_basket

    return counted
