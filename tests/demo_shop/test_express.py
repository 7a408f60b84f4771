"""Express pay: from the basket to the payment, whose provider knows the address."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from demo_shop.sandbox_pay import ADDRESS as KNOWN
from tests.support.slackwater import ADDRESS
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor

SKU = "MUG-NAVY"


def press(visitor: Visitor, **typed: str) -> str:
    """Press the button in the basket; where it leads to."""
    visitor.get("/basket/")
    form = {"forward": visitor.field_of("cart-express")}
    answer = visitor.post("/basket/forward", **form, **typed)
    assert answer.status_code == 303

    return str(answer.location)


def act(visitor: Visitor, url: str, what: str) -> str:
    """Press a button of Sandbox Pay; the page of the shop that it leads to."""
    visitor.get(url)
    page = visitor.post(url, act=what)
    answer = visitor.client.get(page.location)

    return visitor.get(answer.location if answer.status_code == 303 else page.location)


@pytest.mark.parametrize("what", ["pay", "pay_twice"])
def test_one_order(any_shop: Shop, what: str) -> None:
    """It is one order with the address of the provider, also if that tells twice."""
    visitor = any_shop.visitor()
    visitor.add("harbour-mug", SKU)
    url = press(visitor)

    assert url.startswith("/sandbox-pay/")
    assert KNOWN["street"] in visitor.get(url)
    assert "Thank you, Sandy Box." in act(visitor, url, what)
    (order,) = any_shop.orders()
    assert order.address.columns() == KNOWN
    assert (order.total_cents, any_shop.stock(SKU)) == (1890, 31)
    assert visitor.lines() == []


def test_what_was_typed_is_kept(shop: Shop, visitor: Visitor) -> None:
    """The note, the quantity and the code go along, and are paid for."""
    visitor.add("pilot-kettle", "KETTLE-TAR")
    (line,) = visitor.lines()
    typed = {"metadata.note": "Ring twice", "code": "springtide"}
    url = press(visitor, **typed, **{f"quantity.{line}": "2"})

    assert "€98.50" in visitor.get(url)
    act(visitor, url, "pay")
    (order,) = shop.orders()
    assert (order.note, order.total_cents) == ("Ring twice", 9850)


def test_pressed_twice(shop: Shop, visitor: Visitor) -> None:
    """It is the same payment, which can be paid once."""
    visitor.add("harbour-mug", SKU)
    first, second = press(visitor), press(visitor)

    assert first == second
    act(visitor, first, "pay")
    assert 'value="pay"' not in visitor.get(second)
    assert len(shop.orders()) == 1


def test_pressed_twice_at_once(shop: Shop, visitor: Visitor) -> None:
    """Both lead to the one payment."""
    visitor.add("harbour-mug", SKU)
    visitor.get("/checkout")
    visitor.get("/basket/")
    token = visitor.field("csrf_token")
    clients = [shop.app.test_client() for _ in range(4)]
    cookies = visitor.client._cookies

    def send(client: object) -> tuple[int, str]:
        client._cookies.update(cookies)  # type: ignore[attr-defined]
        answer = client.post(  # type: ignore[attr-defined]
            "/express", data={"csrf_token": token}, headers={"Accept": "text/html"}
        )

        return answer.status_code, answer.location

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(send, clients))

    ((status, url),) = answers
    assert (status, url.split("/")[1]) == (303, "sandbox-pay")


def test_a_log_in_meanwhile(shop: Shop, visitor: Visitor) -> None:
    """The order is the account's, and the basket is empty."""
    visitor.add("harbour-mug", SKU)
    url = press(visitor)
    visitor.get("/signup")
    visitor.post("/signup", email="ada@example.org", password="kettle rope")

    assert "Thank you, Sandy Box." in act(visitor, url, "pay")
    assert visitor.lines() == []
    (order,) = shop.orders()
    assert order.number in visitor.get("/account")


