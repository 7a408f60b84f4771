"""The whole way of a shopper, with and without JavaScript, on every storage."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import shifts
from tests.support.browsers import tab_to
from tests.support.windows import Front
from tests.support.windows import button
from tests.support.windows import centre
from tests.support.windows import expect_pieces
from tests.support.windows import fill_in_address
from tests.support.windows import log_in
from tests.support.windows import sign_up


@pytest.mark.parametrize(
    ("any_front", "scripts"),
    [
        pytest.param("database", True, id="database, scripts"),
        pytest.param("database", False, id="database, no scripts"),
        pytest.param("session", True, id="session, scripts"),
        pytest.param("cache", False, id="cache, no scripts"),
    ],
    indirect=["any_front"],
)
def test_the_whole_way(
    open_any_window: Visits, any_front: Front, scripts: bool
) -> None:
    """Search, wish, change and change one's mind, use a coupon, open an account, order,
    and find the order on another device."""
    page = open_any_window(java_script_enabled=scripts, viewport=PHONE)
    email = f"{scripts}@example.org"
    choose(page)
    change(page)
    use_a_coupon(page)

    page.get_by_role("link", name="Log in").click()
    page.get_by_role("link", name="Open an account").first.click()
    sign_up(page, email)

    expect(page.get_by_text("We added 4 things from this browser")).to_be_visible()
    expect_pieces(page, 4)

    open_basket(page)
    total = page.locator(".totals-sum dd").inner_text()
    page.get_by_role("button", name="Check out").click()
    fill_in_address(page)
    button(page, f"Order for {total}").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Ada.")
    expect(page.locator(".totals-sum dd")).to_have_text(total)
    expect(page.get_by_text("Ring twice.")).to_be_visible()
    expect_pieces(page, 0)

    page.reload()
    page.get_by_role("link", name="Account", exact=True).click()

    expect(page.locator(".past")).to_have_count(1)

    page.get_by_role("link", name="Watch what your basket does").first.click()

    expect(page.locator(".write").first).to_contain_text("cart_updated")

    phone = open_any_window(java_script_enabled=scripts)
    log_in(phone, email)

    expect(phone.locator(".past-sum")).to_have_text([total])

    phone.locator(".past a").click()

    expect(phone.get_by_text("3 \u00d7 Pilot kettle")).to_be_visible()


def choose(page: Page) -> None:
    """From the home page to a kettle in the basket and a teapot on the wishlist."""
    page.goto("/")
    page.get_by_role("searchbox").fill("kettle")
    page.get_by_role("searchbox").press("Enter")
    page.get_by_role("link", name="Pilot kettle").click()
    page.get_by_role("radio", name="Tar").check()
    button(page, "Add to basket").click()
    expect_pieces(page, 1)

    page.get_by_role("link", name="Galley").first.click()
    button(page, "Wishlist: Dog watch teapot").click()

    expect(page.get_by_text("Dog watch teapot: on your wishlist.")).to_be_visible()
    expect(page).to_have_url(re.compile("/shelves/galley$"))

    open_basket(page)
    page.get_by_role("link", name="Wishlist").first.click()
    button(page, "Move to the basket: Dog watch teapot").click()

    expect_pieces(page, 2)
    expect(page.get_by_role("heading", name="Nothing in it yet")).to_be_visible()


def open_basket(page: Page) -> None:
    """Go to the basket's page, with scripts by way of the drawer."""
    opens = page.locator(".cart-js #cart-drawer").count()
    page.locator("#cart-mini").click()

    if opens:
        page.get_by_role("link", name="See the whole basket").click()


