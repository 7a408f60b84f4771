"""Steps: what a client can do next with a cart, and where."""

from __future__ import annotations

import re
import typing as t

from flask import url_for
from msgspec import structs
from werkzeug.routing import BuildError

from ..app.current import get_state
from ..carts.adding import AddReport
from ..carts.cart import Cart
from .representation import show_cart
from .routes import ROUTES
from .schemas import ShownAction
from .schemas import ShownCart

#: What there is to do only where there is something.
_WITH_LINES: t.Final = {"set_quantity", "increment", "remove", "move", "clear"}


def show_with_steps(
    cart: Cart, instance: str | None = None, report: AddReport | None = None
) -> ShownCart:
    """What a client is told of a cart, and of what it can do next.

    :param instance: Which of the shopper's carts it is, if the cart cannot know.
    :param report: What became of many items.
    """
    shown = show_cart(cart, instance, report)

    try:
        return structs.replace(shown, next=_next_steps(shown))
    except (BuildError, RuntimeError):
        # A view of an app without the blueprint, or no request at all.
        return shown


def _next_steps(cart: ShownCart) -> list[ShownAction]:
    base = url_for("cart.show", instance=cart.instance)
    possible = _possible(cart)
    steps = [
        ShownAction(
            name=route.view,
            method=route.method,
            href=base.removesuffix("/") + _template(route.address),
            instance=cart.instance,
        )
        for route in ROUTES
        if not route.is_for_forms and route.view in possible
    ]
    others = [
        ShownAction(
            name="show",
            method="GET",
            href=url_for("cart.show", instance=name),
            instance=name,
        )
        for name in get_state().settings.all_instances
        if name != cart.instance
    ]

    return steps + others


def _possible(cart: ShownCart) -> set[str]:
    settings = get_state().settings
    possible = {"show", "add", "add_many"}

    if cart.lines:
        possible |= _WITH_LINES
        possible -= {"move"} if not settings.instances else set()

        if cart.instance == "default":
            possible.add("add_coupon")

    if any(each.is_available for each in cart.shipping_options):
        possible.add("choose_shipping")

    if cart.shipping is not None:
        possible.add("clear_shipping")

    if cart.coupons:
        possible.add("remove_coupon")

    if settings.client_metadata:
        possible.add("set_metadata")

    return possible


def _template(address: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", address)
