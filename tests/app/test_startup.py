"""What an app is told about its configuration, and that others are told nothing."""

from __future__ import annotations

import ast
import datetime as dt
import linecache
import sys
import threading
import typing as t
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import cachelib
import memcache
import pymemcache
import pytest
import redis
from flask import Flask
from flask.sessions import SessionInterface
from flask_caching import Cache
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy
from pymemcache.client.retrying import RetryingClient
from redis.cluster import LoadBalancingStrategy

import flask_cart
from flask_cart import CartConfigError
from flask_cart import CartConfigWarning
from flask_cart import FlaskCart
from flask_cart.app.backends import session as sessions
from flask_cart.storage.base import Guarantee
from flask_cart.storage.base import Storage
from tests.support.apps import make_app
from tests.support.cache_servers import Cluster

#: What the message of each code says to do, as a regular expression.
ADVICE = {
    "cache-cannot-lock": "Redis, Memcached and FileSystemCache have",
    "cache-threshold": "Set the threshold to 0",
    "changing-user-id": "Register what does not change",
    "cookie-cannot-lock": "Use Flask-Session",
    "cookie-session": "Use Flask-Session",
    "empty-cache-prefix": "Set one",
    "last-write-wins": "Use Redis",
    "memcached-client": "need pylibmc, pymemcache or python-memcached",
    "memcached-silent": "Do without it",
    "memcached-threads": "Use PooledClient",
    "no-cache": r"Call its init_app\(\)",
    "no-secret-key": "Set SECRET_KEY",
    "no-socket-timeout": "Set one",
    "null-cache": "Use another cache",
    "process-local-cache": "Use Redis",
    "redis-text-answers": "Do without decode_responses",
    "replica-reads": "Do without read_from_replicas",
    "session-interface": "Use Flask-Session",
    "several-caches": r"FlaskCart\(app, cache=cache\)",
    "shared-cache-prefix": "Change it or CART_CACHE_PREFIX",
    "shared-session-prefix": "Use another one",
    "short-cache-ttl": "Raise it",
    "special-cache-prefix": "Use letters",
}


class OwnSessions(SessionInterface):
    """Sessions of a kind that carts cannot be beside."""

    def open_session(self, app: Flask, request: t.Any) -> None:
        return None


class OwnClient:
    """A client for Memcached of a library that nobody knows."""

    get = get_multi = set = set_multi = add = delete = delete_multi = len


def start(app: Flask) -> Guarantee:
    """Set FlaskCart up, and ask for the storage as the first request does.

    :return: What the storage promises.
    """
    extension = FlaskCart(app)

    with app.app_context():
        return extension.storage.guarantee


def cached(kind: str, **config: t.Any) -> Flask:
    """An app with carts in a cache."""
    app = make_app(CART_STORAGE="cache", CACHE_TYPE=kind, **config)
    Cache(app)

    return app


def kept_with(kind: str, **config: t.Any) -> Flask:
    """An app with carts beside sessions of Flask-Session."""
    app = make_app(SESSION_TYPE=kind, **config)
    Session(app)

    return app


def kept_in(cache: cachelib.BaseCache, **config: t.Any) -> Flask:
    """An app with carts beside sessions in a cache."""
    return kept_with("cachelib", SESSION_CACHELIB=cache, **config)


def kept_silently(connect: Callable[..., t.Any]) -> Flask:
    """An app with carts beside sessions, and a client that keeps its errors secret."""
    client = connect(NOWHERE, ignore_exc=True)

    return kept_with("memcached", SESSION_MEMCACHED=client)


def files(folder: Path, threshold: int = 0) -> cachelib.FileSystemCache:
    return cachelib.FileSystemCache(str(folder), threshold)


def with_own_sessions() -> Flask:
    app = make_app()
    app.session_interface = OwnSessions()

    return app


def with_two_caches() -> Flask:
    app = cached("SimpleCache", TESTING=True)
    Cache(app)

    return app


def with_database(**config: t.Any) -> Flask:
    app = make_app(
        CART_STORAGE="database", SQLALCHEMY_DATABASE_URI="sqlite://", **config
    )
    SQLAlchemy(app)

    return app


