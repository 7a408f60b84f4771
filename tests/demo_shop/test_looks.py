"""How every page looks, on desktops and phones, in light and in dark."""

from __future__ import annotations

import itertools
import os
import typing as t
from pathlib import Path

import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.support.browsers import DESKTOP
from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import find_barriers
from tests.support.browsers import is_one_row
from tests.support.browsers import shifts
from tests.support.slackwater import assist
from tests.support.windows import Front
from tests.support.windows import add
from tests.support.windows import add_elsewhere
from tests.support.windows import button
from tests.support.windows import expect_pieces
from tests.support.windows import fill_in_address
from tests.support.windows import sign_up

SIZES: t.Final = {"desktop": DESKTOP, "phone": PHONE}
SCHEMES: t.Final[tuple[t.Literal["light", "dark"], ...]] = ("light", "dark")
#: The pages that are as they are when one comes to them.
PLAIN: t.Final = {
    "home": "/",
    "shelf": "/shelves/foul-weather",
    "search": "/search?q=boots",
    "nothing found": "/search?q=zebra&stock=1",
    "product": "/goods/slipway-boots",
    "empty basket": "/basket/",
    "empty wishlist": "/basket/wishlist/",
    "guest": "/account",
    "quiet activity": "/activity/",
    "race": "/race/",
    "no assistants": "/activity/assistants",
    "login": "/login",
    "signup": "/signup",
    "error": "/goods/anchor",
}


def keep_pictures(page: Page, name: str) -> None:
    """Keep pictures where ``CART_TESTS_SCREENSHOTS`` says, for somebody who looks."""
    folder = os.environ.get("CART_TESTS_SCREENSHOTS")

    if folder is None:
        return

    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        # Hiding the caret would take a style that the pages forbid.
        path = Path(folder, f"{name} {scheme}.png".replace(" ", "-"))
        page.screenshot(path=path, full_page=True, caret="initial")


def show_payments(page: Page) -> t.Iterator[str]:
    """Show what comes of a payment, with the address that is still missing."""
    fill_in_address(page)
    button(page, "Pay with Sandbox Pay").click()
    yield "sandbox pay"
    page.get_by_role("link", name="Back to the shop").click()
    yield "payment that is waited for"
    page.get_by_role("link", name="Back to Sandbox Pay").click()
    button(page, "Refuse the payment").click()
    yield "payment that was refused"
    page.get_by_role("link", name="Try again").click()
    yield "sandbox pay after a refusal"
    provider = page.url
    button(page, "Pay, and tell the shop later").click()
    button(page, "Give up").click()
    page.goto(provider)
    yield "sandbox pay when it was paid"
    button(page, "Tell the shop now").click()
    yield "payment that goes back"
    page.goto(provider)
    yield "sandbox pay after a refund"


def show_all(page: Page, front: Front) -> t.Iterator[str]:
    """Show every page in every state, each with its name."""
    front.shop.note_race(session=(50, 31), cache=(50, 50), **{"flask-cart": (50, 50)})

    for name, path in PLAIN.items():
        page.goto(path)
        yield name

    page.goto("/signup")
    button(page, "Open my account").click()
    expect(page.get_by_role("alert")).to_be_focused()
    yield "signup with mistakes"
    yield from show_assisted(page, front)

    add(page, "pier-shirt", "Navy, S")
    yield "added"
    yield from show_baskets(page, front)

    page.goto("/checkout")
    yield "checkout"
    button(page, "Order for").click()
    expect(page.get_by_role("alert")).to_be_focused()
    yield "checkout with mistakes"
    yield from show_payments(page)

    page.goto("/signup")
    sign_up(page, "looks@example.org")
    yield "merged"
    page.goto("/checkout")
    fill_in_address(page)
    button(page, "Order for").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Ada.")
    yield "order"

    page.goto("/basket/")
    button(page, "Show what is behind the page").click()
    yield "panel"
    button(page, "Hide what is behind the page").click()

    for name, path in {"account": "/account", "activity": "/activity/"}.items():
        page.goto(path)
        yield name


def show_assisted(page: Page, front: Front) -> t.Iterator[str]:
    """Show a basket that an assistant has put together, and empty it."""
    cart = assist(front.shop, {"MUG-FOG": 2, "KETTLE-TAR": 1})
    page.goto(cart["continue_url"].removeprefix("http://localhost"))
    yield "link"
    button(page, "Put it in my cart").click()
    expect(page.get_by_text("Your assistant agent.example put 2")).to_be_visible()
    yield "handed over"
    page.goto("/activity/assistants")
    yield "assistants"
    page.goto("/basket/")
    button(page, "Empty the basket").click()
    expect(page.get_by_text("Nothing in it yet")).to_be_visible()


