"""Assistants in the demo: a basket is put together elsewhere, and handed over."""

from __future__ import annotations

import re

import pytest

from demo_shop.services.assistants import name_of
from demo_shop.services.assistants import tell
from flask_cart.model.events import CartMerged
from flask_cart.model.lines import make_line
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor
from tests.support.slackwater import assist


def link_of(cart: dict[str, object]) -> str:
    return str(cart["continue_url"]).removeprefix("http://localhost")


def take(visitor: Visitor, cart: dict[str, object]) -> str:
    """Take a basket over; the page that comes then."""
    link = link_of(cart)
    visitor.get(link)

    return visitor.follow(visitor.post(link))


def who_wrote(page: str) -> list[str]:
    """The assistants of the writes on a page, the newest first; empty for others."""
    writes = page.split('<li class="write"')[1:]
    found = [re.search("By <strong>(.*?)</strong>, an assistant", e) for e in writes]

    return [each[1] if each else "" for each in found]


def test_a_basket_is_handed_over(shop: Shop, visitor: Visitor) -> None:
    """In the frame of the shop, with its token against forged forms."""
    cart = assist(shop, {"MUG-FOG": 2, "KETTLE-TAR": 1})
    link = link_of(cart)

    assert "Harbour mug" in visitor.get(link)

    basket = visitor.follow(visitor.post(link))

    assert "All of it is in your basket." in basket
    assert "Pilot kettle" in basket

    assert visitor.client.get(link).location == "/basket/"


def test_forms_without_a_token_hand_nothing_over(shop: Shop, visitor: Visitor) -> None:
    """Only the assistants are exempt from it."""
    link = link_of(assist(shop, {"MUG-FOG": 1}))

    assert visitor.client.post(link).status_code == 400


def test_an_address_fills_the_basket(visitor: Visitor) -> None:
    """And goes on where it says."""
    visitor.follow(visitor.client.get("/buy/MUG-FOG:2,NOTHING:1?continue_to=/"))
    answer = visitor.post(
        "/buy/ask?items=MUG-FOG:2,NOTHING:1&continue_to=/", quantity="1"
    )

    assert answer.location == "/"
    assert "Harbour mug" in visitor.get("/basket/")


def test_the_shop_says_what_assistants_can_do(shop: Shop) -> None:
    """At the address that they all know."""
    answer = shop.app.test_client().get(
        "/.well-known/ucp", base_url="https://a.example"
    )

    assert {"dev.ucp.shopping.cart", "dev.ucp.shopping.permalink"} == set(
        answer.json["ucp"]["capabilities"]
    )


def test_the_shopper_is_told_once(shop: Shop, visitor: Visitor) -> None:
    """Who has put what into the basket, and where to see it; nobody else is."""
    cart = assist(shop, {"MUG-FOG": 2, "KETTLE-TAR": 1})
    said = (
        "Your assistant agent.example put 2 \u00d7 Harbour mug and"
        " 1 \u00d7 Pilot kettle in your basket."
    )
    basket = take(visitor, cart)

    assert basket.count(said) == 1
    assert 'href="/activity/assistants">See what it did' in basket
    assert "Your assistant" not in visitor.get("/basket/")
    assert "Your assistant" not in shop.visitor().get(link_of(cart), 410)


def test_what_assistants_did_is_shown(shop: Shop, visitor: Visitor) -> None:
    """To the shopper who has taken it over, with who did it, and to nobody else."""
    visitor.add("watch-cap", "CAP-MOSS")
    cart = assist(shop, {"MUG-FOG": 2})
    assist(shop, {"MUG-FOG": 3, "CLEAT": 1}, name="other", update=str(cart["id"]))

    assert who_wrote(visitor.get("/activity/assistants")) == []

    basket = take(visitor, cart)

    assert "Your assistants agent.example and other.example put" in basket

    page = visitor.get("/activity/assistants")

    assert who_wrote(page) == ["other.example", "agent.example"]
    assert "3 \u00d7 Harbour mug (Fog) at 14.00" in page
    assert "Watch cap" not in page

    every = who_wrote(visitor.get("/activity/"))

    assert sorted(filter(None, every)) == ["agent.example", "other.example"]
    assert every.count("") > 1
    assert who_wrote(shop.visitor().get("/activity/assistants")) == []


def test_what_assistants_did_comes_along(shop: Shop, visitor: Visitor) -> None:
    """To the account, as the basket does, and nothing else of the guest."""
    take(visitor, assist(shop, {"MUG-FOG": 2}))
    visitor.get("/signup")
    visitor.follow(visitor.post("/signup", email="a@b.ie", password="kettle rope tide"))

    assert who_wrote(visitor.get("/activity/assistants")) == ["agent.example"]
    assert who_wrote(visitor.get("/activity/")) == ["", "agent.example"]


@pytest.mark.parametrize(
    ("names", "lines", "said"),
    [
        (["a.example"], 1, "Your assistant a.example put 1 \u00d7 T1 in your basket."),
        ([], 2, "Your assistant put 1 \u00d7 T1 and 1 \u00d7 T2 in your basket."),
        (
            ["a.example", "b.example"],
            5,
            "Your assistants a.example and b.example put 1 \u00d7 T1, 1 \u00d7 T2,"
            " 1 \u00d7 T3 and 2 more in your basket.",
        ),
    ],
)
def test_how_it_is_told(names: list[str], lines: int, said: str) -> None:
    """In a sentence that is not too long, whoever it was."""
    made = [
        make_line(f"T{number}", 1, "EUR", name=f"T{number}", price=1)
        for number in range(1, lines + 1)
    ]
    event = CartMerged(source="ucp:x", lines=tuple(made), left_out=())

    assert tell(names, event) == said


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        ("https://agent.example/profile", "agent.example"),
        ("https://me:secret@agent.example:99999/", "agent.example"),
        ("https://[v1.aaaaaaaa", "https://[v1.aaaaaaaa"),
        ("https://", "https://"),
    ],
)
def test_what_an_assistant_is_called(profile: str, name: str) -> None:
    """Whatever it says of itself, also where that was cut in the middle."""
    assert name_of(profile) == name
