from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.assistants import NEWEST
from tests.support.assistants import OLDER
from tests.support.assistants import Assistant
from tests.support.assistants import with_assistants
from tests.support.storefronts import Storefront
from tests.support.storefronts import open_storefront


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Storefront]:
    """A shop that assistants may use, with its carts in memory."""
    with open_storefront("memory", folder=tmp_path) as shop:
        yield with_assistants(shop)


@pytest.fixture
def one(shop: Storefront) -> Assistant:
    """An assistant."""
    return Assistant(shop.app)


@pytest.fixture
def two(shop: Storefront) -> Assistant:
    """Another one."""
    return Assistant(shop.app, "two")


@pytest.fixture(params=[NEWEST, OLDER])
def either(request: pytest.FixtureRequest, shop: Storefront) -> Assistant:
    """An assistant of each version."""
    return Assistant(shop.app, version=request.param)
