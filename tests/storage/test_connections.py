"""The connections that carts are read and saved on."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import typing as t
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from flask_cart import CartStorageError
from flask_cart import FlaskCart
from flask_cart.model.keys import CartKey
from flask_cart.storage.sql import connections as engines
from flask_cart.testing.carts import save_carts
from tests.support.shop import sell
from tests.support.shops import Shop
from tests.support.shops import open_shop


@contextmanager
def connects() -> Iterator[list[t.Any]]:
    """The connections that any pool opens in this block."""
    opened: list[t.Any] = []

    def note(dbapi_connection: t.Any, record: t.Any) -> None:
        opened.append(dbapi_connection)

    sa.event.listen(sa.pool.Pool, "connect", note)

    try:
        yield opened
    finally:
        sa.event.remove(sa.pool.Pool, "connect", note)


def test_one_connection_is_used_again(database_url: str) -> None:
    """A thread that uses carts time and again opens one connection."""
    with open_shop(database_url) as shop, connects() as opened:
        for _ in range(5):
            shop.fill("mug")

        assert len(opened) == 1


def test_connections_are_closed_with_the_apps(database_url: str) -> None:
    """Disposing the app's engine closes the connections of the carts, too."""
    with open_shop(database_url) as shop, connects() as opened:
        shop.fill("mug")

        with shop.app.app_context():
            shop.db.engine.dispose()

        shop.fill("mug")
        assert len(opened) == 2
        assert shop.stored() == {"mug": 2}


class OwnConnection(sqlite3.Connection):
    """A connection that an app wants."""


def test_options_of_the_app(sqlite_url: str) -> None:
    """The connections of the carts are made with the app's options."""
    options = {"connect_args": {"factory": OwnConnection}, "pool_size": 3}

    with open_shop(sqlite_url, options) as shop, connects() as opened:
        shop.fill("mug")

    assert [type(each) for each in opened] == [OwnConnection]


#: How long a connection waits for locks, as each database says it.
ASK = {
    "sqlite": "PRAGMA busy_timeout",
    "postgresql": "SHOW lock_timeout",
    "mysql": "SELECT @@innodb_lock_wait_timeout, @@lock_wait_timeout",
}

#: What it says after the seconds of CART_LOCK_TIMEOUT.
WAITS = {
    "sqlite": {0: (0,), 0.3: (300,), 2.5: (2500,), 60: (60_000,)},
    # 0 would be for ever.
    "postgresql": {0: ("1ms",), 0.3: ("300ms",), 2.5: ("2500ms",), 60: ("1min",)},
    "mysql": {0: (1, 1), 0.3: (1, 1), 2.5: (2, 2), 60: (60, 60)},
}


def waits(shop: Shop, connection: t.Any) -> tuple[t.Any, ...]:
    """How long a driver's connection waits for locks."""
    cursor = connection.cursor()
    cursor.execute(ASK[shop.name])
    found = tuple(cursor.fetchone())
    cursor.close()

    return found


@pytest.mark.parametrize("seconds", [0, 0.3, 2.5, 60])
def test_lock_timeout(database_url: str, seconds: float) -> None:
    """The connections of the carts wait for locks for as long as CART_LOCK_TIMEOUT
    says, and as little as the database can be told; those of the app do not care."""
    with (
        open_shop(database_url, CART_LOCK_TIMEOUT=seconds) as shop,
        shop.app.app_context(),
        connects() as opened,
    ):
        shop.db.engine.dispose()
        shop.fill("mug")
        (own,) = opened
        assert waits(shop, own) == WAITS[shop.name][seconds]

        apps = shop.db.session.connection().connection.dbapi_connection
        assert apps is not own

        with shop.outside() as connection:
            default = waits(shop, connection.connection.dbapi_connection)

        if shop.name == "sqlite":
            # The driver's; the other connection is an impatient one.
            default = (5000,)

        assert waits(shop, apps) == default


