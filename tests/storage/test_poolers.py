"""A pooler stands between the carts and PostgreSQL, and lends a connection for one
transaction at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from flask_cart import CartLockTimeoutError
from tests.support.poolers import Pooler
from tests.support.poolers import pgbouncer
from tests.support.servers import Server
from tests.support.shop import sell
from tests.support.shops import Shop
from tests.support.shops import open_shop
from tests.support.shops import touched

#: What an app behind PgBouncer tells psycopg.
UNPREPARED = {"connect_args": {"prepare_threshold": None}}


@pytest.fixture
def direct_url(postgresql_url: str) -> str:
    """The URL of the database, past the pooler."""
    return postgresql_url


@pytest.fixture
def pooler(postgresql_server: Server) -> Iterator[Pooler]:
    """One that has a single connection, which everybody gets."""
    with pgbouncer(postgresql_server, pool_size=1) as found:
        yield found


@pytest.fixture
def pooled_url(pooler: Pooler, direct_url: str) -> str:
    """The URL of the same database, through the pooler."""
    return pooler.database(sa.make_url(direct_url).database or "")


def tell(url: str, statement: str) -> str:
    """Say something to the server about a database, for all who come later."""
    engine = sa.create_engine(
        url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool, **UNPREPARED
    )

    with engine.connect() as connection:
        result = connection.exec_driver_sql(statement.format(name=engine.url.database))

        return str(result.scalar()) if result.returns_rows else ""


@contextmanager
def locked_cart(url: str, shop: Shop) -> Iterator[None]:
    """A rival who has changed the cart, and does not commit."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)

    with engine.connect() as rival:
        rival.execute(touched(shop.storage.table))
        yield


def use(shop: Shop) -> None:
    """Whatever a cart can do with its connections."""
    shop.fill("mug", "pot")
    cart = shop.cart()
    cart.move(cart.lines[0].id, to="wishlist")

    with shop.storage.lock("user:1"):
        shop.fill("mug")

    assert sorted(shop.storage.instances("user:1")) == ["default", "wishlist"]
    sell(shop.cart(), lambda: shop.order("mine"), session=shop.db.session)


@pytest.mark.parametrize("setting", ["lock_timeout", "default_transaction_isolation"])
def test_nothing_is_left_with_the_pooler(
    direct_url: str, pooled_url: str, setting: str
) -> None:
    """Other clients find the connection as it is set up by the database."""
    tell(direct_url, "ALTER DATABASE {name} SET lock_timeout = '7min'")
    tell(
        direct_url,
        "ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'",
    )

    with open_shop(pooled_url, UNPREPARED) as shop, shop.app.app_context():
        use(shop)

    found = tell(pooled_url, f"SHOW {setting}")
    assert found == {"lock_timeout": "7min"}.get(setting, "serializable")


def test_prepared_statements(postgresql_server: Server, direct_url: str) -> None:
    """Statements of the carts are not prepared, also if the app forgets to say so: the
    next one may be somebody else's connection."""
    with pgbouncer(postgresql_server, pool_size=3) as pooler:
        url = pooler.database(sa.make_url(direct_url).database or "")

        # Its own session is only used to create the tables.
        with open_shop(direct_url):
            pass

        with open_shop(url, has_tables=True) as shop, ThreadPoolExecutor(6) as pool:

            def add(number: int) -> None:
                for _ in range(12):
                    shop.fill("mug", owner=f"user:{number % 3}")

            list(pool.map(add, range(6)))
            counts = [(shop.stored(f"user:{each}") or {})["mug"] for each in range(3)]

    assert counts == [24, 24, 24]


def test_prepared_statements_of_the_app(pooled_url: str) -> None:
    """An app that has said so can check out in its own transaction."""
    with open_shop(pooled_url, UNPREPARED) as shop, shop.app.app_context():
        for number in range(8):
            shop.fill("mug", "pot")
            sell(
                shop.cart(),
                lambda token=f"order {number}": shop.order(token),
                session=shop.db.session,
            )

        assert len(shop.orders()) == 8


@pytest.mark.parametrize("has_reconnected", [False, True])
def test_lock_in_a_transaction(
    direct_url: str, pooler: Pooler, pooled_url: str, has_reconnected: bool
) -> None:
    """Where a write is a transaction, it waits for as long as CART_LOCK_TIMEOUT says,
    also if the pooler has got itself another connection since."""
    config = {"CART_DATABASE_LOCK_FOR_UPDATE": True, "CART_LOCK_TIMEOUT": 0.05}

    with open_shop(pooled_url, UNPREPARED, **config) as shop, shop.app.app_context():
        shop.fill("mug")

        if has_reconnected:
            pooler.reconnect()

        with locked_cart(direct_url, shop), pytest.raises(CartLockTimeoutError):
            shop.cart().add("mug", price=1)

        assert shop.stored() == {"mug": 1}


def test_lock_of_a_statement(direct_url: str, pooled_url: str) -> None:
    """A single statement waits for as long as the database says."""
    tell(direct_url, "ALTER DATABASE {name} SET lock_timeout = '50ms'")

    with (
        open_shop(pooled_url, UNPREPARED, CART_LOCK_TIMEOUT=60) as shop,
        shop.app.app_context(),
    ):
        shop.fill("mug")

        with locked_cart(direct_url, shop), pytest.raises(CartLockTimeoutError):
            shop.cart().add("mug", price=1)

        assert shop.stored() == {"mug": 1}


def test_listeners(direct_url: str, pooled_url: str) -> None:
    """So it is with an app that listens to transactions, where each is one already."""
    with (
        open_shop(pooled_url, UNPREPARED, CART_LOCK_TIMEOUT=0.05) as shop,
        shop.app.app_context(),
    ):
        sa.event.listen(shop.db.engine, "begin", lambda connection: None)
        use(shop)
        shop.fill("mug")

        with (
            locked_cart(direct_url, shop),
            pytest.raises(CartLockTimeoutError),
            shop.storage.lock("user:1"),
        ):
            shop.cart().add("mug", price=1)

    assert tell(pooled_url, "SHOW lock_timeout") == "0"


WRITERS = 16
ADDS = 10


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
@pytest.mark.parametrize("way", ["direct", "pooled"])
def test_crowd_at_a_strict_database(
    postgresql_server: Server, direct_url: str, way: str, level: str
) -> None:
    """Where transactions are isolated more strictly by default, many who change one
    cart at once all get through: each try sees what is stored by then."""
    tell(
        direct_url,
        f"ALTER DATABASE {{name}} SET default_transaction_isolation = '{level}'",
    )
    together = threading.Barrier(WRITERS)

    with pgbouncer(postgresql_server, pool_size=WRITERS) as pooler:
        urls = {
            "direct": direct_url,
            "pooled": pooler.database(sa.make_url(direct_url).database or ""),
        }

        with (
            open_shop(urls[way], UNPREPARED | {"pool_size": WRITERS}) as shop,
            ThreadPoolExecutor(WRITERS) as pool,
        ):

            def add(number: int) -> None:
                together.wait(30)

                for _ in range(ADDS):
                    shop.fill("mug")

            list(pool.map(add, range(WRITERS)))

            assert shop.stored() == {"mug": WRITERS * ADDS}
