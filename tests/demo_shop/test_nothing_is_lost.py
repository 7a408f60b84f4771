"""What a shopper has typed, chosen and taken out, in real browsers on phones."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from playwright.sync_api import Locator
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.windows import Front
from tests.support.windows import add_elsewhere
from tests.support.windows import button
from tests.support.windows import expect_pieces
from tests.support.windows import fill_in_address

with_and_without_scripts = pytest.mark.parametrize(
    "scripts", [True, False], ids=["scripts", "no scripts"]
)

ROOT = Path(__file__).parents[2]
GOODS = {"LOGBOOK-NAVY": "Logbook", "MUG-FOG": "Harbour mug", "CLEAT": "Cleat hook"}


def put(page: Page, skus: dict[str, str], instance: str = "") -> None:
    """Put things into a basket, of which this tab hears nothing."""
    for sku in skus:
        token = page.locator("[name=csrf_token]").first.input_value()
        response = page.request.post(
            f"/basket/{instance}lines",
            form={"csrf_token": token, "item": sku},
            headers={"Accept": "text/html"},
            max_redirects=0,
        )

        assert response.status == 303


def lines(page: Page) -> Locator:
    """The names of what is in the basket, one below the other."""
    return page.locator(".line h3")


@with_and_without_scripts
def test_what_was_typed(open_window: Visits, front: Front, scripts: bool) -> None:
    """Whichever button leads on or back, it takes along what was typed before; and the
    receipt says who has sold it, with the VAT, and orders the same again."""
    front.shop.charge_card("RIPPLE", 1000)
    page = open_window(java_script_enabled=scripts, viewport=PHONE)
    page.goto("/login")
    put(page, {"KETTLE-TAR": "Pilot kettle"})
    page.goto("/basket/")
    page.get_by_label("A note to the shop").fill("Ring twice")
    page.get_by_label("Coupon code").fill("springtide")
    page.get_by_role("textbox", name="Gift card").fill("RIPPLE")
    page.get_by_label("Quantity: Pilot kettle").fill("2")
    button(page, "Check out").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Checkout")
    expect(page.get_by_text("Ring twice")).to_be_visible()
    expect(page.locator(".totals")).to_contain_text("SPRINGTIDE")
    expect(page.locator(".totals")).to_contain_text("Gift card")
    expect_pieces(page, 2)

    fill_in_address(page)
    button(page, "Change the basket").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your basket")
    button(page, "Check out").click()
    expect(page.get_by_label("Town")).to_have_value("Tralee")

    button(page, "Order for").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Ada.")
    expect(page.get_by_text(re.compile("^Slackwater · Order SW-"))).to_be_visible()
    expect(page.get_by_text("of which VAT 23%").first).to_be_visible()
    button(page, "Order the same again").click()
    expect_pieces(page, 2)


@pytest.mark.parametrize(
    ("instance", "scripts"),
    [("", True), ("", False), ("wishlist/", False), ("later/", True)],
)
def test_what_was_taken_out(open_window: Visits, scripts: bool, instance: str) -> None:
    """Removed, moved or emptied: one click puts it back where it was, and names it."""
    page = open_window(java_script_enabled=scripts, viewport=PHONE)
    page.goto("/login")
    put(page, GOODS, instance)
    page.goto(f"/basket/{instance}")
    move = "Move to the basket" if instance else "Save for later"
    undo = button(page, "put Harbour mug back")

    for change in ("Remove Harbour mug", f"{move}: Harbour mug"):
        button(page, change).click()
        expect(lines(page)).to_have_text(["Logbook", "Cleat hook"])
        undo.click()
        expect(lines(page)).to_have_text(list(GOODS.values()))

    button(page, "Empty the").click()
    expect(page.get_by_text("Nothing in it yet")).to_be_visible()
    button(page, "Undo: put Logbook and 2 more back").click()
    expect(lines(page)).to_have_text(list(GOODS.values()))


def test_what_was_taken_out_beside_a_page(open_window: Visits) -> None:
    """There, too, it comes back where it was; also if 0 was typed."""
    page = open_window(viewport=PHONE)
    page.goto("/login")
    put(page, GOODS)
    page.goto("/shelves/galley")
    page.locator("#cart-mini").click()
    field = page.get_by_label("Quantity: Harbour mug")
    button(page, "Remove Harbour mug").click()
    expect(lines(page)).to_have_text(["Logbook", "Cleat hook"])
    button(page, "put Harbour mug back").click()
    expect(lines(page)).to_have_text(list(GOODS.values()))
    field.fill("0")
    field.press("Enter")
    expect(lines(page)).to_have_text(["Logbook", "Cleat hook"])
    button(page, "put Harbour mug back").click()
    expect(lines(page)).to_have_text(list(GOODS.values()))


@with_and_without_scripts
def test_a_step_and_none_of_it(open_window: Visits, scripts: bool) -> None:
    """One more counts on top of another device's; 0 removes, and can be undone."""
    page = open_window(java_script_enabled=scripts, viewport=PHONE)
    page.goto("/login")
    put(page, {"MUG-FOG": "Harbour mug"})
    page.goto("/basket/")

    for count in (3, 5):
        add_elsewhere(page, "MUG-FOG")

        if scripts and count == 5:
            page.locator("#cart-heading").focus()
            page.goto("/")
            page.locator("#cart-mini").click()
            expect(page.get_by_label("Quantity: Harbour mug")).to_have_value("4")
            add_elsewhere(page, "MUG-FOG")
            count = 6

        button(page, "One more: Harbour mug").click()
        expect(page.get_by_label("Quantity: Harbour mug")).to_have_value(str(count))
        expect_pieces(page, count)

    page.goto("/basket/")
    page.get_by_label("Quantity: Harbour mug").fill("0")
    page.get_by_label("Quantity: Harbour mug").press("Enter")
    expect(page.get_by_text("Nothing in it yet")).to_be_visible()
    button(page, "put Harbour mug back").click()
    expect(lines(page)).to_have_text(["Harbour mug"])


