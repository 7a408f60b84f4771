"""Prices without VAT: how they are shown, and that all of it adds up."""

import re
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from demo_shop.extensions import cart_ext
from demo_shop.services.net_prices import net_of
from flask_cart import Totals
from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import find_barriers
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor
from tests.support.windows import add
from tests.support.windows import button

#: Prints have 13.5 % VAT, and all else 23 %.
BASKETS = [
    {"MUG-NAVY": 1},
    {"MUG-NAVY": 3, "LOGBOOK-RUST": 1},
    {"PRINT-A4": 3},
    {"PRINT-A4": 1, "MUG-NAVY": 2, "KETTLE-TAR": 1, "CAP-MOSS": 1},
    {"KETTLE-TAR": 3},
    {"CLEAT": 3, "PRINT-A3": 2, "BOOTS-41": 1},
]
COUPONS = ["SPRINGTIDE", "BIGFISH", "FAIRWIND", "MAIDENVOYAGE"]


def choose(visitor: Visitor, prices: str, page: str = "/") -> str:
    """Press a button below a page."""
    visitor.get(page)
    response = visitor.client.post("/prices", data={"prices": prices, "next": page})

    return visitor.follow(response)


def sums(page: str) -> dict[str, Decimal]:
    """What a page says of the totals, by what it is called."""
    block = page.partition('<dl class="totals">')[2].partition("</dl>")[0]
    rows = re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", block)

    return {name: amount(text) for name, text in rows}


def amount(text: str) -> Decimal:
    return Decimal(text.replace("€", "").replace(",", ""))


@pytest.mark.parametrize("code", ["", *COUPONS])
def test_they_add_up(shop: Shop, code: str) -> None:
    """Lines to goods, goods and what is added and taken off to the total without VAT,
    and that with the taxes to the total, to the cent; each as it is called for."""
    with shop.app.app_context():
        for number, items in enumerate(BASKETS):
            cart = cart_ext.cart(owner=f"user:{number}")
            cart.add_many({"product": k, "quantity": n} for k, n in items.items())
            cart.shipping.choose("Post, tracked")

            if code:
                cart.coupons.add(code)

            check(cart.totals)


def check(totals: Totals) -> None:
    net = net_of(totals)
    changed = {each.name: each.amount for each in totals.adjustments if each.amount}
    taxes = sum(tax.amount.amount for tax in totals.taxes)

    assert sum(each.amount for each in net.lines.values()) == net.goods.amount
    assert sum(net.adjustments.values(), net.goods) == net.total
    assert net.total.amount + taxes == totals.total.amount
    assert list(net.adjustments) == list(changed)

    for line in totals.lines:
        rate = "1.135" if line.attributes["tax_class"] == "reduced" else "1.23"
        wanted = line.subtotal.amount / Decimal(rate)

        assert abs(net.lines[line.id].amount - wanted) <= Decimal("0.02")

    for name, gross in changed.items():
        assert Decimal("0.8") < net.adjustments[name] / gross < Decimal("0.9")


def test_every_page_has_the_switch(visitor: Visitor) -> None:
    """It is remembered, leads back to the page, and makes no session for it."""
    assert "€14.00" in visitor.get("/goods/harbour-mug")
    assert "with 23% VAT" in visitor.page

    page = choose(visitor, "net", "/goods/harbour-mug")

    assert "€11.38" in page
    assert "€14.00" not in page.partition("<main")[2]
    assert "plus 23% VAT" in page

    for path in ["/", "/shelves/galley", "/search", "/basket/", "/login", "/race/"]:
        page = visitor.get(path)

        assert 'value="net" aria-current="true"' in page
        assert "Prices are without VAT; what you pay is with it." in page

    assert "€11.38" in visitor.get("/shelves/galley")
    assert "€14.00" in choose(visitor, "gross", "/shelves/galley")


@pytest.mark.parametrize("prices", ["", "neither", "NET"])
def test_a_switch_that_is_none_of_ours(visitor: Visitor, prices: str) -> None:
    """It changes nothing, and leads to no other site."""
    response = visitor.client.post(
        "/prices", data={"prices": prices, "next": "//evil.example"}
    )

    assert response.location == "/"
    assert "Set-Cookie" not in response.headers


def test_the_basket_says_what_is_paid(any_shop: Shop) -> None:
    """All that is without VAT is said to be, and what is paid is the same; so it is
    beside a page, and at the checkout, where it is ordered."""
    visitor = any_shop.visitor()
    visitor.add("harbour-mug", "MUG-NAVY", "2")
    with_vat = sums(visitor.get("/basket/"))
    page = choose(visitor, "net", "/basket/")
    without = sums(page)

    assert with_vat["Total"] == without["Total with VAT"] == Decimal("32.90")
    assert (
        without["Total without VAT"] + without["VAT 23%"] == without["Total with VAT"]
    )
    assert without["Goods"] + without["Post, tracked"] == without["Total without VAT"]
    assert "€11.38 each" in page
    assert "€22.77" in page
    assert "Total with VAT" in visitor.get("/basket/?drawer=1")
    assert "€22.77" in visitor.page
    assert sums(visitor.get("/checkout")) == without
    assert "Thank you" in visitor.follow(visitor.order())
    assert [each.total_cents for each in any_shop.orders()] == [3290]


def test_lists_are_without_vat_too(shop: Shop, visitor: Visitor) -> None:
    """Also what is said of a price that fell."""
    visitor.add("harbour-mug", "MUG-NAVY", "2")
    (mug,) = visitor.lines()
    visitor.post(f"/basket/lines/{mug}/move", to="later")
    shop.set_price("MUG-NAVY", 1230)
    page = choose(visitor, "net", "/basket/later/")

    assert "It was €11.38 when you saved it, now it is €10.00." in page
    assert "€20.00" in page


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_switch_on_a_phone(open_window: Visits, scripts: bool) -> None:
    """By keyboard, and with a step after it, which shows all that has changed."""
    page = open_window(viewport=PHONE, java_script_enabled=scripts)
    add(page, "harbour-mug", "Fog")
    page.goto("/basket/")
    button(page, "Without VAT").press("Enter")

    expect(page.locator(".line-sum")).to_contain_text("€11.38")
    expect(page.locator(".reach")).to_contain_text("Total with VAT €18.90")
    assert not scripts or find_barriers(page) == []

    button(page, "One more: Harbour mug").click()

    expect(page.locator(".line-sum")).to_contain_text("€22.77")
    expect(page.locator(".reach")).to_contain_text("€32.90")
