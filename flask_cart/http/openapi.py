"""The OpenAPI document, made of the routes and of what the views read and write."""

from __future__ import annotations

import re
import typing as t

from flask import Response
from flask import current_app
from flask import url_for
from msgspec.structs import fields

from ..app.current import get_state
from ..app.identity import guest_cookie
from ..app.problem_codes import ProblemCode
from . import views
from .answers import LINE
from .answers import REPLAYED
from .answers import VERSION
from .described import describe_schemas
from .described import schema_name
from .examples import CART
from .examples import CONFLICT
from .examples import INPUTS
from .examples import ITEM_TO_ADD
from .examples import PROBLEM_OF
from .inputs import Input
from .inputs import Nothing
from .parameters import HEADERS
from .parameters import PARAMETERS
from .parameters import WITH_PROBLEM
from .representation import encode
from .routes import DOCUMENT
from .routes import ITEM
from .routes import PROBLEM
from .routes import ROUTES
from .routes import Route
from .schemas import ShownCart
from .schemas import ShownItem
from .schemas import ShownMeaning
from .schemas import ShownProblem

Json = dict[str, t.Any]

#: Views for which it is a mistake if the line is gone.
_NEED_LINE: t.Final = {"set_quantity", "increment", "restore", "move"}

#: What every change can be refused with.
_REFUSALS: t.Final = (400, 403, 409, 411, 412, 413, 415, 422, 429, 503)

_INFO: t.Final = """\
The carts of one shopper, who is known by cookies.

Send `Accept: application/json`, because the same addresses answer browsers with pages.
Amounts are decimal strings, and prices are always the shop's own.
"""

_TAGS: t.Final = {
    "about": "What there is to choose, what can be the matter, and this document.",
    "cart": "The cart as a whole. Every change is answered with it, as it is then.",
    "coupons": "The codes of coupons that the cart has noted.",
    "lines": "What is in the cart.",
    "metadata": "The shopper's own notes.",
    "shipping": "How the cart is sent.",
}

#: What a shown cart has that another operation asks for as a parameter.
_LINKED: t.Final = (
    ("line_id", "lines/0/id", ("set_quantity", "increment", "remove", "move")),
    ("line_id", "removed/0/id", ("restore",)),
    ("code", "coupons/0/code", ("remove_coupon",)),
)


_INSTANCE: t.Final = {
    "name": "instance",
    "in": "path",
    "required": True,
    "description": "Which of the shopper's carts.",
    # One type for all operations, where clients are generated.
    "schema": {"$ref": "#/components/schemas/Instance"},
}


def describe_api() -> Response:
    """The document for the current app."""
    return Response(encode(_document()), mimetype="application/json")


def _document() -> Json:
    named = sorted(get_state().settings.instances)
    parameters, schemas = dict(PARAMETERS), describe_schemas()

    if named:
        parameters["instance"] = _INSTANCE
        schemas["Instance"] = {
            "title": "Instance",
            "description": "The shopper's carts beside the default one.",
            "type": "string",
            "enum": named,
        }

    return {
        "openapi": "3.1.0",
        "info": {"title": "Cart", "version": "1", "description": _INFO},
        "servers": [{"url": url_for(".show").rstrip("/") or "/"}],
        "tags": [{"name": k, "description": v} for k, v in _TAGS.items()],
        # Who has no cookie yet is a new guest.
        "security": [{}, {"guest": []}, {"session": []}],
        "paths": _about() | _paths(bool(named)),
        "components": {
            "schemas": schemas,
            "parameters": parameters,
            "headers": HEADERS,
            "responses": _responses(bool(named)),
            "securitySchemes": {
                "guest": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": guest_cookie(),
                    "description": "A shopper whom nobody knows. The first change of a"
                    " new guest is answered with it.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": current_app.config["SESSION_COOKIE_NAME"],
                    "description": "A shopper who has logged in, if not otherwise.",
                },
            },
        },
    }


def _paths(has_instances: bool) -> dict[str, Json]:
    paths: dict[str, Json] = {}

    for prefix in ("", "/{instance}") if has_instances else ("",):
        for route in ROUTES:
            if not route.is_for_forms:
                path = prefix + route.template
                operation = _operation(route, path)
                paths.setdefault(path, {})[route.method.lower()] = operation

    return paths


