"""Coupons in the demo shop, as a shopper without JavaScript sees them."""

import datetime as dt
import re

import pytest

from demo_shop.extensions import cart_ext
from tests.support.guests import owner_of

NOW = dt.datetime(2025, 5, 3, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
JSON = "application/json"


@pytest.fixture
def at_noon(monkeypatch):
    """The shop's clock says that it is the third of May."""
    monkeypatch.setattr(cart_ext, "clock", lambda: NOW)


def amounts(page: str) -> dict[str, str]:
    """The rows of the sums on a page."""
    return dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", page))


def test_a_percentage(visitor):
    """The code is found however it is written, and the page says what it takes off."""
    visitor.add("pilot-kettle", "KETTLE-TAR")
    page = visitor.enter(" spring tide")

    assert amounts(page) == {
        "Goods": "€52.00",
        "SPRINGTIDE": "-€5.20",
        "Post, tracked": "€4.90",
        "Total": "€51.70",
        "of which VAT 23%": "€9.67",
        "You save": "€5.20",
    }
    assert "10% off orders of €40.00 or more: you save €5.20." in page


def test_a_percentage_with_a_cap(visitor):
    """A fifth off, but never more than 15 euros."""
    visitor.add("harbour-mug", "MUG-NAVY")

    assert amounts(visitor.enter("BIGFISH"))["BIGFISH"] == "-€2.80"

    visitor.add("deckhand-jumper", "JUMPER-NAVY-S")

    assert amounts(visitor.get("/basket/"))["BIGFISH"] == "-€15.00"


def test_the_cheapest_of_three_is_free(visitor):
    """It counts the pieces of one shelf, and says how many it needs."""
    visitor.add("watch-cap", "CAP-MOSS", "3")
    page = visitor.enter("CREWOFTHREE")

    assert "CREWOFTHREE is for things from the Galley shelf. None is in here" in page

    visitor.add("harbour-mug", "MUG-NAVY", "2")

    assert "CREWOFTHREE needs 3 things from the Galley shelf" in visitor.get("/basket/")

    visitor.add("pilot-kettle", "KETTLE-TAR")

    assert amounts(visitor.get("/basket/"))["CREWOFTHREE"] == "-€14.00"


def test_free_post(visitor):
    """From 60 euros on, the coupon takes off what the post costs."""
    visitor.add("pilot-kettle", "KETTLE-TAR")
    page = visitor.enter("FAIRWIND")

    assert "FAIRWIND applies to orders of €60.00 or more: add €8.00." in page
    assert amounts(page)["Total"] == "€56.90"

    visitor.add("harbour-mug", "MUG-NAVY")
    sums = amounts(visitor.get("/basket/"))

    assert sums["FAIRWIND"] == "-€4.90"
    assert sums["Total"] == "€66.00"


def test_it_comes_and_goes_with_what_is_in_the_basket(visitor):
    """Below its minimum the coupon stays, says what is missing, and takes nothing."""
    visitor.add("harbour-mug", "MUG-NAVY", "3")
    visitor.enter("SPRINGTIDE")
    (mugs,) = visitor.lines()
    page = visitor.follow(visitor.post(f"/basket/lines/{mugs}/increment", by="-1"))

    assert "SPRINGTIDE applies to orders of €40.00 or more: add €12.00." in page
    assert amounts(page) == {
        "Goods": "€28.00",
        "Post, tracked": "€4.90",
        "Total": "€32.90",
        "of which VAT 23%": "€6.15",
    }
    assert "add €12.00" in visitor.get("/checkout")

    visitor.get("/basket/")
    page = visitor.follow(visitor.post(f"/basket/lines/{mugs}/increment"))

    assert amounts(page)["SPRINGTIDE"] == "-€4.20"


def test_the_minimum_is_of_sale_prices(shop, visitor):
    """What the sale takes off does not count for the minimum."""
    shop.print_coupon("EIGHTEEN", minimum_cents=1800)
    visitor.add("cleat-hook", "CLEAT")

    assert "applies to orders of €18.00 or more: add €1.35" in visitor.enter("EIGHTEEN")


def test_it_can_be_removed_and_replaced(visitor):
    """One code at a time is in the basket, and none after it is removed."""
    visitor.add("pilot-kettle", "KETTLE-TAR")
    visitor.enter("SPRINGTIDE")
    page = visitor.enter("BIGFISH")

    assert "BIGFISH" in amounts(page)
    assert "SPRINGTIDE" not in amounts(page)

    page = visitor.follow(visitor.post("/basket/coupons/BIGFISH/remove"))

    assert amounts(page)["Total"] == "€56.90"
    assert 'name="code" type="text"' in page


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("SPRINGTYDE", "“SPRINGTYDE” isn't one of our codes"),
        ("", "Please type a code"),
        ("<b>", "“<b>” isn't one of our codes"),
        ("b\u0131gfish", "isn't one of our codes"),
        ("' OR 1=1 --", "isn't one of our codes"),
        ("x" * 500, "isn't one of our codes"),
        ("ENDED", "ENDED ended on 3 May 2025."),
        ("LATER", "LATER starts on 4 May 2025."),
        ("GONE", "Sorry, GONE has been used up."),
    ],
)
def test_a_code_that_is_no_use(shop, visitor, at_noon, code, answer):
    """The box says what is wrong, and the basket stays as it was."""
    shop.print_coupon("ENDED", ends_at=NOW)
    shop.print_coupon("LATER", starts_at=NOW + 12 * HOUR)
    shop.print_coupon("GONE", total_limit=2, used=2)
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.enter("BIGFISH")
    page = visitor.enter(code)
    found = re.search(r'id="code-error">(.*?)</p>', page)

    assert found is not None
    assert answer in found[1]
    assert f'name="code" type="text" value="{code[:40]}"' in page
    assert amounts(page)["BIGFISH"] == "-€2.80"


