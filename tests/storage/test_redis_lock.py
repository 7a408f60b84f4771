"""The lock in Redis and the scripts: who may write, who waits, and what is sent twice.

The promises that hold because of a line in a script are tried with that line gone, too:
then the test must see that they are broken.
"""

from __future__ import annotations

import threading
import time
import typing as t
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
import redis
from flask import Flask

from flask_cart import Cart
from flask_cart import CartBusyError
from flask_cart import CartLockTimeoutError
from flask_cart import CartStorageError
from flask_cart.model.keys import CartKey
from flask_cart.signals import before_change
from flask_cart.storage.keyvalue import redis as redis_storage
from flask_cart.storage.keyvalue import redis_scripts
from flask_cart.storage.keyvalue.redis import RedisStorage
from flask_cart.testing.carts import delete_cart
from flask_cart.testing.carts import save_cart
from flask_cart.testing.carts import save_carts
from tests.support.cache_servers import CacheServer
from tests.support.cache_servers import Cluster
from tests.support.redis_shops import CARTS
from tests.support.redis_shops import KEY
from tests.support.redis_shops import LOCK
from tests.support.redis_shops import WAKE
from tests.support.redis_shops import WISHES
from tests.support.redis_shops import asked
from tests.support.redis_shops import elsewhere
from tests.support.redis_shops import make_storage
from tests.support.redis_shops import open_cluster_shop
from tests.support.redis_shops import open_redis_shop
from tests.support.servers import wait_until

pytestmark = pytest.mark.usefixtures("steps_of_one")

LOCKING = pytest.mark.parametrize("locking", [False, True])

#: Seconds that no test takes.
LONG = 40


class Mutation(t.NamedTuple):
    """A way in which a script may be broken."""

    script: str
    old: str
    new: str


NO_TOKEN_CHECK = Mutation(
    "COMPARE_AND_SET",
    "if (redis.call('HGET', KEYS[2], 'token') or '') ~= ARGV[3] then",
    "if false then",
)
NO_VERSION_CHECK = Mutation("COMPARE_AND_SET", "if is_stale then", "if false then")
ONLY_PUTS = Mutation(
    "COMPARE_AND_SET",
    redis_scripts.COMPARE_AND_SET,
    "redis.call('HSET', KEYS[1], ARGV[5], ARGV[7] .. ' x 0\\n' .. ARGV[9]) return 1",
)
NO_WRITE_ID = Mutation(
    "COMPARE_AND_SET",
    "if ids and string.find(ids, ARGV[1], 1, true) then",
    "if false then",
)
NO_OWNER_CHECK = Mutation(
    "RELEASE", "if redis.call('HGET', lock, 'token') ~= token then", "if false then"
)
NO_LEASE = Mutation(
    "ACQUIRE_AND_READ", "redis.call('PEXPIRE', KEYS[2], ARGV[3])", "local x = 1"
)
NO_OWN_TOKEN = Mutation(
    "ACQUIRE_AND_READ", "if holder and holder ~= ARGV[2] then", "if holder then"
)
NO_WAKE_IN_SAVE = Mutation(
    "COMPARE_AND_SET", "redis.call('LPUSH', wake, 1)", "local x = 1"
)
NO_WAKE_IN_RELEASE = NO_WAKE_IN_SAVE._replace(script="RELEASE")
NO_MARK_OF_OTHERS = Mutation(
    "ACQUIRE_AND_READ", "if ARGV[4] == '1' then", "if false then"
)


@pytest.fixture
def client(valkey_server: CacheServer) -> Iterator[redis.Redis]:
    """A client of the server that shows bytes as they are stored."""
    with redis.Redis(port=valkey_server.port) as client:
        yield client


Mutate = t.Callable[..., None]


@pytest.fixture
def mutate(monkeypatch: pytest.MonkeyPatch) -> Mutate:
    """Breaks scripts of the storages that are made afterwards."""

    def break_(*mutations: Mutation) -> None:
        for name, old, new in mutations:
            script = getattr(redis_scripts, name)
            assert script.count(old) == 1, f"{name} has changed; adapt the mutation."
            monkeypatch.setattr(redis_scripts, name, script.replace(old, new))

    return break_


