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


@pytest.fixture(params=["database", "session", "cache", "redis"])
def any_shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """The same shop with its baskets in each of the storages."""
    url = ""
    storage = request.param

    if storage == "redis":
        storage, url = "cache", request.getfixturevalue("valkey_server").url

    shop = Shop(
        f"sqlite:///{tmp_path / 'shop.sqlite3'}",
        DEMO_SHOP_STORAGE=storage,
        DEMO_SHOP_REDIS_URL=url,
        DEMO_SHOP_FOLDER=tmp_path,
    )
    yield shop
    shop.close()


@pytest.fixture
def shop(open_shop: Callable[[], Shop]) -> Shop:
    """A shop that has just opened."""
    return open_shop()


@pytest.fixture
def visitor(shop: Shop) -> Visitor:
    """The first visitor of the shop."""
    return shop.visitor()
