"""Other currencies: by the price list of the shop, with all that is in the basket."""

import re
from decimal import Decimal

import pytest
from moneyed import Money
from playwright.sync_api import expect
from sqlalchemy import delete

from demo_shop.extensions import db
from demo_shop.models import Variant
from demo_shop.money import asked_in
from demo_shop.money import cents
from demo_shop.money import euros
from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import find_barriers
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor
from tests.support.windows import add
from tests.support.windows import button

PASSWORD = "kettle rope tide"
TOLD = "What you have put by has the prices of our list now."


def choose(visitor: Visitor, currency: str, page: str = "/basket/") -> str:
    """Press a button below a page."""
    visitor.get(page)
    form = {"currency": currency, "next": page}

    return visitor.follow(visitor.client.post("/currency", data=form))


def total(page: str) -> str:
    """The total that the page shows."""
    found = re.search(r'totals-sum"><dt>[^<]*</dt><dd>([^<]*)</dd>', page)
    assert found is not None

    return found[1]


@pytest.mark.parametrize("amount", [0, 1, 5, 240, 490, 1400, 3330, 12345, 99999])
@pytest.mark.parametrize("currency", ["EUR", "GBP", "USD"])
def test_the_price_list(currency: str, amount: int) -> None:
    """Prices in other currencies are round; those in euros are as they are, and what is
    asked for already is not asked for again."""
    price = euros(amount)
    asked = asked_in(currency, price)

    assert asked.currency.code == currency
    assert asked_in(currency, asked) == asked
    assert currency != "EUR" or asked == price
    assert currency == "EUR" or cents(asked) % 10 == 0
    assert abs(asked_in("EUR", asked) - price) <= Money(Decimal("0.07"), "EUR")


def test_a_basket_is_changed_in_one_save(any_shop: Shop) -> None:
    """Lines, post and total, and what is kept beside it; back again, they cost what
    they did."""
    visitor = any_shop.visitor()
    visitor.add("harbour-mug", "MUG-NAVY", "2")
    visitor.add("logbook", "LOGBOOK-RUST")
    mug, _ = visitor.lines()
    visitor.post(f"/basket/lines/{mug}/move", to="later")
    before = total(visitor.get("/basket/"))
    page = choose(visitor, "USD")

    assert TOLD in page
    assert before == "€25.90"
    assert total(page) == "US$29.80"
    assert "€" not in page.partition("<main")[2].partition("coupons")[0]
    assert "US$16.10 each" in visitor.get("/basket/later/")
    assert total(choose(visitor, "EUR")) == before


def test_what_is_ordered_is_in_the_currency(any_shop: Shop) -> None:
    """From the shelf to the receipt, also of a basket that begins with it."""
    visitor = any_shop.visitor()
    choose(visitor, "GBP", "/goods/harbour-mug")

    assert "£12.30" in visitor.page
    assert "£12.30" in visitor.get("/shelves/galley")

    page = visitor.add("harbour-mug", "MUG-NAVY")

    assert total(page) == "£16.60"
    assert "£16.60" in visitor.get("/checkout")
    assert "£16.60" in visitor.follow(visitor.order())
    assert [(e.total_cents, e.currency) for e in any_shop.orders()] == [(1660, "GBP")]
    assert "£16.60" in visitor.get("/account")


def test_it_is_paid_in_the_currency(shop: Shop, visitor: Visitor) -> None:
    """Sandbox Pay asks for as much, and the order is made of what it says."""
    choose(visitor, "USD", "/")
    visitor.add("harbour-mug", "MUG-NAVY")
    response = visitor.order(pay="sandbox")

    assert "US$21.70" in visitor.get(response.location or "")

    visitor.post(response.location or "", act="pay")

    assert [(e.total_cents, e.currency) for e in shop.orders()] == [(2170, "USD")]


