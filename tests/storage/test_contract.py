"""Each of our storages passes the suite that we give to those of others."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext
from functools import partial

import pytest

from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Storage
from flask_cart.storage.memory import MemoryStorage
from flask_cart.storage.sql.database import DatabaseStorage
from flask_cart.testing import StorageSuite
from tests.support import servers
from tests.support.partitions import make_partitions
from tests.support.shops import open_shop


@contextmanager
def open_database(url: str, has_tables: bool = False) -> Iterator[DatabaseStorage]:
    with open_shop(url, has_tables=has_tables) as shop, shop.app.app_context():
        yield shop.storage


class TestMemory(StorageSuite):
    scans_carts = True
    across_processes = False
    locks_each_owner = False

    @pytest.fixture
    def open_storage(self) -> Callable[[], AbstractContextManager[Storage]]:
        return lambda: nullcontext(MemoryStorage())


class DatabaseSuite(StorageSuite):
    scans_carts = True

    @pytest.fixture
    def open_storage(self, url: str) -> Callable[[], AbstractContextManager[Storage]]:
        return partial(open_database, url)

    @pytest.fixture
    def cut_off(self, storage: DatabaseStorage) -> Callable[[], None]:
        """Takes the table away."""
        return partial(execute, storage, "DROP TABLE carts")


class TestSQLite(DatabaseSuite):
    locks_each_owner = False

    @pytest.fixture
    def url(self, sqlite_url: str) -> str:
        return sqlite_url

    @pytest.fixture
    def spoil(self, storage: DatabaseStorage) -> Callable[[CartKey], None]:
        """Replaces the text by bytes that are none."""
        return lambda key: execute(storage, "UPDATE carts SET data = x'fe'")


@pytest.mark.unmeasured
class ServedSuite(DatabaseSuite):
    """One database for all tests: making one takes longer than most of them."""

    @pytest.fixture
    def open_storage(
        self, url: str
    ) -> Callable[[], AbstractContextManager[DatabaseStorage]]:
        return partial(open_database, url, has_tables=True)

    @pytest.fixture
    def cut_off(self, storage: DatabaseStorage) -> Iterator[Callable[[], None]]:
        """Takes the table away until the end of the test."""
        yield partial(execute, storage, "DROP TABLE carts")
        storage.table.create(storage._database.bind().engine)

    @pytest.fixture
    def storage(
        self, open_storage: Callable[[], AbstractContextManager[DatabaseStorage]]
    ) -> Iterator[Storage]:
        with open_storage() as storage:
            execute(storage, "DELETE FROM carts")
            yield storage


class TestPostgreSQL(ServedSuite):
    @pytest.fixture
    def url(self, postgresql_contract_url: str) -> str:
        return postgresql_contract_url


class TestPartitions(ServedSuite):
    """One table as docs/sizing.rst keeps it for very many carts."""

    # Other processes are tried with the plain table.
    across_processes = False

    @pytest.fixture
    def url(self, partitioned_contract_url: str) -> str:
        return partitioned_contract_url

    @pytest.fixture
    def cut_off(self, storage: DatabaseStorage) -> Iterator[Callable[[], None]]:
        """Takes the table away until the end of the test."""
        yield partial(execute, storage, "ALTER TABLE carts RENAME TO away")
        execute(storage, "ALTER TABLE away RENAME TO carts")


class TestMariaDB(ServedSuite):
    @pytest.fixture
    def url(self, mariadb_contract_url: str) -> str:
        return mariadb_contract_url


@pytest.fixture(scope="module")
def postgresql_contract_url(postgresql_server: servers.Server) -> Iterator[str]:
    with servers.fresh_database(postgresql_server) as url:
        make_table(url)
        yield url


@pytest.fixture(scope="module")
def partitioned_contract_url(postgresql_server: servers.Server) -> Iterator[str]:
    with servers.fresh_database(postgresql_server) as url:
        with open_shop(url, has_tables=True) as shop:
            make_partitions(shop)

        yield url


@pytest.fixture(scope="module")
def mariadb_contract_url(mariadb_server: servers.Server) -> Iterator[str]:
    with servers.fresh_database(mariadb_server) as url:
        make_table(url)
        yield url


def make_table(url: str) -> None:
    with open_database(url):
        pass


def execute(storage: DatabaseStorage, statement: str) -> None:
    with storage._database.bind().engine.begin() as connection:
        connection.exec_driver_sql(statement)
