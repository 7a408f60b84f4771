"""Carts in stores that know only keys and values, all those of an owner in one."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from flask_cart import CartBusyError
from flask_cart import CartCorruptError
from flask_cart import CartLockTimeoutError
from flask_cart import CartStorageError
from flask_cart import CartTooLargeError
from flask_cart.carts.repository import Retry
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Guarantee
from flask_cart.storage.base import Stored
from flask_cart.storage.keyvalue import leases as leases_module
from flask_cart.storage.keyvalue import records as records_module
from flask_cart.storage.keyvalue.keeping import Keeping
from flask_cart.storage.keyvalue.records import Found
from flask_cart.storage.keyvalue.records import RecordStorage
from flask_cart.storage.keyvalue.records import found_bytes
from flask_cart.testing.carts import delete_cart
from flask_cart.testing.carts import save_cart
from flask_cart.testing.carts import save_carts
from tests.support.shop import Recorder
from tests.support.shop import make_cart

KEY = CartKey("user:1", "default")
WISHES = CartKey("user:1", "wishlist")

pytestmark = pytest.mark.usefixtures("steps_of_one")

#: How often a save is tried where other carts of the owner change.
ATTEMPTS = 50


class Shelf:
    """A store in a dict, that compares and swaps.

    What happens before a replacement, and which answers get lost, can be chosen.
    """

    def __init__(self, guarantee: Guarantee = Guarantee.ATOMIC) -> None:
        self.guarantee = guarantee
        self.texts: dict[str, Found] = {}
        self.reads = 0
        self.replacements = 0
        self.meanwhile: Iterator[Callable[[], object]] = iter(())
        self.afterwards: Iterator[Callable[[], object]] = iter(())
        self._mutex = threading.RLock()

    def read(self, key: str) -> Found | None:
        self.reads += 1

        return self.texts.get(key)

    def replace(self, key: str, found: Found | None, text: str) -> bool:
        next(self.meanwhile, lambda: None)()

        with self._mutex:
            if self.texts.get(key) != found:
                return False

            self.replacements += 1
            self.texts[key] = Found(text, self.replacements)

        lost_answer = next(self.afterwards, None)

        if lost_answer is not None:
            lost_answer()

        return lost_answer is None

    @property
    def name(self) -> str:
        """The key of the only owner."""
        (name,) = self.texts

        return name

    @property
    def record(self) -> t.Any:
        """What is stored of the only owner."""
        return json.loads(self.texts[self.name].text)

    @property
    def is_locked(self) -> bool:
        """Whether the only owner's carts have a lock noted."""
        return "lock" in self.record

    def put(self, text: str) -> None:
        """Store something else for the only owner."""
        self.texts[self.name] = Found(text, "put")

    def without_rivals(self, act: Callable[[], object]) -> Callable[[], None]:
        """What happens beside a replacement, and has nothing happen beside it."""

        def act_alone() -> None:
            meanwhile, self.meanwhile = self.meanwhile, iter(())

            try:
                act()
            finally:
                self.meanwhile = meanwhile

        return act_alone


LOCK_TIMEOUT = 5
LEASE = 10


def open_storage(shelf: Shelf, **options: t.Any) -> RecordStorage:
    """The carts on a shelf, as each process has them."""
    usual = Keeping(
        ttl=1000,
        renew_after=None,
        always_lock=False,
        lock_timeout=LOCK_TIMEOUT,
        lock_lease=LEASE,
    )

    return RecordStorage(shelf, usual._replace(**options))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def storage(shelf: Shelf) -> RecordStorage:
    return open_storage(shelf)


@pytest.fixture
def rival(shelf: Shelf) -> RecordStorage:
    """The same carts, as another process has them."""
    return open_storage(shelf)


def saved(storage: RecordStorage, key: CartKey = KEY, data: str = "{}") -> int:
    """The version of a cart that is saved for the first time."""
    version = save_cart(storage, key, data, 0)
    assert version is not None

    return version


@pytest.mark.parametrize("guarantee", Guarantee)
@pytest.mark.parametrize("always_lock", [False, True])
def test_what_it_is(guarantee: Guarantee, always_lock: bool) -> None:
    """It promises what the store does, locks as it is told, and joins nothing."""
    storage = open_storage(Shelf(guarantee), always_lock=always_lock)

    assert storage.guarantee is guarantee
    assert storage.always_lock is always_lock
    assert storage.transaction() is None


def test_all_carts_of_an_owner_in_one(shelf: Shelf, storage: RecordStorage) -> None:
    """The carts of an owner are one record, and those of others are not in it."""
    saved(storage, KEY)
    saved(storage, WISHES)
    assert len(shelf.texts) == 1

    saved(storage, CartKey("user:10", "default"))
    assert len(shelf.texts) == 2
    assert storage.instances("user:1") == ["default", "wishlist"]


@pytest.mark.parametrize(
    "owner",
    ["user:1", "guest:secret-token", "user:a b\n", "user:" + "\U0001f600" * 250],
)
def test_names_are_hashes(shelf: Shelf, storage: RecordStorage, owner: str) -> None:
    """A key is short and plain for every store, and does not tell whose carts it is."""
    saved(storage, CartKey(owner, "default"))

    assert re.fullmatch("[0-9a-f]{64}", shelf.name)


