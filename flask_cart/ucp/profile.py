"""The profile: what the shop can do, in which versions, and where."""

from __future__ import annotations

import typing as t

from flask import current_app
from flask import request
from flask import url_for

from .representation import CART
from .representation import Json
from .requests import VERSIONS

_SHOPPING: t.Final = "dev.ucp.shopping"
_PERMALINK: t.Final = "dev.ucp.shopping.permalink"

#: Where the standard has its page about a cart, by version.
_CART_PAGES: t.Final = {"2026-04-08": "cart"}


def make_profile(version: str) -> Json:
    """The profile of a version; the newest tells where the others are."""
    rest = url_for("cart_ucp.create", version=version, _external=True)
    service = {
        "version": version,
        "spec": f"{_site(version)}/specification/overview",
        "transport": "rest",
        "schema": f"{_site(version)}/services/shopping/rest.openapi.json",
        "endpoint": rest.removesuffix("/carts"),
    }
    page = _CART_PAGES.get(version, "shopping/cart")
    ucp: Json = {
        "version": version,
        "services": {_SHOPPING: [service]},
        "capabilities": {
            CART: [
                {
                    "version": version,
                    "spec": f"{_site(version)}/specification/{page}",
                    "schema": f"{_site(version)}/schemas/shopping/cart.json",
                }
            ],
            **_permalinks(version),
        },
        "payment_handlers": {},
    }

    if version == VERSIONS[0]:
        ucp["supported_versions"] = {
            each: url_for("cart_ucp.profile", version=each, _external=True)
            for each in VERSIONS[1:]
        }

    return {"ucp": ucp}


def _permalinks(version: str) -> Json:
    """The permalinks of the shop, if it has any that may be told of."""
    endpoint = "cart_permalinks.permalink"
    is_there = endpoint in current_app.view_functions

    if version != VERSIONS[0] or not (is_there and request.is_secure):
        return {}

    address = url_for(endpoint, items="", _external=True).rstrip("/")
    declared = {
        "version": version,
        "spec": f"{_site(version)}/specification/permalink",
        "schema": f"{_site(version)}/schemas/shopping/permalink.json",
        "config": {"endpoint": address},
    }

    return {_PERMALINK: [declared]}


def _site(version: str) -> str:
    return f"https://ucp.dev/{version}"
