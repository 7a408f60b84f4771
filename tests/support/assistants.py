"""Assistants: programs that fill carts by the Universal Commerce Protocol."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from flask import Flask
from werkzeug.test import TestResponse

from flask_cart.ucp import ucp_blueprint
from tests.support.storefronts import PageClient
from tests.support.storefronts import Storefront

#: Where the shop is: the standard knows only https.
SHOP: t.Final = "https://shop.example"

NEWEST: t.Final = "2026-08-25"
OLDER: t.Final = "2026-04-08"

Json = dict[str, t.Any]


def with_assistants(shop: Storefront) -> Storefront:
    """The shop, with carts for assistants and permalinks."""
    shop.app.register_blueprint(ucp_blueprint())
    shop.app.register_blueprint(shop.extension.permalinks, url_prefix="/buy")
    shop.app.test_client_class = PageClient

    return shop


@dataclass
class Assistant:
    """A program with a profile of its own."""

    app: Flask
    name: str = "one"
    version: str = NEWEST

    def send(
        self, method: str, path: str, body: t.Any = None, **headers: str
    ) -> TestResponse:
        """Send a request; names of headers have underscores."""
        given = {"UCP-Agent": f'profile="https://{self.name}.example/profile"'}
        given |= {name.replace("_", "-"): each for name, each in headers.items()}

        return self.app.test_client().open(
            f"/ucp/{self.version}/carts{path}",
            method=method,
            json=body,
            headers=given,
            base_url=SHOP,
        )

    def create(self, items: t.Mapping[str, int], **headers: str) -> TestResponse:
        return self.send("POST", "", {"line_items": lines_for(items)}, **headers)

    def read(self, cart_id: str) -> TestResponse:
        return self.send("GET", f"/{cart_id}")

    def update(
        self, cart_id: str, items: t.Mapping[str, int], **headers: str
    ) -> TestResponse:
        body = {"line_items": lines_for(items)}

        return self.send("PUT", f"/{cart_id}", body, **headers)

    def cancel(self, cart_id: str, **headers: str) -> TestResponse:
        return self.send("POST", f"/{cart_id}/cancel", {}, **headers)


def lines_for(items: t.Mapping[str, int]) -> list[Json]:
    """The lines of a body."""
    return [{"item": {"id": k}, "quantity": n} for k, n in items.items()]


def read_json(answer: TestResponse) -> Json:
    assert answer.mimetype == "application/json"

    return t.cast(Json, answer.json)


def items_in(answer: TestResponse) -> dict[str, int]:
    """The ids of the items of a cart, with their quantities."""
    lines = read_json(answer)["line_items"]

    return {each["item"]["id"]: each["quantity"] for each in lines}


def told(answer: TestResponse) -> list[tuple[str, str]]:
    """The types and codes of the messages."""
    messages = read_json(answer).get("messages", [])

    return [(each["type"], each["code"]) for each in messages]