def test_lock_timeout_of_the_app_is_kept(database_url: str) -> None:
    """An app that has set up its own connections otherwise finds them so, also when a
    checkout was part of its transaction; a new connection of the carts is the carts'.
    """
    options: dict[str, dict[str, t.Any]] = {
        "sqlite": {"timeout": 7},
        "postgresql": {"options": "-c lock_timeout=7s"},
        "mysql": {
            "init_command": "SET innodb_lock_wait_timeout=7, lock_wait_timeout=7"
        },
    }
    apps = {"sqlite": (7000,), "postgresql": ("7s",), "mysql": (7, 7)}
    own = {"sqlite": (3000,), "postgresql": ("3s",), "mysql": (3, 3)}
    name = sa.make_url(database_url).get_backend_name()

    with (
        open_shop(
            database_url, {"connect_args": options[name]}, CART_LOCK_TIMEOUT=3
        ) as shop,
        shop.app.app_context(),
        connects() as opened,
    ):
        shop.db.engine.dispose()
        shop.fill("mug")

        sell(shop.cart(), lambda: shop.order("mine"), session=shop.db.session)

        assert [waits(shop, each) for each in opened] == [own[name], apps[name]]

        shop.db.engine.dispose()
        shop.fill("mug")
        assert waits(shop, opened[-1]) == own[name]


def test_lock_timeout_outlasts_errors(database_url: str) -> None:
    """What is rolled back on a connection of the carts is not how long it waits."""
    with (
        open_shop(database_url, CART_LOCK_TIMEOUT=3) as shop,
        shop.app.app_context(),
        connects() as opened,
    ):
        shop.db.engine.dispose()
        shop.fill("mug")
        before = waits(shop, opened[0])

        with (
            pytest.raises(ZeroDivisionError),
            shop.storage.lock("user:1"),
        ):
            _ = 1 / 0

        # The second one's INSERT fails.
        assert save_carts(shop.storage, "user:1", {"default": (0, "{}")}) is None
        assert waits(shop, opened[0]) == before
        assert len(opened) == 1


@pytest.mark.parametrize("listener", [None, lambda connection: None])
@pytest.mark.parametrize("always_lock", [False, True])
def test_server_that_only_reads(
    postgresql_url: str, always_lock: bool, listener: t.Any
) -> None:
    """Who has got a standby, or a server that was made one, does not stay with it."""
    config = {"CART_DATABASE_LOCK_FOR_UPDATE": always_lock}
    name = sa.make_url(postgresql_url).database
    only_reads = f"ALTER DATABASE {name} SET default_transaction_read_only"

    with open_shop(postgresql_url, **config) as shop, shop.app.app_context():
        if listener is not None:
            sa.event.listen(shop.db.engine, "begin", listener)

        with shop.outside() as connection:
            connection.exec_driver_sql(f"{only_reads} = on")

        shop.db.engine.dispose()

        with pytest.raises(CartStorageError, match="read-only transaction"):
            shop.cart().add("mug", price=1)

        with shop.outside() as connection:
            connection.exec_driver_sql("SET TRANSACTION READ WRITE")
            connection.exec_driver_sql(f"{only_reads} = off")

        shop.cart().add("mug", price=1)
        assert shop.stored() == {"mug": 1}


class UnknownDialect(SQLiteDialect_pysqlite):
    """A database that nothing is known about."""

    name = "unknown"
    supports_statement_cache = True


def test_database_that_nothing_is_known_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody knows how to set a timeout, carts work with the database's own."""
    monkeypatch.setitem(sa.dialects.registry.impls, "unknown", lambda: UnknownDialect)
    url = f"unknown:///{tmp_path / 'carts.sqlite3'}"

    with (
        open_shop(url, CART_LOCK_TIMEOUT=3) as shop,
        shop.app.app_context(),
        connects() as opened,
    ):
        shop.fill("mug")

        with shop.storage.lock("user:1"):
            shop.fill("mug")

        timeout = opened[0].execute("PRAGMA busy_timeout").fetchone()

    assert timeout == (5000,)


def test_listeners_of_the_app(sqlite_url: str) -> None:
    """What the app does to each new connection is done to those of the carts."""
    prepared: list[t.Any] = []

    with open_shop(sqlite_url) as shop:
        with shop.app.app_context():
            sa.event.listen(
                shop.db.engine, "connect", lambda *args: prepared.append(args)
            )

        shop.fill("mug")
        assert len(prepared) == 1


