"""The views: what each does, and says, to a browser and to a program."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape

import pytest
from flask import Blueprint
from flask import Response
from flask import request
from flask import url_for
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_cart import Cart
from flask_cart import CartConfigError
from flask_cart import CartStorageError
from flask_cart import CartVetoError
from flask_cart import Condition
from flask_cart import Facts
from flask_cart import FlaskCart
from flask_cart import current_cart
from flask_cart import signals
from flask_cart.http.routes import ROUTES
from flask_cart.http.routes import Route
from tests.support.apps import make_app
from tests.support.guests import owner_of
from tests.support.storefronts import JSON
from tests.support.storefronts import SHELF
from tests.support.storefronts import PageClient
from tests.support.storefronts import Storefront
from tests.support.storefronts import codes
from tests.support.storefronts import fill
from tests.support.storefronts import line_of
from tests.support.storefronts import show

CARTS = ["", "wishlist/"]
CHANGES = [each for each in ROUTES if each.method != "GET"]

#: What makes each view do something to a cart of three mugs with the coupon FIVE.
BODIES: dict[str, dict[str, t.Any]] = {
    "add": {"item": "pot"},
    "add_many": {"items": [{"item": "pot"}, {"item": "rare", "quantity": 2}]},
    "set_quantity": {"quantity": 5},
    "increment": {"by": 2},
    "remove": {},
    "restore": {},
    "restore_all": {},
    "move": {"to": "later"},
    "add_coupon": {"code": "TEN"},
    "remove_coupon": {},
    "choose_shipping": {"method": "Post"},
    "clear_shipping": {},
    "set_metadata": {"metadata": {"note": "ring"}},
    "clear": {},
    "forward": {"metadata": {"note": "ring"}, "code": "TEN"},
}


def named(route: Route) -> str:
    """A route as it is written in documents."""
    return f"{route.method} {route.address}"


def address(route: Route, cart: str = "", **names: str) -> str:
    """Where a route leads to, in a cart with three mugs."""
    known = {"line_id": line_of("mug", size="L"), "code": "FIVE"} | names

    return f"/cart/{cart}" + re.sub(
        r"<(?:\w+:)?(\w+)>",
        lambda name: known[name[1]],
        route.address.removeprefix("/"),
    )


def prepare(client: FlaskClient, cart: str = "", view: str = "") -> str:
    """Three mugs and a coupon; the id of their line.

    :param view: What is to be done next; what is to be put back is not there.
    """
    line_id = line_of("mug", size="L")
    added = {"item": "mug", "quantity": 3, "options": {"size": "L"}}
    client.post(f"/cart/{cart}lines", json=added)
    client.post(f"/cart/{cart}coupons", json={"code": "FIVE"})

    if view == "restore":
        client.delete(f"/cart/{cart}lines/{line_id}", headers=JSON)

    if view == "restore_all":
        client.delete(f"/cart/{cart}", headers=JSON)

    if view == "clear_shipping":
        client.put(f"/cart/{cart}shipping", json={"method": "Bike"})

    return line_id


def as_fields(body: dict[str, t.Any]) -> dict[str, str]:
    """A body as the fields of a form."""
    fields = {}

    for name, value in body.items():
        if isinstance(value, dict):
            fields |= {f"{name}.{key}": str(each) for key, each in value.items()}
        else:
            fields[name] = str(value)

    return fields


def send(
    client: FlaskClient, route: Route, cart: str, body: dict[str, t.Any]
) -> TestResponse:
    """Send JSON to a route."""
    return client.open(
        address(route, cart), method=route.method, json=body, headers=JSON
    )


@contextmanager
def as_the_shop(shop: Storefront, client: FlaskClient) -> Iterator[Cart]:
    """The client's cart, without the blueprint."""
    with shop.app.app_context():
        yield shop.extension.cart(owner=owner_of(client))


def has_form(route: Route) -> bool:
    """Whether a form can do it: none has a list of items."""
    return route.method == "POST" and route.view != "add_many"


def outcome(client: FlaskClient) -> t.Any:
    """What is in all the carts, apart from their versions."""
    carts = [show(client, name) for name in ("", "wishlist", "later")]

    return [
        (
            [(line["id"], line["quantity"]) for line in cart["lines"]],
            [coupon["code"] for coupon in cart["coupons"]],
            cart["shipping"],
            cart["metadata"],
        )
        for cart in carts
    ]


