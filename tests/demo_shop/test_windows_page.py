"""The page with two windows: both are of one shopper, and neither loses anything."""

from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import find_barriers
from tests.support.slackwater import Visitor
from tests.support.windows import Front
from tests.support.windows import button


def policy(visitor: Visitor, path: str) -> list[str]:
    """What a page says of what may be in it, and what it may be in."""
    with visitor.client.get(path) as response:
        return response.headers["Content-Security-Policy"].split("; ")


def test_only_the_shop_shows_its_pages(visitor: Visitor) -> None:
    """And only this page of it has others in it."""
    for path in ["/", "/goods/harbour-mug", "/basket/", "/two-windows", "/nowhere"]:
        assert "frame-ancestors 'self'" in policy(visitor, path)
        assert ("frame-src 'self'" in policy(visitor, path)) == (path == "/two-windows")


def expect_in_both(page: Page, text: str) -> None:
    for frame in page.locator(".windows iframe").all():
        expect(frame.content_frame.locator(".basket-count")).to_contain_text(text)


def begin(page: Page) -> None:
    """Open the page, and put something in the basket that both windows share."""
    page.goto("/two-windows")
    button(page, "Begin with this: Harbour mug").press("Enter")

    expect(page.locator(".windows iframe")).to_have_count(2)


def test_the_button_has_room_above_it(open_window: Visits) -> None:
    """It does not touch the sentence that it follows, as no other button does."""
    page = open_window(viewport=PHONE)
    page.goto("/two-windows")
    sentence = page.locator("form:has(#begin) p").bounding_box()
    begins = page.locator("#begin").bounding_box()

    assert sentence is not None
    assert begins is not None
    assert begins["y"] - (sentence["y"] + sentence["height"]) >= 12


def test_what_both_add_is_in_the_basket(open_window: Visits, front: Front) -> None:
    """Also when both are pressed before either is answered, again and again; and both
    show it, without being loaded anew."""
    page = open_window(viewport=PHONE)
    begin(page)
    expect_in_both(page, "1 piece")
    both = button(page, "Press “Add to basket” in both at once")
    front.way.hold()
    both.press("Enter")
    front.way.wait_for_changes(2)
    front.way.go_on()

    expect_in_both(page, "3 pieces")
    assert find_barriers(page) == []


def test_without_scripts(open_window: Visits) -> None:
    """There is no button for both, but each window does what it is there for."""
    page = open_window(viewport=PHONE, java_script_enabled=False)
    begin(page)

    expect(page.locator("#press-both")).to_be_hidden()

    for each in page.locator(".windows iframe").all():
        window = each.content_frame
        window.get_by_role("button", name="Add to basket").click()

        expect(window.locator("#cart-messages")).to_contain_text("in your basket")

    page.goto("/basket/")

    expect(page.locator(".basket-count")).to_contain_text("3 pieces")
