"""The whole cart as JSON: what the pages show and can do, a program can as well."""

from __future__ import annotations

import re
import typing as t

import pytest
from flask import jsonify
from flask.testing import FlaskClient
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

from flask_cart import Condition
from flask_cart import current_cart
from flask_cart import rule
from tests.support.storefronts import JSON
from tests.support.storefronts import SHELF
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill
from tests.support.storefronts import line_of
from tests.support.storefronts import show


def steps_of(cart: dict[str, t.Any]) -> set[str]:
    """What can be done next with this very cart."""
    own = (each for each in cart["next"] if each["instance"] == cart["instance"])

    return {each["name"] for each in own}


def test_quantities_of_a_line(client: FlaskClient) -> None:
    """A program knows what a field of the page would take."""
    client.post("/cart/lines", json={"item": "rare"})
    fill(client)
    rare, mug = show(client)["lines"]

    assert rare["limits"] == {"minimum": 1, "maximum": 3, "step": 1}
    assert mug["limits"] == {"minimum": 1, "maximum": 10_000, "step": 1}


def test_why_a_coupon_does_nothing(shop: Storefront, client: FlaskClient) -> None:
    """Each of the coupons has the reason that the page shows."""
    coupons = {
        "NOW": Condition("NOW", "coupon", "subtotal", "-1"),
        "MUCH": Condition(
            "MUCH", "coupon", "subtotal", "-1", rule=rule("total_at_least", amount=900)
        ),
        "GONE": Condition("GONE", "coupon", "subtotal", "-1"),
    }
    shop.extension.coupon_loader(coupons.get)
    fill(client)

    for code in coupons:
        client.post("/cart/coupons", json={"code": code})

    del coupons["GONE"]

    assert show(client)["coupons"] == [
        {"code": "NOW", "is_used": True, "reason": ""},
        {
            "code": "MUCH",
            "is_used": False,
            "reason": "it needs €900.00, there are €37.50",
        },
        {"code": "GONE", "is_used": False, "reason": "it is not valid any more"},
    ]


def test_what_an_order_needs(shop: Storefront, client: FlaskClient) -> None:
    """The token of the content, and what keeps it from being ordered."""
    assert show(client)["order_token"] == ""

    fill(client)
    first = show(client)
    client.put("/cart/shipping", json={"method": "Bike"})
    second = show(client)
    shop.extension.shipping_methods(lambda facts: ())
    gone = show(client)

    assert len({each["order_token"] for each in (first, second)} - {""}) == 2
    assert second["problems"] == []
    assert [each["name"] for each in gone["problems"]] == ["Bike"]


class TestManyItems:
    def test_are_added_in_one_write(self, client: FlaskClient) -> None:
        """Of what is short, the cart gets what there is; the report tells the rest."""
        items = [
            {"item": "mug", "quantity": 2, "options": {"size": "L"}},
            {"item": "rare", "quantity": 5},
            {"item": "boat", "quantity": 4},
        ]
        client.post("/cart/lines", json={"item": "pot"})
        cart = client.post("/cart/lines/many", json={"items": items}).json
        mug, rare = line_of("mug", size="L"), line_of("rare")

        def part(
            item: str, quantity: int, line_id: str | None, **options: str
        ) -> t.Any:
            return {
                "item": item,
                "options": options,
                "quantity": quantity,
                "line_id": line_id,
            }

        assert cart["report"] == {
            "added": [part("mug", 2, mug, size="L"), part("rare", 3, rare)],
            "short": [part("rare", 2, rare)],
            "gone": [part("boat", 4, None)],
        }
        assert cart["quantity"] == 6
        assert cart["version"] == show(client)["version"]
        assert "report" not in show(client)

    def test_are_all_or_none(self, client: FlaskClient) -> None:
        """If one of them cannot be, none is added."""
        items = [{"item": "pot"}, {"item": "mug", "options": {"size": "XXL"}}]
        answer = client.post("/cart/lines/many", json={"items": items})

        assert (answer.status_code, answer.json["code"]) == (422, "bad-option")
        assert show(client)["lines"] == []

    def test_are_added_once(self, client: FlaskClient) -> None:
        """The same key adds them once."""
        key = {"Idempotency-Key": "k"}

        for _ in range(2):
            body = {"items": [{"item": "pot"}, {"item": "rare"}]}
            cart = client.post("/cart/lines/many", json=body, headers=key).json

        assert cart["quantity"] == 2

    @pytest.mark.parametrize(("count", "status"), [(100, 200), (101, 422), (0, 422)])
    def test_are_not_too_many(
        self, client: FlaskClient, count: int, status: int
    ) -> None:
        """A request has at least one, and at most a hundred."""
        body = {"items": [{"item": "pot"}] * count}

        assert client.post("/cart/lines/many", json=body).status_code == status

    def test_ask_the_loader_once_for_what_there_is(
        self, shop: Storefront, client: FlaskClient
    ) -> None:
        """However many they are."""
        asked: list[list[str]] = []

        def load(ids: list[str]) -> list[t.Any]:
            asked.append(ids)

            return [SHELF[each] for each in ids]

        shop.extension.product_loader(load)
        client.post(
            "/cart/lines/many", json={"items": [{"item": "pot"}, {"item": "rare"}]}
        )

        assert asked[0] == ["pot", "rare"]


