"""Going on from the page of a cart saves what was typed there."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from tests.support.storefronts import JSON
from tests.support.storefronts import Storefront
from tests.support.storefronts import codes
from tests.support.storefronts import fill
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
