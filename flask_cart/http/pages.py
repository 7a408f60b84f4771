"""The pages: what their templates ask for beside the cart."""

from __future__ import annotations

import typing as t

from flask import Flask

from ..app.current import current_cart
from ..app.current import get_state
from ..app.shopper import offered_shipping
from ..app.wording import COUPON_GONE
from ..carts.cart import Cart
from ..model.limits import Terms
from ..model.limits import terms_of
from ..model.money import format_money
from ..model.products import Buyable
from ..model.products import Variant
from ..model.values import EMPTY
from ..pricing.shipping import ShippingOption
from ..pricing.totals import Adjustment
from .preconditions import make_form_key


class QuantityLimits(t.NamedTuple):
    """What a field for a quantity takes."""

    minimum: int
    maximum: int
    step: int


class NotedCoupon(t.NamedTuple):
    """A coupon in a cart.

    :param code: What the shopper typed in.
    :param reason: Why it does nothing, or an empty string.
    """

    code: str
    reason: str


def give_to_templates(app: Flask) -> None:
    """Let all templates of an app ask for the cart, and for what its pages need."""
    app.jinja_env.globals["current_cart"] = current_cart
    app.jinja_env.globals["cart_form_key"] = make_form_key
    app.jinja_env.globals["cart_pages"] = Pages()
    app.jinja_env.filters["money"] = format_money


class Pages:
    """What the templates of one app may ask for, as ``cart_pages``."""

    @property
    def instances(self) -> list[str]:
        """The carts that a shopper may have, the default one first."""
        return get_state().settings.all_instances

    @property
    def metadata_keys(self) -> t.Collection[str]:
        """The metadata that is the shopper's own."""
        return get_state().settings.client_metadata

    def limits_of(self, product: Buyable) -> QuantityLimits:
        """What a field takes that adds a product."""
        return self._limits(terms_of(Variant(product, EMPTY, product)))

    def limits(self, cart: Cart) -> dict[str, QuantityLimits]:
        """What the fields of a cart's lines take, by the ids of the lines.

        A quantity that is too large by now may stay, and become smaller.
        """
        catalogue = get_state().services.registry.catalogue
        variants = {} if catalogue.loader is None else catalogue.variants(cart)
        limits = {}

        for line in cart:
            variant = variants.get(line.id)
            own = self._limits(terms_of(variant) if variant is not None else ())
            limits[line.id] = own._replace(maximum=max(own.maximum, line.quantity))

        return limits

    def reason(self, step: Adjustment | ShippingOption) -> str:
        """Why something does nothing, in the words of the shop."""
        return get_state().loaders.reason_of(step)

    def coupons(self, cart: Cart) -> list[NotedCoupon]:
        """The coupons of a cart, and why they do nothing."""
        reasons = {each.name: self.reason(each) for each in cart.totals.explain()}

        return [
            NotedCoupon(code, reasons.get(code, COUPON_GONE)) for code in cart.coupons
        ]

    def shipping(self, cart: Cart) -> tuple[ShippingOption, ...]:
        """The shipping methods that a shopper may choose from."""
        return offered_shipping(cart)

    def _limits(self, terms: t.Collection[Terms]) -> QuantityLimits:
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
