"""Three nodes of MariaDB Galera, each of which takes writes."""

from __future__ import annotations

import itertools
import threading
import typing as t
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from flask_cart import CartBusyError
from flask_cart import CartConflictError
from flask_cart import CartError
from flask_cart import CartStorageError
from tests.support.galera import Node
from tests.support.galera import galera
from tests.support.galera import wait_for
from tests.support.servers import DEADLINE
from tests.support.servers import wait_until
from tests.support.shop import sell
from tests.support.shops import Shop
from tests.support.shops import code_of
from tests.support.shops import contention
from tests.support.shops import open_shop

#: Reads wait for what others have committed: those of the shop, and of the tests.
IN_SYNC = "&init_command=SET+wsrep_sync_wait+%3D+7"

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[list[Node]]:
    with galera() as nodes:
        yield nodes


@pytest.fixture
def shops(cluster: list[Node]) -> Iterator[list[Shop]]:
    """The same shop on every node, with two items in a cart."""
    name = f"carts_{next(_numbers)}"
    engine = sa.create_engine(cluster[0].database("mysql"), poolclass=sa.NullPool)

    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")

    with ExitStack() as stack:
        found = [
            stack.enter_context(
                open_shop(node.database(name) + IN_SYNC, has_tables=number > 0)
            )
            for number, node in enumerate(cluster)
        ]
        found[0].fill("mug", "pot")
        yield found


def test_crowd_on_all_nodes(shops: list[Shop]) -> None:
    """Many add to one cart, on every node: what was acknowledged is there, once, and
    what was refused is not. Nobody hears of the database's errors."""
    together = threading.Barrier(9)
    errors: list[t.Any]

    def has_met_another_node() -> bool:
        return 1213 in [code_of(error) for error in errors]

    def add(number: int) -> Counter[str]:
        together.wait(DEADLINE)
        heard: Counter[str] = Counter()

        # On a busy machine they may come one after the other.
        while heard.total() < 8 or not has_met_another_node():
            try:
                shops[number % 3].fill("mug")
            except CartError as error:
                heard[type(error).__name__] += 1
            else:
                heard["added"] += 1

        return heard

    with contention() as errors, ThreadPoolExecutor(9) as pool:
        heard = sum(pool.map(add, range(9)), Counter())

    assert heard.keys() <= {"added", "CartBusyError", "CartConflictError"}
    assert shops[1].stored() == {"mug": 1 + heard["added"], "pot": 1}
    # How many are refused is the nodes' business, and not the same each time.
    assert heard["added"]


def test_order_that_another_node_is_faster_than(shops: list[Shop]) -> None:
    """A COMMIT that fails because of another node is a conflict, and no order."""
    shop, other, _ = shops
    mark = sa.text("UPDATE orders SET token = concat(token, '.') WHERE id = 1")

    with shop.app.app_context():
        shop.db.session.execute(sa.text("INSERT INTO orders VALUES (1, 'stock')"))
        shop.db.session.commit()

        @sa.event.listens_for(shop.db.session, "before_commit", once=True)
        def be_faster(session: t.Any) -> None:
            with other.outside() as rival:
                rival.execute(mark)

        def create() -> None:
            shop.db.session.execute(mark)
            shop.order("mine")

        with contention() as errors, pytest.raises(CartConflictError):
            sell(shop.cart(), create, session=shop.db.session)

        assert [code_of(error) for error in errors] == [1213]
        assert shop.orders() == ["stock."]
        assert shop.stored() == {"mug": 1, "pot": 1}

        sell(shop.cart(), create, session=shop.db.session)
        assert other.orders() == ["mine", "stock.."]

    with other.app.app_context():
        assert len(other.cart()) == 0


def test_reads_in_sync(shops: list[Shop]) -> None:
    """With wsrep_sync_wait, what was saved on one node is read on the next one."""
    for number in range(30):
        shops[number % 3].fill("mug")
        reader = shops[(number + 1) % 3]

        with reader.app.app_context():
            assert reader.cart().lines[0].quantity == number + 2


def test_node_that_is_cut_off(cluster: list[Node], shops: list[Shop]) -> None:
    """A node without a majority of the others refuses all work: the cart's answer is an
    error of the storage, that says nothing of a table, until it is back."""
    lonely = shops[0]
    others = cluster[1:]

    for node in others:
        node.daemon.pause()

    try:
        wait_until(lambda: not cluster[0].is_ready)

        with lonely.app.app_context():
            for use in [
                lambda: len(lonely.cart()),
                lambda: lonely.cart().add("mug", price=1),
                lambda: sell(lonely.cart(), session=lonely.db.session),
            ]:
                with pytest.raises(CartStorageError, match="1047") as caught:
                    use()

                assert not isinstance(caught.value, CartBusyError)
                assert "init-db" not in str(caught.value)
    finally:
        for node in others:
            node.daemon.resume()

    wait_for(cluster)
    lonely.fill("mug")
    assert shops[2].stored() == {"mug": 2, "pot": 1}


def test_node_that_dies(cluster: list[Node], shops: list[Shop]) -> None:
    """The others go on, and it finds everything when it is back."""
    cluster[2].daemon.kill()
    shops[0].fill("mug")
    shops[1].fill("hat")
    assert shops[0].stored() == {"mug": 2, "pot": 1, "hat": 1}

    with shops[2].app.app_context(), pytest.raises(CartStorageError):
        len(shops[2].cart())

    cluster[2].daemon.start()
    shops[2].fill("hat")
    assert shops[0].stored() == {"mug": 2, "pot": 1, "hat": 2}