def test_nobody_listens(database_url: str) -> None:
    """Being told when the app disposes of its engine does not make SQLAlchemy look for
    listeners at each statement, be it the app's or a cart's."""
    with open_shop(database_url) as shop:
        shop.fill("mug")

        with shop.app.app_context():
            assert "_has_events" not in vars(shop.db.engine)


def test_statements_are_built_once(sqlite_url: str) -> None:
    """A cart that is read and changed again makes no statement anew."""
    with open_shop(sqlite_url) as shop, shop.app.app_context():
        shop.fill("mug")
        shop.fill("mug")
        made = Counter[str]()

        def note(frame: t.Any, what: str, called: object) -> None:
            if what == "call" and frame.f_code.co_name == "__init__":
                made[type(frame.f_locals["self"]).__name__] += 1

        sys.setprofile(note)

        try:
            shop.fill("mug")
        finally:
            sys.setprofile(None)

        assert made["Connection"] == 2
        assert not made.keys() & {"Select", "Update", "BindParameter", "SQLiteCompiler"}


def test_schema_of_the_app(postgresql_url: str) -> None:
    """Where the app has its tables in another schema, the carts are there, too."""
    engine = sa.create_engine(postgresql_url, poolclass=sa.NullPool)

    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA tenant")

    options = {"execution_options": {"schema_translate_map": {None: "tenant"}}}

    with open_shop(postgresql_url, options) as shop:
        shop.fill("mug")

        with engine.connect() as connection:
            query = "SELECT count(*) FROM tenant.carts"
            assert connection.exec_driver_sql(query).scalar() == 1


@pytest.mark.parametrize("poolclass", [sa.NullPool, sa.AssertionPool])
def test_pool_of_the_app(sqlite_url: str, poolclass: type[sa.Pool]) -> None:
    """The carts have a pool of the same kind as the app."""
    with open_shop(sqlite_url, {"poolclass": poolclass}) as shop:
        shop.fill("mug")
        shop.fill("mug")
        assert shop.stored() == {"mug": 2}


def test_two_apps_with_one_db(sqlite_url: str, tmp_path: t.Any) -> None:
    """Apps that share nothing but the code have carts of their own."""
    with (
        open_shop(sqlite_url) as one,
        open_shop(f"sqlite:///{tmp_path / 'other.sqlite3'}") as other,
    ):
        one.fill("mug")
        other.fill("pot")

        assert (one.stored(), other.stored()) == ({"mug": 1}, {"pot": 1})


