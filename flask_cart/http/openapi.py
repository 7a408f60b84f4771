"""The OpenAPI document, made of the routes and of what the views read and write."""

from __future__ import annotations

import re
import typing as t

import msgspec
from flask import Response
from flask import url_for
from msgspec.structs import fields

from ..app.current import get_state
from . import views
from .answers import LINE
from .answers import REPLAYED
from .inputs import Input
from .inputs import Nothing
from .preconditions import MAX_KEY
from .representation import ShownCart
from .representation import ShownProblem
from .representation import encode
from .routes import DOCUMENT
from .routes import ROUTES
from .routes import Route

Json = dict[str, t.Any]

#: Views for which it is a mistake if the line is gone.
_NEED_LINE: t.Final = {"set_quantity", "increment", "restore", "move"}

_INFO: t.Final = """\
The carts of one shopper, who is known by the session cookie.

Send `Accept: application/json`, because the same addresses answer browsers with pages.
Amounts are decimal strings, and prices are always the shop's own.
"""

_ETAG: t.Final = {
    "description": "Names the cart as it is shown, for If-Match and If-None-Match.",
    "required": True,
    "schema": {"type": "string"},
}

_HEADERS: t.Final = {
    "ETag": _ETAG,
    LINE: {
        "description": "The id of the line that the change is about, if it is one.",
        "schema": {"type": "string"},
    },
    REPLAYED: {
        "description": "The change was made before with this Idempotency-Key, and not"
        " again. The line is that of then, the cart is that of now.",
        "schema": {"type": "string", "const": "true"},
    },
}

_PROBLEMS: t.Final = {
    400: "The body is not JSON, or the Idempotency-Key cannot be one.",
    403: "The request comes from another site.",
    404: "There is no such cart, or no such line in it.",
    409: "Somebody else changed what the client saw. The cart as it is comes with it.",
    411: "The body has no Content-Length, and the server cannot read it without.",
    412: "The cart is not the one of If-Match. The cart as it is comes with it.",
    413: "The body is too large.",
    415: "The body is neither JSON nor a form.",
    422: "The cart cannot take that, or the Idempotency-Key came with another change.",
    429: "That was too often; Retry-After says for how many seconds to wait.",
    503: "The cart cannot be reached at the moment.",
}


def _parameter(name: str, where: str, description: str, **schema: t.Any) -> Json:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": description,
        "schema": {"type": "string", **schema},
    }


_PARAMETERS: t.Final = (
    _parameter("line_id", "path", "The id of a line.", minLength=1),
    _parameter(
        "code", "path", "The code of a coupon, as the cart shows it.", minLength=1
    ),
    _parameter(
        "If-Match",
        "header",
        "The ETag of the cart that the change is meant for, or `*`.",
    ),
    _parameter(
        "If-None-Match", "header", "The ETag of the cart that the client has already."
    ),
    _parameter(
        "Idempotency-Key",
        "header",
        "Made up for this change: sent again within 24 hours, it is not made again, and"
        " is answered as it was. What was refused has not happened, and may be sent"
        " again.",
        maxLength=MAX_KEY,
        # There may be quotes around it, which are no part of it.
        pattern="^[ -~]*[!#-~][ -~]*$",
    ),
)


def describe_api() -> Response:
    """The document for the current app."""
    return Response(encode(_document()), mimetype="application/json")


def _document() -> Json:
    named = sorted(get_state().settings.instances)
    instance = _parameter(
        "instance", "path", "Which of the shopper's carts.", enum=named
    )
    about_document = {
        "operationId": DOCUMENT.view,
        "summary": "Describe this API.",
        "responses": {"200": _ref("responses", "document")},
    }
    paths: dict[str, Json] = {DOCUMENT.address: {"get": about_document}}

    for prefix in ("", "/{instance}") if named else ("",):
        for route in ROUTES:
            path = prefix + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route.address)
            paths.setdefault(path, {})[route.method.lower()] = _operation(route, path)

    return {
        "openapi": "3.1.0",
        "info": {"title": "Cart", "version": "1", "description": _INFO},
        "servers": [{"url": url_for(".show").rstrip("/") or "/"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "parameters": {each["name"]: each for each in (*_PARAMETERS, instance)},
            "headers": _HEADERS,
            "responses": _responses(),
        },
    }


def _operation(route: Route, path: str) -> Json:
    is_read = route.method == "GET"
    headers = ["If-None-Match"] if is_read else ["If-Match", "Idempotency-Key"]
    by_form = "_by_form" if route.is_for_forms else ""
    of_instance = "_of_instance" if "{instance}" in path else ""
    kind = views.input_of(getattr(views, route.view))
    operation: Json = {
        "operationId": route.view + by_form + of_instance,
        "summary": getattr(views, route.view).__doc__,
        "parameters": [
            _ref("parameters", name)
            for name in [*re.findall("{(.*?)}", path), *headers]
        ],
        "responses": {
            str(status): _ref("responses", str(status))
            for status in _statuses(route, path)
        },
    }

    if not is_read:
        operation["responses"]["200"] = _ref("responses", "changed")

    if kind is not Nothing:
        schema = _ref("schemas", kind.__name__)
        operation["requestBody"] = {
            "required": any(field.required for field in fields(kind)),
            "content": {"application/json": {"schema": schema}},
        }

    return operation


def _statuses(route: Route, path: str) -> t.Iterator[int]:
    """Every status that an operation can answer with."""
    may_be_missing = "{instance}" in path or route.view in _NEED_LINE
    refusals = {429, 503} if route.method == "GET" else _PROBLEMS.keys()

    yield 200

    if route.method == "GET":
        yield 304

    if may_be_missing:
        yield 404

    yield from sorted(refusals - {404})


def _responses() -> Json:
    cart = {"application/json": {"schema": _ref("schemas", ShownCart.__name__)}}
    problem = {
        "application/problem+json": {"schema": _ref("schemas", ShownProblem.__name__)}
    }
    document = {"application/json": {"schema": {"type": "object"}}}
    headers = {"ETag": _ref("headers", "ETag")}
    told = {name: _ref("headers", name) for name in _HEADERS}

    return {
        "changed": {"description": "The cart.", "headers": told, "content": cart},
        "document": {"description": "This document.", "content": document},
        "200": {"description": "The cart.", "headers": headers, "content": cart},
        "304": {"description": "The client has it already.", "headers": headers},
    } | {
        str(status): {"description": meaning, "content": problem}
        for status, meaning in _PROBLEMS.items()
    }


def _schemas() -> Json:
    inputs = [kind for kind in Input.__subclasses__() if kind is not Nothing]
    kinds = [ShownCart, ShownProblem, *inputs]
    template = "#/components/schemas/{name}"
    _, schemas = msgspec.json.schema_components(kinds, ref_template=template)

    # Of the docstrings, only what is not about Python.
    for schema in schemas.values():
        schema["description"] = schema["description"].partition("\n\n")[0]

    return schemas


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}
