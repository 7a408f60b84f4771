"""The app for assistants: the standard on a row, by its letter if that is by hand."""

from __future__ import annotations

import os
import typing as t
from types import SimpleNamespace

from flask import Flask
from flask import request

from flask_cart import FlaskCart
from flask_cart.model.values import digest
from flask_cart.ucp import ucp_blueprint

from .app import build
from .baskets import HandMadeBasket
from .baskets import OurBasket
from .rows import row_named

CARTS: t.Final = "/ucp/2026-08-25/carts"

#: What the shopper adds.
SHOPPER: t.Final = "shopper"

Json = dict[str, t.Any]


def create_app() -> Flask:
    """The row that the environment names, with carts for assistants."""
    app = build(row_named(os.environ["ROW"]), os.environ["DATABASE_URL"])
    basket = app.extensions["basket"]

    if isinstance(basket, OurBasket):
        _serve_ours(app, basket.extension)
    else:
        serve_plain(app, basket)

    return app


def _serve_ours(app: Flask, extension: FlaskCart) -> None:
    def product(item: str) -> t.Any:
        return SimpleNamespace(cart_id=item, cart_name=item, cart_price=1)

    extension.product_loader(lambda ids: [product(each) for each in ids])
    app.register_blueprint(extension.blueprint, url_prefix="/basket")
    app.register_blueprint(ucp_blueprint())

    @app.post("/shopper/<cart_id>")
    def add_for_shopper(cart_id: str) -> Json:
        owner = f"ucp:{digest(cart_id, 22)}"
        extension.cart(owner=owner).add(product(SHOPPER))

        return {}


def serve_plain(app: Flask, basket: HandMadeBasket) -> None:
    """The standard by its letter: what comes with a PUT takes the place of all else."""

    def shown() -> Json:
        lines = [
            {"item": {"id": item}, "quantity": count}
            for item, count in basket.quantities().items()
        ]

        return {"id": request.headers["Owner"], "line_items": lines}

    @app.post(CARTS)
    @app.put(f"{CARTS}/<cart_id>")
    def put(cart_id: str = "") -> tuple[Json, int]:
        lines = request.get_json()["line_items"]
        basket.put({each["item"]["id"]: each["quantity"] for each in lines})

        return shown(), 200 if cart_id else 201

    @app.get(f"{CARTS}/<cart_id>")
    def read(cart_id: str) -> Json:
        return shown()

    @app.post("/shopper/<cart_id>")
    def add_for_shopper(cart_id: str) -> Json:
        basket.add(SHOPPER)

        return {}
