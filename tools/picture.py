"""Take the picture that the README opens with, from a race that has just been run.

    python -m tools.picture

It needs Chromium. What is in the first two carts is another number every time.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import FloatRect
from playwright.sync_api import Page
from playwright.sync_api import ViewportSize
from playwright.sync_api import expect
from playwright.sync_api import sync_playwright

from demo_shop import create_app
from tests.support.browsers import ARGUMENTS
from tests.support.browsers import find_chromium
from tests.support.browsers import served

from .looks import take

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "race.webp"
WINDOW: ViewportSize = {"width": 1180, "height": 1200}
ROOM = 16


def main() -> None:
    """Let carts race, and look."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        shop = create_app(
            {
                "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/shop.sqlite3",
                "SECRET_KEY": "for one picture",
                "DEMO_SHOP_FOLDER": Path(folder),
            }
        )
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=ARGUMENTS
        )

        with served(shop) as address:
            page = browser.new_page(viewport=WINDOW, color_scheme="light")
            page.goto(f"{address}/race/")
            page.get_by_role("button", name="adds to each").click()
            expect(page.get_by_role("status").last).to_contain_text(
                "in Flask-Cart", timeout=60_000
            )
            take(page, PICTURE, around(page))

        browser.close()


def around(page: Page) -> FloatRect:
    """Where the counters are, with some room around them."""
    box = page.locator("#race").bounding_box()
    assert box is not None

    return {
        "x": box["x"] - ROOM,
        "y": box["y"] - ROOM,
        "width": box["width"] + 2 * ROOM,
        "height": box["height"] + 2 * ROOM,
    }


if __name__ == "__main__":
    main()
