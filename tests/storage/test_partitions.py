"""Carts in a table that PostgreSQL keeps in partitions, as docs/sizing.rst has them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from flask_cart.model.keys import CartKey
from flask_cart.testing.carts import save_carts
from tests.support.partitions import make_partitions
from tests.support.plans import nodes_of
from tests.support.plans import plans_of
from tests.support.shops import Shop
from tests.support.shops import open_shop

pytestmark = pytest.mark.unmeasured

OWNER = "user:1"
KEY = CartKey(OWNER, "default")


@pytest.fixture
def shop(postgresql_url: str) -> Iterator[Shop]:
    """A shop with 40 carts in eight partitions."""
    with open_shop(postgresql_url, has_tables=True) as shop, shop.app.app_context():
        make_partitions(shop)
        shop.db.create_all()

        for number in range(40):
            shop.cart(f"user:{number}").add("mug", price=1)

        yield shop


def change(shop: Shop) -> None:
    shop.cart().add("pot", price=1)


def save_twice(shop: Shop) -> None:
    cart = shop.cart()
    cart.add("pot", price=1)
    cart.add("pan", price=1)


def begin(shop: Shop) -> None:
    with shop.storage.lock(OWNER):
        assert shop.storage.load(KEY)


@pytest.mark.parametrize(
    "work",
    [
        lambda shop: shop.cart().lines,
        lambda shop: shop.storage.instances(OWNER),
        lambda shop: shop.cart().destroy(),
        change,
        save_twice,
        begin,
    ],
    ids=["read", "instances", "destroy", "change", "twice", "lock"],
)
def test_one_partition(shop: Shop, work: Callable[[Shop], object]) -> None:
    """Each statement about an owner touches one partition, the same one."""
    plans = plans_of(shop, lambda: work(shop))
    touched = [
        {
            node["Relation Name"]
            for node in nodes_of(plan)
            if re.fullmatch(r"carts_\d", node.get("Relation Name", ""))
        }
        for plan in plans
    ]

    assert plans
    assert len(touched[0]) == 1
    assert touched == [touched[0]] * len(plans)


def test_all_partitions_are_used(shop: Shop) -> None:
    """Owners are spread over them."""
    query = sa.text("SELECT DISTINCT tableoid::regclass::text FROM carts")

    with shop.outside() as connection:
        assert len(connection.execute(query).all()) == 8


def test_a_move(shop: Shop) -> None:
    """Two carts of an owner change at once."""
    cart = shop.cart()
    cart.move(cart.lines[0].id, to="later")

    assert len(shop.cart()) == 0
    assert len(shop.cart().instance("later")) == 1


def test_an_order(shop: Shop) -> None:
    """An order and its cart are one transaction."""
    shop.cart().place_order(
        lambda draft: shop.order(draft.order_token),
        lambda token: None,
        session=shop.db.session,
    )

    assert len(shop.orders()) == 1
    assert shop.stored(OWNER) == {}


def test_the_stale_save_is_lost(shop: Shop) -> None:
    """A save on top of another version changes nothing, of several carts as of one."""
    stored = shop.storage.load(KEY)
    assert stored is not None
    wanted = {"default": (stored.version, "{}"), "later": (stored.version, "{}")}

    assert save_carts(shop.storage, OWNER, wanted) is None
    assert save_carts(shop.storage, OWNER, {"default": (0, "{}")}) is None
    assert shop.storage.load(KEY) == stored


def test_pruning(shop: Shop) -> None:
    """All partitions are gone through, each owner once, and old carts deleted."""
    keys = [found.key for found in shop.storage.scan()]
    assert keys == [CartKey(f"user:{n}", "default") for n in sorted(range(40), key=str)]
    table = shop.storage.table
    old = dt.datetime(2020, 1, 1)

    with shop.outside() as connection:
        connection.execute(
            table.update().where(table.c.owner < "user:2").values(updated_at=old)
        )

    pruned = shop.app.test_cli_runner().invoke(args=["cart", "prune", "--yes"])

    assert "Deleted 12 carts." in pruned.output
    assert len(list(shop.storage.scan())) == 28


def test_migrations_see_one_table(shop: Shop) -> None:
    """The partitions are in a schema that no migration looks at, and the command finds
    the table."""
    again = shop.app.test_cli_runner().invoke(args=["cart", "init-db"])

    with shop.outside() as connection:
        names = sa.inspect(connection).get_table_names()

    assert again.output == "The table 'carts' exists already.\n"
    assert sorted(names) == ["carts", "orders"]
