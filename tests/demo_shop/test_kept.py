"""What was typed is kept, whichever way a shopper goes; and what a receipt is for."""

from __future__ import annotations

import re

from tests.support.slackwater import ADDRESS
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor


def test_going_on_from_the_basket(visitor: Visitor) -> None:
    """The checkout has the note and the coupon that were typed, and not yet kept."""
    visitor.add("pilot-kettle", "KETTLE-TAR")
    fields = {"metadata.note": "Ring twice", "code": "springtide"}
    page = visitor.follow(
        visitor.post("/basket/forward", **fields, forward="/checkout")
    )

    assert "<h1>Checkout</h1>" in page
    assert "Ring twice" in page
    assert "€51.70" in page


def test_an_address_that_was_typed(visitor: Visitor) -> None:
    """It is there again after a look at the basket, until something is ordered."""
    visitor.add("pilot-kettle", "KETTLE-TAR")
    visitor.get("/checkout")
    typed = ADDRESS | {"town": "Dingle", "email": ""}
    page = visitor.follow(visitor.post("/checkout", **typed, back=""))

    assert "Your basket" in page
    assert 'value="Dingle"' in visitor.get("/checkout")

    visitor.follow(visitor.order())
    visitor.add("pilot-kettle", "KETTLE-TAR")

    assert "Dingle" not in visitor.get("/checkout")


def test_a_receipt(shop: Shop, visitor: Visitor) -> None:
    """It says who has sold it and the VAT, and the same can be ordered again, as far as
    it is there, by whose it is."""
    visitor.add("pilot-kettle", "KETTLE-TAR", "2")
    visitor.add("harbour-mug", "MUG-BUOYRED")
    page = visitor.follow(visitor.order())

    assert "Slackwater \u00b7 Order SW-" in page
    assert "of which VAT 23%" in page

    (again,) = re.findall(r'action="(/orders/[^"]+/again)"', page)
    page = visitor.follow(visitor.post(again))

    assert "The same is in your basket again" in page
    assert len(visitor.lines()) == 2

    shop.set_stock("MUG-BUOYRED", 1)
    page = visitor.follow(visitor.post(again))

    assert "What there is of it is in your basket." in page

    stranger = shop.visitor()
    stranger.get("/login")
    assert stranger.post(again).status_code == 404


def test_when_the_checkout_would_send_back(shop: Shop, visitor: Visitor) -> None:
    """Its button does not stand out, and the page says why."""
    visitor.add("harbour-mug", "MUG-BUOYRED", "2")

    assert 'class="button button-wide" id="cart-forward"' in visitor.get("/basket/")

    shop.set_stock("MUG-BUOYRED", 1)
    page = visitor.get("/basket/")

    assert 'class="button button-wide button-quiet" id="cart-forward"' in page
    assert "Something in it needs a look before you can check out." in page


def test_none_of_it_in_the_basket(visitor: Visitor) -> None:
    """Then nothing is counted of it."""
    visitor.get("/goods/harbour-mug")
    page = visitor.follow(
        visitor.post("/basket/lines", item="MUG-BUOYRED", quantity="9")
    )

    assert "only 3 are left." in page


def test_no_number_that_only_programs_read(visitor: Visitor) -> None:
    """The versions of baskets are on no page for people."""
    visitor.add("pilot-kettle", "KETTLE-TAR")

    for path in ("/", "/basket/", "/checkout", "/activity/", "/account"):
        text = re.sub(r"<[^>]*>", " ", visitor.get(path))

        assert re.findall(r"[0-9]{9,}", text) == []
