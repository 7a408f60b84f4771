"""The storefront: what the blueprint needs to know of an extension and its app."""

from __future__ import annotations

import typing as t

from .cart import Cart
from .conditions import Condition
from .current import current_cart
from .current import get_state
from .items import Buyable
from .registrar import Registrar


class Storefront:
    """What the blueprint needs to know of an extension and its app."""

    def __init__(self, extension: Registrar) -> None:
        self._extension = extension

    @property
    def instances(self) -> t.Collection[str]:
        return get_state().settings.instances | {"default"}

    @property
    def metadata_keys(self) -> t.Collection[str]:
        return get_state().settings.client_metadata

    @property
    def rate_limits(self) -> t.Mapping[str, str]:
        return get_state().settings.rate_limits

    @property
    def max_coupons(self) -> int | None:
        return get_state().settings.max_coupons

    def cart(self, instance: str) -> Cart:
        return current_cart.instance(instance)

    def product(self, item_id: str) -> Buyable | None:
        return self._extension.load_products([item_id]).get(item_id)

    def coupon(self, code: str) -> Condition | None:
        return self._extension.load_coupon(code)

    def word(self, code: str, text: str, about: t.Any) -> str:
        return self._extension.word(code, text, about)
