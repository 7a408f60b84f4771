"""What every storage promises, on each of them."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
from flask import Flask

from flask_cart.storage.base import CartKey
from flask_cart.storage.base import Guarantee
from flask_cart.storage.base import Storage
from flask_cart.storage.base import first_version
from flask_cart.storage.memory import MemoryStorage
from shops import open_shop

KEY = CartKey("user:1", "default")
LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(params=["memory", "sqlite", "postgresql", "mariadb"])
def kept(request: pytest.FixtureRequest) -> Iterator[tuple[Storage, Flask]]:
    """A storage, and an app whose context it can be used in."""
    if request.param == "memory":
        yield MemoryStorage(), Flask("shop")
        return

    with open_shop(request.getfixturevalue(f"{request.param}_url")) as shop:
        yield shop.storage, shop.app


@pytest.fixture
def storage(kept: tuple[Storage, Flask]) -> Iterator[Storage]:
    storage, app = kept

    with app.app_context():
        yield storage


@pytest.fixture
def elsewhere(
    kept: tuple[Storage, Flask],
) -> Iterator[Callable[..., object]]:
    """Calls a function in another thread."""
    _, app = kept

    def call(function: Callable[..., object], *args: object) -> object:
        with app.app_context():
            return function(*args)

    with ThreadPoolExecutor(1) as pool:
        yield lambda *args: pool.submit(call, *args).result(30)


def later() -> dt.datetime:
    """A time after everything that was saved so far."""
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)


def saved(storage: Storage, key: CartKey = KEY, data: str = "{}") -> int:
    """The version of a cart that is saved for the first time."""
    version = storage.save(key, data, 0)
    assert version is not None

    return version


def test_guarantee(storage: Storage) -> None:
    """Both storages compare versions and lock only when it is needed."""
    assert storage.guarantee is Guarantee.ATOMIC
    assert not storage.always_lock
    assert storage.transaction() is None


def test_absent_is_none(storage: Storage) -> None:
    """There is nothing under a key that nobody has saved."""
    assert storage.load(KEY) is None
    assert storage.instances(KEY.owner) == []


def test_save_and_load(storage: Storage) -> None:
    """What was saved is loaded, with the version that saving gave."""
    version = saved(storage, data='{"a": 1}')

    assert storage.load(KEY) == ('{"a": 1}', version)
    assert version > 0


def test_save_again(storage: Storage) -> None:
    """Saving on top of what was read replaces it under the next version."""
    version = saved(storage)

    assert storage.save(KEY, "new", version) == version + 1
    assert storage.load(KEY) == ("new", version + 1)


def test_same_text_is_a_new_version(storage: Storage) -> None:
    """Saving the same text is a save, also where nothing else in the row changes."""
    version = saved(storage)

    assert storage.save(KEY, "{}", version) == version + 1


def test_lost_insert_is_a_lost_save(storage: Storage) -> None:
    """A second first save loses, and is no error."""
    version = saved(storage, data="first")

    assert storage.save(KEY, "second", 0) is None
    assert storage.load(KEY) == ("first", version)


def test_storage_works_after_a_lost_insert(storage: Storage) -> None:
    """A lost first save leaves nothing behind that the next call stumbles over."""
    version = saved(storage)
    assert storage.save(KEY, "lost", 0) is None

    assert storage.save(KEY, "won", version) == version + 1


@pytest.mark.parametrize("offset", [-1, 1, 10**6])
def test_save_with_another_version_loses(storage: Storage, offset: int) -> None:
    """A save that was made for another version changes nothing."""
    version = saved(storage, data="stays")

    assert storage.save(KEY, "lost", version + offset) is None
    assert storage.load(KEY) == ("stays", version)


def test_save_of_what_is_gone_loses(storage: Storage) -> None:
    """A save on top of a deleted cart does not bring it back."""
    version = saved(storage)
    assert storage.delete(KEY, version)

    assert storage.save(KEY, "ghost", version) is None
    assert storage.load(KEY) is None


def test_expected_version_is_the_callers(storage: Storage) -> None:
    """Of two who read the same version, only the first saves."""
    version = saved(storage)

    assert storage.save(KEY, "one", version) == version + 1
    assert storage.save(KEY, "two", version) is None
    assert storage.load(KEY) == ("one", version + 1)


def test_delete(storage: Storage) -> None:
    """A cart is deleted once."""
    version = saved(storage)

    assert storage.delete(KEY, version)
    assert not storage.delete(KEY, version)
    assert storage.load(KEY) is None


@pytest.mark.parametrize("offset", [-1, 1])
def test_delete_with_another_version_refuses(storage: Storage, offset: int) -> None:
    """A delete that was made for another version deletes nothing."""
    version = saved(storage)

    assert not storage.delete(KEY, version + offset)
    assert storage.load(KEY) == ("{}", version)


def test_delete_of_nothing(storage: Storage) -> None:
    """There is nothing to delete where nothing is, and version 0 deletes nothing."""
    assert not storage.delete(KEY, 0)

    saved(storage)
    assert not storage.delete(KEY, 0)


def test_versions_do_not_recur(storage: Storage) -> None:
    """A cart that is made anew never has a version that an old reader holds."""
    versions = set()

    for _ in range(20):
        version = saved(storage)
        versions.add(version)
        newer = storage.save(KEY, "{}", version)
        assert newer is not None
        versions.add(newer)
        assert storage.delete(KEY, newer)

    assert len(versions) == 40


def test_stale_writer_of_an_earlier_cart(storage: Storage) -> None:
    """Who read the cart before it was destroyed cannot write into the new one."""
    old = saved(storage, data="old")
    storage.delete(KEY, old)
    new = saved(storage, data="new")

    assert storage.save(KEY, "stale", old) is None
    assert not storage.delete(KEY, old)
    assert storage.load(KEY) == ("new", new)


def test_first_versions_stay_exact() -> None:
    """First versions are positive, and no JSON reader rounds them."""
    assert all(0 < first_version() <= 2**52 for _ in range(1000))


SIMILAR_OWNERS = [
    "user:bob",
    "user:Bob",
    "user:BOB",
    "user:böb",
    "user:bo\u0308b",
    "user:bob.",
    "user:bob\u200b",
    "user:bób",
    "user:straße",
    "user:strasse",
    "user:\ufb00",
    "user:ff",
    "user:\uff21",
    "user:A",
    "user:a",
    "user:1",
    "user:01",
    "user:1.0",
    "user:\u0662",
    "user:2",
    "user:\U0001f600",
    "user:\U0001f601",
    "user:%",
    "user:_",
    "user:x'--",
    "user:x\\",
    "user:x",
]


def test_similar_owners_do_not_collide(storage: Storage) -> None:
    """Owners that a collation takes for equal have carts of their own."""
    versions = {
        owner: saved(storage, CartKey(owner, "default"), owner)
        for owner in SIMILAR_OWNERS
    }

    for owner, version in versions.items():
        assert storage.load(CartKey(owner, "default")) == (owner, version)
        assert storage.instances(owner) == ["default"]


def test_similar_owners_are_changed_alone(storage: Storage) -> None:
    """A save and a delete touch only the very same owner."""
    first = saved(storage, CartKey("user:bob", "default"))
    second = saved(storage, CartKey("user:Bob", "default"))

    assert not storage.delete(CartKey("user:BOB", "default"), first)
    assert storage.delete(CartKey("user:bob", "default"), first)
    assert storage.load(CartKey("user:Bob", "default")) == ("{}", second)


def test_similar_instances_do_not_collide(storage: Storage) -> None:
    """Instances that differ in case only are different carts, in code point order."""
    names = ["Default", "Wish-List", "default", "default.", "wish-list"]

    for name in names:
        saved(storage, CartKey("user:1", name), name)

    assert storage.instances("user:1") == names
    assert storage.load(CartKey("user:1", "Default")).data == "Default"


def test_longest_key(storage: Storage) -> None:
    """The longest key there can be is stored whole, also in wide characters."""
    owner = "user:" + "\U0001f600" * 250
    keys = [CartKey(owner, "i" * 64), CartKey(owner[:-1] + "\U0001f601", "i" * 64)]

    for number, key in enumerate(keys):
        saved(storage, key, str(number))

    assert [storage.load(key).data for key in keys] == ["0", "1"]


@pytest.mark.parametrize(
    "text",
    [
        "Tasse ☕ Zoë 茶 عربى",
        "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "e\u0301 is not \u00e9",
        "\\ ' \" %s %(a)s :b ? ; --",
        "\n\r\t\u2028\u0085",
        "",
        " trailing ",
        "\u00ff\u0100\uffff\U0010ffff",
    ],
)
def test_text_is_kept_exactly(storage: Storage, text: str) -> None:
    """Every character comes back, whatever character set the server prefers."""
    version = saved(storage, data=text)
    assert storage.load(KEY) == (text, version)

    assert storage.save(KEY, text + text, version) == version + 1
    assert storage.load(KEY) == (text + text, version + 1)


def test_a_mebibyte(storage: Storage) -> None:
    """The largest cart that the default limit allows is stored whole."""
    text = "\U0001f600" * 2**18
    version = saved(storage, data=text)

    assert storage.load(KEY) == (text, version)


def test_instances_of_one_owner(storage: Storage) -> None:
    """The names are sorted, and only the owner's."""
    for key in [("user:1", "b"), ("user:1", "a"), ("user:2", "c"), ("user:10", "d")]:
        saved(storage, CartKey(*key))

    assert storage.instances("user:1") == ["a", "b"]


