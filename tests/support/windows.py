"""What shoppers do in the windows of a real browser."""

from __future__ import annotations

import re
import typing as t

from playwright.sync_api import Locator
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.support.browsers import Way
from tests.support.slackwater import Shop

PAGES = {"Accept": "text/html"}
PASSWORD = "kettle rope tide"


class Front(t.NamedTuple):
    """A shop that is open, and the way from the browsers to it."""

    address: str
    shop: Shop
    way: Way


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name)


def expect_pieces(page: Page, count: int) -> None:
    """Wait until the header says how many there are in the basket."""
    pieces = f"{count} piece" if count == 1 else f"{count} pieces"

    expect(page.locator(".basket-count")).to_contain_text(pieces)


def add(page: Page, slug: str, choice: str) -> None:
    """Put one more into the basket, and wait until the shop has said so."""
    page.goto(f"/goods/{slug}")
    page.get_by_role("radio", name=choice).check()
    button(page, "Add to basket").click()

    expect(page.locator("#cart-messages")).to_contain_text("in your basket")


def add_elsewhere(page: Page, sku: str) -> None:
    """Put one more into the basket as another device does, which no tab hears of."""
    asked = page.request.get("/basket/lines", params={"item": sku}, headers=PAGES)
    (token,) = set(re.findall('name="csrf_token" value="([^"]*)"', asked.text()))
    form = {"csrf_token": token, "item": sku}
    response = page.request.post(
        "/basket/lines", form=form, headers=PAGES, max_redirects=0
    )

    assert response.status == 303


def sign_up(page: Page, email: str) -> None:
    """Open an account, from its page."""
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    button(page, "Open my account").click()

    expect(page.get_by_text("Welcome aboard.")).to_be_visible()


def log_in(page: Page, email: str) -> None:
    """Log in to an account."""
    page.goto("/login")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    button(page, "Log in").click()

    expect(page.get_by_text("Good to see you again.")).to_be_visible()


def fill_in_address(page: Page) -> None:
    for label, text in [
        ("Name", "Ada"),
        ("E-mail", "ada@example.org"),
        ("Street and house", "12 Pier Road"),
        ("Postcode", "V92 X1Y2"),
        ("Town", "Tralee"),
    ]:
        page.get_by_label(label, exact=True).fill(text)


def centre(target: Locator) -> tuple[float, float]:
    """The middle of something on the page."""
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    assert box is not None

    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
