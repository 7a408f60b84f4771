"""Many assistants and a shopper at one cart: what was acknowledged is there."""

from __future__ import annotations

import threading
import typing as t
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from flask_cart import CartConflictError
from flask_cart.model.keys import CartKey
from tests.support.assistants import Assistant
from tests.support.assistants import items_in
from tests.support.assistants import read_json
from tests.support.assistants import with_assistants
from tests.support.storefronts import Product
from tests.support.storefronts import Storefront
from tests.support.storefronts import open_storefront

#: How many assistants there are, and how often each of them puts one more into the
#: cart. "make assistants" takes 16 and 50, on servers.
ASSISTANTS: t.Final = 4
TIMES: t.Final = 6

#: What the shopper adds meanwhile.
SHOPPER: t.Final = 12

GOODS: t.Final = {
    each: Product(each, each.capitalize(), "1.00")
    for each in ("ours", "shopper", *(f"own{n}" for n in range(ASSISTANTS)))
}


@pytest.fixture(params=["memory", "database", "cache"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storefront]:
    """A shop on each kind of storage that assistants can use."""
    url = ""

    if request.param == "cache":
        url = request.getfixturevalue("valkey_server").url

    with open_storefront(
        request.param, folder=tmp_path, redis_url=url, CART_RETRY_ATTEMPTS=100
    ) as shop:
        shop.extension.product_loader(lambda ids: [GOODS[i] for i in ids if i in GOODS])
        yield with_assistants(shop)


def run_all(work: list[Callable[[], None]]) -> None:
    """Do all of it at once."""
    start = threading.Barrier(len(work))

    def run(each: Callable[[], None]) -> None:
        start.wait(timeout=60)
        each()

    with ThreadPoolExecutor(len(work)) as pool:
        list(pool.map(run, work))


def owner_of(shop: Storefront) -> str:
    storage: t.Any = shop.extension.storage
    (key,) = {e.key.owner for e in storage.scan() if CartKey(*e.key).is_cart}

    return str(key)


def test_nothing_is_lost(shop: Storefront) -> None:
    """Each assistant sends the whole cart as it was last shown it, with one more of
    two things, and the shopper adds beside them."""
    first = Assistant(shop.app, "first")
    cart_id = str(read_json(first.create({"ours": 1}))["id"])
    acknowledged: Counter[str] = Counter(ours=1)
    lock = threading.Lock()

    with shop.app.app_context():
        owner = owner_of(shop)

    def assist(number: int) -> None:
        assistant, own = Assistant(shop.app, f"a{number}"), f"own{number}"
        shown = items_in(assistant.read(cart_id))

        for _ in range(TIMES):
            wanted = {
                **shown,
                "ours": shown.get("ours", 0) + 1,
                own: shown.get(own, 0) + 1,
            }
            answer = assistant.update(cart_id, wanted)

            while answer.status_code == 503:
                # On a machine with more to do, it was told to come back.
                answer = assistant.update(cart_id, wanted)

            shown = items_in(answer)

            with lock:
                acknowledged.update(["ours", own])

    def shop_there() -> None:
        for _ in range(SHOPPER):
            with shop.app.app_context(), suppress(CartConflictError):
                shop.extension.cart(owner=owner).add(GOODS["shopper"])

                with lock:
                    acknowledged["shopper"] += 1

    work: list[Callable[[], None]] = [shop_there]
    work += [lambda n=n: assist(n) for n in range(ASSISTANTS)]  # type: ignore[misc]
    run_all(work)

    assert items_in(first.read(cart_id)) == acknowledged
    assert acknowledged["ours"] == 1 + ASSISTANTS * TIMES


def test_two_who_have_seen_the_same(shop: Storefront) -> None:
    """Here both have what they put into it."""
    one, two = Assistant(shop.app, "one"), Assistant(shop.app, "two")
    cart_id = str(read_json(one.create({"ours": 1}))["id"])
    two.read(cart_id)
    one.update(cart_id, {"ours": 1, "own1": 1})

    assert items_in(two.update(cart_id, {"ours": 1, "own2": 1})) == {
        "ours": 1,
        "own1": 1,
        "own2": 1,
    }
