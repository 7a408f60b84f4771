"""What every page has to be in a browser, for those who use it in another way."""

from __future__ import annotations

import itertools
import typing as t
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page
from playwright.sync_api import Route
from playwright.sync_api import expect

from tests.support.browsers import DESKTOP
from tests.support.browsers import PHONE
from tests.support.browsers import find_barriers

#: At 400 % of 1280 pixels.
NARROW: t.Final = {"width": 320, "height": 640}

SCHEMES: t.Final[tuple[t.Literal["light", "dark"], ...]] = ("light", "dark")

_CONTROL: t.Final = "a, button, input, select, summary, textarea, [tabindex]"
_CONTROLS: t.Final = Path(__file__).with_name("controls.js").read_text()


def find_overflow(page: Page) -> list[str]:
    """In which sizes something is wider than the window."""
    wide = []

    for size in (DESKTOP, PHONE, NARROW):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        excess = page.evaluate("document.documentElement.scrollWidth - innerWidth")

        if excess:
            wide.append(f"{excess} pixels more than {size['width']}")

    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]

    return wide


def find_all_barriers(page: Page) -> list[str]:
    """What axe finds, in light and in dark."""
    found = []

    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        is_dark = scheme == "dark"
        found += [
            f"in {scheme}: {each}" for each in find_barriers(page, colours_only=is_dark)
        ]

    page.emulate_media(color_scheme="light")

    return found


def find_lost_focus(page: Page) -> list[str]:
    """Controls that Tab never comes to, or in another order; and whose focus cannot be
    seen."""
    page.evaluate(_CONTROLS)
    controls = page.evaluate("numberControls()")
    found: list[str] = page.evaluate("lookAtFocus()")
    count = len(controls)
    press = page.keyboard.press

    inside = sum(each.locator(_CONTROL).count() for each in page.frames[1:])

    # From the last control it goes to the first one, by way of nothing at all.
    for _ in range(count + inside + 3):
        press("Tab")

    came = [each for each in page.evaluate("window.came") if each >= 0]
    found += [f"{controls[e]}: never come to" for e in range(count) if e not in came]

    for number, after in itertools.pairwise(came):
        if after != (number + 1) % count:
            found.append(f"{controls[after]}: comes after {controls[number]}")

    return found


def find_wrong_language(page: Page, language: str) -> list[str]:
    """What a page says of its language, if that is not so."""
    lang, direction = page.evaluate(
        "[document.documentElement.lang, getComputedStyle(document.body).direction]"
    )
    expected = "rtl" if language == "ar" else "ltr"
    is_right = lang.partition("-")[0] == language and direction == expected

    return [] if is_right else [f"lang={lang} dir={direction}"]


def try_lost_network(page: Page) -> None:
    """A form that scripts send says that it is busy, and that nothing came of it when
    the network is gone; what is half typed stays, and the next try works."""
    where = "dialog:modal" if page.locator("dialog:modal").count() else "main"
    button = page.locator(
        f"{where} .cart-form button:not([name=forward], .cart-update):visible:enabled"
    ).first
    field = page.locator(f"{where} :is(textarea, #code):visible").first
    busy = page.locator(".cart-form[aria-busy=true]")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            held.append(route)
        else:
            route.fallback()

    if not button.count():
        return

    if field.count():
        field.fill("Ring tw")

    page.route("**/*", hold)

    with page.expect_request(lambda request: request.method == "POST"):
        button.click()

    expect(busy.first).to_be_attached()
    held[0].abort()
    failed = page.locator(".cart-message-error").last
    expect(failed).to_be_visible()
    told = failed.inner_text()
    expect(busy).to_have_count(0)
    page.unroute("**/*", hold)

    if field.count():
        expect(field).to_have_value("Ring tw")

    with page.expect_response(lambda answer: answer.request.method == "POST"):
        button.click()

    expect(page.locator(".cart-message-error", has_text=told)).to_have_count(0)
    expect(busy).to_have_count(0)


def try_going_back(page: Page, change: Callable[[], str]) -> None:
    """A page that the browser kept tells of the cart as it is now, and what was typed
    on it is still there; so does one that it has to ask for again.

    :param change: Changes the cart somewhere else, and tells its version.
    """
    mini = page.locator("#cart-mini")
    fields = page.locator("main :is(textarea, input:not([type])):visible")
    field = fields.or_(page.locator("main input[type=text]:visible")).first
    keys = _keys_of(page)

    has_field = field.count() > 0

    if has_field:
        field.fill("Ring tw")

    version = change()
    page.evaluate(
        "dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"
    )
    expect(mini).to_have_attribute("data-version", version)
    expect(page.locator("[aria-busy=true], form[data-sent=yes]")).to_have_count(0)
    assert keys.isdisjoint(_keys_of(page))

    if has_field:
        expect(field).to_have_value("Ring tw")

    # Before it sends a form again, a browser asks; that is not what one comes back to.
    answer = page.reload()
    expect(mini).to_have_attribute("data-version", version)

    if answer and answer.request.method == "POST":
        return

    here = page.url
    version = change()
    page.goto("/goods/pot" if "/cart/" in here else "/race/")
    page.go_back()
    expect(page).to_have_url(here)
    expect(mini).to_have_attribute("data-version", version)


def _keys_of(page: Page) -> set[str]:
    """The one-time keys of the forms on a page."""
    return {
        *page.locator("[name=cart_key]").evaluate_all("all => all.map(e => e.value)")
    }
