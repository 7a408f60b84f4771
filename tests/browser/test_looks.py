"""The looks of the documentation, and the shop that wears them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.test_builtin_pages import what_does_not_fit
from tests.support.browsers import DESKTOP
from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import find_barriers
from tests.support.browsers import served
from tools.looks import LOOKS
from tools.looks import NAMES
from tools.looks import PICTURES
from tools.looks import SCHEMES
from tools.looks import SIZES
from tools.looks import dress
from tools.looks import fill
from tools.looks import make_shop
from tools.looks import show


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of the shop of the documentation."""
    with served(make_shop()) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page of the shop, with something in the cart."""
    visits = Visits(browser, address)
    page = visits(reduced_motion="reduce", viewport=PHONE)
    page.route("**/favicon.ico", lambda way: way.fulfill(status=204))
    fill(page)
    yield page
    visits.end()


@pytest.mark.parametrize("look", NAMES)
def test_a_look_is_for_everybody(page: Page, look: str) -> None:
    """In light and in dark axe finds nothing, and everything fits: the cart, and the
    drawer beside the page."""
    dress(page, look)

    for device in SIZES:
        show(page, device)
        page.set_viewport_size(PHONE if device == "phone" else DESKTOP)
        assert what_does_not_fit(page) == []

        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            assert find_barriers(page, colours_only=scheme != "light") == []


def test_the_shop_of_the_documentation(page: Page) -> None:
    """Adding opens the drawer, with the picture and what is missing for the post."""
    dress(page, NAMES[0])
    page.goto("/")
    page.get_by_role("button", name="Add to cart").last.click()
    drawer = page.get_by_role("dialog", name="Your cart")

    expect(drawer.locator(".cart-line")).to_have_count(3)
    expect(drawer.locator("img")).to_have_count(3)
    expect(drawer.get_by_text("Post is free for this cart.")).to_be_visible()

    # It has no coupons, so there is no field for one.
    drawer.get_by_role("link", name="View the cart").click()
    expect(page.get_by_label("A note for us")).to_be_visible()
    expect(page.get_by_label("Code")).to_have_count(0)


def test_there_is_a_picture_of_each_look() -> None:
    """In light and dark, on desktop and phone, each of less than 60 KB."""
    expected = {
        f"{look}-{device}-{scheme}.webp"
        for look in NAMES
        for device in SIZES
        for scheme in SCHEMES
    }

    assert {each.name for each in PICTURES.iterdir()} == expected
    assert {each.stem for each in LOOKS.glob("*.css")} == set(NAMES)
    assert all(each.stat().st_size < 60_000 for each in PICTURES.iterdir())