@pytest.mark.parametrize("typed", ["{x}", "{", "}", "{place}", "{place.__class__}"])
def test_what_is_typed_is_only_text(visitor, typed):
    """A brace means nothing in a code, nor in the name of a basket."""
    visitor.add("harbour-mug", "MUG-NAVY")

    assert f"“{typed}” isn't one of our codes." in visitor.enter(typed)

    visitor.get(f"/basket/{typed}/", status=404)
    response = visitor.client.get(f"/basket/{typed}/", headers={"Accept": JSON})

    assert response.status_code == 404
    assert response.json["detail"] == f"There is no cart '{typed}'."


def test_a_code_for_an_empty_basket(visitor):
    """There is nothing to take something off, so the code is not kept."""
    visitor.add("harbour-mug", "MUG-NAVY")
    (mug,) = visitor.lines()
    visitor.follow(visitor.post(f"/basket/lines/{mug}/remove"))
    visitor.get("/goods/harbour-mug")
    visitor.follow(visitor.post("/basket/coupons", code="BIGFISH"))

    assert "BIGFISH" not in amounts(visitor.add("harbour-mug", "MUG-NAVY"))


def test_it_starts_and_ends_in_the_basket(shop, visitor, monkeypatch):
    """A coupon that ends while it is in a basket takes nothing off any more."""
    shop.print_coupon("MAY", starts_at=NOW, ends_at=NOW + HOUR)
    monkeypatch.setattr(cart_ext, "clock", lambda: NOW)
    visitor.add("harbour-mug", "MUG-NAVY")

    assert amounts(visitor.enter("MAY"))["MAY"] == "-€1.40"

    monkeypatch.setattr(cart_ext, "clock", lambda: NOW + HOUR)
    page = visitor.get("/basket/")

    assert "MAY ended on 3 May 2025." in page
    assert "MAY" not in amounts(page)


def test_the_order_keeps_what_it_took_off(shop, visitor):
    """The order shows the code, and the coupon counts one use."""
    visitor.add("pilot-kettle", "KETTLE-TAR")
    visitor.enter("SPRINGTIDE")
    page = visitor.follow(visitor.order())

    assert amounts(page) == {
        "Goods": "€52.00",
        "SPRINGTIDE": "-€5.20",
        "Post, tracked": "€4.90",
        "Total": "€51.70",
        "of which VAT 23% in €51.70": "€9.67",
        "You saved": "€5.20",
    }
    assert shop.used("SPRINGTIDE") == (1, 1)


def test_a_coupon_that_took_nothing_off_is_not_used(shop, visitor):
    """A code that was noted, but did not apply, can be used another time."""
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.enter("SPRINGTIDE")
    visitor.follow(visitor.order())

    assert shop.used("SPRINGTIDE") == (0, 0)


def test_already_used_by_you(visitor):
    """After an order with it, a coupon for one order of each customer is refused."""
    visitor.add("harbour-mug", "MUG-NAVY")

    assert amounts(visitor.enter("MAIDENVOYAGE"))["MAIDENVOYAGE"] == "-€5.00"

    visitor.order()
    visitor.add("harbour-mug", "MUG-NAVY")

    assert "You have used MAIDENVOYAGE already." in visitor.enter("maidenvoyage")