#: Code, what is set up, and an app that is. What needs a folder makes it there.
Case = tuple[str, str, Callable[[Path], Flask]]

REFUSED: list[Case] = [
    ("no-secret-key", "", lambda folder: make_app(SECRET_KEY=None)),
    (
        "cookie-cannot-lock",
        "",
        lambda folder: make_app(CART_SESSION_LOCKING=True, TESTING=True),
    ),
    (
        "cookie-cannot-lock",
        "Session(app) forgotten",
        lambda folder: make_app(
            CART_SESSION_LOCKING=True, SESSION_TYPE="redis", TESTING=True
        ),
    ),
    ("session-interface", "", lambda folder: with_own_sessions()),
    (
        "shared-session-prefix",
        "none",
        lambda folder: kept_in(files(folder), SESSION_KEY_PREFIX=""),
    ),
    (
        "shared-session-prefix",
        "part of ours",
        lambda folder: kept_in(files(folder), SESSION_KEY_PREFIX="ca"),
    ),
    (
        "shared-session-prefix",
        "ours",
        lambda folder: kept_in(files(folder), SESSION_KEY_PREFIX="cart:"),
    ),
    (
        "shared-session-prefix",
        "ours twice",
        lambda folder: kept_in(files(folder), SESSION_KEY_PREFIX="cart:cart:"),
    ),
    (
        "memcached-client",
        "sessions",
        lambda folder: kept_with("memcached", SESSION_MEMCACHED=OwnClient()),
    ),
    (
        "memcached-client",
        "cache",
        lambda folder: cached("MemcachedCache", CACHE_MEMCACHED_SERVERS=OwnClient()),
    ),
    ("memcached-silent", "one", lambda folder: kept_silently(pymemcache.Client)),
    (
        "memcached-silent",
        "pool",
        lambda folder: kept_silently(pymemcache.PooledClient),
    ),
    (
        "memcached-silent",
        "several servers",
        lambda folder: kept_silently(
            lambda server, **options: pymemcache.HashClient([server], **options)
        ),
    ),
    (
        "memcached-silent",
        "another try",
        lambda folder: kept_silently(
            lambda server, **options: RetryingClient(
                pymemcache.Client(server, **options)
            )
        ),
    ),
    *(
        (
            "memcached-threads",
            type(client).__name__,
            lambda folder, client=client: cached(
                "MemcachedCache", CACHE_MEMCACHED_SERVERS=client
            ),
        )
        for client in (
            pymemcache.Client("127.0.0.1:1"),
            pymemcache.HashClient(["127.0.0.1:1"]),
            RetryingClient(pymemcache.Client("127.0.0.1:1")),
        )
    ),
    (
        "null-cache",
        "cache",
        lambda folder: cached("NullCache", CACHE_NO_NULL_WARNING=True, TESTING=True),
    ),
    ("null-cache", "sessions", lambda folder: kept_in(cachelib.NullCache())),
    ("no-cache", "", lambda folder: make_app(CART_STORAGE="cache")),
    ("several-caches", "", lambda folder: with_two_caches()),
    (
        "empty-cache-prefix",
        "",
        lambda folder: cached("RedisCache", CACHE_KEY_PREFIX=""),
    ),
    (
        "shared-cache-prefix",
        "of the cache",
        lambda folder: cached("RedisCache", CACHE_KEY_PREFIX="cart"),
    ),
    (
        "shared-cache-prefix",
        "of the carts",
        lambda folder: cached("RedisCache", CART_CACHE_PREFIX="flask_cache_cart"),
    ),
    (
        "special-cache-prefix",
        "pattern",
        lambda folder: cached("RedisCache", CACHE_KEY_PREFIX="shop*"),
    ),
    (
        "special-cache-prefix",
        "braces",
        lambda folder: cached("RedisCache", CACHE_KEY_PREFIX="{shop}"),
    ),
    (
        "cache-cannot-lock",
        "cache",
        lambda folder: cached("cachelib.BaseCache", CART_CACHE_LOCKING=True),
    ),
    (
        "cache-cannot-lock",
        "sessions",
        lambda folder: kept_in(cachelib.BaseCache(), CART_SESSION_LOCKING=True),
    ),
    (
        "redis-text-answers",
        "",
        lambda folder: kept_with(
            "redis", SESSION_REDIS=redis.Redis(decode_responses=True)
        ),
    ),
]