def change(page: Page) -> None:
    """Another quantity, one thing kept for later and back, one taken out and back."""
    open_basket(page)
    page.get_by_label("Quantity: Pilot kettle").fill("3")
    page.get_by_label("Quantity: Pilot kettle").press("Enter")
    expect_pieces(page, 4)

    button(page, "Save for later: Dog watch teapot").click()
    expect_pieces(page, 3)
    page.get_by_role("link", name="For later").click()
    button(page, "Move to the basket: Dog watch teapot").click()
    expect_pieces(page, 4)

    open_basket(page)
    button(page, "Remove Dog watch teapot").click()
    expect_pieces(page, 3)
    button(page, "put Dog watch teapot back").click()
    expect_pieces(page, 4)


def use_a_coupon(page: Page) -> None:
    """A code that there is not, one that there is, and a note."""
    page.get_by_label("Coupon code").fill("sprongtide")
    button(page, "Apply").click()

    expect(page.get_by_text("isn't one of our codes")).to_be_visible()

    page.get_by_label("Coupon code").fill("springtide")
    button(page, "Apply").click()

    expect(page.locator("#coupon")).to_contain_text("you save")

    page.get_by_label("A note to the shop").fill("Ring twice.")
    button(page, "Keep the note").click()

    expect(page.get_by_text("Your note is with your basket.")).to_be_visible()


def test_the_rest_of_the_way_by_keyboard(open_window: Visits) -> None:
    """Wishing, keeping for later, signing up, taking back and logging out need no
    mouse, and the focus is never lost."""
    page = open_window(failures_expected=True)
    page.goto("/shelves/galley")
    tab_to(page, button(page, "Wishlist: Oyster knife"))
    page.keyboard.press("Enter")

    expect(page.get_by_text("Oyster knife: on your wishlist.")).to_be_visible()
    expect(button(page, "Wishlist: Oyster knife")).to_be_focused()

    tab_to(page, page.get_by_role("link", name="Your wishlist"))
    page.keyboard.press("Enter")
    tab_to(page, button(page, "Move to the basket: Oyster knife"))
    page.keyboard.press("Space")
    expect_pieces(page, 1)
    expect(button(page, "put Oyster knife back")).to_be_focused()

    tab_to(page, page.locator(".basket-nav a").first)
    page.keyboard.press("Enter")
    tab_to(page, button(page, "Save for later: Oyster knife"))
    page.keyboard.press("Enter")
    expect_pieces(page, 0)
    expect(button(page, "put Oyster knife back")).to_be_focused()

    tab_to(page, page.get_by_role("link", name="For later"))
    page.keyboard.press("Enter")
    tab_to(page, button(page, "Move to the basket: Oyster knife"))
    page.keyboard.press("Enter")
    expect_pieces(page, 1)

    page.goto("/signup")
    tab_to(page, page.get_by_label("E-mail"))
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_be_focused()

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("E-mail")).to_be_focused()
    page.keyboard.type("keys@example.org")
    page.keyboard.press("Tab")
    page.keyboard.type("kettle rope tide")
    page.keyboard.press("Enter")

    tab_to(page, button(page, "These are not mine"))
    page.keyboard.press("Enter")
    expect_pieces(page, 0)

    tab_to(page, button(page, "Log out"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Log in")).to_be_visible()


def test_a_slow_network(open_window: Visits) -> None:
    """The shopper sees at once that something happens; being impatient adds nothing,
    and nothing moves when the answer comes."""
    page = open_window(viewport=PHONE)
    page.goto("/goods/logbook")
    line = page.context.new_cdp_session(page)
    line.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 600,
            "downloadThroughput": 50_000,
            "uploadThroughput": 50_000,
        },
    )
    buy = page.locator("form.buy")
    before = shifts(page)
    place = centre(button(page, "Add to basket"))
    page.mouse.click(*place)

    expect(buy).to_have_attribute("aria-busy", "true")

    page.mouse.click(*place)
    page.keyboard.press("Enter")
    expect_pieces(page, 1)

    expect(button(page, "Add to basket")).to_be_focused()
    expect(buy).to_have_attribute("aria-busy", "false")
    assert shifts(page) == pytest.approx(before, abs=0.01)

    page.reload()
    expect_pieces(page, 1)