def test_first_order_only(shop, visitor):
    """After any order, a coupon for a first one is refused."""
    shop.print_coupon("WELCOME", first_order=True)
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.order()
    visitor.add("harbour-mug", "MUG-NAVY")

    assert "WELCOME is for a first order" in visitor.enter("WELCOME")


def test_a_coupon_that_is_used_up_before_the_order(shop, visitor):
    """The checkout says so with the new total, and what was typed stays."""
    shop.print_coupon("LAST", total_limit=1)
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.enter("LAST")
    form = visitor.checkout_form()
    shop.change_coupon("LAST", used=1)
    response = visitor.post("/checkout", **form)

    assert response.status_code == 409
    assert "Sorry, LAST has been used up." in response.text
    assert "The total is €18.90 now. Nothing was ordered yet." in response.text
    assert "Order for €18.90" in response.text
    assert 'value="12 Pier Road"' in response.text
    assert shop.orders() == []
    assert shop.stock("MUG-NAVY") == 32

    page = visitor.follow(visitor.order())

    assert amounts(page)["Total"] == "€18.90"


def test_a_coupon_that_was_used_by_the_same_address(shop, visitor):
    """Another browser does not make another customer of the same e-mail address."""
    shop.print_coupon("ONCE", customer_limit=1)
    other = shop.visitor()

    for each in (visitor, other):
        each.add("harbour-mug", "MUG-NAVY")
        each.enter("ONCE")

    visitor.follow(visitor.order())
    response = other.order(email="ADA@example.org")

    assert response.status_code == 409
    assert "was used with the address ADA@example.org before" in response.text
    assert "The total is €18.90 now" in response.text
    assert shop.used("ONCE") == (1, 1)
    assert shop.stock("MUG-NAVY") == 31

    page = other.follow(other.order(email="ADA@example.org"))

    assert amounts(page)["Total"] == "€18.90"


def test_a_coupon_that_is_worth_less_by_now(shop, visitor):
    """The shopper sees the new total first, and keeps the coupon."""
    shop.print_coupon("HALF", value="50%")
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.enter("HALF")
    form = visitor.checkout_form()
    shop.change_coupon("HALF", value="10%")
    response = visitor.post("/checkout", **form)

    assert response.status_code == 409
    assert "The total has changed since this page was made." in response.text
    assert "The total is €17.50 now" in response.text
    assert amounts(visitor.follow(visitor.order()))["HALF"] == "-€1.40"


def test_a_coupon_that_was_withdrawn(shop, visitor):
    """A code whose coupon is not there any more takes nothing off."""
    shop.print_coupon("OLD")
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.enter("OLD")
    shop.change_coupon("OLD", code="NEW")

    assert amounts(visitor.get("/basket/"))["Total"] == "€18.90"
    assert amounts(visitor.follow(visitor.order()))["Total"] == "€18.90"


def test_codes_to_try(shop, visitor):
    """The basket lists the codes that can be used now, and each is a button."""
    shop.print_coupon("GONE", total_limit=1, used=1)
    visitor.add("harbour-mug", "MUG-NAVY")
    page = visitor.get("/basket/")
    codes = re.findall(r'name="code" value="(\w+)"', page)

    assert codes == ["SPRINGTIDE", "BIGFISH", "CREWOFTHREE", "FAIRWIND", "MAIDENVOYAGE"]


def test_the_cart_keeps_only_the_code(shop, visitor):
    """What it takes off is not stored, and outside of a request it is the same."""
    visitor.add("pilot-kettle", "KETTLE-TAR")
    visitor.enter("SPRINGTIDE")

    with shop.app.app_context():
        cart = cart_ext.cart(owner=owner_of(visitor.client))

        assert list(cart.coupons) == ["SPRINGTIDE"]
        assert cart.conditions == ()
        assert cart.lines[0].conditions == ()
        assert str(cart.totals.total.amount) == "51.70"


def test_one_code_for_an_order(shop, visitor):
    """Another code that comes from elsewhere, as by a log-in, is in its place."""
    visitor.add("pilot-kettle", "KETTLE-TAR")
    visitor.enter("SPRINGTIDE")

    with shop.app.app_context():
        cart_ext.cart(owner=owner_of(visitor.client)).coupons.add("BIGFISH")

    sums = amounts(visitor.get("/checkout"))

    assert "SPRINGTIDE" not in sums
    assert sums["BIGFISH"] == "-€10.40"
