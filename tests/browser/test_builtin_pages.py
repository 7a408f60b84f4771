"""The pages of the blueprint in a real browser, with and without JavaScript."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from playwright.sync_api import Locator
from playwright.sync_api import Page
from playwright.sync_api import Response
from playwright.sync_api import Route
from playwright.sync_api import expect

from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import find_barriers
from tests.support.browsers import is_one_row
from tests.support.browsers import shifts
from tests.support.browsers import tab_to
from tests.support.mug_shop import SHELF
from tests.support.mug_shop import MugShop

with_and_without_scripts = pytest.mark.parametrize(
    "scripts", [True, False], ids=["scripts", "no scripts"]
)


SCHEMES: t.Final[tuple[t.Literal["light", "dark"], ...]] = ("light", "dark")


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name)


def quantity_of(page: Page, name: str) -> Locator:
    """The field for a quantity in the cart."""
    return page.get_by_role("spinbutton", name=f"Quantity of {name}")


def header(page: Page) -> Locator:
    """The cart in the header."""
    return page.locator("#cart-mini")


def add(page: Page, item: str, count: int = 1) -> None:
    """Put something into the cart, and wait until the header says so."""
    page.goto(f"/goods/{item}")
    before = int(page.locator(".cart-count").inner_text().split()[0])
    page.get_by_label("Quantity").first.fill(str(count))
    button(page, "Add to cart").click()

    expect(page.locator(".cart-count")).to_contain_text(f"{before + count} item")


def go_to_cart(page: Page) -> None:
    """Take the link in the header, which may open the drawer."""
    opens = page.locator(".cart-js #cart-drawer").count()
    header(page).click()

    if opens:
        page.get_by_role("link", name="View the cart").click()


def put(page: Page, item: str, count: int = 1) -> None:
    """Put something into the cart as another tab does, that nobody looks at."""
    chosen = {
        f"option.{k}": values[0] for k, values in SHELF[item].cart_choices.items()
    }
    form = {"item": item, "quantity": str(count), **chosen}
    response = page.request.post(
        "/cart/lines", form=form, headers={"Accept": "text/html"}, max_redirects=0
    )

    assert response.status == 303


def set_elsewhere(page: Page, item: str, count: int) -> None:
    """Set a quantity as another device does, which no tab of this one hears of."""
    cart = page.request.get("/cart/", headers={"Accept": "application/json"}).json()
    (line,) = (each["id"] for each in cart["lines"] if each["item"] == item)
    response = page.request.patch(f"/cart/lines/{line}", data={"quantity": count})

    assert response.ok


@with_and_without_scripts
def test_the_shopper_s_whole_way(open_page: Visits, scripts: bool) -> None:
    """Choose, change, try coupons, leave a note, remove, undo, and empty the cart."""
    page = open_page(java_script_enabled=scripts, viewport=PHONE)
    page.goto("/goods/mug")
    page.get_by_label("Size").first.select_option("Large")
    page.get_by_label("Quantity").first.fill("2")
    button(page, "Add to cart").click()

    expect(header(page)).to_contain_text("€25.00")

    add(page, "pot")
    go_to_cart(page)

    expect(page.get_by_text("Size: Large")).to_be_visible()

    quantity_of(page, "Harbour mug").fill("4")
    quantity_of(page, "Harbour mug").press("Enter")

    expect(header(page)).to_contain_text("€90.00")

    button(page, "Fewer of Harbour mug").click()

    expect(header(page)).to_contain_text("€77.50")

    page.get_by_label("Code").fill("tide")
    page.get_by_label("Code").press("Enter")

    expect(header(page)).to_contain_text("€69.75")

    page.get_by_label("Code").fill("storm")
    button(page, "Use").click()

    expect(page.get_by_text("Not used: it needs €500.00")).to_be_visible()

    page.get_by_label("Code").fill("moon")
    button(page, "Use").click()

    expect(page.get_by_role("alert")).to_have_text("There is no such code.")
    expect(page.get_by_label("Code")).to_have_value("moon")

    button(page, "Remove TIDE").click()

    expect(header(page)).to_contain_text("€77.50")

    page.get_by_label("A note for us").fill("Ring twice")
    button(page, "Save the note").click()

    expect(page.get_by_role("status")).to_contain_text("It is noted.")
    expect(page.get_by_label("A note for us")).to_have_value("Ring twice")

    button(page, "Remove Harbour mug").click()

    expect(page.locator(".cart-line")).to_have_count(1)

    button(page, "Put Harbour mug back").click()

    expect(quantity_of(page, "Harbour mug")).to_have_value("3")
    expect(page.get_by_text("Size: Large")).to_be_visible()

    button(page, "Save for later Harbour mug").click()

    expect(page.get_by_role("status")).to_contain_text("Harbour mug is moved.")

    button(page, "Put Harbour mug back").click()

    expect(page.locator(".cart-line").first).to_contain_text("Harbour mug")
    expect(quantity_of(page, "Harbour mug")).to_have_value("3")

    button(page, "Empty the cart").click()

    expect(page.get_by_text("There is nothing in it yet.")).to_be_visible()
    expect(header(page)).to_contain_text("0 items")

    button(page, "Put Harbour mug and Watch teapot back").click()

    expect(page.locator(".cart-line").first).to_contain_text("Harbour mug")
    expect(header(page)).to_contain_text("€77.50")
    expect(page.get_by_label("A note for us")).to_have_value("Ring twice")
    expect(button(page, "Remove STORM")).to_be_visible()


def test_adding_does_not_load_a_page(open_page: Visits) -> None:
    """The page stays, its title and its address; only the header says more."""
    page = open_page()
    page.goto("/goods/mug?next=/goods/mug")
    page.evaluate("window.stays = true")
    button(page, "Add to cart").click()

    expect(header(page)).to_contain_text("1 item")
    expect(page.get_by_role("status")).to_contain_text("Harbour mug is in your cart.")
    expect(page.locator("#cart-summary")).to_contain_text("1 \u00d7 Harbour mug")
    expect(button(page, "Add to cart")).to_be_focused()
    assert page.evaluate("window.stays")
    assert page.title() == "Harbour mug"
    assert page.url.endswith("/goods/mug?next=/goods/mug")

    button(page, "Add to cart").click()

    expect(header(page)).to_contain_text("2 items")


def test_nothing_moves_on_an_update(open_page: Visits) -> None:
    """Neither adding nor another quantity moves anything on the page."""
    page = open_page(viewport=PHONE)
    add(page, "mug", 9)
    before = shifts(page)
    button(page, "Add to cart").click()

    expect(header(page)).to_contain_text("18 items")
    assert shifts(page) == before

    page.goto("/cart/")
    quantity_of(page, "Harbour mug").fill("100")
    # Where a digit is in the field depends on how many there are.
    before = shifts(page)
    quantity_of(page, "Harbour mug").press("Enter")

    expect(header(page)).to_contain_text("100 items")
    assert shifts(page) == before


@with_and_without_scripts
def test_a_double_click_adds_once(
    open_page: Visits, mug_shop: MugShop, scripts: bool
) -> None:
    """Also if the shop has not answered to the first one."""
    page = open_page(java_script_enabled=scripts)
    put(page, "pot")
    page.goto("/goods/mug")
    mug_shop.way.hold()
    place = centre(button(page, "Add to cart"))
    page.mouse.click(*place)
    mug_shop.way.wait_for_changes(1)
    page.mouse.click(*place)

    if not scripts:
        mug_shop.way.wait_for_changes(1)

    mug_shop.way.go_on()

    expect(page.get_by_role("status")).to_contain_text("Harbour mug is in your cart.")
    expect(header(page)).to_contain_text("2 items")
    page.goto("/cart/")
    expect(header(page)).to_contain_text("2 items")


def test_the_second_click_hits_nothing_else(open_page: Visits) -> None:
    """A double click on Remove leaves the line that comes into its place."""
    page = open_page()
    put(page, "mug")
    put(page, "pot")
    page.goto("/cart/")
    place = button(page, "Remove Harbour mug").bounding_box()
    assert place is not None
    x, y = place["x"] + 5, place["y"] + 5
    page.mouse.click(x, y)
    expect(page.locator(".cart-line")).to_have_count(1)

    # The next click at the same place, as a browser counts them.
    page.mouse.move(*centre(button(page, "Remove Watch teapot")))
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)
    page.reload()

    expect(page.locator(".cart-line")).to_have_count(1)


def centre(target: Locator) -> tuple[float, float]:
    """The middle of something on the page."""
    box = target.bounding_box()
    assert box is not None

    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@with_and_without_scripts
def test_a_refresh_after_adding_adds_nothing(open_page: Visits, scripts: bool) -> None:
    """Neither on the page with the form nor on the one that comes after it."""
    page = open_page(java_script_enabled=scripts)
    add(page, "mug")
    page.reload()

    expect(header(page)).to_contain_text("1 item")


@with_and_without_scripts
def test_the_form_works_after_going_back(open_page: Visits, scripts: bool) -> None:
    """The page of the product is an old one then, and what is added is added."""
    page = open_page(java_script_enabled=scripts)
    add(page, "mug")
    page.goto("/cart/")
    page.go_back()

    if not scripts:
        page.goto("/goods/mug")

    expect(header(page)).to_contain_text("1 item")

    page.get_by_label("Quantity").first.fill("1")
    button(page, "Add to cart").click()

    expect(header(page)).to_contain_text("2 items")


def test_a_page_that_the_browser_kept_is_made_fresh(open_page: Visits) -> None:
    """The cart on it is fetched again, and its forms get other keys."""
    page = open_page()
    put(page, "mug")
    page.goto("/cart/")
    keys = keys_of(page)
    put(page, "pot")
    page.evaluate(
        "window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"
    )

    expect(page.locator(".cart-line")).to_have_count(2)
    expect(header(page)).to_contain_text("2 items")
    assert keys.isdisjoint(keys_of(page))


def test_a_page_that_comes_out_of_a_cache(open_page: Visits) -> None:
    """What is added on it is added each time, though its keys are used ones."""
    page = open_page()
    kept = page.request.get("/goods/mug").text()
    page.route(
        "**/goods/mug", lambda way: way.fulfill(body=kept, content_type="text/html")
    )

    for count in ("1 item", "2 items"):
        page.goto("/goods/mug")
        button(page, "Add to cart").click()

        expect(header(page)).to_contain_text(count)


def keys_of(page: Page) -> set[str]:
    """The one-time keys on a page."""
    return {each.input_value() for each in page.locator("[name=cart_key]").all()}


def ask_for_three_of_five(page: Page, typed: t.Mapping[str, str] = {}) -> None:
    """Type a quantity of mugs that another tab changes meanwhile, and send it.

    :param typed: What else is typed, by the labels of the fields.
    """
    put(page, "mug", 2)
    page.goto("/cart/")
    set_elsewhere(page, "mug", 5)

    for label, text in typed.items():
        page.get_by_label(label).fill(text)

    quantity_of(page, "Harbour mug").fill("3")
    quantity_of(page, "Harbour mug").press("Enter")


def settle(page: Page, wins: bool) -> None:
    """Go on from the conflict about it, with the one or the other."""
    if wins:
        button(page, "Make it 3").click()
    else:
        page.get_by_role("link", name="Leave it at 5").click()


@with_and_without_scripts
@pytest.mark.parametrize("wins", [True, False], ids=["made", "left"])
def test_two_tabs_and_one_quantity(
    open_page: Visits, scripts: bool, wins: bool
) -> None:
    """Both quantities are shown, and one click is enough to go on with either."""
    page = open_page(java_script_enabled=scripts, failures_expected=True)
    ask_for_three_of_five(page)

    heading = page.get_by_role("heading", name="Your cart changed in another tab")
    expect(heading).to_be_visible()
    expect(page).to_have_title("Your cart changed in another tab")
    expect(page.locator(".cart-version").first).to_contain_text("5 \u00d7 Harbour mug")
    expect(page.locator(".cart-version").last).to_contain_text("3 \u00d7 Harbour mug")
    expect(page.get_by_text("Size: Small")).to_have_count(2)
    expect(page.locator(".cart-version img")).to_have_count(2)
    # The safe way is the one that stands out.
    expect(page.locator(".cart-main-button")).to_have_text("Leave it at 5")
    expect(header(page)).to_contain_text("5 items")

    if scripts:
        expect(heading).to_be_focused()

    settle(page, wins)

    expected = "3" if wins else "5"
    expect(quantity_of(page, "Harbour mug")).to_have_value(expected)
    expect(header(page)).to_contain_text(f"{expected} items")
    expect(page).to_have_title("Your cart")


@with_and_without_scripts
def test_a_step_counts_whatever_was_done_elsewhere(
    open_page: Visits, scripts: bool
) -> None:
    """More and fewer are no conflict; the page shows what there is by then."""
    page = open_page(java_script_enabled=scripts)
    put(page, "pot", 2)
    page.goto("/cart/")
    set_elsewhere(page, "pot", 5)
    button(page, "More of Watch teapot").click()

    expect(quantity_of(page, "Watch teapot")).to_have_value("6")
    expect(header(page)).to_contain_text("6 items")

    set_elsewhere(page, "pot", 9)
    button(page, "Fewer of Watch teapot").click()

    expect(quantity_of(page, "Watch teapot")).to_have_value("8")

    # What there is not enough of is said, and the page shows what is in the cart.
    set_elsewhere(page, "pot", 9)
    button(page, "More of Watch teapot").click()

    expect(page.get_by_role("status")).to_contain_text("Only 9 left")
    expect(quantity_of(page, "Watch teapot")).to_have_value("9")


def test_what_is_only_read_out_has_no_button(open_page: Visits) -> None:
    """Nobody comes by keyboard to what nobody sees."""
    page = open_page()
    page.goto("/cart/")
    display = page.evaluate(
        """() => {
          const failed = document.querySelector("#cart-failed").content;
          const message = failed.cloneNode(true).firstElementChild;
          message.className = "cart-message cart-message-quiet";
          document.querySelector("#cart-messages").append(message);
          const button = message.querySelector(".cart-dismiss");
          return getComputedStyle(button).display;
        }"""
    )

    assert display == "none"


@with_and_without_scripts
def test_none_of_it_removes_it(open_page: Visits, scripts: bool) -> None:
    """Typing 0 is a way to remove a line, which can be put back; taps stop at 1."""
    page = open_page(java_script_enabled=scripts)
    put(page, "pot", 2)
    page.goto("/cart/")
    quantity_of(page, "Watch teapot").fill("0")
    quantity_of(page, "Watch teapot").press("Enter")

    expect(page.get_by_text("There is nothing in it yet.")).to_be_visible()
    button(page, "Put Watch teapot back").click()
    expect(quantity_of(page, "Watch teapot")).to_have_value("2")

    if scripts:
        page.evaluate(
            "const [fewer] = document.querySelectorAll('[name=by]');"
            "for (let tap = 0; tap < 4; tap++) fewer.click();"
        )
    else:
        button(page, "Fewer of Watch teapot").click()

    expect(header(page)).to_contain_text("1 item")
    expect(quantity_of(page, "Watch teapot")).to_have_value("1")


def test_tabs_hear_of_each_other(open_page: Visits) -> None:
    """What is done in one of them is on the others at once; what another device has
    done, when somebody looks at them again."""
    page = open_page()
    put(page, "pot")
    page.goto("/cart/")
    page.get_by_label("A note for us").fill("Ring tw")
    tab = page.context.new_page()
    add(tab, "mug", 2)

    expect(header(page)).to_contain_text("3 items")
    expect(page.locator(".cart-line")).to_have_count(2)
    expect(page.get_by_label("A note for us")).to_have_value("Ring tw")

    button(page, "Remove Watch teapot").click()

    expect(header(tab)).to_contain_text("2 items")
    expect(tab.locator("#cart-summary")).to_contain_text("2 \u00d7 Harbour mug")

    put(page, "egg", 6)

    for each in (page, tab):
        each.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(header(each)).to_contain_text("8 items")


def test_tabs_hear_of_what_was_overtaken(open_page: Visits) -> None:
    """Of a step, too, during which the page showed what somebody else has done."""
    page = open_page()
    put(page, "mug", 2)
    page.goto("/cart/")
    other = page.context.new_page()
    other.goto("/cart/")
    held: list[Route] = []
    page.route("**/increment", lambda route: held.append(route))

    with page.expect_request("**/increment"):
        button(page, "More of Harbour mug").click()

    set_elsewhere(page, "mug", 5)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(header(page)).to_contain_text("5 items")
    expect(header(other)).to_contain_text("2 items")
    held[0].continue_()

    expect(header(page)).to_contain_text("6 items")
    expect(header(other)).to_contain_text("6 items")


@with_and_without_scripts
def test_two_tabs_and_an_emptied_cart(open_page: Visits, scripts: bool) -> None:
    """What the shopper has not seen is shown before it is thrown away."""
    page = open_page(java_script_enabled=scripts, failures_expected=True)
    put(page, "mug")
    page.goto("/cart/")
    put(page, "pot")
    button(page, "Empty the cart").click()

    expect(page.locator(".cart-version").first).to_contain_text("1 \u00d7 Watch teapot")

    button(page, "Empty the cart all the same").click()

    expect(page.get_by_text("There is nothing in it yet.")).to_be_visible()


def test_the_keyboard_is_enough(open_page: Visits) -> None:
    """Add, change, remove and undo with Tab, Enter and Space; the focus is kept."""
    page = open_page()
    page.goto("/goods/mug")
    tab_to(page, button(page, "Add to cart"))
    page.keyboard.press("Space")
    expect(header(page)).to_contain_text("1 item")

    for link in (header(page), page.get_by_role("link", name="View the cart")):
        tab_to(page, link)
        page.keyboard.press("Enter")

    tab_to(page, button(page, "More of Harbour mug"))
    page.keyboard.press("Enter")

    expect(header(page)).to_contain_text("2 items")
    expect(button(page, "More of Harbour mug")).to_be_focused()

    tab_to(page, button(page, "Fewer of Harbour mug"))
    page.keyboard.press("Space")

    # One is the fewest, so that button cannot have the focus any more.
    expect(header(page)).to_contain_text("1 item")
    expect(quantity_of(page, "Harbour mug")).to_be_focused()

    page.keyboard.press("ArrowUp")

    expect(header(page)).to_contain_text("2 items")
    expect(quantity_of(page, "Harbour mug")).to_be_focused()

    tab_to(page, button(page, "Remove Harbour mug"))
    page.keyboard.press("Enter")

    expect(header(page)).to_contain_text("0 items")
    expect(button(page, "Put Harbour mug back")).to_be_focused()

    page.keyboard.press("Enter")

    expect(header(page)).to_contain_text("2 items")
    expect(page.get_by_role("heading", level=1)).to_be_focused()


def test_a_key_that_is_held_down_does_one_thing(open_page: Visits) -> None:
    """Remove is not followed by the button that gets the focus next."""
    page = open_page()
    put(page, "mug")
    page.goto("/cart/")
    button(page, "Remove Harbour mug").focus()
    page.keyboard.down("Enter")
    expect(button(page, "Put Harbour mug back")).to_be_focused()
    # It repeats until it is released.
    page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    page.reload()

    expect(header(page)).to_contain_text("0 items")


def test_while_the_shop_is_slow(open_page: Visits, mug_shop: MugShop) -> None:
    """The button says that it is busy, keeps the focus and takes no second click."""
    page = open_page()
    page.goto("/goods/mug")
    mug_shop.way.hold()
    button(page, "Add to cart").click()
    mug_shop.way.wait_for_changes(1)

    form = page.locator("form", has=button(page, "Add to cart"))
    expect(form).to_have_attribute("aria-busy", "true")
    expect(button(page, "Add to cart")).to_have_attribute("aria-disabled", "true")
    expect(button(page, "Add to cart")).to_be_focused()

    page.keyboard.press("Enter")
    button(page, "Add to cart").click(force=True)
    mug_shop.way.go_on()

    expect(header(page)).to_contain_text("1 item")
    expect(button(page, "Add to cart")).to_have_attribute("aria-disabled", "false")
    page.reload()
    expect(header(page)).to_contain_text("1 item")


def test_an_answer_that_is_lost(open_page: Visits) -> None:
    """It is said, and trying again does not add twice."""
    page = open_page(failures_expected=True)
    put(page, "pot")
    page.goto("/goods/mug")
    page.route("**/cart/lines", lose_the_answer, times=1)
    page.on("requestfailed", lambda request: None)
    button(page, "Add to cart").click()

    expect(page.get_by_role("status")).to_contain_text("That did not work.")
    expect(header(page)).to_contain_text("1 item")

    button(page, "Add to cart").click()

    expect(header(page)).to_contain_text("2 items")


def test_an_answer_that_is_not_shown(open_page: Visits) -> None:
    """The page keeps its title, too."""
    page = open_page(failures_expected=True)
    put(page, "pot")
    page.goto("/cart/")
    body = "<title>Bad Request</title><h1>Bad Request</h1>"
    answer = {"status": 400, "body": body, "content_type": "text/html"}
    page.route("**/remove", lambda route: route.fulfill(**answer))
    button(page, "Remove Watch teapot").click()

    expect(page.get_by_role("status")).to_contain_text("That did not work.")
    expect(page).to_have_title("Your cart")


def lose_the_answer(route: Route) -> None:
    route.fetch()
    route.abort()


def test_an_answer_that_was_overtaken(open_page: Visits) -> None:
    """The newest cart stays on the page, in whatever order the answers come."""
    page = open_page()
    put(page, "mug")
    put(page, "pot")
    page.goto("/cart/")
    late: list[tuple[Route, t.Any]] = []
    page.route(
        "**/cart/forward",
        lambda route: late.append((route, route.fetch())),
        times=1,
    )
    page.get_by_label("Code").fill("tide")
    with page.expect_request("**/cart/forward"):
        button(page, "Use").click()
    button(page, "Remove Harbour mug").click()
    expect(page.locator(".cart-line")).to_have_count(1)

    [(route, response)] = late
    with page.expect_response("**/cart/forward"):
        route.fulfill(response=response)

    expect(page.get_by_role("status")).to_contain_text("TIDE is noted.")
    expect(page.locator(".cart-line")).to_have_count(1)
    expect(header(page)).to_contain_text("€36.00")


def test_what_is_half_typed_in_stays(open_page: Visits) -> None:
    """An update of the cart does not take a note away that is not saved yet."""
    page = open_page()
    put(page, "mug")
    page.goto("/cart/")
    page.get_by_label("A note for us").fill("Ring tw")
    button(page, "More of Harbour mug").click()

    expect(header(page)).to_contain_text("2 items")
    expect(page.get_by_label("A note for us")).to_have_value("Ring tw")


@with_and_without_scripts
def test_going_on_saves_what_was_typed(open_page: Visits, scripts: bool) -> None:
    """A note, a code and a quantity are not lost on the way to the checkout; if a code
    is refused, that is told before, beside its field."""
    page = open_page(java_script_enabled=scripts)
    put(page, "mug", 2)
    page.goto("/cart/")
    page.get_by_label("A note for us").fill("Ring twice")
    page.get_by_label("Code").fill("moon")
    button(page, "Check out").click()

    expect(page.get_by_role("alert")).to_have_text("There is no such code.")
    expect(page.get_by_label("A note for us")).to_have_value("Ring twice")

    page.get_by_label("A note for us").fill("Ring once")
    page.get_by_label("Code").fill("tide")
    quantity_of(page, "Harbour mug").fill("4")
    button(page, "Check out").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Checkout")
    expect(page.get_by_text("Your note: Ring once")).to_be_visible()
    expect(page.get_by_text("TIDE", exact=True)).to_be_visible()
    expect(header(page)).to_contain_text("€45.00")

    # What is as it was is no change, and nothing is said of it.
    page.goto("/cart/")
    button(page, "Check out").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Checkout")
    expect(page.locator(".cart-message")).to_have_count(0)


@with_and_without_scripts
@pytest.mark.parametrize("wins", [True, False], ids=["made", "left"])
def test_a_conflict_takes_nothing_else_along(
    open_page: Visits, scripts: bool, wins: bool
) -> None:
    """What was typed beside the quantity is there when the shopper has chosen."""
    page = open_page(java_script_enabled=scripts, failures_expected=True)
    ask_for_three_of_five(page, {"A note for us": "Ring twice", "Code": "tide"})

    settle(page, wins)

    expect(page).to_have_title("Your cart")
    expect(page.get_by_label("A note for us")).to_have_value("Ring twice")
    button(page, "Check out").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Checkout")
    expect(page.get_by_text("Your note: Ring twice")).to_be_visible()
    expect(page.get_by_text("TIDE", exact=True)).to_be_visible()
    expect(header(page)).to_contain_text("3 items" if wins else "5 items")


def test_several_taps_are_one_change(open_page: Visits) -> None:
    """Three more are asked for in a row, each before the page has sent the others."""
    page = open_page()
    # The page's clock does not go on while a slow machine gets to the next tap.
    page.clock.install(time=0)
    put(page, "mug")
    page.goto("/cart/")
    page.clock.pause_at(60_000)
    sent: list[str] = []
    page.on("request", lambda each: each.method == "POST" and sent.append(each.url))

    for _ in range(3):
        button(page, "More of Harbour mug").click()
        page.clock.run_for(300)

    assert sent == []

    page.clock.resume()

    expect(header(page)).to_contain_text("4 items")
    assert len(sent) == 1


def test_quantities_stay_within_what_is_sold(open_page: Visits) -> None:
    """Fields and buttons know the stock and the step of a product."""
    page = open_page()
    page.goto("/goods/lamp")
    expect(page.get_by_text("Sold out").first).to_be_visible()

    page.goto("/goods/egg")
    expect(page.get_by_label("Quantity").first).to_have_value("6")
    button(page, "Add to cart").click()
    expect(header(page)).to_contain_text("6 items")
    put(page, "pot", 9)
    page.goto("/cart/")

    expect(button(page, "More of Watch teapot")).to_be_disabled()

    button(page, "More of Egg cup").click()

    expect(header(page)).to_contain_text("21 items")

    quantity_of(page, "Watch teapot").fill("10")
    quantity_of(page, "Watch teapot").press("Enter")

    assert quantity_of(page, "Watch teapot").evaluate("e => e.validity.rangeOverflow")
    expect(header(page)).to_contain_text("21 items")


@with_and_without_scripts
def test_what_there_is_not_enough_of(
    open_page: Visits, monkeypatch: pytest.MonkeyPatch, scripts: bool
) -> None:
    """Its line says how many are left, and the way to the checkout, which would lead
    back, does not stand out any more, nor in the drawer; axe finds nothing wrong."""
    page = open_page(java_script_enabled=scripts, viewport=PHONE)
    put(page, "pot", 3)
    put(page, "egg", 6)
    monkeypatch.setitem(SHELF, "pot", replace(SHELF["pot"], cart_available=2))
    monkeypatch.setitem(SHELF, "egg", replace(SHELF["egg"], cart_available=0))
    page.goto("/goods/mug")
    quiet = "rgb(255, 255, 255)"

    if scripts:
        header(page).click()
        expect(page.locator("#cart-drawer .cart-line").last).to_contain_text("Sold out")
        expect(button(page, "Check out")).to_have_css("background-color", quiet)

    page.goto("/cart/")
    pot, egg = page.locator(".cart-line").all()

    expect(pot).to_contain_text("Only 2 left.")
    expect(egg).to_contain_text("Sold out")
    expect(button(page, "Check out")).to_have_css("background-color", quiet)

    if scripts:
        assert find_barriers(page) == []

    button(page, "Remove Egg cup").click()
    quantity_of(page, "Watch teapot").fill("2")
    quantity_of(page, "Watch teapot").press("Enter")

    expect(page.get_by_text("Only 2 left.")).to_have_count(0)
    expect(button(page, "Check out")).not_to_have_css("background-color", quiet)


def test_messages_go_away(open_page: Visits) -> None:
    """Those that only tell something, unless the pointer is there; and on request."""
    page = open_page()
    page.clock.install()
    add(page, "mug")
    message = page.locator(".cart-message")
    message.hover()
    page.clock.run_for(7_000)
    expect(message).to_be_visible()

    page.mouse.move(0, 0)
    page.clock.run_for(7_000)
    expect(message).to_have_count(0)

    page.goto("/cart/")
    button(page, "Remove Harbour mug").click()
    expect(button(page, "Put Harbour mug back")).to_be_visible()
    page.clock.run_for(60_000)
    expect(button(page, "Put Harbour mug back")).to_be_visible()

    button(page, "Dismiss").click()
    expect(message).to_have_count(0)


def test_what_stays_covers_nothing_for_good(open_page: Visits) -> None:
    """On a phone, the end of a page can be scrolled above a message that stays, also in
    a layout of the app's own, and nothing moves when it comes."""
    page = open_page(viewport=PHONE, reduced_motion="reduce")

    for item in ("mug", "pot", "cap"):
        put(page, item)

    page.goto("/cart/")
    # What was told of those is gone then.
    page.reload()
    page.evaluate("document.querySelector('main').style.paddingBottom = 0")
    before = shifts(page)
    page.evaluate(
        """() => {
          const failed = document.querySelector("#cart-failed").content;
          document.querySelector("#cart-messages").append(failed.cloneNode(true));
        }"""
    )
    assert shifts(page) == before

    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    message = page.locator(".cart-message").bounding_box()
    last = button(page, "Check out").bounding_box()

    assert message is not None
    assert last is not None
    assert last["y"] + last["height"] <= message["y"]


