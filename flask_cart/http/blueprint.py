"""The blueprint: the views at their addresses."""

from __future__ import annotations

from flask import Blueprint
from flask import Response

from .openapi import describe_api
from .routes import DOCUMENT
from .routes import ROUTES
from .views import DEFAULT
from .views import Shop
from .views import Views


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

    def describe() -> Response:
        return describe_api(shop.instances)

    blueprint.add_url_rule(DOCUMENT.address, DOCUMENT.view, describe)

    for prefix, defaults in (("", {"instance": DEFAULT}), ("/<instance>", {})):
        for route in ROUTES:
            blueprint.add_url_rule(
                prefix + route.address,
                route.view,
                getattr(views, route.view),
                methods=[route.method],
                defaults=defaults,
            )

    return blueprint
