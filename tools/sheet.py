"""Show all scenes at a glance: each page in each state, and how it looks for whom.

``python -m tools.sheet`` writes ``build/sheet/index.html``; with words, as in ``python
-m tools.sheet basket panel``, only the scenes with one of them in their names. Each is
taken in three sizes, in light and in dark; at 200 and 400 %, in forced colours and in
print; and in the other languages, of which a rare scene has one.
"""

from __future__ import annotations

import base64
import html
import shutil
import sys
import tempfile
import typing as t
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser
from playwright.sync_api import Page
from playwright.sync_api import ViewportSize
from playwright.sync_api import sync_playwright

from tests.support import scenes_of_mug_shop
from tests.support import scenes_of_slackwater
from tests.support.browsers import ARGUMENTS
from tests.support.browsers import PATIENCE
from tests.support.browsers import find_chromium
from tests.support.browsers import served
from tests.support.mug_shop import MugShop
from tests.support.scenes import House
from tests.support.scenes import Programme
from tests.support.scenes import Scene
from tests.support.scenes import staged

FOLDER: t.Final = Path(__file__).parents[1] / "build" / "sheet"

SIZES: t.Final[dict[str, ViewportSize]] = {
    "desktop": {"width": 1440, "height": 900},
    "laptop": {"width": 1024, "height": 700},
    "phone": {"width": 390, "height": 844},
    "200 %": {"width": 640, "height": 400},
    "400 %": {"width": 320, "height": 256},
}

#: A page that is longer is cut off: its end is that of a shorter one.
LONGEST: t.Final = 2600

HEAD: t.Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>All pages of Flask-Cart</title>
<style>
body { margin: 1rem; font: 14px/1.3 sans-serif; background: #999; }
h1, h2, h3 { margin: 1rem 0 0.25rem; }
h3 { font-size: 1rem; }
div { display: flex; flex-wrap: wrap; gap: 5px; }
figure { margin: 0; width: 98px; background: #eee; }
a { display: block; height: 150px; overflow: hidden; }
img { display: block; width: 100%; }
figcaption { padding: 2px 4px; font-size: 10px; }
</style>
<h1>All pages of Flask-Cart</h1>
<p>One row for each page in a state. A picture opens as it is.</p>
"""


def main(words: Iterable[str]) -> None:
    """Take the pictures, and write the page with all of them."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    page = HEAD

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=ARGUMENTS
        )
        page += _shop(
            "The demo",
            scenes_of_slackwater.open_shop(Path(folder)),
            scenes_of_slackwater.SCENES,
            browser,
            tuple(words),
        )
        page += _shop(
            "The pages of the blueprint",
            MugShop(),
            scenes_of_mug_shop.SCENES,
            browser,
            tuple(words),
        )
        browser.close()

    index = FOLDER / "index.html"
    index.write_text(page)
    print(index)


def _shop(
    title: str,
    shop: House,
    scenes: Programme[t.Any],
    browser: Browser,
    words: tuple[str, ...],
) -> str:
    rows = [f"<h2>{title}</h2>"]

    with served(shop.app) as address:
        for number, scene in enumerate(scenes.values()):
            if words and not any(word in scene.name for word in words):
                continue

            print(scene.name, flush=True)
            rows.append(f"<h3>{html.escape(scene.name)}</h3><div>")

            for label, picture in _pictures(scene, number, shop, address, browser):
                name = f"{title} {scene.name} {label}".replace(" ", "-")
                path = FOLDER / f"{name.replace('%', '')}.webp"
                path.write_bytes(picture)
                image = f'<img src="{path.name}" loading="lazy" alt="">'
                rows.append(
                    f'<figure><a href="{path.name}">{image}</a>'
                    f"<figcaption>{label}</figcaption></figure>"
                )

            rows.append("</div>")

    return "\n".join(rows)


def _pictures(
    scene: Scene[t.Any], number: int, shop: House, address: str, browser: Browser
) -> Iterator[tuple[str, bytes]]:
    others = scene.languages[1:]

    if scene.is_rare and others:
        others = (others[number % len(others)],)

    with _opened(scene, "en", shop, address, browser) as page:
        yield from _looks(page)

    # Each language is seen on all sizes, and in light and dark.
    for turn, language in enumerate(others, start=number):
        with _opened(scene, language, shop, address, browser) as page:
            size = ("phone", "laptop")[turn % 2]
            scheme: t.Literal["dark", "light"] = ("light", "dark")[turn // 2 % 2]
            page.emulate_media(color_scheme=scheme)
            yield f"{language}, {size}, {scheme}", _take(page, size)


def _looks(page: Page) -> Iterator[tuple[str, bytes]]:
    """What an English page looks like, for whomever."""
    schemes: tuple[t.Literal["light", "dark"], ...] = ("light", "dark")

    for size in ("desktop", "laptop", "phone"):
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            yield f"{size}, {scheme}", _take(page, size)

    page.emulate_media(color_scheme="light")

    for size in ("200 %", "400 %"):
        yield size, _take(page, size)

    page.emulate_media(forced_colors="active")
    yield "forced colours", _take(page, "laptop")
    page.emulate_media(forced_colors="none", media="print")
    yield "print", _take(page, "laptop")


@contextmanager
def _opened(
    scene: Scene[t.Any], language: str, shop: House, address: str, browser: Browser
) -> Iterator[Page]:
    """The page of a scene, for somebody who was never there before."""
    context = browser.new_context(
        base_url=address,
        locale=language,
        reduced_motion="reduce",
        viewport=SIZES["laptop"],
    )
    context.set_default_timeout(PATIENCE)

    with staged(shop, language) as stage:
        page = context.new_page()
        scene.show(stage, page, address)
        page.wait_for_load_state("networkidle")
        yield page

    context.close()


def _take(page: Page, size: str) -> bytes:
    """A picture of a page in a size, which Playwright does not make as small."""
    page.set_viewport_size(SIZES[size])
    page.evaluate("scrollTo(0, 0)")
    height = page.evaluate("document.documentElement.scrollHeight")
    has_drawer = page.locator("dialog:modal").count()
    clip = {
        "x": 0,
        "y": 0,
        "width": SIZES[size]["width"],
        # A drawer is as high as the window.
        "height": SIZES[size]["height"] if has_drawer else min(height, LONGEST),
        "scale": 0.6,
    }
    session = page.context.new_cdp_session(page)
    picture = session.send(
        "Page.captureScreenshot",
        {"format": "webp", "quality": 60, "clip": clip, "captureBeyondViewport": True},
    )
    session.detach()

    return base64.b64decode(picture["data"])


if __name__ == "__main__":
    main(sys.argv[1:])
