"""What was typed is kept, whichever way a shopper goes; and what a receipt is for."""

from __future__ import annotations

import re

import pytest

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


#: What can happen to three caps that wait in a basket to be sent as a letter.
BOUNCES = {
    "nothing": lambda shop: None,
    "more of them": lambda shop: shop.set_stock("CAP-MOSS", 99),
    "cheaper": lambda shop: shop.set_price("CAP-MOSS", 100),
    "dearer": lambda shop: shop.set_price("CAP-MOSS", 9900),
    "sold out": lambda shop: shop.set_stock("CAP-MOSS", 0),
    "fewer": lambda shop: shop.set_stock("CAP-MOSS", 2),
    "gone": lambda shop: shop.burn("CAP-MOSS"),
    "heavier": lambda shop: shop.weigh("watch-cap", 400),
}


@pytest.mark.parametrize("change", BOUNCES)
def test_when_the_checkout_would_send_back(
    shop: Shop, visitor: Visitor, change: str
) -> None:
    """Its buttons do not stand out, in the basket, in the drawer and within reach, and
    the page says why; else they do, and it does not send back."""
    visitor.add("watch-cap", "CAP-MOSS", "3")
    visitor.get("/basket/")
    visitor.follow(visitor.post("/basket/shipping", method="Letter post"))
    BOUNCES[change](shop)
    page = visitor.get("/basket/")
    asked = {"HX-Request": "true", "Accept": "text/html"}
    drawer = visitor.client.get("/basket/?drawer=1", headers=asked).text
    bounces = change in {"dearer", "sold out", "fewer", "gone", "heavier"}
    why = "Something in it needs a look before you can check out."

    assert (visitor.client.get("/checkout").status_code == 303) is bounces
    assert (why in page) is (why in drawer) is bounces
    assert ('id="cart-express"' in page) is not bounces

    for shown, name in [(page, "cart-forward"), (page, "forward-in-reach")]:
        (button,) = re.findall(rf'<button class="([^"]*)" id="{name}"', shown)
        assert ("button-quiet" in button) is bounces

    assert ('id="cart-forward"' in drawer) is not bounces


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
