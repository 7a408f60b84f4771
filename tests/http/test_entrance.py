"""Addresses and methods that are none: a problem document for clients of JSON."""

from __future__ import annotations

import pytest
from flask import Blueprint
from flask import Flask
from flask.testing import FlaskClient

from flask_cart import FlaskCart
from tests.support.apps import make_app
from tests.support.storefronts import BROWSER
from tests.support.storefronts import JSON
from tests.support.storefronts import Storefront
from tests.support.storefronts import codes
from tests.support.storefronts import fill

NOWHERE = [
    ("DELETE", "/cart/coupons/%2Fb", 404),
    ("DELETE", "/cart/coupons//b", 404),
    ("GET", "/cart//", 404),
    ("DELETE", "/cart/lines/a%2Fb", 404),
    ("PATCH", "/cart/lines/a/b/c", 404),
    ("POST", "/cart/lines/a/decrement", 404),
    ("GET", "/cart/later/lines/a/b", 404),
    ("DELETE", "/cart/coupons/a/remove", 405),
    ("PUT", "/cart/", 405),
    ("GET", "/cart/lines", 405),
    ("PUT", "/cart/lines/a", 405),
    ("PUT", "/cart/later/metadata", 405),
    ("POST", "/cart/openapi.json", 405),
    ("BREW", "/cart/", 405),
]


@pytest.mark.parametrize("headers", [JSON, {"Accept": "*/*"}, {}], ids=str)
@pytest.mark.parametrize(("method", "path", "status"), NOWHERE)
def test_a_program_is_told_in_json(
    shop: Storefront, method: str, path: str, status: int, headers: dict[str, str]
) -> None:
    """Whatever page the app itself has for it."""
    shop.app.register_error_handler(status, lambda error: ("Our page", status))
    client = shop.app.test_client()
    answer = client.open(path, method=method, headers={"Accept": "*/*"} | headers)

    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert answer.json["status"] == status
    assert {"Accept", "Cookie"} <= set(answer.vary)
    assert bool(answer.allow) is (status == 405)


@pytest.mark.parametrize(("method", "path", "status"), NOWHERE[3:])
def test_a_shopper_is_told_on_the_page_of_the_app(
    shop: Storefront, method: str, path: str, status: int
) -> None:
    """A browser sees what it sees elsewhere."""
    shop.app.register_error_handler(status, lambda error: ("Our page", status))
    answer = shop.app.test_client().open(path, method=method)

    assert (answer.status_code, answer.text) == (status, "Our page")


def test_a_method_comes_with_those_that_are(client: FlaskClient) -> None:
    """``Allow`` names them."""
    answer = client.put("/cart/lines/a", headers=JSON)

    assert set(answer.allow) == {"PATCH", "POST", "DELETE", "OPTIONS"}


def test_a_coupon_is_not_another_one(client: FlaskClient) -> None:
    """A slash too many leads nowhere, and not to what is called like the rest."""
    fill(client)
    client.post("/cart/coupons", json={"code": "TEN"})
    client.delete("/cart/coupons/%2FTEN", headers=JSON, follow_redirects=True)

    assert codes(client) == ["TEN"]


def test_a_missing_slash_is_a_redirect(client: FlaskClient) -> None:
    """It says in JSON where the cart is."""
    answer = client.get("/cart", headers=JSON)
    found = client.get("/cart", headers=JSON, follow_redirects=True)

    assert (answer.status_code, answer.json["code"]) == (308, "moved")
    assert answer.location == "http://localhost/cart/"
    assert found.json["quantity"] == 0


@pytest.mark.parametrize("path", ["/", "/carts", "/cart.json", "/goods/1", "/cartx/"])
def test_other_addresses_are_the_app_s(shop: Storefront, path: str) -> None:
    """Nothing is said of what is not behind the prefix."""
    assert shop.app.test_client().get(path, headers=JSON).mimetype == "text/html"


@pytest.mark.parametrize(
    ("path", "is_json"),
    [("/lines/a/b", True), ("/coupons", True), ("/goods/1", False), ("/", False)],
)
def test_without_a_prefix(path: str, is_json: bool) -> None:
    """An app that is nothing but a cart may have other addresses all the same."""
    app = make_app(CART_STORAGE="memory")
    app.register_blueprint(FlaskCart(app).blueprint)
    answer = app.test_client().put(path, headers=JSON)

    assert answer.status_code in (404, 405)
    assert answer.is_json is is_json


@pytest.mark.parametrize("prefix", ["/<shop>/cart", "/a.b/cart"])
def test_behind_any_prefix(prefix: str) -> None:
    """A prefix may have a name in it, and what means something in patterns."""
    app = make_app(CART_STORAGE="memory")
    app.register_blueprint(FlaskCart(app).blueprint, url_prefix=prefix)
    client = app.test_client()

    assert client.get("/a.b/cart/no/where/1", headers=JSON).is_json
    assert not client.get("/a.b/c/cart/no", headers=JSON).is_json
    assert not client.get("/axb/carts", headers=JSON).is_json


def test_the_app_is_asked_in_its_own_words(shop: Storefront) -> None:
    """They come from the app's wording, as for all problems."""
    shop.extension.wording(
        lambda code, text, about: "Nichts da" if code == "not-found" else text
    )
    answer = shop.app.test_client().get("/cart/no/where/", headers=JSON)

    assert answer.json["detail"] == "Nichts da"


def test_what_the_app_has_behind_the_prefix_stays(shop: Storefront) -> None:
    """Views of the app there answer for themselves, also with an error."""
    pages = Blueprint("more", __name__, url_prefix="/cart/more")

    @pages.errorhandler(404)
    def missing(error: Exception) -> tuple[str, int]:
        return "Gone", 404

    @pages.get("/<int:number>")
    def show_more(number: int) -> str:
        from flask import abort

        abort(404)

    app: Flask = shop.app
    app.register_blueprint(pages)
    client = app.test_client()

    assert client.get("/cart/more/1", headers={"Accept": BROWSER}).text == "Gone"
    assert client.get("/cart/more/1", headers=JSON).text == "Gone"
