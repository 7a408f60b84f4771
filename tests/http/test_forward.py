"""Going on from the page of a cart saves what was typed there."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from tests.support.storefronts import JSON
from tests.support.storefronts import Storefront
from tests.support.storefronts import codes
from tests.support.storefronts import fill
from tests.support.storefronts import line_of
from tests.support.storefronts import show

TYPED = {"metadata.note": "Ring twice", "code": "TEN", "forward": "/checkout"}


def test_a_note_and_a_code(client: FlaskClient) -> None:
    """Both are saved, once for a key, and the way leads on."""
    fill(client)

    for _ in range(2):
        answer = client.post("/cart/forward", data=TYPED | {"cart_key": "k"})
        assert (answer.status_code, answer.location) == (303, "/checkout")

    cart = show(client)
    assert cart["metadata"] == {"note": "Ring twice"}
    assert codes(client) == ["TEN"]

    # Nothing is written that is as it was; an empty note is none.
    client.post("/cart/forward", data=TYPED | {"code": " ", "cart_key": "l"})
    assert show(client)["version"] == cart["version"]
    client.post("/cart/forward", data={"metadata.note": ""})
    assert show(client)["metadata"] == {}


def test_a_code_that_is_refused(client: FlaskClient) -> None:
    """The note is saved, and the way leads back to where the code was typed."""
    fill(client)
    answer = client.post("/cart/forward", data=TYPED | {"code": "NIX"})

    assert answer.location == "/cart/"
    assert show(client)["metadata"] == {"note": "Ring twice"}
    assert "There is no such code." in client.get("/cart/").text


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", ""])
def test_another_site(client: FlaskClient, target: str) -> None:
    """No button can lead to one."""
    fill(client)
    answer = client.post("/cart/forward", data={"forward": target})

    assert answer.location == "/cart/"


def test_what_is_not_the_shoppers(client: FlaskClient) -> None:
    """Only what a client may set can be typed; a program reads the cart."""
    fill(client)
    client.post("/cart/forward", data={"metadata.price": "0"})
    assert show(client)["metadata"] == {}

    answer = client.post("/cart/forward", data={"metadata.note": "a"}, headers=JSON)
    assert answer.json["metadata"] == {"note": "a"}


def test_codes_are_counted(shop: Storefront) -> None:
    """As those that are sent to their own address; notes are not."""
    Limiter(get_remote_address, app=shop.app, storage_uri="memory://")
    client = shop.app.test_client()
    fill(client)

    def tries(data: dict[str, str]) -> list[int]:
        return [client.post("/cart/forward", data=data).status_code for _ in range(11)]

    assert tries({"metadata.note": "a"}) == [303] * 11
    assert tries({"code": "NIX"}) == [303] * 10 + [429]


def test_quantities(client: FlaskClient) -> None:
    """Those that were typed are set, once for a key; the others are left alone."""
    mug = fill(client)
    client.post("/cart/lines", json={"item": "pot", "quantity": 2})
    client.post("/cart/lines", json={"item": "rare"})
    pot, rare = line_of("pot"), line_of("rare")
    form = {"forward": "/checkout", "cart_key": "k"}

    for line, seen, typed in [(mug, 3, 4), (pot, 2, 2), (rare, 1, 0)]:
        form |= {f"quantity.{line}": str(typed), f"seen.{line}": str(seen)}

    for _ in range(2):
        # That of another tab stays as it is.
        client.post(f"/cart/lines/{pot}/increment", json={"by": 1})
        answer = client.post("/cart/forward", data=form)
        assert answer.location == "/checkout"

    counts = {each["id"]: each["quantity"] for each in show(client)["lines"]}
    assert counts == {mug: 4, pot: 4}
    assert "Undo" in client.get("/cart/").text


def test_a_quantity_that_conflicts(client: FlaskClient) -> None:
    """The note is kept, as are the quantities before it; once the shopper has decided,
    the way goes on."""
    mug = fill(client)
    client.post("/cart/lines", json={"item": "pot"})
    pot = line_of("pot")
    client.patch(f"/cart/lines/{pot}", json={"quantity": 7})
    typed = {f"quantity.{mug}": "4", f"seen.{mug}": "3", f"quantity.{pot}": "2"}
    form = TYPED | typed | {f"seen.{pot}": "1"}
    answer = client.post("/cart/forward", data=form)

    assert answer.status_code == 409
    assert "Make it 2" in answer.text
    assert show(client)["metadata"] == {"note": "Ring twice"}

    fields = re.findall(r'name="([^"]+)" value="([^"]*)"', answer.text)
    answer = client.post("/cart/forward", data=dict(fields))

    assert answer.location == "/checkout"
    assert [each["quantity"] for each in show(client)["lines"]] == [4, 2]
    assert codes(client) == ["TEN"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"quantity.x": "2"}, "not in your cart any more"),
        ({"quantity.x": ""}, "cart-message-error"),
    ],
)
def test_a_quantity_that_cannot_be(
    client: FlaskClient, typed: dict[str, str], said: str
) -> None:
    """It is told before the way leads on."""
    fill(client)
    answer = client.post("/cart/forward", data=TYPED | typed)

    assert answer.location == "/cart/"
    assert said in client.get("/cart/").text


def test_what_is_refused_takes_nothing_along(client: FlaskClient) -> None:
    """Of what was typed all else is kept, and the reason is not told of the code."""
    mug = fill(client)
    client.post("/cart/lines", json={"item": "pot"})
    client.post("/cart/lines", json={"item": "rare"})
    pot, rare = line_of("pot"), line_of("rare")
    typed = {f"quantity.{rare}": "99", f"quantity.{mug}": "4", f"quantity.{pot}": "2"}
    answer = client.post("/cart/forward", data=TYPED | typed)
    page = client.get("/cart/").text

    assert answer.location == "/cart/"
    assert "counting those in your cart" in page
    assert "cart-refused" not in page
    assert [each["quantity"] for each in show(client)["lines"]] == [4, 2, 1]
    assert codes(client) == ["TEN"]

    # Each is told where it was typed.
    typed = {f"quantity.{rare}": "99", f"quantity.{mug}": "5"}
    client.post("/cart/forward", data=TYPED | typed | {"code": "NIX"})
    page = client.get("/cart/").text

    assert "counting those in your cart" in page
    assert re.search(r'cart-refused"[^>]*>There is no such code.', page)
    assert show(client)["lines"][0]["quantity"] == 5


def test_a_code_beside_a_conflict(client: FlaskClient) -> None:
    """It is noted also if the shopper leaves the quantity as it is."""
    mug = fill(client)
    client.patch(f"/cart/lines/{mug}", json={"quantity": 7})
    typed = {f"quantity.{mug}": "4", f"seen.{mug}": "3"}

    assert client.post("/cart/forward", data=TYPED | typed).status_code == 409
    assert codes(client) == ["TEN"]


def test_a_code_for_a_cart_that_is_emptied(client: FlaskClient) -> None:
    """There is no field any more that could show why it was refused."""
    mug = fill(client)
    typed = {f"quantity.{mug}": "0", "code": "NIX"}
    client.post("/cart/forward", data=TYPED | typed)

    assert "There is no such code." in client.get("/cart/").text


def test_a_program_is_told_of_a_code(client: FlaskClient) -> None:
    """It has no field, but a problem document."""
    fill(client)
    answer = client.post("/cart/forward", data={"code": "NIX"}, headers=JSON)

    assert answer.json["code"] == "unknown-coupon"
