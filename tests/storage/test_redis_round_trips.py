"""What carts cost a Redis server: every command that it is sent, counted there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from flask.testing import FlaskClient

from flask_cart import CartReplayedError
from flask_cart import current_cart
from flask_cart.testing.carts import save_cart
from tests.support import cache_servers
from tests.support.cache_servers import CacheServer
from tests.support.cache_servers import redis_client
from tests.support.redis_shops import KEY
from tests.support.redis_shops import RedisShop
from tests.support.redis_shops import asked
from tests.support.redis_shops import open_redis_shop

Action = Callable[[RedisShop], object]

LOCKING = pytest.mark.parametrize("locking", [False, True])


def warm_shop(server: CacheServer, *, locking: bool) -> RedisShop:
    """A shop that has connected, and whose scripts are on the server."""
    shop = open_redis_shop(server.url, CART_CACHE_LOCKING=locking)
    shop.add()

    with shop.app.app_context():
        # Nothing has changed, so the lock is given back by itself.
        shop.cart().metadata.update({})

    return shop


def browser_of(shop: RedisShop) -> FlaskClient:
    """The browser of a guest, who has no cart yet."""

    @shop.app.get("/about")
    def about() -> str:
        return "We sell mugs."

    @shop.app.get("/cart")
    def show() -> str:
        return f"{current_cart.quantity} items, {current_cart.totals.total}"

    @shop.app.post("/add")
    def add() -> str:
        current_cart.add("mug", price=1)

        return "Added."

    return shop.app.test_client()


def add_many(shop: RedisShop) -> None:
    with shop.cart().batch() as cart:
        for number in range(20):
            cart.add(f"sku-{number}", price=1)


def look_twice(shop: RedisShop) -> None:
    cart = shop.cart()
    assert cart.quantity == 1
    assert cart.totals.total.amount == 1


def set_same_quantity(shop: RedisShop) -> None:
    cart = shop.cart()
    cart.set_quantity(cart.lines[0].id, 1)


def move(shop: RedisShop) -> None:
    cart = shop.cart()
    cart.move(cart.lines[0].id, to="wishlist")


def add_once(shop: RedisShop, owner: str = KEY.owner) -> None:
    with suppress(CartReplayedError), shop.cart(owner).once("a") as cart:
        cart.add("mug", price=1)


def add_again(shop: RedisShop) -> None:
    add_once(shop, "user:known")


def add_after_a_rival(shop: RedisShop) -> None:
    cart = shop.cart()
    assert cart.quantity == 1
    shop.add()
    cart.add("mug", price=1)


#: What is done, and what the server is asked without locking and with it.
ACTIONS: dict[str, tuple[Action, str, str]] = {
    "look": (look_twice, "HGET", "HGET"),
    "change": (
        lambda shop: shop.cart().metadata.update(note="x"),
        "HGET EVALSHA",
        "EVALSHA EVALSHA",
    ),
    "change nothing": (
        lambda shop: shop.cart().metadata.update({}),
        "HGET",
        "EVALSHA EVALSHA",
    ),
    "add": (
        lambda shop: shop.cart().add("mug", price=1),
        "HGET EVALSHA",
        "EVALSHA EVALSHA",
    ),
    "first add": (
        lambda shop: shop.cart("user:new").add("mug", price=1),
        "HGET EVALSHA",
        "EVALSHA EVALSHA",
    ),
    # What needs to know the content is read before.
    "add 20": (add_many, "HGET EVALSHA", "HGET EVALSHA EVALSHA"),
    "set the same": (set_same_quantity, "HGET", "HGET EVALSHA EVALSHA"),
    "add after a rival": (
        add_after_a_rival,
        "HGET HGET EVALSHA EVALSHA HGET EVALSHA",
        "HGET EVALSHA EVALSHA EVALSHA EVALSHA",
    ),
    # Of two carts, and one save of both.
    "move": (move, "HGET HGET EVALSHA", "HGET EVALSHA EVALSHA EVALSHA"),
    # The keys are one read more, and are saved with the cart.
    "add once": (
        add_once,
        "HGET HGET EVALSHA",
        "HGET HGET EVALSHA EVALSHA EVALSHA",
    ),
    "add once more": (add_again, "HGET HGET", "HGET HGET"),
    "destroy": (
        lambda shop: shop.cart().destroy(),
        "HGET EVALSHA",
        "EVALSHA EVALSHA",
    ),
}


@LOCKING
@pytest.mark.parametrize("name", ACTIONS)
def test_round_trips(valkey_server: CacheServer, name: str, locking: bool) -> None:
    """A read is one round trip, a change two, a lost save costs two more; taking the
    lock is part of the read, and giving it back of the save."""
    action, unlocked, locked = ACTIONS[name]
    shop = warm_shop(valkey_server, locking=locking)

    with shop.app.app_context():
        add_again(shop)

    with shop.app.app_context(), asked(valkey_server.port) as names:
        action(shop)

    assert " ".join(names) == (locked if locking else unlocked)


@LOCKING
def test_lock_costs_no_round_trip(valkey_server: CacheServer, locking: bool) -> None:
    """A load and a save are two, under a lock that nobody else holds, too."""
    storage = warm_shop(valkey_server, locking=locking).storage

    with asked(valkey_server.port) as names, storage.lock(KEY.owner):
        stored = storage.load(KEY)
        assert stored is not None
        assert save_cart(storage, KEY, "{}", stored.version) is not None

    assert names == ["EVALSHA", "EVALSHA"]


def test_blind_save_under_the_lock(valkey_server: CacheServer) -> None:
    """A save without a load before it takes the lock by itself."""
    storage = warm_shop(valkey_server, locking=False).storage
    stored = storage.load(KEY)
    assert stored is not None

    with asked(valkey_server.port) as names, storage.lock(KEY.owner):
        assert save_cart(storage, KEY, "{}", stored.version) is not None

    assert names == ["EVALSHA", "EVALSHA"]


def test_lock_around_nothing(valkey_server: CacheServer) -> None:
    """A lock under which nothing is read or saved asks nothing of the server."""
    storage = warm_shop(valkey_server, locking=False).storage

    with asked(valkey_server.port) as names, storage.lock(KEY.owner):
        pass

    assert names == []


@LOCKING
def test_pages_without_the_cart(valkey_server: CacheServer, locking: bool) -> None:
    """A page that does not show the cart does not ask for it."""
    browser = browser_of(warm_shop(valkey_server, locking=locking))
    browser.post("/add")

    with asked(valkey_server.port) as names:
        assert browser.get("/about").status_code == 200

    assert names == []


@LOCKING
def test_page_with_the_cart(valkey_server: CacheServer, locking: bool) -> None:
    """A page that shows the cart asks once, and not at all for a guest without one."""
    browser = browser_of(warm_shop(valkey_server, locking=locking))

    with asked(valkey_server.port) as names:
        assert browser.get("/cart").text.startswith("0 items")

    assert names == []
    browser.post("/add")

    with asked(valkey_server.port) as names:
        assert browser.get("/cart").text.startswith("1 items")

    assert names == ["HGET"]


@pytest.mark.parametrize(("locking", "trips"), [(False, 1), (True, 2)])
def test_first_add_of_a_guest(
    valkey_server: CacheServer, locking: bool, trips: int
) -> None:
    """What a new guest has is known to be nothing, and not read."""
    browser = browser_of(warm_shop(valkey_server, locking=locking))

    with asked(valkey_server.port) as names:
        assert browser.post("/add").status_code == 200

    assert names == ["EVALSHA"] * trips


def test_scripts_are_sent_once(valkey_server: CacheServer) -> None:
    """A script is sent when the server does not know it, also when it was told to
    forget it; then its name is enough."""
    shop = warm_shop(valkey_server, locking=False)

    for _ in range(2):
        with redis_client(valkey_server.port) as client:
            client.script_flush()

        with asked(valkey_server.port) as names:
            for _ in range(3):
                shop.add()

        assert names == [
            *["HGET", "EVALSHA", "SCRIPT", "EVALSHA"],
            *["HGET", "EVALSHA"] * 2,
        ]

    assert shop.items() == {"mug": 7}


@LOCKING
def test_server_is_started_again(locking: bool) -> None:
    """A server that was restarted knows no scripts, and the same shop goes on."""
    with cache_servers.valkey(durable=True) as server:
        shop = warm_shop(server, locking=locking)
        server.daemon.stop()
        server.daemon.start()
        shop.add()

        assert shop.items() == {"mug": 2}
