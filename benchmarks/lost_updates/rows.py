"""The rows of the table: where carts are kept, and how."""

from __future__ import annotations

import typing as t
import warnings
from functools import partial

import memcache
import redis
from cachelib import FileSystemCache
from flask import Flask
from flask import request
from flask_caching import Cache
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy

from flask_cart import CartConfigWarning
from flask_cart import FlaskCart
from tests.support.cache_servers import SENTINEL_NAME

from .baskets import Basket
from .baskets import CachedDict
from .baskets import LockedPut
from .baskets import OurBasket
from .baskets import SessionDict


class Row(t.NamedTuple):
    """A way to keep carts.

    :param place: What they are kept in; :mod:`.places` has the addresses.
    :param set_up: Makes an app keep them at such an address.
    """

    name: str
    place: str
    set_up: t.Callable[[Flask, str], Basket]


def row_named(name: str) -> Row:
    (row,) = [row for row in ROWS if row.name == name]

    return row


def _database(app: Flask, address: str) -> Basket:
    db = _make_db(app, address)
    app.config["CART_STORAGE"] = "database"
    basket = of_named_owners(FlaskCart(app, db=db))

    with app.app_context():
        db.create_all()

    return basket


def _make_db(app: Flask, address: str) -> SQLAlchemy:
    app.config["SQLALCHEMY_DATABASE_URI"] = address

    return SQLAlchemy(app)


def of_named_owners(extension: FlaskCart) -> OurBasket:
    """The carts of users whom the client names."""
    extension.owner_loader(lambda: request.headers["Owner"])

    return OurBasket(extension)


Config = dict[str, t.Any]


def _redis_cache(address: str) -> Config:
    return {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": address}


def _cluster_cache(address: str) -> Config:
    return {"CACHE_TYPE": "RedisClusterCache", "CACHE_REDIS_URL": address}


def _sentinel_cache(address: str) -> Config:
    host, port = address.split(":")

    return {
        "CACHE_TYPE": "RedisSentinelCache",
        "CACHE_REDIS_SENTINELS": [(host, int(port))],
        "CACHE_REDIS_SENTINEL_MASTER": SENTINEL_NAME,
    }


def _memcached_cache(address: str) -> Config:
    return {
        "CACHE_TYPE": "MemcachedCache",
        # Not just the address: with that, the library is whichever is installed.
        "CACHE_MEMCACHED_SERVERS": memcache.Client([address]),
    }


def _file_cache(address: str) -> Config:
    return {
        "CACHE_TYPE": "FileSystemCache",
        "CACHE_DIR": address,
        "CACHE_THRESHOLD": 0,
    }


def _cache(
    app: Flask,
    address: str,
    *,
    config: t.Callable[[str], Config],
    locking: bool,
) -> Basket:
    app.config.update(CART_STORAGE="cache", CART_CACHE_LOCKING=locking)
    cache = Cache(app, config=config(address))

    return of_named_owners(FlaskCart(app, cache=cache))


def _redis_session(app: Flask, address: str) -> Config:
    return {"SESSION_TYPE": "redis", "SESSION_REDIS": redis.Redis.from_url(address)}


def _sql_session(app: Flask, address: str) -> Config:
    return {
        "SESSION_TYPE": "sqlalchemy",
        "SESSION_SQLALCHEMY": _make_db(app, address),
    }


def _memcached_session(app: Flask, address: str) -> Config:
    return {
        "SESSION_TYPE": "memcached",
        "SESSION_MEMCACHED": memcache.Client([address]),
    }


def _file_session(app: Flask, address: str) -> Config:
    return {
        "SESSION_TYPE": "cachelib",
        "SESSION_CACHELIB": FileSystemCache(address, threshold=0),
    }


def _session(
    app: Flask, address: str, *, config: t.Callable[[Flask, str], Config]
) -> Basket:
    app.config.update(config(app, address), CART_STORAGE="session")
    Session(app)

    return OurBasket(FlaskCart(app))


def _cookie(app: Flask, address: str) -> Basket:
    app.config["CART_STORAGE"] = "session"

    # That it loses changes is what is to be shown.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CartConfigWarning)

        return OurBasket(FlaskCart(app))


def _session_dict(app: Flask, address: str) -> Basket:
    app.config.update(_redis_session(app, address))
    Session(app)

    return SessionDict()


def _cached_dict(app: Flask, address: str) -> Basket:
    return CachedDict(Cache(app, config=_redis_cache(address)))


def _locked_put(app: Flask, address: str) -> Basket:
    lock = partial(redis.Redis.from_url(address).lock, timeout=5)

    return LockedPut(Cache(app, config=_redis_cache(address)), lock)


#: What this extension keeps safe.
SAFE_ROWS = [
    Row("database: SQLite", "sqlite", _database),
    Row("database: PostgreSQL", "postgresql", _database),
    Row("database: MariaDB", "mariadb", _database),
    *[
        Row(
            f"cache: {name}{', locking' if locking else ''}",
            place,
            partial(_cache, config=config, locking=locking),
        )
        for name, place, config in [
            ("Redis", "redis", _redis_cache),
            ("Valkey", "valkey", _redis_cache),
            ("a cluster of three", "cluster", _cluster_cache),
            ("behind Sentinel", "sentinel", _sentinel_cache),
            ("Memcached", "memcached", _memcached_cache),
            ("FileSystemCache", "folder", _file_cache),
        ]
        for locking in (False, True)
    ],
    *[
        Row(f"session: {name}", place, partial(_session, config=config))
        for name, place, config in [
            ("Redis", "redis", _redis_session),
            ("SQLAlchemy, SQLite", "sqlite", _sql_session),
            ("SQLAlchemy, PostgreSQL", "postgresql", _sql_session),
            ("SQLAlchemy, MariaDB", "mariadb", _sql_session),
            ("Memcached", "memcached", _memcached_session),
            ("cachelib, files", "folder", _file_session),
        ]
    ],
]

#: What cannot be made safe, and what people write by hand.
LOSING_ROWS = [
    Row("session: Flask's own cookie", "nowhere", _cookie),
    Row("by hand: a dict in a session on Redis", "redis", _session_dict),
    Row("by hand: get and set of a cache on Redis", "redis", _cached_dict),
    Row("by hand: the same, locked around the set", "redis", _locked_put),
]

ROWS = [*SAFE_ROWS, *LOSING_ROWS]
