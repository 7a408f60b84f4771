"""What is peculiar to carts in Redis: names, text, lifetime, clusters and sentinels."""

from __future__ import annotations

import datetime as dt
import json
import pickle
import re
import threading
import typing as t
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from flask_caching import Cache
from flask_session import Session
from redis.backoff import NoBackoff
from redis.cluster import LoadBalancingStrategy
from redis.retry import Retry

from flask_cart import Cart
from flask_cart import CartConfigError
from flask_cart import CartConfigWarning
from flask_cart import CartCorruptError
from flask_cart import CartStorageError
from flask_cart import FlaskCart
from flask_cart.app.backends.clearing import is_redis
from flask_cart.model.keys import CartKey
from flask_cart.storage.keyvalue.redis import RedisStorage
from flask_cart.testing.carts import delete_cart
from flask_cart.testing.carts import save_cart
from tests.support import cache_servers
from tests.support.apps import make_app
from tests.support.cache_servers import CacheServer
from tests.support.cache_servers import Cluster
from tests.support.cache_servers import redis_client
from tests.support.redis_shops import CARTS
from tests.support.redis_shops import KEY
from tests.support.redis_shops import LOCK
from tests.support.redis_shops import RedisShop
from tests.support.redis_shops import make_storage
from tests.support.redis_shops import open_cache_shop
from tests.support.redis_shops import open_cluster_shop
from tests.support.redis_shops import open_redis_shop
from tests.support.redis_shops import open_sentinel_shop
from tests.support.servers import wait_until

LOCKING = pytest.mark.parametrize("locking", [False, True])

#: Owners whose braces could mislead a cluster about where their keys belong.
NASTY_OWNERS = [
    "user:7",
    "user:a}b",
    "user:{x}",
    "user:}{",
    "user:{",
    "user:}",
    "user:{}",
    "user:a}/lock",
    "user:zoë ☕",
    "user:*?[a-z]\\",
]

NOBODY = "redis://127.0.0.1:1/0?socket_connect_timeout=1"


@pytest.fixture
def client(valkey_server: CacheServer) -> Iterator[redis.Redis]:
    """A client of the server that shows bytes as they are stored."""
    with redis.Redis(port=valkey_server.port) as client:
        yield client


@pytest.fixture
def shop(valkey_server: CacheServer) -> RedisShop:
    return open_redis_shop(valkey_server.url)


def keys_of(storage: RedisStorage) -> list[CartKey]:
    """The keys of all carts that are found."""
    return [each.key for each in storage.scan()]


# What is stored


def test_what_is_stored_is_text(shop: RedisShop, client: redis.Redis) -> None:
    """A cart is a field of one hash: version, ids of writes, time, and readable
    JSON."""
    before = dt.datetime.now(dt.UTC)
    shop.add("tasse ☕")

    assert client.keys() == [CARTS.encode()]
    ((field, record),) = client.hgetall(CARTS).items()
    head, _, text = record.decode().partition("\n")
    version, write_ids, saved_at = head.split(" ")
    stored = shop.storage.load(KEY)
    assert stored is not None

    assert field == b"default"
    assert int(version) == stored.version
    assert re.fullmatch(r"[\w-]{8},", write_ids)
    assert 0 <= int(saved_at) - before.timestamp() * 1e6 < 60e6
    assert text == stored.data
    assert json.loads(text)["lines"][0]["item_id"] == "tasse ☕"


def test_owners_carts_are_in_one_hash(shop: RedisShop, client: redis.Redis) -> None:
    """The carts of an owner are fields of the same hash, and those of others not."""
    shop.add(instance="default")
    shop.add(instance="wishlist")
    shop.add(owner="user:2")

    assert sorted(client.hkeys(CARTS)) == [b"default", b"wishlist"]
    assert shop.storage.instances("user:1") == ["default", "wishlist"]
    assert shop.storage.instances("user:2") == ["default"]


_exploded: list[str] = []


def explode(when: str) -> None:
    _exploded.append(when)


class Bomb:
    """What does something when it is unpickled."""

    def __reduce__(self) -> tuple[t.Any, ...]:
        return explode, ("now",)


