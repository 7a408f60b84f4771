"""The blueprint: the views at their addresses."""

from __future__ import annotations

import re
import typing as t

from flask import Blueprint
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter
from werkzeug.routing import PathConverter

from ..app.problem_codes import ProblemCode
from ..app.settings import RESERVED_INSTANCES
from ..app.shopper import DEFAULT
from ..model.errors import CartConfigError
from . import links
from . import permalinks
from . import views
from .answers import NAME
from .entrance import answer_unrouted
from .entrance import guard_bodies
from .fingerprints import FileConverter
from .fingerprints import send_file
from .guards import quote_query
from .openapi import describe_api
from .permalinks import PERMALINKS
from .problem_pages import tell_meaning
from .routes import DOCUMENT
from .routes import ITEM
from .routes import LINK
from .routes import PROBLEM
from .routes import ROUTES
from .routes import TAKE

_TAKEN: t.Final = "|".join([*RESERVED_INSTANCES, re.escape(DOCUMENT.address[1:])])


class InstanceConverter(BaseConverter):
    """The name of a cart in an address, which is none of the blueprint's own."""

    regex = f"(?!(?:{_TAKEN})$)[^/]+"


class LineConverter(BaseConverter):
    """The id of a line in an address, which is not that of many lines."""

    regex = r"(?!many$)[^/]+"


class ProblemConverter(BaseConverter):
    """What can be the matter, of which each has a page."""

    regex = "|".join(ProblemCode)


class CodeConverter(PathConverter):
    """The name of a coupon, which may have slashes in it."""

    # Or the address of the form that removes it would be a coupon's as well. A dot
    # would not stand for a line break, which a client can send like any character.
    regex = r"[^/][\s\S]*?(?<!/remove)"


class ItemsConverter(PathConverter):
    """The items of a permalink, and whatever else there may be in their place."""

    regex = r"[\s\S]+?"
    part_isolating = False


def make_blueprint() -> Blueprint:
    """A blueprint for the app that it is registered at."""
    blueprint = Blueprint(NAME, "flask_cart", template_folder="templates")
    blueprint.record(_check_name)
    blueprint.record(_add_converters)
    blueprint.record(guard_bodies)
    blueprint.record(answer_unrouted)
    blueprint.before_request(quote_query)
    blueprint.add_url_rule("/static/<cart_file:filename>", "static", send_file)
    blueprint.add_url_rule(DOCUMENT.address, DOCUMENT.view, describe_api)
    blueprint.add_url_rule(PROBLEM.address, PROBLEM.view, tell_meaning)
    blueprint.add_url_rule(
        ITEM.address, ITEM.view, views.show_item, defaults={"instance": DEFAULT}
    )

    blueprint.record(_add_routes)

    return blueprint


def make_permalinks() -> Blueprint:
    """The addresses that fill a cart, for the app that they are registered at."""
    blueprint = Blueprint(PERMALINKS, "flask_cart")
    blueprint.record(_add_converters)
    blueprint.before_request(quote_query)

    for rule in ("/", "/<cart_items:items>"):
        # A redirect to the same address with another slash would be kept forever.
        blueprint.add_url_rule(
            rule,
            "permalink",
            permalinks.open_permalink,
            strict_slashes=False,
            merge_slashes=False,
        )

    blueprint.add_url_rule("/ask", "ask", permalinks.ask)
    blueprint.add_url_rule(
        "/ask", "take_permalink", permalinks.take_permalink, methods=["POST"]
    )

    return blueprint


def _add_routes(state: BlueprintSetupState) -> None:
    # The extension may be given the app only later.
    has_forms = not state.app.config.get("CART_JSON_ONLY")

    if has_forms:
        state.add_url_rule(LINK.address, LINK.view, links.show_link)
        state.add_url_rule(
            TAKE.address, TAKE.view, links.take_link, methods=[TAKE.method]
        )

    for prefix, defaults in (
        ("", {"instance": DEFAULT}),
        ("/<cart_instance:instance>", {}),
    ):
        for route in ROUTES:
            if has_forms or not route.is_for_forms:
                state.add_url_rule(
                    prefix + route.address,
                    route.view,
                    getattr(views, route.view),
                    methods=[route.method],
                    defaults=defaults,
                )


def _check_name(state: BlueprintSetupState) -> None:
    if state.name_prefix or state.name != NAME:
        raise CartConfigError(
            "The blueprint of the cart is registered at the app itself, without another"
            f" name: its templates, and yours, link to '{NAME}.show'. The prefix may"
            " be anything."
        )


def _add_converters(state: BlueprintSetupState) -> None:
    converters = state.app.url_map.converters
    converters["cart_file"] = FileConverter
    converters["cart_instance"] = InstanceConverter
    converters["cart_items"] = ItemsConverter
    converters["cart_line"] = LineConverter
    converters["cart_code"] = CodeConverter
    converters["cart_problem"] = ProblemConverter
