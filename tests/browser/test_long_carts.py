"""A cart of several pages in a real browser, with and without JavaScript."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.support.browsers import Visits
from tests.support.browsers import find_barriers
from tests.support.browsers import served
from tests.support.browsers import tab_to
from tests.support.mug_shop import MugShop
from tests.support.mug_shop import Product


@pytest.fixture(scope="module")
def open_long_cart(browser: Browser) -> Iterator[t.Callable[..., Page]]:
    """Opens the cart of somebody who has 120 different beads in it."""
    shop = MugShop()
    extension: t.Any = shop.app.extensions["cart"].extension
    extension.product_loader(
        lambda ids: [Product(each, f"Bead {each}", "1.50") for each in ids]
    )

    with served(shop.app) as address:
        visits = Visits(browser, address)

        def open_long_cart(**options: t.Any) -> Page:
            page = visits(**options)

            for first in (0, 60):
                items = [{"item": str(first + each)} for each in range(60)]
                page.request.post("/cart/lines/many", data={"items": items})

            page.goto("/cart/")

            return page

        yield open_long_cart
        visits.end()


def shows(page: Page, number: int) -> None:
    """See that it is this page."""
    for each in page.get_by_text(f"Page {number} of 3").all():
        expect(each).to_be_visible()

    expect(page.locator(".cart-line")).to_have_count(20 if number == 3 else 50)
    assert page.url.endswith(f"?page={number}#cart-heading")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_from_page_to_page_and_back(
    open_long_cart: t.Callable[..., Page], scripts: bool
) -> None:
    """A change on a page is seen on that page."""
    page = open_long_cart(java_script_enabled=scripts)
    page.get_by_role("link", name="Next").last.click()
    shows(page, 2)

    field = page.get_by_role("spinbutton", name="Quantity of Bead 70", exact=True)
    field.fill("4")

    if scripts:
        field.press("Tab")
    else:
        page.get_by_role("button", name="Update the quantity of Bead 70").click()

    expect(page.locator(".cart-count").first).to_contain_text("123 items")
    expect(page.get_by_text("Page 2 of 3").first).to_be_visible()
    expect(field).to_have_value("4")

    page.get_by_role("link", name="Last").first.click()
    shows(page, 3)
    page.get_by_role("link", name="Previous").last.click()
    shows(page, 2)
    expect(field).to_have_value("4")


def test_only_what_changed_is_fetched(open_long_cart: t.Callable[..., Page]) -> None:
    """One more of one of fifty lines moves less than 10 KB, and the other lines are
    left alone, with what is half typed in there."""
    page = open_long_cart()
    note = page.get_by_role("spinbutton", name="Quantity of Bead 20", exact=True)
    note.evaluate("field => { field.isTheSame = true }")
    sizes: list[int] = []
    page.on("response", lambda each: each.ok and sizes.append(len(each.body())))

    for count in (2, 3):
        page.get_by_role("button", name="More of Bead 7", exact=True).click()
        field = page.get_by_role("spinbutton", name="Quantity of Bead 7", exact=True)

        expect(field).to_have_value(str(count))
        expect(page.locator(".cart-count").first).to_contain_text(f"{119 + count} item")

    expect(page.locator(".cart-line")).to_have_count(50)
    assert note.evaluate("field => field.isTheSame")
    assert len(sizes) == 2
    assert max(sizes) < 10_000

    page.get_by_role("button", name="Remove Bead 8", exact=True).click()

    expect(page.locator(".cart-count").first).to_contain_text("121 items")
    expect(page.locator(".cart-line").last).to_contain_text("Bead 50")
    # In all that stayed the forms go on working.
    page.get_by_role("button", name="Remove Bead 20", exact=True).click()
    expect(page.locator(".cart-count").first).to_contain_text("120 items")


def test_the_keyboard_is_enough(open_long_cart: t.Callable[..., Page]) -> None:
    """Tab and Enter lead from page to page, and to the first line of it."""
    page = open_long_cart()
    tab_to(page, page.get_by_role("link", name="Last").first)
    page.keyboard.press("Enter")
    shows(page, 3)
    # Before, the browser has not gone to the heading yet.
    page.wait_for_load_state()
    page.keyboard.press("Tab")

    # It goes on from the heading, and not from the top of the page.
    expect(page.get_by_role("link", name="First").first).to_be_focused()
    assert find_barriers(page) == []