def saved(storage: RedisStorage, key: CartKey = KEY) -> int:
    """The version of a cart that is saved for the first time."""
    version = save_cart(storage, key, "{}", 0)
    assert version is not None

    return version


def end_lease(client: redis.Redis) -> None:
    """Let the lease of the lock run out now."""
    assert client.pexpire(LOCK, 1)
    wait_until(lambda: not client.exists(LOCK))


def wait_until_waiting(client: redis.Redis, number: int) -> None:
    """Wait until so many clients wait to be woken."""
    wait_until(lambda: client.info("clients")["blocked_clients"] == number)


# The fence


def write_late(client: redis.Redis) -> tuple[int | None, int | None]:
    """Let a holder save after its lease, while the next holder is at work.

    :return: What the save of the first one returns, and that of the second.
    """
    first, second = make_storage(client), make_storage(client)
    version = saved(first)

    with first.lock(KEY.owner):
        first.load(KEY)
        end_lease(client)

        with second.lock(KEY.owner):
            second.load(KEY)
            late = save_cart(first, KEY, "first", version)

            return late, save_cart(second, KEY, "second", version)


def test_late_holder(client: redis.Redis) -> None:
    """A holder whose lease has run out cannot save while the next one is at work."""
    first, second = write_late(client)

    assert first is None
    assert second is not None
    assert make_storage(client).load(KEY) == ("second", second)


def test_late_holder_without_the_fence(client: redis.Redis, mutate: Mutate) -> None:
    """Without the token, the late one saves, and the holder of the lock has lost."""
    mutate(NO_TOKEN_CHECK)
    first, second = write_late(client)

    assert first is not None
    assert second is None


def test_late_holder_without_any_check(client: redis.Redis, mutate: Mutate) -> None:
    """Without the version, too, both save, and one of the changes is lost."""
    mutate(NO_TOKEN_CHECK, NO_VERSION_CHECK)
    first, second = write_late(client)

    assert first == second is not None


def test_late_holder_whom_nobody_followed(client: redis.Redis) -> None:
    """A holder whose lease has run out cannot save either where nobody was faster; it
    may read again, which takes the lock again, and save then."""
    storage = make_storage(client)
    version = saved(storage)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        end_lease(client)

        assert save_cart(storage, KEY, "late", version) is None
        assert not delete_cart(storage, KEY, version)
        assert storage.load(KEY) == ("{}", version)
        assert client.exists(LOCK)
        assert save_cart(storage, KEY, "new", version) == version + 1

    assert not client.exists(LOCK)


def test_others_cannot_write(client: redis.Redis) -> None:
    """While somebody holds the lock, nobody else saves or deletes. Those who have read
    what is stored have not lost, and may try again; the others have."""
    holder, other = make_storage(client), make_storage(client)
    version = saved(holder)

    with holder.lock(KEY.owner):
        holder.load(KEY)
        assert other.load(KEY) == ("{}", version)

        with pytest.raises(CartBusyError, match="locked"):
            save_cart(other, KEY, "rival", version)

        with pytest.raises(CartBusyError, match="locked"):
            delete_cart(other, KEY, version)

        for old in (0, 7):
            assert save_cart(other, KEY, "rival", old) is None
            assert not delete_cart(other, KEY, old)

    assert save_cart(other, KEY, "rival", version) == version + 1


def test_first_save_against_a_lock(client: redis.Redis) -> None:
    """The lock keeps a cart from being made, too."""
    holder, other = make_storage(client), make_storage(client)

    with holder.lock(KEY.owner):
        assert holder.load(KEY) is None

        with pytest.raises(CartBusyError, match="locked"):
            save_cart(other, KEY, "rival", 0)

        assert save_cart(holder, KEY, "holder", 0) is not None

    assert holder.load(KEY).data == "holder"


def save_twice(storage: RedisStorage) -> tuple[bool, bool]:
    """Whether two saves on top of the same version succeed."""
    version = saved(storage)
    saves = [save_cart(storage, KEY, text, version) for text in ["one", "two"]]

    return saves[0] is not None, saves[1] is not None


def test_two_saves_of_one_version(client: redis.Redis) -> None:
    """Of two saves on top of the same version, the second is lost."""
    assert save_twice(make_storage(client)) == (True, False)


