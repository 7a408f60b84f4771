"""The pictures of the demo shop: none moves a page, and what is far below can wait."""

import re

import pytest
from playwright.sync_api import Route

from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import shifts
from tests.support.slackwater import Visitor

PATHS = [
    "/",
    "/shelves/galley",
    "/goods/watch-teapot",
    "/goods/harbour-mug",
    "/search?q=nothing-of-the-kind",
    "/basket/",
]


@pytest.mark.parametrize("path", PATHS)
def test_pictures_have_their_size(visitor: Visitor, path: str) -> None:
    """Each says how large it is. One may be the first that a browser asks for, and that
    one does not wait; of all others, those that can wait do."""
    page = visitor.get(path)
    pictures = re.findall(r'<(?:img|svg) [^>]*class="picture[^>]*>', page)
    images = re.findall(r"<img [^>]*>", page)
    first = [each for each in images if 'fetchpriority="high"' in each]

    assert pictures
    assert all(re.search(r' width="\d+" height="\d+"', e) for e in images + pictures)
    assert len(first) <= 1
    assert not any('loading="lazy"' in each for each in first)
    assert all(
        'loading="lazy"' in each and 'decoding="async"' in each
        for each in images
        if each not in first and "favicon" not in each
    )


def test_pictures_that_come_late_move_nothing(open_window: Visits) -> None:
    """Neither on the home page, nor on a shelf, on a slow line and a phone."""
    page = open_window(viewport=PHONE)
    held: list[Route] = []
    is_slow = True

    def hold(route: Route) -> None:
        if is_slow:
            held.append(route)
        else:
            route.continue_()

    page.route("**/pictures/*", hold)

    for path in ("/", "/shelves/galley"):
        is_slow = True
        page.goto(path, wait_until="domcontentloaded")

        # It is painted without them.
        assert shifts(page) == 0

        is_slow = False

        while held:
            held.pop().continue_()

        page.wait_for_load_state()

        assert shifts(page) == 0
