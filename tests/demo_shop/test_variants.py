"""Variants with prices and a stock of their own, without JavaScript."""

import re

from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor


def test_each_size_has_its_price(visitor: Visitor) -> None:
    """The page has the price of every size, of which the chosen one is shown."""
    page = visitor.get("/goods/watch-teapot")
    prices = re.findall(r'price-of-(\d)"><span class="price">(€[\d.]+)', page)
    choices = re.findall(r'value="(TEAPOT-\w+)" required class="pick-price-(\d)"', page)

    assert prices == [("1", "€34.00"), ("2", "€42.00")]
    assert choices == [("TEAPOT-2CUPS", "1"), ("TEAPOT-4CUPS", "2")]
    assert "from" in page


def test_what_costs_the_same_has_one_price(visitor: Visitor) -> None:
    """Colours at one price need no more than that."""
    page = visitor.get("/goods/harbour-mug")

    assert "price-of-" not in page
    assert "pick-price" not in page


def test_each_size_is_sold_at_its_price_from_its_own_stock(
    shop: Shop, visitor: Visitor
) -> None:
    """The basket tells which is which, and each has its own shelf."""
    visitor.add("tide-print", "PRINT-A4", "2")
    page = visitor.add("tide-print", "PRINT-A3", "3")

    assert "€32.00 each" in page
    assert "€48.00 each" in page
    assert "Size: A4" in page
    assert "only 3 are left" in visitor.add("tide-print", "PRINT-A3")

    visitor.order()
    assert (shop.stock("PRINT-A4"), shop.stock("PRINT-A3")) == (12, 0)


def test_undone(visitor: Visitor) -> None:
    """What is put back is the same size at the same price."""
    visitor.add("watch-teapot", "TEAPOT-4CUPS")
    (line,) = visitor.lines()
    visitor.follow(visitor.post(f"/basket/lines/{line}/remove"))
    page = visitor.follow(visitor.post(f"/basket/lines/{line}/restore"))

    assert "€42.00 each" in page
    assert "Size: 4 cups" in page
