"""The shop: what the views need to know of the extension and the app."""

from __future__ import annotations

import typing as t

from ..carts.cart import Cart
from ..model.conditions import Condition
from ..model.products import Buyable
from .current import current_cart
from .current import get_state
from .registrar import Registrar


class Shop:
    """What the views need to know of the extension and the app."""

    def __init__(self, extension: Registrar) -> None:
        self._extension = extension

    @property
    def instances(self) -> t.Collection[str]:
        """The carts that a shopper may have."""
        return get_state().settings.all_instances

    @property
    def metadata_keys(self) -> t.Collection[str]:
        """The metadata that is the shopper's own."""
        return get_state().settings.client_metadata

    @property
    def rate_limits(self) -> t.Mapping[str, str]:
        """How often a client may use a view, by its name."""
        return get_state().settings.rate_limits

    def cart(self, instance: str) -> Cart:
        """One of the carts of the request's owner."""
        return current_cart.instance(instance)

    def product(self, item_id: str) -> Buyable | None:
        """The product of an id, if there is one."""
        return self._extension.load_products([item_id]).get(item_id)

    def coupon(self, code: str) -> Condition | None:
        """The condition of a code, if there is one."""
        return self._extension.load_coupon(code)

    def word(self, code: str, text: str, about: t.Any) -> str:
        """What is said of something, in the words of the shop."""
        return self._extension.word(code, text, about)