#: Clients of redis-py have none of their own before version 8.
TIMEOUTS = {"socket_timeout": 2}

WARNED: list[Case] = [
    ("cookie-session", "", lambda folder: make_app()),
    ("process-local-cache", "cache", lambda folder: cached("SimpleCache")),
    ("process-local-cache", "sessions", lambda folder: kept_in(cachelib.SimpleCache())),
    ("last-write-wins", "cache", lambda folder: cached("cachelib.BaseCache")),
    ("last-write-wins", "sessions", lambda folder: kept_in(cachelib.BaseCache())),
    (
        "cache-threshold",
        "cache",
        lambda folder: cached("FileSystemCache", CACHE_DIR=str(folder)),
    ),
    ("cache-threshold", "sessions", lambda folder: kept_in(files(folder, 500))),
    (
        "no-socket-timeout",
        "cache",
        lambda folder: cached("RedisCache", CACHE_OPTIONS={"socket_timeout": None}),
    ),
    (
        "no-socket-timeout",
        "sessions",
        lambda folder: kept_with(
            "redis", SESSION_REDIS=redis.Redis(socket_timeout=None)
        ),
    ),
    (
        "short-cache-ttl",
        "lifetime of sessions in cookies",
        lambda folder: cached(
            "RedisCache", CACHE_OPTIONS=TIMEOUTS, PERMANENT_SESSION_LIFETIME=86_401
        ),
    ),
    (
        "short-cache-ttl",
        "lifetime of sessions on the server",
        lambda folder: cached(
            "RedisCache", CACHE_OPTIONS=TIMEOUTS, SESSION_TYPE="redis"
        ),
    ),
]

