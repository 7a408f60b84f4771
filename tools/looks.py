"""Take the pictures of the looks in the documentation, of the shop that is there.

    python -m tools.looks

It needs Chromium. The pictures are small enough to be looked at on the way.
"""

from __future__ import annotations

import base64
import runpy
import typing as t
from pathlib import Path

from flask import Flask
from playwright.sync_api import FloatRect
from playwright.sync_api import Page
from playwright.sync_api import ViewportSize
from playwright.sync_api import expect
from playwright.sync_api import sync_playwright

from tests.support.browsers import ARGUMENTS
from tests.support.browsers import find_chromium
from tests.support.browsers import served

LOOKS: t.Final = Path(__file__).parents[1] / "docs" / "looks"
PICTURES: t.Final = LOOKS.parent / "pictures" / "looks"
NAMES: t.Final = ("paper", "studio", "berry")
SCHEMES: t.Final[tuple[t.Literal["light", "dark"], ...]] = ("light", "dark")
SIZES: t.Final[dict[str, ViewportSize]] = {
    "desktop": {"width": 1024, "height": 680},
    "phone": {"width": 390, "height": 760},
}


def make_shop() -> Flask:
    """The shop of the documentation."""
    shop: Flask = runpy.run_path(str(LOOKS / "shop.py"))["app"]
    shop.root_path = str(LOOKS)

    return shop


def dress(page: Page, look: str) -> None:
    """Let all that a page shows have a look."""
    page.route("**/look.css", lambda way: way.fulfill(path=LOOKS / f"{look}.css"))


def fill(page: Page) -> None:
    """Put something into the cart of a page."""
    items = [
        {"item": "mug", "quantity": 2, "options": {"glaze": "Sea"}},
        {"item": "bowl"},
    ]
    page.request.post("/cart/lines/many", data={"items": items})


def main() -> None:
    """Show the drawer on a desktop and the cart on a phone, in each look."""
    PICTURES.mkdir(exist_ok=True)

    with sync_playwright() as playwright, served(make_shop()) as address:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=ARGUMENTS
        )

        for look in NAMES:
            for scheme in SCHEMES:
                for device, size in SIZES.items():
                    page = browser.new_page(
                        base_url=address,
                        viewport=size,
                        color_scheme=scheme,
                        reduced_motion="reduce",
                    )
                    dress(page, look)
                    fill(page)
                    show(page, device)
                    take(page, PICTURES / f"{look}-{device}-{scheme}.webp")
                    page.close()

        browser.close()


def show(page: Page, device: str) -> None:
    """Open what is in the picture."""
    page.goto("/cart/" if device == "phone" else "/")

    if device == "desktop":
        page.locator("#cart-mini").click()

    expect(page.get_by_role("button", name="Check out")).to_be_visible()
    page.wait_for_load_state("networkidle")


def take(page: Page, path: Path, clip: FloatRect | None = None) -> None:
    """Playwright itself takes no picture of this kind, which is a third as large.

    :param clip: What is in it, if that is not all of the window.
    """
    session = page.context.new_cdp_session(page)
    how: dict[str, t.Any] = {"format": "webp", "quality": 70}

    if clip is not None:
        how["clip"] = {**clip, "scale": 1}

    picture = session.send("Page.captureScreenshot", how)
    path.write_bytes(base64.b64decode(picture["data"]))


if __name__ == "__main__":
    main()
