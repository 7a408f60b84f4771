"""Guards: no page of another site can act in a shopper's name."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from flask_wtf import CSRFProtect

from flask_cart import CartConfigError
from flask_cart import FlaskCart
from flask_cart import current_cart
from flask_cart.http.routes import ROUTES
from flask_cart.http.routes import Route
from tests.support.apps import make_app
from tests.support.storefronts import JSON
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill
from tests.support.storefronts import line_of
from tests.support.storefronts import make_storefront
from tests.support.storefronts import open_storefront
from tests.support.storefronts import show

#: What browsers send, and whether it comes from the shop's own pages.
SENT: list[tuple[dict[str, str], bool]] = [
    ({}, True),
    ({"Origin": "http://localhost"}, True),
    ({"Origin": "https://localhost"}, True),
    ({"Origin": "http://LOCALHOST"}, True),
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, True),
    # Some browsers hide where a form comes from, and say that it is from here.
    ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, True),
    ({"Origin": "null"}, False),
    ({"Origin": ""}, False),
    ({"Origin": "http://evil.example"}, False),
    ({"Origin": "http://localhost.evil.example"}, False),
    ({"Origin": "http://evil.example/localhost"}, False),
    ({"Origin": "http://localhost@evil.example"}, False),
    ({"Origin": "http://localhost:8080"}, False),
    ({"Origin": "http://[localhost"}, False),
    ({"Origin": "localhost"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": ""}, False),
    ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, False),
    ({"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}, False),
    ({"Origin": "http://shop.localhost", "Sec-Fetch-Site": "same-site"}, False),
    # The same host without TLS, where anybody on the way can put a form.
    ({"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"}, False),
    ({"Origin": "http://localhost", "Sec-Fetch-Site": ""}, False),
]


def named(headers: object) -> str | None:
    """A request's name: its headers."""
    if not isinstance(headers, dict):
        return None

    return ", ".join(f"{name}: {value}" for name, value in headers.items()) or "none"


class TestOtherSites:
    @pytest.mark.parametrize("body", ["data", "json"])
    @pytest.mark.parametrize(("headers", "is_own"), SENT, ids=named)
    def test_change_nothing(
        self, client: FlaskClient, headers: dict[str, str], is_own: bool, body: str
    ) -> None:
        """What another site sends is a 403, and changes nothing."""
        sent: dict[str, t.Any] = {body: {"item": "pot"}}
        answer = client.post("/cart/lines", headers=headers, **sent)
        done = 303 if body == "data" else 200

        assert answer.status_code == (done if is_own else 403)
        assert show(client)["quantity"] == int(is_own)

    @pytest.mark.parametrize(
        "route", [each for each in ROUTES if each.method != "GET"], ids=str
    )
    def test_change_nothing_by_any_route(self, shop: Storefront, route: Route) -> None:
        """There is no change of a cart that another site can ask for."""
        client = shop.app.test_client()
        fill(client)
        kept = shop.stored(client)
        path = "/cart" + route.address.replace("<line_id>", line_of("mug", size="L"))
        answer = client.open(
            path.replace("<cart_code:code>", "TEN"),
            method=route.method,
            headers={"Sec-Fetch-Site": "cross-site"},
        )

        assert answer.status_code == 403
        assert shop.stored(client) == kept

    def test_may_lead_to_the_cart(self, client: FlaskClient) -> None:
        """A link from anywhere shows it, to the shopper alone."""
        headers = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}

        assert client.get("/cart/", headers=headers).status_code == 200
        assert client.head("/cart/", headers=headers).status_code == 200

    def test_may_not_read_it(self, client: FlaskClient) -> None:
        """No header lets the scripts of another site see a cart."""
        headers = {"Origin": "http://evil.example"}
        shown = client.get("/cart/", headers=JSON | headers)
        asked = client.options(
            "/cart/lines", headers=headers | {"Access-Control-Request-Method": "POST"}
        )

        for answer in (shown, asked):
            assert not [each for each in answer.headers if "Access-Control" in each[0]]

    def test_are_known_behind_a_proxy(self, client: FlaskClient) -> None:
        """The host is the one that the shopper sees; a proxy may take TLS off."""
        answer = client.post(
            "/cart/lines",
            data={"item": "pot"},
            headers={
                "Host": "shop.example:8443",
                "Origin": "https://shop.example:8443",
            },
        )

        assert answer.status_code == 303

    @pytest.mark.parametrize("host", ["my_shop.example", "my_shop.example:8443", "_"])
    def test_are_known_where_the_name_is_none_of_dns(
        self, client: FlaskClient, host: str
    ) -> None:
        """A host with an underscore is one, and has an origin of its own."""
        statuses = [
            client.post(
                "/cart/lines",
                data={"item": "pot"},
                headers={"Host": host, "Origin": origin},
            ).status_code
            for origin in (f"https://{host}", "null", "", "https://", "https://evil.x")
        ]

        assert statuses == [303, 403, 403, 403, 403]

    @pytest.mark.parametrize("origin", ["null", "", "https://", "https://?"])
    @pytest.mark.parametrize("host", ["", "a b", "?"])
    def test_are_no_host_that_is_none(
        self, client: FlaskClient, host: str, origin: str
    ) -> None:
        """Where the shop has no name, nothing that has none is taken for it."""
        answer = client.post(
            "/cart/lines",
            data={"item": "pot"},
            headers={"Host": host, "Origin": origin},
        )

        assert answer.status_code == 403


