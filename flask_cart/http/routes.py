"""The routes: which address and method lead to which view."""

from __future__ import annotations

import re
import typing as t

_placeholder: t.Final = re.compile(r"<(?:\w+:)?(\w+)>")


class Route(t.NamedTuple):
    """One way to a view.

    :param address: Behind the prefix of the cart.
    :param view: The name of the view.
    :param method: The method of HTTP.
    :param is_for_forms: Whether it is there for pages and their forms alone, such as
        because these know only POST.
    """

    address: str
    view: str
    method: str
    is_for_forms: bool = False

    @property
    def template(self) -> str:
        """The address with what is to be filled in between braces."""
        return _placeholder.sub(r"{\1}", self.address)


ROUTES: t.Final = (
    Route("/", "show", "GET"),
    Route("/lines", "add", "POST"),
    Route("/lines", "ask", "GET", is_for_forms=True),
    Route("/lines/many", "add_many", "POST"),
    Route("/lines/<cart_line:line_id>", "set_quantity", "PATCH"),
    Route("/lines/<cart_line:line_id>", "set_quantity", "POST", is_for_forms=True),
    Route("/lines/<cart_line:line_id>/increment", "increment", "POST"),
    Route("/lines/<cart_line:line_id>", "remove", "DELETE"),
    Route("/lines/<cart_line:line_id>/remove", "remove", "POST", is_for_forms=True),
    Route("/lines/<cart_line:line_id>/restore", "restore", "POST"),
    Route("/lines/<cart_line:line_id>/move", "move", "POST"),
    Route("/coupons", "add_coupon", "POST"),
    Route("/coupons/<cart_code:code>", "remove_coupon", "DELETE"),
    Route(
        "/coupons/<cart_code:code>/remove", "remove_coupon", "POST", is_for_forms=True
    ),
    Route("/shipping", "choose_shipping", "PUT"),
    Route("/shipping", "choose_shipping", "POST", is_for_forms=True),
    Route("/shipping", "clear_shipping", "DELETE"),
    Route("/shipping/clear", "clear_shipping", "POST", is_for_forms=True),
    Route("/metadata", "set_metadata", "PATCH"),
    Route("/metadata", "set_metadata", "POST", is_for_forms=True),
    Route("/", "clear", "DELETE"),
    Route("/clear", "clear", "POST", is_for_forms=True),
    Route("/restore", "restore_all", "POST", is_for_forms=True),
    Route("/forward", "forward", "POST", is_for_forms=True),
)

#: Where it is told what a problem is.
PROBLEM: t.Final = Route("/about/problems/<cart_problem:code>", "problem", "GET")

#: Where it is told what there is to choose of an item.
ITEM: t.Final = Route("/about/items/<path:item>", "show_item", "GET")

#: Where the document of the API is.
DOCUMENT: t.Final = Route("/openapi.json", "openapi", "GET")

#: Where a link to a cart leads, and what its form is sent to.
LINK: t.Final = Route("/links/<token>", "link", "GET", is_for_forms=True)
TAKE: t.Final = Route("/links/<token>", "take_link", "POST", is_for_forms=True)