def test_purge_takes_the_oldest_first(storage: Storage) -> None:
    """Carts go in the order in which they were last saved, up to the limit."""
    keys = [CartKey(f"user:{name}", "default") for name in "cabde"]
    versions = {key: saved(storage, key) for key in keys}
    # It was saved first, and is now the last.
    storage.save(keys[0], "{}", versions[keys[0]])

    assert list(storage.purge(later(), limit=3)) == keys[1:4]
    assert [key for key in keys if storage.load(key)] == [keys[0], keys[4]]


def test_purge_leaves_the_fresh(storage: Storage) -> None:
    """What was saved after the given time stays, wherever that time is given."""
    saved(storage)
    far_east = dt.timezone(dt.timedelta(hours=14))

    assert list(storage.purge(LONG_AGO, limit=10)) == []
    assert list(storage.purge(LONG_AGO.astimezone(far_east), limit=10)) == []
    assert list(storage.purge(later().astimezone(far_east), limit=10)) == [KEY]


def test_purge_is_exact_within_a_second(storage: Storage) -> None:
    """A cart that was saved after the given moment stays, however soon after."""
    saved(storage)
    between = dt.datetime.now(dt.UTC)
    kept = CartKey("user:2", "default")
    saved(storage, kept)

    assert list(storage.purge(between, limit=10)) == [KEY]
    assert storage.load(kept) is not None


