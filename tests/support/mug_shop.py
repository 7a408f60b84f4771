"""The smallest shop with the pages of the blueprint, under a strict policy."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

from flask import Flask
from flask import Response
from flask import render_template_string
from flask import request
from flask_babel import Babel
from werkzeug.test import TestResponse

from flask_cart import Condition
from flask_cart import FlaskCart
from flask_cart import Rule
from flask_cart import ShippingMethod
from flask_cart.pricing.presets import shipping
from tests.support.apps import make_app
from tests.support.browsers import Way
from tests.support.slackwater import Visitor

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'"
)

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>'

PAGE = """
{% extends "flask_cart/base.html" %}
{% from "flask_cart/macros.html" import add_to_cart, cart_drawer, cart_summary %}
{% block drawer %}{{ cart_drawer(after_adding="drawer" in request.args) }}{% endblock %}
{% block title %}{{ product.cart_name }}{% endblock %}
{% block content %}
<h1>{{ product.cart_name }}</h1>
<p>{{ product.cart_price }}</p>
{{ add_to_cart(product, next=next) }}
{{ add_to_cart(product, label="Add to the wishlist", instance="wishlist") }}
<h2>So far</h2>
{{ cart_summary() }}
{% endblock %}
"""


CHECKOUT = """
{% extends "flask_cart/base.html" %}
{% from "flask_cart/macros.html" import cart_summary %}
{% block title %}Checkout{% endblock %}
{% block content %}
<h1>Checkout</h1>
{{ cart_summary() }}
<p>Your note: {{ current_cart.metadata.note }}</p>
{% endblock %}
"""


@dataclass(frozen=True)
class Product:
    cart_id: str
    cart_name: str
    cart_price: str
    cart_choices: dict[str, list[str]] = field(default_factory=dict)
    cart_available: int | None = None
    cart_step: int | None = None
    cart_image: str | None = None
    cart_url: str | None = None


SHELF = {
    each.cart_id: each
    for each in [
        Product(
            "mug",
            "Harbour mug",
            "12.50",
            {"size": ["Small", "Large"]},
            cart_image="/mug.svg",
            cart_url="/goods/mug",
        ),
        Product("pot", "Watch teapot", "40", cart_available=9),
        Product("egg", "Egg cup", "3", cart_step=6),
        Product(
            "cap",
            "Donaudampfschifffahrtskapitaensmuetze",
            "24",
            {"shade": ["Rindfleischetikettierungsueberwachung"]},
        ),
        Product("lamp", "Hurricane lantern", "64", cart_available=0),
    ]
}

COUPONS = {
    "TIDE": Condition("TIDE", "coupon", "subtotal", "-10%"),
    "STORM": Condition(
        "STORM",
        "coupon",
        "subtotal",
        "-20",
        rule=Rule("total_at_least", {"amount": "500"}),
    ),
}

METHODS = [ShippingMethod(shipping("Post", "4.90", free_from=100))]


def chosen_language() -> str | None:
    """What the browser asks for."""
    return request.accept_languages.best_match(["en", "de", "fr", "es", "ar"])


def below_the_prefix(product: Product) -> Product:
    """The product with its addresses as browsers know them."""
    root = request.script_root

    return replace(
        product,
        cart_image=product.cart_image and root + product.cart_image,
        cart_url=product.cart_url and root + product.cart_url,
    )


class Guest(Visitor):
    """A browser without JavaScript; the forms of this shop have no tokens."""

    def post(self, path: str, **fields: str) -> TestResponse:
        return self.client.post(path, data=fields)


class MugShop:
    """The app, and the way from the browser to it, which may be slow.

    :param config: Where it is not as usual.
    """

    def __init__(self, **config: object) -> None:
        self.address = ""
        self.app = self._make_app(config)
        self.way = Way(self.app)

    def welcome(self, language: str) -> Guest:
        """Somebody new, who reads the pages in a language."""
        guest = Guest(self.app)
        guest.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = language

        return guest

    def add_elsewhere(self, visitor: Visitor) -> str:
        """Put one more into somebody's cart, as another device does; the version that
        the cart has then."""
        visitor.post("/cart/lines", item="pot")

        return visitor.version("/cart/")

    def _make_app(self, config: dict[str, object]) -> Flask:
        app = make_app(
            CART_STORAGE="memory",
            CART_INSTANCES=["later", "wishlist"],
            CART_CLIENT_METADATA=["note"],
            CART_CHECKOUT_URL="/checkout",
            **config,
        )
        Babel(app, locale_selector=chosen_language)
        cart_ext = FlaskCart(app)
        cart_ext.product_loader(
            lambda ids: [below_the_prefix(SHELF[i]) for i in ids if i in SHELF]
        )
        cart_ext.shipping_methods(lambda facts: METHODS)
        cart_ext.coupon_loader(lambda code: COUPONS.get(code.upper()))
        app.register_blueprint(cart_ext.blueprint, url_prefix="/cart")
        app.register_blueprint(cart_ext.permalinks, url_prefix="/buy")
        self.extension = cart_ext

        @app.get("/goods/<item>")
        def product(item: str) -> str:
            return render_template_string(
                PAGE,
                product=below_the_prefix(SHELF[item]),
                next=request.args.get("next"),
            )

        @app.get("/checkout")
        def checkout() -> str:
            return render_template_string(CHECKOUT)

        @app.get("/mug.svg")
        def picture() -> Response:
            return Response(PICTURE, mimetype="image/svg+xml")

        @app.get("/favicon.ico")
        def icon() -> Response:
            return Response(status=204)

        @app.after_request
        def forbid(response: Response) -> Response:
            response.headers["Content-Security-Policy"] = POLICY
            return response

        return app