def test_format(shelf: Shelf, storage: RecordStorage) -> None:
    """What is stored is JSON, with the version, the text and the ids of the writes."""
    version = saved(storage, KEY, '{"a": 1}')
    assert save_cart(storage, KEY, '{"a": "é"}', version) == version + 1

    found = shelf.record
    (stored_version, data, write_ids) = found["carts"]["default"]
    assert set(found) == {"renewed_at", "carts"}
    assert (stored_version, data) == (version + 1, '{"a": "é"}')
    assert len(set(write_ids)) == 2


def test_what_was_stored_before_is_read(shelf: Shelf, storage: RecordStorage) -> None:
    """The format does not change from release to release."""
    saved(storage)
    shelf.put(
        '{"renewed_at": 1700000000, "carts":'
        ' {"default": [7, "{}", ["0123456789abcdef"]], "wishlist": [9, "x", []]}}'
    )

    assert storage.load(KEY) == ("{}", 7)
    assert storage.load(WISHES) == ("x", 9)
    assert save_cart(storage, KEY, "new", 7) == 8


def test_two_instances_at_once(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage
) -> None:
    """Two carts of one owner are saved at once, though they are one record: who comes
    second saves again, and undoes nothing."""
    mine, theirs = saved(storage, KEY), saved(storage, WISHES)
    shelf.meanwhile = iter([lambda: save_cart(rival, WISHES, "theirs", theirs)])

    assert save_cart(storage, KEY, "mine", mine) == mine + 1
    assert storage.load(KEY) == ("mine", mine + 1)
    assert storage.load(WISHES) == ("theirs", theirs + 1)


def test_two_first_instances_at_once(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage
) -> None:
    """So are the first two carts of an owner, of which nothing was stored before."""
    versions = []
    shelf.meanwhile = iter([lambda: versions.append(saved(rival, WISHES, "theirs"))])
    version = saved(storage, KEY, "mine")

    assert storage.load(KEY) == ("mine", version)
    assert storage.load(WISHES) == ("theirs", *versions)


def test_delete_beside_a_save(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage
) -> None:
    """A cart is deleted while another one of its owner is saved."""
    mine, theirs = saved(storage, KEY), saved(storage, WISHES)
    shelf.meanwhile = iter([lambda: save_cart(rival, WISHES, "theirs", theirs)])

    assert delete_cart(storage, KEY, mine)
    assert storage.load(KEY) is None
    assert storage.load(WISHES) == ("theirs", theirs + 1)


def test_many_instances_in_threads(storage: RecordStorage) -> None:
    """Eight threads, each with a cart of its own of the same owner, lose nothing."""

    def save_often(number: int) -> int:
        key = CartKey("user:1", f"cart-{number}")
        version = first = saved(storage, key)

        for step in range(50):
            saved_version = save_cart(storage, key, str(step), version)
            assert saved_version == version + 1
            version = saved_version

        assert storage.load(key) == ("49", version)

        return version - first

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(save_often, range(8))) == [50] * 8


def test_owner_who_does_not_stop(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage
) -> None:
    """Where another cart of the owner changes before every try, there is an end to it,
    and nothing was saved. It is no conflict: nobody has touched this cart."""
    mine = saved(storage, KEY, "before")
    saved(storage, WISHES)
    tries = []

    def change_the_other() -> None:
        tries.append(len(tries))
        stored = rival.load(WISHES)
        assert stored is not None
        save_cart(rival, WISHES, "theirs", stored.version)

    shelf.meanwhile = itertools.repeat(shelf.without_rivals(change_the_other))

    with pytest.raises(CartBusyError, match="carts of user:1 do not stop") as caught:
        save_cart(storage, KEY, "mine", mine)

    assert len(tries) == ATTEMPTS
    assert not isinstance(caught.value, CartLockTimeoutError)
    assert storage.load(KEY) == ("before", mine)

    with pytest.raises(CartBusyError):
        delete_cart(storage, KEY, mine)

    shelf.meanwhile = iter(())
    assert save_cart(storage, KEY, "mine", mine) == mine + 1


def test_two_carts_in_one_replacement(shelf: Shelf, storage: RecordStorage) -> None:
    """Two carts are stored and deleted by one compare-and-set of their record: there
    is no moment at which it has one of the changes only."""
    first, second = saved(storage), saved(storage, WISHES)
    before = shelf.replacements
    stored = {"default": (first, "one"), "wishlist": (second, "two")}

    assert save_carts(storage, KEY.owner, stored) == {
        "default": first + 1,
        "wishlist": second + 1,
    }
    assert shelf.replacements == before + 1
    assert storage.load(KEY) == ("one", first + 1)
    assert storage.load(WISHES) == ("two", second + 1)

    moved = {"default": (first + 1, None), "wishlist": (second + 1, "both")}
    versions = save_carts(storage, KEY.owner, moved)
    assert versions == {"default": 0, "wishlist": second + 2}
    assert shelf.replacements == before + 2
    assert storage.load(KEY) is None
    assert storage.load(WISHES) == ("both", second + 2)


