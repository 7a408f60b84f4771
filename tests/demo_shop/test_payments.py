"""Payments with Sandbox Pay: one order for the money, or the money goes back."""

from __future__ import annotations

import re

import pytest

from demo_shop.sandbox_pay import SIGNATURE
from tests.support.slackwater import ADDRESS
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor

SKU = "MUG-NAVY"


def begin(visitor: Visitor) -> str:
    """Put a mug in the basket and go to pay it; where that is."""
    visitor.add("harbour-mug", SKU)
    answer = visitor.order(pay="sandbox")
    assert answer.status_code == 303
    assert answer.location.startswith("/sandbox-pay/")

    return str(answer.location)


def act(visitor: Visitor, url: str, what: str) -> str:
    """Press a button of Sandbox Pay; the page of the shop that it leads to."""
    visitor.get(url)
    answer = visitor.post(url, act=what)
    assert answer.status_code == 303
    answer = visitor.client.get(answer.location)

    if answer.status_code == 303:
        return visitor.get(answer.location)

    visitor.page = answer.text

    return visitor.page


def sign_up(visitor: Visitor) -> None:
    visitor.get("/signup")
    answer = visitor.post("/signup", email="ada@example.org", password="kettle rope")
    assert answer.status_code == 303


@pytest.mark.parametrize("what", ["pay", "pay_twice"])
def test_paid(any_shop: Shop, what: str) -> None:
    """What is paid is ordered once, however often the shop is told, with the address
    that was typed before."""
    visitor = any_shop.visitor()
    page = act(visitor, begin(visitor), what)

    assert f"Thank you, {ADDRESS['name']}." in page
    (order,) = any_shop.orders()
    assert (order.town, order.total_cents) == (ADDRESS["town"], 1890)
    assert any_shop.stock(SKU) == 31
    assert visitor.lines() == []


def test_told_later(any_shop: Shop) -> None:
    """Who is back before the shop is told is told to wait, and finds the order later,
    also after logging in; telling again changes nothing."""
    visitor = any_shop.visitor()
    url = begin(visitor)
    page = act(visitor, url, "pay_late")
    assert "waiting for your payment" in page
    assert any_shop.orders() == []

    sign_up(visitor)
    assert f"Thank you, {ADDRESS['name']}." in act(visitor, url, "tell")
    assert "Thank you" in act(visitor, url, "tell")
    assert "was told 2 times" in visitor.get(url)
    assert len(any_shop.orders()) == 1
    assert any_shop.stock(SKU) == 31
    assert visitor.lines() == []
    assert "SW-1001" in visitor.get("/account")


def test_refused(shop: Shop, visitor: Visitor) -> None:
    """What is refused is not ordered, stays in the basket, and may be paid later."""
    url = begin(visitor)

    assert "Your payment was refused." in act(visitor, url, "refuse")
    assert shop.orders() == []
    assert len(visitor.lines()) == 1

    assert "Thank you" in act(visitor, url, "pay")
    assert len(shop.orders()) == 1


def test_given_up(shop: Shop, visitor: Visitor) -> None:
    """Who gives up has everything in the basket, and gets back what comes after all;
    beginning again is another payment."""
    url = begin(visitor)
    page = act(visitor, url, "refuse")
    (stop,) = re.findall(r'action="(/payments/\w+/give-up)"', page)
    page = visitor.follow(visitor.post(stop))
    assert "Everything is still in your basket." in page

    assert "on its way back" in act(visitor, url, "pay")
    assert "gave the money back" in visitor.get(url)
    assert shop.orders() == []
    assert len(visitor.lines()) == 1

    again = str(visitor.order(pay="sandbox").location)
    assert again != url
    assert "Thank you" in act(visitor, again, "pay")


def test_given_up_after_it_was_paid(shop: Shop, visitor: Visitor) -> None:
    """An old page cannot give up what is ordered."""
    url = begin(visitor)
    page = act(visitor, url, "pay_late")
    (stop,) = re.findall(r'action="(/payments/\w+/give-up)"', page)
    act(visitor, url, "tell")
    visitor.get(url)

    answer = visitor.post(stop)
    assert answer.location == stop.removesuffix("/give-up")
    assert len(shop.orders()) == 1


def test_sold_out_meanwhile(shop: Shop, visitor: Visitor) -> None:
    """What is gone when the money comes is not ordered, and the money goes back."""
    url = begin(visitor)
    shop.set_stock(SKU, 0)

    assert "on its way back" in act(visitor, url, "pay")
    assert "gave the money back" in visitor.get(url)
    assert (shop.orders(), shop.stock(SKU)) == ([], 0)


def test_price_that_rises_meanwhile(shop: Shop, visitor: Visitor) -> None:
    """What is begun costs what it cost then."""
    url = begin(visitor)
    shop.set_price(SKU, 9900)

    assert "Thank you" in act(visitor, url, "pay")
    (order,) = shop.orders()
    assert order.total_cents == 1890


def test_the_same_again(shop: Shop, visitor: Visitor) -> None:
    """Who goes back and pays with the same form pays once."""
    visitor.add("harbour-mug", SKU)
    first = visitor.order(pay="sandbox").location
    second = visitor.order(pay="sandbox").location
    assert first == second

    act(visitor, str(first), "pay")
    assert 'value="pay"' not in visitor.get(str(second))
    assert "Thank you" in act(visitor, str(second), "tell")
    assert len(shop.orders()) == 1


def test_a_stale_form(shop: Shop, visitor: Visitor) -> None:
    """What has changed since the form was shown is not paid."""
    visitor.add("harbour-mug", SKU)
    seen = visitor.checkout_form()
    visitor.add("harbour-mug", SKU)
    page = visitor.follow(visitor.post("/checkout", **seen, pay="sandbox"))

    assert "changed in another tab, so we haven't ordered anything" in page


def test_a_payment_belongs_to_its_browser(shop: Shop, visitor: Visitor) -> None:
    """Others do not see what somebody pays."""
    page = act(visitor, begin(visitor), "pay_late")
    (stop,) = re.findall(r'action="(/payments/\w+)/give-up"', page)
    other = shop.visitor()

    other.get(stop, 404)
    other.get("/sandbox-pay/made-up", 404)


@pytest.mark.parametrize("signature", ["", "0" * 64])
def test_notices_of_others(shop: Shop, visitor: Visitor, signature: str) -> None:
    """Nobody but Sandbox Pay can say that something was paid."""
    begin(visitor)
    notice = {"reference": "x", "state": "paid", "cents": 1}
    answer = shop.app.test_client().post(
        "/payments/notify", json=notice, headers={SIGNATURE: signature}
    )

    assert answer.status_code == 403
    assert shop.orders() == []
