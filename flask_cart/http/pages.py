"""The pages: what their templates ask for beside the cart."""

from __future__ import annotations

import typing as t

from flask import Flask
from flask import request
from jinja2 import Environment
from jinja2 import pass_environment
from moneyed import Money

from ..app.current import current_cart
from ..app.current import get_state
from ..app.language import gettext
from ..app.language import ngettext
from ..app.language import page_language
from ..app.language import show_money
from ..app.shopper import DEFAULT
from ..app.shopper import offered_shipping
from ..carts.cart import Cart
from ..model.lines import Line
from ..model.products import Buyable
from ..pricing.shipping import FreeShipping
from ..pricing.shipping import ShippingOption
from ..pricing.shipping import nearest_free
from ..pricing.totals import Adjustment
from ..pricing.totals import LineTotals
from .answers import NAME
from .answers import address_of
from .answers import asks_for_drawer
from .caching import is_for_everybody
from .forms import LineForms
from .forms import forms_of
from .forms import hidden_fields
from .forms import how_sent
from .forms import make_form_key
from .forms import page_number
from .pieces import needs_no_piece
from .pieces import send_once
from .quantities import QuantityLimits
from .quantities import limits_of_lines
from .quantities import limits_of_product
from .representation import reasons_of_coupons
from .undoing import Undo
from .undoing import take_undo

#: Lines of a cart on one page.
PAGE_LINES: t.Final = 50


class NotedCoupon(t.NamedTuple):
    """A coupon in a cart.

    :param code: What the shopper typed in.
    :param reason: Why it does nothing, or an empty string.
    """

    code: str
    reason: str


class LinePage(t.NamedTuple):
    """The lines of one page of a cart.

    :param number: Which page it is, from 1 on.
    :param last: The number of the last one.
    """

    lines: tuple[LineTotals, ...]
    number: int
    last: int


class LinesFound(t.NamedTuple):
    """What was found out about lines, once for all of them.

    :param products: The products, by the ids of their items.
    :param limits: What the fields of the lines take, by their own ids.
    """

    products: dict[str, Buyable]
    limits: dict[str, QuantityLimits]

    @property
    def are_sold(self) -> bool:
        """Whether all of them can be ordered as they are."""
        return all(each.takes_line for each in self.limits.values())


def give_to_templates(app: Flask) -> None:
    """Let all templates of an app ask for the cart, and for what its pages need."""
    app.jinja_env.globals["current_cart"] = current_cart
    app.jinja_env.globals["cart_form_key"] = make_form_key
    app.jinja_env.globals["cart_hidden_fields"] = hidden_fields
    app.jinja_env.globals["cart_live"] = how_sent
    app.jinja_env.globals["cart_pages"] = Pages()
    app.jinja_env.globals["cart_gettext"] = gettext
    app.jinja_env.globals["cart_ngettext"] = ngettext
    app.jinja_env.filters["money"] = show_money
    app.jinja_env.filters["cart_piece"] = send_once


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

    @property
    def takes_coupons(self) -> bool:
        """Whether the shop has any."""
        return get_state().loaders.coupon is not None

    @property
    def checkout_url(self) -> str | None:
        """Where the checkout is, if the app says so."""
        url = get_state().settings.checkout_url

        return url and request.script_root + url

    @property
    def language(self) -> str:
        """What the pages are written in, for ``<html lang>``."""
        return page_language().tag

    @property
    def direction(self) -> str:
        """Where their lines begin: ``"ltr"`` or ``"rtl"``, for ``<html dir>``."""
        return page_language().direction

    @property
    def number(self) -> int:
        """Which page of a cart was asked for, or was changed."""
        return page_number()

    @property
    def is_for_everybody(self) -> bool:
        """Whether the page may be kept by caches, and has nothing of one shopper."""
        return is_for_everybody()

    @property
    def is_cart(self) -> bool:
        """Whether the page is that of the cart, and not another one that is told how
        the cart is."""
        is_shown = request.endpoint == f"{NAME}.show" and not asks_for_drawer(request)
        instance = (request.view_args or {}).get("instance")

        return is_shown and instance == DEFAULT and not needs_no_piece()

    def address(self, instance: str, anchor: str | None = None) -> str:
        """The page of a cart, of the cart that is shown the same page again."""
        is_shown = (request.view_args or {}).get("instance") == instance

        return address_of(instance, self.number if is_shown else 1, anchor)

    def lines(self, cart: Cart) -> LinePage:
        """The lines of the page that was asked for; of the last, if it is further."""
        lines = cart.totals.lines
        last = max(1, -(-len(lines) // PAGE_LINES))
        number = min(self.number, last)
        end = number * PAGE_LINES

        return LinePage(lines[end - PAGE_LINES : end], number, last)

    def first_lines(self, cart: Cart) -> tuple[LineTotals, ...]:
        """As many lines as fit into an overview."""
        return cart.totals.lines[:PAGE_LINES]

    def products(self, lines: t.Iterable[Line | LineTotals]) -> dict[str, Buyable]:
        """The products of lines by the ids of their items, as far as there are any."""
        catalogue = get_state().services.registry.catalogue
        items = [each.item_id for each in lines]

        return {} if catalogue.loader is None else catalogue.load(items)

    def limits_of(self, product: Buyable) -> QuantityLimits:
        """What a field takes that adds a product."""
        return limits_of_product(product)

    def found(self, cart: Cart, lines: t.Iterable[LineTotals]) -> LinesFound:
        """What the pages ask of lines."""
        lines = tuple(lines)
        products = self.products(lines)
        limits = limits_of_lines(cart, [each.id for each in lines], products)

        return LinesFound(products, limits)

    @pass_environment
    def forms(
        self, environment: Environment, lines: t.Sequence[LineTotals], instance: str
    ) -> dict[str, LineForms]:
        """What the forms of lines need, by the ids of the lines."""
        return forms_of(environment, lines, instance)

    def undo(self) -> Undo | None:
        """What the last change can be undone with, once."""
        return take_undo()

    def reason(self, step: Adjustment | ShippingOption) -> str:
        """Why something does nothing, in the words of the shop."""
        return get_state().loaders.reason_of(step)

    def coupons(self, cart: Cart) -> list[NotedCoupon]:
        """The coupons of a cart, and why they do nothing."""
        return [NotedCoupon(*each) for each in reasons_of_coupons(cart).items()]

    def shipping(self, cart: Cart) -> tuple[ShippingOption, ...]:
        """The shipping methods that a shopper may choose from."""
        return offered_shipping(cart)

    def free_shipping(self, cart: Cart) -> FreeShipping | None:
        """How far a cart is from being sent for free, if a method ever is."""
        methods = self.shipping(cart)

        if not methods:
            return None

        amounts = [line.subtotal for line in cart.totals.lines]

        return nearest_free(methods, sum(amounts, Money(0, cart.currency)))
