from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest
from slackwater import Shop
from slackwater import Visitor


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Callable[[], Shop]]:
    """Opens the shop; a second call is the same shop after a restart."""
    shops: list[Shop] = []

    def open_shop() -> Shop:
        shops.append(Shop(f"sqlite:///{tmp_path / 'shop.sqlite3'}"))
        return shops[-1]

    yield open_shop

    for shop in shops:
        shop.close()


@pytest.fixture
def shop(open_shop: Callable[[], Shop]) -> Shop:
    """A shop that has just opened."""
    return open_shop()


@pytest.fixture
def visitor(shop: Shop) -> Visitor:
    """The first visitor of the shop."""
    return shop.visitor()
