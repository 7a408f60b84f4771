"""Many clients at once, with real workers: nothing is lost, and nobody is refused."""

from __future__ import annotations

import typing as t
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support import cart_app
from tests.support.harness import CLIENTS
from tests.support.harness import Client
from tests.support.harness import Clients
from tests.support.harness import add_first
from tests.support.harness import add_many
from tests.support.harness import clients
from tests.support.harness import empty_database
from tests.support.harness import gunicorn
from tests.support.harness import post_each
from tests.support.harness import set_many
from tests.support.harness import shop_alone
from tests.support.shops import Shop
from tests.support.shops import open_shop

EVERYBODY = range(CLIENTS)


@pytest.fixture(scope="module")
def crowd() -> Iterator[Clients]:
    """Eight client processes, for all tests."""
    with clients() as crowd:
        yield crowd


class Served(t.NamedTuple):
    """A server, and a look into its database."""

    port: int
    shop: Shop

    def fill(self, owners: list[str]) -> list[int]:
        """Make a cart with a mug for each owner.

        :return: Their versions.
        """
        versions = []

        for owner in owners:
            client = Client(self.port, owner)
            versions.append(client.post("/add", item="mug")[1]["version"])
            client.close()

        return versions


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Two processes with four threads each, on every engine."""
    folder = tmp_path_factory.mktemp("served")

    with empty_database(request, request.param, folder) as url, open_shop(url) as shop:
        prepare(shop)

        with gunicorn(url, folder / "log") as port:
            yield Served(port, shop)


def prepare(shop: Shop) -> None:
    """Give the orders the columns that the served app wants."""
    with shop.app.app_context():
        shop.order_table.drop(shop.db.engine)
        cart_app.orders.create(shop.db.engine)


def test_400_adds(served: Served, crowd: Clients) -> None:
    """Eight clients that add 50 mugs each leave 400, and no add is refused."""
    statuses = crowd.run(
        add_many, *((served.port, "user:400", "mug", 50) for _ in EVERYBODY)
    )

    assert Counter(chain.from_iterable(statuses)) == {200: 400}
    assert served.shop.stored("user:400") == {"mug": 400}


def test_first_adds(served: Served, crowd: Clients) -> None:
    """All first adds of a cart count, when nobody has made it yet; for 20 carts."""
    owners = [f"user:first-{number}" for number in range(20)]
    statuses = crowd.run(add_first, *((served.port, owners) for _ in EVERYBODY))

    assert Counter(chain.from_iterable(statuses)) == {200: 20 * CLIENTS}
    assert [served.shop.stored(owner) for owner in owners] == [{"mug": CLIENTS}] * 20


def test_two_tabs(served: Served, crowd: Clients) -> None:
    """Of two forms about the same version one wins and the other is told, 40 times;
    and what is stored is what the winner wanted."""
    owner = "user:tabs"
    served.fill([owner])
    one, other = crowd.run(
        set_many, *((served.port, owner, name, True, 40) for name in (0, 1))
    )
    wanted = 1

    for first, second in zip(one, other, strict=True):
        assert sorted([first[0], second[0]]) == [200, 409]
        answer = first[1] or second[1]
        assert answer["seen"] == wanted
        wanted = answer["set"]

    assert served.shop.stored(owner) == {"mug": wanted}


def test_quantities_are_not_overwritten_unseen(served: Served, crowd: Clients) -> None:
    """Two that set a quantity, each to what it thinks right: every change that is
    accepted was made by somebody who saw the one before."""
    owner = "user:quantities"
    served.fill([owner])
    answers = crowd.run(
        set_many, *((served.port, owner, name, False, 40) for name in (0, 1))
    )
    changes = {}

    for status, answer in chain.from_iterable(answers):
        assert status in (200, 409)

        if status == 200:
            # Nobody else changed what this one saw.
            assert answer["seen"] not in changes
            changes[answer["seen"]] = answer["set"]

    last = 1

    for _ in range(len(changes)):
        last = changes[last]

    assert len(changes) >= 40
    assert served.shop.stored(owner) == {"mug": last}


@pytest.mark.parametrize("expect", [False, True])
def test_add_beside_clear(served: Served, crowd: Clients, expect: bool) -> None:
    """What is added while the cart is being cleared is still there, or was seen by the
    one who cleared it; 50 times."""
    owners = [f"user:clear-{expect}-{number}" for number in range(50)]
    versions = served.fill(owners)
    add = [{"item": "pot"}] * 50
    clear = [{"version": version if expect else None} for version in versions]
    added, cleared = crowd.run(
        post_each,
        (served.port, owners, "/add", add, 2),
        (served.port, owners, "/clear", clear, 2),
    )

    assert {status for status, _ in added} == {200}

    for owner, (status, answer) in zip(owners, cleared, strict=True):
        stored = served.shop.stored(owner)
        assert stored is not None

        if status == 409:
            assert stored == {"mug": 1, "pot": 1}
        elif "pot" not in stored:
            assert not expect
            assert "pot" in answer["seen"]
            assert stored == {}
        else:
            assert stored == {"pot": 1}


def test_one_order(served: Served, crowd: Clients) -> None:
    """Of eight checkouts of one cart at once, one makes an order; for 10 carts."""
    owners = [f"user:order-{number}" for number in range(10)]
    served.fill(owners)
    nothing: list[dict[str, t.Any]] = [{}] * 10
    answers = crowd.run(
        post_each,
        *((served.port, owners, "/check_out", nothing, CLIENTS) for _ in EVERYBODY),
    )

    for statuses in zip(*answers, strict=True):
        # Who comes later finds the cart changed, or empty.
        assert [status for status, _ in statuses].count(200) == 1

    with served.shop.outside() as connection:
        query = sa.select(cart_app.orders.c.owner)
        assert sorted(connection.execute(query).scalars()) == sorted(owners)


WORKERS = {
    "gevent": ("--workers=1", "--worker-class=gevent"),
    "preload": ("--workers=2", "--threads=4", "--preload"),
}


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("name", ["sqlite", "postgresql", "mariadb"])
def test_workers(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    crowd: Clients,
    name: str,
    workers: str,
) -> None:
    """With other kinds of workers, too, everything counts, and nobody sees the cart of
    somebody else."""
    environment = {"USE_CART_BEFORE_FORK": "1"} if workers == "preload" else {}
    owners = [f"user:{number}" for number in EVERYBODY]

    with (
        empty_database(request, name, tmp_path) as url,
        open_shop(url) as shop,
        gunicorn(url, tmp_path / "log", *WORKERS[workers], **environment) as port,
    ):
        seen = crowd.run(shop_alone, *((port, owner, 25) for owner in owners))

        for owner, carts in zip(owners, seen, strict=True):
            expected = [{owner: number + 1} for number in range(25)]
            assert carts == [(200, cart, cart) for cart in expected]

        assert shop.stored("user:all") == {"mug": 25 * CLIENTS}


@pytest.mark.parametrize("name", ["sqlite", "postgresql", "mariadb"])
def test_lock_for_update(
    request: pytest.FixtureRequest, tmp_path: Path, crowd: Clients, name: str
) -> None:
    """With a lock for every write, everything counts as well, from the first add on."""
    with (
        empty_database(request, name, tmp_path) as url,
        open_shop(url) as shop,
        gunicorn(
            url,
            tmp_path / "log",
            CART_APP_CONFIG='{"CART_DATABASE_LOCK_FOR_UPDATE": true}',
        ) as port,
    ):
        statuses = crowd.run(
            add_many, *((port, "user:1", "mug", 25) for _ in EVERYBODY)
        )

        assert Counter(chain.from_iterable(statuses)) == {200: 25 * CLIENTS}
        assert shop.stored() == {"mug": 25 * CLIENTS}