FINE: list[Case] = [
    (
        "no-secret-key",
        "memory",
        lambda folder: make_app(CART_STORAGE="memory", SECRET_KEY=None),
    ),
    (
        "no-secret-key",
        "sessions on the server",
        lambda folder: kept_in(files(folder), SECRET_KEY=None),
    ),
    ("cookie-session", "test", lambda folder: make_app(TESTING=True)),
    ("cookie-session", "debug", lambda folder: make_app(DEBUG=True)),
    ("cookie-session", "memory", lambda folder: make_app(CART_STORAGE="memory")),
    ("cookie-session", "database", lambda folder: with_database()),
    ("cookie-session", "sessions on the server", lambda folder: kept_in(files(folder))),
    (
        "cookie-cannot-lock",
        "memory",
        lambda folder: make_app(CART_STORAGE="memory", CART_SESSION_LOCKING=True),
    ),
    (
        "cookie-cannot-lock",
        "sessions on the server",
        lambda folder: kept_in(files(folder), CART_SESSION_LOCKING=True),
    ),
    (
        "shared-session-prefix",
        "another one",
        lambda folder: kept_in(files(folder), SESSION_KEY_PREFIX="carts:"),
    ),
    (
        "memcached-client",
        "pymemcache",
        lambda folder: kept_with(
            "memcached", SESSION_MEMCACHED=pymemcache.PooledClient(NOWHERE)
        ),
    ),
    (
        "memcached-client",
        "python-memcached",
        lambda folder: kept_with(
            "memcached", SESSION_MEMCACHED=memcache.Client([NOWHERE])
        ),
    ),
    (
        "memcached-client",
        "cache",
        lambda folder: cached("MemcachedCache", CACHE_MEMCACHED_SERVERS=[NOWHERE]),
    ),
    (
        "empty-cache-prefix",
        "Memcached",
        lambda folder: cached(
            "MemcachedCache", CACHE_MEMCACHED_SERVERS=[NOWHERE], CACHE_KEY_PREFIX=None
        ),
    ),
    (
        "shared-cache-prefix",
        "alike",
        lambda folder: cached("RedisCache", CACHE_KEY_PREFIX="carts"),
    ),
    (
        "shared-cache-prefix",
        "both",
        lambda folder: cached(
            "RedisCache", CACHE_KEY_PREFIX="cart", CART_CACHE_PREFIX="basket"
        ),
    ),
    (
        "cache-cannot-lock",
        "Redis",
        lambda folder: cached("RedisCache", CART_CACHE_LOCKING=True),
    ),
    (
        "cache-cannot-lock",
        "Memcached",
        lambda folder: cached(
            "MemcachedCache", CACHE_MEMCACHED_SERVERS=[NOWHERE], CART_CACHE_LOCKING=True
        ),
    ),
    (
        "cache-cannot-lock",
        "files",
        lambda folder: cached(
            "FileSystemCache",
            CACHE_DIR=str(folder),
            CACHE_THRESHOLD=0,
            CART_CACHE_LOCKING=True,
        ),
    ),
    (
        "cache-cannot-lock",
        "memory",
        lambda folder: cached("SimpleCache", CART_CACHE_LOCKING=True, TESTING=True),
    ),
    (
        "last-write-wins",
        "test",
        lambda folder: cached("cachelib.BaseCache", TESTING=True),
    ),
    (
        "last-write-wins",
        "debug",
        lambda folder: cached("cachelib.BaseCache", DEBUG=True),
    ),
    ("process-local-cache", "test", lambda folder: cached("SimpleCache", TESTING=True)),
    ("process-local-cache", "debug", lambda folder: cached("SimpleCache", DEBUG=True)),
    (
        "cache-threshold",
        "test",
        lambda folder: cached("FileSystemCache", CACHE_DIR=str(folder), TESTING=True),
    ),
    (
        "cache-threshold",
        "none",
        lambda folder: cached(
            "FileSystemCache", CACHE_DIR=str(folder), CACHE_THRESHOLD=0
        ),
    ),
    ("no-socket-timeout", "default", lambda folder: cached("RedisCache")),
    (
        "no-socket-timeout",
        "default of an URL",
        lambda folder: cached("RedisCache", CACHE_REDIS_URL=f"redis://{NOWHERE}/0"),
    ),
    (
        "no-socket-timeout",
        "default of Sentinel",
        lambda folder: cached(
            "RedisSentinelCache", CACHE_REDIS_SENTINELS=[("127.0.0.1", 1)]
        ),
    ),
    (
        "no-socket-timeout",
        "default of sessions",
        lambda folder: kept_with("redis", SESSION_REDIS=redis.Redis()),
    ),
    (
        "short-cache-ttl",
        "sessions that end before",
        lambda folder: cached(
            "RedisCache", PERMANENT_SESSION_LIFETIME=dt.timedelta(days=1)
        ),
    ),
    (
        "short-cache-ttl",
        "sessions that end with the browser",
        lambda folder: cached(
            "RedisCache", SESSION_TYPE="redis", SESSION_PERMANENT=False
        ),
    ),
    (
        "short-cache-ttl",
        "as long as sessions",
        lambda folder: cached(
            "RedisCache", SESSION_TYPE="redis", CART_CACHE_TTL=31 * 86_400
        ),
    ),
]

# Not every Python has a wheel of it.
if find_spec("pylibmc") is not None:
    FINE.append(
        (
            "memcached-client",
            "pylibmc",
            lambda folder: kept_with(
                "memcached",
                SESSION_MEMCACHED=import_module("pylibmc").Client([NOWHERE]),
            ),
        )
    )

#: Where no server is: these tests only look at how apps are set up.
NOWHERE = "127.0.0.1:1"


def cases(list_of_cases: list[Case]) -> pytest.MarkDecorator:
    """Have a test run for each case, under its code and what is set up."""
    return pytest.mark.parametrize(
        ("code", "make"),
        [
            pytest.param(code, make, id=f"{code}, {what}" if what else code)
            for code, what, make in list_of_cases
        ],
    )


@cases(REFUSED)
def test_refused(code: str, make: Callable[[Path], Flask], tmp_path: Path) -> None:
    """What cannot work is refused under its code, with what to do instead."""
    with pytest.raises(CartConfigError, match=ADVICE[code]) as caught:
        start(make(tmp_path / "files"))

    assert caught.value.code == code
    assert str(caught.value).endswith(f" [{code}]")