def test_coupons_are_by_the_list(shop: Shop, visitor: Visitor) -> None:
    """From so much on, up to so much, and so much off, in the currency of the cart."""
    choose(visitor, "USD", "/")
    visitor.add("pilot-kettle", "KETTLE-TAR")

    page = visitor.enter("FAIRWIND")

    assert "applies to orders of US$69.00 or more" in page
    # What there is to try is told in it as well.
    assert "10% off orders of US$46.00 or more" in page
    assert "20% off, up to US$17.30" in page

    for code, saved in [("SPRINGTIDE", "US$5.98"), ("MAIDENVOYAGE", "US$5.80")]:
        assert f"you save {saved}" in visitor.enter(code)

    visitor.get("/goods/pilot-kettle")
    visitor.add("pilot-kettle", "KETTLE-TAR")

    assert "you save US$17.30" in visitor.enter("BIGFISH")


def test_a_gift_card_pays_in_euros_alone(shop: Shop, visitor: Visitor) -> None:
    """It says so, keeps what is on it, and pays again when the basket is in euros."""
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.follow(visitor.post("/basket/gift-card", card="RIPPLE"))

    assert "It pays €10.00." in visitor.page

    page = choose(visitor, "USD")

    assert "It is in euros, and your basket is not" in page
    assert "To pay" not in page

    visitor.post("/basket/gift-card/remove")
    page = visitor.follow(visitor.post("/basket/gift-card", card="RIPPLE"))

    assert "Choose euros first" in page
    assert "Thank you" in visitor.follow(visitor.order())
    assert shop.card("RIPPLE") == 1000


def test_a_guest_in_another_currency_logs_in(shop: Shop) -> None:
    """What they have comes along, at the price of the list in the account's currency;
    the browser then shows all of it in the one that it has chosen."""
    desk, phone = shop.visitor(), shop.visitor()
    form = {"email": "ada@example.org", "password": PASSWORD}
    desk.get("/signup")
    desk.post("/signup", **form)
    desk.add("harbour-mug", "MUG-NAVY")
    choose(phone, "USD", "/")
    phone.add("logbook", "LOGBOOK-RUST")
    phone.get("/login")
    page = phone.follow(phone.post("/login", **form))

    assert "We added one thing from this browser to your basket." in page
    assert len(phone.lines()) == 2
    assert total(phone.page) == "US$45.90"
    assert total(desk.get("/basket/")) == "€39.90"


def test_what_is_not_sold_any_more_comes_along(shop: Shop, visitor: Visitor) -> None:
    """At what it cost, by the list, so that the rest can be seen and it can be
    removed."""
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.add("logbook", "LOGBOOK-RUST")

    with shop.app.app_context():
        db.session.execute(delete(Variant).where(Variant.sku == "MUG-NAVY"))
        db.session.commit()

    page = choose(visitor, "USD")

    assert "US$16.10 each" in page
    assert "We don't sell this any more." in page


@pytest.mark.parametrize("currency", ["", "JPY", "usd"])
def test_a_currency_that_the_shop_does_not_take(
    visitor: Visitor, currency: str
) -> None:
    """Nothing is changed, and nobody is led to another site."""
    visitor.add("harbour-mug", "MUG-NAVY")
    form = {"currency": currency, "next": "https://evil.example"}
    response = visitor.client.post("/currency", data=form)

    assert response.location == "/"
    assert total(visitor.get("/basket/")) == "€18.90"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_switch_on_a_phone(open_window: Visits, scripts: bool) -> None:
    """By keyboard; a step after it is in the currency, too."""
    page = open_window(viewport=PHONE, java_script_enabled=scripts)
    add(page, "harbour-mug", "Fog")
    page.goto("/basket/")
    button(page, "US dollars").press("Enter")

    expect(page.get_by_text(TOLD)).to_be_visible()
    expect(page.locator(".reach")).to_contain_text("US$21.70")
    assert not scripts or find_barriers(page) == []

    button(page, "One more: Harbour mug").click()

    expect(page.locator(".reach")).to_contain_text("US$37.80")
