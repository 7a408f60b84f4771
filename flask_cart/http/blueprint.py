"""The blueprint: which address and method leads to which view."""

from __future__ import annotations

import typing as t

from flask import Blueprint

from .openapi import describe_api
from .views import DEFAULT
from .views import Shop
from .views import Views

#: Address, name of the view, method of JSON clients, address of forms.
_CHANGES: t.Final = (
    ("/lines", "add", "POST", ""),
    ("/lines/<line_id>", "set_quantity", "PATCH", "/lines/<line_id>"),
    ("/lines/<line_id>/increment", "increment", "POST", ""),
    ("/lines/<line_id>", "remove", "DELETE", "/lines/<line_id>/remove"),
    ("/lines/<line_id>/move", "move", "POST", ""),
    ("/coupons", "add_coupon", "POST", ""),
    ("/coupons/<code>", "remove_coupon", "DELETE", "/coupons/<code>/remove"),
    ("/metadata", "set_metadata", "PATCH", "/metadata"),
    ("/", "clear", "DELETE", "/clear"),
)


def make_blueprint(shop: Shop) -> Blueprint:
    """The blueprint of one extension."""
    blueprint = Blueprint(
        "cart",
        "flask_cart",
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )
    views = Views(shop)
    add = blueprint.add_url_rule
    add("/openapi.json", "openapi", describe_api)

    for prefix, defaults in (("", {"instance": DEFAULT}), ("/<instance>", {})):
        add(f"{prefix}/", "show", views.show, defaults=defaults)

        for address, name, method, form_address in _CHANGES:
            view = getattr(views, name)
            add(prefix + address, name, view, methods=[method], defaults=defaults)

            if form_address:
                address = prefix + form_address
                add(address, name, view, methods=["POST"], defaults=defaults)

    return blueprint
