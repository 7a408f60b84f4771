"""The demo shop in a real browser, on a real server."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Locator
from playwright.sync_api import Page
from playwright.sync_api import Response
from playwright.sync_api import expect

from tests.support.browsers import Visits
from tests.support.browsers import find_barriers

ROOT = Path(__file__).parents[2]
PATHS = [
    "/",
    "/shelves/galley",
    "/goods/slipway-boots",
    "/basket/",
    "/basket/wishlist/",
    "/checkout",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server process with a database of its own."""
    folder = tmp_path_factory.mktemp("shop")
    environment = {
        **os.environ,
        "DEMO_SHOP_DATABASE_URI": f"sqlite:///{folder / 'shop.sqlite3'}",
        "DEMO_SHOP_SECRET_KEY": "only for tests",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "demo_shop", "run", "--port", "0"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None

    try:
        output = ""

        for text in process.stderr:
            output += text

            if found := re.search(r"Running on (http://127\.0\.0\.1:\d+)", text):
                break
        else:
            pytest.fail(f"The server did not start:\n{output}")

        # A full pipe would stop the server.
        reader = Thread(target=process.stderr.read)
        reader.start()

        yield found[1]
    finally:
        process.terminate()
        process.wait(timeout=60)

    reader.join(timeout=60)
    process.stderr.close()


@pytest.fixture
def open_page(browser: Browser, server: str) -> Iterator[Visits]:
    """Opens a page in a fresh browser session; an error in its console fails."""
    visits = Visits(browser, server)
    yield visits
    visits.end()


def add(page: Page, path: str, choice: str) -> None:
    """Choose a variant and put it in the basket."""
    page.goto(path)
    page.get_by_role("radio", name=choice).check()
    page.get_by_role("button", name="Add to basket").click()
    expect(page.locator("#cart-messages")).to_contain_text("in your basket")


def fill_in(page: Page) -> None:
    """Fill in the address."""
    for label, text in [
        ("Name", "Ada"),
        ("E-mail", "ada@example.org"),
        ("Street and house", "12 Pier Road"),
        ("Postcode", "V92 X1Y2"),
        ("Town", "Tralee"),
    ]:
        page.get_by_label(label, exact=True).fill(text)


@pytest.mark.parametrize("javascript", [True, False], ids=["with js", "without js"])
def test_shopping(open_page, javascript):
    """Two sizes, a changed quantity, a removed line, and an order."""
    page = open_page(java_script_enabled=javascript)
    basket = page.locator("#cart-mini")
    add(page, "/goods/pier-shirt", "Navy, S")
    add(page, "/goods/pier-shirt", "Navy, M")

    if javascript:
        page.get_by_role("link", name="See it in the basket").click()

    expect(page.locator(".line")).to_have_count(2)
    expect(basket).to_contain_text("€102.90")

    quantity = page.get_by_label("Quantity: Pier stripe shirt, Navy, S")
    quantity.fill("3")
    quantity.press("Enter")

    expect(basket).to_contain_text("€200.90")

    page.get_by_role("button", name="One fewer: Pier stripe shirt, Navy, S").click()

    expect(basket).to_contain_text("€151.90")

    page.get_by_role("button", name="Remove Pier stripe shirt, Navy, M").click()

    expect(page.locator(".line")).to_have_count(1)
    expect(quantity).to_have_value("2")

    page.get_by_role("button", name="Check out").click()
    page.get_by_role("button", name="Order for €102.90").wait_for()
    fill_in(page)
    page.get_by_role("button", name="Order for €102.90").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Ada.")
    expect(page.get_by_text("2 \u00d7 Pier stripe shirt")).to_be_visible()
    expect(basket).to_contain_text("0")


def test_the_keyboard_is_enough(open_page):
    """From the home page to the order with Tab, arrows, Space and Enter only."""
    page = open_page()
    basket = page.locator("#cart-mini")
    page.goto("/")

    tab_to(page, page.get_by_role("link", name="Deckhand jumper"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("radio", name="Navy, S"))
    page.keyboard.press("ArrowRight")

    expect(page.get_by_role("radio", name="Navy, M")).to_be_checked()

    tab_to(page, page.get_by_role("button", name="Add to basket"))
    page.keyboard.press("Space")

    expect(basket).to_contain_text("€122.90")

    tab_to(page, page.get_by_role("link", name="See it in the basket"))
    page.keyboard.press("Enter")

    expect(page.get_by_text("Colour: Navy · Size: M")).to_be_visible()

    tab_to(page, page.get_by_role("button", name="One more: Deckhand jumper"))
    page.keyboard.press("Enter")

    # The field shows it at once; the header, when the shop knows it.
    expect(page.get_by_label("Quantity: Deckhand jumper")).to_have_value("2")
    expect(page.locator(".basket-count")).to_contain_text("2 pieces")

    tab_to(page, page.get_by_role("button", name="Check out"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("Name", exact=True))

    for text in ["Ada", "ada@example.org", "12 Pier Road", "V92 X1Y2", "Tralee"]:
        page.keyboard.type(text)
        page.keyboard.press("Tab")

    page.keyboard.type("Ger")
    tab_to(page, page.get_by_role("button", name="Order for"))
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Ada.")
    expect(page.get_by_text("Germany")).to_be_visible()


def test_a_coupon_by_keyboard(open_page):
    """On a narrow phone, the keyboard is enough to mistype, apply and remove a code,
    and the focus is where the answer is."""
    page = open_page(viewport={"width": 320, "height": 640})
    add(page, "/goods/pilot-kettle", "Tar")
    page.goto("/basket/")
    field = page.get_by_label("Coupon code")
    basket = page.locator("#cart-mini")
    tab_to(page, field)
    page.keyboard.type("sprongtide")
    page.keyboard.press("Enter")

    expect(field).to_have_accessible_description(re.compile("isn't one of our codes"))
    expect(field).to_be_focused()
    expect(field).to_be_in_viewport()
    expect(field).to_have_value("sprongtide")

    field.clear()
    page.keyboard.type("springtide")
    page.keyboard.press("Enter")
    ticket = page.locator("#coupon")

    expect(ticket).to_contain_text("you save €5.20")
    expect(ticket).to_be_focused()
    expect(ticket).to_be_in_viewport()
    expect(basket).to_contain_text("€51.70")

    tab_to(page, page.get_by_role("button", name="Remove the coupon SPRINGTIDE"))
    page.keyboard.press("Enter")

    expect(field).to_be_focused()
    expect(basket).to_contain_text("€56.90")

    tab_to(page, page.get_by_text("Codes to try in this demo"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="FAIRWIND"))
    excess = page.locator("html").evaluate("e => e.scrollWidth - e.clientWidth")
    page.keyboard.press("Enter")

    expect(ticket).to_contain_text("FAIRWIND applies to orders of €60.00 or more")
    assert excess == 0


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    target.wait_for(state="attached")

    for _ in range(80):
        page.keyboard.press("Tab")

        if target.evaluate("element => element === document.activeElement"):
            return

    pytest.fail(f"Tab never reaches {target}.")


def test_mistakes_can_be_found(open_page):
    """The summary of errors has the focus, and its links lead to the fields, in which
    Enter sends the order and chooses no other shipping."""
    page = open_page(failures_expected=True)
    add(page, "/goods/pilot-kettle", "Tar")
    page.goto("/checkout")
    page.get_by_role("button", name="Order for").click()

    expect(page.get_by_role("alert")).to_be_focused()

    page.get_by_role("link", name="Add the postcode").click()

    expect(page.get_by_label("Postcode")).to_be_focused()

    page.get_by_label("Postcode").fill("V92 X1Y2")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("link", name="Add the postcode")).to_have_count(0)
    expect(page.get_by_role("button", name="Post, tracked")).to_have_attribute(
        "aria-pressed", "true"
    )


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_no_page_scrolls_sideways(open_page, width):
    """Every page fits narrow phones and wide screens."""
    page = open_page(viewport={"width": width, "height": 800})
    add(page, "/goods/deckhand-jumper", "Oatmeal, L")

    for path in PATHS:
        page.goto(path)
        excess = page.locator("html").evaluate("e => e.scrollWidth - e.clientWidth")

        assert (path, excess) == (path, 0)


@pytest.mark.parametrize(("path", "files"), [("/", 3), ("/basket/", 4)])
def test_pages_are_light(open_page, path, files):
    """The home page and the basket are below 150 KiB, with three scripts and styles;
    the basket has one more, which copies its link."""
    page = open_page()
    add(page, "/goods/pier-shirt", "Navy, L")
    page.wait_for_load_state("networkidle")
    responses: list[Response] = []
    page.on("response", lambda response: responses.append(response))
    page.goto(path, wait_until="networkidle")
    kinds = [response.request.resource_type for response in responses]
    sizes = [int(response.headers["content-length"]) for response in responses]

    assert sum(sizes) < 150 * 1024
    assert kinds.count("script") + kinds.count("stylesheet") == files


def test_the_page_stays(open_page):
    """A wish, an addition, a removal and its undo need no new page: the header counts,
    nothing moves, and the focus goes to where one goes on."""
    page = open_page()
    basket = page.locator("#cart-mini")
    messages = page.locator("#cart-messages")
    page.goto("/")
    page.evaluate("window.stays = true")
    page.get_by_role("button", name="Wishlist: Pilot kettle").click()

    expect(messages).to_contain_text("Pilot kettle: on your wishlist.")
    assert page.evaluate("window.stays")

    # The heart shows it, also on the page of the product, and takes it out again.
    heart = page.get_by_role("button", name="Wishlist: Pilot kettle")
    expect(heart).to_have_attribute("aria-pressed", "true")
    expect(heart).to_be_focused()
    heart.click()
    expect(heart).to_have_attribute("aria-pressed", "false")
    expect(messages).to_contain_text("Pilot kettle is off your wishlist.")

    page.goto("/goods/pilot-kettle")
    page.get_by_role("radio", name="Tar").check()
    heart = page.get_by_role("button", name="Wishlist", exact=True)
    heart.click()
    expect(heart).to_have_attribute("aria-pressed", "true")
    expect(heart).to_be_focused()
    page.reload()
    heart.click()
    expect(heart).to_have_attribute("aria-pressed", "false")
    heart.click()
    expect(heart).to_have_attribute("aria-pressed", "true")

    add(page, "/goods/pilot-kettle", "Tar")
    page.evaluate("window.stays = true")
    page.get_by_role("button", name="Add to basket").click()

    expect(basket).to_contain_text("2 pieces")
    assert page.evaluate("window.stays")

    page.get_by_role("link", name="See it in the basket").click()
    page.evaluate("window.stays = true")
    page.get_by_role("button", name="Save for later: Pilot kettle").click()

    expect(page.get_by_role("link", name="For later 2 pieces")).to_be_visible()
    expect(basket).to_contain_text("0 pieces")

    page.get_by_role("link", name="Wishlist").first.click()
    page.get_by_role("button", name="Remove Pilot kettle").press("Enter")
    undo = page.get_by_role("button", name="put Pilot kettle back")

    expect(undo).to_be_focused()

    undo.press("Enter")

    expect(page.locator(".line")).to_have_count(1)


def test_the_basket_beside_a_page(open_page):
    """It is the shop's own: change, remove, undo, and go on to the checkout; axe finds
    nothing wrong with it."""
    page = open_page(viewport={"width": 390, "height": 760}, reduced_motion="reduce")
    add(page, "/goods/pilot-kettle", "Tar")
    page.locator("#cart-mini").click()
    drawer = page.get_by_role("dialog", name="Your basket")

    expect(drawer.get_by_text("Colour: Tar")).to_be_visible()
    page.get_by_role("button", name="One more: Pilot kettle").click()
    expect(drawer.get_by_text("€46.00 more, and Night boat is free.")).to_be_visible()
    expect(page.get_by_role("button", name="Check out")).to_be_in_viewport(ratio=1)
    assert find_barriers(page) == []

    page.get_by_role("button", name="Remove Pilot kettle").click()
    page.get_by_role("button", name="put Pilot kettle back").click()
    expect(page.get_by_label("Quantity: Pilot kettle")).to_have_value("2")
    page.get_by_role("button", name="Check out").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Checkout")
