"""On a phone the total and the checkout stay in reach, and in nobody's way."""

import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.support.browsers import DESKTOP
from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import find_barriers
from tests.support.windows import add
from tests.support.windows import add_elsewhere
from tests.support.windows import button

#: Whether what has the focus is what a finger on its edges and its middle would hit.
IS_UNCOVERED = """() => {
  const used = document.activeElement;
  const {left, right, top, bottom} = used.getBoundingClientRect();
  const middle = (left + right) / 2;
  const hits = [top + 2, (top + bottom) / 2, bottom - 2].map(
    (y) => document.elementFromPoint(middle, y)
  );

  return hits.every((hit) => hit && (used.contains(hit) || hit.contains(used)))
    || used.closest(".header") !== null || used.matches("body, .skip");
}"""
WHICH = "document.activeElement.outerHTML.slice(0, 120)"


def fill_basket(page: Page) -> None:
    """Put in more than a screen has room for, and look at it."""
    add(page, "harbour-mug", "Fog")

    for sku in ["LOGBOOK-RUST", "KETTLE-TAR", "CAP-MOSS"]:
        add_elsewhere(page, sku)

    page.goto("/basket/")


def edges(page: Page, selector: str) -> tuple[float, float]:
    """Where something begins and ends in the window."""
    box = page.locator(selector).bounding_box()
    assert box is not None

    return box["y"], box["y"] + box["height"]


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_checkout_is_in_reach(open_window: Visits, scripts: bool) -> None:
    """From the first line to the last, with the total as it is. It is the only button
    of the kind, and what was typed goes along with it."""
    page = open_window(viewport=PHONE, java_script_enabled=scripts)
    fill_basket(page)
    bar = page.locator(".reach")

    expect(bar).to_be_in_viewport(ratio=1)
    expect(bar).to_contain_text("Total €119.90")
    expect(button(page, "Check out")).to_have_count(1)

    page.get_by_label("A note to the shop").fill("Ring twice")
    page.locator(".line").last.scroll_into_view_if_needed()

    expect(bar).to_be_in_viewport(ratio=1)

    if scripts:
        button(page, "One more: Harbour mug").click()

        expect(bar).to_contain_text("Total €133.90")
        assert find_barriers(page) == []

    button(page, "Check out").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Checkout")
    page.goto("/basket/")
    expect(page.get_by_label("A note to the shop")).to_have_value("Ring twice")


def test_it_covers_nothing_that_is_used(open_window: Visits) -> None:
    """Neither a message, nor the end of the page, nor what the keyboard comes to, be it
    forwards or backwards."""
    page = open_window(viewport=PHONE, reduced_motion="reduce")
    fill_basket(page)
    button(page, "Remove Logbook").click()
    page.locator(".cart-undo").wait_for()

    assert edges(page, ".cart-message")[1] <= edges(page, ".reach")[0]

    page.get_by_role("button", name="Dismiss").click()

    for key in ["Tab", "Shift+Tab"]:
        for _ in range(45):
            page.keyboard.press(key)

            assert page.evaluate(IS_UNCOVERED), page.evaluate(WHICH)

    page.locator(".footer").scroll_into_view_if_needed()

    assert edges(page, ".summary")[1] <= edges(page, ".reach")[0]
    assert edges(page, ".reach")[1] <= edges(page, ".footer")[0]


def test_it_fits_the_screen(open_window: Visits) -> None:
    """The line that some phones have at the lower edge is not on its button. It would
    hide half of the page at 400 %, and is where the page ends; beside the summary it is
    not needed."""
    page = open_window(viewport=PHONE)
    fill_basket(page)
    bar = page.locator(".reach")
    insets = {"insets": {"bottom": 34}}
    page.context.new_cdp_session(page).send(
        "Emulation.setSafeAreaInsetsOverride", insets
    )

    expect(bar).to_have_css("padding-bottom", "46px")
    assert edges(page, "#forward-in-reach")[1] <= PHONE["height"] - 34

    page.set_viewport_size({"width": 320, "height": 256})

    expect(bar).not_to_be_in_viewport()
    expect(button(page, "Check out")).to_have_count(1)

    page.set_viewport_size(DESKTOP)

    expect(bar).to_be_hidden()
    expect(button(page, "Check out")).to_have_count(1)