@with_and_without_scripts
def test_a_basket_that_is_not_seen_is_not_emptied(
    open_window: Visits, scripts: bool
) -> None:
    """The page names what was asked for, shows what is there, in its variant, and the
    button that stands out leaves it there."""
    page = open_window(
        java_script_enabled=scripts, viewport=PHONE, failures_expected=True
    )
    page.goto("/login")
    put(page, {"MUG-FOG": "Harbour mug"})
    page.goto("/basket/")
    add_elsewhere(page, "LOGBOOK-NAVY")
    button(page, "Empty the basket").click()

    title = "Your basket changed in another tab"
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page).to_have_title(f"{title} \u2013 Slackwater")
    expect(page.locator(".overview")).to_contain_text("Logbook Colour: Navy")
    expect(page.get_by_text("Empty the basket", exact=True)).to_be_visible()
    leave = page.get_by_role("link", name="Leave it as it is")
    expect(leave).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
    leave.click()
    expect_pieces(page, 2)
    add_elsewhere(page, "LOGBOOK-NAVY")
    button(page, "Empty the basket").click()
    button(page, "Empty the basket all the same").click()
    expect(page.get_by_text("Nothing in it yet")).to_be_visible()


def test_tabs_hear_of_each_other(open_window: Visits) -> None:
    """Whatever page is in one of them, its header counts what is done in another; and
    no page shows a number that only programs read."""
    tab = open_window(viewport=PHONE)
    tab.goto("/goods/cleat-hook")
    page = tab.context.new_page()
    page.set_viewport_size(PHONE)
    paths = [
        "/race/",
        "/activity/",
        "/",
        "/basket/wishlist/",
        "/basket/",
        "/checkout",
        "/account",
    ]

    for count, path in enumerate(paths, start=1):
        page.goto(path)
        button(tab, "Add to basket").click()
        expect_pieces(tab, count)
        expect_pieces(page, count)
        text = page.locator("body").inner_text()

        assert (path, re.findall("[0-9]{9,}", text)) == (path, [])


@with_and_without_scripts
def test_a_heart_takes_out_what_it_has_added(
    open_window: Visits, scripts: bool
) -> None:
    """On a shelf, among what was found, and on the page of the product."""
    page = open_window(java_script_enabled=scripts, viewport=PHONE)

    # Whoever is new is asked once more, without scripts.
    page.goto("/login")
    put(page, {"CLEAT": "Cleat hook"})

    for path in ("/", "/search?q=kettle", "/goods/pilot-kettle"):
        page.goto(path)
        is_product = path.startswith("/goods")
        name = "Wishlist" if is_product else "Wishlist: Pilot kettle"
        heart = page.get_by_role("button", name=name, exact=True)
        expect(heart).to_have_attribute("aria-pressed", "false")
        heart.click()
        expect(heart).to_have_attribute("aria-pressed", "true")
        expect(page).to_have_url(re.compile(re.escape(path) + "$"))
        heart.click()
        expect(heart).to_have_attribute("aria-pressed", "false")


@with_and_without_scripts
def test_what_there_is_not_enough_of(
    open_window: Visits, front: Front, scripts: bool
) -> None:
    """What is said counts what is in the basket only if something is; and while the
    checkout would send back, its button does not stand out, and the page says why."""
    page = open_window(
        java_script_enabled=scripts, viewport=PHONE, failures_expected=True
    )
    stock = front.shop.stock("MUG-BUOYRED")
    front.shop.set_stock("MUG-BUOYRED", 1)
    told = page.locator("#cart-messages")
    page.goto("/goods/harbour-mug")
    page.get_by_role("radio", name="Buoy red").check()
    page.get_by_label("Quantity").fill("2")
    button(page, "Add to basket").click()
    expect(told).to_contain_text("only one is left.")

    for said in ("in your basket", "counting those in your basket"):
        page.goto("/goods/harbour-mug")
        page.get_by_role("radio", name="Buoy red").check()
        button(page, "Add to basket").click()
        expect(told).to_contain_text(said)

    front.shop.set_stock("MUG-BUOYRED", 0)
    page.goto("/basket/")
    clear = "rgba(0, 0, 0, 0)"

    expect(button(page, "Check out")).to_have_css("background-color", clear)
    expect(page.locator("#cart-forward")).to_have_css("background-color", clear)
    expect(page.get_by_text("Something in it needs a look")).to_be_visible()
    front.shop.set_stock("MUG-BUOYRED", stock)
    page.goto("/basket/")
    expect(button(page, "Check out")).not_to_have_css("background-color", clear)