def test_told_after_the_return(shop: Shop, visitor: Visitor) -> None:
    """Who is back before the shop is told waits, and nothing is ordered until then."""
    visitor.add("harbour-mug", SKU)
    url = press(visitor)

    assert "waiting for your payment" in act(visitor, url, "pay_late")
    assert shop.orders() == []
    assert "Thank you, Sandy Box." in act(visitor, url, "tell")
    assert len(shop.orders()) == 1


def test_refused_and_then_by_the_checkout(shop: Shop, visitor: Visitor) -> None:
    """Who pays by the form of the checkout after all has the parcel sent to what was
    typed there."""
    visitor.add("harbour-mug", SKU)
    url = press(visitor)
    assert "was refused" in act(visitor, url, "refuse")
    assert visitor.order(pay="sandbox").location == url

    assert KNOWN["street"] not in visitor.get(url)
    assert f"Thank you, {ADDRESS['name']}." in act(visitor, url, "pay")
    (order,) = shop.orders()
    assert order.address.columns() == ADDRESS


def test_what_a_card_leaves(shop: Shop, visitor: Visitor) -> None:
    """A gift card pays its part; if it pays all there is nothing to press, and an old
    page leads to the checkout."""
    visitor.add("pilot-kettle", "KETTLE-TAR")
    visitor.get("/basket/")
    visitor.follow(visitor.post("/basket/gift-card", card="RIPPLE"))
    assert "€46.90" in visitor.get(press(visitor))

    shop.charge_card("RIPPLE", 9000)
    assert "cart-express" not in visitor.get("/basket/")
    assert visitor.post("/express").location == "/checkout"


def test_a_card_that_is_refused(shop: Shop, visitor: Visitor) -> None:
    """What was typed wrong is shown in the basket, and no payment is begun."""
    visitor.add("harbour-mug", SKU)

    assert press(visitor, card="MADE-UP") == "/basket/#gift-card"


def test_a_coupon_that_is_refused(shop: Shop, visitor: Visitor) -> None:
    """Nobody pays without the code that they typed."""
    visitor.add("harbour-mug", SKU)
    visitor.get("/basket/")
    form = {"forward": visitor.field_of("cart-express"), "code": "MADE-UP"}
    answer = visitor.post("/basket/forward", **form)

    assert "/sandbox-pay/" not in str(answer.location)


@pytest.mark.parametrize("change", ["sold out", "dearer", "gone too heavy"])
def test_what_has_to_be_looked_at(shop: Shop, visitor: Visitor, change: str) -> None:
    """Then it is not offered, and an old page leads back to the basket."""
    visitor.add("watch-cap", "CAP-MOSS")

    if change == "sold out":
        shop.set_stock("CAP-MOSS", 0)
    elif change == "dearer":
        shop.set_price("CAP-MOSS", 9900)
    else:
        visitor.get("/basket/")
        visitor.post("/basket/shipping", method="Letter post")
        visitor.add("harbour-mug", "MUG-NAVY", "2")

    assert "cart-express" not in visitor.get("/basket/")
    page = visitor.follow(visitor.post("/express"))
    assert "something in your basket needs a look" in page
    assert shop.orders() == []


def test_nothing_to_pay_for(visitor: Visitor) -> None:
    """An empty basket is shown."""
    visitor.add("harbour-mug", SKU)
    (line,) = visitor.lines()
    visitor.post(f"/basket/lines/{line}/remove")
    visitor.get("/account")
    visitor.get("/goods/harbour-mug")

    assert visitor.post("/express").location == "/basket/"


def test_forged(visitor: Visitor) -> None:
    """A form of another site begins nothing."""
    visitor.add("harbour-mug", SKU)

    assert visitor.client.post("/express").status_code == 400
    assert visitor.client.get("/express").status_code in (404, 405)
    assert re.search(r'name="csrf_token"', visitor.get("/basket/"))