@pytest.mark.parametrize(
    "record",
    [
        b"!" + pickle.dumps(Bomb()),
        pickle.dumps(Bomb()),
        b'{"lines": []}',
        b"5\n{}",
        b"5 abc\n{}",
        b"-5 abc 7\n{}",
        b"",
        b"\xff",
    ],
)
def test_what_is_not_a_cart(
    shop: RedisShop, client: redis.Redis, record: bytes
) -> None:
    """What somebody else has put there is neither unpickled nor taken for an empty
    cart, and no save or delete takes it away."""
    client.hset(CARTS, "default", record)
    _exploded.clear()

    with pytest.raises(CartCorruptError, match="user:1/default") as caught:
        shop.items()

    assert caught.value.data == record

    with pytest.raises(CartCorruptError):
        shop.add()

    for version in [0, 5]:
        assert save_cart(shop.storage, KEY, "{}", version) is None
        assert not delete_cart(shop.storage, KEY, version)

    assert client.hget(CARTS, "default") == record
    assert _exploded == []


def test_what_is_not_a_cart_of_a_guest(shop: RedisShop, client: redis.Redis) -> None:
    """The error comes into logs, so it does not give the token of a guest away."""
    guest = CartKey("guest:c2VjcmV0IHRva2VuIQ", "default")
    client.hset(CARTS.replace("user:1", guest.owner), "default", b"broken")

    with pytest.raises(CartCorruptError, match=r"guest:c2Vj\.\.\./default") as caught:
        shop.storage.load(guest)

    assert "c2VjcmV0" not in str(caught.value)


def test_text_that_does_not_decode(shop: RedisShop, client: redis.Redis) -> None:
    """Bytes that are no text are not a cart either, whatever is written before them."""
    record = b"5 abc 7\n\xff"
    client.hset(CARTS, "default", record)

    with pytest.raises(CartCorruptError) as caught:
        shop.items()

    assert caught.value.data == record
    assert client.hget(CARTS, "default") == record


def test_bomb_explodes() -> None:
    """The bomb of the test above would have been noticed."""
    _exploded.clear()
    pickle.loads(pickle.dumps(Bomb()))

    assert _exploded == ["now"]


# Names


def test_prefixes_keep_apps_apart(valkey_server: CacheServer) -> None:
    """Two apps on one server whose caches have different prefixes share no cart."""
    shops = [
        open_redis_shop(valkey_server.url, CACHE_KEY_PREFIX=prefix)
        for prefix in ["one_", "one_two_", "two_"]
    ]

    for number, shop in enumerate(shops):
        assert shop.items("user:7") == {}
        shop.add(f"sku-{number}", "user:7")

    for number, shop in enumerate(shops):
        assert shop.items("user:7") == {f"sku-{number}": 1}
        assert keys_of(shop.storage) == [CartKey("user:7", "default")]


def test_cart_prefix_keeps_apps_apart(valkey_server: CacheServer) -> None:
    """So do different CART_CACHE_PREFIX."""
    shops = [
        open_redis_shop(valkey_server.url, CART_CACHE_PREFIX=prefix)
        for prefix in ["blue", "green"]
    ]
    shops[0].add()

    assert [shop.items() for shop in shops] == [{"mug": 1}, {}]


def test_same_prefixes_share_carts(valkey_server: CacheServer) -> None:
    """Two processes of one app see the same carts."""
    shops = [open_redis_shop(valkey_server.url) for _ in range(2)]
    shops[0].add()

    assert shops[1].items() == {"mug": 1}


def test_prefix_of_each_tenant(valkey_server: CacheServer) -> None:
    """A prefix may be a function, which is asked each time."""
    tenants = ["blue:"]
    shop = open_cache_shop(
        CACHE_TYPE="cachelib.redis.RedisCache",
        CACHE_OPTIONS={
            "port": valkey_server.port,
            "key_prefix": lambda: tenants[-1],
        },
    )
    shop.add("mug")
    tenants.append("green:")
    shop.add("pot")

    assert shop.items() == {"pot": 1}
    assert len(keys_of(shop.storage)) == 1
    tenants.append("blue:")
    assert shop.items() == {"mug": 1}


