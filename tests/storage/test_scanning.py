"""Going through all the carts of a storage."""

from __future__ import annotations

import datetime as dt
import typing as t
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterator
from contextlib import closing

import pytest
from flask import Flask
from flask_caching import Cache
from flask_sqlalchemy import SQLAlchemy

from flask_cart import FlaskCart
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Kept
from flask_cart.storage.base import Storage
from flask_cart.storage.base import Stored
from flask_cart.storage.base import scans_carts
from flask_cart.storage.keyvalue import redis_scanning
from flask_cart.storage.sql import paging
from flask_cart.storage.sql.database import DatabaseStorage
from flask_cart.testing.carts import delete_cart
from flask_cart.testing.carts import save_cart
from tests.support import cache_servers
from tests.support.apps import make_app

#: Those that a database could take for each other, or put in another order.
KEYS = [
    CartKey("acme/user:7", "default"),
    CartKey("guest:AAAA", "default"),
    CartKey("guest:aaaa", "default"),
    CartKey("user:7", "default"),
    CartKey("user:7", "wish-list"),
    CartKey("user:7", "wishlist"),
    CartKey("user:70", "default"),
    CartKey("user:z", "default"),
    CartKey("user:ä", "default"),
]

STORAGES = ["memory", "sqlite", "postgresql", "mariadb", "valkey"]


@pytest.fixture(params=STORAGES)
def storage(request: pytest.FixtureRequest) -> Iterator[Storage]:
    """An empty storage that can be gone through."""
    if request.param == "memory":
        yield from opened(make_app(CART_STORAGE="memory"))
    elif request.param == "valkey":
        yield from opened_redis(request.getfixturevalue("valkey_server"))
    else:
        url = request.getfixturevalue(f"{request.param}_url")
        yield from opened_database(url)


def opened(app: Flask) -> Iterator[Storage]:
    FlaskCart(app)

    with app.app_context():
        yield app.extensions["cart"].storage


def opened_redis(server: cache_servers.CacheServer) -> Iterator[Storage]:
    app = make_app(
        CART_STORAGE="cache", CACHE_TYPE="RedisCache", CACHE_REDIS_URL=server.url
    )
    cache = Cache(app)
    yield from opened(app)
    app.extensions["cache"][cache]._write_client.close()


def opened_database(url: str) -> Iterator[Storage]:
    app = make_app(CART_STORAGE="database", SQLALCHEMY_DATABASE_URI=url)
    db = SQLAlchemy(app)

    for storage in opened(app):
        db.create_all()
        yield storage
        db.engine.dispose()


def scan(storage: Storage, before: dt.datetime | None = None) -> list[Kept]:
    assert scans_carts(storage)

    return list(storage.scan(before))


