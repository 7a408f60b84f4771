from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browsers import Visits
from tests.support.browsers import browser as browser
from tests.support.browsers import served
from tests.support.mug_shop import MugShop


@pytest.fixture(scope="module")
def mug_shop() -> Iterator[MugShop]:
    """A small shop with the pages of the blueprint, on a real server."""
    shop = MugShop()

    with served(shop.app) as shop.address:
        yield shop


@pytest.fixture
def open_page(browser: Browser, mug_shop: MugShop) -> Iterator[Visits]:
    """Opens pages of the shop, each for another shopper."""
    visits = Visits(browser, mug_shop.address)
    yield visits
    mug_shop.way.go_on()
    visits.end()
