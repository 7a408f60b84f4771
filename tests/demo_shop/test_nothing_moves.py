"""Layout: nothing on a page moves, whatever is fetched or changed."""

from __future__ import annotations

import pytest

from tests.support.browsers import DESKTOP
from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import shifts
from tests.support.windows import button
from tests.support.windows import expect_pieces


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_from_home_to_the_checkout(open_window: Visits, size: dict[str, int]) -> None:
    """While the pages come, and while something is added, counted up, and removed."""
    page = open_window(viewport=size)

    for path in ("/", "/shelves/galley", "/goods/harbour-mug"):
        page.goto(path, wait_until="networkidle")
        assert shifts(page) == 0

    button(page, "Add to basket").click()
    expect_pieces(page, 1)
    assert shifts(page) == 0

    page.goto("/basket/", wait_until="networkidle")
    button(page, "One more: Harbour mug").click()
    expect_pieces(page, 2)
    assert shifts(page) == 0

    page.goto("/checkout", wait_until="networkidle")
    assert shifts(page) == 0

    # What is below a line that goes comes up, and nothing else moves.
    page.goto("/basket/", wait_until="networkidle")
    above = ["#cart-mini", ".account-link", "#q", "#cart-heading"]
    before = [page.locator(each).bounding_box() for each in above]
    button(page, "Remove Harbour mug").click()
    expect_pieces(page, 0)
    assert [page.locator(each).bounding_box() for each in above] == before
