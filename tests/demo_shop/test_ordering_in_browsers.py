"""From the shelf to the receipt on a phone, in a real browser."""

from __future__ import annotations

import re
import typing as t

import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

from demo_shop.models import MOST_PIECES
from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import find_barriers
from tests.support.browsers import tab_to
from tests.support.windows import Front
from tests.support.windows import add
from tests.support.windows import button
from tests.support.windows import expect_pieces
from tests.support.windows import fill_in_address

each_way = pytest.mark.parametrize(
    "scripts", [True, False], ids=["with js", "without js"]
)


def pay(page: Page) -> None:
    """Pay, on the page of Sandbox Pay."""
    button(page, "Pay €").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Thank you")


def test_what_is_left(open_window: Visits, front: Front) -> None:
    """A card says it anew when some of it is in the basket."""
    front.shop.set_stock("GLASS", 3)
    page = open_window(viewport=PHONE)
    card = page.get_by_role("listitem").filter(has_text="Chart glass")
    page.goto("/shelves/chart-table")
    expect(card).to_contain_text("Only 3 left")

    page.goto("/goods/chart-glass")
    button(page, "Add to basket").click()
    expect_pieces(page, 1)
    page.goto("/shelves/chart-table")
    expect(card).to_contain_text("Only 2 left beside yours")
    assert find_barriers(page) == []


@each_way
def test_express(open_window: Visits, front: Front, scripts: bool) -> None:
    """The keyboard is enough to pay from the basket, and what was typed goes along."""
    page = open_window(viewport=PHONE, java_script_enabled=scripts)
    page.goto("/goods/harbour-mug")
    page.get_by_role("radio", name="Fog").check()
    button(page, "Add to basket").click()
    expect_pieces(page, 1)
    page.goto("/basket/")
    page.get_by_label("A note to the shop").fill("Ring twice")
    button(page, "Express: Sandbox Pay").press("Enter")
    expect(page.get_by_text("1 Castle Row")).to_be_visible()

    if scripts:
        assert find_barriers(page) == []

    button(page, "Pay €18.90").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Sandy Box.")
    expect(page.get_by_text("Ring twice")).to_be_visible()
    expect_pieces(page, 0)


def test_an_arrival_that_is_kept(open_window: Visits) -> None:
    """The date beside the chosen way is the one on the receipt."""
    page = open_window(viewport=PHONE)
    add(page, "harbour-mug", "Fog")
    page.goto("/checkout")
    fill_in_address(page)
    way = page.get_by_role("listitem").filter(has=button(page, "Night boat"))
    days = way.get_by_text("Arrives")
    said = days.inner_text()
    button(page, "Night boat").click()
    button(page, "Order for").click()

    expect(page.get_by_text(said, exact=True)).to_be_visible()


def test_what_becomes_of_an_order(open_window: Visits) -> None:
    """Its page follows it to the post, with nothing that moves sideways, and can be
    used by everybody."""
    page = open_window(viewport=PHONE)
    add(page, "harbour-mug", "Fog")
    page.goto("/basket/")
    button(page, "Express: Sandbox Pay").click()
    pay(page)
    current = page.locator(".steps [aria-current=step]")
    expect(current).to_contain_text("Paid")

    page.get_by_text("Be the shop for a moment").click()
    tab_to(page, button(page, "Pack it"))
    page.keyboard.press("Enter")
    expect(current).to_contain_text("Packed")
    assert find_barriers(page) == []

    page.get_by_text("Be the shop for a moment").click()
    button(page, "Post it").click()
    expect(current).to_contain_text("Sent")
    expect(button(page, "Cancel the order")).to_have_count(0)
    wide = "e => e.scrollWidth - e.clientWidth"
    assert page.locator("html").evaluate(wide) == 0


def test_a_receipt_on_one_page(open_window: Visits) -> None:
    """With eight lines, two rates, a coupon and a note it is one page of paper, in
    black on white though the screen is dark."""
    page = open_window(color_scheme="dark")
    page.goto("/login")
    token = page.locator("[name=csrf_token]").first.input_value()
    skus = [f"SHIRT-NAVY-{size}" for size in ("S", "M", "L", "XL")]

    for sku in [*skus, "PRINT-A4", "LOGBOOK-NAVY", "FLOAT-NAVY", "CLEAT"]:
        page.request.post(
            "/basket/lines",
            form={"csrf_token": token, "item": sku},
            headers={"Accept": "text/html"},
            max_redirects=0,
        )

    page.goto("/basket/")
    page.get_by_label("A note to the shop").fill("Leave it by the boat.")
    page.get_by_label("Coupon code").fill("springtide")
    button(page, "Express: Sandbox Pay").click()
    pay(page)

    paper: t.Any = page.pdf(format="A4", print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", paper)) == 1
    page.emulate_media(media="print")
    expect(page.locator("html")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(page.get_by_text("The Old Net Loft").first).to_be_visible()

    for gone in (page.locator(".header"), button(page, "Order the same again")):
        expect(gone).to_be_hidden()


@each_way
def test_the_same_again(open_window: Visits, front: Front, scripts: bool) -> None:
    """The basket says what is different today, beside what it had."""
    page = open_window(viewport=PHONE, java_script_enabled=scripts)
    front.shop.set_stock("BASKET-LARGE", MOST_PIECES)

    for slug, choice in [("cockle-basket", "Large"), ("harbour-mug", "Fog")]:
        page.goto(f"/goods/{slug}")
        page.get_by_role("radio", name=choice).check()
        button(page, "Add to basket").click()
        expect(page.locator("#cart-messages")).to_contain_text("in your basket")

    page.goto("/basket/")
    button(page, "Express: Sandbox Pay").click()
    pay(page)
    front.shop.set_stock("BASKET-LARGE", 0)
    button(page, "Order the same again").click()

    notices = page.locator(".notices")
    expect(notices).to_contain_text("What there is of it is in your basket.")
    expect(notices).to_contain_text("No more to be had today: Cockle basket, Large.")
    expect_pieces(page, 1)