@cases(WARNED)
def test_warned(code: str, make: Callable[[Path], Flask], tmp_path: Path) -> None:
    """What may lose carts is warned of, at the line of the app that sets it up."""
    for set_up in [FlaskCart, FlaskCart().init_app]:
        app = make(tmp_path / "files")

        with pytest.warns(CartConfigWarning, match=ADVICE[code]) as caught:
            set_up(app)

        check_warning(caught, code, "set_up(app)")


@pytest.mark.parametrize(
    ("code", "then"), [("cookie-session", id), ("cache-threshold", Session)]
)
def test_warned_later(
    code: str, then: Callable[[Flask], object], tmp_path: Path
) -> None:
    """What comes after FlaskCart, or was forgotten, is seen by the first request."""
    app = make_app(SESSION_TYPE="cachelib", SESSION_CACHELIB=files(tmp_path, 500))
    extension = FlaskCart(app)
    then(app)

    with app.app_context():
        with pytest.warns(CartConfigWarning, match=ADVICE[code]) as caught:
            first = extension.storage.guarantee

        check_warning(caught, code, "first = extension.storage.guarantee")
        assert extension.storage.guarantee is first


def check_warning(caught: pytest.WarningsRecorder, code: str, line: str) -> None:
    """Check that there is one warning, that it has the code, and where it points."""
    assert len(caught) == 1
    warning = caught[0]
    assert isinstance(warning.message, CartConfigWarning)
    assert warning.message.code == code
    assert str(warning.message).endswith(f" [{code}]")
    assert linecache.getline(warning.filename, warning.lineno).strip() == line


@cases(WARNED)
def test_warning_can_be_turned_off(
    code: str, make: Callable[[Path], Flask], tmp_path: Path
) -> None:
    """Who accepts it filters it by its code."""
    warnings.filterwarnings("ignore", f".*{code}")

    start(make(tmp_path / "files"))


@cases(FINE)
def test_no_false_alarm(
    code: str, make: Callable[[Path], Flask], tmp_path: Path
) -> None:
    """What is right is neither refused nor warned of."""
    start(make(tmp_path / "files"))


def test_cache_of_another_app() -> None:
    """A cache that is given must have been set up for the app."""
    app = cached("SimpleCache", TESTING=True)

    with pytest.raises(CartConfigError, match=ADVICE["no-cache"]) as caught:
        FlaskCart(app, cache=Cache())

    assert caught.value.code == "no-cache"


@pytest.mark.parametrize(
    ("prefix", "code"), [("cart", "shared-cache-prefix"), ("", "empty-cache-prefix")]
)
def test_other_cache_in_redis(prefix: str, code: str) -> None:
    """No other cache of the app may delete the carts when it is cleared."""
    app = make_app(CART_STORAGE="cache", CACHE_TYPE="RedisCache")
    cache = Cache(app)
    Cache(app, config={"CACHE_KEY_PREFIX": prefix})

    with pytest.raises(CartConfigError, match=ADVICE[code]) as caught:
        FlaskCart(app, cache=cache)

    assert caught.value.code == code


def test_other_cache_elsewhere() -> None:
    """What is not in Redis cannot delete what is there."""
    app = make_app(CART_STORAGE="cache", CACHE_TYPE="RedisCache")
    cache = Cache(app)
    Cache(app, config={"CACHE_TYPE": "SimpleCache", "CACHE_KEY_PREFIX": ""})

    FlaskCart(app, cache=cache)


def test_cache_of_several() -> None:
    """Of several caches, the one that is given has the carts."""
    app = make_app(CART_STORAGE="cache", CACHE_TYPE="SimpleCache", TESTING=True)
    caches = [Cache(app) for _ in range(3)]
    extension = FlaskCart(app, cache=caches[1])

    with app.app_context():
        extension.cart(owner="user:1").add("mug", price=1)

    backends = [app.extensions["cache"][cache] for cache in caches]
    assert [len(backend._cache) for backend in backends] == [0, 1, 0]


