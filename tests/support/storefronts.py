"""Shops with the blueprint, for the tests of the cart over HTTP."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from weakref import WeakKeyDictionary

from flask import Flask
from flask.testing import FlaskClient
from flask_caching import Cache
from flask_sqlalchemy import SQLAlchemy
from jsonschema_rs import Draft202012Validator
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule
from werkzeug.test import TestResponse
from werkzeug.wrappers import Request

from flask_cart import Condition
from flask_cart import FlaskCart
from flask_cart import ShippingMethod
from flask_cart import rule
from flask_cart.model.products import line_id
from flask_cart.pricing.presets import shipping
from tests.support.apps import make_app
from tests.support.guests import COOKIE

#: What a JSON client says that it wants.
JSON: t.Final = {"Accept": "application/json"}

#: What a browser says of every page and form.
BROWSER: t.Final = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@dataclass(frozen=True)
class Product:
    """A product with the choices that it leaves to the shopper."""

    cart_id: str
    cart_name: str
    cart_price: str
    cart_choices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    cart_available: int | None = None


SHELF: t.Final = {
    each.cart_id: each
    for each in [
        Product("mug", "Mug", "12.50", {"size": ("S", "L")}),
        Product("pot", "Pot", "40.00"),
        Product("rare", "Rare book", "99.99", cart_available=3),
        Product("tea & <b>milk</b>", "Tea & <b>milk</b>", "3.20"),
    ]
}

COUPONS: t.Final = {
    "TEN": Condition("TEN", "coupon", "subtotal", "-10%"),
    "FIVE": Condition("FIVE", "coupon", "subtotal", "-5.00"),
}

METHODS: t.Final = (
    ShippingMethod(shipping("Post", "4.90", free_from=200)),
    ShippingMethod(shipping("Bike", "9"), rule("quantity_at_most", quantity=4)),
)


@dataclass(frozen=True)
class Storefront:
    """An app with the blueprint under ``/cart``."""

    app: Flask
    extension: FlaskCart

    def stored(self, client: FlaskClient) -> dict[str, t.Any]:
        """All that is kept of any cart, as it is stored, and the client's identity."""
        with client.session_transaction() as session:
            kept = {"carts": session.get("_carts"), "guest": client.get_cookie(COOKIE)}

        storage: t.Any = self.app.extensions["cart"].storage

        with self.app.app_context():
            found = list(storage.scan()) if hasattr(storage, "scan") else []

            return kept | {str(each.key): each.stored for each in found}


#: The OpenAPI documents of the apps, each asked for once, and by what they depend on.


class Described:
    """What an app's OpenAPI document says of its answers."""

    def __init__(self, document: dict[str, t.Any]) -> None:
        self._components = document["components"]
        self._validators: dict[str, Draft202012Validator] = {}
        self.paths = document["paths"]

    def validate(self, name: str, schema: dict[str, t.Any], answer: object) -> None:
        """Fail unless an answer is as a schema of the document wants it.

        :param name: Of the schema, that is no other one's.
        """
        if name not in self._validators:
            whole = schema | {"components": self._components}
            self._validators[name] = Draft202012Validator(whole)

        self._validators[name].validate(answer)

    def __getitem__(self, kind: str) -> dict[str, t.Any]:
        """The components of a kind, by name."""
        return t.cast("dict[str, t.Any]", self._components[kind])


_documents: WeakKeyDictionary[Flask, Described] = WeakKeyDictionary()
_same_documents: dict[tuple[str, ...], Described] = {}


class PageClient(FlaskClient):
    """A client that names pages, unless it sends JSON or names something else."""

    def open(self, *args: t.Any, **kwargs: t.Any) -> TestResponse:
        kind = "application/json" if "json" in kwargs else kwargs.get("content_type")

        # Headers that are given come after these.
        if kind != "application/json":
            base = {"HTTP_ACCEPT": BROWSER, **kwargs.get("environ_base", {})}
            kwargs["environ_base"] = base

        return super().open(*args, **kwargs)


class ApiClient(PageClient):
    """A client that holds every JSON answer against the app's OpenAPI document."""

    def open(self, *args: t.Any, **kwargs: t.Any) -> TestResponse:
        response = super().open(*args, **kwargs)

        request = response.request
        has_json = response.is_json and request.method != "HEAD"

        if has_json and request.path.startswith("/cart/"):
            check_answer(self.application, self._document(), response)

        return response

    def _document(self) -> Described:
        app = self.application

        if app not in _documents:
            key = _described_by(app)

            if key not in _same_documents:
                answer = super().open("/cart/openapi.json")
                _same_documents[key] = Described(answer.get_json())

            _documents[app] = _same_documents[key]

        return _documents[app]


