"""The command that moves carts from one storage to another."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask
from flask_caching import Cache
from flask_sqlalchemy import SQLAlchemy

from flask_cart import CartBusyError
from flask_cart import CartStorageError
from flask_cart import FlaskCart
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Changes
from flask_cart.storage.sql import database
from flask_cart.storage.sql import paging
from tests.support import cache_servers
from tests.support.apps import make_app

OpenShop = Callable[[str], Flask]


@pytest.fixture
def open_shop(
    valkey_server: cache_servers.CacheServer, database_url: str
) -> Iterator[OpenShop]:
    """Opens an app with carts in a storage, next to the other storage."""
    with ExitStack() as stack:
        yield lambda storage: make_shop(storage, valkey_server.url, database_url, stack)


@pytest.fixture
def shop(open_shop: OpenShop) -> Flask:
    """An app with carts in Redis, that are to move to the database."""
    return open_shop("cache")


def make_shop(storage: str, redis: str, database: str, stack: ExitStack) -> Flask:
    app = make_app(
        TESTING=True,
        CART_STORAGE=storage,
        CACHE_TYPE="RedisCache",
        CACHE_REDIS_URL=redis,
        SQLALCHEMY_DATABASE_URI=database,
    )
    cache = Cache(app)
    db = SQLAlchemy(app)
    FlaskCart(app)
    stack.callback(app.extensions["cache"][cache]._write_client.close)

    with app.app_context():
        app.extensions["cart"].open_storage("database")
        db.create_all()
        stack.callback(db.engine.dispose)

    return app


def fill(app: Flask, owner: str, quantity: int, instance: str = "default") -> None:
    with app.app_context():
        cart = app.extensions["cart"].extension.cart(owner=owner, instance=instance)
        cart.add("mug", quantity, price=1)


def quantity(app: Flask, owner: str, instance: str = "default") -> int:
    with app.app_context():
        cart = app.extensions["cart"].extension.cart(owner=owner, instance=instance)

        return int(cart.quantity)


def run(app: Flask, *args: str) -> str:
    return app.test_cli_runner().invoke(args=["cart", *args]).output


def test_copies_all(
    shop: Flask,
    open_shop: OpenShop,
    valkey_server: cache_servers.CacheServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every cart of every owner arrives, however many there are, in both directions."""
    monkeypatch.setattr(paging, "_SIZE", 4)

    for number in range(9):
        fill(shop, f"user:{number}", number + 1)

    fill(shop, "user:3", 70, "wish-list")

    assert run(shop, "copy", "--from", "cache", "--to", "database") == (
        "Copied 10 carts, left 0 that were there already.\n"
    )

    there = open_shop("database")
    found = [quantity(there, f"user:{number}") for number in range(9)]
    assert found == list(range(1, 10))
    assert quantity(there, "user:3", "wish-list") == 70

    valkey_server.clean()
    assert quantity(shop, "user:8") == 0
    assert run(shop, "copy", "--from", "database", "--to", "cache") == (
        "Copied 10 carts, left 0 that were there already.\n"
    )
    assert quantity(shop, "user:8") == 9


def test_pages_end_at_their_border(
    shop: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many carts as fit exactly into the pages that are read are all copied once."""
    monkeypatch.setattr(paging, "_SIZE", 3)

    for number in range(6):
        fill(shop, f"user:{number}", 1)

    run(shop, "copy", "--from", "cache", "--to", "database")
    assert run(shop, "copy", "--from", "database", "--to", "memory") == (
        "Copied 6 carts, left 0 that were there already.\n"
    )


def test_leaves_what_is_there(shop: Flask, open_shop: OpenShop) -> None:
    """A cart that the target has is not overwritten, so copying again is safe."""
    fill(shop, "user:1", 1)
    run(shop, "copy", "--from", "cache", "--to", "database")
    there = open_shop("database")
    fill(there, "user:1", 4)
    fill(shop, "user:2", 7)

    assert run(shop, "copy", "--from", "cache", "--to", "database") == (
        "Copied 1 cart, left 1 that were there already.\n"
    )
    assert quantity(there, "user:1") == 5
    assert quantity(there, "user:2") == 7
    assert quantity(shop, "user:1") == 1


def test_a_record_that_is_no_cart(
    shop: Flask, valkey_server: cache_servers.CacheServer
) -> None:
    """What has no version is counted, and keeps no other cart from being copied."""
    fill(shop, "user:1", 1)
    (cache,) = shop.extensions["cache"]
    client = shop.extensions["cache"][cache]._write_client
    client.hset("cart:flask_cache_{user:2}", "default", b"\xff")

    assert run(shop, "copy", "--from", "cache", "--to", "database") == (
        "CartCorruptError: a cart was not copied.\n"
        "Copied 1 cart, left 0 that were there already.\n"
        "Error: 1 cart could not be copied.\n"
    )


def fail_third_save(
    monkeypatch: pytest.MonkeyPatch, error: type[CartStorageError]
) -> None:
    """Let the third cart that is stored in the database be an error."""
    save = database.DatabaseStorage.save
    numbers = itertools.count(1)

    def save_or_fail(
        self: database.DatabaseStorage, owner: str, changes: Changes
    ) -> bool:
        if next(numbers) == 3:
            key = CartKey(owner, *changes)
            raise error(f"The cart {key} is locked by others.")

        return save(self, owner, changes)

    monkeypatch.setattr(database.DatabaseStorage, "save", save_or_fail)


def test_a_cart_that_is_locked(shop: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cart that cannot be stored now is counted, and keeps no other from it."""
    for number in range(4):
        fill(shop, f"user:{number}", 1)

    fail_third_save(monkeypatch, CartBusyError)

    assert run(shop, "copy", "--from", "cache", "--to", "database") == (
        "CartBusyError: a cart was not copied.\n"
        "Copied 3 carts, left 0 that were there already.\n"
        "Error: 1 cart could not be copied.\n"
    )


def test_cut_off(shop: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cannot go on says how far it was, and not whose cart it was."""
    for number in range(4):
        fill(shop, f"guest:abcdef{number}", 1)

    fail_third_save(monkeypatch, CartStorageError)

    assert run(shop, "copy", "--from", "cache", "--to", "database") == (
        "Copied 2 carts, left 0 that were there already.\n"
        "Error: The cart guest:abcd.../default is locked by others.\n"
    )


def test_storages_that_cannot_list(tmp_path: Path) -> None:
    """A storage that does not know which carts it has says so."""
    app = make_app(TESTING=True, CART_STORAGE="memory")
    app.config.from_mapping(CACHE_TYPE="FileSystemCache", CACHE_DIR=tmp_path / "cache")
    Cache(app)
    FlaskCart(app)

    assert run(app, "copy", "--from", "cache", "--to", "memory") == (
        "Error: The storage 'cache' cannot list its carts.\n"
    )


def test_a_storage_that_cannot_be(memory_app: Flask) -> None:
    """A storage that the app is not set up for is an error, not a traceback."""
    output = run(memory_app, "copy", "--from", "memory", "--to", "cache")

    assert output.startswith("Error: CART_STORAGE = 'cache' needs the app's Cache().")


def test_table_before_the_move(shop: Flask) -> None:
    """The table can be made while the carts are still somewhere else."""
    with shop.app_context():
        shop.extensions["sqlalchemy"].drop_all()

    fill(shop, "user:1", 1)
    copy = ("copy", "--from", "cache", "--to", "database")

    assert "'flask cart init-db'" in run(shop, *copy)
    assert run(shop, "init-db") == "Created the table 'carts'.\n"
    assert run(shop, *copy).startswith("Copied 1 cart,")