@pytest.mark.parametrize("mutation", [NO_VERSION_CHECK, ONLY_PUTS])
def test_two_saves_without_the_check(
    client: redis.Redis, mutate: Mutate, mutation: Mutation
) -> None:
    """Without the version in the script, the second one undoes the first."""
    mutate(mutation)

    assert save_twice(make_storage(client)) == (True, True)


#: How a script is broken, and whether that loses a change: without locking, and with a
#: lease that has run out.
FENCES: list[tuple[list[Mutation], bool, bool]] = [
    ([], False, False),
    ([NO_TOKEN_CHECK], False, False),
    ([NO_VERSION_CHECK], True, False),
    ([NO_TOKEN_CHECK, NO_VERSION_CHECK], True, True),
]


@LOCKING
@pytest.mark.parametrize(("mutations", "loses_unlocked", "loses_late"), FENCES)
def test_cart_that_was_held_up(
    valkey_server: CacheServer,
    client: redis.Redis,
    mutate: Mutate,
    mutations: list[Mutation],
    loses_unlocked: bool,
    loses_late: bool,
    locking: bool,
) -> None:
    """A change that was held up while a rival saved, for longer than the lease, is made
    again on top of the rival's, as long as one of the two checks is there."""
    mutate(*mutations)
    shop = open_redis_shop(valkey_server.url, CART_CACHE_LOCKING=locking)
    shop.add("mug")
    held_up: list[int] = []

    with elsewhere() as call:

        def hold_up(app: Flask, cart: Cart, **extra: t.Any) -> None:
            if not held_up:
                held_up.append(cart.version)

                if locking:
                    end_lease(client)

                call(shop.add, "pot")

        with before_change.connected_to(hold_up, shop.app):
            shop.add("mug")

    loses = loses_late if locking else loses_unlocked
    assert shop.items() == ({"mug": 2} if loses else {"mug": 2, "pot": 1})


# The lock


@pytest.mark.parametrize("exists", [False, True])
def test_lock_has_a_lease_at_once(client: redis.Redis, exists: bool) -> None:
    """There is never a lock without an end: it is taken and gets its lease in one
    step."""
    storage = make_storage(client, lock_lease=20)

    if exists:
        saved(storage)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        assert 10_000 < client.pttl(LOCK) <= 20_000


def test_lock_without_a_lease(client: redis.Redis, mutate: Mutate) -> None:
    """The test above sees a lock that has no end."""
    mutate(NO_LEASE)
    storage = make_storage(client)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        assert client.pttl(LOCK) == -1


def test_lock_is_released_by_its_owner_only(client: redis.Redis) -> None:
    """A holder whose lease has run out does not release the lock of the next one."""
    assert token_after_late_release(client)


def test_lock_is_released_by_anybody(client: redis.Redis, mutate: Mutate) -> None:
    """The test above sees a release that does not look whose lock it is."""
    mutate(NO_OWNER_CHECK)

    assert not token_after_late_release(client)


def token_after_late_release(client: redis.Redis) -> bytes | None:
    """The token of the lock, when its first holder has released it too late."""
    first, second = make_storage(client), make_storage(client)

    with second.lock(KEY.owner):
        with first.lock(KEY.owner):
            first.load(KEY)
            end_lease(client)
            second.load(KEY)

        return client.hget(LOCK, "token")


def fail_under_lock(storage: RedisStorage, error: type[BaseException]) -> t.NoReturn:
    with storage.lock(KEY.owner):
        storage.load(KEY)
        assert storage._client.exists(LOCK)
        raise error


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, GeneratorExit])
def test_error_releases(client: redis.Redis, error: type[BaseException]) -> None:
    """Whatever goes wrong under the lock, it is free after it."""
    with pytest.raises(error):
        fail_under_lock(make_storage(client), error)

    assert not client.exists(LOCK)


def test_lost_save_keeps_the_lock(client: redis.Redis) -> None:
    """A save that is lost leaves the lock with its holder, who may try again."""
    storage = make_storage(client)
    version = saved(storage)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        assert save_cart(storage, KEY, "lost", version + 1) is None
        assert client.exists(LOCK)
        assert save_cart(storage, KEY, "won", version) == version + 1
        assert not client.exists(LOCK)

    assert storage.load(KEY) == ("won", version + 1)


