"""Problem documents: fine enough to branch on, and each leads to a page."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
from flask import Flask
from flask import abort
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_cart import CartStorageError
from flask_cart import CartVetoError
from flask_cart import current_cart
from flask_cart.app.problem_codes import ProblemCode
from flask_cart.model.errors import CartBusyError
from flask_cart.signals import before_change
from tests.support.storefronts import JSON
from tests.support.storefronts import SHELF
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill
from tests.support.storefronts import line_of
from tests.support.storefronts import open_storefront
from tests.support.storefronts import show

DOCS: t.Final = Path(__file__).parents[2] / "docs"

LINE: t.Final = line_of("mug", size="L")
HERE: t.Final = f"lines/{LINE}"

#: What is sent, and what is the matter: the code, and what is told of it.
CASES: t.Final = [
    ("POST lines", {"item": "boat"}, "unknown-item", {"item": "boat"}),
    (
        "POST lines",
        {"item": "mug"},
        "missing-option",
        {"name": "size", "choices": ["S", "L"]},
    ),
    (
        "POST lines",
        {"item": "mug", "options": {"size": "XXL"}},
        "bad-option",
        {"name": "size", "value": "XXL", "choices": ["S", "L"]},
    ),
    (
        "POST lines",
        {"item": "pot", "options": {"colour": "red"}},
        "bad-option",
        {"name": "colour", "value": "red", "choices": []},
    ),
    (
        "POST lines/many",
        {"items": [{"item": "pot"}, {"item": "mug"}]},
        "missing-option",
        {"name": "size", "choices": ["S", "L"]},
    ),
    ("POST lines", {"item": "rare", "quantity": 4}, "not-enough", {"limit": 3}),
    ("POST lines", {"item": "none"}, "out-of-stock", {}),
    ("POST lines", {"item": "egg", "quantity": 18}, "above-maximum", {"limit": 12}),
    ("POST lines", {"item": "egg", "quantity": 3}, "below-minimum", {"limit": 6}),
    ("POST lines", {"item": "egg", "quantity": 7}, "not-a-multiple", {"limit": 6}),
    ("POST lines", {"item": "pot", "quantity": 99_999}, "limit", {"limit": 10_000}),
    ("POST lines", {"quantity": 1}, "invalid-field", {"field": "item"}),
    ("POST lines", {"item": "pot", "cost": 1}, "invalid-field", {"field": "cost"}),
    (
        "POST lines",
        {"item": "pot", "quantity": "1"},
        "invalid-field",
        {"field": "quantity"},
    ),
    (
        "POST lines/many",
        {"items": [{"item": "pot", "quantity": 0}]},
        "invalid-field",
        {"field": "items[0].quantity"},
    ),
    ("POST lines/many", {"items": []}, "invalid-field", {"field": "items"}),
    ("PATCH lines/none", {"quantity": 1}, "unknown-line", {}),
    ("POST lines/none/restore", {}, "nothing-to-restore", {}),
    (f"POST {HERE}/move", {"to": "attic"}, "unknown-target", {"cart": "attic"}),
    ("POST coupons", {"code": "NO"}, "unknown-coupon", {}),
    ("POST coupons", {"code": "SPENT"}, "used-up-coupon", {}),
    ("PUT shipping", {"method": "Raven"}, "unknown-shipping", {"method": "Raven"}),
    (
        "PUT shipping",
        {"method": "Bike"},
        "unavailable-shipping",
        {"method": "Bike", "reason": "it is for up to 4 items, there are 5"},
    ),
    (
        "PATCH metadata",
        {"metadata": {"vip": "1"}},
        "foreign-metadata",
        {"key": "vip"},
    ),
    ("POST cellar/lines", {"item": "pot"}, "unknown-cart", {"cart": "cellar"}),
    ("POST lines", {"item": "veto"}, "refused", {}),
    (f"PATCH {HERE}", {"quantity": 1, "seen": 9}, "conflict", {}),
    ("PUT lines", {}, "method-not-allowed", {}),
    ("POST no/where", {}, "not-found", {}),
]


def refuse(code: str) -> t.Any:
    if code == "SPENT":
        raise CartVetoError("SPENT has been used up.")


@pytest.fixture
def client(shop: Storefront) -> FlaskClient:
    """A shopper with five mugs, in a shop that can refuse anything."""
    egg = type("Egg", (), {"cart_id": "egg", "cart_name": "Egg", "cart_price": 1})
    egg.cart_minimum = egg.cart_step = 6  # type: ignore[attr-defined]
    egg.cart_maximum = 12  # type: ignore[attr-defined]
    kind = type(SHELF["pot"])
    none, veto = kind("none", "None", "1", cart_available=0), kind("veto", "No", "1")
    shelf = {**SHELF, "egg": egg(), "none": none, "veto": veto}
    shop.extension.product_loader(lambda ids: [shelf[i] for i in ids if i in shelf])
    shop.extension.coupon_loader(refuse)

    def object_to(app: Flask, event: t.Any, **more: t.Any) -> None:
        for each in event.events:
            if each.name == "item_added" and each.line.item_id == "veto":
                raise CartVetoError("Not today.")

    before_change.connect(object_to, shop.app, weak=False)
    client = shop.app.test_client()
    fill(client)
    client.post(f"/cart/{HERE}/increment", json={"by": 2})

    return client


@pytest.mark.parametrize(
    ("request_line", "body", "code", "params"),
    CASES,
    ids=[f"{line} {code}" for line, _, code, _ in CASES],
)
def test_a_problem_has_a_code_of_its_own(
    client: FlaskClient,
    request_line: str,
    body: dict[str, t.Any],
    code: str,
    params: dict[str, t.Any],
) -> None:
    """A program can branch on it, has what a sentence needs, and finds a page."""
    method, path = request_line.split()
    before = show(client)
    answer = client.open(f"/cart/{path}", method=method, json=body)
    problem = answer.json

    assert answer.mimetype == "application/problem+json"
    assert (problem["code"], problem["params"]) == (code, params)
    assert problem["status"] == answer.status_code == ProblemCode(code).status
    assert problem["title"] == ProblemCode(code).heading
    assert client.get(problem["type"], headers=JSON).json["code"] == code
    assert show(client) == before


@pytest.mark.parametrize("code", ProblemCode)
def test_each_problem_has_a_page(client: FlaskClient, code: ProblemCode) -> None:
    """For people, and for programs; it asks for no cart."""
    page = client.get(f"/cart/about/problems/{code}")
    data = client.get(f"/cart/about/problems/{code}", headers=JSON).json

    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert f"<h1>{code.heading}</h1>" in page.text
    assert "`" not in page.text
    assert data == {
        "code": code.value,
        "status": code.status,
        "title": code.heading,
        "meaning": code.meaning,
    }


def test_no_other_problem_has_a_page(client: FlaskClient) -> None:
    """What is no code is no address."""
    answer = client.get("/cart/about/problems/bad-weather", headers=JSON)

    assert (answer.status_code, answer.json["code"]) == (404, "not-found")


def test_the_pages_of_problems_need_no_cart(
    shop: Storefront, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They can be read while the carts cannot."""
    break_storage(shop, monkeypatch, CartStorageError("down"))

    assert client.get("/cart/about/problems/unavailable").status_code == 200


