"""The ways through the models are those of real servers, too: every order of two.

What each of the two does is seen where the storage is asked, so one statement or script
is one step. What the server does with two at the same moment is its own matter, and the
histories of ``make prove`` are about it.
"""

from __future__ import annotations

import typing as t
from collections import Counter
from collections.abc import Iterator

import pytest

from flask_cart.carts.repository import Retry
from tests.models import compare_and_set
from tests.models import keys
from tests.models import merge
from tests.models import move
from tests.models import order
from tests.models.checking import covering
from tests.models.checking import runs
from tests.models.operations import fill_for_login
from tests.models.operations import fill_for_move
from tests.models.operations import keyed_add
from tests.models.operations import logins
from tests.models.operations import moves
from tests.models.ordering import Orders
from tests.models.ordering import replayed
from tests.models.replaying import Shop
from tests.support import shops
from tests.support.cache_servers import CacheServer
from tests.support.redis_shops import open_redis_shop
from tests.support.shop import sell

MANY: t.Final = Retry(attempts=8, base_delay=0)

CONFIG: t.Final[dict[str, t.Any]] = {
    "CART_RETRY_ATTEMPTS": 1,
    "CART_RETRY_MAX_DELAY": 0,
}


@pytest.fixture
def on_postgresql(postgresql_url: str) -> Iterator[shops.Shop]:
    with shops.open_shop(postgresql_url, **CONFIG) as shop:
        yield shop


@pytest.fixture
def postgresql(on_postgresql: shops.Shop) -> Shop:
    def forget() -> None:
        with on_postgresql.outside() as connection:
            connection.execute(on_postgresql.storage.table.delete())

    return Shop(on_postgresql.app, on_postgresql.extension, forget)


@pytest.fixture
def valkey(valkey_server: CacheServer) -> Shop:
    shop = open_redis_shop(valkey_server.url, **CONFIG)

    return Shop(shop.app, shop.extension, valkey_server.clean)


@pytest.fixture(params=["postgresql", "valkey"])
def shop(request: pytest.FixtureRequest) -> Shop:
    shop: Shop = request.getfixturevalue(request.param)

    return shop


def test_two_adds(shop: Shop) -> None:
    """Both are there, in all of the model's ways."""
    found = shop.orders(
        shop.add("mug"),
        shop.add("cup"),
        reset=shop.forget,
        right=lambda: shop.items() == {"mug": 1, "cup": 1},
    )

    assert found == set(runs(compare_and_set.model()))


def test_two_with_one_key(shop: Shop) -> None:
    """The change is made once."""
    add = keyed_add(shop)
    found = shop.orders(
        add, add, reset=shop.forget, right=lambda: shop.items() == {"mug": 1}
    )

    assert found == set(runs(keys.model()))


@pytest.mark.parametrize("rival", t.get_args(move.Rival))
def test_a_move(shop: Shop, rival: move.Rival) -> None:
    """Nothing is lost or doubled, whether the other one moves or adds."""
    fill_for_move(shop)
    wanted = {"mug": 1, "pen": 1} | ({} if rival == "move" else {"cup": 1})

    def both() -> Counter[str]:
        return Counter(shop.items()) + Counter(shop.items(instance=move.TARGET))

    found = shop.orders(
        *moves(shop, rival),
        reset=lambda: fill_for_move(shop),
        right=lambda: both() == wanted,
    )

    assert found == set(runs(move.model(rival=rival)))


@pytest.mark.parametrize("rival", [merge.GUEST, merge.USER])
def test_a_login(shop: Shop, rival: merge.Rival) -> None:
    """Nothing is lost or doubled, whether something is added for the guest or the
    user. (It may come when the guest's cart is gone, and is in a new one then.)"""

    def both() -> Counter[str]:
        return Counter(shop.items(merge.USER)) + Counter(shop.items(merge.GUEST))

    shop.repository.retry = MANY
    found = shop.orders(
        *logins(shop, rival),
        reset=lambda: fill_for_login(shop),
        right=lambda: both() == {"mug": 1, "pen": 1, "cup": 1},
    )

    assert found == set(runs(merge.model(rival=rival)))


def test_the_same_form_twice(shop: Shop) -> None:
    """One order is made of it, and everything that can happen in a state of the model
    happens here."""
    shop.repository.retry = MANY

    for trace in covering(order.model(may_crash=False, is_one_moment=True)):
        orders = Orders(shop, is_one_moment=True)
        assert replayed(orders, trace, adds=False) == (trace, set())


def test_an_order(shop: Shop) -> None:
    """What is added while the cart is ordered is ordered, or still there."""
    check_order(shop, None)


def test_an_order_in_the_session(on_postgresql: shops.Shop, postgresql: Shop) -> None:
    """So it is where the order and the cart are one transaction."""
    check_order(postgresql, on_postgresql.db.session)


def test_two_orders_in_the_session(on_postgresql: shops.Shop, postgresql: Shop) -> None:
    """There nothing is sold twice, even if the other one orders something else: of two
    that have read the same cart, one is refused, or sells what the other one left."""
    check_order(postgresql, on_postgresql.db.session, is_ordered_twice=True)


def check_order(shop: Shop, session: t.Any, is_ordered_twice: bool = False) -> None:
    """Order a mug, while somebody adds a cup.

    :param is_ordered_twice: Whether that one orders, too.
    """
    sold: list[str] = []

    def place(*items: str) -> None:
        for item in items:
            shop.cart().add(item, price=1)

        draft = sell(shop.cart(), session=session)
        sold.extend(each.line.item_id for each in draft.lines)

    def refill() -> None:
        sold.clear()
        shop.forget()
        shop.add("mug")()

    shop.orders(
        shop.inside(place),
        shop.inside(place, "cup") if is_ordered_twice else shop.add("cup"),
        reset=refill,
        right=lambda: sorted([*sold, *shop.items()]) == ["cup", "mug"],
    )