def test_delete_releases(client: redis.Redis) -> None:
    """A delete gives the lock back as a save does."""
    storage = make_storage(client)
    version = saved(storage)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        assert delete_cart(storage, KEY, version)
        assert client.keys() == []


def test_after_the_save(valkey_server: CacheServer, client: redis.Redis) -> None:
    """The lock is for one save; what comes after it in the block is compared as
    without a lock, which is not taken again."""
    storage, other = make_storage(client), make_storage(client)
    version = saved(storage)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        assert save_cart(storage, KEY, "one", version) == version + 1

        with asked(valkey_server.port) as names:
            assert storage.load(KEY) == ("one", version + 1)
            assert save_cart(storage, KEY, "two", version + 1) == version + 2

        assert names == ["HGET", "EVALSHA"]
        assert save_cart(other, KEY, "rival", version + 2) == version + 3
        assert storage.load(KEY) == ("rival", version + 3)
        assert save_cart(storage, KEY, "late", version + 2) is None

    assert storage.load(KEY) == ("rival", version + 3)


def test_other_carts_of_the_owner(client: redis.Redis) -> None:
    """The lock is the owner's: it keeps others from all of their carts, and its holder
    has them all, also where the lock is asked for once more."""
    holder, other = make_storage(client), make_storage(client)
    wishes = saved(holder, WISHES)

    with holder.lock(KEY.owner):
        assert holder.load(KEY) is None

        with pytest.raises(CartBusyError, match="locked"):
            save_cart(other, WISHES, "other", wishes)

        with holder.lock(KEY.owner):
            assert holder.load(WISHES) == ("{}", wishes)

        with pytest.raises(CartBusyError, match="locked"):
            save_cart(other, WISHES, "other", wishes)

        assert save_cart(holder, WISHES, "holder", wishes) == wishes + 1

    assert save_cart(other, WISHES, "other", wishes + 1) == wishes + 2


def test_other_owners_are_free(client: redis.Redis) -> None:
    """A lock keeps nobody from the carts of others; one holder may have both."""
    key = CartKey("user:2", "default")
    holder = make_storage(client)
    other = make_storage(client, lock_timeout=0)

    with holder.lock(KEY.owner):
        holder.load(KEY)
        version = saved(other, key)

        with other.lock(key.owner):
            other.load(key)
            assert save_cart(other, key, "other", version) == version + 1

        with holder.lock(key.owner):
            holder.load(key)
            assert save_cart(holder, key, "both", version + 1) == version + 2

        assert save_cart(holder, KEY, "{}", 0) is not None


def test_another_owner_under_the_lock(client: redis.Redis) -> None:
    """What is read or saved of somebody else under an owner's lock is not locked."""
    storage = make_storage(client)
    key = CartKey("user:2", "default")

    with storage.lock(KEY.owner):
        version = saved(storage, key)
        assert storage.load(key) == ("{}", version)
        assert client.keys() == [b"cart:flask_cache_{user:2}"]


# Several carts


def test_save_of_two_carts_is_one_command(
    valkey_server: CacheServer, client: redis.Redis
) -> None:
    """Two carts are compared, stored and deleted by the same script, with a lock and
    without: nothing comes between."""
    storage = make_storage(client)
    first, second = saved(storage), saved(storage, WISHES)

    with asked(valkey_server.port) as names:
        versions = save_carts(
            storage, KEY.owner, {"default": (first, "one"), "wishlist": (second, "two")}
        )

    assert names == ["EVALSHA"]
    assert versions == {"default": first + 1, "wishlist": second + 1}

    with asked(valkey_server.port) as names, storage.lock(KEY.owner):
        assert storage.load(KEY) == ("one", first + 1)
        assert save_carts(
            storage,
            KEY.owner,
            {"default": (first + 1, None), "wishlist": (second + 1, "2")},
        ) == {"default": 0, "wishlist": second + 2}

    assert names == ["EVALSHA", "EVALSHA"]
    assert storage.instances(KEY.owner) == ["wishlist"]
    assert client.keys() == [CARTS.encode()]


#: Of two carts, the versions that are expected: how far off that is, of each.
OFF = [(0, 1), (1, 0), (1, 1)]