@with_and_without_scripts
def test_the_wishlist_and_what_is_for_later(open_page: Visits, scripts: bool) -> None:
    """Each has a page of its own, a way to the cart and back, and can be emptied."""
    page = open_page(java_script_enabled=scripts)
    page.goto("/goods/mug")
    button(page, "Add to the wishlist").click()
    expect(page.get_by_role("status")).to_contain_text("Harbour mug")
    expect(header(page)).to_contain_text("0 items")

    page.goto("/cart/")
    page.get_by_role("link", name="Wishlist").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Wishlist")
    expect(button(page, "Move to cart Harbour mug")).to_be_visible()

    button(page, "Move to cart Harbour mug").click()

    expect(header(page)).to_contain_text("1 item")
    expect(page.get_by_text("There is nothing in it yet.")).to_be_visible()

    go_to_cart(page)
    button(page, "Save for later Harbour mug").click()

    expect(header(page)).to_contain_text("0 items")

    page.get_by_role("link", name="Saved for later").click()
    button(page, "Empty this list").click()

    expect(page.get_by_text("There is nothing in it yet.")).to_be_visible()


@pytest.mark.parametrize("width", [320, 390])
def test_long_words_and_wide_letters_fit(open_page: Visits, width: int) -> None:
    """On the page of a product, in the cart, in a message and in a conflict; also with
    the spaces between letters that some readers set, and with larger letters. What is
    in the header and in a message stays in one row."""
    page = open_page(
        viewport={"width": width, "height": 740},
        reduced_motion="reduce",
        failures_expected=True,
    )

    def check(name: str) -> None:
        for spacing, size in [("normal", ""), ("0.12em", ""), ("normal", "130%")]:
            page.evaluate(
                """([gap, size]) => {
                  document.body.style.letterSpacing = gap;
                  document.documentElement.style.fontSize = size;
                }""",
                [spacing, size],
            )
            how = (name, spacing, size)

            assert (*how, what_does_not_fit(page)) == (*how, [])

            for row in (".cart-header > *", ".cart-message > *"):
                assert is_one_row(page, row), (*how, row)

        page.evaluate("document.documentElement.style.fontSize = ''")

    add(page, "cap", 1000)
    check("product")
    page.goto("/cart/")
    check("cart")
    button(page, "Remove Donaudampf").click()
    expect(button(page, "Put Donaudampf")).to_be_visible()
    check("undo")
    put(page, "cap", 2)
    page.goto("/cart/")
    set_elsewhere(page, "cap", 3)
    quantity_of(page, "Donaudampf").fill("4")
    quantity_of(page, "Donaudampf").press("Enter")
    expect(button(page, "Make it 4")).to_be_visible()
    check("conflict")


def what_does_not_fit(page: Page) -> list[str]:
    """What makes a page scroll sideways, or is too small for a thumb."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("body *")]
          .filter((each) => each.checkVisibility() && !each.closest(".cart-hidden"))
          .filter((each) => {
            const {left, right, height} = each.getBoundingClientRect();
            const isControl = each.matches("a, button, input, select, textarea");

            return left < 0 || right > innerWidth || (isControl && height < 44);
          })
          .map((each) => each.outerHTML)"""
    )

    return found


def test_the_cart_is_light(open_page: Visits) -> None:
    """Its page is below 150 KiB, with three scripts and styles."""
    page = open_page()
    put(page, "mug")
    put(page, "pot")
    responses: list[Response] = []
    page.on("response", lambda each: responses.append(each))
    page.goto("/cart/", wait_until="networkidle")
    kinds = [each.request.resource_type for each in responses]
    sizes = [len(each.body()) for each in responses if each.ok]

    assert sum(sizes) < 150 * 1024
    assert kinds.count("script") + kinds.count("stylesheet") == 3
