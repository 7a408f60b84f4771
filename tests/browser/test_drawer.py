"""The cart beside the page, in a real browser."""

from __future__ import annotations

from playwright.sync_api import Locator
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.test_builtin_pages import SCHEMES
from tests.browser.test_builtin_pages import button
from tests.browser.test_builtin_pages import header
from tests.browser.test_builtin_pages import put
from tests.browser.test_builtin_pages import quantity_of
from tests.browser.test_builtin_pages import set_elsewhere
from tests.browser.test_builtin_pages import what_does_not_fit
from tests.support.browsers import DESKTOP
from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import find_barriers
from tests.support.browsers import shifts


def drawer(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Your cart")


def test_the_way_through_the_drawer(open_page: Visits) -> None:
    """Change, remove, undo and check out, without leaving the page before."""
    page = open_page(viewport=PHONE)
    put(page, "mug", 2)
    put(page, "pot")
    page.goto("/goods/egg")
    before = shifts(page)
    header(page).click()

    expect(drawer(page)).to_be_visible()
    expect(page.get_by_text("Size: Small")).to_be_visible()
    expect(drawer(page).locator("img")).to_have_count(1)
    expect(drawer(page).get_by_role("progressbar")).to_have_attribute("value", "65.00")
    expect(page.get_by_text("€35.00 more, and Post is free.")).to_be_visible()
    assert shifts(page) == before

    button(page, "More of Watch teapot").click()

    expect(page.get_by_text("Post is free for this cart.")).to_be_visible()
    expect(drawer(page).locator(".cart-total")).to_contain_text("€105.00")
    expect(header(page)).to_contain_text("4 items")
    expect(header(page)).not_to_have_attribute("aria-current", "page")

    button(page, "Remove Harbour mug").click()

    expect(drawer(page).locator(".cart-line")).to_have_count(1)
    # The message is in the drawer, too, and takes the focus that was on the line.
    expect(button(page, "Put Harbour mug back")).to_be_focused()
    button(page, "Put Harbour mug back").click()

    expect(drawer(page).locator(".cart-line")).to_have_count(2)
    assert page.url.endswith("/goods/egg")

    # What was tapped is saved before the way leads on.
    button(page, "More of Harbour mug").click()
    button(page, "Check out").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Checkout")
    expect(header(page)).to_contain_text("€117.50")


def test_the_drawer_comes_and_goes(open_page: Visits) -> None:
    """It takes the focus and gives it back, and the page below stays as it is."""
    page = open_page(viewport=DESKTOP)
    put(page, "mug")
    page.goto("/goods/pot?drawer")
    page.evaluate("document.body.style.minHeight = '4000px'")
    header(page).focus()
    page.keyboard.press("Enter")

    expect(drawer(page).get_by_role("heading", name="Your cart")).to_be_focused()
    expect(quantity_of(page, "Harbour mug")).to_have_value("1")
    page.mouse.move(100, 400)
    page.mouse.wheel(0, 600)
    button(page, "More of Harbour mug").click()
    expect(header(page)).to_contain_text("2 items")
    assert page.evaluate("scrollY") == 0

    page.keyboard.press("Escape")

    expect(drawer(page)).to_be_hidden()
    expect(header(page)).to_be_focused()

    # After adding, if the shop wants that; with why it was not added, it stays away.
    button(page, "Add to cart").click()

    expect(drawer(page)).to_be_visible()
    expect(quantity_of(page, "Watch teapot")).to_have_value("1")
    page.mouse.click(100, 400)
    expect(drawer(page)).to_be_hidden()
    expect(button(page, "Add to cart")).to_be_focused()
    # A part of the page that tells of the cart has heard of it.
    expect(page.locator("#cart-summary")).to_contain_text("2 \u00d7 Harbour mug")

    set_elsewhere(page, "pot", 9)
    button(page, "Add to cart").click()

    expect(page.get_by_role("status")).to_contain_text("Only 9 left")
    expect(drawer(page)).to_be_hidden()


def test_a_quantity_of_another_tab(open_page: Visits) -> None:
    """What cannot be decided in the drawer gets a page of its own."""
    page = open_page(failures_expected=True)
    put(page, "mug", 2)
    page.goto("/goods/pot")
    header(page).click()
    expect(quantity_of(page, "Harbour mug")).to_have_value("2")
    set_elsewhere(page, "mug", 5)
    quantity_of(page, "Harbour mug").fill("3")
    quantity_of(page, "Harbour mug").press("Tab")

    expect(page).to_have_title("Your cart changed in another tab")
    button(page, "Make it 3").click()
    expect(quantity_of(page, "Harbour mug")).to_have_value("3")


def test_a_long_drawer_is_for_everybody(open_page: Visits) -> None:
    """The way to the checkout is in reach; axe finds nothing, and everything fits."""
    page = open_page(viewport=PHONE, reduced_motion="reduce")

    for item in ("mug", "pot", "cap"):
        put(page, item, 2)

    put(page, "egg", 6)
    page.goto("/goods/mug")
    header(page).click()

    expect(drawer(page).locator(".cart-line")).to_have_count(4)
    expect(button(page, "Check out")).to_be_in_viewport(ratio=1)

    for viewport in [DESKTOP, PHONE]:
        page.set_viewport_size(viewport)
        assert what_does_not_fit(page) == []

    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert find_barriers(page, colours_only=scheme != SCHEMES[0]) == []

    # At 400 % little fits on the screen at once, and all of it can be scrolled to.
    page.set_viewport_size({"width": 320, "height": 256})
    button(page, "Check out").scroll_into_view_if_needed()
    expect(button(page, "Check out")).to_be_in_viewport(ratio=1)
    assert what_does_not_fit(page) == []
