from __future__ import annotations

from flask import Flask

from flask_cart import FlaskCart


def _cart(app: Flask, owner: str = "user:1"):
    extension: FlaskCart = app.extensions["cart"].extension
    return extension.cart(owner=owner)


def test_add_is_read_again(database_app: Flask) -> None:
    """What was added is there for the next reader."""
    with database_app.app_context():
        _cart(database_app).add("mug", 2, price="12.50", name="Tasse ☕")

    with database_app.app_context():
        (line,) = _cart(database_app).lines

    assert (line.item_id, line.quantity, line.name) == ("mug", 2, "Tasse ☕")