def _about() -> dict[str, Json]:
    """What is about no cart."""
    return {
        DOCUMENT.address: {
            "get": {
                "operationId": DOCUMENT.view,
                "summary": "Describe this API.",
                "description": "This document.",
                "tags": ["about"],
                "responses": {"200": _ref("responses", "document")},
            }
        },
        PROBLEM.template: {
            "get": {
                "operationId": PROBLEM.view,
                "summary": "Show what a problem is.",
                "description": "The `type` of a problem document leads here.",
                "tags": ["about"],
                "parameters": [_ref("parameters", "problem")],
                "responses": {
                    "200": _ref("responses", "problem"),
                    "404": _ref("responses", "404"),
                },
            }
        },
        ITEM.template: {
            "get": {
                "operationId": ITEM.view,
                "summary": t.cast(str, views.show_item.__doc__),
                "description": "Ask for it before a form to add the item is shown.",
                "tags": ["about"],
                "parameters": [_ref("parameters", "item")],
                "responses": {
                    "200": _ref("responses", "item"),
                    **{s: _ref("responses", s) for s in ("403", "404", "429", "503")},
                },
            }
        },
    }


def _operation(route: Route, path: str) -> Json:
    is_read = route.method == "GET"
    headers = ["If-None-Match"] if is_read else _OF_CHANGES
    of_instance = "_of_instance" if "{instance}" in path else ""
    kind = views.input_of(getattr(views, route.view))
    summary: str = getattr(views, route.view).__doc__
    tag = route.address.split("/")[1]
    cart = "cart" if is_read else "changed_cart"
    operation: Json = {
        "operationId": route.view + of_instance,
        "summary": summary,
        "description": summary + (_OF_INSTANCE if of_instance else ""),
        "tags": [tag if tag in _TAGS else "cart"],
        "parameters": [
            _ref("parameters", name)
            for name in [*re.findall("{(.*?)}", path), *headers]
        ],
        "responses": {
            "200": _ref("responses", cart + of_instance),
            **{str(s): _ref("responses", str(s)) for s in _other_statuses(route, path)},
        },
    }

    if kind is not Nothing:
        operation["requestBody"] = _body(kind)

    return operation


_OF_CHANGES: t.Final = ["If-Match", "If-None-Match", "Idempotency-Key"]
_OF_INSTANCE: t.Final = " In another of the shopper's carts."


def _body(kind: type[Input]) -> Json:
    schema = _ref("schemas", schema_name(kind))
    content = {"schema": schema, "example": INPUTS[kind]}

    return {
        "required": any(field.required for field in fields(kind)),
        "content": {"application/json": content},
    }


def _other_statuses(route: Route, path: str) -> t.Iterator[int]:
    """Every status that an operation can answer with beside 200."""
    if route.method == "GET":
        yield 304

    if "{instance}" in path or route.view in _NEED_LINE:
        yield 404

    yield from (429, 503) if route.method == "GET" else _REFUSALS


def _responses(has_instances: bool) -> Json:
    carts = ("", "_of_instance") if has_instances else ("",)
    etag = {"ETag": _ref("headers", "ETag")}
    cart = {
        "description": "The cart as it is now.",
        "headers": etag,
        "content": _content(ShownCart, CART),
    }

    told = {
        "headers": {k: _ref("headers", k) for k in ("ETag", LINE, VERSION, REPLAYED)}
    }
    linked = {"cart" + each: cart | {"links": _links(each)} for each in carts}

    return {
        **linked,
        **{"changed_" + name: each | told for name, each in linked.items()},
        "document": {
            "description": "This document.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        "item": {
            "description": "What there is to choose.",
            "content": _content(ShownItem, ITEM_TO_ADD),
        },
        "problem": {
            "description": "What the problem is.",
            "content": _content(ShownMeaning, PROBLEM_OF),
        },
        "304": {"description": "The client has it already.", "headers": etag},
        **{str(status): _problem(status) for status in {404, *_REFUSALS}},
    }


def _links(of_instance: str) -> Json:
    other = {"instance": "$request.path.instance"} if of_instance else {}

    return {
        view: {
            "operationId": view + of_instance,
            "parameters": {name: f"$response.body#/{place}"} | other,
            "description": f"`{name}` can be that of the first there is.",
        }
        for name, place, linked in _LINKED
        for view in linked
    }


def _problem(status: int) -> Json:
    codes = [each for each in ProblemCode if each.status == status]
    meanings = "\n".join(f"* `{each.value}`: {each.meaning}" for each in codes)
    content: Json = {"schema": _ref("schemas", schema_name(ShownProblem))}
    response: Json = {"description": meanings}

    if status in WITH_PROBLEM:
        header = WITH_PROBLEM[status]
        response["headers"] = {header: _ref("headers", header)}

    if status == 409:
        content["example"] = CONFLICT

    return response | {"content": {"application/problem+json": content}}


def _content(shown: type, example: t.Any) -> Json:
    content = {"schema": _ref("schemas", schema_name(shown))}

    return {"application/json": content | {"example": example}}


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}