def test_purge_spares_what_is_saved_meanwhile(storage: Storage) -> None:
    """A cart that is saved while others are being purged is not deleted."""
    keys = [CartKey(f"user:{number}", "default") for number in range(3)]
    versions = [saved(storage, key) for key in keys]
    gone = []

    for key in storage.purge(later(), limit=10):
        gone.append(key)

        if key == keys[0]:
            storage.save(keys[1], "alive", versions[1])

    assert gone == [keys[0], keys[2]]
    assert storage.load(keys[1]) == ("alive", versions[1] + 1)


def test_purge_deletes_as_it_goes(storage: Storage) -> None:
    """Each key is yielded when it is gone, and not before it is asked for."""
    keys = [CartKey(f"user:{number}", "default") for number in range(2)]

    for key in keys:
        saved(storage, key)

    assert next(iter(storage.purge(later(), limit=10))) == keys[0]
    assert storage.load(keys[0]) is None
    assert storage.load(keys[1]) is not None


def test_lock_keeps_a_save(storage: Storage) -> None:
    """What is read and saved under the lock is there after it."""
    with storage.lock(KEY):
        assert storage.load(KEY) is None
        version = saved(storage)

    with storage.lock(KEY):
        assert storage.load(KEY) == ("{}", version)
        assert storage.save(KEY, "new", version) == version + 1

    assert storage.load(KEY) == ("new", version + 1)


