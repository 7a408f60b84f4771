"""Several carts in one save, beside and inside the transactions of a database's app."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext

import pytest
import sqlalchemy as sa

from flask_cart.model.keys import CartKey
from flask_cart.storage.sql.connections import savepoint
from flask_cart.testing.carts import Wanted
from flask_cart.testing.carts import save_carts
from tests.support.shops import Shop
from tests.support.shops import contention
from tests.support.shops import counted
from tests.support.shops import open_shop

OWNER = "user:1"

Join = Callable[[Shop], AbstractContextManager[object]]


def joined(shop: Shop) -> AbstractContextManager[object]:
    """Inside it, saves are part of the session's transaction on every database."""
    return shop.storage.join(shop.db.session)


def written(shop: Shop) -> AbstractContextManager[object]:
    """On SQLite, they are as soon as the session has written."""
    return nullcontext()


@pytest.fixture(
    params=[
        ("sqlite", joined),
        ("sqlite", written),
        ("memory", joined),
        ("memory", written),
        ("postgresql", joined),
        ("mariadb", joined),
    ],
    ids=lambda each: f"{each[0]}-{each[1].__name__}",
)
def join(request: pytest.FixtureRequest) -> tuple[str, Join]:
    """The URL of a database, and what makes saves part of the session's transaction."""
    name, join = request.param
    url = "sqlite://" if name == "memory" else request.getfixturevalue(f"{name}_url")

    return url, join


@contextmanager
def opened(url: str) -> Iterator[Shop]:
    with open_shop(url) as shop, shop.app.app_context():
        yield shop


def save(shop: Shop, **changes: tuple[int, str | None]) -> dict[str, int]:
    versions = save_carts(shop.storage, OWNER, changes)
    assert versions is not None

    return versions


def texts(shop: Shop) -> dict[str, t.Any]:
    """What this thread sees of the owner's carts."""
    found = {}

    for name in shop.storage.instances(OWNER):
        stored = shop.storage.load(CartKey(OWNER, name))
        assert stored is not None
        found[name] = stored.data

    return found


#: What is lost because of the second cart, with the versions of "a" and "c".
LOST: dict[str, Callable[[int, int], Wanted]] = {
    "insert": lambda a, c: {"a": (a, "lost"), "b": (0, "lost"), "c": (0, "lost")},
    "update": lambda a, c: {"a": (a, "lost"), "b": (0, "lost"), "c": (c - 1, "lost")},
    "delete": lambda a, c: {"a": (a, None), "b": (0, "lost"), "c": (c - 1, None)},
}


@pytest.mark.parametrize("lost", LOST.values(), ids=list(LOST))
def test_lost_save_in_a_transaction(
    join: tuple[str, Join], lost: Callable[[int, int], Wanted]
) -> None:
    """A save that is lost leaves nothing behind in the app's transaction, which can go
    on, and is committed with what is not the save's."""
    url, make = join

    with opened(url) as shop:
        versions = save(shop, a=(0, "1"), c=(0, "1"))
        shop.order("before")

        with make(shop):
            assert (
                save_carts(shop.storage, OWNER, lost(versions["a"], versions["c"]))
                is None
            )
            assert texts(shop) == {"a": "1", "c": "1"}
            save(shop, a=(versions["a"], "2"), b=(0, "2"))

        shop.order("after")
        shop.db.session.commit()

        assert texts(shop) == {"a": "2", "b": "2", "c": "1"}
        assert orders(shop) == ["after", "before"]


def test_save_in_a_transaction_that_is_rolled_back(join: tuple[str, Join]) -> None:
    """It is the app's transaction that decides about all of the carts."""
    url, make = join

    with opened(url) as shop:
        versions = save(shop, a=(0, "1"), c=(0, "1"))
        shop.order("mine")

        with make(shop):
            save(shop, a=(versions["a"], None), b=(0, "2"), c=(versions["c"], "2"))
            assert texts(shop) == {"b": "2", "c": "2"}

        shop.db.session.rollback()
        assert texts(shop) == {"a": "1", "c": "1"}
        assert orders(shop) == []


