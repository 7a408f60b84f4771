"""Assistants in the demo: a basket is put together elsewhere, and handed over."""

from __future__ import annotations

from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor

AGENT = {"UCP-Agent": 'profile="https://agent.example/profile"'}


def assist(shop: Shop, **quantities: int) -> dict[str, object]:
    """The cart that an assistant has put together, as it was shown it."""
    lines = [
        {"item": {"id": sku.replace("_", "-")}, "quantity": count}
        for sku, count in quantities.items()
    ]
    answer = shop.app.test_client().post(
        "/ucp/2026-08-25/carts", json={"line_items": lines}, headers=AGENT
    )
    assert answer.status_code == 201
    cart: dict[str, object] = answer.json

    return cart


def test_a_basket_is_handed_over(shop: Shop, visitor: Visitor) -> None:
    """In the frame of the shop, with its token against forged forms."""
    cart = assist(shop, MUG_FOG=2, KETTLE_TAR=1)
    link = str(cart["continue_url"]).removeprefix("http://localhost")

    assert "Harbour mug" in visitor.get(link)

    basket = visitor.follow(visitor.post(link))

    assert "All of it is in your basket." in basket
    assert "Pilot kettle" in basket

    assert visitor.client.get(link).location == "/basket/"


def test_forms_without_a_token_hand_nothing_over(shop: Shop, visitor: Visitor) -> None:
    """Only the assistants are exempt from it."""
    link = str(assist(shop, MUG_FOG=1)["continue_url"])

    assert visitor.client.post(link).status_code == 400


def test_an_address_fills_the_basket(visitor: Visitor) -> None:
    """And goes on where it says."""
    visitor.follow(visitor.client.get("/buy/MUG-FOG:2,NOTHING:1?continue_to=/"))
    answer = visitor.post(
        "/buy/ask?items=MUG-FOG:2,NOTHING:1&continue_to=/", quantity="1"
    )

    assert answer.location == "/"
    assert "Harbour mug" in visitor.get("/basket/")
