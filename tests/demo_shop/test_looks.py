"""What every page keeps to on desktops and phones; tests/scenes looks at all of it."""

from __future__ import annotations

import itertools
import typing as t

import pytest
from playwright.sync_api import expect

from tests.support.browsers import DESKTOP
from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import is_one_row
from tests.support.browsers import shifts
from tests.support.windows import Front
from tests.support.windows import add
from tests.support.windows import add_elsewhere
from tests.support.windows import button
from tests.support.windows import expect_pieces
from tests.support.windows import fill_in_address

SIZES: t.Final = {"desktop": DESKTOP, "phone": PHONE}
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
