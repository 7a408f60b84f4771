from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from werkzeug.security import generate_password_hash

from demo_shop.services import accounts
from tests.support.browsers import Visits
from tests.support.browsers import Way
from tests.support.browsers import browser as browser
from tests.support.browsers import served
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor
from tests.support.windows import Front


@pytest.fixture(autouse=True)
def quick_hashes(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashes that don't take their time, where a test isn't about them."""
    accounts._nobodys_hash.cache_clear()

    if "real_hashes" not in request.fixturenames:
        quick = partial(generate_password_hash, method="pbkdf2:sha256:1")
        monkeypatch.setattr(accounts, "generate_password_hash", quick)


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


@contextmanager
def open_front(storage: str, folder: Path) -> Iterator[Front]:
    """A shop that real browsers can go to."""
    shop = Shop(
        f"sqlite:///{folder / 'shop.sqlite3'}",
        DEMO_SHOP_STORAGE=storage,
        DEMO_SHOP_FOLDER=folder,
    )
    way = Way(shop.app)

    with served(shop.app) as address:
        yield Front(address, shop, way)

    shop.close()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The shop for browsers."""
    with open_front("database", tmp_path_factory.mktemp("shop")) as front:
        yield front


@pytest.fixture(scope="module", params=["database", "session", "cache"])
def any_front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """The same, with its baskets in each of the storages."""
    with open_front(request.param, tmp_path_factory.mktemp("shop")) as front:
        yield front


@pytest.fixture
def open_window(browser: Browser, front: Front) -> Iterator[Visits]:
    """Opens pages of the shop, each for somebody new."""
    visits = Visits(browser, front.address)
    yield visits
    front.way.go_on()
    visits.end()


@pytest.fixture
def open_any_window(browser: Browser, any_front: Front) -> Iterator[Visits]:
    """Opens pages of the shop with its baskets in each of the storages."""
    visits = Visits(browser, any_front.address)
    yield visits
    any_front.way.go_on()
    visits.end()
