"""What an assistant has put together, and what an address asks for, in a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

from flask_cart.ucp import ucp_blueprint
from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import find_barriers
from tests.support.browsers import served
from tests.support.mug_shop import MugShop

LINE = {"item": {"id": "mug"}, "quantity": 2, "options": {"size": "Large"}}


@pytest.fixture(scope="module")
def mug_shop() -> Iterator[MugShop]:
    """A small shop that assistants may use, on a real server."""
    shop = MugShop()
    shop.app.register_blueprint(ucp_blueprint())

    with served(shop.app) as shop.address:
        yield shop


def assist(page: Page) -> tuple[str, int]:
    """The link to what an assistant has put together, and its total in cents."""
    answer = page.request.post(
        "/ucp/2026-08-25/carts",
        data={"line_items": [LINE, {"item": {"id": "pot"}, "quantity": 1}]},
        headers={"UCP-Agent": 'profile="https://agent.example/profile"'},
    )
    cart = answer.json()

    return cart["continue_url"], cart["totals"][-1]["amount"]


def check(page: Page, name: str) -> None:
    """Axe finds nothing, and nothing goes over the edge."""
    width = page.evaluate("document.documentElement.scrollWidth")

    assert (name, width <= PHONE["width"]) == (name, True)

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]

        assert (name, scheme, find_barriers(page)) == (name, scheme, [])


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_cart_is_handed_over(open_page: Visits, scripts: bool) -> None:
    """The shopper sees it, agrees, and has it, with the total that was told."""
    page = open_page(java_script_enabled=scripts, viewport=PHONE)
    link, total = assist(page)
    amount = f"€{total / 100:.2f}"
    page.goto(link)

    expect(page.get_by_role("heading", name="A cart for you")).to_be_visible()
    expect(page.locator(".cart-total").first).to_contain_text(amount)

    page.get_by_role("button", name="Put it in my cart").click()

    expect(page.get_by_role("status")).to_contain_text("It is in your cart.")
    expect(page.locator("#cart-mini")).to_contain_text(amount)

    # The Back button, and another click.
    page.goto(link)

    expect(page.locator("#cart-mini")).to_contain_text(amount)


def test_an_address_asks(open_page: Visits) -> None:
    """What there is of it is added, once it is agreed."""
    page = open_page(viewport=PHONE)
    page.goto("/buy/pot:1,boat:2")

    expect(page.get_by_text("There is no item 'boat'.")).to_be_visible()

    page.get_by_role("button", name="Add to cart").click()

    expect(
        page.get_by_role("spinbutton", name="Quantity of Watch teapot")
    ).to_be_visible()


def test_the_pages_are_for_everybody(open_page: Visits) -> None:
    """In light and dark, on a phone, for what opens and for what does not."""
    page = open_page(viewport=PHONE, reduced_motion="reduce", failures_expected=True)
    link, _ = assist(page)

    for name, address in [
        ("link", link),
        ("no link", "/cart/links/x"),
        ("permalink", "/buy/pot:1,boat:2?discounts/codes/0=TIDE"),
        ("no permalink", "/buy/x"),
    ]:
        page.goto(address)
        check(page, name)
