from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.support.storefronts import Storefront
from tests.support.storefronts import open_storefront


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Storefront]:
    """A shop with its carts in memory."""
    with open_storefront("memory", folder=tmp_path) as shop:
        yield shop


@pytest.fixture
def client(shop: Storefront) -> FlaskClient:
    """The browser of a shopper."""
    return shop.app.test_client()


@pytest.fixture(params=["session", "database", "cache"])
def any_shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storefront]:
    """A shop on each kind of storage."""
    url = ""

    if request.param == "cache":
        url = request.getfixturevalue("valkey_server").url

    with open_storefront(request.param, folder=tmp_path, redis_url=url) as shop:
        yield shop