@LOCKING
@pytest.mark.parametrize(("off", "off_too"), OFF)
def test_one_stale_cart_of_two(
    client: redis.Redis, locking: bool, off: int, off_too: int
) -> None:
    """Where one of them is not as it was read, nothing is stored, deleted, or noted
    about either; the lock stays, for another try."""
    storage = make_storage(client)
    first, second = saved(storage), saved(storage, WISHES)
    before = client.hgetall(CARTS)

    with storage.lock(KEY.owner) if locking else nullcontext():
        storage.load(KEY)

        for text in ["two", None]:
            changes = {
                "default": (first + off, "1"),
                "wishlist": (second + off_too, text),
            }
            assert save_carts(storage, KEY.owner, changes) is None
            assert (
                save_carts(storage, KEY.owner, dict(reversed(changes.items()))) is None
            )
            assert client.hgetall(CARTS) == before
            assert bool(client.exists(LOCK)) is locking


def test_two_carts_without_the_check(client: redis.Redis, mutate: Mutate) -> None:
    """The test above sees a script that does not look whether one is stale."""
    mutate(NO_VERSION_CHECK)

    with pytest.raises(AssertionError):
        test_one_stale_cart_of_two(client, False, 0, 1)


@LOCKING
def test_two_carts_that_are_sent_twice(client: redis.Redis, locking: bool) -> None:
    """The second answer is that of the first time, though one of them is gone, and
    nothing is written on top of what rivals have saved since."""
    storage = make_storage(client)
    first, second = saved(storage), saved(storage, WISHES)
    storage._compare_and_set = resent = Resent(storage._compare_and_set)
    changes = {"default": (first, None), "wishlist": (second, "moved")}

    with storage.lock(KEY.owner) if locking else nullcontext():
        storage.load(KEY)
        assert save_carts(storage, KEY.owner, changes) == {
            "default": 0,
            "wishlist": second + 1,
        }

    rival = make_storage(client)
    assert save_cart(rival, KEY, "anew", 0) is not None
    assert save_cart(rival, WISHES, "more", second + 1) == second + 2
    record = client.hgetall(CARTS)

    assert resent.again() == 1
    assert client.hgetall(CARTS) == record


def test_locked_carts_for_a_late_holder(client: redis.Redis) -> None:
    """Whose lease has run out stores none of two carts."""
    storage = make_storage(client)
    first, second = saved(storage), saved(storage, WISHES)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        end_lease(client)
        changes = {"default": (first, "1"), "wishlist": (second, "2")}
        assert save_carts(storage, KEY.owner, changes) is None

    assert storage.load(KEY) == ("{}", first)
    assert storage.load(WISHES) == ("{}", second)


# Waiting


class Sleeper(redis.Redis):
    """A client that notes each time it has waited whether somebody woke it."""

    woken: list[bool]

    def blpop(self, keys: t.Any, timeout: t.Any = None) -> t.Any:
        found = super().blpop(keys, timeout=timeout)
        self.woken.append(found is not None)

        return found


@pytest.fixture
def sleeper(
    valkey_server: CacheServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sleeper]:
    """A client whose naps would outlast the test, if nobody ended them."""
    monkeypatch.setattr(redis_storage, "_LONGEST_NAP", LONG)

    with Sleeper(port=valkey_server.port, socket_timeout=None) as sleeper:
        sleeper.woken = []
        yield sleeper


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def append(storage: RedisStorage) -> int | None:
    """Add to the text of a cart under its lock."""
    with storage.lock(KEY.owner):
        return append_unlocked(storage)


def append_unlocked(storage: RedisStorage) -> int | None:
    """Add to the text of a cart."""
    stored = storage.load(KEY)
    assert stored is not None

    return save_cart(storage, KEY, f"{stored.data}x", stored.version)


def look(storage: RedisStorage) -> None:
    """Read a cart under its lock, and leave it as it is."""
    with storage.lock(KEY.owner):
        assert storage.load(KEY) is not None


def look_at_nothing(storage: RedisStorage) -> None:
    """Read under the lock what is not there."""
    with storage.lock(KEY.owner):
        assert storage.load(KEY) is None


Turn = t.Callable[[RedisStorage], object]


