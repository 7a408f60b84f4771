"""Apps for the tests."""

from __future__ import annotations

from pathlib import Path

from flask import Flask


def make_app(**config: object) -> Flask:
    """An app with a secret, and the given configuration."""
    # The templates of the demo are not those of every app that is tested beside it.
    app = Flask("shop", root_path=str(Path(__file__).parent))
    app.config.from_mapping({"SECRET_KEY": "test", "CART_CURRENCY": "EUR"} | config)

    return app
