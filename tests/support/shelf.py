"""A shop's products, on a shelf."""

from __future__ import annotations

import typing as t
from decimal import Decimal

from flask_cart import Cart
from flask_cart import Line
from flask_cart.carts.catalogue import Catalogue


class Product:
    """A product that also has the attributes ``cart_<name>`` that are given."""

    def __init__(self, cart_id: t.Any, price: t.Any = 5, **more: t.Any) -> None:
        self.cart_id = cart_id
        self.cart_name = f"A {cart_id}"
        self.cart_price = price

        for name, value in more.items():
            setattr(self, f"cart_{name}", value)


class Shelf:
    """A loader that remembers what it was asked for."""

    def __init__(self, *products: Product) -> None:
        self.products = {str(each.cart_id): each for each in products}
        self.asked: list[list[str]] = []

    def __call__(self, ids: list[str]) -> list[Product]:
        self.asked.append(ids)

        return [self.products[each] for each in ids if each in self.products]

    def catalogue(self) -> Catalogue:
        """A catalogue of what is on the shelf."""
        catalogue = Catalogue()
        catalogue.loader = self

        return catalogue


def prices(cart: Cart) -> dict[str, Decimal]:
    """The stored prices, by item."""
    cart.refresh()

    return {line.item_id: line.unit_amount for line in cart}


def line_of(cart: Cart, item_id: str) -> Line:
    """The first line of an item."""
    return next(line for line in cart if line.item_id == item_id)