def take_turns(
    client: redis.Redis,
    pool: ThreadPoolExecutor,
    storage: RedisStorage,
    turns: list[Turn],
) -> None:
    """Release a lock that several wait for, and let each of them have it."""
    saved(storage)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        waiting = [pool.submit(turn, storage) for turn in turns]
        wait_until_waiting(client, len(turns))

    for each in waiting:
        each.result(30)

    assert storage.load(KEY).data == "{}" + "x" * turns.count(append)


@pytest.mark.parametrize(
    "turns", [[append], [look], [append] * 7, [look] * 7, [append, look] * 3]
)
def test_waiters_are_woken(
    valkey_server: CacheServer,
    client: redis.Redis,
    sleeper: Sleeper,
    pool: ThreadPoolExecutor,
    turns: list[Turn],
) -> None:
    """Everybody who waits gets the lock in turn, woken by the one before, and none asks
    the server again and again meanwhile."""
    storage = make_storage(sleeper, lock_timeout=LONG, lock_lease=LONG)
    look_at_nothing(storage)

    with asked(valkey_server.port) as names:
        take_turns(client, pool, storage, turns)

    assert sleeper.woken == [True] * len(turns)
    assert names.count("BLPOP") == len(turns)
    # The first one saves, locks and releases; the others find it locked, take it, and
    # give it back.
    assert names.count("EVALSHA") - names.count("SCRIPT") == 3 + 3 * len(turns)


@pytest.mark.parametrize(
    ("mutation", "turn"),
    [
        (NO_WAKE_IN_SAVE, append),
        (NO_WAKE_IN_RELEASE, look),
        (NO_MARK_OF_OTHERS, append),
    ],
)
def test_waiters_who_are_forgotten(
    client: redis.Redis,
    sleeper: Sleeper,
    pool: ThreadPoolExecutor,
    mutate: Mutate,
    monkeypatch: pytest.MonkeyPatch,
    mutation: Mutation,
    turn: Turn,
) -> None:
    """The test above sees a waiter whom nobody wakes."""
    mutate(mutation)
    monkeypatch.setattr(redis_storage, "_LONGEST_NAP", 0.3)
    take_turns(client, pool, make_storage(sleeper), [turn] * 3)

    assert False in sleeper.woken


def test_nobody_is_woken_in_vain(client: redis.Redis) -> None:
    """Where nobody waits, nothing is left to wake somebody."""
    storage = make_storage(client)
    saved(storage)
    append(storage)
    look(storage)

    assert client.keys() == [CARTS.encode()]


def test_what_is_left_of_waking(
    client: redis.Redis, sleeper: Sleeper, pool: ThreadPoolExecutor
) -> None:
    """What was meant for a waiter who is gone ends with a lease, and costs the next one
    a look."""
    storage = make_storage(sleeper, lock_timeout=LONG, lock_lease=20)
    take_turns(client, pool, storage, [look])
    assert client.lrange(WAKE, 0, -1) == [b"1"]
    assert 10_000 < client.pttl(WAKE) <= 20_000
    sleeper.woken.clear()

    with storage.lock(KEY.owner):
        storage.load(KEY)
        waiting = pool.submit(append, storage)
        wait_until(lambda: not client.exists(WAKE))
        wait_until_waiting(client, 1)

    assert waiting.result(30) is not None
    assert sleeper.woken == [True, True]


def test_waking_does_not_pile_up(client: redis.Redis) -> None:
    """Those who do not wait for long leave no more than one item behind."""
    holder = make_storage(client)
    impatient = make_storage(client, lock_timeout=0)

    for _ in range(3):
        with holder.lock(KEY.owner):
            holder.load(KEY)

            with pytest.raises(CartLockTimeoutError):
                look(impatient)

        assert client.lrange(WAKE, 0, -1) == [b"1"]


def test_lock_of_the_dead(
    client: redis.Redis, sleeper: Sleeper, pool: ThreadPoolExecutor
) -> None:
    """Those who wait for somebody who will not come back have the lock as soon as the
    lease is over, one after the other."""
    dead = make_storage(client, lock_lease=0.3)
    version = saved(dead)
    storage = make_storage(sleeper, lock_timeout=LONG, lock_lease=LONG)

    with dead.lock(KEY.owner):
        dead.load(KEY)
        waiting = [pool.submit(append, storage) for _ in range(3)]
        results = [each.result(30) for each in waiting]

    assert sorted(results) == [version + 1, version + 2, version + 3]
    assert storage.load(KEY) == ("{}xxx", version + 3)


