from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import shops
from tests.support.crowds import CROWD
from tests.support.crowds import insert
from tests.support.harness import empty_database


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest) -> Iterator[shops.Shop]:
    """A shop with no carts, in a database."""
    with shops.open_shop(request.getfixturevalue(f"{request.param}_url")) as shop:
        yield shop


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stocked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[shops.Shop]:
    """A shop with 10,000 carts, and a copy of them beside it."""
    folder = tmp_path_factory.mktemp("crowd")

    with (
        empty_database(request, request.param, folder) as url,
        shops.open_shop(url) as shop,
    ):
        insert(shop, CROWD)

        with shop.outside() as connection:
            connection.exec_driver_sql("CREATE TABLE crowd AS SELECT * FROM carts")

        yield shop


@pytest.fixture
def crowded(stocked: shops.Shop) -> shops.Shop:
    """A shop with 10,000 carts, which are only looked at."""
    return stocked


@pytest.fixture
def changing(stocked: shops.Shop) -> Iterator[shops.Shop]:
    """A shop with 10,000 carts, which are put back after the test."""
    yield stocked

    with stocked.outside() as connection:
        connection.exec_driver_sql("DELETE FROM carts")
        connection.exec_driver_sql("INSERT INTO carts SELECT * FROM crowd")
