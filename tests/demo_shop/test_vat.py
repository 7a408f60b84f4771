"""VAT in the demo shop: in every price, and on every receipt."""

import re

from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor


def vat(page: str) -> dict[str, str]:
    """What a page says of VAT."""
    return dict(re.findall(r"<dt>of which ([^<]+)</dt><dd>([^<]+)</dd>", page))


def test_two_rates(any_shop: Shop) -> None:
    """The basket, the checkout and the receipt tell the VAT of each rate, in which the
    post is taxed like what is in the parcel."""
    visitor = any_shop.visitor()
    visitor.add("tide-print", "PRINT-A3")
    page = visitor.add("harbour-mug", "MUG-NAVY")

    # 14 of 62 euros are for the mug, and so are 1.11 of the post.
    assert vat(page) == {"VAT 13.5%": "€6.16", "VAT 23%": "€2.83"}
    assert vat(visitor.get("/checkout")) == vat(page)

    page = visitor.follow(visitor.order())
    assert vat(page) == {
        "VAT 13.5% in €51.79": "€6.16",
        "VAT 23% in €15.11": "€2.83",
    }
    assert "€66.90" in page


def test_after_discounts(visitor: Visitor) -> None:
    """What a coupon takes off is not taxed."""
    visitor.add("pilot-kettle", "KETTLE-TAR")
    assert vat(visitor.get("/basket/")) == {"VAT 23%": "€10.64"}
    assert vat(visitor.enter("SPRINGTIDE")) == {"VAT 23%": "€9.67"}


def test_on_the_product(visitor: Visitor) -> None:
    """The price says which rate is in it."""
    assert "with 13.5% VAT" in visitor.get("/goods/tide-print")
    assert "with 23% VAT" in visitor.get("/goods/harbour-mug")


def test_paid(shop: Shop, visitor: Visitor) -> None:
    """An order that a payment has made tells the same."""
    visitor.add("tide-print", "PRINT-A4")
    url = str(visitor.order(pay="sandbox").location)
    visitor.get(url)
    shown = visitor.client.get(visitor.post(url, act="pay").location)
    page = visitor.get(shown.location)

    assert vat(page) == {"VAT 13.5% in €36.90": "€4.39"}