@pytest.fixture(params=[1, 3, 4, 500])
def page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many rows are read at a time."""
    monkeypatch.setattr(paging, "_SIZE", request.param)


in_pages = pytest.mark.usefixtures("page")

in_tables = pytest.mark.parametrize("storage", STORAGES[1:4], indirect=True)


@in_pages
def test_all(storage: Storage) -> None:
    """Every cart comes once, with what is stored and when it was, however many are
    read at a time."""
    assert scan(storage) == []

    begun = dt.datetime.now(dt.UTC) - dt.timedelta(milliseconds=1)
    versions = {
        key: save_cart(storage, key, f'{{"number":{number}}}', 0)
        for number, key in enumerate(KEYS)
    }
    ended = dt.datetime.now(dt.UTC) + dt.timedelta(milliseconds=1)
    found = scan(storage)

    assert sorted(each.key for each in found) == KEYS

    for key, stored, saved_at in found:
        data = stored.data if isinstance(stored.data, str) else stored.data.decode()

        assert data == f'{{"number":{KEYS.index(key)}}}'
        assert stored.version == versions[key]
        assert saved_at is not None
        assert begun <= saved_at <= ended


@in_tables
@in_pages
def test_saved_at_once(storage: DatabaseStorage) -> None:
    """Among those of one age, too, each comes once."""
    now = dt.datetime.now(dt.UTC)

    for key in KEYS:
        save_cart(storage, key, "{}", 0)

    with storage._database.bind().engine.begin() as connection:
        moments = storage.table.c.updated_at
        several = storage.table.update().where(storage.table.c.owner != "user:7")
        moment = now.replace(tzinfo=None) - dt.timedelta(days=1)
        connection.execute(several.values({moments: moment}))

    found = scan(storage, now + dt.timedelta(minutes=1))
    assert sorted(each.key for each in found) == KEYS
    assert {each.key for each in scan(storage, now)} == {
        each for each in KEYS if each.owner != "user:7"
    }


@in_tables
@in_pages
def test_without_the_index(storage: DatabaseStorage) -> None:
    """Where a shop has dropped the index of the times, no page takes a sort of all."""
    for key in reversed(KEYS):
        save_cart(storage, key, "{}", 0)

    later = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
    by_time = [each.key for each in scan(storage, later)]
    assert by_time == KEYS[::-1]

    engine = storage._database.bind().engine
    (index,) = storage.table.indexes
    index.drop(engine)
    by_owner = [each.key for each in scan(storage, later)]
    assert sorted(by_owner) == KEYS
    assert by_owner == [each.key for each in scan(storage)] != by_time


def test_changes_meanwhile(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read can be saved and deleted at once, and what is left is still read."""
    monkeypatch.setattr(paging, "_SIZE", 2)

    for key in KEYS:
        save_cart(storage, key, "{}", 0)

    assert scans_carts(storage)
    seen = []

    for number, (key, stored, _) in enumerate(storage.scan()):
        seen.append(key)

        if number % 2:
            assert delete_cart(storage, key, stored.version)
        else:
            assert save_cart(storage, key, "{ }", stored.version)

    assert sorted(seen) == KEYS
    assert len(scan(storage)) == 5


def test_damage_in_redis(valkey_server: cache_servers.CacheServer) -> None:
    """A record that has no version is there as it is, but has no age."""
    for storage in opened_redis(valkey_server):
        client = storage._client  # type: ignore[attr-defined]
        client.hset("cart:flask_cache_{user:7}", "default", b"\xff")
        client.hset("cart:flask_cache_{user:7}", "wishlist", b"7 abc 1000000\n{")
        found = {each.key.instance: each for each in scan(storage)}
        epoch = dt.datetime.fromtimestamp(1, dt.UTC)

        assert found["default"][1:] == (Stored(b"\xff", 0), None)
        assert found["wishlist"][1:] == (Stored(b"{", 7), epoch)
        later = dt.datetime.now(dt.UTC)
        assert [each.key.instance for each in scan(storage, later)] == ["wishlist"]


def test_redis_tells_twice(
    valkey_server: cache_servers.CacheServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is growing may tell of a key twice; its carts come once."""
    for storage in opened_redis(valkey_server):
        save_cart(storage, KEYS[0], "{}", 0)
        client = storage._client  # type: ignore[attr-defined]
        twice = list(client.scan_iter()) * 2
        monkeypatch.setattr(type(client), "scan_iter", telling(twice))

        assert [each.key for each in scan(storage)] == [KEYS[0]]


def telling(names: list[bytes]) -> Callable[..., Iterator[bytes]]:
    return lambda *_, **__: iter(names)


def test_left_early(
    valkey_server: cache_servers.CacheServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection with an answer on its way, which nobody reads, is not used again."""
    monkeypatch.setattr(redis_scanning, "_PAGE", 1)

    for storage in opened_redis(valkey_server):
        for key in KEYS:
            save_cart(storage, key, "{}", 0)

        client = storage._client  # type: ignore[attr-defined]
        connection = client.client_id()
        assert scans_carts(storage)

        with closing(t.cast("Generator[Kept]", storage.scan())) as found:
            assert next(found).key in KEYS

        assert client.client_id() != connection
        assert sorted(each.key for each in scan(storage)) == KEYS
