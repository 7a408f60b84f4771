"""The shops on Flask: with a dict in the session, and with ours.

``SHOP`` names one. ``python -m benchmarks.peers.on_flask`` fills its database.
"""

from __future__ import annotations

import os
import typing as t
from decimal import Decimal

from flask import Flask
from flask import abort
from flask import redirect
from flask import render_template
from flask import request
from flask import session
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Numeric
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from werkzeug import Response

from benchmarks.peers.goods import NAMES
from benchmarks.peers.goods import PRICE


class Base(DeclarativeBase):
    """The base class of the models."""


class Product(Base):
    """What is sold."""

    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    price: Mapped[Decimal] = mapped_column(Numeric(8, 2))

    @property
    def cart_id(self) -> str:
        return str(self.id)

    @property
    def cart_name(self) -> str:
        return self.name

    @property
    def cart_price(self) -> Decimal:
        return self.price


db = SQLAlchemy(model_class=Base)


def create_app() -> Flask:
    """The shop that the environment names."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY="benchmark",
        SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"],
    )
    db.init_app(app)
    make = {"session": with_session, "ours": with_ours}
    make[os.environ["SHOP"]](app)

    return app


def with_session(app: Flask) -> None:
    """A dict in the session, which is a signed cookie, as in most tutorials."""

    @app.post("/cart/lines")
    def add() -> Response:
        product, quantity = _asked()
        cart = session.setdefault("cart", {})
        cart[product.cart_id] = cart.get(product.cart_id, 0) + quantity
        session.modified = True

        return redirect("/cart/", code=303)

    @app.get("/cart/")
    def show() -> str:
        cart: dict[str, int] = session.get("cart", {})
        lines = [
            {
                "item": each.id,
                "name": each.name,
                "price": each.price,
                "quantity": cart[each.cart_id],
                "subtotal": each.price * cart[each.cart_id],
            }
            for each in load(list(cart))
        ]
        total = sum(t.cast(Decimal, line["subtotal"]) for line in lines)

        return render_template("cart.html", lines=lines, total=total)


def with_ours(app: Flask) -> None:
    """The blueprint as it is, and two views as a shop writes them without it."""
    # The other shop does not import it.
    from flask_cart import FlaskCart
    from flask_cart import current_cart

    # In a row, nobody waits between two of their adds.
    app.config.update(CART_STORAGE="database", CART_MAX_QUANTITY=2**31 - 1)
    extension = FlaskCart(app, db=db)
    extension.product_loader(load)
    app.register_blueprint(extension.blueprint, url_prefix="/cart")

    @app.post("/own/lines")
    def add() -> Response:
        product, quantity = _asked()
        current_cart.add(product, quantity)

        return redirect("/own", code=303)

    @app.get("/own")
    def show() -> str:
        totals = current_cart.totals
        lines = [
            {
                "item": line.item_id,
                "name": line.name,
                "price": line.price.amount,
                "quantity": line.quantity,
                "subtotal": line.subtotal.amount,
            }
            for line in totals.lines
        ]

        return render_template("cart.html", lines=lines, total=totals.total.amount)


def load(ids: t.Iterable[str]) -> list[Product]:
    """The products with these ids."""
    wanted = Product.id.in_([int(each) for each in ids])

    return list(db.session.scalars(db.select(Product).where(wanted)))


def fill() -> None:
    """Make the tables and the products."""
    with create_app().app_context():
        db.create_all()
        db.session.add_all(
            Product(id=number, name=name, price=PRICE) for number, name in NAMES.items()
        )
        db.session.commit()


def _asked() -> tuple[Product, int]:
    """What the form of a product says."""
    product = db.session.get(Product, int(request.form["item"]))

    return product or abort(404), int(request.form["quantity"])


if __name__ == "__main__":
    fill()
