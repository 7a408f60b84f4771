"""What is seen in a browser is timed from where it begins."""

from __future__ import annotations

from playwright.sync_api import Browser

from benchmarks import pages
from tests.support.browsers import browser as browser
from tests.support.browsers import served


def test_an_add_and_a_paint_are_timed(browser: Browser) -> None:
    """Both take some time, and the first round, which compiles, is left out."""
    with served(pages.bare_app()) as address:
        taken = pages.in_turns(
            browser,
            2,
            pages.added(address, "button", "#count"),
            pages.painted(address),
        )

    assert [len(times) for times in taken] == [2, 2]
    assert all(time > 0 for times in taken for time in times)
