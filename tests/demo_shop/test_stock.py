"""What is said of the stock: on cards, and with what is in the basket already."""

from __future__ import annotations

import re

import pytest

from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor

#: Where there is a card of the glass.
PAGES = ["/shelves/chart-table", "/search?q=glass", "/goods/soft-pencils"]


def said(page: str, slug: str) -> str:
    """What the card of a product says of its stock."""
    found = re.search(
        rf'<a href="/goods/{slug}">.*?<p class="stock stock-\w+">(.*?)</p>', page, re.S
    )
    assert found is not None

    return found[1]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("stock", "text"),
    [
        (0, "Sold out"),
        (1, "Only 1 left"),
        (3, "Only 3 left"),
        (4, "In stock"),
    ],
)
def test_on_cards(
    shop: Shop, visitor: Visitor, path: str, stock: int, text: str
) -> None:
    """It is said of each product, wherever there is a card of it."""
    shop.set_stock("GLASS", stock)

    assert said(visitor.get(path), "chart-glass") == text


def test_on_the_first_page(shop: Shop, visitor: Visitor) -> None:
    """Of what has variants, all of them count together."""
    assert said(visitor.get("/"), "harbour-mug") == "In stock"

    for sku, stock in [("MUG-FOG", 0), ("MUG-NAVY", 1), ("MUG-BUOYRED", 1)]:
        shop.set_stock(sku, stock)

    assert said(visitor.get("/"), "harbour-mug") == "Only 2 left"
    shop.set_stock("MUG-NAVY", 0)
    shop.set_stock("MUG-BUOYRED", 0)
    assert said(visitor.get("/"), "harbour-mug") == "Sold out"


@pytest.mark.parametrize(
    ("stock", "mine", "text"),
    [
        (9, 1, "In stock"),
        (5, 3, "Only 2 left beside yours"),
        (2, 1, "Only 1 left beside yours"),
        (1, 1, "The last one is in your basket"),
        (3, 3, "All 3 that are left are in your basket"),
    ],
)
def test_with_what_is_in_the_basket(
    shop: Shop, visitor: Visitor, stock: int, mine: int, text: str
) -> None:
    """It is the truth for who has some already, and for nobody else."""
    shop.set_stock("GLASS", stock)
    visitor.add("chart-glass", "GLASS", str(mine))

    assert said(visitor.get("/shelves/chart-table"), "chart-glass") == text
    assert text in visitor.get("/goods/chart-glass")
    other = said(shop.visitor().get("/shelves/chart-table"), "chart-glass")
    assert other == ("In stock" if stock > 3 else f"Only {stock} left")


def test_fewer_than_in_the_basket(shop: Shop, visitor: Visitor) -> None:
    """What somebody else has bought meanwhile is not left, whatever is in the basket;
    and of one variant there are not fewer because of another."""
    visitor.add("tide-print", "PRINT-A3", "3")
    shop.set_stock("PRINT-A3", 1)
    shop.set_stock("PRINT-A4", 2)
    page = visitor.get("/shelves/chart-table")

    assert said(page, "tide-print") == "Only 2 left beside yours"
    shop.set_stock("PRINT-A3", 0)
    assert said(visitor.get("/search"), "tide-print") == "Only 2 left"


def test_of_each_variant(visitor: Visitor) -> None:
    """The choices of a product say it as well."""
    page = visitor.get("/goods/tide-print")
    assert "<small>3 left</small>" in page
    visitor.add("tide-print", "PRINT-A3", "2")
    assert "<small>1 more</small>" in visitor.get("/goods/tide-print")
    visitor.add("tide-print", "PRINT-A3")
    assert "<small>in your basket</small>" in visitor.get("/goods/tide-print")


def test_in_other_languages(shop: Shop, visitor: Visitor) -> None:
    """The sentence has the number, as the language wants it."""
    shop.set_stock("GLASS", 2)
    visitor.client.set_cookie("language", "de")

    page = visitor.get("/shelves/chart-table")
    assert said(page, "chart-glass") == "Nur noch 2 da"
