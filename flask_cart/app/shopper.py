"""The shopper: what a client may do with the carts of a request, over any binding."""

from __future__ import annotations

import typing as t

from ..carts.cart import Cart
from ..model.conditions import Condition
from ..model.products import Buyable
from .current import current_cart
from .state import get_state


class Shop:
    """What the views need to know of the extension and the app."""

    @property
    def instances(self) -> t.Collection[str]:
        """The carts that a shopper may have."""
        return get_state().settings.all_instances

    @property
    def metadata_keys(self) -> t.Collection[str]:
        """The metadata that is the shopper's own."""
        return get_state().settings.client_metadata

    @property
    def max_coupons(self) -> int | None:
        """How many coupons a cart notes."""
        return get_state().settings.max_coupons

    def cart(self, instance: str) -> Cart:
        """One of the carts of the request's owner."""
        return current_cart.instance(instance)

    def product(self, item_id: str) -> Buyable | None:
        """The product of an id, if there is one."""
        return get_state().services.registry.catalogue.load([item_id]).get(item_id)

    def coupon(self, code: str) -> Condition | None:
        """The condition of a code, if there is one."""
        return get_state().loaders.condition_of(code)

    def word(self, code: str, text: str, about: t.Any) -> str:
        """What is said of something, in the words of the shop."""
        return get_state().loaders.word(code, text, about)
