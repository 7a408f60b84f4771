"""Two tabs, two windows, two clicks: what is done at once, or twice, in browsers."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.support.browsers import Visits
from tests.support.windows import Front
from tests.support.windows import add
from tests.support.windows import add_elsewhere
from tests.support.windows import button
from tests.support.windows import centre
from tests.support.windows import expect_pieces
from tests.support.windows import fill_in_address
from tests.support.windows import log_in
from tests.support.windows import sign_up

with_and_without_scripts = pytest.mark.parametrize(
    "scripts", [True, False], ids=["scripts", "no scripts"]
)

#: A page without scripts sends all that one with them sends, and what they hold back:
#: for what is kept, scripts make no difference. The last test has all that the storages
#: could do in different ways.
on_any_storage = pytest.mark.parametrize(
    ("any_front", "scripts"),
    [("database", True), ("database", False), ("session", False), ("cache", False)],
    ids=["database-scripts", "database", "session", "cache"],
    indirect=["any_front"],
)


@with_and_without_scripts
def test_a_double_click_adds_once(
    open_window: Visits, front: Front, scripts: bool
) -> None:
    """Also before the shop has answered; and neither Back nor a refresh adds more."""
    page = open_window(java_script_enabled=scripts)
    # Two first requests of a new guest would each begin a basket of its own.
    add(page, "logbook", "Sea green")
    page.goto("/goods/harbour-mug")
    place = centre(button(page, "Add to basket"))
    front.way.hold()
    page.mouse.click(*place)
    front.way.wait_for_changes(1)
    page.mouse.click(*place)

    if not scripts:
        front.way.wait_for_changes(1)

    front.way.go_on()
    expect(page.locator("#cart-messages")).to_contain_text("Harbour mug")
    expect_pieces(page, 2)

    page.reload()
    expect_pieces(page, 2)

    page.goto("/goods/harbour-mug")
    button(page, "Add to basket").click()
    expect_pieces(page, 3)

    if scripts:
        page.goto("/basket/")

    page.go_back()
    expect_pieces(page, 3)

    page.go_forward()
    expect_pieces(page, 3)


@with_and_without_scripts
def test_two_tabs_add_at_once(open_window: Visits, front: Front, scripts: bool) -> None:
    """What each of them adds is in the basket, though both began with the same one."""
    page = open_window(java_script_enabled=scripts)
    add(page, "harbour-mug", "Fog")
    tab = page.context.new_page()
    page.goto("/goods/harbour-mug")
    tab.goto("/goods/logbook")
    front.way.hold()

    for each in (page, tab):
        each.mouse.click(*centre(button(each, "Add to basket")))

    front.way.wait_for_changes(2)
    front.way.go_on()

    for each in (page, tab):
        expect(each.locator(".basket-count")).not_to_contain_text("1 piece")

    for each in (page, tab):
        each.goto("/basket/")
        expect_pieces(each, 3)


@with_and_without_scripts
def test_two_tabs_order_at_once(
    open_window: Visits, front: Front, scripts: bool
) -> None:
    """It is one order, also with a double click, and both tabs show it."""
    page = open_window(java_script_enabled=scripts)
    add(page, "logbook", "Rust")
    tab = page.context.new_page()
    before = len(front.shop.orders())

    for each in (page, tab):
        each.goto("/checkout")
        fill_in_address(each)

    place = centre(button(page, "Order for €25.90"))
    other_place = centre(button(tab, "Order for €25.90"))
    front.way.hold()
    page.mouse.click(*place)
    front.way.wait_for_changes(1)
    page.mouse.click(*place)
    tab.mouse.click(*other_place)
    front.way.wait_for_changes(1 if scripts else 2)
    front.way.go_on()

    for each in (page, tab):
        expect(each.get_by_role("heading", level=1)).to_have_text("Thank you, Ada.")
        expect_pieces(each, 0)

    assert page.url == tab.url
    assert len(front.shop.orders()) == before + 1

    page.reload()
    page.go_back()
    expect_pieces(page, 0)

    assert len(front.shop.orders()) == before + 1


@with_and_without_scripts
def test_two_tabs_and_one_quantity(open_window: Visits, scripts: bool) -> None:
    """The older tab shows both quantities; either of them is one click away."""
    page = open_window(java_script_enabled=scripts, failures_expected=True)
    add(page, "logbook", "Navy")
    page.goto("/basket/")
    add_elsewhere(page, "LOGBOOK-NAVY")
    set_quantity(page, "3")

    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Your basket changed in another tab"
    )
    expect(page).to_have_title("Your basket changed in another tab \u2013 Slackwater")
    expect(page.get_by_text("Colour: Navy")).to_have_count(2)
    expect_pieces(page, 2)

    button(page, "Make it 3").click()
    expect_pieces(page, 3)

    add_elsewhere(page, "LOGBOOK-NAVY")
    set_quantity(page, "6")
    page.get_by_role("link", name="Leave it at 4").click()
    expect_pieces(page, 4)

    expect(page.get_by_label("Quantity: Logbook")).to_have_value("4")


def set_quantity(page: Page, quantity: str) -> None:
    page.get_by_label("Quantity: Logbook").fill(quantity)
    page.get_by_label("Quantity: Logbook").press("Enter")


@on_any_storage
def test_one_account_in_two_windows(
    open_any_window: Visits, any_front: Front, scripts: bool
) -> None:
    """Both add at once to the one basket; what one of them orders is not in the other
    any more, and cannot be ordered again from there."""
    email = f"two-{scripts}@example.org"
    desk = open_any_window(java_script_enabled=scripts)
    desk.goto("/signup")
    sign_up(desk, email)
    phone = open_any_window(java_script_enabled=scripts)
    add(phone, "harbour-mug", "Fog")
    log_in(phone, email)

    expect(phone.get_by_text("We added one thing from this browser")).to_be_visible()

    desk.goto("/goods/harbour-mug")
    phone.goto("/goods/logbook")
    any_front.way.hold()

    for each in (desk, phone):
        each.mouse.click(*centre(button(each, "Add to basket")))

    any_front.way.wait_for_changes(2)
    any_front.way.go_on()

    for each in (desk, phone):
        expect(each.locator("#cart-messages")).to_contain_text("in your basket")
        each.goto("/checkout")
        expect_pieces(each, 3)
        fill_in_address(each)

    button(desk, "Order for").click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("Thank you, Ada.")

    before = len(any_front.shop.orders())
    button(phone, "Order for").click()

    expect(phone.get_by_role("heading", level=1)).to_have_text("Thank you, Ada.")
    assert phone.url == desk.url
    assert len(any_front.shop.orders()) == before
    expect_pieces(phone, 0)