@pytest.mark.parametrize("is_locked", [False, True])
@pytest.mark.parametrize(("off", "off_too"), [(0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("text", ["two", None])
def test_one_stale_cart_of_two(
    shelf: Shelf,
    storage: RecordStorage,
    is_locked: bool,
    off: int,
    off_too: int,
    text: str | None,
) -> None:
    """Where one of them is not as it was read, neither is stored or deleted."""
    first, second = saved(storage), saved(storage, WISHES)
    carts = shelf.record["carts"]
    changes = {"default": (first + off, "one"), "wishlist": (second + off_too, text)}

    with storage.lock(KEY.owner) if is_locked else nullcontext():
        assert save_carts(storage, KEY.owner, changes) is None
        assert save_carts(storage, KEY.owner, dict(reversed(changes.items()))) is None

    assert shelf.record["carts"] == carts


@pytest.mark.parametrize("is_default", [False, True])
def test_two_carts_beside_a_rival(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage, is_default: bool
) -> None:
    """A rival who saves one of the two in between makes the whole save a lost one."""
    first, second = saved(storage), saved(storage, WISHES)
    theirs = (KEY, first) if is_default else (WISHES, second)
    shelf.meanwhile = iter([lambda: save_cart(rival, theirs[0], "theirs", theirs[1])])
    changes = {"default": (first, None), "wishlist": (second, "two")}

    assert save_carts(storage, KEY.owner, changes) is None
    assert storage.load(KEY) == (("theirs", first + 1) if is_default else ("{}", first))
    assert storage.load(WISHES) == (
        ("{}", second) if is_default else ("theirs", second + 1)
    )


def test_two_carts_beside_a_third(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage
) -> None:
    """A rival who saves another cart of the owner keeps nobody from it."""
    first, second = saved(storage), saved(storage, WISHES)
    gifts = CartKey(KEY.owner, "gifts")
    shelf.meanwhile = iter([lambda: save_cart(rival, gifts, "theirs", 0)])
    changes = {"default": (first, None), "wishlist": (second, "two")}

    assert save_carts(storage, KEY.owner, changes) == {
        "default": 0,
        "wishlist": second + 1,
    }
    assert storage.instances(KEY.owner) == ["gifts", "wishlist"]


@pytest.mark.parametrize("is_locked", [False, True])
def test_lost_answer_about_two_carts(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage, is_locked: bool
) -> None:
    """A save of two carts that was reported as lost is found to be one's own by the
    one that is left, even if a rival has made the other one anew."""
    first, second = saved(storage), saved(storage, WISHES)
    shelf.afterwards = iter([lambda: save_cart(rival, KEY, "theirs", 0)])
    changes = {"default": (first, None), "wishlist": (second, "moved")}

    with storage.lock(KEY.owner) if is_locked else nullcontext():
        if is_locked:
            shelf.afterwards, afterwards = iter(()), shelf.afterwards
            storage.load(KEY)
            shelf.afterwards = afterwards

        versions = save_carts(storage, KEY.owner, changes)

    assert versions == {"default": 0, "wishlist": second + 1}
    assert storage.load(KEY).data == "theirs"
    assert storage.load(WISHES) == ("moved", second + 1)


def test_two_carts_of_a_late_holder(
    storage: RecordStorage, rival: RecordStorage, clock: Clock
) -> None:
    """Whose lease has run out stores none of the two."""
    first, second = saved(storage), saved(storage, WISHES)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        clock.now += LEASE
        changes = {"default": (first, None), "wishlist": (second, "two")}
        assert save_carts(storage, KEY.owner, changes) is None

    assert rival.load(KEY) == ("{}", first)
    assert rival.load(WISHES) == ("{}", second)


def test_two_carts_that_are_too_large(shelf: Shelf, storage: RecordStorage) -> None:
    """Where the store refuses the record, both carts are as they were."""
    first, second = saved(storage), saved(storage, WISHES)

    def refuse() -> None:
        raise CartTooLargeError("Too large.", limit=1, given=2)

    shelf.meanwhile = iter([refuse])

    with pytest.raises(CartTooLargeError):
        save_carts(
            storage, KEY.owner, {"default": (first, None), "wishlist": (second, "2")}
        )

    assert storage.load(KEY) == ("{}", first)
    assert storage.load(WISHES) == ("{}", second)


def test_rival_of_the_same_cart(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage
) -> None:
    """A cart that a rival has saved in between is not overwritten."""
    version = saved(storage)
    shelf.meanwhile = iter([lambda: save_cart(rival, KEY, "theirs", version)])

    assert save_cart(storage, KEY, "mine", version) is None
    assert storage.load(KEY) == ("theirs", version + 1)


def test_rival_who_saves_the_same(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage
) -> None:
    """A rival's save is not taken for one's own, even if it left the very same text
    and version: who adds a mug beside somebody who adds a mug has to add it again."""
    version = saved(storage)
    shelf.meanwhile = iter([lambda: save_cart(rival, KEY, "one mug", version)])

    assert save_cart(storage, KEY, "one mug", version) is None


def test_rival_who_deletes(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage
) -> None:
    """A cart that a rival has deleted in between is not brought back."""
    version = saved(storage)
    shelf.meanwhile = iter([lambda: delete_cart(rival, KEY, version)])

    assert save_cart(storage, KEY, "ghost", version) is None
    assert storage.load(KEY) is None


@pytest.mark.parametrize("first", [True, False])
def test_lost_answer(shelf: Shelf, storage: RecordStorage, first: bool) -> None:
    """A save that was made, and reported as lost, is found to be one's own: it
    succeeds, and was made once."""
    version = 0 if first else saved(storage)
    before = shelf.replacements
    shelf.afterwards = iter([lambda: None])

    new = save_cart(storage, KEY, "new", version)
    assert new is not None
    assert first or new == version + 1
    assert storage.load(KEY) == ("new", new)
    assert shelf.replacements == before + 1


def test_lost_answer_before_rivals(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage
) -> None:
    """It is found even under the saves of 31 rivals, who were faster than the second
    look; one's own change is in what they have saved."""
    version = saved(storage)

    def save_often() -> None:
        for step in range(31):
            saved_version = save_cart(rival, KEY, f"theirs {step}", version + 1 + step)
            assert saved_version is not None

    shelf.afterwards = iter([save_often])

    assert save_cart(storage, KEY, "mine", version) == version + 1
    assert storage.load(KEY) == ("theirs 30", version + 32)


def test_ids_of_writes_do_not_pile_up(shelf: Shelf, storage: RecordStorage) -> None:
    """Of many saves only the last ids are kept."""
    version = saved(storage)

    for step in range(100):
        assert save_cart(storage, KEY, "{}", version + step) == version + step + 1

    assert len(shelf.record["carts"]["default"][2]) == 32


def test_lost_answer_of_an_add(shelf: Shelf, storage: RecordStorage) -> None:
    """An add whose answer was lost adds one, and is announced once."""
    recorder = Recorder()
    cart = make_cart(storage, announcer=recorder)
    shelf.afterwards = iter([lambda: None] * 2)
    cart.add("mug", price=1)
    cart.add("mug", price=1)

    assert make_cart(storage).quantity == 2
    assert recorder.names == ["cart_created", "item_added", "item_updated"]


def test_delete_of_nothing(shelf: Shelf, storage: RecordStorage) -> None:
    """Version 0 is no cart: nothing is deleted, and the store is not even asked."""
    assert not delete_cart(storage, KEY, 0)
    saved(storage)
    reads = shelf.reads

    assert not delete_cart(storage, KEY, 0)
    assert shelf.reads == reads
    assert storage.load(KEY) is not None


def test_last_cart_of_an_owner(shelf: Shelf, storage: RecordStorage) -> None:
    """The record stays without any carts, and a cart that is made anew is a new one."""
    old = saved(storage)
    assert delete_cart(storage, KEY, old)
    assert shelf.record["carts"] == {}
    assert storage.load(KEY) is None
    assert storage.instances("user:1") == []

    new = saved(storage, KEY, "new")
    assert new != old
    assert save_cart(storage, KEY, "stale", old) is None
    assert storage.load(KEY) == ("new", new)


CORRUPT = {
    "nothing": "",
    "no JSON": "\x00\x01",
    "cut": '{"renewed_at": 1, "carts": {"default": [1, "{}", ["a',
    "list": "[]",
    "null": "null",
    "no carts": "{}",
    "carts of a list": '{"renewed_at": 1, "carts": []}',
    "number for a cart": '{"renewed_at": 1, "carts": {"default": 1}}',
    "cart without ids": '{"renewed_at": 1, "carts": {"default": [1, "{}"]}}',
    "text for a version": '{"renewed_at": 1, "carts": {"default": ["1", "{}", []]}}',
    "object for a text": '{"renewed_at": 1, "carts": {"default": [1, {}, []]}}',
    "text for a time": '{"renewed_at": "1", "carts": {}}',
    "half a character": '{"renewed_at": 1, "carts": {"default": [1, "\\ud800", []]}}',
    "number for a lock": '{"renewed_at": 1, "carts": {}, "lock": 1}',
    "lock without end": '{"renewed_at": 1, "carts": {}, "lock": ["a"]}',
    "another cart's": '{"renewed_at": 1, "carts": {"wishlist": [1, 2, []]}}',
}


@pytest.mark.parametrize("text", CORRUPT.values(), ids=list(CORRUPT))
def test_corrupt(shelf: Shelf, storage: RecordStorage, text: str) -> None:
    """What is not the carts of an owner is an error that shows it, is never taken for
    an empty cart, and stays as it is for somebody to repair."""
    version = saved(storage)
    intact = shelf.texts[shelf.name].text
    shelf.put(text)

    for use in [
        lambda: storage.load(KEY),
        lambda: save_cart(storage, KEY, "new", 0),
        lambda: save_cart(storage, KEY, "new", version),
        lambda: delete_cart(storage, KEY, version),
        lambda: storage.instances("user:1"),
    ]:
        with pytest.raises(CartCorruptError, match="carts of user:1") as caught:
            use()

        assert caught.value.data == text
        assert shelf.texts[shelf.name].text == text

    # Somebody has repaired it.
    shelf.put(intact)
    assert save_cart(storage, KEY, "new", version) == version + 1


def test_errors_do_not_give_guests_away(shelf: Shelf, storage: RecordStorage) -> None:
    """Errors come into logs, and who has the token of a guest has the cart."""
    guest = CartKey("acme/guest:c2VjcmV0IHRva2VuIQ", "default")
    assert save_cart(storage, guest, "{}", 0)
    name, sound = shelf.name, shelf.texts[shelf.name].text

    def change() -> None:
        shelf.texts[name] = Found(sound, object())

    # Somebody else changes another of the carts, again and again.
    shelf.meanwhile = itertools.repeat(change)

    with pytest.raises(CartBusyError) as busy:
        save_cart(storage, CartKey(guest.owner, "other"), "{}", 0)

    shelf.meanwhile = iter(())
    locked = json.loads(sound) | {"lock": ["other", time.time() + 60]}
    shelf.put(json.dumps(locked))

    with pytest.raises(CartBusyError) as barred:
        save_cart(storage, CartKey(guest.owner, "other"), "{}", 0)

    shelf.put("broken")

    with pytest.raises(CartCorruptError) as corrupt:
        storage.load(guest)

    said = [str(each.value) for each in (busy, barred, corrupt)]

    assert not [each for each in said if "c2VjcmV0" in each]
    assert "acme/guest:c2Vj..." in said[2]


def test_corrupt_cart_for_an_app(shelf: Shelf, storage: RecordStorage) -> None:
    """Neither reading nor adding makes a corrupt cart an empty one."""
    saved(storage)
    shelf.put('{"default": [1]}')
    cart = make_cart(storage)

    for use in [lambda: len(cart), lambda: cart.add("mug", price=1), cart.destroy]:
        with pytest.raises(CartCorruptError):
            use()

    assert shelf.texts[shelf.name].text == '{"default": [1]}'


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_text(kind: t.Any) -> None:
    """Whatever a library has for bytes is decoded, and keeps what it came with."""
    assert found_bytes(kind("Zoë".encode()), "ticket") == ("Zoë", "ticket")


@pytest.mark.parametrize("data", [b"\xff", b"abc\xc3", None, 7, "text", ["a"], True])
def test_bytes_that_are_no_text(data: t.Any) -> None:
    """What is not text in UTF-8 is corrupt."""
    with pytest.raises(CartCorruptError, match="not text") as caught:
        found_bytes(data, None)

    assert caught.value.data == repr(data)


class Clock:
    """A time that does not pass by itself."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.5

        self.slept = 0.0
        self.while_waiting: Iterator[Callable[[], object]] = iter(())

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert 0 < seconds < 0.1
        self.now += seconds
        self.slept += seconds
        next(self.while_waiting, lambda: None)()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(records_module, "time", clock)
    monkeypatch.setattr(leases_module, "time", clock)

    return clock


def test_reading_renews(shelf: Shelf, clock: Clock) -> None:
    """Where reading is to keep carts alive, the record is stored again when it has not
    been for some time, as it is and at the same version."""
    storage = open_storage(shelf, renew_after=60)
    version = saved(storage)
    saved(storage, WISHES, "wishes")
    carts = shelf.record["carts"]

    clock.now += 59
    assert storage.load(KEY) == ("{}", version)
    assert shelf.replacements == 2

    clock.now += 2
    assert storage.load(KEY) == ("{}", version)
    assert shelf.replacements == 3
    assert shelf.record == {"renewed_at": int(clock.now), "carts": carts}

    # Once is enough for another minute.
    assert storage.load(KEY) == ("{}", version)
    assert shelf.replacements == 3
    assert save_cart(storage, KEY, "new", version) == version + 1


def test_saving_renews(shelf: Shelf, clock: Clock) -> None:
    """A save is as good as a renewal, also of the owner's other carts."""
    storage = open_storage(shelf, renew_after=60)
    version = saved(storage)
    saved(storage, WISHES)
    clock.now += 50
    save_cart(storage, WISHES, "new", shelf.record["carts"]["wishlist"][0])
    clock.now += 50

    assert storage.load(KEY) == ("{}", version)
    assert shelf.replacements == 3


def test_reading_does_not_renew(shelf: Shelf, clock: Clock) -> None:
    """Elsewhere nothing is written to read, however long ago it was stored."""
    storage = open_storage(shelf)
    saved(storage)
    clock.now += 10**9
    storage.load(KEY)

    assert shelf.replacements == 1


def test_what_is_absent_is_not_renewed(shelf: Shelf, clock: Clock) -> None:
    """Who has no carts does not make the store write; who has one keeps all alive."""
    storage = open_storage(shelf, renew_after=60)
    assert storage.load(KEY) is None
    assert shelf.texts == {}

    saved(storage, WISHES)
    clock.now += 100
    assert storage.load(KEY) is None
    assert shelf.record["renewed_at"] == int(clock.now)


def test_renewal_beside_a_save(
    shelf: Shelf, rival: RecordStorage, clock: Clock
) -> None:
    """A renewal never puts back what somebody else has just changed."""
    storage = open_storage(shelf, renew_after=60)
    version = saved(storage, KEY, "old")
    clock.now += 100
    shelf.meanwhile = iter([lambda: save_cart(rival, KEY, "new", version)])

    # It may be shown as it was when it was read.
    assert storage.load(KEY) == ("old", version)
    assert storage.load(KEY) == ("new", version + 1)


@pytest.mark.parametrize("error", [CartStorageError, CartBusyError])
def test_renewal_that_fails(shelf: Shelf, clock: Clock, error: type[Exception]) -> None:
    """What can be read is shown, also where nothing can be written at the moment; it
    is renewed with the next read."""
    storage = open_storage(shelf, renew_after=60)
    version = saved(storage)
    clock.now += 100

    def fail() -> None:
        raise error("The store only reads.")

    shelf.meanwhile = iter([fail])
    assert storage.load(KEY) == ("{}", version)
    assert shelf.replacements == 1

    assert storage.load(KEY) == ("{}", version)
    assert shelf.replacements == 2


def test_lock_is_in_the_record(shelf: Shelf, storage: RecordStorage) -> None:
    """The lock is taken with the first read, and given back with the save: it costs
    one replacement more."""
    version = saved(storage)
    assert not shelf.is_locked

    with storage.lock(KEY.owner):
        assert not shelf.is_locked
        assert storage.load(KEY) == ("{}", version)
        assert shelf.is_locked
        assert shelf.replacements == 2

        assert save_cart(storage, KEY, "new", version) == version + 1
        assert not shelf.is_locked
        assert shelf.replacements == 3

    assert shelf.replacements == 3
    assert storage.load(KEY) == ("new", version + 1)


def test_lock_that_nobody_needed(shelf: Shelf, storage: RecordStorage) -> None:
    """Who locks and does nothing does not disturb the store."""
    with storage.lock(KEY.owner):
        pass

    assert shelf.reads == 0


def test_lock_of_what_is_not_there(shelf: Shelf, storage: RecordStorage) -> None:
    """What is not there yet can be locked as well."""
    with storage.lock(KEY.owner):
        assert storage.load(KEY) is None
        assert shelf.is_locked
        version = saved(storage)

    assert storage.load(KEY) == ("{}", version)
    assert not shelf.is_locked


@pytest.mark.parametrize("is_deleted", [False, True])
def test_lock_without_a_read(
    shelf: Shelf, storage: RecordStorage, is_deleted: bool
) -> None:
    """Who saves or deletes under the lock without having read takes it first."""
    version = saved(storage)
    seen = []

    def look() -> None:
        seen.append(shelf.is_locked)

    shelf.meanwhile = iter([look, look])

    with storage.lock(KEY.owner):
        if is_deleted:
            assert delete_cart(storage, KEY, version)
        else:
            assert save_cart(storage, KEY, "new", version) == version + 1

    assert seen == [False, True]
    assert not shelf.is_locked


def test_lock_for_two_saves(shelf: Shelf, storage: RecordStorage) -> None:
    """Who saves twice under the lock takes it twice."""
    version = saved(storage)

    with storage.lock(KEY.owner):
        assert storage.load(KEY) is not None
        assert save_cart(storage, KEY, "one", version) == version + 1
        assert storage.load(KEY) is not None
        assert shelf.is_locked
        assert save_cart(storage, KEY, "two", version + 1) == version + 2
        assert save_cart(storage, KEY, "three", version + 2) == version + 3

    assert not shelf.is_locked


def test_lock_is_given_back_after_a_read(shelf: Shelf, storage: RecordStorage) -> None:
    """Who has only read gives the lock back in the end."""
    saved(storage)

    with storage.lock(KEY.owner):
        storage.load(KEY)

    assert not shelf.is_locked


def test_lock_is_given_back_after_an_error(
    shelf: Shelf, storage: RecordStorage
) -> None:
    """So does who has failed, and the error is raised as it was."""
    saved(storage)

    with pytest.raises(ZeroDivisionError), storage.lock(KEY.owner):
        _ = 1 / len(storage.load(KEY).data[2:])

    assert not shelf.is_locked


def test_lock_is_given_back_after_a_lost_save(
    shelf: Shelf, storage: RecordStorage
) -> None:
    """So does whose save was made for another version."""
    version = saved(storage)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        assert save_cart(storage, KEY, "lost", version - 1) is None

    assert not shelf.is_locked


def test_lock_keeps_out_those_without(
    storage: RecordStorage, rival: RecordStorage
) -> None:
    """While somebody has the lock, those who do not lock can read, but not save, also
    not the owner's other carts. They have not lost, and may try again."""
    version = saved(storage)
    wishes = saved(storage, WISHES)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        assert rival.load(KEY) == ("{}", version)

        with pytest.raises(CartBusyError, match="locked"):
            save_cart(rival, KEY, "theirs", version)

        with pytest.raises(CartBusyError, match="locked"):
            save_cart(rival, WISHES, "theirs", wishes)

        with pytest.raises(CartBusyError, match="locked"):
            delete_cart(rival, KEY, version)

        assert save_cart(rival, KEY, "theirs", version - 1) is None
        assert not delete_cart(rival, KEY, version - 1)
        assert save_cart(rival, CartKey("user:2", "default"), "theirs", 0) is not None
        assert save_cart(storage, KEY, "mine", version) == version + 1

    assert save_cart(rival, WISHES, "theirs", wishes) == wishes + 1


def test_lock_is_waited_for(
    storage: RecordStorage, rival: RecordStorage, clock: Clock
) -> None:
    """Who comes second waits, and reads what the first one has saved."""
    version = saved(storage)
    lock = storage.lock(KEY.owner)
    lock.__enter__()
    storage.load(KEY)
    idle = [lambda: None] * 20
    clock.while_waiting = iter(
        [*idle, lambda: save_cart(storage, KEY, "mine", version)]
    )

    with rival.lock(KEY.owner):
        assert rival.load(KEY) == ("mine", version + 1)

    lock.__exit__(None, None, None)
    assert 0.1 < clock.slept < 0.3


@pytest.mark.parametrize("timeout", [0, 0.25, 5])
@pytest.mark.parametrize("is_read", [False, True])
def test_lock_is_not_waited_for_too_long(
    shelf: Shelf, storage: RecordStorage, clock: Clock, timeout: float, is_read: bool
) -> None:
    """A lock that is held for longer than CART_LOCK_TIMEOUT is an error that says so,
    then and not earlier; nothing has changed."""
    version = saved(storage)
    rival = open_storage(shelf, lock_timeout=timeout)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        before = shelf.texts.copy()
        end = clock.now + timeout

        with (
            pytest.raises(CartLockTimeoutError, match=f"for {timeout} seconds"),
            rival.lock(KEY.owner),
        ):
            _ = rival.load(KEY) if is_read else save_cart(rival, KEY, "theirs", version)

        assert end <= clock.now < end + 0.05
        assert shelf.texts == before
        assert save_cart(storage, KEY, "mine", version) == version + 1


def test_lock_of_another_owner(
    storage: RecordStorage, rival: RecordStorage, clock: Clock
) -> None:
    """Each owner has a lock, and who has one may take another one under it."""
    other = CartKey("user:2", "default")
    saved(storage)
    theirs = saved(storage, other)

    with storage.lock(KEY.owner):
        mine = storage.load(KEY)
        assert mine is not None

        with storage.lock(other.owner):
            assert storage.load(other) == ("{}", theirs)

            for key, version in [(other, theirs), (KEY, mine.version)]:
                with pytest.raises(CartBusyError, match="locked"):
                    save_cart(rival, key, "no", version)

            assert save_cart(storage, other, "new", theirs) == theirs + 1

        assert save_cart(storage, KEY, "new", mine.version) is not None

    assert clock.slept == 0


def test_lock_that_this_thread_has_already(
    shelf: Shelf, storage: RecordStorage, clock: Clock
) -> None:
    """Who has the lock of an owner and asks for it once more has it, and keeps it until
    the outer block ends."""
    version = saved(storage)

    with storage.lock(KEY.owner) as outer:
        storage.load(KEY)

        with storage.lock(KEY.owner) as inner:
            assert inner is outer
            assert storage.load(KEY) == ("{}", version)

        assert shelf.is_locked

    assert clock.slept == 0
    assert not shelf.is_locked


def test_lock_of_another_thread(storage: RecordStorage) -> None:
    """The lock belongs to the thread that has taken it, not to the storage."""
    version = saved(storage)

    with storage.lock(KEY.owner), ThreadPoolExecutor(1) as pool:
        storage.load(KEY)

        with pytest.raises(CartBusyError, match="locked"):
            pool.submit(save_cart, storage, KEY, "theirs", version).result(30)

        assert save_cart(storage, KEY, "mine", version) == version + 1


def test_lease(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage, clock: Clock
) -> None:
    """The lock of somebody who is gone is free when its lease is over, and not a
    moment before."""
    version = saved(storage)
    lost = storage.lock(KEY.owner)
    lost.__enter__()
    storage.load(KEY)
    assert shelf.record["lock"][1] == clock.now + LEASE

    clock.now += LEASE - 0.1

    with pytest.raises(CartBusyError, match="locked"):
        save_cart(rival, KEY, "theirs", version)

    with rival.lock(KEY.owner):
        assert rival.load(KEY) == ("{}", version)
        assert 0.1 <= clock.slept < 0.12
        assert save_cart(rival, KEY, "theirs", version) == version + 1

    lost.__exit__(None, None, None)


def test_lease_without_the_lock(
    storage: RecordStorage, rival: RecordStorage, clock: Clock
) -> None:
    """Then also those can save who do not lock."""
    version = saved(storage)
    lost = storage.lock(KEY.owner)
    lost.__enter__()
    storage.load(KEY)
    clock.now += LEASE

    assert save_cart(rival, KEY, "theirs", version) == version + 1
    lost.__exit__(None, None, None)
    assert rival.load(KEY) == ("theirs", version + 1)


def test_late_holder_is_fenced(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage, clock: Clock
) -> None:
    """Who comes back when the lease is over cannot save any more, though nobody has
    saved yet, and does not end the lock of the next one."""
    version = saved(storage)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        clock.now += LEASE

        with rival.lock(KEY.owner):
            rival.load(KEY)
            assert save_cart(storage, KEY, "late", version) is None
            assert not delete_cart(storage, KEY, version)
            theirs = shelf.record["lock"]
            assert rival.load(KEY) == ("{}", version)

            # It is a new lease of the same holder.
            assert shelf.record["lock"][0] == theirs[0]
            assert save_cart(rival, KEY, "theirs", version) == version + 1

    assert storage.load(KEY) == ("theirs", version + 1)


def test_late_holder_does_not_end_the_next_lock(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage, clock: Clock
) -> None:
    """Who gives a lock back that has become another one's leaves it alone."""
    version = saved(storage)
    late = storage.lock(KEY.owner)
    late.__enter__()
    storage.load(KEY)
    clock.now += LEASE
    next_one = rival.lock(KEY.owner)
    next_one.__enter__()
    rival.load(KEY)
    late.__exit__(None, None, None)

    assert shelf.is_locked

    with pytest.raises(CartBusyError, match="locked"):
        save_cart(storage, KEY, "no", version)

    next_one.__exit__(None, None, None)
    assert not shelf.is_locked


def test_late_holder_without_a_next_one(
    shelf: Shelf, storage: RecordStorage, clock: Clock
) -> None:
    """Who is late loses, even if nobody has come."""
    version = saved(storage)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        clock.now += LEASE
        assert save_cart(storage, KEY, "late", version) is None

    assert not shelf.is_locked
    assert storage.load(KEY) == ("{}", version)


def test_answer_of_the_lock_is_lost(
    shelf: Shelf, storage: RecordStorage, clock: Clock
) -> None:
    """Who has got the lock without being told so does not wait for its end."""
    version = saved(storage)
    shelf.afterwards = iter([lambda: None])

    with storage.lock(KEY.owner):
        assert storage.load(KEY) == ("{}", version)
        assert save_cart(storage, KEY, "new", version) == version + 1

    assert clock.slept < 0.1
    assert not shelf.is_locked


def test_answer_of_a_locked_save_is_lost(shelf: Shelf, storage: RecordStorage) -> None:
    """A save under the lock that was reported as lost is found to be one's own, too."""
    version = saved(storage)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        shelf.afterwards = iter([lambda: None])
        assert save_cart(storage, KEY, "one", version) == version + 1
        assert save_cart(storage, KEY, "two", version + 1) == version + 2

    assert storage.load(KEY) == ("two", version + 2)
    assert not shelf.is_locked


def test_lock_beside_a_save(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage, clock: Clock
) -> None:
    """Who takes the lock while somebody saves tries again at once, and reads what was
    saved."""
    version = saved(storage)
    shelf.meanwhile = iter([lambda: save_cart(rival, KEY, "theirs", version)])

    with storage.lock(KEY.owner):
        assert storage.load(KEY) == ("theirs", version + 1)
        assert save_cart(storage, KEY, "mine", version + 1) == version + 2

    assert clock.slept == 0


def test_lock_of_those_who_do_not_stop(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage, clock: Clock
) -> None:
    """Who never gets to take the lock gives up after CART_LOCK_TIMEOUT, too."""
    version = saved(storage)
    versions = itertools.count(version)

    def save_quickly() -> None:
        clock.now += 0.001
        assert save_cart(rival, KEY, "theirs", next(versions)) is not None

    shelf.meanwhile = itertools.repeat(shelf.without_rivals(save_quickly))
    started = clock.now

    with pytest.raises(CartLockTimeoutError), storage.lock(KEY.owner):
        storage.load(KEY)

    assert LOCK_TIMEOUT <= clock.now - started < LOCK_TIMEOUT + 0.05
    assert not shelf.is_locked


def beside(shelf: Shelf) -> Callable[[], None]:
    """What changes the record while its lock is held: nothing that counts."""

    def renew() -> None:
        found = shelf.texts[shelf.name]
        shelf.texts[shelf.name] = Found(found.text, object())

    return renew


def test_lock_is_given_back_beside_others(shelf: Shelf, storage: RecordStorage) -> None:
    """A lock is given back also when the record is just being renewed."""
    saved(storage)

    with storage.lock(KEY.owner):
        storage.load(KEY)
        shelf.meanwhile = iter([beside(shelf)] * 3)

    assert not shelf.is_locked


def test_lock_that_cannot_be_given_back(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage, clock: Clock
) -> None:
    """Giving back has an end as well; then the lock ends with its lease."""
    version = saved(storage)
    tries = itertools.count(1)

    def renew() -> None:
        next(tries)
        beside(shelf)()

    with storage.lock(KEY.owner):
        storage.load(KEY)
        shelf.meanwhile = itertools.repeat(renew)

    assert next(tries) == ATTEMPTS + 1
    assert shelf.is_locked
    shelf.meanwhile = iter(())
    clock.now += LEASE
    assert save_cart(rival, KEY, "theirs", version) == version + 1


@pytest.mark.parametrize("is_spoilt", [False, True])
def test_store_that_fails_under_the_lock(
    shelf: Shelf, storage: RecordStorage, is_spoilt: bool
) -> None:
    """A lock that cannot be given back hides neither a result nor an error."""

    def fail() -> None:
        raise CartStorageError("The store is down.")

    def read_and_fail() -> t.NoReturn:
        with storage.lock(KEY.owner):
            storage.load(KEY)
            shelf.meanwhile = iter([fail])

            if is_spoilt:
                shelf.put("spoilt")

            raise ZeroDivisionError

    saved(storage)

    with pytest.raises(ZeroDivisionError):
        read_and_fail()

    shelf.meanwhile = iter(())


def test_lock_that_may_have_been_taken(shelf: Shelf, storage: RecordStorage) -> None:
    """Where the store has failed while the lock was being taken, nobody knows whether
    it was; it is given back."""

    def fail() -> None:
        raise CartStorageError("The connection is gone.")

    saved(storage)
    shelf.afterwards = iter([fail])

    with pytest.raises(CartStorageError), storage.lock(KEY.owner):
        storage.load(KEY)

    assert not shelf.is_locked


def test_last_attempt_wins(storage: RecordStorage, rival: RecordStorage) -> None:
    """Against somebody who always saves in between, and does not lock, the last retry
    holds the lock, and wins."""
    make_cart(storage).add("mug", price=1)
    load = storage.load
    results = []

    def load_and_let_rival(key: CartKey) -> Stored | None:
        stored = load(key)
        assert stored is not None

        try:
            results.append(
                save_cart(rival, key, stored.data, stored.version) is not None
            )
        except CartBusyError:
            results.append(False)

        return stored

    storage.load = load_and_let_rival
    make_cart(storage, retry=Retry(5, 0, 0)).add("mug", price=1)

    assert results == [True] * 5 + [False]
    assert make_cart(rival).quantity == 2


@pytest.mark.parametrize("always_lock", [False, True])
def test_every_add_counts(shelf: Shelf, always_lock: bool) -> None:
    """Eight threads that add at once lose nothing, with a lock for each add and
    without."""
    storage = open_storage(shelf, always_lock=always_lock, lock_timeout=30)
    together = threading.Barrier(8)

    def add(number: int) -> None:
        together.wait(30)

        for _ in range(15):
            make_cart(storage).add("mug", price=1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))

    assert make_cart(storage).quantity == 120


def test_those_without_the_lock_try_again(
    shelf: Shelf, storage: RecordStorage, rival: RecordStorage
) -> None:
    """An add that comes while somebody holds the lock is made when it is free."""
    make_cart(storage).add("mug", price=1)
    lock = storage.lock(KEY.owner)
    lock.__enter__()
    storage.load(KEY)
    tries = []
    read = shelf.read

    def read_and_count(key: str) -> Found | None:
        tries.append(key)

        if len(tries) == 4:
            lock.__exit__(None, None, None)

        return read(key)

    shelf.read = read_and_count
    make_cart(rival).add("mug", price=1)

    assert len(tries) > 4
    assert make_cart(rival).quantity == 2
