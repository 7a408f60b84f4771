"""Apps for the tests."""

from __future__ import annotations

from flask import Flask


def make_app(**config: object) -> Flask:
    """An app with a secret, and the given configuration."""
    app = Flask("shop")
    app.config.from_mapping({"SECRET_KEY": "test", "CART_CURRENCY": "EUR"} | config)

    return app
