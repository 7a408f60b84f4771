"""The shop's own rules about the cart: stock, the sale, and the post."""

from collections.abc import Mapping

from flask_cart import Condition
from flask_cart import current_cart

from .forms import MAX_PIECES
from .models import Variant
from .money import euros

SHIPPING_NAME = "Post, tracked"
SHIPPING_PRICE = euros(490)


class TooManyError(Exception):
    """Raised when a shopper asks for more of a kind than we sell in one order."""


class NotEnoughError(Exception):
    """Raised when fewer pieces are left than a shopper asks for."""

    def __init__(self, name: str, options: Mapping[str, str], left: int):
        #: The product's name with its options.
        self.label = ", ".join([name, *options.values()])
        #: The pieces that are left.
        self.left = left

        super().__init__(f"'{self.label}' has {left} pieces left.")


def put_in_cart(variant: Variant, quantity: int) -> None:
    """Add *quantity* pieces, with the sale and the post, in a single write."""
    check_wanted(variant, in_cart(variant.sku) + quantity)
    product = variant.product
    attributes = {"slug": product.slug, "category": product.category.slug}

    with current_cart.batch():
        line = current_cart.add(variant, quantity, attributes=attributes)

        if product.reduction and not line.conditions:
            current_cart.add_item_condition(line.id, _sale(product.reduction))

        current_cart.add_shipping(SHIPPING_NAME, SHIPPING_PRICE)


def in_cart(sku: str) -> int:
    """Count the pieces of one kind in the cart, over all its lines."""
    return sum(line.quantity for line in current_cart if line.item_id == sku)


def check_wanted(variant: Variant, wanted: int) -> None:
    """Raise an error unless the shopper can have *wanted* pieces in all."""
    if wanted > variant.stock:
        raise NotEnoughError(variant.product.name, variant.options, variant.stock)

    if wanted > MAX_PIECES:
        raise TooManyError


def _sale(reduction: int) -> Condition:
    return Condition(
        f"{reduction}% off",
        type="discount",
        target="item",
        value=f"-{reduction}%",
    )
