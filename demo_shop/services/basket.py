"""What is in a basket, and what a shopper saves with it."""

from collections.abc import Iterable
from collections.abc import Mapping

from moneyed import Money
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from flask_cart import Buyable
from flask_cart import Cart
from flask_cart import Totals

from ..extensions import cart_ext
from ..extensions import db
from ..languages import gettext
from ..languages import ngettext
from ..languages import told
from ..models import Product
from ..models import Variant


class NotEnoughError(Exception):
    """Raised when fewer pieces are left than a shopper orders.

    Its message is a sentence for the shopper.
    """


@cart_ext.product_loader
def load_variants(skus: list[str]) -> Iterable[Variant]:
    """Find what is behind the lines of a cart, with all that pages show of it."""
    return db.session.scalars(
        select(Variant)
        .where(Variant.sku.in_(skus))
        .options(joinedload(Variant.product).joinedload(Product.category))
    )


def variants_in(cart: Cart) -> dict[str, Variant]:
    """What is behind the lines of a cart, by SKU."""
    return _only_variants(cart.products())


def variants_of(skus: Iterable[str]) -> dict[str, Variant]:
    """What is behind these SKUs."""
    return _only_variants(cart_ext.load_products(skus))


def count_cheaper(cart: Cart) -> int:
    """How many of the things in a list cost less than when they were put there."""
    variants = variants_in(cart) if cart else {}

    return sum(
        variant.cart_price_in(cart.currency) < line.price
        for line in cart.lines
        if (variant := variants.get(line.item_id))
    )


def savings(totals: Totals, variants: Mapping[str, Variant]) -> Money:
    """What the shopper saves: by the sale, and by a coupon."""
    currency = totals.total.currency.code
    sale = (
        (variant.price_in(currency) - line.price) * line.quantity
        for line in totals.lines
        if (variant := variants.get(line.item_id))
        and line.price == variant.cart_price_in(currency)
    )

    return sum(sale, totals.savings)


def not_enough(label: str, left: int, in_basket: int = 0) -> str:
    """Tell a shopper how many pieces are left.

    :param in_basket: How many of them the shopper has already.
    """
    if not left:
        return gettext("Sorry, “%(name)s” has just sold out.", name=label)

    if in_basket:
        return ngettext(
            "“%(name)s”: only one is left, counting those in your basket.",
            "“%(name)s”: only %(num)s are left, counting those in your basket.",
            left,
            name=label,
        )

    return ngettext(
        "“%(name)s”: only one is left.",
        "“%(name)s”: only %(num)s are left.",
        left,
        name=label,
    )


def label(name: str, options: Mapping[str, object]) -> str:
    """A product's name with its options."""
    return ", ".join(told(str(each)) for each in [name, *options.values()])


def _only_variants(products: Mapping[str, Buyable]) -> dict[str, Variant]:
    return {sku: each for sku, each in products.items() if isinstance(each, Variant)}
