"""Search, accounts and the activity page of the demo shop in a real browser."""

import re
from collections.abc import Callable
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.support.browsers import Visits
from tests.support.browsers import served
from tests.support.browsers import tab_to
from tests.support.slackwater import Shop


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the shop is."""
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite3"
    shop = Shop(f"sqlite:///{path}")

    with served(shop.app) as address:
        yield address

    shop.close()


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Opens a page of somebody new; an error in its console fails."""
    visits = Visits(browser, address)
    yield visits
    visits.end()


def add(page: Page, slug: str) -> None:
    """Put one in the basket, and wait until it is there."""
    page.goto(f"/goods/{slug}")
    before = int(page.locator("#cart-mini").get_attribute("data-version") or 0)
    page.get_by_role("button", name="Add to basket").click()

    expect(page.locator(f'#cart-mini:not([data-version="{before}"])')).to_be_visible()


def sign_up(page: Page, email: str) -> None:
    """Open an account."""
    page.goto("/signup")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill("kettle rope tide")
    page.get_by_role("button", name="Open my account").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Your account")


@pytest.mark.parametrize("javascript", [True, False], ids=["with js", "without js"])
def test_a_basket_comes_along_and_is_not_mine(open_page, javascript):
    """Who signs up is told what came, and takes it out with the button, once."""
    page = open_page(java_script_enabled=javascript)
    page.goto("/goods/watch-cap")
    page.get_by_role("button", name="Add to basket").click()

    expect(page.locator("#cart-mini")).to_contain_text("1")

    sign_up(page, f"{javascript}@example.org")

    expect(page.get_by_text("We added one thing from this browser")).to_be_visible()

    page.get_by_role("button", name="These are not mine").click()

    expect(page.locator(".basket-count")).to_have_text("0 pieces")
    expect(page.get_by_role("button", name="These are not mine")).to_have_count(0)


#: As wide as a font may be: a tenth of its size more for each letter.
WIDE = "* { letter-spacing: 0.1em !important; word-spacing: 0.2em !important }"


@pytest.mark.parametrize("style", ["* {}", WIDE], ids=["font", "wide font"])
def test_the_header_fits_the_smallest_phone(open_page, style):
    """The logo, the account and the basket are in one row, the search below."""
    page = open_page(viewport={"width": 320, "height": 640}, bypass_csp=True)
    add(page, "night-watch-blanket")
    page.goto("/")
    page.add_style_tag(content=style)
    row = [page.locator(name) for name in (".logo", ".account-link", ".basket-link")]
    boxes = [each.bounding_box() for each in row]
    logo, account, basket = (box for box in boxes if box)
    middles = {round(box["y"] + box["height"] / 2, -1) for box in boxes if box}

    assert len(middles) == 1
    assert logo["x"] + logo["width"] <= account["x"]
    assert account["x"] + account["width"] <= basket["x"]
    assert basket["x"] + basket["width"] <= 320
    assert page.locator("html").evaluate("e => e.scrollWidth - e.clientWidth") == 0


def test_search_by_keyboard(open_page):
    """From the home page to a filtered result with the keyboard only."""
    page = open_page()
    page.goto("/")
    tab_to(page, page.get_by_role("searchbox"))
    page.keyboard.type("boots")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("“boots”")

    tab_to(page, page.get_by_role("checkbox", name="On sale"))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_role("button", name="Show", exact=True))
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("sale=1"))
    expect(page.locator(".card")).to_have_count(1)

    tab_to(page, page.get_by_role("link", name="Slipway boots"))
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Slipway boots")


def test_the_activity_page_lives(open_page):
    """What happens in another window appears by itself, the newest first, and is not
    asked for while nobody looks."""
    page = open_page()
    page.goto("/activity/")
    shop = page.context.new_page()

    expect(page.get_by_text("Nothing yet")).to_be_visible()

    add(shop, "watch-cap")

    # The cap, and that it goes by post.
    expect(page.locator(".write")).to_have_count(2)
    expect(page.get_by_text("Nothing yet")).to_be_hidden()

    add(shop, "harbour-mug")

    expect(page.locator(".write")).to_have_count(3)
    expect(page.locator(".write").first).to_contain_text("Harbour mug")

    asked = page.evaluate(
        """() => {
          const ask = () => document.querySelector("#poll").dispatchEvent(
            new CustomEvent("htmx:beforeRequest", {bubbles: true, cancelable: true}));
          const visible = ask();
          Object.defineProperty(document, "hidden", {value: true});
          return [visible, ask()];
        }"""
    )

    assert asked == [True, False]


def test_the_activity_page_without_scripts(open_page):
    """The list is there, and a link gets the news."""
    page = open_page(java_script_enabled=False)
    page.goto("/activity/")
    shop = page.context.new_page()
    shop.goto("/goods/watch-cap")
    shop.get_by_role("button", name="Add to basket").click()

    expect(shop.locator("#cart-mini")).to_contain_text("1")
    expect(page.get_by_text("grows by itself")).to_be_hidden()

    page.get_by_role("link", name="Refresh").click()

    expect(page.locator(".write")).to_have_count(2)