# The client's own word for it is deprecated.
@pytest.mark.filterwarnings("ignore:.*read_from_replicas:DeprecationWarning")
@pytest.mark.parametrize(
    "options",
    [
        {"read_from_replicas": True},
        {"load_balancing_strategy": LoadBalancingStrategy.ROUND_ROBIN},
    ],
    ids=lambda options: next(iter(options)),
)
def test_replicas(redis_cluster: Cluster, options: dict[str, t.Any]) -> None:
    """A cluster's replicas may not have the last change of a cart yet."""
    with (
        clustered(redis_cluster, options) as app,
        pytest.raises(CartConfigError, match=ADVICE["replica-reads"]) as caught,
    ):
        FlaskCart(app)

    assert caught.value.code == "replica-reads"


def test_masters(redis_cluster: Cluster) -> None:
    """A cluster that is asked as it usually is needs no warning."""
    with clustered(redis_cluster, {}) as app:
        start(app)


@contextmanager
def clustered(cluster: Cluster, options: dict[str, t.Any]) -> Iterator[Flask]:
    """An app with carts in a Redis Cluster."""
    nodes = ",".join(f"127.0.0.1:{port}" for port in cluster.nodes)
    app = cached("RedisClusterCache", CACHE_REDIS_CLUSTER=nodes, CACHE_OPTIONS=options)
    (backend,) = app.extensions["cache"].values()

    with backend._write_client:
        yield app


def test_flask_session_after_flask_cart(tmp_path: Path) -> None:
    """Nobody is warned of cookies before Flask-Session has been called."""
    app = make_app(
        SESSION_TYPE="cachelib",
        SESSION_CACHELIB=files(tmp_path),
        CART_SESSION_LOCKING=True,
    )
    extension = FlaskCart(app)
    Session(app)

    with app.app_context():
        assert extension.storage.always_lock


def test_two_first_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have the same storage, as there may be locks in it."""
    app = make_app(SESSION_TYPE="cachelib", SESSION_CACHELIB=files(tmp_path))
    extension = FlaskCart(app)
    Session(app)
    both = threading.Barrier(2, timeout=30)
    make = sessions._make_storage

    def make_together(*args: t.Any) -> Storage:
        both.wait()
        return make(*args)

    def ask() -> object:
        with app.app_context():
            return extension.storage._get_current_object()

    monkeypatch.setattr(sessions, "_make_storage", make_together)

    with ThreadPoolExecutor(2) as pool:
        one, other = [pool.submit(ask) for _ in range(2)]

    assert one.result() is other.result()


def test_deprecated_files(tmp_path: Path) -> None:
    """Carts are also beside sessions of the kind that is called filesystem."""
    with warnings.catch_warnings():
        # Flask-Session would have us call it cachelib.
        warnings.simplefilter("ignore", DeprecationWarning)
        app = kept_with(
            "filesystem", SESSION_FILE_DIR=str(tmp_path), SESSION_FILE_THRESHOLD=0
        )

    assert start(app) is Guarantee.ATOMIC


def test_own_kind_of_a_cache(tmp_path: Path) -> None:
    """What an app has derived from a cache is treated like it."""

    class LoggingCache(cachelib.FileSystemCache):
        pass

    assert start(kept_in(LoggingCache(str(tmp_path), 0))) is Guarantee.ATOMIC


@pytest.mark.parametrize("storage", ["cache", "session"])
def test_missing_package(
    storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locks for files need a package of their own, and the error names the extra."""
    monkeypatch.setitem(sys.modules, "filelock", None)
    app = {
        "cache": lambda: cached(
            "FileSystemCache", CACHE_DIR=str(tmp_path), CACHE_THRESHOLD=0
        ),
        "session": lambda: kept_in(files(tmp_path)),
    }[storage]()

    with pytest.raises(CartConfigError, match=rf"'Flask-Cart\[{storage}\]'"):
        start(app)


def test_every_code_is_here() -> None:
    """No code in the package is without a test, and no test without a code."""
    tested = {code for code, _, _ in REFUSED + WARNED}
    tested |= {"replica-reads", "changing-user-id"}

    assert tested == set(ADVICE) == set(codes())


def codes() -> Iterator[str]:
    """The codes of all errors and warnings in the package."""
    for path in Path(flask_cart.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    ast.Name("CartConfigError" | "warn"),
                    [_, ast.Constant(str(code))],
                ):
                    yield code