class TestItem:
    def test_has_what_is_to_be_chosen(self, client: FlaskClient) -> None:
        """A program can make the same form as the macro for pages."""
        assert client.get("/cart/about/items/mug", headers=JSON).json == {
            "item": "mug",
            "name": "Mug",
            "choices": {"size": ["S", "L"]},
            "multiple": [],
            "limits": {"minimum": 1, "maximum": 10_000, "step": 1},
            "is_sold_out": False,
        }

    def test_may_be_sold_out(self, shop: Storefront, client: FlaskClient) -> None:
        """As the macro says it."""
        kind = type(SHELF["pot"])
        none = kind("none", "None", "1", cart_available=0)
        shop.extension.product_loader(lambda ids: [none])

        assert client.get("/cart/about/items/none", headers=JSON).json["is_sold_out"]

    def test_may_have_any_id(self, client: FlaskClient) -> None:
        """Also one with slashes."""
        path = "/cart/about/items/tea%20%26%20%3Cb%3Emilk%3C%2Fb%3E"

        assert client.get(path, headers=JSON).json["name"] == "Tea & <b>milk</b>"

    def test_that_there_is_not(self, client: FlaskClient) -> None:
        """It is an address that is none."""
        answer = client.get("/cart/about/items/boat", headers=JSON)

        assert (answer.status_code, answer.json["code"]) == (404, "not-found")


class TestNext:
    def test_is_what_can_be_done(self, client: FlaskClient) -> None:
        """It grows with the cart."""
        assert steps_of(show(client)) == {"show", "add", "add_many", "set_metadata"}

        fill(client)
        filled = steps_of(show(client))
        client.post("/cart/coupons", json={"code": "TEN"})
        client.put("/cart/shipping", json={"method": "Post"})
        chosen = steps_of(show(client))

        assert filled == {
            *("show", "add", "add_many", "set_metadata", "add_coupon", "clear"),
            *("set_quantity", "increment", "remove", "move", "choose_shipping"),
        }
        assert chosen - filled == {"remove_coupon", "clear_shipping"}

    def test_leads_to_the_other_carts(self, client: FlaskClient) -> None:
        """As the navigation of the page does."""
        carts = {
            each["instance"]: each["href"]
            for each in show(client, "wishlist")["next"]
            if each["name"] == "show"
        }

        assert carts == {
            "default": "/cart/",
            "later": "/cart/later/",
            "wishlist": "/cart/wishlist/",
        }

    @pytest.mark.parametrize("mounted", ["", "/shop", "behind a proxy"])
    def test_leads_there_wherever_the_app_is_mounted(
        self, shop: Storefront, mounted: str
    ) -> None:
        """Every address is answered, also below a path and behind a proxy."""
        wsgi: t.Any = shop.app.wsgi_app
        headers: dict[str, str] = {}

        if mounted == "/shop":
            wsgi = DispatcherMiddleware(lambda *args: [b""], {"/shop": wsgi})
        elif mounted:
            wsgi = ProxyFix(wsgi, x_prefix=1)
            headers = {"X-Forwarded-Prefix": "/shop"}

        # What a proxy is asked for has the prefix, and what it passes on has not.
        cut = "/shop" if headers else ""
        client = Client(wsgi)
        prefix = "/shop" if mounted == "/shop" else ""
        add = {"item": "mug", "options": {"size": "L"}}
        cart = client.post(f"{prefix}/cart/lines", json=add, headers=headers).json
        line = cart["lines"][0]["id"]
        bodies: dict[str, t.Any] = {
            "add": add,
            "add_many": {"items": [add]},
            "set_quantity": {"quantity": 2},
            "move": {"to": "later", "quantity": 1},
            "add_coupon": {"code": "TEN"},
            "choose_shipping": {"method": "Post"},
            "set_metadata": {"metadata": {"note": "x"}},
        }
        steps = [each for each in cart["next"] if each["name"] != "clear"]

        assert len(steps) > 8

        for step in sorted(steps, key=lambda each: each["name"] == "remove"):
            assert step["href"].startswith("/shop/cart/" if mounted else "/cart/")
            path = re.sub("^" + cut, "", step["href"]).replace("{line_id}", line)
            answer = client.open(
                path,
                method=step["method"],
                json=bodies.get(step["name"], {}) if step["method"] != "GET" else None,
                headers=headers | JSON,
            )

            assert answer.status_code == 200, step

    def test_is_nothing_without_the_blueprint(self, shop: Storefront) -> None:
        """What ``jsonify`` makes of a cart is the same, outside of requests too."""
        with shop.app.app_context():
            cart = shop.extension.cart(owner="user:1")

            assert jsonify(cart).json["next"] == []

        with shop.app.test_request_context():
            assert len(jsonify(current_cart).json["next"]) > 3
