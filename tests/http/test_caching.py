"""Caching: pages that are the same for everybody who has no cart, and their forms."""

from __future__ import annotations

import re
import typing as t
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask import Response
from flask import flash
from flask import render_template_string
from flask import session
from flask.testing import FlaskClient
from flask_login import LoginManager
from flask_login import UserMixin
from flask_login import login_user
from flask_wtf import CSRFProtect
from werkzeug.test import TestResponse

from flask_cart import current_cart
from tests.support.apps import make_app
from tests.support.storefronts import JSON
from tests.support.storefronts import SHELF
from tests.support.storefronts import Storefront
from tests.support.storefronts import make_storefront
from tests.support.storefronts import open_storefront
from tests.support.storefronts import show

PAGE: t.Final = """
{% extends "flask_cart/base.html" %}
{% from "flask_cart/macros.html" import add_to_cart %}
{% block content %}
{{ add_to_cart(mug, next="/") }}
{{ add_to_cart(pot, instance="wishlist") }}
{{ "For everybody" if cart_pages.is_for_everybody else "For one" }}
{% endblock %}
"""

PUBLIC: t.Final = "public, max-age=60, stale-while-revalidate=600"
PRIVATE: t.Final = "private, no-store"


def with_pages(shop: Storefront) -> Storefront:
    """A shop with pages that may be kept."""
    app, cacheable = shop.app, shop.extension.cacheable

    @app.get("/")
    @cacheable()
    def home() -> str:
        return render_template_string(PAGE, mug=SHELF["mug"], pot=SHELF["pot"])

    @app.get("/picked")
    @cacheable()
    def picked() -> str:
        cart = shop.extension.cart(owner="user:shop")

        return render_template_string(
            "{% from 'flask_cart/macros.html' import cart_contents %}"
            "{{ cart_contents(cart) }}",
            cart=cart,
        )

    @app.get("/rare")
    @cacheable(max_age=5, stale_while_revalidate=0)
    async def rare() -> tuple[str, int]:
        return "Rare", 200

    return shop


@pytest.fixture
def shop(tmp_path: Path) -> t.Iterator[Storefront]:
    with open_storefront("memory", folder=tmp_path) as shop:
        yield with_pages(shop)


@pytest.fixture
def protected() -> Flask:
    """A shop with Flask-WTF's protection of forms."""
    app = make_app(CART_STORAGE="memory", CART_INSTANCES=["wishlist"])
    CSRFProtect(app)

    return with_pages(make_storefront(app)).app


def kept(answer: TestResponse) -> str:
    return answer.headers["Cache-Control"]


class TestPages:
    def test_have_no_keys_in_the_forms_of_lines(
        self, client: FlaskClient, shop: Storefront
    ) -> None:
        """Neither in those of a cart that the shop shows to everybody."""
        with shop.app.test_request_context():
            shop.extension.cart(owner="user:shop").add(
                SHELF["mug"], options={"size": "L"}
            )

        answer = client.get("/picked")

        assert kept(answer) == PUBLIC
        assert "Fewer of Mug" in answer.text
        assert "cart_key" not in answer.text

    def test_are_kept_for_whoever_looks(self, client: FlaskClient) -> None:
        """They set no cookie, and depend on those that come."""
        answer = client.get("/")

        assert kept(answer) == PUBLIC
        assert "For everybody" in answer.text
        assert "Set-Cookie" not in answer.headers
        assert set(answer.vary) == {"Cookie", "HX-Request"}

    def test_are_the_same_for_all(self, protected: Flask) -> None:
        """Nothing in them is of one visit, so that who has one is told so."""
        first, second = (protected.test_client().get("/") for _ in range(2))
        known = {"If-None-Match": first.headers["ETag"]}
        again = protected.test_client().get("/", headers=known)

        assert first.text == second.text
        assert "csrf_token" not in first.text
        assert "cart_key" not in first.text
        assert (again.status_code, again.text) == (304, "")
        assert kept(again) == PUBLIC

    def test_say_for_how_long(self, client: FlaskClient) -> None:
        """The app decides, for each."""
        age = "public, max-age=5, stale-while-revalidate=0"

        assert kept(client.get("/rare")) == age

    def test_are_ones_own_with_a_cart(self, client: FlaskClient) -> None:
        """Who has put something into it sees it, and nobody else does."""
        client.post("/cart/lines", data={"item": "pot"})
        client.get("/cart/")
        answer = client.get("/")

        assert kept(answer) == PRIVATE
        assert "For one" in answer.text
        assert {"Cookie", "HX-Request"} <= set(answer.vary)
        assert "€40.00" in answer.text
        assert answer.text.count('name="cart_key"') == 2
        assert "ETag" not in answer.headers

    def test_are_ones_own_with_something_in_the_session(
        self, shop: Storefront, client: FlaskClient
    ) -> None:
        """What was to be said is said, and to nobody else."""
        shop.app.add_url_rule("/greet", "greet", lambda: flash("Hello.") or "")
        client.get("/greet")
        answer = client.get("/")

        assert kept(answer) == PRIVATE
        assert "Hello." in answer.text
        assert "Hello." not in shop.app.test_client().get("/").text

    def test_are_ones_own_for_who_is_logged_in(self) -> None:
        """Also without a cart, and if only Flask-Login's other cookie is left."""
        app = make_app(CART_STORAGE="memory", CART_INSTANCES=["wishlist"])
        user = type("User", (UserMixin,), {"id": "7"})()
        LoginManager(app).user_loader(lambda user_id: user)
        with_pages(make_storefront(app))
        app.add_url_rule("/in", "in", lambda: str(login_user(user, remember=True)))
        client = app.test_client()
        client.get("/in")
        client.delete_cookie("session")

        assert kept(client.get("/")) == PRIVATE

    def test_are_not_kept_in_parts(self, client: FlaskClient) -> None:
        """What a script asks for is less than a page."""
        answer = client.get("/", headers={"HX-Request": "true"})

        assert kept(answer) == PRIVATE
        assert "HX-Request" in answer.vary
        assert 'name="cart_key"' in answer.text

    @pytest.mark.parametrize("kind", ["session", "cart", "cookie", "missing", "says"])
    def test_are_not_kept_if_they_are_not_for_all(
        self, shop: Storefront, client: FlaskClient, kind: str
    ) -> None:
        """The view may have done something for one shopper, or have failed."""

        @shop.app.get("/own")
        @shop.extension.cacheable()
        def own() -> Response:
            response = Response("Own")

            match kind:
                case "session":
                    session["seen"] = True
                case "cart":
                    current_cart.add("mug", name="Mug", price=1)
                case "cookie":
                    response.set_cookie("seen", "yes")
                case "missing":
                    response.status_code = 404
                case "says":
                    response.headers["Cache-Control"] = "private, max-age=7"

            return response

        said = kept(client.get("/own"))

        assert said == ("private, max-age=7" if kind == "says" else PRIVATE)


