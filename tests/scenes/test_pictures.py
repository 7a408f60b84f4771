"""What makes a picture of a page another one."""

from __future__ import annotations

import pytest
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFilter

from tests.support.pictures import find_difference


def draw(button: int = 100, colour: str = "#a02010", height: int = 400) -> Image.Image:
    """A page with some text and a button, as it is compared."""
    picture = Image.new("RGB", (1024, height * 4), "#f7f2e8")
    pencil = ImageDraw.Draw(picture)

    for row in range(60, 300, 24):
        pencil.text((40, row), "What somebody reads, again and again.", "#101010")

    pencil.rectangle((button, 400, button + 160, 444), colour)

    return picture.reduce(4).filter(ImageFilter.GaussianBlur(1))


@pytest.mark.parametrize(
    "other",
    [draw(), draw(101), draw(colour="#a82812"), draw(height=402)],
    ids=["the same", "a pixel further", "a shade lighter", "a little longer"],
)
def test_what_another_browser_draws_is_the_same(other: Image.Image) -> None:
    """Nobody would see it."""
    assert find_difference(draw(), other)[0] == ""


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (draw(140), "different"),
        (draw(colour="#1a6a2a"), "different"),
        (draw(2000), "different"),
        (draw(height=410), "not (256, 400)"),
    ],
    ids=["moved", "another colour", "gone", "longer"],
)
def test_what_somebody_sees_is_another_picture(other: Image.Image, what: str) -> None:
    """A button elsewhere, in another colour, or none; and a page with more on it."""
    assert what in find_difference(draw(), other)[0]