@pytest.mark.parametrize("name", ["sqlite", "memory"])
def test_save_is_the_first_of_a_transaction(
    request: pytest.FixtureRequest, name: str
) -> None:
    """On SQLite, too, the savepoint is not the transaction itself if it comes first."""
    url = "sqlite://" if name == "memory" else request.getfixturevalue("sqlite_url")

    with opened(url) as shop:
        with shop.storage.join(shop.db.session):
            save(shop, a=(0, "1"), b=(0, "1"))

        shop.db.session.rollback()
        assert texts(shop) == {}

        with shop.storage.join(shop.db.session):
            save(shop, a=(0, "1"), b=(0, "1"))

        shop.db.session.commit()
        assert texts(shop) == {"a": "1", "b": "1"}


@pytest.mark.parametrize("lost", LOST.values(), ids=list(LOST))
def test_lost_save_in_memory(lost: Callable[[int, int], Wanted]) -> None:
    """A database in memory has one connection for all, on which a save of several
    carts is a transaction nevertheless."""
    with opened("sqlite://") as shop:
        versions = save(shop, a=(0, "1"), c=(0, "1"))
        assert (
            save_carts(shop.storage, OWNER, lost(versions["a"], versions["c"])) is None
        )

        with shop.storage.lock(OWNER):
            assert (
                save_carts(shop.storage, OWNER, lost(versions["a"], versions["c"]))
                is None
            )

        assert texts(shop) == {"a": "1", "c": "1"}
        save(shop, a=(versions["a"], "2"), c=(versions["c"], "2"))
        assert texts(shop) == {"a": "2", "c": "2"}


def test_carts_are_written_in_one_order(database_url: str) -> None:
    """In whichever order somebody names them, or two would wait for each other."""
    with opened(database_url) as shop:
        versions = save(shop, b=(0, "1"), a=(0, "1"), c=(0, "1"))
        seen: list[str] = []

        def note(
            connection: t.Any, clause: t.Any, several: t.Any, given: t.Any, how: t.Any
        ) -> None:
            if isinstance(clause, sa.Update):
                seen.append(given["at_instance"])

        sa.event.listen(sa.Engine, "before_execute", note)

        try:
            save(
                shop,
                c=(versions["c"], "2"),
                a=(versions["a"], "2"),
                b=(versions["b"], "2"),
            )
        finally:
            sa.event.remove(sa.Engine, "before_execute", note)

        assert seen == ["a", "b", "c"]


def test_statements_of_one_cart_in_a_transaction(join: tuple[str, Join]) -> None:
    """One cart needs no savepoint, but where a failing INSERT would fail all that the
    app has done."""
    url, make = join

    with opened(url) as shop:
        versions = save(shop, a=(0, "1"))
        shop.order("mine")

        with make(shop), counted() as statements:
            save(shop, a=(versions["a"], "2"))
            save(shop, b=(0, "2"))

        insert = ["INSERT"]

        if shop.name != "sqlite":
            insert = ["SAVEPOINT", "INSERT", "RELEASE"]

        assert statements == ["UPDATE", *insert]


def test_error_after_the_transaction_has_ended(sqlite_url: str) -> None:
    """Where a database has ended the transaction by itself, as MariaDB does with the
    victim of a deadlock, there is no savepoint any more; the error that led there is
    the one that counts."""
    with opened(sqlite_url) as shop:
        connection = shop.db.session.connection()

        def deadlock() -> t.NoReturn:
            connection.exec_driver_sql("ROLLBACK")
            raise ZeroDivisionError

        with (
            contention() as errors,
            pytest.raises(ZeroDivisionError),
            savepoint(connection),
        ):
            deadlock()

        assert "no such savepoint" in str(errors[0])


def orders(shop: Shop) -> list[str]:
    query = sa.select(shop.order_table.c.token).order_by(shop.order_table.c.token)

    return list(shop.db.session.execute(query).scalars())
