"""The carts of the Universal Commerce Protocol as an OpenAPI document.

Its schemas are those of the standard, as ``ucp-sdk`` has them; this adds the addresses
of the four operations, and writes plainly what generators of clients cannot read.
"""

from __future__ import annotations

import typing as t

from pydantic.json_schema import models_json_schema
from ucp_sdk.models.schemas.common.types.error_response import ErrorResponse
from ucp_sdk.models.schemas.shopping.cart import Cart
from ucp_sdk.models.schemas.shopping.cart_create_request import CartCreateRequest
from ucp_sdk.models.schemas.shopping.cart_update_request import CartUpdateRequest

Json = dict[str, t.Any]

_SCHEMAS: t.Final = "#/components/schemas/"

#: What each answer says of the protocol. In the standard it is a union of what all
#: kinds of services may say.
_ENVELOPE: t.Final = {
    "type": "object",
    "properties": {"version": {"type": "string"}, "status": {"type": "string"}},
    "required": ["version", "status"],
}

_AGENT: t.Final = {"name": "UCP-Agent", "in": "header", "required": True}
_KEY: t.Final = {"name": "Idempotency-Key", "in": "header"}
_ID: t.Final = {"name": "id", "in": "path", "required": True}


def make_document() -> Json:
    """The document, of which every program can be generated that fills carts."""
    models: list[t.Any] = [Cart, CartCreateRequest, CartUpdateRequest, ErrorResponse]
    _, schema = models_json_schema(
        [(each, "validation") for each in models], ref_template=f"{_SCHEMAS}{{model}}"
    )
    known: Json = schema["$defs"] | {"UcpMetadata": _ENVELOPE}
    kept: Json = {}
    _keep([_to(each) for each in models], known, kept)
    create = _operation("create_cart", _KEY, body=CartCreateRequest, status="201")
    update = _operation("update_cart", _ID, _KEY, body=CartUpdateRequest)

    return {
        "openapi": "3.1.0",
        "info": {"title": "Carts", "version": "2026-08-25"},
        "paths": {
            "/carts": {"post": create},
            "/carts/{id}": {"get": _operation("get_cart", _ID), "put": update},
            "/carts/{id}/cancel": {"post": _operation("cancel_cart", _ID, _KEY)},
        },
        "components": {"schemas": kept},
    }


def _operation(
    name: str, *parameters: Json, body: t.Any = None, status: str = "200"
) -> Json:
    answer = {"schema": {"oneOf": [_to(Cart), _to(ErrorResponse)]}}
    described = {"description": "A cart.", "content": {"application/json": answer}}
    operation = {
        "operationId": name,
        "tags": ["carts"],
        "parameters": [
            e | {"schema": {"type": "string"}} for e in (_AGENT, *parameters)
        ],
        # A cart that cannot be made is no error of HTTP.
        "responses": {status: described, "200": described},
    }

    if body is not None:
        content = {"application/json": {"schema": _to(body)}}
        operation["requestBody"] = {"required": True, "content": content}

    return operation


def _to(model: t.Any) -> Json:
    return {"$ref": f"{_SCHEMAS}{model.__name__}"}


def _keep(found: t.Any, known: Json, kept: Json) -> None:
    """Keep all schemas that something leads to."""
    if isinstance(found, list):
        for each in found:
            _keep(each, known, kept)
    elif isinstance(found, dict):
        name = _named_in(found)

        if name and name not in kept:
            kept[name] = None
            kept[name] = _plain(known[name], known)
            _keep(kept[name], known, kept)

        _keep(list(found.values()), known, kept)


def _plain(schema: t.Any, known: Json) -> t.Any:
    """A schema whose references lead to objects only, and whose names are its keys."""
    if isinstance(schema, list):
        return [_plain(each, known) for each in schema]

    if not isinstance(schema, dict):
        return schema

    name = _named_in(schema)

    if name and "properties" not in known[name]:
        return _plain(known[name], known)

    return {
        key: _plain(each, known)
        for key, each in schema.items()
        if key not in ("propertyNames", "discriminator")
        # A property may have this name.
        and not (key == "title" and isinstance(each, str))
    }


def _named_in(schema: Json) -> str:
    found = schema.get("$ref", "")

    return found.removeprefix(_SCHEMAS) if isinstance(found, str) else ""
