"""The connection breaks while an order is committed."""

from __future__ import annotations

import itertools
import typing as t
from collections.abc import Callable
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from flask_cart import CartBusyError
from flask_cart import CartStorageError
from flask_cart import OrderDraft
from tests.support.backends import Backend
from tests.support.backends import on
from tests.support.customers import PATIENCE
from tests.support.proxies import Proxy
from tests.support.shops import Shop
from tests.support.shops import open_shop

COMMIT = rb"COMMIT\b"

PLACES = pytest.mark.parametrize("place", ["database", "memory"])

_owners = itertools.count(1)


@pytest.fixture
def relayed_shop(backend: Backend, relay: Proxy, place: str) -> Iterator[Shop]:
    """A shop that talks to the server through the relay, with nobody else's orders."""
    url = backend.endpoint.url(relay.port, PATIENCE)

    with open_shop(url, CART_STORAGE=place) as shop, shop.app.app_context():
        yield shop
        shop.db.session.remove()

        # Not with a connection that was there when others were cut.
        with shop.outside() as connection:
            shop.order_table.drop(connection)


def check_out(shop: Shop, owner: str, break_it: Callable[[], object]) -> str:
    """Order what is in a cart, and break something when the order is written."""

    def create(draft: OrderDraft) -> str:
        shop.order(draft.order_token)
        break_it()

        return draft.order_token

    def find(token: str) -> t.Any:
        orders = shop.order_table.c
        query = sa.select(orders.token).where(orders.token == token)

        return shop.db.session.execute(query).scalar()

    return shop.cart(owner).place_order(create, find, session=shop.db.session)


@PLACES
@on("postgresql", "mariadb")
def test_answer_to_a_commit_is_lost(relay: Proxy, relayed_shop: Shop) -> None:
    """An order that was committed is found, and is what the shopper gets."""
    owner = f"user:order-{next(_owners)}"
    relayed_shop.fill("mug", owner=owner)
    token = check_out(relayed_shop, owner, lambda: relay.cut_answer(COMMIT))

    assert relay.is_done
    assert relayed_shop.orders() == [token]
    assert len(relayed_shop.cart(owner)) == 0


@PLACES
@on("postgresql", "mariadb")
def test_commit_is_lost(relay: Proxy, relayed_shop: Shop) -> None:
    """Of an order that is not found nobody knows whether it will be. To try again makes
    one, whatever became of the first try."""
    owner = f"user:order-{next(_owners)}"
    relayed_shop.fill("mug", owner=owner)

    with pytest.raises(CartStorageError, match="Nobody knows") as caught:
        check_out(relayed_shop, owner, lambda: relay.cut_request(COMMIT))

    assert relay.is_done
    assert not isinstance(caught.value, CartBusyError)
    assert relayed_shop.orders() == []
    assert len(relayed_shop.cart(owner)) == 1

    token = check_out(relayed_shop, owner, lambda: None)
    assert relayed_shop.orders() == [token]
    assert len(relayed_shop.cart(owner)) == 0