def show_baskets(page: Page, front: Front) -> t.Iterator[str]:
    """Show the basket and what is beside it, full of things to say."""
    page.goto("/goods/cleat-hook")
    button(page, "Add to basket").click()
    expect_pieces(page, 2)
    page.goto("/goods/harbour-mug")
    button(page, "Wishlist: Pilot kettle").click()
    expect(page.get_by_text("Pilot kettle: on your wishlist.")).to_be_visible()
    page.goto("/basket/wishlist/")
    yield "wishlist"

    add(page, "harbour-mug", "Buoy red")
    page.goto("/basket/")
    button(page, "Save for later: Harbour mug").click()
    expect_pieces(page, 2)
    page.goto("/basket/later/")
    yield "for later"

    page.goto("/basket/")
    page.get_by_label("Coupon code").fill("sprongtide")
    button(page, "Apply").click()
    expect(page.get_by_text("isn't one of our codes")).to_be_visible()
    yield "wrong coupon"
    page.get_by_label("Coupon code").fill("springtide")
    button(page, "Apply").click()
    expect(page.locator("#coupon")).to_contain_text("you save")
    page.get_by_label("A note to the shop").fill("Please ring twice.")
    button(page, "Keep the note").click()
    expect(page.get_by_text("Your note is with your basket.")).to_be_visible()
    page.goto("/basket/")
    page.get_by_text("Why this total?").click()
    yield "basket"

    page.goto("/basket/")
    add_elsewhere(page, "SHIRT-NAVY-S")
    page.get_by_label("Quantity: Pier stripe shirt").fill("3")
    page.get_by_label("Quantity: Pier stripe shirt").press("Enter")
    expect(button(page, "Make it 3")).to_be_visible()
    yield "conflict"

    price, stock = 1850, front.shop.stock("SHIRT-NAVY-S")
    front.shop.set_price("CLEAT", 2400)
    front.shop.set_stock("SHIRT-NAVY-S", 1)
    page.goto("/basket/")
    yield "changed on the shelf"
    front.shop.set_price("CLEAT", price)
    front.shop.set_stock("SHIRT-NAVY-S", stock)

    page.goto("/basket/")
    button(page, "Remove Cleat hook").click()
    expect(button(page, "put Cleat hook back")).to_be_visible()
    yield "removed"


def test_every_page_is_for_everybody(open_window: Visits, front: Front) -> None:
    """On every page, in light and in dark, axe finds nothing wrong, and nothing is
    wider than the window, in every size."""
    page = open_window(
        viewport=DESKTOP, reduced_motion="reduce", failures_expected=True
    )

    for name in show_all(page, front):
        for size, viewport in SIZES.items():
            page.set_viewport_size(viewport)
            excess = page.locator("html").evaluate("e => e.scrollWidth - innerWidth")

            assert (name, size, excess) == (name, size, 0)
            keep_pictures(page, f"{name} {size}")

        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found = find_barriers(page, colours_only=scheme != SCHEMES[0])

            assert (name, scheme, found) == (name, scheme, [])

        page.set_viewport_size(DESKTOP)


LONG = "Donaudampfschifffahrtskapitaensmuetze"


def test_long_words_and_wide_letters_fit(open_window: Visits, front: Front) -> None:
    """From the shelf to the receipt, in messages and in a conflict, on the smallest
    phones; also with the space between letters that some readers set, and with larger
    ones."""
    page = open_window(failures_expected=True)

    def check(name: str) -> None:
        for width, spacing, size in itertools.product(
            (320, 390), ("normal", "0.12em"), ("100%", "130%")
        ):
            page.set_viewport_size({"width": width, "height": 740})
            page.evaluate(
                """([gap, size]) => {
                  document.body.style.letterSpacing = gap;
                  document.documentElement.style.fontSize = size;
                }""",
                [spacing, size],
            )
            excess = page.locator("html").evaluate("e => e.scrollWidth - innerWidth")
            how = (name, width, spacing, size)

            assert (*how, excess) == (*how, 0)

            for row in (".logo, .account-link, .basket-link", ".cart-message > *"):
                assert is_one_row(page, row), (*how, row)

        page.evaluate("document.body.style.letterSpacing = ''")
        page.evaluate("document.documentElement.style.fontSize = ''")

    front.shop.rename("pier-shirt", LONG)
    page.goto("/shelves/foul-weather")
    check("shelf")
    page.goto(f"/search?q={LONG}")
    check("search")
    button(page, f"Wishlist: {LONG}").click()
    expect(page.get_by_text(f"{LONG}: on your wishlist.")).to_be_visible()
    check("wish")
    add(page, "pier-shirt", "Navy, S")
    check("product")
    page.locator("#cart-mini").click()
    expect(button(page, "Check out")).to_be_visible()
    check("drawer")
    page.goto("/basket/wishlist/")
    check("wishlist")
    page.goto("/basket/")
    check("basket")
    button(page, f"Remove {LONG}").click()
    expect(button(page, f"put {LONG} back")).to_be_visible()
    check("undo")
    button(page, f"put {LONG} back").click()
    expect_pieces(page, 1)
    add_elsewhere(page, "SHIRT-NAVY-S")
    page.get_by_label(f"Quantity: {LONG}").fill("3")
    page.get_by_label(f"Quantity: {LONG}").press("Enter")
    expect(button(page, "Make it 3")).to_be_visible()
    check("conflict")
    page.goto("/activity/")
    check("activity")
    page.goto("/checkout")
    check("checkout")
    fill_in_address(page)
    button(page, "Order for").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Ada.")
    check("receipt")
    page.goto("/account")
    check("account")
    front.shop.rename("pier-shirt", "Pier stripe shirt")


@pytest.mark.parametrize("viewport", SIZES.values(), ids=SIZES)
def test_nothing_moves(open_window: Visits, viewport: t.Any) -> None:
    """No page moves while it is loaded, nor when the basket on it is changed."""
    page = open_window(viewport=viewport, failures_expected=True)

    for path in PLAIN.values():
        page.goto(path)

        assert (path, shifts(page)) == (path, pytest.approx(0, abs=0.01))

    add(page, "harbour-mug", "Navy")
    button(page, "Add to basket").click()
    expect_pieces(page, 2)
    button(page, "Wishlist: Pilot kettle").click()
    expect(page.get_by_text("Pilot kettle: on your wishlist.")).to_be_visible()

    assert shifts(page) == pytest.approx(0, abs=0.01)

    page.goto("/basket/")
    button(page, "One more: Harbour mug").click()
    expect_pieces(page, 3)

    assert shifts(page) == pytest.approx(0, abs=0.01)

    page.goto("/checkout")

    assert shifts(page) == pytest.approx(0, abs=0.01)