def said(client: FlaskClient, answer: TestResponse) -> list[str]:
    """What the page says that an answer leads to."""
    text = client.get(answer.location).text

    return [unescape(each) for each in re.findall(r"<p>(.*?)</p>", text)]


class TestShow:
    @pytest.mark.parametrize("cart", CARTS)
    def test_json(self, client: FlaskClient, cart: str) -> None:
        """A program gets all amounts, and why they are so."""
        prepare(client, cart)
        shown = client.get(f"/cart/{cart}", headers=JSON)
        (line,) = shown.json["lines"]
        (coupon,) = shown.json["conditions"]

        assert shown.mimetype == "application/json"
        assert shown.json["instance"] == (cart.strip("/") or "default")
        assert (line["item"], line["name"], line["options"], line["subtotal"]) == (
            "mug",
            "Mug",
            {"size": "L"},
            "37.50",
        )
        assert (coupon["name"], coupon["amount"]) == ("FIVE", "-5.00")
        assert (shown.json["total"], shown.json["currency"]) == ("32.50", "EUR")

    @pytest.mark.parametrize("cart", CARTS)
    def test_page(self, client: FlaskClient, cart: str) -> None:
        """A browser gets a page with the lines and their forms."""
        line = prepare(client, cart)
        shown = client.get(f"/cart/{cart}")

        assert shown.mimetype == "text/html"
        assert "Mug" in shown.text
        assert f'action="/cart/{cart}lines/{line}/increment"' in shown.text

    def test_makes_no_cart(self, shop: Storefront) -> None:
        """Who only looks has no cart, and no token."""
        client = shop.app.test_client()
        before = shop.stored(client)
        client.get("/cart/")
        client.get("/cart/", headers=JSON)

        assert shop.stored(client) == before

    @pytest.mark.parametrize(
        ("accept", "kind"),
        [
            ("text/html", "text/html"),
            ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
            ("*/*", "application/json"),
            ("", "application/json"),
            ("application/json; charset=utf-8", "application/json"),
            ("application/problem+json", "application/json"),
            ("text/html; charset=utf-8", "text/html"),
            ("text/html;q=0.5, */*", "text/html"),
            ("text/html;q=0, */*", "application/json"),
            ("text/*", "text/html"),
            ("application/json", "application/json"),
            ("application/json, text/html;q=0.5", "application/json"),
            ("application/json;q=0.5, text/html", "text/html"),
            # What axios and Angular say if they are told nothing.
            ("application/json, text/plain, */*", "application/json"),
            ("text/html, */*", "text/html"),
            ("text/html, application/json", "text/html"),
            ("image/png", "application/json"),
        ],
    )
    def test_is_what_the_client_accepts(
        self, client: FlaskClient, accept: str, kind: str
    ) -> None:
        """The form of the answer is the one that the client likes best."""
        assert client.get("/cart/", headers={"Accept": accept}).mimetype == kind

    @pytest.mark.parametrize(
        ("accept", "is_json"),
        [("*/*", True), ("", True), ("image/png", True), ("text/html, */*", False)],
    )
    def test_is_what_the_client_speaks(
        self, client: FlaskClient, accept: str, is_json: bool
    ) -> None:
        """Who does not say gets JSON for JSON; who names a page gets a page."""
        answer = client.post(
            "/cart/lines", json={"item": "pot"}, headers={"Accept": accept}
        )

        assert answer.is_json is is_json

    @pytest.mark.parametrize("accept", ["*/*", "", "application/xml"])
    @pytest.mark.parametrize("path", ["/cart/", "/cart/cellar/", "/cart/no/where"])
    def test_is_a_page_for_htmx(
        self, client: FlaskClient, accept: str, path: str
    ) -> None:
        """It swaps pages, and does not say so; unless it is told to ask for JSON."""
        htmx = {"HX-Request": "true", "Accept": accept}

        assert client.get(path, headers=htmx).mimetype == "text/html"
        assert client.get(path, headers=htmx | JSON).is_json

    @pytest.mark.parametrize("accept", ["*/*", ""])
    def test_is_json_for_a_form_of_a_program(
        self, client: FlaskClient, accept: str
    ) -> None:
        """What ``curl -d`` sends is a form, and not a browser's."""
        added = {"data": {"item": "pot"}, "headers": {"Accept": accept}}
        gone = {"data": {"item": "gone"}, "headers": {"Accept": accept}}

        assert client.post("/cart/lines", **added).json["quantity"] == 1
        assert client.post("/cart/lines", **gone).json["code"] == "unknown-item"

    def test_is_at_one_address(self, client: FlaskClient) -> None:
        """Without the slash, it is a redirect."""
        answer = client.get("/cart")

        assert answer.status_code == 308
        assert answer.location.endswith("/cart/")


