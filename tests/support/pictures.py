"""Pictures of pages, compared with those that somebody has accepted.

No two versions of a browser draw the same pixels. So what is compared is small and
blurred: a line that is broken somewhere else, a colour, or a part that is missing or
has moved is seen; the edge of a letter is not. All text is in one font, which comes
along.
"""

from __future__ import annotations

import base64
import io
import os
import typing as t
from pathlib import Path

from PIL import Image
from PIL import ImageChops
from PIL import ImageFilter
from playwright.sync_api import Page

_HERE: t.Final = Path(__file__).parents[1] / "scenes"
_FONT: t.Final = base64.b64encode((_HERE / "font.woff2").read_bytes()).decode()

ACCEPTED: t.Final = _HERE / "pictures"

#: Whether how a page looks is how it is to look from now on.
ACCEPTING: t.Final = os.environ.get("CART_TESTS_PICTURES") == "accept"

#: Where a picture is that is another one, with the one that was expected.
DIFFERENT: t.Final = Path(__file__).parents[2] / "build" / "pictures"

#: Of the page, in pixels: below that it is not looked at.
_LONGEST: t.Final = 1600

#: The sides of what becomes one pixel.
_COARSE: t.Final = 4

#: By how much a pixel may be lighter or darker in a colour; and of how many pixels of a
#: thousand more is no other picture, nor in how many rows the end of the page.
_TOLERANCE: t.Final = 40
_FEW: t.Final = 1.5
_ROWS: t.Final = 3

#: Put into the page past its policy, which forbids fonts and styles from elsewhere.
#: What goes away by itself, or tells of this very day, is not in the picture.
_STEADY: t.Final = """async (font) => {
  const bytes = Uint8Array.from(atob(font), (each) => each.charCodeAt(0));
  document.fonts.add(await new FontFace("Steady", bytes).load());
  const style = new CSSStyleSheet();
  style.replaceSync(`
    *, *::before, *::after {
      font-family: Steady !important; font-synthesis: weight !important;
      transition: none !important; animation: none !important;
      caret-color: transparent !important;
    }
    time, #cart-messages { visibility: hidden !important; }
    .way-days { display: none !important; }
  `);
  document.adoptedStyleSheets.push(style);
  document.activeElement.blur();
  scrollTo(0, 0);
  await document.fonts.ready;
  await Promise.all([...document.images].map((each) => each.decode().catch(() => {})));
}"""


def compare(page: Page, name: str) -> str:
    """What is wrong with how a page looks; an empty string, if it looks as it did.

    :param name: Of the file.
    """
    page.evaluate(_STEADY, _FONT)
    actual = _take(page)
    page.evaluate("document.adoptedStyleSheets.pop()")
    path = ACCEPTED / f"{name}.webp"

    if ACCEPTING:
        path.parent.mkdir(exist_ok=True)
        _coarsen(actual).save(path, quality=92, method=6)

        return ""

    if not path.exists():
        return f"There is no {path.name}: look at the page, and run make screenshots."

    with Image.open(path) as file:
        expected = file.convert("RGB")

    found, difference = find_difference(expected, _coarsen(actual))

    if found:
        folder = DIFFERENT / name
        folder.mkdir(parents=True, exist_ok=True)
        expected.save(folder / "expected.png")
        actual.save(folder / "actual.png")
        difference.save(folder / "difference.png")
        found += f" Look at {folder.relative_to(DIFFERENT.parents[1])}."

    return found


def find_difference(
    expected: Image.Image, actual: Image.Image
) -> tuple[str, Image.Image]:
    """What makes a picture another one, and where."""
    size = (expected.width, min(expected.height, actual.height))
    each = ImageChops.difference(
        expected.crop((0, 0, *size)), actual.crop((0, 0, *size))
    )
    most = ImageChops.lighter(
        ImageChops.lighter(each.getchannel("R"), each.getchannel("G")),
        each.getchannel("B"),
    )
    marks = most.point(lambda by: 255 if by > _TOLERANCE else 0)
    share = 1000 * marks.histogram()[255] / (size[0] * size[1])
    rows = abs(expected.height - actual.height)

    if expected.width != actual.width or rows > _ROWS:
        return f"It is {actual.size}, not {expected.size}.", marks

    return (f"{share:.1f} ‰ of it are different." if share > _FEW else ""), marks


def _take(page: Page) -> Image.Image:
    width, height = page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
    # What is beside the page is as high as the window.
    is_over = page.locator("dialog:modal").count()
    high = page.evaluate("innerHeight") if is_over else min(height, _LONGEST)
    session = page.context.new_cdp_session(page)
    clip = {"x": 0, "y": 0, "width": width, "height": high, "scale": 1}
    taken = session.send(
        "Page.captureScreenshot",
        {"format": "png", "clip": clip, "captureBeyondViewport": True},
    )
    session.detach()

    return Image.open(io.BytesIO(base64.b64decode(taken["data"]))).convert("RGB")


def _coarsen(picture: Image.Image) -> Image.Image:
    """A small and blurred one."""
    return picture.reduce(_COARSE).filter(ImageFilter.GaussianBlur(1))