KILL = {
    "postgresql": (
        "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ),
    "mysql": (
        "SELECT concat('KILL ', id) FROM information_schema.processlist"
        " WHERE db = database() AND id <> connection_id()"
    ),
}


def kill_connections(shop: Shop) -> None:
    """Let the server close all connections of the app."""
    with shop.outside() as connection:
        answers = connection.exec_driver_sql(KILL[shop.name]).scalars().all()
        assert answers

        if shop.name == "mysql":
            for statement in answers:
                connection.exec_driver_sql(statement)


SERVERS = pytest.mark.parametrize("name", ["postgresql", "mariadb"])


@SERVERS
@pytest.mark.parametrize("pre_ping", [False, True])
def test_server_closes_the_connection(
    request: pytest.FixtureRequest, name: str, pre_ping: bool
) -> None:
    """A connection that the server closed is one error, and with the app's pre-ping
    none; then there is a new one."""
    url = request.getfixturevalue(f"{name}_url")

    with open_shop(url, {"pool_pre_ping": pre_ping}) as shop, shop.app.app_context():
        shop.fill("mug")
        kill_connections(shop)

        if not pre_ping:
            with pytest.raises(CartStorageError):
                len(shop.cart())

        assert len(shop.cart()) == 1


@SERVERS
@pytest.mark.parametrize("commit", [False, True])
def test_server_closes_the_connection_under_the_lock(
    request: pytest.FixtureRequest, name: str, commit: bool
) -> None:
    """A lock that is lost with its connection is an error of the storage, and the next
    one is taken on a new connection."""
    url = request.getfixturevalue(f"{name}_url")

    with open_shop(url) as shop, shop.app.app_context():
        shop.fill("mug")
        storage = shop.storage
        key = CartKey("user:1", "default")

        def use() -> None:
            with storage.lock(key.owner):
                storage.load(key)
                kill_connections(shop)

                if not commit:
                    storage.load(key)

        with pytest.raises(CartStorageError):
            use()

        with storage.lock(key.owner):
            assert storage.load(key) is not None

        shop.fill("mug")
        assert shop.stored() == {"mug": 2}


def test_transaction_that_is_gone(sqlite_url: str) -> None:
    """Where there is nothing to roll back any more, the error that led there counts,
    and the connection is not used again."""
    with open_shop(sqlite_url) as shop, shop.app.app_context(), connects() as opened:
        storage = shop.storage

        def use() -> None:
            with storage.lock("user:1"):
                # SQLite does so by itself when its disk is full.
                opened[0].rollback()
                _ = 1 / 0

        with pytest.raises(ZeroDivisionError):
            use()

        shop.fill("mug")
        assert len(opened) == 2


def test_another_process(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process that was forked, the parent's connections are left open."""
    with open_shop(sqlite_url) as shop, connects() as opened:
        shop.fill("mug")
        fork = SimpleNamespace(getpid=lambda: os.getpid() + 1)
        monkeypatch.setattr(engines, "os", fork)
        shop.fill("mug")
        shop.fill("mug")

        assert len(opened) == 2
        assert opened[0].execute("SELECT 1").fetchone() == (1,)
        opened[0].close()
        assert shop.stored() == {"mug": 3}


FORK = """
import os
import sys

import sqlalchemy as sa
from tests.support.shops import open_shop

connects = []
sa.event.listen(sa.pool.Pool, "connect", lambda *args: connects.append(os.getpid()))

with open_shop(sys.argv[1]) as shop:
    shop.fill("mug")
    shop.app.config["PARENT"] = os.getpid()
    before = len(connects)
    pid = os.fork()

    if not pid:
        for _ in range(5):
            shop.fill("mug")

        # The child has connected by itself, once.
        os._exit(0 if connects[before:] == [os.getpid()] else 3)

    for _ in range(5):
        shop.fill("mug")

    _, status = os.waitpid(pid, 0)
    shop.fill("mug")
    assert connects[before:] == [], connects
    print(os.waitstatus_to_exitcode(status), shop.stored())
"""


def test_fork(database_url: str) -> None:
    """A forked worker opens a connection of its own, and leaves its parent's alone."""
    result = subprocess.run(
        [sys.executable, "-c", FORK, database_url],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.strip() == "0 {'mug': 12}"


def test_one_storage_in_two_apps(sqlite_url: str, tmp_path: t.Any) -> None:
    """A storage that two apps share keeps each one's carts in its own database."""
    with open_shop(sqlite_url) as one:
        url = f"sqlite:///{tmp_path / 'other.sqlite3'}"
        other = Flask("other")
        other.config.update(SQLALCHEMY_DATABASE_URI=url, CART_STORAGE=one.storage)
        one.db.init_app(other)
        extension = FlaskCart(other)
        one.fill("mug")

        with other.app_context():
            one.db.create_all()
            assert not extension.cart(owner="user:1")
            extension.cart(owner="user:1").add("pot", price=1)
            one.db.engine.dispose()

        assert one.stored() == {"mug": 1}


def test_table_in_a_schema(postgresql_url: str) -> None:
    """The app's metadata may have a schema, and its factory may be called twice."""
    engine = sa.create_engine(postgresql_url, poolclass=sa.NullPool)

    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA shop")

    db = SQLAlchemy(metadata=sa.MetaData(schema="shop"))

    for created in [True, False]:
        app = Flask("shop")
        app.config.update(
            SQLALCHEMY_DATABASE_URI=postgresql_url, CART_STORAGE="database"
        )
        db.init_app(app)
        extension = FlaskCart(app, db=db)
        result = app.test_cli_runner().invoke(args=["cart", "init-db"])
        assert ("Created" in result.output) is created

        with app.app_context():
            extension.cart(owner="user:1").add("mug", price=1)
            db.engine.dispose()

    with engine.connect() as connection:
        query = "SELECT count(*) FROM shop.carts"
        assert connection.exec_driver_sql(query).scalar() == 1