def test_clear_of_the_cache(shop: RedisShop) -> None:
    """Clearing the cache that the carts are in takes its entries, and no cart."""
    shop.add()

    with shop.app.app_context():
        shop.cache.set("page", "<html>")
        shop.cache.clear()
        assert shop.cache.get("page") is None

    assert shop.items() == {"mug": 1}


def test_clear_of_another_cache(valkey_server: CacheServer) -> None:
    """Neither does clearing another cache on the same server."""
    options = {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": valkey_server.url}
    app = make_app(CART_STORAGE="cache")
    carts, pages = (
        Cache(app, config=options | {"CACHE_KEY_PREFIX": prefix})
        for prefix in ["carts_", "pages_"]
    )
    shop = RedisShop(app, carts, FlaskCart(app, cache=carts))
    shop.add()

    with app.app_context():
        for cache in [carts, pages]:
            cache.set("page", "<html>")

        pages.clear()
        assert (carts.get("page"), pages.get("page")) == ("<html>", None)

    assert shop.items() == {"mug": 1}


def test_prefixes_with_patterns(valkey_server: CacheServer) -> None:
    """Characters that mean something in a pattern mean only themselves: carts of no
    other app are listed."""
    prefixes = ["a*", "ab", "a?", "a[b]", "a\\b", "a^", "a[^b]-", "a\\*"]
    shops = [
        open_redis_shop(valkey_server.url, CART_CACHE_PREFIX=prefix)
        for prefix in prefixes
    ]

    for shop in shops:
        shop.add()

    for shop in shops:
        assert keys_of(shop.storage) == [KEY]


def test_locks_are_no_carts(shop: RedisShop) -> None:
    """A lock, also of an owner who is called like one, is not listed as a cart."""
    shop.add()
    shop.add(owner="user:1}/lock")

    with shop.storage.lock(KEY.owner):
        shop.storage.load(KEY)
        keys = {KEY, CartKey("user:1}/lock", "default")}
        assert set(keys_of(shop.storage)) == keys


@pytest.mark.parametrize("owner", NASTY_OWNERS)
def test_nasty_owners(shop: RedisShop, owner: str) -> None:
    """Every owner is read from the names of keys as it was written there."""
    shop.add(owner=owner)

    assert keys_of(shop.storage) == [CartKey(owner, "default")]


# Lifetime


#: Changes of a cart with one line, each with a number that it has not been given yet.
WRITES: dict[str, t.Callable[[Cart, int], object]] = {
    "add": lambda cart, number: cart.add("mug", price=1),
    "first add": lambda cart, number: cart.instance(f"{number}").add("mug", price=1),
    "set": lambda cart, number: cart.set_quantity(cart.lines[0].id, 9 * number),
    "note": lambda cart, number: cart.metadata.update(number=number),
    "remove": lambda cart, number: cart.remove(cart.lines[0].id),
}


@LOCKING
@pytest.mark.parametrize("name", WRITES)
def test_every_write_renews_the_lifetime(
    valkey_server: CacheServer, client: redis.Redis, name: str, locking: bool
) -> None:
    """However a cart is saved, it then lives for CART_CACHE_TTL."""
    shop = open_redis_shop(
        valkey_server.url, CART_CACHE_TTL=1000, CART_CACHE_LOCKING=locking
    )

    for number, left in enumerate([100, 5000, 2_000_000], start=20):
        shop.add()
        client.pexpire(CARTS, 1000 * left)

        with shop.app.app_context():
            WRITES[name](shop.cart(), number)

        assert 990_000 < client.pttl(CARTS) <= 1_000_000

    client.persist(CARTS)
    shop.add()

    assert 990_000 < client.pttl(CARTS) <= 1_000_000


def test_default_lifetime(shop: RedisShop, client: redis.Redis) -> None:
    """A cart lives for a day, not for the five minutes of a cache's entries."""
    shop.add()

    assert 86_390 < client.ttl(CARTS) <= 86_400


@pytest.mark.parametrize("renews", [False, True])
def test_reads_may_renew_the_lifetime(client: redis.Redis, renews: bool) -> None:
    """A cart lives longer when it is read, if that is asked for."""
    storage = make_storage(client, ttl=1000, renew_after=500 if renews else None)
    version = save_cart(storage, KEY, "{}", 0)
    client.pexpire(CARTS, 5000)

    assert storage.load(KEY) == ("{}", version)
    assert (client.pttl(CARTS) > 990_000) is renews


def test_read_of_nothing_renews_nothing(client: redis.Redis) -> None:
    """A read that would renew what is not there leaves nothing behind."""
    assert make_storage(client, renew_after=500).load(KEY) is None
    assert client.keys() == []


def test_delete_leaves_the_lifetime(shop: RedisShop, client: redis.Redis) -> None:
    """A deleted cart takes no lifetime from the others of its owner."""
    shop.add()
    shop.add(instance="wishlist")

    with shop.app.app_context():
        shop.cart(instance="wishlist").destroy()

    assert 86_390 < client.ttl(CARTS) <= 86_400
    assert client.hkeys(CARTS) == [b"default"]


@LOCKING
def test_expired_is_absent(client: redis.Redis, locking: bool) -> None:
    """An expired cart is not there: who read it before cannot save or delete it, and a
    new one has another version."""
    storage = make_storage(client, ttl=0.05, always_lock=locking)
    version = save_cart(storage, KEY, "old", 0)
    assert version is not None
    wait_until(lambda: not client.exists(CARTS))

    assert storage.load(KEY) is None
    assert storage.instances(KEY.owner) == []
    assert save_cart(storage, KEY, "ghost", version) is None
    assert not delete_cart(storage, KEY, version)
    assert storage.load(KEY) is None
    assert save_cart(storage, KEY, "new", 0) not in (None, version)


def test_expired_under_the_lock(client: redis.Redis) -> None:
    """A cart that expires between the read and the save is not brought back."""
    storage = make_storage(client)
    version = save_cart(storage, KEY, "old", 0)
    assert version is not None

    with storage.lock(KEY.owner):
        assert storage.load(KEY) == ("old", version)
        client.pexpire(CARTS, 1)
        wait_until(lambda: not client.exists(CARTS))
        assert save_cart(storage, KEY, "ghost", version) is None

    assert storage.load(KEY) is None


# Errors


USES: dict[str, t.Callable[[RedisShop], object]] = {
    "load": lambda shop: shop.storage.load(KEY),
    "save": lambda shop: save_cart(shop.storage, KEY, "{}", 0),
    "delete": lambda shop: delete_cart(shop.storage, KEY, 1),
    "instances": lambda shop: shop.storage.instances(KEY.owner),
    "scan": lambda shop: list(shop.storage.scan()),
    "load under the lock": lambda shop: load_under_lock(shop),
    "items": lambda shop: shop.items(),
    "add": lambda shop: shop.add(),
}


def load_under_lock(shop: RedisShop) -> None:
    with shop.storage.lock(KEY.owner):
        shop.storage.load(KEY)


def valkey_options(port: int) -> dict[str, t.Any]:
    """A cache that talks to a server with valkey-py."""
    return {
        "CACHE_TYPE": "cachelib.valkey.ValkeyCache",
        "CACHE_OPTIONS": {
            "port": port,
            "key_prefix": "flask_cache_",
            "socket_timeout": 2,
        },
    }


def redis_options(port: int) -> dict[str, t.Any]:
    """A cache that talks to a server with redis-py."""
    return {
        "CACHE_TYPE": "RedisCache",
        "CACHE_REDIS_HOST": "127.0.0.1",
        "CACHE_REDIS_PORT": port,
        # Otherwise it would try for seconds.
        "CACHE_OPTIONS": {"retry": Retry(NoBackoff(), 0)},
    }


LIBRARIES = pytest.mark.parametrize(
    "options", [redis_options, valkey_options], ids=["redis-py", "valkey-py"]
)


@LIBRARIES
@pytest.mark.parametrize("use", USES)
def test_nobody_listens(options: t.Callable[[int], dict[str, t.Any]], use: str) -> None:
    """A server that cannot be reached is an error of the storage, for both clients."""
    shop = open_cache_shop(**options(1))

    with pytest.raises(CartStorageError, match="Redis could not be used") as caught:
        USES[use](shop)

    assert "Connection" in type(caught.value.__cause__).__name__


@LIBRARIES
@pytest.mark.parametrize("use", ["load", "save", "delete", "instances", "add"])
def test_key_of_another_type(
    valkey_server: CacheServer,
    client: redis.Redis,
    options: t.Callable[[int], dict[str, t.Any]],
    use: str,
) -> None:
    """What is not a hash under a cart's name is an error of the storage, and stays."""
    shop = open_cache_shop(**options(valkey_server.port))
    client.set(CARTS, "not a hash")

    with pytest.raises(CartStorageError, match="WRONGTYPE"):
        USES[use](shop)

    assert client.get(CARTS) == b"not a hash"


def test_other_carts_beside_a_key_of_another_type(
    shop: RedisShop, client: redis.Redis
) -> None:
    """What is not a hash does not keep the other carts from being listed."""
    client.set(CARTS, "not a hash")
    shop.add(owner="user:2")

    assert keys_of(shop.storage) == [CartKey("user:2", "default")]


def test_error_while_the_lock_is_released(shop: RedisShop, client: redis.Redis) -> None:
    """A lock that cannot be given back ends by itself, and fails nobody."""
    with shop.storage.lock(KEY.owner):
        shop.storage.load(KEY)
        client.set(LOCK, "not a hash")

    assert client.get(LOCK) == b"not a hash"


@LOCKING
@LIBRARIES
def test_carts_with_each_library(
    valkey_server: CacheServer,
    options: t.Callable[[int], dict[str, t.Any]],
    locking: bool,
) -> None:
    """redis-py and valkey-py do the same, and see each other's carts."""
    other = open_redis_shop(valkey_server.url)
    shop = open_cache_shop(CART_CACHE_LOCKING=locking, **options(valkey_server.port))
    add_at_once(shop, 4, 10)
    other.add()

    assert shop.items() == other.items() == {"mug": 41}
    assert keys_of(shop.storage) == [KEY]


def test_server_errors_of_a_cluster(redis_cluster: Cluster) -> None:
    """The errors that a cluster's client makes up itself are translated, too."""
    shop = open_cluster_shop(redis_cluster, CACHE_KEY_PREFIX="flask_cache_")
    shop.storage._make_prefix = lambda: "an empty tag is none: {}"

    with pytest.raises(CartStorageError, match="same key slot"):
        save_cart(shop.storage, KEY, "{}", 0)


# Clusters


@LOCKING
def test_nasty_owners_on_a_cluster(redis_cluster: Cluster, locking: bool) -> None:
    """Whatever braces an owner has, all keys about a cart are on the same server."""
    shop = open_cluster_shop(redis_cluster, CART_CACHE_LOCKING=locking)

    with redis_client(next(iter(redis_cluster.nodes))) as node:
        for owner in NASTY_OWNERS:
            name = f"cart:flask_cache_{{{owner}}}"
            names = [name, f"{name}/lock", f"{name}/wake"]
            slots = {node.execute_command("CLUSTER KEYSLOT", each) for each in names}
            assert len(slots) == 1

    for owner in NASTY_OWNERS:
        shop.add(owner=owner)
        shop.add(owner=owner)
        shop.add(owner=owner, instance="wishlist")
        assert shop.items(owner) == {"mug": 2}
        assert shop.storage.instances(owner) == ["default", "wishlist"]

    keys = {
        CartKey(owner, instance)
        for owner in NASTY_OWNERS
        for instance in ["default", "wishlist"]
    }
    assert set(keys_of(shop.storage)) == keys


def test_owners_are_spread_over_a_cluster(redis_cluster: Cluster) -> None:
    """Different owners are on different servers."""
    shop = open_cluster_shop(redis_cluster)

    for number in range(20):
        shop.add(owner=f"user:{number}")

    assert len(keys_of(shop.storage)) == 20

    for port in redis_cluster.nodes:
        with redis_client(port) as node:
            assert node.dbsize() > 0


@LOCKING
def test_every_add_counts_on_a_cluster(redis_cluster: Cluster, locking: bool) -> None:
    """Threads that add at once lose nothing on a cluster."""
    shop = open_cluster_shop(redis_cluster, CART_CACHE_LOCKING=locking)
    add_at_once(shop, 4, 5)

    assert shop.items() == {"mug": 20}


# Its own author prefers the other option.
@pytest.mark.filterwarnings("ignore:.*read_from_replicas:DeprecationWarning")
@pytest.mark.parametrize(
    "options",
    [
        {"read_from_replicas": True},
        {"load_balancing_strategy": LoadBalancingStrategy.ROUND_ROBIN},
    ],
)
def test_reads_from_replicas_are_refused(
    redis_cluster: Cluster, options: dict[str, t.Any]
) -> None:
    """A client that may show carts as they were is a configuration error."""
    with pytest.raises(CartConfigError, match="replica-reads"):
        open_cluster_shop(redis_cluster, CACHE_OPTIONS=options)


# Sentinels


def test_reads_are_the_masters() -> None:
    """A replica that lags behind is not asked, though the cache itself asks it."""
    with cache_servers.redis_sentinel() as sentinel:
        shop = open_sentinel_shop(sentinel)
        shop.add()
        (replica,) = set(sentinel.servers) - {sentinel.master()}

        with redis_client(sentinel.master()) as client:
            assert client.wait(1, 60_000) == 1

        with redis_client(replica) as client:
            client.execute_command("REPLICAOF NO ONE")

        shop.add()
        shop.add(instance="wishlist")
        (backend,) = shop.app.extensions["cache"].values()
        assert list(backend._read_client.hgetall(CARTS)) == [b"default"]

        assert shop.items() == {"mug": 2}
        assert shop.storage.instances(KEY.owner) == ["default", "wishlist"]
        assert len(keys_of(shop.storage)) == 2


def adds(shop: RedisShop) -> bool:
    """Whether an add succeeds."""
    try:
        shop.add()
    except CartStorageError:
        return False

    return True


@LOCKING
def test_failover(locking: bool) -> None:
    """When a replica has become the master, the same shop goes on there."""
    with cache_servers.redis_sentinel() as sentinel:
        shop = open_sentinel_shop(sentinel, CART_CACHE_LOCKING=locking)
        shop.add()
        old = sentinel.master()

        with redis_client(old) as client:
            assert client.wait(1, 60_000) == 1

        sentinel.fail_over()
        wait_until(lambda: adds(shop))

        assert shop.items() == {"mug": 2}


# Configuration


@pytest.mark.parametrize("prefix", ["", None])
def test_cache_without_a_prefix(prefix: str | None) -> None:
    """Without a prefix, clear() of the cache would delete everything."""
    with pytest.raises(CartConfigError, match="empty-cache-prefix"):
        open_redis_shop(NOBODY, CACHE_KEY_PREFIX=prefix)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize(
    ("prefix", "code"), [("", "empty-cache-prefix"), ("c", "shared-cache-prefix")]
)
def test_cache_that_is_set_up_later(
    valkey_server: CacheServer, host: str, prefix: str, code: str
) -> None:
    """A second cache on the same server, whatever it is called, is refused by the first
    request, and by each after it: its clear() would delete the carts."""
    shop = open_redis_shop(valkey_server.url, TESTING=True)
    shop.add()
    url = valkey_server.url.replace("127.0.0.1", host)
    Cache(shop.app, config=in_redis(url, prefix))

    for _ in range(2):
        with pytest.raises(CartConfigError, match=f"{code}|Set one|Change it"):
            shop.app.test_client().get("/")

    assert shop.items() == {"mug": 1}


@pytest.mark.parametrize(
    ("database", "prefix"), [("1", ""), ("0", "pages:"), ("1", "cart:")]
)
def test_cache_that_may_be_set_up_later(
    valkey_server: CacheServer, database: str, prefix: str
) -> None:
    """In another database, or with entries called otherwise, it deletes no cart."""
    shop = open_redis_shop(valkey_server.url)
    url = f"{valkey_server.url.rpartition('/')[0]}/{database}"
    url = url.replace("127.0.0.1", "localhost")
    cache = Cache(shop.app, config=in_redis(url, prefix))
    shop.add()

    assert shop.app.test_client().get("/").status_code == 404

    with shop.app.app_context():
        cache.set("page", 1)
        cache.clear()

    assert shop.items() == {"mug": 1}


def test_cache_on_a_server_that_is_down(valkey_server: CacheServer) -> None:
    """It is not known where that is, so requests go on, and it is asked again."""
    shop = open_redis_shop(valkey_server.url, TESTING=True)
    config = in_redis("redis://localhost:1/0", "")
    cache = Cache(shop.app, config=config)

    for _ in range(2):
        assert shop.app.test_client().get("/").status_code == 404

    port = valkey_server.port
    backend = shop.app.extensions["cache"][cache]
    pool = backend._write_client.connection_pool
    pool.connection_kwargs |= {"host": "localhost", "port": port}
    pool.reset()

    with pytest.raises(CartConfigError, match="Set one"):
        shop.app.test_client().get("/")


def test_cache_beside_sessions(valkey_server: CacheServer) -> None:
    """Nor may one delete the carts that are beside sessions."""
    app = make_app(
        CART_STORAGE="session",
        SESSION_TYPE="redis",
        SESSION_REDIS=redis.from_url(valkey_server.url),
        TESTING=True,
    )
    Session(app)
    FlaskCart(app)
    Cache(app, config=in_redis(valkey_server.url, ""))

    with pytest.raises(CartConfigError, match="Set one"):
        app.test_client().get("/")


def in_redis(url: str, prefix: str) -> dict[str, str]:
    """The configuration of another cache."""
    return {
        "CACHE_TYPE": "RedisCache",
        "CACHE_REDIS_URL": url,
        "CACHE_KEY_PREFIX": prefix,
    }


@pytest.mark.parametrize("prefix", ["c", "cart", "cart:", "cart:c"])
def test_cache_whose_entries_are_called_like_carts(prefix: str) -> None:
    """Neither may the carts' names begin as those of the cache's entries."""
    with pytest.raises(CartConfigError, match="shared-cache-prefix"):
        open_redis_shop(NOBODY, CACHE_KEY_PREFIX=prefix)

    open_redis_shop(NOBODY, CACHE_KEY_PREFIX=prefix, CART_CACHE_PREFIX="basket")


@pytest.mark.parametrize("prefix", ["c*", "[bc]", "?art:", "a^", "a\\", "a{}b", "}"])
def test_prefix_that_is_a_pattern(prefix: str) -> None:
    """Nor may the cache's prefix be a pattern, by which clear() would find carts, or
    have braces, by which a cluster would take a cart's keys apart."""
    with pytest.raises(CartConfigError, match="special-cache-prefix"):
        open_redis_shop(NOBODY, CACHE_KEY_PREFIX=prefix)


def test_client_that_decodes() -> None:
    """A client that answers with text instead of bytes is a configuration error."""
    with pytest.raises(CartConfigError, match="redis-text-answers"):
        open_redis_shop(f"{NOBODY}&decode_responses=true")


@LIBRARIES
def test_client_that_waits_for_ever(
    options: t.Callable[[int], dict[str, t.Any]],
) -> None:
    """A client without a timeout is warned of: its requests would wait for ever."""
    config = options(1)
    config["CACHE_OPTIONS"] = {
        **config.get("CACHE_OPTIONS", {}),
        "socket_timeout": None,
    }

    with pytest.warns(CartConfigWarning, match="no-socket-timeout"):
        open_cache_shop(**config)


def test_cluster_client_that_waits_for_ever(redis_cluster: Cluster) -> None:
    """So is a cluster's client."""
    with pytest.warns(CartConfigWarning, match="no-socket-timeout"):
        open_cluster_shop(redis_cluster, CACHE_OPTIONS={"socket_timeout": None})


def test_is_redis(shop: RedisShop) -> None:
    """Every cache on Redis is known as one, and no other."""
    (backend,) = shop.app.extensions["cache"].values()

    assert is_redis(backend)
    assert not is_redis(Cache(make_app(CACHE_TYPE="SimpleCache")))


# Many at once


def add_at_once(shop: RedisShop, threads: int, times: int) -> None:
    """Add an item many times in each of many threads."""
    together = threading.Barrier(threads)

    def add() -> None:
        together.wait(30)

        for _ in range(times):
            shop.add()

    with ThreadPoolExecutor(threads) as pool:
        for each in [pool.submit(add) for _ in range(threads)]:
            each.result(60)


def test_client_of_another_library() -> None:
    """A client whose errors nobody knows is refused, with what is needed."""
    with pytest.raises(CartConfigError, match=r"redis-py or valkey-py, not .*object"):
        make_storage(object())