TRUSTED = {"https://www.shop.example", "http://[::1]:5173"}


class TestTrustedOrigins:
    @pytest.mark.parametrize(
        ("origin", "is_trusted"),
        [
            ("https://www.shop.example", True),
            ("http://[::1]:5173", True),
            ("http://www.shop.example", False),
            ("https://www.shop.example:8443", False),
            ("https://shop.example", False),
            ("https://evil.www.shop.example", False),
            ("https://www.shop.example.evil.example", False),
            ("null", False),
            ("", False),
        ],
    )
    def test_may_change_carts(
        self, tmp_path: Path, origin: str, is_trusted: bool
    ) -> None:
        """Exactly those, from whatever site they are."""
        with open_storefront(
            "memory", folder=tmp_path, CART_TRUSTED_ORIGINS=TRUSTED
        ) as shop:
            answer = shop.app.test_client().post(
                "/cart/lines",
                json={"item": "pot"},
                headers={"Origin": origin, "Sec-Fetch-Site": "cross-site"},
            )

        assert answer.status_code == (200 if is_trusted else 403)

    @pytest.mark.parametrize(
        "origin",
        [
            "*",
            "null",
            "",
            "https://*.shop.example",
            "https://*",
            "https://shop.example/",
            "https://shop.example/path",
            "https://Shop.example",
            "https://shop.example:443",
            "http://shop.example:80",
            "shop.example",
            "ftp://shop.example",
            "https://me@shop.example",
            "https://shop.example\n",
        ],
    )
    def test_are_exact(self, origin: str) -> None:
        """What no browser would send, or would stand for many, is no configuration."""
        with pytest.raises(CartConfigError, match="CART_TRUSTED_ORIGINS"):
            FlaskCart(make_app(CART_STORAGE="memory", CART_TRUSTED_ORIGINS=[origin]))


@pytest.fixture
def protected() -> FlaskClient:
    """A shopper with a mug, in a shop with Flask-WTF's protection of forms."""
    app = make_app(CART_STORAGE="memory")
    CSRFProtect(app)
    make_storefront(app)

    @app.get("/mug")
    def add_mug() -> str:
        current_cart.add("mug", name="Mug", price=1, options={"size": "L"})

        return ""

    client = app.test_client()
    client.get("/mug")

    return client


class TestTokens:
    """With CSRFProtect of Flask-WTF."""

    def test_are_in_every_form(self, protected: FlaskClient) -> None:
        """Every form of the page has a token."""
        page = protected.get("/cart/").text
        forms = re.findall("<form.*?</form>", page, re.DOTALL)

        assert len(forms) >= 5
        assert all('name="csrf_token" value="' in each for each in forms)

    def test_let_forms_through(self, protected: FlaskClient) -> None:
        """A form of the page works as it is."""
        token = _token(protected)
        answer = protected.post(
            "/cart/lines", data={"item": "pot", "csrf_token": token}
        )

        assert answer.status_code == 303
        assert show(protected)["quantity"] == 2

    def test_let_programs_through(self, protected: FlaskClient) -> None:
        """JSON has its token in a header."""
        headers = {"X-CSRFToken": _token(protected)}
        answer = protected.post("/cart/lines", json={"item": "pot"}, headers=headers)

        assert answer.status_code == 200

    @pytest.mark.parametrize("token", ["", "forged"])
    def test_stop_what_has_none(self, protected: FlaskClient, token: str) -> None:
        """Without a right token, nothing is changed."""
        _token(protected)
        form = {"item": "pot", "csrf_token": token}
        answers = [
            protected.post("/cart/lines", data=form),
            protected.post("/cart/clear", data=form),
        ]

        assert [each.status_code for each in answers] == [400, 400]
        assert show(protected)["quantity"] == 1

    def test_are_in_the_form_that_does_it_all_the_same(
        self, protected: FlaskClient
    ) -> None:
        """The page of a conflict has a new token, and the old one is not sent twice."""
        token = _token(protected)
        line = line_of("mug", size="L")
        form = {"quantity": 5, "seen": 9, "csrf_token": token, "cart_key": "old"}
        page = protected.post(f"/cart/lines/{line}", data=form)
        (again,) = re.findall(
            '<form class="cart-form cart-retry".*?</form>', page.text, re.DOTALL
        )
        fields = dict(re.findall('name="([^"]+)" value="([^"]*)"', again))

        assert page.status_code == 409
        assert again.count("csrf_token") == again.count("cart_key") == 1
        assert fields["cart_key"] != "old"
        assert protected.post(f"/cart/lines/{line}", data=fields).status_code == 303
        assert show(protected)["quantity"] == 5

    def test_are_not_needed_without(self, client: FlaskClient) -> None:
        """In an app without Flask-WTF, forms have none."""
        fill(client)

        assert "csrf_token" not in client.get("/cart/").text


def _token(client: FlaskClient) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/cart/").text)
    assert found is not None

    return found[1]
