"""How a parcel goes, as a shopper without JavaScript chooses it."""

import re

import pytest

from tests.support.slackwater import ADDRESS
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor


def amounts(page: str) -> dict[str, str]:
    """The rows of the sums on a page."""
    return dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", page))


def ways(page: str) -> dict[str, str]:
    """Each way with what its button says of itself."""
    found = re.findall(r'<button class="way"[^>]*value="([^"]+)"([^>]*)>', page)

    return {name: " ".join(attributes.split()) for name, attributes in found}


def chosen(page: str) -> list[str]:
    """The ways that are shown as chosen."""
    return [name for name, said in ways(page).items() if 'pressed="true"' in said]


def send(visitor: Visitor, way: str) -> str:
    """Choose a way in the basket; the page that it leads to."""
    visitor.get("/basket/")

    return visitor.follow(visitor.post("/basket/shipping", method=way))


def test_the_post_until_the_shopper_says_otherwise(any_shop: Shop) -> None:
    """Each way costs what it says, and the order remembers it."""
    visitor = any_shop.visitor()
    page = visitor.add("watch-cap", "CAP-MOSS")
    assert chosen(page) == ["Post, tracked"]

    for way, price, total in [
        ("Letter post", "€2.40", "€30.40"),
        ("Night boat", "€12.50", "€40.50"),
        ("Letter post", "€2.40", "€30.40"),
    ]:
        page = send(visitor, way)
        assert chosen(page) == [way]
        assert (amounts(page)[way], amounts(page)["Total"]) == (price, total)

    page = visitor.follow(visitor.order())
    assert amounts(page)["Letter post"] == "€2.40"
    assert amounts(page)["Total"] == "€30.40"


def test_free_from_an_amount(visitor: Visitor) -> None:
    """The night boat costs nothing from 150 euros of goods on."""
    visitor.add("quay-raincoat", "COAT-SLATE-S")
    page = send(visitor, "Night boat")

    assert '<span class="way-price">free</span>' in page
    assert amounts(page)["Total"] == "€189.00"
    page = visitor.follow(visitor.order())
    assert amounts(page)["Night boat"] == "€0.00"


def test_not_free_any_more(shop: Shop, visitor: Visitor) -> None:
    """Who takes something out again is asked for what the boat costs now, and has to
    agree before anything is ordered."""
    visitor.add("quay-raincoat", "COAT-SLATE-S")
    visitor.add("watch-cap", "CAP-MOSS")
    send(visitor, "Night boat")
    coat, _ = visitor.lines()
    form = visitor.checkout_form()
    visitor.get("/basket/")
    page = visitor.follow(visitor.post(f"/basket/lines/{coat}/remove"))

    assert "Night boat costs €12.50 now, not €0.00." in page
    assert visitor.client.get("/checkout").location == "/basket/"
    stale = visitor.post("/checkout", **form | {"expected_total": "40.50"})
    assert stale.location == "/basket/"
    assert shop.orders() == []

    visitor.get("/basket/")
    agreed = {"price.Night boat": visitor.field("price.Night boat")}
    page = visitor.follow(visitor.post("/basket/lines/prices", **agreed))
    assert "Your basket has the new prices." in page
    assert amounts(visitor.follow(visitor.order()))["Total"] == "€40.50"


def test_too_heavy_from_the_beginning(visitor: Visitor) -> None:
    """What a letter cannot carry it is not offered for, and a form gets nowhere."""
    page = visitor.add("iron-skillet", "SKILLET-20CM")

    assert "disabled" in ways(page)["Letter post"]
    assert "Not today: it carries 500 g, and this weighs 2.6 kg." in page
    page = send(visitor, "Letter post")
    assert "Letter post cannot be chosen: it carries 500 g" in page
    assert chosen(page) == ["Post, tracked"]


def test_too_heavy_by_now(shop: Shop, visitor: Visitor) -> None:
    """A letter that grew too heavy is not sent, and nothing is ordered before the
    shopper has chosen another way."""
    visitor.add("watch-cap", "CAP-MOSS")
    send(visitor, "Letter post")
    form = visitor.checkout_form()
    page = visitor.add("harbour-mug", "MUG-NAVY", "2")

    assert "this weighs 730 g" in page
    assert chosen(page) == ["Letter post"]
    assert "Letter post" not in amounts(page)
    assert visitor.client.get("/checkout").location == "/basket/"
    assert "something in your basket needs a look" in visitor.get("/basket/")

    stale = visitor.post("/checkout", **form | {"expected_total": "56.00"})
    assert stale.location == "/basket/"
    assert shop.orders() == []

    send(visitor, "Post, tracked")
    assert amounts(visitor.follow(visitor.order()))["Total"] == "€60.90"


def test_chosen_in_the_checkout(shop: Shop, visitor: Visitor) -> None:
    """What was typed stays, without a word about what is missing yet; the total is the
    new one, and the order is made for it."""
    visitor.add("watch-cap", "CAP-MOSS")
    form = visitor.checkout_form() | {"email": "", "shipping": "Night boat"}
    answer = visitor.post("/checkout", **form)
    visitor.page = answer.text

    assert answer.status_code == 200
    assert 'value="12 Pier Road"' in answer.text
    assert "error-summary" not in answer.text
    assert "Night boat: the total is €40.50 now." in answer.text
    assert "Order for €40.50" in answer.text
    assert "autofocus" in ways(answer.text)["Night boat"]
    assert shop.orders() == []

    hidden = {name: visitor.field(name) for name in ("token", "expected_total")}
    page = visitor.follow(visitor.post("/checkout", **ADDRESS, **hidden))
    assert amounts(page)["Night boat"] == "€12.50"


@pytest.mark.parametrize("way", ["Balloon", "", "Letter post"])
def test_what_cannot_be_chosen_in_the_checkout(visitor: Visitor, way: str) -> None:
    """It says so, and everything is as it was."""
    visitor.add("iron-skillet", "SKILLET-20CM")
    form = visitor.checkout_form()
    answer = visitor.post("/checkout", **form | {"shipping": way})

    assert "can't go that way" in visitor_text(answer.text)
    assert chosen(answer.text) == ["Post, tracked"]
    assert "Order for €43.90" in answer.text


def test_nothing_goes_without_a_way(shop: Shop, visitor: Visitor) -> None:
    """Who takes the shipping out with a program pays it all the same."""
    visitor.add("watch-cap", "CAP-MOSS")
    form = visitor.checkout_form()
    visitor.client.delete(
        "/basket/shipping", headers={"X-CSRFToken": form["csrf_token"]}
    )
    answer = visitor.post("/checkout", **form | {"expected_total": "28.00"})

    assert answer.status_code in (303, 409)
    assert shop.orders() == []
    assert amounts(visitor.follow(visitor.order()))["Total"] == "€32.90"


def test_a_wish_goes_nowhere(visitor: Visitor) -> None:
    """Nobody has to choose how a wish is sent."""
    visitor.get("/goods/watch-cap")
    page = visitor.follow(visitor.post("/basket/wishlist/lines", item="CAP-MOSS"))

    assert ways(page) == {}
    assert "€28.00" in page


def visitor_text(page: str) -> str:
    return page.replace("&#39;", "'")