class TestChanges:
    @pytest.mark.parametrize("cart", CARTS)
    @pytest.mark.parametrize(
        "route", [each for each in CHANGES if not each.is_for_forms], ids=named
    )
    def test_by_json(self, client: FlaskClient, route: Route, cart: str) -> None:
        """Each answers with the cart as it is then."""
        prepare(client, cart, route.view)
        before = outcome(client)
        answer = send(client, route, cart, BODIES[route.view])

        assert answer.status_code == 200
        assert answer.json | {"report": 0} == show(client, cart.strip("/")) | {
            "report": 0
        }
        assert outcome(client) != before

    @pytest.mark.parametrize("cart", CARTS)
    @pytest.mark.parametrize(
        "route", [each for each in CHANGES if has_form(each)], ids=named
    )
    def test_by_forms(self, shop: Storefront, route: Route, cart: str) -> None:
        """Each is done by a form as well, which leads back to the cart's page.

        What it does is the same, and the page says it.
        """
        client, program = shop.app.test_client(), shop.app.test_client()

        for each in (client, program):
            prepare(each, cart, route.view)

        fields = as_fields(BODIES[route.view])
        answer = client.post(address(route, cart), data=fields)
        send(program, route, cart, BODIES[route.view])

        assert answer.status_code == 303
        assert answer.location == f"/cart/{cart}"
        assert outcome(client) == outcome(program)
        assert re.search(
            'class="cart-message cart-message-(success|quiet)"',
            client.get(answer.location).text,
        )

    def test_add(self, client: FlaskClient) -> None:
        """What is added has the price and the name of the shop."""
        fields = {"item": "mug", "quantity": "2", "option.size": "S"}
        answer = client.post("/cart/lines", data=fields)
        (line,) = show(client)["lines"]

        assert line["options"] == {"size": "S"}
        assert (line["quantity"], line["price"]) == (2, "12.50")
        assert "Mug is in your cart." in said(client, answer)

    def test_set_quantity(self, client: FlaskClient) -> None:
        """A quantity of 0 removes the line."""
        line = prepare(client)
        client.patch(f"/cart/lines/{line}", json={"quantity": 5, "seen": 3})
        assert show(client)["quantity"] == 5

        client.post(f"/cart/lines/{line}", data={"quantity": "0"})
        assert show(client)["lines"] == []

    def test_increment(self, client: FlaskClient) -> None:
        """It is one more if nothing is said, and less than one is none."""
        line = prepare(client)
        client.post(f"/cart/lines/{line}/increment")
        assert show(client)["quantity"] == 4

        client.post(f"/cart/lines/{line}/increment", json={"by": -4})
        assert show(client)["lines"] == []

    def test_remove_twice(self, client: FlaskClient) -> None:
        """What is gone already is no mistake."""
        line = prepare(client)
        answers = [client.delete(f"/cart/lines/{line}", headers=JSON) for _ in range(2)]

        assert [each.status_code for each in answers] == [200, 200]

    def test_remove_offers_to_put_it_back(self, client: FlaskClient) -> None:
        """The next page has a form that does, once."""
        line = prepare(client)
        page = client.post(f"/cart/lines/{line}/remove", follow_redirects=True).text

        assert "put Mug back" in page
        assert f'action="/cart/lines/{line}/restore"' in page
        assert "put Mug back" not in client.get("/cart/").text

    def test_remove_offers_it_of_any_line(self, shop: Storefront) -> None:
        """Also of one that the shop added without its choice, as no form could."""
        client = shop.app.test_client()
        prepare(client)

        with as_the_shop(shop, client) as cart:
            line = cart.add(SHELF["mug"])

        page = client.post(f"/cart/lines/{line.id}/remove", follow_redirects=True)

        assert "Mug is out of your cart." in page.text
        assert "put Mug back" in page.text

    def test_clear(self, client: FlaskClient) -> None:
        """Coupons and notes go, too; other carts stay."""
        prepare(client)
        prepare(client, "wishlist/")
        client.patch("/cart/metadata", json={"metadata": {"note": "ring"}})
        client.delete("/cart/", headers=JSON)
        shown = show(client)

        assert (shown["lines"], shown["coupons"], shown["metadata"]) == ([], [], {})
        assert show(client, "wishlist")["quantity"] == 3

    def test_move(self, client: FlaskClient) -> None:
        """Some of a line go into another cart, the others stay."""
        line = prepare(client)
        body = {"to": "wishlist", "quantity": 1}
        answer = client.post(f"/cart/lines/{line}/move", json=body)

        assert answer.json["quantity"] == 2
        assert show(client, "wishlist")["quantity"] == 1

    def test_coupons(self, client: FlaskClient) -> None:
        """A code that is noted counts, until it is removed."""
        prepare(client)
        client.post("/cart/coupons", data={"code": " TEN "})
        assert codes(client) == ["FIVE", "TEN"]
        assert show(client)["total"] == "29.25"

        client.delete("/cart/coupons/FIVE", headers=JSON)
        client.post("/cart/coupons/FIVE/remove")
        assert codes(client) == ["TEN"]
        assert show(client)["total"] == "33.75"

    @pytest.mark.parametrize("name", ["10/20", "removed", "50%", "über uns"])
    def test_coupons_of_any_name(self, shop: Storefront, name: str) -> None:
        """What can be noted can be removed, by a program and by the page's form."""
        coupon = Condition(name, "coupon", "subtotal", "-10%")
        shop.extension.coupon_loader(lambda code: coupon if code == name else None)
        client = shop.app.test_client()
        fill(client)

        for headers in (JSON, {}):
            client.post("/cart/coupons", json={"code": name})
            assert codes(client) == [name]

            with shop.app.test_request_context():
                method = "DELETE" if headers else "POST"
                path = url_for("cart.remove_coupon", code=name, _method=method)

            client.open(path, method=method, headers=headers)
            assert codes(client) == []

    def test_a_coupon_for_some_carts(self, shop: Storefront) -> None:
        """A loader that asks for the cart refuses a code while it is not for it."""

        def load(code: str, facts: Facts) -> Condition | None:
            if facts.subtotal < 50:
                return None

            return Condition(code, "coupon", "subtotal", "-10%")

        shop.extension.coupon_loader(load)
        client = shop.app.test_client()
        fill(client)
        refused = client.post("/cart/coupons", json={"code": "MUCH"})

        assert refused.status_code == 422
        assert codes(client) == []

        client.post("/cart/lines", json={"item": "pot"})
        client.post("/cart/coupons", json={"code": "MUCH"})

        assert codes(client) == ["MUCH"]
        assert show(client)["total"] == "69.75"

    @pytest.mark.parametrize("code", ["a%0Ab", "%0A%C3%A0", "a%0A", "%3%C3%A0"])
    def test_coupons_of_no_name(self, client: FlaskClient, code: str) -> None:
        """Whatever a program asks to remove, it is told that it is not there any more,
        also if it is no name, or not encoded as it should be."""
        answer = client.delete(f"/cart/coupons/{code}", headers=JSON)

        assert (answer.status_code, answer.is_json) == (200, True)

    def test_metadata(self, client: FlaskClient) -> None:
        """An entry is set, and removed by null, or by an empty field."""
        prepare(client)

        for body, left in [
            ({"note": "ring"}, {"note": "ring"}),
            ({}, {"note": "ring"}),
            ({"note": None}, {}),
            ({"note": None}, {}),
        ]:
            answer = client.patch("/cart/metadata", json={"metadata": body})
            assert answer.json["metadata"] == left

        client.post("/cart/metadata", data={"metadata.note": "knock"})
        assert show(client)["metadata"] == {"note": "knock"}

    @pytest.mark.parametrize("route", CHANGES, ids=named)
    def test_are_never_made_by_get(self, client: FlaskClient, route: Route) -> None:
        """A link can change nothing."""
        prepare(client)
        before = outcome(client)

        if route.address != "/":
            assert client.get(address(route)).status_code in (404, 405)

        assert outcome(client) == before


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "body", "message"),
        [
            ("lines", {"item": "boat"}, "There is no item 'boat'."),
            ("lines", {"item": "rare", "quantity": 4}, "3"),
            ("lines", {"item": "mug", "quantity": 0}, "quantity"),
            ("lines", {"item": "mug", "options": {"size": "XXL"}}, "'XXL' is not"),
            ("lines", {"item": "mug", "options": {"gift": "L"}}, "for 'gift'"),
            ("lines", {"item": "mug"}, "Choose one for 'size': 'S', 'L'."),
            ("lines", {"item": "pot", "options": {"size": "L"}}, "for 'size'"),
            ("lines", {}, "item"),
            ("coupons", {"code": "HUNDRED"}, "There is no such code."),
            ("metadata", {"metadata": {"vip": "1"}}, "'vip' is not yours to set."),
            (
                "metadata",
                {"metadata": {"coupon:TEN": "1"}},
                "'coupon:TEN' is not yours",
            ),
        ],
    )
    def test_say_why(
        self, shop: Storefront, path: str, body: dict[str, t.Any], message: str
    ) -> None:
        """A program gets a problem document, a browser the page it came from."""
        client = shop.app.test_client()
        prepare(client)
        kept = shop.stored(client)
        method = "PATCH" if path == "metadata" else "POST"
        problem = client.open(f"/cart/{path}", method=method, json=body)
        redirect = client.post(f"/cart/{path}", data=as_fields(body))

        assert problem.status_code == 422
        assert problem.mimetype == "application/problem+json"
        assert message in problem.json["detail"]
        assert redirect.status_code == 303
        assert message in unescape(client.get(redirect.location).text)
        assert shop.stored(client) == kept

    @pytest.mark.parametrize(
        "route", [each for each in CHANGES if "line_id" in each.address], ids=named
    )
    def test_of_a_line_that_is_not_there(
        self, client: FlaskClient, route: Route
    ) -> None:
        """A line that is not in the cart is not found; removing it is no mistake."""
        prepare(client)
        before = outcome(client)
        answer = client.open(
            address(route, line_id="0" * 64),
            method=route.method,
            json=BODIES[route.view],
            headers=JSON,
        )

        assert answer.status_code == (200 if route.view == "remove" else 404)
        assert outcome(client) == before

    @pytest.mark.parametrize("name", ["cellar", "user:1", "..", "Wishlist"])
    @pytest.mark.parametrize("headers", [JSON, {}], ids=["json", "page"])
    def test_of_carts_that_there_are_not(
        self, client: FlaskClient, name: str, headers: dict[str, str]
    ) -> None:
        """Shoppers have the carts of CART_INSTANCES, and no others."""
        for route in ROUTES:
            answer = client.open(
                address(route, f"{name}/"), method=route.method, headers=headers
            )
            # What may be another route of the default cart takes other methods.
            assert answer.status_code in (404, 405)

        assert outcome(client) == [([], [], None, {})] * 3

    @pytest.mark.parametrize("to", ["cellar", "user:1", ""])
    def test_of_a_way_to_no_cart(self, client: FlaskClient, to: str) -> None:
        """A line is moved only into a cart that there is."""
        line = prepare(client)
        answer = client.post(f"/cart/lines/{line}/move", json={"to": to})

        assert answer.status_code == 422
        assert show(client)["quantity"] == 3

    def test_of_what_the_shop_gave(self, shop: Storefront) -> None:
        """Only what came with a code is removed by its code, and shown as one."""
        client = shop.app.test_client()
        prepare(client)

        with as_the_shop(shop, client) as cart:
            cart.add_tax("VAT", "20%")
            cart.metadata["vip"] = True

        for code in ("VAT", "vip", "coupon:FIVE"):
            answer = client.delete(f"/cart/coupons/{code}", headers=JSON)
            assert answer.status_code == 200

        assert codes(client) == ["FIVE"]
        assert show(client)["metadata"] == {}

        with as_the_shop(shop, client) as cart:
            assert [each.name for each in cart.conditions] == ["VAT"]
            assert cart.metadata["vip"] is True

    def test_by_the_app(self, shop: Storefront) -> None:
        """A veto speaks to the shopper in its own words."""

        def refuse(sender: t.Any, **arguments: t.Any) -> None:
            raise CartVetoError("We are closed.")

        client = shop.app.test_client()
        prepare(client)

        with signals.before_change.connected_to(refuse, shop.app):
            problem = client.post("/cart/lines", json={"item": "pot"})
            redirect = client.post("/cart/lines", data={"item": "pot"})

        assert problem.status_code == 422
        assert problem.json["detail"] == "We are closed."
        assert "We are closed." in said(client, redirect)

    @pytest.mark.parametrize("headers", [JSON, {}], ids=["json", "page"])
    def test_of_a_storage_that_is_down(
        self,
        shop: Storefront,
        monkeypatch: pytest.MonkeyPatch,
        headers: dict[str, str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """It is a 503 of the app's own, and says nothing of what broke, but to those
        who read the log."""

        def fail(*arguments: t.Any) -> t.Any:
            raise CartStorageError("postgresql://secret@db is away")

        shop.app.register_error_handler(503, lambda error: ("Closed for a while", 503))
        client = shop.app.test_client()
        prepare(client)
        storage = shop.app.extensions["cart"].storage

        for method in ("load", "save"):
            with monkeypatch.context() as patch:
                patch.setattr(storage, method, fail)
                answer = client.post(
                    "/cart/lines", data={"item": "pot"}, headers=headers
                )

            assert answer.status_code == 503
            assert "secret" not in answer.text
            assert answer.is_json or answer.text == "Closed for a while"

        (first, second) = caplog.records

        for record in (first, second):
            assert record.exc_info is not None
            assert "postgresql://secret@db is away" in str(record.exc_info[1])

    def test_of_a_conflict_on_a_page_of_the_app(self, shop: Storefront) -> None:
        """In a view of the app itself it is a 409, on the app's own page."""

        @shop.app.post("/stale")
        def stale() -> None:
            current_cart.expect(77).clear()

        shop.app.register_error_handler(409, lambda error: ("Somebody else did", 409))
        answer = shop.app.test_client().post("/stale")

        assert (answer.status_code, answer.text) == (409, "Somebody else did")

    @pytest.mark.parametrize("status", [403, 404, 413])
    def test_on_pages_of_the_app(self, shop: Storefront, status: int) -> None:
        """What is forbidden, missing or too much is told on the app's own page."""
        shop.app.register_error_handler(
            status, lambda error: (f"Our page: {error.description}", status)
        )
        client = shop.app.test_client()
        asked: dict[int, t.Any] = {
            403: {"headers": {"Sec-Fetch-Site": "cross-site"}},
            404: {"path": "/cart/cellar/lines"},
            413: {"data": {"item": "x" * 70_000}},
        }
        answer = client.post(
            **{"path": "/cart/lines", "data": {"item": "pot"}} | asked[status]
        )

        assert answer.status_code == status
        assert answer.text.startswith("Our page: ")

    def test_of_coupons_in_a_shop_without(self) -> None:
        """A shop with no coupon_loader knows no code."""
        app = make_app(CART_STORAGE="memory")
        extension = FlaskCart(app)
        app.register_blueprint(extension.blueprint, url_prefix="/cart")
        answer = app.test_client().post("/cart/coupons", json={"code": "TEN"})

        assert answer.status_code == 422

    def test_in_the_words_of_no_programmer(self, client: FlaskClient) -> None:
        """The limits of a cart are told without its insides."""
        answer = client.post("/cart/lines", json={"item": "pot", "quantity": 10_001})

        assert answer.status_code == 422
        assert answer.json["code"] == "limit"
        assert "CART_MAX" not in answer.text


class TestNext:
    @pytest.mark.parametrize(
        "target", ["/", "/mugs?page=2#blue", "/cart/wishlist/", "/caf%C3%A9", "/a//b"]
    )
    def test_leads_to_a_page_of_the_site(
        self, client: FlaskClient, target: str
    ) -> None:
        """A form may say where the shopper came from."""
        form = {"item": "pot", "next": target}
        answer = client.post("/cart/lines", data=form)

        assert answer.status_code == 303
        assert answer.location == target

    @pytest.mark.parametrize(
        "target",
        [
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\x00/",
            " //evil.example",
            "",
        ],
    )
    @pytest.mark.parametrize("item", ["pot", "boat"])
    def test_leads_to_no_other_site(
        self, client: FlaskClient, target: str, item: str
    ) -> None:
        """Anything else leads to the cart, whether the change was made or not."""
        answer = client.post("/cart/lines", data={"item": item, "next": target})

        assert answer.status_code == 303
        assert answer.location == "/cart/"

    def test_of_an_app_below_a_path(self, client: FlaskClient) -> None:
        """The cart's page is found where the app is mounted."""
        answer = client.post(
            "/cart/lines", data={"item": "pot"}, base_url="http://localhost/shop/"
        )

        assert answer.location == "/shop/cart/"


class TestCaching:
    @pytest.mark.parametrize(
        ("headers", "caching"),
        [(JSON, "private, no-cache"), ({}, "private, no-store")],
        ids=["json", "page"],
    )
    def test_is_private(
        self, client: FlaskClient, headers: dict[str, str], caching: str
    ) -> None:
        """No shared cache may keep a cart, nor what was said about a change."""
        line = prepare(client)
        answers = [
            client.get("/cart/", headers=headers),
            client.post("/cart/lines", data={"item": "pot"}, headers=headers),
            client.post("/cart/lines", data={"item": "boat"}, headers=headers),
            client.post(
                f"/cart/lines/{line}",
                data={"quantity": 1, "seen": 9},
                headers=headers,
            ),
        ]

        for each in answers:
            assert each.headers["Cache-Control"] == caching
            assert {"Accept", "Cookie"} <= set(each.vary)


class TestOwners:
    def test_do_not_reach_each_other(self, shop: Storefront) -> None:
        """Nothing that a shopper can send touches the cart of somebody else."""
        ann, bob = shop.app.test_client(), shop.app.test_client()
        line = prepare(ann)
        before = outcome(ann)

        for route in CHANGES:
            bob.open(
                address(route),
                method=route.method,
                json=BODIES[route.view],
                headers=JSON | {"If-Match": "*"},
            )

        assert line == line_of("mug", size="L")
        assert outcome(ann) == before

    def test_may_be_named_by_the_app(self, shop: Storefront) -> None:
        """With an owner_loader, the cart is the one of whom it names."""
        shop.extension.owner_loader(lambda: request.headers.get("X-Company"))
        client = shop.app.test_client()

        for company in ("company:1", "company:2"):
            client.post(
                "/cart/lines", json={"item": "pot"}, headers={"X-Company": company}
            )

        seen = client.get("/cart/", headers=JSON | {"X-Company": "company:1"})
        assert seen.json["quantity"] == 1
        assert show(client)["quantity"] == 0


@pytest.mark.parametrize("names", [{"name": "basket"}, {"name": "cart2"}], ids=str)
def test_is_not_renamed(names: dict[str, t.Any]) -> None:
    """Its pages would find none of their links, so it is refused at once."""
    app = make_app(CART_STORAGE="memory")

    with pytest.raises(CartConfigError, match="without another name"):
        app.register_blueprint(FlaskCart(app).blueprint, url_prefix="/b", **names)


@pytest.mark.parametrize("options", [{}, {"name": "other"}, {"url_prefix": "/a"}])
@pytest.mark.parametrize("depth", [1, 2])
def test_is_not_nested(depth: int, options: dict[str, t.Any]) -> None:
    """Neither are its links found in another blueprint, however deep."""
    app = make_app(CART_STORAGE="memory")
    inner = FlaskCart(app).blueprint

    for number in range(depth):
        outer = Blueprint(f"outer{number}", __name__)
        outer.register_blueprint(inner, url_prefix="/cart")
        inner = outer

    with pytest.raises(CartConfigError, match="at the app itself"):
        app.register_blueprint(inner, **options)


class TestTwoApps:
    def test_share_one_extension(self) -> None:
        """One blueprint serves several apps, each with its own carts."""
        extension = FlaskCart()
        clients = []

        for instances in (["wishlist"], ["later"]):
            app = make_app(CART_STORAGE="memory", CART_INSTANCES=instances)
            extension.init_app(app)
            app.register_blueprint(extension.blueprint, url_prefix="/cart")
            clients.append(app.test_client())

        statuses = [
            [client.get(f"/cart/{name}/").status_code for name in ("wishlist", "later")]
            for client in clients
        ]
        assert statuses == [[200, 404], [404, 200]]

    def test_may_put_it_anywhere(self) -> None:
        """The redirect leads to where the app has put it."""
        app = make_app(CART_STORAGE="memory")
        app.register_blueprint(FlaskCart(app).blueprint, url_prefix="/basket")

        assert PageClient(app).post("/basket/clear").location == "/basket/"


def test_head_has_no_body(client: FlaskClient) -> None:
    """HEAD is GET without a body."""
    fill(client)
    answer: Response = client.head("/cart/", headers=JSON)

    assert answer.status_code == 200
    assert answer.data == b""
    assert answer.headers["ETag"]
