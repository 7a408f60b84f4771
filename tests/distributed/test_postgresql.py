"""PostgreSQL with a standby that becomes the primary."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from tests.distributed.conftest import Ride
from tests.support.backends import in_database
from tests.support.customers import Config
from tests.support.customers import create_tables
from tests.support.poolers import pgbouncer
from tests.support.servers import Server
from tests.support.servers import init_postgresql
from tests.support.servers import own_folder
from tests.support.servers import running_postgresql
from tests.support.servers import wait_until

locking = pytest.mark.parametrize("locking", [False, True], ids=["bare", "locking"])


FOLLOWERS: Final = "SELECT count(*) FROM pg_stat_replication"


class Pair(NamedTuple):
    """A primary server and its standby.

    :param url: Finds the one of them that takes changes.
    """

    primary: Server
    standby: Server
    url: str


@contextmanager
def pair(*, is_synchronous: bool) -> Iterator[Pair]:
    """Two PostgreSQL servers, of which the second has what the first has.

    :param is_synchronous: Whether the first acknowledges what the second has.
    """
    with own_folder() as first, own_folder() as second:
        init_postgresql(first / "data")
        shutil.copytree(first / "data", second / "data")
        (second / "data" / "standby.signal").touch()
        # Not an option of its command line, which could not be changed later.
        with (second / "data" / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"primary_conninfo = 'host={first} user=postgres'\n")

        names = "*" if is_synchronous else ""
        hosts = f"host={first}&host={second}&target_session_attrs=read-write"

        with (
            running_postgresql(
                first, "-cfsync=off", f"-csynchronous_standby_names={names}"
            ) as primary,
            running_postgresql(second, "-cfsync=off") as standby,
        ):
            yield Pair(
                primary, standby, f"postgresql+psycopg://postgres@/postgres?{hosts}"
            )


def ask(server: Server, statement: str) -> object:
    engine = sa.create_engine(
        server.database("postgres"),
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
    )

    with engine.connect() as connection:
        result = connection.exec_driver_sql(statement)

        return result.scalar() if result.returns_rows else None


def promote(servers: Pair) -> None:
    servers.primary.daemon.kill()
    ask(servers.standby, "SELECT pg_promote()")
    wait_until(lambda: ask(servers.standby, "SELECT pg_is_in_recovery()") is False)


@locking
def test_synchronous(judged: Ride, locking: bool) -> None:
    """A standby that is waited for has all that was acknowledged."""
    with pair(is_synchronous=True) as servers:
        config = _config(servers, locking)
        create_tables(config)
        judged(
            "PostgreSQL, synchronous standby",
            "primary killed, standby promoted",
            config,
            lambda: promote(servers),
        )


def test_asynchronous(judged: Ride) -> None:
    """A standby that is not waited for may lack the last changes."""
    with pair(is_synchronous=False) as servers:
        config = _config(servers)
        create_tables(config)

        def fall_behind() -> None:
            ask(servers.standby, "ALTER SYSTEM SET primary_conninfo = ''")
            ask(servers.standby, "SELECT pg_reload_conf()")
            wait_until(lambda: not ask(servers.primary, FOLLOWERS))

        verdict = judged(
            "PostgreSQL, asynchronous standby",
            "link cut, primary killed, standby promoted",
            config,
            fall_behind,
            lambda: promote(servers),
            may_lose="what was not copied yet",
        )

    assert verdict.found


@locking
@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_isolation(
    judged: Ride, postgresql_url: str, level: str, locking: bool
) -> None:
    """A database whose transactions are stricter by default."""
    option = f"-cdefault_transaction_isolation={level}".replace(" ", "\\ ")
    url = sa.make_url(postgresql_url).update_query_dict({"options": option})
    config = in_database(
        url.render_as_string(hide_password=False), CART_DATABASE_LOCK_FOR_UPDATE=locking
    )
    create_tables(config)
    judged(f"PostgreSQL, {level} by default", "none", config)


def test_pooled(judged: Ride, postgresql_server: Server, postgresql_url: str) -> None:
    """A pooler lends connections for a transaction each, and takes new ones."""
    with pgbouncer(postgresql_server, pool_size=2) as pooler:
        name = sa.make_url(postgresql_url).database
        assert name is not None
        # Two transactions may not share what the driver has prepared.
        options = {"connect_args": {"prepare_threshold": None}}
        config = in_database(pooler.database(name), SQLALCHEMY_ENGINE_OPTIONS=options)
        create_tables(config)
        judged(
            "PostgreSQL behind PgBouncer",
            "pooler takes new connections",
            config,
            pooler.reconnect,
        )


def _config(servers: Pair, locking: bool = False) -> Config:
    return in_database(servers.url, CART_DATABASE_LOCK_FOR_UPDATE=locking)
