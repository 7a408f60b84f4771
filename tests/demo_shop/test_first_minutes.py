"""The first minutes of somebody who has just heard of Flask-Cart, in real browsers."""

from __future__ import annotations

import re
import runpy
import typing as t
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.support.browsers import PATIENCE
from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import served
from tests.support.windows import button
from tests.support.windows import fill_in_address

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
QUICKSTART = (ROOT / "docs" / "quickstart.rst").read_text()


def blocks(language: str) -> list[str]:
    """The files of the quickstart in a language."""
    found = re.findall(
        rf"code-block:: {re.escape(language)}\n    :caption:.*\n\n((?:    .*\n|\n)+)",
        QUICKSTART,
    )

    return [re.sub("(?m)^    ", "", each) for each in found]


def files_of_the_readme() -> dict[str, str]:
    code = README.partition("```python\n")[2].partition("```")[0]

    return {"shop.py": code}


def files_of_the_quickstart() -> dict[str, str]:
    return {
        "shop.py": blocks("python")[0],
        "templates/shop.html": blocks("html+jinja")[0],
    }


@pytest.mark.parametrize(
    "files",
    [files_of_the_readme, files_of_the_quickstart],
    ids=["readme", "quickstart"],
)
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_first_example_has_something_to_click(
    browser: Browser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: t.Callable[[], dict[str, str]],
    scripts: bool,
) -> None:
    """One click puts something into the cart, and no link on any page is dead."""
    for name, text in files().items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    monkeypatch.chdir(tmp_path)
    # A module that is run has no folder that Flask could find.
    app = runpy.run_path(str(tmp_path / "shop.py"), run_name="shop")["app"]
    app.root_path = str(tmp_path)
    app.test_cli_runner().invoke(args=["cart", "init-db"])

    with served(app) as address:
        visits = Visits(browser, address)
        page = visits(java_script_enabled=scripts, viewport=PHONE)
        page.route("**/favicon.ico", lambda way: way.fulfill(status=204))
        page.goto("/")
        button(page, "Add to cart").first.click()
        expect(page.get_by_role("status")).to_contain_text("is in your cart")
        expect(page.locator(".cart-count")).to_contain_text("1 item")

        for path in ("/", "/cart/"):
            page.goto(path)
            check_links(page)

        button(page, "Remove").click()
        expect(page.get_by_text("There is nothing in it yet.")).to_be_visible()
        check_links(page)
        page.get_by_role("link", name="Look around the shop").click()
        expect(button(page, "Add to cart").first).to_be_visible()
        visits.end()

    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


def check_links(page: Page) -> None:
    """See that each link leads somewhere."""
    links = {each.get_attribute("href") for each in page.get_by_role("link").all()}

    for link in links:
        assert link is not None
        assert (link, page.request.get(urljoin(page.url, link)).ok) == (link, True)


def test_two_minutes_with_the_demo(open_window: Visits) -> None:
    """On a phone somebody buys something, and has seen why there is this extension: ten
    taps and an address, and nothing to look for."""
    page = open_window(viewport={"width": 390, "height": 760})
    page.goto("/")
    page.get_by_role("link", name="Pilot kettle").click()
    button(page, "Add to basket").click()
    page.get_by_role("link", name="See it").click()
    button(page, "Check out").click()
    fill_in_address(page)
    button(page, "Order for").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Ada.")
    page.get_by_role("link", name="Slackwater").first.click()
    race = page.get_by_role("link", name="Watch three carts take 50 adds")
    expect(race).to_be_in_viewport()
    race.click()
    button(page, "Send 50 adds to each").click()
    ours = page.locator("#lane-flask-cart")
    expect(ours).to_contain_text("None is lost.", timeout=2 * PATIENCE)
    expect(page.locator("#race-status")).to_contain_text("in Flask-Cart.")
    expect(page.locator("#race-status")).to_be_in_viewport()

    for lane in ("session", "cache"):
        expect(page.locator(f"#lane-{lane}")).to_contain_text("adds answered with 200")


def test_the_readme_opens_with_the_race() -> None:
    """Its picture is above the first heading of a section."""
    above = README.partition("\n## ")[0]

    assert "](docs/pictures/race.webp)" in above
    assert "make demo" in above