def test_lock_deletes(storage: Storage) -> None:
    """A delete under the lock holds after it."""
    version = saved(storage)

    with storage.lock(KEY):
        assert storage.delete(KEY, version)

    assert storage.load(KEY) is None


def test_lost_insert_under_the_lock(storage: Storage) -> None:
    """A lost first save is a lost save under the lock, too."""
    version = saved(storage)

    with storage.lock(KEY):
        assert storage.save(KEY, "lost", 0) is None

    assert storage.load(KEY) == ("{}", version)


def test_error_under_the_lock(storage: Storage) -> None:
    """An error under the lock releases it, and the storage can be used again."""
    version = saved(storage)

    with pytest.raises(ZeroDivisionError), storage.lock(KEY):
        1 / len(storage.load(KEY).data[2:])

    with storage.lock(KEY):
        assert storage.save(KEY, "new", version) == version + 1


def test_lock_makes_a_rival_wait(storage: Storage, kept: tuple[Storage, Flask]) -> None:
    """A rival who takes the lock gets to read only after the first one's save."""
    version = saved(storage)
    seen: list[str] = []
    started = threading.Event()

    def rival() -> None:
        with kept[1].app_context():
            started.set()

            with storage.lock(KEY):
                found = storage.load(KEY)
                assert found is not None
                seen.append(found.data)

    thread = threading.Thread(target=rival)

    with storage.lock(KEY):
        storage.load(KEY)
        thread.start()
        assert started.wait(30)
        # Without a lock it would have read by now, most of the times.
        thread.join(0.05)
        storage.save(KEY, "first", version)

    thread.join(30)
    assert seen == ["first"]


@pytest.mark.parametrize("locked", [False, True])
def test_one_of_many_first_saves_wins(
    storage: Storage, kept: tuple[Storage, Flask], locked: bool
) -> None:
    """Of many first saves at once exactly one succeeds, and nobody gets an error."""
    together = threading.Barrier(4)

    def save(number: int) -> int | None:
        with kept[1].app_context():
            together.wait(30)

            with storage.lock(KEY) if locked else nullcontext():
                return storage.save(KEY, str(number), 0)

    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(save, range(4)))

    (winner,) = [number for number, version in enumerate(versions) if version]
    assert storage.load(KEY) == (str(winner), versions[winner])


def test_one_of_many_saves_wins(storage: Storage, kept: tuple[Storage, Flask]) -> None:
    """Of many saves on top of one version, exactly one succeeds; 20 times."""
    version = saved(storage)
    together = threading.Barrier(4)

    def save(number: int) -> list[int]:
        won = []

        with kept[1].app_context():
            for round_ in range(20):
                together.wait(30)

                if storage.save(KEY, str(number), version + round_) is not None:
                    won.append(round_)

                together.wait(30)

        return won

    with ThreadPoolExecutor(4) as pool:
        wins = list(itertools.chain(*pool.map(save, range(4))))

    assert sorted(wins) == list(range(20))
    assert storage.load(KEY).version == version + 20


def test_other_threads_see_it(
    storage: Storage, elsewhere: Callable[..., object]
) -> None:
    """What one thread saves, every other one reads."""
    version = saved(storage)

    assert elsewhere(storage.load, KEY) == ("{}", version)
    assert elsewhere(storage.save, KEY, "theirs", version) == version + 1
    assert storage.load(KEY) == ("theirs", version + 1)
