"""VAT: it is in all prices, at two rates, and what it comes to is told."""

from collections.abc import Iterable

from flask_cart import Condition
from flask_cart import Facts
from flask_cart.pricing.presets import tax_classes

from ..extensions import cart_ext
from ..models import Product

#: The rate of most goods, and those of the classes that have another.
USUAL = "23%"
RATES = {"reduced": "13.5%"}

#: The classes are those of the products. The post has the rates of what is in the
#: parcel, in proportion to what that costs.
VAT = tax_classes("VAT", RATES, default=USUAL, included=True, shipping="proportional")


@cart_ext.condition_provider
def vat(facts: Facts) -> Iterable[Condition]:
    """What is in the prices of every cart."""
    return VAT


def rate_of(product: Product) -> str:
    """The rate that is in the price of a product."""
    return RATES.get(product.tax_class, USUAL)
