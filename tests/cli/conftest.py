from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import shops
from tests.support.crowds import CROWD
from tests.support.crowds import insert


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest) -> Iterator[shops.Shop]:
    """A shop with no carts, in a database."""
    with shops.open_shop(request.getfixturevalue(f"{request.param}_url")) as shop:
        yield shop


@pytest.fixture
def crowded(shop: shops.Shop) -> shops.Shop:
    """A shop with 10,000 carts."""
    insert(shop, CROWD)

    return shop