def _described_by(app: Flask) -> tuple[str, ...]:
    """What the document of an app can depend on: its settings, and its routes."""
    settings = [f"{name}={value!r}" for name, value in sorted(app.config.items())]
    routes = [f"{each} {each.endpoint}" for each in app.url_map.iter_rules()]

    return (*settings, *routes)


def path_of(rule: Rule) -> str:
    """The address of a view of the blueprint, as OpenAPI writes it."""
    return re.sub("<(?:[^:>]*:)?([^>]*)>", r"{\1}", rule.rule.removeprefix("/cart"))


#: What a form can be answered with.
ANY: t.Final = {
    str(status): {"$ref": f"#/components/responses/{name}"}
    for status, name in [
        (200, "cart"),
        *((each, each) for each in (400, 403, 404, 409, 411, 412, 413, 415, 422, 429)),
    ]
}


def _rule_of(app: Flask, request: Request) -> Rule | None:
    """The rule of a request, if programs may make it."""
    try:
        urls = app.url_map.bind("localhost")
        rule, _ = urls.match(request.path, request.method, return_rule=True)
    except HTTPException:
        return None

    return None if rule.endpoint == "cart.ask" else rule


def check_answer(app: Flask, document: Described, response: TestResponse) -> None:
    """Fail unless an answer is one that a document describes."""
    request = response.request
    rule = _rule_of(app, request)

    if rule is None:
        # What is no address of the API is in no document.
        assert response.mimetype == "application/problem+json"
        problem = document["schemas"]["Problem"]
        document.validate("Problem", problem, response.json)

        return

    path = path_of(rule)
    # What is there for forms is not in it, and answers as what it stands for.
    operation = document.paths.get(path, {}).get(request.method.lower())

    if operation is None:
        assert request.method == "POST"
        operation = document.paths["/lines"]["post"] | {"responses": ANY}

    reference = operation["responses"][str(response.status_code)]
    name = reference["$ref"].split("/")[-1]
    described = document["responses"][name]
    schema = described["content"][response.mimetype]["schema"]
    document.validate(f"{name} {response.mimetype}", schema, response.json)

    for name in described.get("headers", ()):
        if document["headers"][name].get("required"):
            assert name in response.headers


def line_of(item: str, **options: str) -> str:
    """The id of the line of an item."""
    return line_id(item, options)


def show(client: FlaskClient, instance: str = "") -> dict[str, t.Any]:
    """A cart as JSON."""
    response = client.get(f"/cart/{instance and instance + '/'}", headers=JSON)
    assert response.status_code == 200

    return t.cast("dict[str, t.Any]", response.json)


def codes(client: FlaskClient) -> list[str]:
    """The codes of the coupons of a cart."""
    return [coupon["code"] for coupon in show(client)["coupons"]]


def fill(client: FlaskClient) -> str:
    """Put three mugs into the cart; the id of their line."""
    added = {"item": "mug", "quantity": 3, "options": {"size": "L"}}
    response = client.post("/cart/lines", json=added)
    assert response.status_code == 200

    return line_of("mug", size="L")


def make_storefront(app: Flask, **extensions: t.Any) -> Storefront:
    """A shop in an app.

    :param extensions: What the extension is given.
    """
    extension = FlaskCart(app, **extensions)
    extension.product_loader(lambda ids: [SHELF[i] for i in ids if i in SHELF])
    extension.coupon_loader(COUPONS.get)
    extension.shipping_methods(lambda facts: METHODS)
    app.register_blueprint(extension.blueprint, url_prefix="/cart")

    app.test_client_class = ApiClient

    return Storefront(app, extension)


@contextmanager
def open_storefront(
    storage: str, *, folder: Path, redis_url: str = "", **config: t.Any
) -> Iterator[Storefront]:
    """A shop with its carts in a storage.

    :param storage: ``"memory"``, ``"session"``, ``"database"`` (on SQLite), ``"cache"``
        (on Redis).
    :param folder: Where a database may be.
    :param redis_url: The server of a cache.
    :param config: Configuration of the app.
    """
    usual = {
        "CART_STORAGE": storage,
        # An error is a 500, as it is in production.
        "PROPAGATE_EXCEPTIONS": False,
        "TESTING": True,
        "CART_INSTANCES": ["later", "wishlist"],
        "CART_CLIENT_METADATA": ["note"],
        "CART_RETRY_BASE_DELAY": 0.001,
    }
    app = make_app(**usual | config)

    if storage == "cache":
        app.config.update(CACHE_TYPE="RedisCache", CACHE_REDIS_URL=redis_url)
        yield make_storefront(app, cache=Cache(app))
        return

    if storage != "database":
        yield make_storefront(app)
        return

    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder / 'carts.sqlite3'}"
    db = SQLAlchemy(app)
    shop = make_storefront(app, db=db)

    with app.app_context():
        db.create_all()

    try:
        yield shop
    finally:
        with app.app_context():
            db.session.remove()

            for engine in db.engines.values():
                engine.dispose()