@pytest.mark.parametrize("lock_timeout", [0, 0.2])
def test_waiting_is_bounded(
    valkey_server: CacheServer,
    client: redis.Redis,
    sleeper: Sleeper,
    lock_timeout: float,
) -> None:
    """Who waits in vain is told after CART_LOCK_TIMEOUT, and has changed nothing."""
    holder = make_storage(client)
    waiter = make_storage(sleeper, lock_timeout=lock_timeout)
    version = saved(holder)

    with holder.lock(KEY.owner):
        holder.load(KEY)
        token = client.hget(LOCK, "token")
        started = time.monotonic()

        with (
            asked(valkey_server.port) as names,
            pytest.raises(CartLockTimeoutError, match="carts of user:1 were locked"),
        ):
            append(waiter)

        assert lock_timeout <= time.monotonic() - started < lock_timeout + 10
        assert names.count("BLPOP") <= (2 if lock_timeout else 0)
        assert client.hget(LOCK, "token") == token
        assert save_cart(holder, KEY, "{}", version) == version + 1


@LOCKING
def test_cart_that_stays_locked(
    valkey_server: CacheServer, client: redis.Redis, locking: bool
) -> None:
    """A cart that stays locked is an error after CART_LOCK_TIMEOUT, waited for once;
    without CART_CACHE_LOCKING only the last try waits."""
    shop = open_redis_shop(
        valkey_server.url,
        CART_CACHE_LOCKING=locking,
        CART_LOCK_TIMEOUT=0.2,
        CART_RETRY_ATTEMPTS=3,
    )
    shop.add()
    holder = make_storage(client)

    with holder.lock(KEY.owner):
        holder.load(KEY)

        with (
            asked(valkey_server.port) as names,
            pytest.raises(CartLockTimeoutError),
        ):
            shop.add()

        assert 1 <= names.count("BLPOP") <= 2
        assert shop.items() == {"mug": 1}

    shop.add()
    assert shop.items() == {"mug": 2}


def test_waiting_longer_than_the_socket(
    valkey_server: CacheServer, client: redis.Redis
) -> None:
    """A waiter does not take the server for dead because it says nothing for longer
    than the client's timeout."""
    with redis.Redis(port=valkey_server.port, socket_timeout=0.5) as hasty:
        holder = make_storage(client)
        waiter = make_storage(hasty, lock_timeout=1)
        saved(holder)

        with holder.lock(KEY.owner):
            holder.load(KEY)

            with (
                asked(valkey_server.port) as names,
                pytest.raises(CartLockTimeoutError),
            ):
                look(waiter)

        assert names.count("BLPOP") >= 2


def test_one_at_a_time(client: redis.Redis, pool: ThreadPoolExecutor) -> None:
    """Between the read and the save there is nobody else, so that no save is lost."""
    storage = make_storage(client)
    saved(storage)
    inside: list[int] = []
    together = threading.Barrier(8)

    def work() -> None:
        together.wait(30)

        for _ in range(10):
            with storage.lock(KEY.owner):
                stored = storage.load(KEY)
                inside.append(1)
                assert len(inside) == 1
                inside.pop()
                assert (
                    save_cart(storage, KEY, stored.data + "x", stored.version)
                    is not None
                )

    for each in [pool.submit(work) for _ in range(8)]:
        each.result(30)

    assert storage.load(KEY).data == "{}" + 80 * "x"


def test_waiting_on_a_cluster(redis_cluster: Cluster, pool: ThreadPoolExecutor) -> None:
    """On a cluster, too, a waiter has the lock when the holder gives it back."""
    storage = open_cluster_shop(redis_cluster, CART_LOCK_TIMEOUT=30).storage
    version = saved(storage)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        waiting = pool.submit(append, storage)
        wait_until(lambda: storage._client.hget(LOCK, "waiting") == b"1")

    assert waiting.result(30) == version + 1


# What is sent twice


