"""What the shop adds to the pages of the basket, without JavaScript."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from demo_shop import create_app
from demo_shop.extensions import db
from demo_shop.models import Variant
from flask_cart import current_cart
from tests.support.slackwater import Shop

MUG = ("harbour-mug", "MUG-NAVY")


@pytest.fixture
def any_visitor(any_shop):
    """A visitor of the shop, whose baskets are in each of the storages."""
    return any_shop.visitor()


@contextmanager
def counted(shop: Shop) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    statements: list[str] = []

    def note(_connection, _cursor, statement, *_) -> None:
        statements.append(statement)

    with shop.app.app_context():
        engine = db.engine

    sa.event.listen(engine, "before_cursor_execute", note)
    yield statements
    sa.event.remove(engine, "before_cursor_execute", note)


def said(page: str) -> str:
    """What the page says about the last change."""
    return " ".join(re.findall(r'<div class="cart-message.*?<p>(.*?)</p>', page, re.S))


def test_wishing(any_visitor):
    """A wish comes from a card or a product, sold out or not, and can be bought."""
    any_visitor.get("/shelves/foul-weather")
    response = any_visitor.post(
        "/basket/wishlist/lines", item="BOOTS-42", next="/shelves/foul-weather"
    )
    page = any_visitor.follow(response)

    assert "Slipway boots: on your wishlist." in said(page)
    assert "Slipway boots" in page

    any_visitor.post("/basket/wishlist/lines", item="CAP-MOSS")
    boots, cap = any_visitor.lines("wishlist/")

    assert "Sold out for now." in any_visitor.page
    assert any_visitor.page.count("Move to the basket</button>") == 1

    move = any_visitor.post(f"/basket/wishlist/lines/{cap}/move", to="default")

    assert "Watch cap: in your basket now." in said(any_visitor.follow(move))
    assert any_visitor.lines("wishlist/") == [boots]
    assert any_visitor.lines() == [cap]


def test_saving_for_later(any_visitor):
    """What is saved for later is not paid, and comes back as it was."""
    any_visitor.add(*MUG, "3")
    any_visitor.add("pilot-kettle", "KETTLE-TAR")
    mugs, kettle = any_visitor.lines()
    page = any_visitor.follow(
        any_visitor.post(f"/basket/lines/{mugs}/move", to="later")
    )

    assert "Harbour mug: kept for later now." in said(page)
    assert "€56.90" in page
    assert any_visitor.lines("later/") == [mugs]
    assert "3 pieces" in any_visitor.page
    assert "Post, tracked" not in any_visitor.page

    any_visitor.post(f"/basket/later/lines/{mugs}/move", to="default")

    assert any_visitor.lines() == [mugs, kettle]
    assert "€98.90" in any_visitor.page


def test_a_wish_that_sells_out_stays_a_wish(any_shop, any_visitor):
    """What cannot be bought is not moved, and the shopper reads why."""
    any_visitor.get("/")
    any_visitor.post("/basket/wishlist/lines", item="CAP-MOSS", quantity="3")
    (cap,) = any_visitor.lines("wishlist/")
    any_shop.set_stock("CAP-MOSS", 2)
    page = any_visitor.follow(
        any_visitor.post(f"/basket/wishlist/lines/{cap}/move", to="default")
    )

    assert "“Watch cap, Moss”: only 2 are left" in said(page)
    assert any_visitor.lines("wishlist/") == [cap]
    assert any_visitor.lines() == []


def test_undo(any_visitor):
    """The page after a removal has a form that puts everything back, once."""
    any_visitor.add(*MUG, "3")
    (mugs,) = any_visitor.lines()
    page = any_visitor.follow(any_visitor.post(f"/basket/lines/{mugs}/remove"))
    form = re.search(r'class="cart-form cart-undo".*?</form>', page, re.S)

    assert "Harbour mug is out of your basket." in said(page)
    assert form is not None

    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[0]))
    action = re.findall(r'action="([^"]*)"', form[0])[0]
    any_visitor.client.post(action, data=fields)
    any_visitor.client.post(action, data=fields)

    assert any_visitor.lines() == [mugs]
    assert any_visitor.field(f"quantity.{mugs}") == "3"


def test_a_lower_price_is_taken_and_said(shop, visitor):
    """The basket has the new price at once, also in the header, and says so once."""
    visitor.add(*MUG)
    shop.set_price("MUG-NAVY", 1200)
    page = visitor.get("/basket/")

    assert "It costs less now: €12.00, not €14.00." in page
    assert '<span class="basket-total">€16.90</span>' in page
    assert "costs less" not in visitor.get("/basket/")


def test_a_higher_price_is_asked_for(any_shop, any_visitor):
    """Nothing is ordered before the shopper has taken the price that they read."""
    any_visitor.add(*MUG)
    form = any_visitor.checkout_form()
    any_shop.set_price("MUG-NAVY", 1500)
    page = any_visitor.follow(any_visitor.post("/checkout", **form))

    assert "something in your basket needs a look" in page
    assert "The price went up to €15.00 since you chose it." in page
    assert "€18.90" in page
    assert any_visitor.client.get("/checkout").location == "/basket/"
    assert any_shop.orders() == []

    any_visitor.get("/basket/")
    found = re.search(r'name="(price\.\w+)" value="([^"]*)"', any_visitor.page)
    assert found is not None
    consent = {found[1]: found[2]}
    any_shop.set_price("MUG-NAVY", 1600)
    page = any_visitor.follow(any_visitor.post("/basket/lines/prices", **consent))

    assert "A price has just changed once more." in page
    assert "The price went up to €16.00" in page

    consent[found[1]] = "16.00"
    page = any_visitor.follow(any_visitor.post("/basket/lines/prices", **consent))

    assert "Your basket has the new prices." in page
    assert "€20.90" in page
    assert "Thank you" in any_visitor.follow(any_visitor.order())
    assert [each.total_cents for each in any_shop.orders()] == [2090]


def test_a_lower_price_at_the_checkout(shop, visitor):
    """The checkout shows the new total before anything is ordered for it."""
    visitor.add(*MUG)
    form = visitor.checkout_form()
    shop.set_price("MUG-NAVY", 1200)
    response = visitor.post("/checkout", **form)

    assert response.status_code == 409
    assert "A price has changed since this page was made." in response.text
    assert "Order for €16.90" in response.text
    assert shop.orders() == []
    assert "€16.90" in visitor.follow(visitor.order())


def test_too_many_for_the_checkout(shop, visitor):
    """Who cannot order what is in the basket is told before the address."""
    visitor.add("harbour-mug", "MUG-BUOYRED", "3")
    shop.set_stock("MUG-BUOYRED", 1)
    response = visitor.client.get("/checkout")

    assert response.location == "/basket/"
    assert "Only 1 left. Please lower the quantity." in visitor.get("/basket/")


def test_the_sale_ends(shop, visitor):
    """The end of a sale is a higher price, and not said to be a saving."""
    visitor.add("cleat-hook", "CLEAT")

    assert "10% off" in visitor.page

    shop.set_price("CLEAT", 2000)
    page = visitor.get("/basket/")

    assert "The price went up to €18.00" in page
    assert "You save" not in page


def test_a_coupon_in_an_order(any_shop, any_visitor):
    """The code is used with the order, wherever the basket is."""
    any_visitor.add("pilot-kettle", "KETTLE-TAR")
    any_visitor.enter("springtide")
    form = any_visitor.checkout_form()
    first = any_visitor.post("/checkout", **form)
    second = any_visitor.post("/checkout", **form)

    assert "€51.70" in any_visitor.follow(first)
    assert second.location == first.location
    assert any_shop.used("SPRINGTIDE") == (1, 1)
    assert any_visitor.lines() == []


def test_a_form_that_is_sent_twice_adds_once(any_visitor):
    """A double click and a reload are one addition; the next page adds again."""
    any_visitor.get("/goods/harbour-mug")

    for _ in range(3):
        any_visitor.post("/basket/lines", item="MUG-NAVY")

    any_visitor.get("/goods/harbour-mug")
    any_visitor.post("/basket/lines", item="MUG-NAVY")
    (mugs,) = any_visitor.lines()

    assert any_visitor.field(f"quantity.{mugs}") == "2"


def test_why_this_total(visitor):
    """The page tells how the total comes about, step by step."""
    visitor.add("cleat-hook", "CLEAT", "4")
    page = visitor.enter("SPRINGTIDE")
    why = re.search(r'<details class="why">.*?</details>', page, re.S)
    assert why is not None
    steps = [
        " ".join(re.sub("<.*?>", "", step).split())
        for step in re.findall("<li>.*?</li>", why[0], re.S)
    ]

    assert steps == [
        "4 \u00d7 Cleat hook at €16.65 · 10% off €18.50 €66.60",
        "SPRINGTIDE (-10%): from €66.60 to €59.94 -€6.66",
        "Post, tracked: from €59.94 to €64.84 €4.90",
        "VAT 23% in €64.84 €12.12",
    ]


def test_the_storage_is_named(any_shop, any_visitor):
    """The footer tells where the baskets are."""
    assert any_shop.app.config["DEMO_SHOP_PLACE"] in any_visitor.get("/")


def test_many_lines_are_no_more_statements(shop):
    """What the lines are made of is read together, however many they are."""
    visitor = shop.visitor()
    visitor.add("lighthouse-cards", "CARDS")
    counts = []

    for sku in ("MUG-NAVY", "MUG-FOG", "CAP-MOSS", "KETTLE-TAR", "CLEAT"):
        visitor.get("/goods/harbour-mug")
        visitor.post("/basket/lines", item=sku)

        with counted(shop) as statements:
            visitor.get("/basket/")

        counts.append(len(statements))

    # Three of them are for the carts of the shopper, and one for the link to them.
    assert set(counts) == {9}


def test_an_unknown_storage(tmp_path):
    """A typing error is told at once."""
    with pytest.raises(ValueError, match="must be 'database', 'session' or 'cache'"):
        create_app({"DEMO_SHOP_STORAGE": "databse"})


def test_a_long_basket(shop):
    """A thousand lines are on pages of fifty, each below 300 KiB."""

    @shop.app.before_request
    def fill() -> None:
        if len(current_cart) == 1:
            with current_cart.batch():
                for each in range(999):
                    current_cart.add(str(each), price=1)

    visitor = shop.visitor()
    visitor.get("/goods/harbour-mug")
    visitor.post("/basket/lines", item="MUG-NAVY")
    page = visitor.get("/basket/?page=20")

    assert len(page.encode()) < 300 * 1024
    assert page.count('class="line cart-line"') == 50
    assert "Page 20 of 20" in page
    assert "<li><span>1000 lines</span>" in page


def test_one_more_of_one_of_many_lines(shop, visitor):
    """What is sent to a page that has the others is below 10 KB; the basket beside a
    page is lighter."""
    with shop.app.app_context():
        skus = db.session.scalars(
            sa.select(Variant.sku).where(Variant.stock > 2).limit(34)
        )
        items = [{"item": sku} for sku in skus]

    visitor.get("/login")
    token = {"X-CSRFToken": visitor.field("csrf_token")}
    visitor.client.post("/basket/lines/many", json={"items": items}, headers=token)
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/basket/"}

    for address, most in [("/basket/", 10_000), ("/basket/?drawer=1", 6_500)]:
        visitor.page = visitor.client.get(address, headers=headers).text
        line = re.findall(r"/lines/(\w+)/increment", visitor.page)[20]
        form = {"by": "1", "next": address, "csrf_token": visitor.field("csrf_token")}
        known = re.findall(r'data-piece="(\w+)"', visitor.page)
        answer = visitor.client.post(
            f"/basket/lines/{line}/increment",
            data=form,
            headers=headers | {"Cart-Pieces": " ".join(known)},
            follow_redirects=True,
        )

        assert len(known) >= 34
        assert answer.text.count("line-picture") == 1
        assert len(answer.data) < most