def forms(page: str) -> list[dict[str, str]]:
    """The forms of a page: where they lead, and what they are sent with."""
    found = []

    for about, fields in re.findall(r"<form([^>]*)>(.*?)</form>", page, re.S):
        inputs = re.findall(r'name="([^"]+)" value="([^"]*)"', fields)
        selects = re.findall(r'<select name="([^"]+)">\s*<option>([^<]*)', fields)
        (action,) = re.findall(r'action="([^"]*)"', about)
        (method,) = re.findall(r'method="([^"]*)"', about)
        form = {k: unescape(v) for k, v in [*inputs, *selects]}
        found.append({"": f"{method} {unescape(action)}"} | form)

    return found


def send(client: FlaskClient, form: dict[str, str]) -> TestResponse:
    """Send a form as browsers without scripts do."""
    method, action = form[""].split()
    fields = {name: value for name, value in form.items() if name}
    sent: t.Any = {"query_string" if method == "get" else "data": fields}

    return client.open(action, method=method.upper(), **sent)


class TestForms:
    @pytest.mark.parametrize("number", [0, 1])
    def test_ask_first(self, protected: Flask, number: int) -> None:
        """Without scripts, a page in between has the key and the token."""
        client = protected.test_client()
        form = forms(client.get("/").text)[number]
        asked = send(client, form)
        (own,) = forms(asked.text)
        instance = "wishlist" if number else ""

        assert kept(asked) == PRIVATE
        assert show(client, instance)["quantity"] == 0
        assert {"cart_key", "csrf_token"} <= own.keys()
        assert "Pot" in asked.text if number else "Mug</bdi>, S" in asked.text

        done = [send(client, own) for _ in range(2)]

        assert [each.status_code for each in done] == [303, 303]
        assert done[0].location == ("/cart/wishlist/" if number else "/")
        assert show(client, instance)["quantity"] == 1

    def test_add_again_when_sent_again(self, protected: Flask) -> None:
        """The page may be the same: nobody means the first time."""
        client = protected.test_client()
        form = forms(client.get("/").text)[0]

        for _ in range(2):
            (own,) = forms(send(client, form).text)
            send(client, own)

        assert show(client)["quantity"] == 2

    def test_keep_what_was_chosen(self, client: FlaskClient) -> None:
        """All of it is in the form that adds."""
        chosen = {"item": "mug", "quantity": "3", "option.size": "L", "next": "/?x=1"}
        (own,) = forms(client.get("/cart/lines", query_string=chosen).text)

        assert {name: own.get(name) for name in chosen} == chosen

    def test_tell_what_is_not_there(self, client: FlaskClient) -> None:
        """The page says why nothing can be added, or the form is told."""
        (few,) = forms(client.get("/cart/lines?item=rare&quantity=5").text)
        send(client, few)
        assert show(client)["quantity"] == 0

        for asked, said in {
            "item=nothing": "There is no item",
            "item=mug": "size",
            "item=mug&option.size=XXL": "XXL",
        }.items():
            answer = client.get(f"/cart/lines?{asked}")

            assert answer.status_code == 200
            assert forms(answer.text) == []
            assert said in answer.text.partition("<main")[2]

    @pytest.mark.parametrize("asked", ["item=", "item=pot&quantity=x", "quantity=1"])
    def test_are_not_made_of_nonsense(self, client: FlaskClient, asked: str) -> None:
        """What no form sends is no page."""
        assert client.get(f"/cart/lines?{asked}").status_code == 404

    def test_change_nothing_by_themselves(self, shop: Storefront) -> None:
        """Nobody is made a guest by a link to the page that asks."""
        client = shop.app.test_client()
        before = shop.stored(client)
        answer = client.get("/cart/lines?item=pot", headers={"Sec-Fetch-Site": "none"})

        assert "Set-Cookie" not in answer.headers
        assert shop.stored(client) == before

    def test_lead_to_no_other_site(self, client: FlaskClient) -> None:
        """Whoever has made the address does not choose where it ends."""
        target = "//evil.example"
        (own,) = forms(client.get(f"/cart/lines?item=pot&next={target}").text)

        assert send(client, own).location == "/cart/"

    def test_are_none_of_programs(self, client: FlaskClient) -> None:
        """For them, there is only POST."""
        answer = client.get("/cart/lines?item=pot", headers=JSON)

        assert answer.status_code == 405
        assert answer.allow == {"POST"}
