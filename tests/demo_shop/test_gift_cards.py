"""Gift cards in the demo shop, as a shopper without JavaScript uses them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor


def amounts(page: str) -> dict[str, str]:
    """The rows of the sums on a page."""
    return dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", page))


def use(visitor: Visitor, code: str) -> str:
    """Type the code of a card into the basket."""
    visitor.get("/basket/")

    return visitor.follow(visitor.post("/basket/gift-card", card=code))


def act(visitor: Visitor, url: str, what: str) -> str:
    """Press a button of Sandbox Pay; the page of the shop that it leads to."""
    visitor.get(url)
    page = visitor.client.get(visitor.post(url, act=what).location)
    visitor.page = page.text

    return visitor.get(page.location) if page.status_code == 303 else page.text


def test_it_pays_some(any_shop: Shop) -> None:
    """The pages and the receipt tell what it pays and what is left to pay; the VAT is
    the same, and the card is empty after the order."""
    visitor = any_shop.visitor()
    without = amounts(visitor.add("pilot-kettle", "KETTLE-TAR"))
    page = use(visitor, " ripple ")

    assert amounts(page) == {
        **without,
        "Gift card RIPPLE": "-€10.00",
        "To pay": "€46.90",
    }
    assert "It pays €10.00. Then it is empty." in page
    assert "Order for €46.90" in visitor.get("/checkout")
    assert any_shop.card("RIPPLE") == 1000

    page = visitor.follow(visitor.order())
    assert amounts(page) == {
        "Goods": "€52.00",
        "Post, tracked": "€4.90",
        "Total": "€56.90",
        "of which VAT 23% in €56.90": "€10.64",
        "Gift card RIPPLE": "-€10.00",
        "To pay": "€46.90",
        "Left on the card": "€0.00",
    }
    assert any_shop.card("RIPPLE") == 0


def test_it_pays_everything(shop: Shop, visitor: Visitor) -> None:
    """Then there is nothing for Sandbox Pay to do, and the rest stays on the card."""
    visitor.add("harbour-mug", "MUG-NAVY")
    page = use(visitor, "GROUNDSWELL")
    assert "It pays €18.90. €31.10 will be left on it." in page
    page = visitor.get("/checkout")
    assert "Order for €0.00" in page
    assert "Pay with Sandbox Pay" not in page

    page = visitor.follow(visitor.order(pay="sandbox"))
    assert amounts(page)["Left on the card"] == "€31.10"
    assert shop.card("GROUNDSWELL") == 3110

    visitor.add("harbour-mug", "MUG-NAVY")
    assert "€12.20 will be left on it." in use(visitor, "GROUNDSWELL")


@pytest.mark.parametrize("code", ["", "RIPPEL", "ripple\u0131", "R" * 300])
def test_no_card(visitor: Visitor, code: str) -> None:
    """What is no card says so, and nothing is another."""
    visitor.add("harbour-mug", "MUG-NAVY")

    assert "That isn't one of our gift cards." in use(visitor, code)
    assert "To pay" not in amounts(visitor.page)


def test_an_empty_card(shop: Shop, visitor: Visitor) -> None:
    """One that is spent is refused, and is none of those to try."""
    shop.charge_card("RIPPLE", 0)
    visitor.add("harbour-mug", "MUG-NAVY")

    assert "Nothing is left on the gift card RIPPLE." in use(visitor, "RIPPLE")
    assert re.findall(r'name="card" value="(\w+)"', visitor.page) == ["GROUNDSWELL"]


def test_an_empty_basket(visitor: Visitor) -> None:
    """There is nothing to pay for yet."""
    visitor.add("harbour-mug", "MUG-NAVY")
    (mug,) = visitor.lines()
    form = visitor.field("csrf_token")
    visitor.follow(visitor.post(f"/basket/lines/{mug}/remove"))
    fields = {"csrf_token": form, "card": "RIPPLE"}
    visitor.client.post("/basket/gift-card", data=fields)

    assert "Put something in your basket first" in visitor.get("/basket/")


def test_taken_out(shop: Shop, visitor: Visitor) -> None:
    """What is on the card is kept for another time."""
    visitor.add("harbour-mug", "MUG-NAVY")
    use(visitor, "RIPPLE")
    page = visitor.follow(visitor.post("/basket/gift-card/remove"))

    assert "To pay" not in amounts(page)
    visitor.order()
    assert shop.card("RIPPLE") == 1000


def test_spent_elsewhere_since_the_form(shop: Shop, visitor: Visitor) -> None:
    """Nobody pays more than was shown: the form comes back with what is to be paid now,
    and can be sent."""
    visitor.add("harbour-mug", "MUG-NAVY")
    use(visitor, "RIPPLE")
    form = visitor.checkout_form()
    shop.charge_card("RIPPLE", 300)
    answer = visitor.post("/checkout", **form)

    assert answer.status_code == 409
    assert "something else on your gift card by now" in answer.text
    assert "Order for €15.90" in answer.text
    assert 'value="12 Pier Road"' in answer.text
    assert shop.orders() == []

    page = visitor.follow(visitor.order())
    assert amounts(page)["To pay"] == "€15.90"
    assert shop.card("RIPPLE") == 0


def test_it_is_spent_once(shop: Shop) -> None:
    """Of two orders at once, the card pays one; the other is not made."""
    visitors = [shop.visitor(), shop.visitor()]
    start = Barrier(2)

    for visitor in visitors:
        visitor.add("harbour-mug", "MUG-NAVY")
        use(visitor, "RIPPLE")

    def order(visitor: Visitor) -> int:
        form = visitor.checkout_form()
        start.wait(timeout=60)

        return visitor.post("/checkout", **form).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(order, visitors)) == [303, 409]

    (made,) = shop.orders()
    assert (made.card_code, made.card_cents) == ("RIPPLE", 1000)
    assert shop.card("RIPPLE") == 0


def test_the_same_order_twice(shop: Shop, visitor: Visitor) -> None:
    """A form that is sent again takes nothing more."""
    visitor.add("harbour-mug", "MUG-NAVY")
    use(visitor, "GROUNDSWELL")
    form = visitor.checkout_form()
    first, again = (visitor.post("/checkout", **form) for _ in range(2))

    assert again.location == first.location
    assert shop.card("GROUNDSWELL") == 3110


@pytest.mark.parametrize("what", ["pay", "pay_twice"])
def test_the_rest_is_paid(shop: Shop, visitor: Visitor, what: str) -> None:
    """Sandbox Pay is asked for what the card leaves; it pays with the order."""
    visitor.add("pilot-kettle", "KETTLE-TAR")
    use(visitor, "RIPPLE")
    url = str(visitor.order(pay="sandbox").location)

    assert "€46.90" in visitor.get(url)
    assert shop.card("RIPPLE") == 1000
    page = act(visitor, url, what)
    assert amounts(page)["Paid"] == "€46.90"
    assert shop.card("RIPPLE") == 0


def test_spent_while_the_rest_is_paid(shop: Shop, visitor: Visitor) -> None:
    """The money goes back, and the shopper can order for what it costs now."""
    visitor.add("pilot-kettle", "KETTLE-TAR")
    use(visitor, "RIPPLE")
    url = str(visitor.order(pay="sandbox").location)
    shop.charge_card("RIPPLE", 0)

    assert "on its way back" in act(visitor, url, "pay")
    assert shop.orders() == []
    assert "Nothing is left on it." in visitor.get("/basket/")
    page = visitor.follow(visitor.order())
    assert "To pay" not in amounts(page)
    assert amounts(page)["Total"] == "€56.90"


def test_spent_since_a_payment_was_begun(shop: Shop, visitor: Visitor) -> None:
    """What was begun with more on the card is no obstacle to beginning again."""
    visitor.add("pilot-kettle", "KETTLE-TAR")
    use(visitor, "RIPPLE")
    visitor.order(pay="sandbox")
    shop.charge_card("RIPPLE", 400)

    assert visitor.order(pay="sandbox").status_code == 409
    url = str(visitor.order(pay="sandbox").location)
    assert "€52.90" in visitor.get(url)
    assert amounts(act(visitor, url, "pay"))["Paid"] == "€52.90"
    assert shop.card("RIPPLE") == 0


def test_a_card_that_was_typed_and_not_used(visitor):
    """Going on uses it, as all that is typed; if it cannot pay, the way leads back to
    it, with the code in its field, and the note is kept."""
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.get("/basket/")
    typed = {"metadata.note": "Ring twice", "forward": "/checkout"}
    answer = visitor.post("/basket/forward", card="NIX", **typed)

    assert answer.location == "/basket/#gift-card"
    page = visitor.follow(answer)
    assert visitor.field("card") == "NIX"
    assert "That isn't one of our gift cards." in page
    assert "Ring twice" in page

    answer = visitor.post("/basket/forward", card="RIPPLE", **typed)

    assert answer.location == "/checkout"
    assert "It pays" in visitor.get("/basket/")