@pytest.mark.parametrize("prefix", ["", "/shop"])
def test_a_type_is_right_under_a_prefix(client: FlaskClient, prefix: str) -> None:
    """It leads to the page wherever the app is mounted."""
    answer = client.post(
        "/cart/lines", json={"item": "x"}, base_url=f"http://localhost{prefix}/"
    )

    assert answer.json["type"] == f"{prefix}/cart/about/problems/unknown-item"


def test_the_documentation_names_every_problem() -> None:
    """None is missing there, and none is there that is not."""
    text = (DOCS / "json-api.rst").read_text()
    rows = re.findall(r"\* - (\d+)\n +- ``([a-z-]+)``\n +- (.*)", text)

    assert [(int(status), code) for status, code, _ in rows] == sorted(
        (each.status, each.value) for each in ProblemCode
    )


def break_storage(
    shop: Storefront, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Let the storage fail whenever it is asked."""

    def fail(*args: t.Any) -> t.NoReturn:
        raise error

    storage: t.Any = shop.app.extensions["cart"].storage
    monkeypatch.setattr(type(storage), "load", fail)


@pytest.mark.parametrize(
    ("error", "code", "seconds"),
    [
        (CartStorageError("down"), "unavailable", "5"),
        (CartBusyError("rivals"), "busy", "1"),
    ],
)
@pytest.mark.parametrize("headers", [JSON, {}], ids=["json", "page"])
@pytest.mark.parametrize("path", ["/cart/", "/mine"])
def test_says_when_to_come_back(
    shop: Storefront,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: str,
    seconds: str,
    headers: dict[str, str],
    path: str,
) -> None:
    """503 has Retry-After, for programs, for pages, and from views of the app."""
    shop.app.add_url_rule("/mine", "mine", lambda: str(len(current_cart)))
    client = shop.app.test_client()
    fill(client)
    break_storage(shop, monkeypatch, error)
    answer = client.get(path, headers=headers)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == seconds

    if headers and path == "/cart/":
        assert answer.json["code"] == code


def conflict(client: FlaskClient, headers: dict[str, str]) -> TestResponse:
    """What is answered to a change of what the client did not see."""
    body = {"quantity": 2, "seen": 1}

    return client.patch(f"/cart/{HERE}", json=body, headers=headers)


@pytest.mark.parametrize(
    ("headers", "status"), [({}, 409), ({"If-Match": '"1-0"'}, 412)]
)
def test_a_conflict_can_be_retried_at_once(
    client: FlaskClient, headers: dict[str, str], status: int
) -> None:
    """The cart is there, and its ETag: the one that a GET would have."""
    refused = conflict(client, headers)
    now = client.get("/cart/", headers=JSON)

    assert refused.status_code == status
    assert refused.json["cart"] == now.json
    assert refused.headers["ETag"] == now.headers["ETag"]

    again = client.patch(
        f"/cart/{HERE}",
        json={"quantity": 2, "seen": refused.json["cart"]["lines"][0]["quantity"]},
        headers={"If-Match": refused.headers["ETag"]},
    )

    assert (again.status_code, again.json["quantity"]) == (200, 2)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/cart/", {"GET", "HEAD", "DELETE", "OPTIONS"}),
        ("/cart/lines", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/cart/lines/many", {"POST", "OPTIONS"}),
        (f"/cart/{HERE}", {"POST", "PATCH", "DELETE", "OPTIONS"}),
        ("/cart/wishlist/shipping", {"POST", "PUT", "DELETE", "OPTIONS"}),
        ("/cart/about/problems/busy", {"GET", "HEAD", "OPTIONS"}),
        ("/cart/openapi.json", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_options(client: FlaskClient, path: str, methods: set[str]) -> None:
    """OPTIONS says what there is, and so does a refused method."""
    assert client.options(path).allow.as_set() == {each.lower() for each in methods}
    assert client.open(path, method="TRACE", headers=JSON).allow.as_set() == {
        each.lower() for each in methods
    }


def test_an_abort_of_the_app(shop: Storefront) -> None:
    """A status that is none of ours is told as it is."""
    # It is in no document.
    shop.app.test_client_class = FlaskClient
    client = shop.app.test_client()
    shop.extension.product_loader(lambda ids: abort(451, "Not here."))
    answer = client.post("/cart/lines", json={"item": "pot"})

    assert answer.status_code == answer.json["status"] == 451
    assert (answer.json["code"], answer.json["detail"]) == ("other", "Not here.")


class TestJsonOnly:
    @pytest.fixture
    def api(self, tmp_path: Path) -> t.Iterator[FlaskClient]:
        """A client of a shop whose blueprint is for JSON only."""
        options = {"folder": tmp_path, "CART_JSON_ONLY": True}

        with open_storefront("memory", **options) as shop:
            yield shop.app.test_client()

    def test_answers_browsers_as_well(self, api: FlaskClient) -> None:
        """There are no pages, not even of problems."""
        browser = {"Accept": "text/html", "HX-Request": "true"}

        assert api.get("/cart/", headers=browser).json["lines"] == []
        assert api.get("/cart/no/where", headers=browser).json["code"] == "not-found"
        assert (
            api.get("/cart/about/problems/busy", headers=browser).json["code"] == "busy"
        )

    def test_reads_no_forms(self, api: FlaskClient) -> None:
        """A form is of a type that is not read; without a body, nothing is missing."""
        answer = api.post("/cart/lines", data={"item": "pot"})

        assert (answer.status_code, answer.json["status"]) == (415, 415)
        assert api.delete("/cart/").status_code == 200

    def test_has_no_addresses_for_forms(self, api: FlaskClient) -> None:
        """What forms need is not there."""
        assert api.post("/cart/clear").status_code == 404
        assert api.options("/cart/shipping").allow.as_set() == {
            "put",
            "delete",
            "options",
        }