class Resent:
    """A script that the client runs again, because the first answer was lost."""

    def __init__(self, script: t.Any) -> None:
        self._script = script
        self._call: dict[str, t.Any] | None = None

    def __call__(self, **call: t.Any) -> t.Any:
        answer = self._script(**call)

        if self._call is None:
            self._call = call
            answer = self.again()

        return answer

    def again(self) -> t.Any:
        """What the script answers to the first call when it is run once more."""
        return self._script(**self._call)


SCRIPTS = ["_compare_and_set", "_acquire_and_read", "_release_lock"]


@LOCKING
@pytest.mark.parametrize("name", SCRIPTS)
def test_add_that_is_sent_twice(
    valkey_server: CacheServer, name: str, locking: bool
) -> None:
    """A command that the client sends again by itself adds once, to a new cart and to
    one that was there, and leaves no lock."""
    for quantity in [1, 2]:
        shop = open_redis_shop(valkey_server.url, CART_CACHE_LOCKING=locking)
        setattr(shop.storage, name, Resent(getattr(shop.storage, name)))

        with shop.app.app_context():
            shop.cart().add("mug", price=1)
            # Nothing has changed, so that the lock is given back by itself.
            shop.cart().metadata.update({})

        assert shop.items() == {"mug": quantity}
        assert list(shop.storage._client.keys()) == [CARTS.encode()]


def test_add_that_counts_twice(valkey_server: CacheServer, mutate: Mutate) -> None:
    """The test above sees a script that does not know its own write again."""
    mutate(NO_WRITE_ID)
    shop = open_redis_shop(valkey_server.url)
    shop.storage._compare_and_set = Resent(shop.storage._compare_and_set)
    shop.add()

    assert shop.items() == {"mug": 2}


@LOCKING
def test_save_that_is_sent_twice(client: redis.Redis, locking: bool) -> None:
    """The second answer is that of the first time, also when the lock that was needed
    then is given back; nothing is written then, nor on top of what rivals have saved
    since."""
    storage = make_storage(client)
    resent = Resent(storage._compare_and_set)
    version = saved(storage)
    storage._compare_and_set = resent
    assert (append if locking else append_unlocked)(storage) == version + 1
    record = client.hget(CARTS, "default")

    assert resent.again() == 1
    assert client.hget(CARTS, "default") == record
    assert client.keys() == [CARTS.encode()]

    for number in range(2, 33):
        assert append(storage) == version + number

    rivals = storage.load(KEY)
    assert resent.again() == 1
    assert storage.load(KEY) == rivals == ("{}" + 32 * "x", version + 32)

    # It has to end somewhere.
    assert append(storage) == version + 33
    assert resent.again() == 0


def test_written_ids_do_not_pile_up(client: redis.Redis) -> None:
    """What is remembered about the last saves does not grow with every save."""
    storage = make_storage(client)
    saved(storage)
    lengths = set()

    for _ in range(40):
        append_unlocked(storage)
        record = client.hget(CARTS, "default").decode()
        lengths.add(len(record.split(" ")[1]))

    assert max(lengths) == 32 * 9


def test_lock_that_is_asked_for_twice(client: redis.Redis, mutate: Mutate) -> None:
    """Who asks again for the lock that it has gets it again."""
    storage = make_storage(client, lock_timeout=0)
    storage._acquire_and_read = Resent(storage._acquire_and_read)
    look_at_nothing(storage)

    mutate(NO_OWN_TOKEN)
    storage = make_storage(client, lock_timeout=0)
    storage._acquire_and_read = Resent(storage._acquire_and_read)

    with pytest.raises(CartLockTimeoutError):
        look_at_nothing(storage)


def test_lost_answer_of_the_acquire(client: redis.Redis) -> None:
    """A lock that may have been taken is given back, though nobody knows it was."""
    storage = make_storage(client)
    acquire = storage._acquire_and_read

    def acquire_and_fail(**call: t.Any) -> t.NoReturn:
        acquire(**call)
        assert client.exists(LOCK)
        raise redis.ConnectionError("The answer was lost.")

    storage._acquire_and_read = acquire_and_fail

    with pytest.raises(CartStorageError), storage.lock(KEY.owner):
        storage.load(KEY)

    assert client.keys() == []
