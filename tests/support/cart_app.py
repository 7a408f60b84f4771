"""The app that gunicorn serves to the tests, with carts in the database of the
environment."""

from __future__ import annotations

import json
import os
import typing as t

import sqlalchemy as sa
from flask import Flask
from flask import request
from flask_sqlalchemy import SQLAlchemy

import flask_cart
from flask_cart import FlaskCart
from flask_cart import OrderDraft
from flask_cart import current_cart

db = SQLAlchemy()
orders = db.Table(
    "orders",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner", sa.String(64), nullable=False),
)


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.from_mapping(
        SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"],
        CART_STORAGE="database",
        CART_CURRENCY="EUR",
    )
    app.config.from_mapping(json.loads(os.environ.get("CART_APP_CONFIG", "{}")))
    db.init_app(app)
    extension = FlaskCart(app, db=db)
    extension.owner_loader(lambda: request.headers.get("Owner"))

    app.add_url_rule("/cart", view_func=show)
    app.add_url_rule("/module", view_func=module)

    for view in [add, set_quantity, clear, check_out]:
        app.add_url_rule(f"/{view.__name__}", view_func=view, methods=["POST"])

    if "USE_CART_BEFORE_FORK" in os.environ:
        with app.app_context():
            extension.cart(owner="user:parent").add("mug", price=1)

    return app


def posted() -> dict[str, t.Any]:
    """The fields of the request; a version is one that the cart must have."""
    fields: dict[str, t.Any] = request.get_json()

    if fields.get("version") is not None:
        current_cart.expect(fields["version"])

    return fields


def quantities() -> dict[str, int]:
    return {line.item_id: line.quantity for line in current_cart}


def show() -> dict[str, t.Any]:
    return {"version": current_cart.version, "items": quantities()}


def module() -> dict[str, t.Any]:
    return {"file": flask_cart.__file__, "pid": os.getpid()}


def add() -> dict[str, t.Any]:
    current_cart.add(posted()["item"], price=1)
    return show()


def set_quantity() -> dict[str, t.Any]:
    """Set the quantity of the only line, and say which one was there before."""
    fields = posted()
    (line,) = current_cart
    current_cart.set_quantity(line.id, fields["quantity"])

    return {"seen": line.quantity, "set": fields["quantity"]}


def clear() -> dict[str, t.Any]:
    """Clear the cart, and say what was in it."""
    posted()
    seen = quantities()
    current_cart.clear()

    return {"seen": seen}


def check_out() -> dict[str, t.Any]:
    owner = request.headers["Owner"]

    def create(draft: OrderDraft) -> OrderDraft:
        db.session.execute(orders.insert().values(owner=owner))

        return draft

    order = current_cart.place_order(create, lambda token: None, session=db.session)

    return {"lines": len(order)}
