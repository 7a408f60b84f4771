"""A back end that has lost its last writes goes on, and no version is that of two.

A failover to a replica that was behind, a database that was restored from a copy: what
was acknowledged is gone, but a page that shows it may still be open.
"""

from __future__ import annotations

import shutil
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa
from flask import Flask
from flask import session

from flask_cart import CartConflictError
from flask_cart import FlaskCart
from flask_cart.storage.keyvalue.records import _name
from tests.support.customers import Config
from tests.support.customers import shop
from tests.support.places import PLACES
from tests.support.places import place_of

OWNER = "user:1"

#: Puts back what was stored when it was made.
Restore = Callable[[], None]


def copy_of_memory(app: Flask, place: Config) -> Restore:
    carts = app.extensions["cart"].storage._carts
    kept = dict(carts)

    return lambda: carts.update(kept)


def copy_of_database(app: Flask, place: Config) -> Restore:
    table = app.extensions["cart"].storage.table
    engine = app.extensions["sqlalchemy"].engine

    with engine.begin() as connection:
        (row,) = connection.execute(sa.select(table)).mappings()

    def restore() -> None:
        with engine.begin() as connection:
            connection.execute(table.update().values(**row))

    return restore


def copy_of_redis(app: Flask, place: Config) -> Restore:
    url = place.get("CACHE_REDIS_URL") or place["SESSION_SERVER"]

    with redis.from_url(url) as client:
        dumps = {key: client.dump(key) for key in client.scan_iter()}

    def restore() -> None:
        with redis.from_url(url) as client:
            for key, dump in dumps.items():
                client.restore(key, 0, dump, replace=True)

    return restore


def copy_of_records(app: Flask, place: Config) -> Restore:
    records = app.extensions["cart"].storage._records
    name = _name(OWNER)
    kept = records.read(name)

    def restore() -> None:
        assert records.replace(name, records.read(name), kept.text)

    return restore


def copy_of_files(app: Flask, place: Config) -> Restore:
    folder = Path(place["CACHE_DIR"])
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)

    return lambda: shutil.copytree(copy, folder, dirs_exist_ok=True) and None


def copy_of_cookie(app: Flask, place: Config) -> Restore:
    kept = dict(session)

    return lambda: session.update(kept)


COPIES: dict[str, Callable[[Flask, Config], Restore]] = {
    "memory": copy_of_memory,
    "valkey": copy_of_redis,
    "session": copy_of_redis,
    "memcached": copy_of_records,
    "files": copy_of_files,
    "cookie": copy_of_cookie,
}


@pytest.fixture(params=[*PLACES, "cookie"])
def name(request: pytest.FixtureRequest) -> str:
    name: str = request.param

    return name


def test_page_of_what_was_lost(request: pytest.FixtureRequest, name: str) -> None:
    """Who expects a version that was lost does not clear, and not move, what others
    have put into the cart since."""
    place: Config = (
        {"CART_STORAGE": "session", "TESTING": True}
        if name == "cookie"
        else place_of(request, name)
    )
    extension = FlaskCart()

    with shop(place, extension) as app, app.test_request_context():
        if "SQLALCHEMY_DATABASE_URI" in place:
            app.extensions["sqlalchemy"].create_all()

        def quantities() -> dict[str, int]:
            cart = extension.cart(owner=OWNER)

            return {line.item_id: line.quantity for line in cart}

        extension.cart(owner=OWNER).add("mug", price=1)
        restore = COPIES.get(name, copy_of_database)(app, place)

        # The page shows this, and then it is lost.
        page = extension.cart(owner=OWNER)
        lost = page.add("lost", price=1)
        shown = page.version
        restore()
        assert quantities() == {"mug": 1}

        extension.cart(owner=OWNER).add("pot", 2, price=1)
        assert extension.cart(owner=OWNER).version != shown

        with pytest.raises(CartConflictError):
            page.clear()

        changes: list[Callable[[t.Any], object]] = [
            lambda cart: cart.clear(),
            lambda cart: cart.destroy(),
            lambda cart: cart.move(cart.lines[0].id, to="later"),
            lambda cart: cart.set_quantity(lost.id, 3),
        ]

        for change in changes:
            cart = extension.cart(owner=OWNER).expect(shown)

            with pytest.raises(CartConflictError):
                change(cart)

        assert quantities() == {"mug": 1, "pot": 2}
