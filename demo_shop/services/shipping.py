"""The ways a parcel can go, what each costs, and what it can carry."""

from collections.abc import Iterator
from dataclasses import dataclass

from babel.units import format_unit
from flask_babel import get_locale
from moneyed import Money

from flask_cart import Cart
from flask_cart import Drift
from flask_cart import Facts
from flask_cart import ShippingMethod
from flask_cart import rule
from flask_cart.pricing.presets import shipping

from ..extensions import cart_ext
from ..languages import gettext
from ..languages import lazy_gettext
from ..languages import price
from ..languages import sentences
from ..money import asked_in
from ..money import euros


@dataclass(frozen=True)
class Way:
    """A way that a parcel can go."""

    #: In English, as carts and orders keep it.
    name: str
    price: Money
    #: What a shopper should know of it.
    blurb: str
    #: How many working days it takes, at least and at most.
    least_days: int
    most_days: int
    #: From which sum of goods on it is free.
    free_from: Money | None = None
    #: How heavy what goes this way may be.
    most_grams: int | None = None

    def told(self, currency: str) -> str:
        """What a shopper should know of it, with sums in a currency."""
        free = self._free_from(currency)

        return str(self.blurb) % {"sum": price(free) if free else ""}

    def method(self, currency: str) -> ShippingMethod:
        """The same for a cart in a currency."""
        most, costs = self.most_grams, asked_in(currency, self.price).amount
        free = self._free_from(currency)

        return ShippingMethod(
            shipping(self.name, costs, free_from=free.amount if free else None),
            available=None if most is None else rule("grams_at_most", grams=most),
        )

    def _free_from(self, currency: str) -> Money | None:
        return asked_in(currency, self.free_from) if self.free_from else None


#: How everything goes, unless the shopper says otherwise.
POST = Way(
    sentences("Post, tracked"),
    euros(490),
    lazy_gettext("In paper and string, to your door."),
    2,
    3,
)

WAYS = {
    way.name: way
    for way in [
        Way(
            sentences("Letter post"),
            euros(240),
            lazy_gettext("Through the slot. Up to 500 g."),
            3,
            5,
            most_grams=500,
        ),
        POST,
        Way(
            sentences("Night boat"),
            euros(1250),
            lazy_gettext("There in the morning. Free from %(sum)s."),
            1,
            1,
            free_from=euros(15000),
        ),
    ]
}


@cart_ext.rule("grams_at_most")
def grams_at_most(facts: Facts, grams: int) -> bool | str:
    """Whether all that is in a cart weighs no more than this."""
    weight = sum(
        line.quantity * line.attributes.get("grams", 0) for line in facts.lines
    )

    return weight <= grams or gettext(
        "it carries %(most)s, and this weighs %(weight)s",
        most=_said(grams),
        weight=_said(weight),
    )


@cart_ext.shipping_methods
def methods(facts: Facts) -> Iterator[ShippingMethod]:
    """A basket goes one of the ways; a wish goes nowhere."""
    if facts.instance == "default":
        for way in WAYS.values():
            yield way.method(facts.currency)


def send_by_post(cart: Cart) -> None:
    """Let a cart go the usual way, if the shopper has said nothing."""
    if cart and cart.shipping.chosen is None:
        cart.shipping.choose(POST.name)


def needs_consent(drift: Drift) -> bool:
    """Whether something costs more than a shopper knows, be it only the post."""
    sent = drift.shipping

    return bool(drift.needing_consent) or (sent is not None and sent.needs_consent)


def _said(grams: int) -> str:
    unit, number = ("gram", grams) if grams < 1000 else ("kilogram", grams / 1000)

    return format_unit(
        round(number, 1), f"mass-{unit}", length="short", locale=get_locale()
    )