#: The controls that a message still covers when they are scrolled to, by their texts.
COVERED = """controls => controls
  .filter((each) => each.checkVisibility() && !each.closest("#cart-messages, .hidden"))
  .filter((each) => {
    each.scrollIntoView({block: "nearest", behavior: "instant"});
    const {top, bottom} = each.getBoundingClientRect();
    const message = document.querySelector(".cart-message").getBoundingClientRect();

    return bottom - 1 > message.top && top + 1 < message.bottom;
  })
  .map((each) => each.outerHTML)"""
CONTROLS = (
    "a, button, input:not([type=hidden], [type=radio]), select, textarea, summary"
)


def test_a_message_covers_nothing_for_good(open_window: Visits) -> None:
    """On the smallest phone everything can be scrolled above a message that stays; and
    what was pressed, wherever it was on the screen, is not below it."""
    page = open_window(
        viewport={"width": 320, "height": 568},
        failures_expected=True,
        reduced_motion="reduce",
    )

    def check(*pressed: Locator) -> None:
        expect(page.locator(".cart-message")).to_be_visible()
        message = page.locator(".cart-message").bounding_box()
        assert message is not None
        assert message["height"] < 150

        for each in pressed:
            box = each.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= message["y"] + 1

        assert page.locator(CONTROLS).evaluate_all(COVERED) == []

    page.goto("/login")
    put(page, GOODS)
    page.goto("/basket/")
    page.goto("/")
    page.route("**/basket/wishlist/lines", lambda way: way.abort())
    heart = button(page, "Wishlist: Pilot kettle")
    heart.evaluate("e => e.scrollIntoView({block: 'end', behavior: 'instant'})")
    heart.click()
    expect(page.get_by_text("That didn't reach us.")).to_be_visible()
    check(heart)

    page.goto("/goods/harbour-mug")
    add = button(page, "Add to basket")
    page.get_by_label("Quantity").fill("9")
    page.get_by_role("radio", name="Buoy red").check()
    add.evaluate("e => e.scrollIntoView({block: 'end', behavior: 'instant'})")
    add.click()
    check(add)

    page.goto("/basket/")
    button(page, "Remove Harbour mug").click()
    expect(button(page, "put Harbour mug back")).to_be_visible()
    check()


def test_a_long_basket_is_light(open_window: Visits) -> None:
    """The page of one with 34 lines is small, and one more of one of them moves less
    than 10 KB; the other lines are left alone."""
    page = open_window(viewport=PHONE)
    page.goto("/login")
    goods = tomllib.loads((ROOT / "demo_shop" / "catalogue.toml").read_text())
    skus = [
        variant["sku"]
        for shelf in goods["categories"]
        for product in shelf["products"]
        for variant in product["variants"]
        if variant["stock"] > 1
    ]
    token = page.locator("[name=csrf_token]").first.input_value()
    page.request.post(
        "/basket/lines/many",
        data={"items": [{"item": each} for each in skus[:34]]},
        headers={"X-CSRFToken": token},
    )
    sizes: list[int] = []
    page.on("response", lambda each: each.ok and sizes.append(len(each.body())))
    with page.expect_response("**/basket/") as answer:
        page.goto("/basket/")

    assert page.locator(".line").count() == 34
    assert len(answer.value.body()) < 130_000

    page.wait_for_load_state("networkidle")
    last = page.get_by_role("spinbutton").last
    last.evaluate("field => { field.isTheSame = true }")
    sizes.clear()
    button(page, "One more").first.click()
    expect_pieces(page, 35)

    assert sum(sizes) < 10 * 1024
    assert last.evaluate("field => field.isTheSame")


@with_and_without_scripts
def test_prices_in_other_languages(open_window: Visits, scripts: bool) -> None:
    """Whoever chooses a language has the prices of all pages as it writes them."""
    page = open_window(java_script_enabled=scripts, viewport=PHONE)
    page.goto("/goods/harbour-mug")

    for language, price in [("Deutsch", "14,00\xa0€"), ("Español", "14,00\xa0€")]:
        button(page, language).click()
        expect(page.locator(".product-price")).to_contain_text(price)

    page.locator("#buy .button").first.click()
    expect(page.locator(".basket-count")).to_contain_text("1")

    for path in ("/basket/", "/checkout", "/search?q=mug"):
        page.goto(path)
        expect(page.locator("main")).to_contain_text("14,00\xa0€")
        expect(page.locator("main")).not_to_contain_text("€14.00")
