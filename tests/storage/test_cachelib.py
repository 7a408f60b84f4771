"""What is peculiar to carts in caches that cannot compare and set: files, memory."""

from __future__ import annotations

import json
import logging
import pickle
import shutil
import struct
import subprocess
import sys
import threading
import time
import typing as t
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cachelib import BaseCache
from cachelib import FileSystemCache
from cachelib import SimpleCache
from flask import Flask
from flask_caching import Cache

from flask_cart import CartCorruptError
from flask_cart import CartError
from flask_cart import CartLockTimeoutError
from flask_cart import CartStorageError
from flask_cart import FlaskCart
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Guarantee
from flask_cart.storage.keyvalue.cachelib import CacheRecords
from flask_cart.storage.keyvalue.cachelib import Locks
from flask_cart.storage.keyvalue.cachelib import ThreadLocks
from flask_cart.storage.keyvalue.cachelib import is_file_of
from flask_cart.storage.keyvalue.cachelib import number_of
from flask_cart.storage.keyvalue.file_locks import FileLocks
from flask_cart.storage.keyvalue.keeping import Keeping
from flask_cart.storage.keyvalue.records import RecordStorage
from flask_cart.testing.carts import delete_cart
from flask_cart.testing.carts import save_cart
from tests.support.apps import make_app
from tests.support.shop import make_cart

pytestmark = pytest.mark.usefixtures("steps_of_one")

KEY = CartKey("user:1", "default")
LOCKS = 256
TTL = 1000
SLOW = 30.0

LockMaker = Callable[[float], Locks]


def open_cache(
    backend: BaseCache,
    locks: Locks | None,
    *,
    has: Callable[[t.Any, str], bool] = lambda backend, name: backend.has(name),
    ttl: float = TTL,
    always_lock: bool = False,
    lock_timeout: float = SLOW,
) -> RecordStorage:
    records = CacheRecords(backend, "cart:", ttl, locks, has)

    return RecordStorage(records, Keeping(ttl, None, always_lock, lock_timeout, 60))


def open_files(folder: Path, **options: t.Any) -> RecordStorage:
    """Carts in a folder, whose locks are beside it."""
    return open_cache(
        FileSystemCache(str(folder / "cache"), threshold=0),
        FileLocks(folder / "cache.locks", SLOW),
        has=is_file_of,
        **options,
    )


def open_memory(folder: Path, **options: t.Any) -> RecordStorage:
    return open_cache(SimpleCache(), ThreadLocks(SLOW), **options)


OPENERS = pytest.mark.parametrize("opener", [open_files, open_memory])


def saved(storage: RecordStorage, key: CartKey = KEY, data: str = "{}") -> int:
    """The version of a cart that is saved for the first time."""
    version = save_cart(storage, key, data, 0)
    assert version is not None

    return version


@pytest.fixture(params=["files", "threads"])
def make_locks(request: pytest.FixtureRequest, tmp_path: Path) -> LockMaker:
    """Makes locks, with the seconds that they are waited for."""
    if request.param == "threads":
        shared = ThreadLocks(0)

        def make_thread_locks(timeout: float) -> Locks:
            locks = ThreadLocks(timeout)
            locks._locks = shared._locks

            return locks

        return make_thread_locks

    return lambda timeout: FileLocks(tmp_path / "locks", timeout)


def names_of(number: int) -> t.Iterator[str]:
    """Keys that share a lock."""
    candidates = (f"key-{step}" for step in range(10**6))

    return (each for each in candidates if number_of(each) == number)


def test_same_key_is_locked(make_locks: LockMaker) -> None:
    """A key that somebody holds is refused to others, and free after that."""
    with (
        make_locks(0).hold("a"),
        pytest.raises(CartLockTimeoutError, match="for 0 s"),
        make_locks(0).hold("a"),
    ):
        pytest.fail("It is locked.")

    with make_locks(0).hold("a"):
        pass


def test_keys_share_locks(make_locks: LockMaker) -> None:
    """There are so many locks and no more; keys of one are locked together."""
    first, second = (next(names_of(number)) for number in (3, 4))
    names = names_of(3)
    next(names)

    with make_locks(0).hold(first):
        with make_locks(0).hold(second):
            pass

        with pytest.raises(CartLockTimeoutError), make_locks(0).hold(next(names)):
            pytest.fail("It is locked.")


def test_lock_is_waited_for(make_locks: LockMaker) -> None:
    """Who comes second waits until the first one is done."""
    order = []

    def hold() -> None:
        with make_locks(SLOW).hold("a"):
            order.append("second")

    with ThreadPoolExecutor(1) as pool:
        with make_locks(SLOW).hold("a"):
            waiting = pool.submit(hold)
            time.sleep(0.05)
            order.append("first")

        waiting.result(SLOW)

    assert order == ["first", "second"]


def test_lock_is_not_waited_for_too_long(make_locks: LockMaker) -> None:
    """Who waits gives up in time, and not earlier."""
    with make_locks(SLOW).hold("a"):
        started = time.monotonic()

        with (
            pytest.raises(CartLockTimeoutError, match=r"for 0\.2 s"),
            make_locks(0.2).hold("a"),
        ):
            pytest.fail("It is locked.")

        assert 0.2 <= time.monotonic() - started < 5


def test_lock_is_given_back_after_an_error(make_locks: LockMaker) -> None:
    """An error is raised as it was, and the lock is free."""
    with pytest.raises(ZeroDivisionError), make_locks(0).hold("a"):
        _ = 1 / 0

    with make_locks(0).hold("a"):
        pass


def test_threads_keep_each_other_out(make_locks: LockMaker) -> None:
    """Of many threads only one is inside."""
    inside = []
    locks = make_locks(SLOW)

    def enter(number: int) -> None:
        for _ in range(20):
            with locks.hold("a"):
                inside.append(number)
                assert inside == [number]
                time.sleep(0.0001)
                inside.remove(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(enter, range(4)))


@pytest.mark.parametrize(
    ("locks", "guarantee"),
    [
        (None, Guarantee.LAST_WRITE_WINS),
        (ThreadLocks(1), Guarantee.ATOMIC),
        (FileLocks(Path("unused"), 1), Guarantee.ATOMIC),
    ],
)
def test_guarantee(locks: Locks | None, guarantee: Guarantee) -> None:
    """What is promised is what the locks can keep."""
    assert open_cache(SimpleCache(), locks).guarantee is guarantee


@OPENERS
def test_one_lock_at_a_time(
    opener: Callable[..., RecordStorage], tmp_path: Path
) -> None:
    """Whatever locks the owners of two carts share, a save under the lock of a cart
    never waits for itself."""
    storage = opener(tmp_path, lock_timeout=0)
    numbers: set[int] = set()
    outer = CartKey("user:outer", "default")

    with storage.lock(outer.owner):
        storage.load(outer)

        for step in range(10**6):
            key = CartKey(f"user:{step}", "default")
            number = number_of(records_name(key))

            if number not in numbers:
                numbers.add(number)

                with storage.lock(key.owner):
                    assert storage.load(key) is None
                    assert saved(storage, key)

            if len(numbers) == LOCKS:
                break

    assert len(numbers) == LOCKS


def records_name(key: CartKey) -> str:
    """The key of an owner's record."""
    seen = []

    class Spy(SimpleCache):
        def get(self, name: str) -> t.Any:
            seen.append(name.removeprefix("cart:"))

    open_cache(Spy(), None).load(key)

    return seen[0]


@OPENERS
@pytest.mark.parametrize("always_lock", [False, True])
def test_every_add_counts(
    opener: Callable[..., RecordStorage], tmp_path: Path, always_lock: bool
) -> None:
    """Eight threads that add at once lose nothing."""
    storage = opener(tmp_path, always_lock=always_lock)
    together = threading.Barrier(8)
    times = 50 if opener is open_memory else 12

    def add(number: int) -> None:
        together.wait(SLOW)

        for _ in range(times):
            make_cart(storage).add("mug", price=1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))

    assert make_cart(storage).quantity == 8 * times


HOLD = """
import sys
from pathlib import Path

from flask_cart.storage.keyvalue.file_locks import FileLocks

with FileLocks(Path(sys.argv[1]), 30).hold("a"):
    print("ready", flush=True)
    sys.stdin.readline()
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a process, and wait until it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join([str(Path(__file__).parent), *sys.path])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    return process


def test_process_that_was_killed(tmp_path: Path) -> None:
    """The lock of a file ends with its process, at once, however it ended."""
    process = start(HOLD, tmp_path)

    try:
        with pytest.raises(CartLockTimeoutError), FileLocks(tmp_path, 0).hold("a"):
            pytest.fail("It is locked.")
    finally:
        process.kill()
        process.communicate()

    with FileLocks(tmp_path, 0).hold("a"):
        pass


def test_files_of_locks(tmp_path: Path) -> None:
    """There are never more files of locks than there are locks."""
    storage = open_files(tmp_path)

    for number in range(400):
        saved(storage, CartKey(f"user:{number}", "default"))

    assert LOCKS / 2 < len(list((tmp_path / "cache.locks").iterdir())) <= LOCKS


def open_file_shop(folder: Path) -> tuple[Flask, Cache, FlaskCart]:
    """A shop with its carts in files of Flask-Caching."""
    app = make_app(
        CART_STORAGE="cache",
        CACHE_TYPE="FileSystemCache",
        CACHE_DIR=str(folder / "cache"),
        CACHE_THRESHOLD=0,
        TESTING=True,
    )
    cache = Cache(app)

    return app, cache, FlaskCart(app)


def test_locks_are_not_in_the_cache(tmp_path: Path) -> None:
    """The locks of an app's carts are beside its cache, which would count them, throw
    them away when it is full, and clear them while somebody holds them."""
    app, cache, extension = open_file_shop(tmp_path)

    with app.app_context():
        extension.cart(owner="user:1").add("mug", price=1)
        assert len(list((tmp_path / "cache").iterdir())) == 1
        locks = list((tmp_path / "cache.locks").iterdir())
        assert len(locks) == 1

        cache.clear()
        assert list((tmp_path / "cache.locks").iterdir()) == locks
        extension.cart(owner="user:1").add("mug", price=1)
        assert extension.cart(owner="user:1").quantity == 1


def test_files_are_text(tmp_path: Path) -> None:
    """No file of a cart is a pickle, and all that is the app's own still is."""
    app, cache, extension = open_file_shop(tmp_path)

    with app.app_context():
        extension.cart(owner="user:1").add("mug", price=1)
        (path,) = (tmp_path / "cache").iterdir()
        cache.set("page", {"mug", "pot"})

        assert json.loads(path.read_bytes()[struct.calcsize("I") :])
        assert cache.get("page") == {"mug", "pot"}
        assert extension.cart(owner="user:1").quantity == 1


class Planted:
    """What leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[t.Any, ...]:
        return Path.touch, (self.mark,)


def test_a_planted_pickle_does_not_run(tmp_path: Path) -> None:
    """Whoever can write into the folder cannot run code by way of a cart."""
    app, _, extension = open_file_shop(tmp_path)

    with app.app_context():
        extension.cart(owner="user:1").add("mug", price=1)
        (path,) = (tmp_path / "cache").iterdir()
        head = path.read_bytes()[: struct.calcsize("I")]
        path.write_bytes(head + pickle.dumps(Planted(tmp_path / "mark")))

        with pytest.raises(CartCorruptError):
            list(extension.cart(owner="user:1"))

    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("folder", ["here", "./here/", "deep/er", "."])
def test_locks_are_beside_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """However the folder of the cache is written, that of the locks is outside."""
    monkeypatch.chdir(tmp_path)
    app = make_app(
        CART_STORAGE="cache",
        CACHE_TYPE="FileSystemCache",
        CACHE_DIR=folder,
        TESTING=True,
    )
    Cache(app)
    extension = FlaskCart(app)

    with app.app_context():
        extension.cart(owner="user:1").add("mug", price=1)

    cache = Path(folder).absolute()
    assert [each.suffix for each in cache.rglob("*.lock*")] == []
    assert len(list(cache.with_name(f"{cache.name}.locks").iterdir())) == 1


def test_locks_that_cannot_be_made(tmp_path: Path) -> None:
    """Where no folder can be made, nothing is saved without a lock; reading goes on."""
    storage = open_files(tmp_path)
    version = saved(storage)
    shutil.rmtree(tmp_path / "cache.locks")
    (tmp_path / "cache.locks").write_text("in the way")

    with pytest.raises(CartStorageError, match="cannot be locked") as caught:
        save_cart(storage, KEY, "new", version)

    assert isinstance(caught.value.__cause__, OSError)
    assert not isinstance(caught.value, CartLockTimeoutError)
    assert storage.load(KEY) == ("{}", version)


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """What cachelib logs of broken files is not shown."""
    caplog.set_level(logging.CRITICAL)


@pytest.fixture
def files(tmp_path: Path) -> RecordStorage:
    return open_files(tmp_path)


@pytest.fixture
def version(files: RecordStorage) -> int:
    """The version of a cart that is in a file."""
    return saved(files, data='{"a": "' + "x" * 40 + '"}')


@pytest.fixture
def file(version: int, tmp_path: Path) -> Path:
    """The file that it is in."""
    (file,) = (tmp_path / "cache").iterdir()

    return file


def refusal(storage: RecordStorage, version: int) -> type[CartError]:
    """The error of reading, which is also that of saving and of deleting."""
    errors = set()

    for use in [
        lambda: storage.load(KEY),
        lambda: save_cart(storage, KEY, "new", 0),
        lambda: save_cart(storage, KEY, "new", version),
        lambda: delete_cart(storage, KEY, version),
        lambda: storage.instances(KEY.owner),
    ]:
        with pytest.raises((CartCorruptError, CartStorageError)) as caught:
            use()

        errors.add(caught.type)

    (error,) = errors

    return error


@pytest.mark.usefixtures("quiet")
def test_cut_file(files: RecordStorage, version: int, file: Path) -> None:
    """A file that is cut anywhere, as by a machine that has lost its power, is never
    taken for an empty cart, and stays for somebody to repair."""
    whole = file.read_bytes()

    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert refusal(files, version) is CartCorruptError
        assert file.read_bytes() == whole[:length]

    file.write_bytes(whole)
    assert save_cart(files, KEY, "new", version) == version + 1


@pytest.mark.usefixtures("quiet")
def test_broken_file(files: RecordStorage, version: int, file: Path) -> None:
    """A file in which any bit is wrong, outside the cart's text, is an error of ours,
    and stays as it is."""
    whole = file.read_bytes()
    text = whole.index(b"{")

    # Before these is the time when it expires, which may be another one then.
    for position in [*range(4, text), len(whole) - 1]:
        for bit in range(8):
            changed = bytes([whole[position] ^ (1 << bit)])
            broken = whole[:position] + changed + whole[position + 1 :]
            file.write_bytes(broken)

            try:
                assert files.load(KEY) is not None
            except (CartCorruptError, CartStorageError):
                refusal(files, version)

            assert file.read_bytes() == broken


UNREADABLE = {
    "no pickle": b"\xff" * 20,
    "zeros": bytes(20),
    "unknown protocol": b"\x80\xc8.",
    "unknown class": b"cno.such.module\nname\n.",
    "number": pickle.dumps(7),
    "list": pickle.dumps(["{}"]),
    "bytes": pickle.dumps(b"{}"),
    "another text": pickle.dumps("no JSON"),
    "empty text": pickle.dumps(""),
    "nothing": pickle.dumps(None),
}


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("content", UNREADABLE.values(), ids=list(UNREADABLE))
def test_file_that_is_no_cart(
    files: RecordStorage, version: int, file: Path, content: bytes
) -> None:
    """A file in which there is something else is an error of ours, and stays."""
    far_away = struct.pack("I", int(time.time()) + TTL)
    file.write_bytes(far_away + content)

    refusal(files, version)
    assert file.read_bytes() == far_away + content


@pytest.mark.usefixtures("quiet")
def test_file_that_cannot_be_opened(
    files: RecordStorage, version: int, file: Path
) -> None:
    """What is there and cannot be opened, as a folder cannot, is no empty cart."""
    file.unlink()
    file.mkdir()

    assert refusal(files, version) is CartCorruptError


def test_file_that_has_expired(files: RecordStorage, version: int, file: Path) -> None:
    """A cart whose time is over is gone, and can be made anew."""
    content = file.read_bytes()[4:]
    file.write_bytes(struct.pack("I", int(time.time()) - 1) + content)
    assert files.load(KEY) is None
    assert save_cart(files, KEY, "stale", version) is None

    new = saved(files, data="new")
    assert files.load(KEY) == ("new", new)


def test_file_that_never_expires(
    files: RecordStorage, version: int, file: Path
) -> None:
    """A file without a time is there, also if it cannot be read."""
    file.write_bytes(bytes(4))

    assert refusal(files, version) is CartCorruptError


def expiry(file: Path) -> int:
    """When a cache throws away a file."""
    seconds: int = struct.unpack("I", file.read_bytes()[:4])[0]

    return seconds


def test_lifetime_of_a_file(files: RecordStorage, version: int, file: Path) -> None:
    """A cart is kept for as long as it is meant to be, from its last save on; not for
    the five minutes of the cache."""
    assert expiry(file) - time.time() == pytest.approx(TTL, abs=5)

    file.write_bytes(struct.pack("I", int(time.time()) + 20) + file.read_bytes()[4:])
    assert save_cart(files, KEY, "new", version) == version + 1
    assert expiry(file) - time.time() == pytest.approx(TTL, abs=5)


def test_lifetime_in_memory() -> None:
    """So is one in memory, whose fractions of a second count as much as they can."""
    backend = SimpleCache()
    storage = open_cache(backend, ThreadLocks(SLOW), ttl=99.6)
    saved(storage)
    ((expires, _),) = backend._cache.values()

    assert expires - time.time() == pytest.approx(100, abs=5)


@pytest.mark.usefixtures("quiet")
def test_cache_that_keeps_nothing(files: RecordStorage, tmp_path: Path) -> None:
    """A cart that the cache did not keep was not saved, and it works again when there
    is a place for it."""
    shutil.rmtree(tmp_path / "cache")

    with pytest.raises(CartStorageError, match="did not keep"):
        save_cart(files, KEY, "new", 0)

    (tmp_path / "cache").mkdir()
    new = saved(files)
    assert files.load(KEY) == ("{}", new)


class Backend(SimpleCache):
    """A cache in which something happens before it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.before_get: list[Callable[[], object]] = []
        self.before_set: list[Callable[[], object]] = []

    def get(self, key: str) -> t.Any:
        if self.before_get:
            self.before_get.pop(0)()

        return super().get(key)

    def set(self, key: str, value: t.Any, timeout: t.Any = None) -> t.Any:
        if self.before_set:
            self.before_set.pop(0)()

        return super().set(key, value, timeout)


class DatabaseDownError(Exception):
    """What the library of some cache raises."""


def fail() -> t.NoReturn:
    raise DatabaseDownError("Nobody answers.")


@pytest.fixture
def backend() -> Backend:
    return Backend()


def test_cache_that_is_down(backend: Backend) -> None:
    """Whatever a cache's own errors are, they are errors of the storage."""
    storage = open_cache(backend, ThreadLocks(0))
    version = saved(storage)

    for use in [
        lambda: storage.load(KEY),
        lambda: save_cart(storage, KEY, "new", version),
        lambda: delete_cart(storage, KEY, version),
        lambda: storage.instances(KEY.owner),
    ]:
        backend.before_get = [fail]

        with pytest.raises(CartStorageError, match="Nobody answers") as caught:
            use()

        assert isinstance(caught.value.__cause__, DatabaseDownError)

    backend.before_set = [fail]

    with pytest.raises(CartStorageError, match="Nobody answers"):
        save_cart(storage, KEY, "new", version)

    # No lock has been left.
    assert save_cart(storage, KEY, "new", version) == version + 1


def test_interrupt_passes(backend: Backend) -> None:
    """Who stops the process stops it."""
    storage = open_cache(backend, ThreadLocks(0))

    def stop() -> t.NoReturn:
        raise KeyboardInterrupt

    backend.before_get = [stop]

    with pytest.raises(KeyboardInterrupt):
        storage.load(KEY)


class Half(Backend):
    """A cache that shows something a moment before it can be read."""

    def get(self, key: str) -> t.Any:
        super().get(key)

        return None if self.before_get else SimpleCache.get(self, key)


def test_written_in_between() -> None:
    """What was written between a look and the next is read, and is not corrupt."""
    backend = Half()
    storage = open_cache(backend, None)
    version = saved(storage)
    backend.before_get = [lambda: None, lambda: None]

    assert storage.load(KEY) == ("{}", version)


def test_gone_in_between() -> None:
    """What has expired between a look and the next is gone, and is not corrupt."""
    answers = [True, False]
    storage = open_cache(SimpleCache(), None, has=lambda *args: answers.pop(0))

    assert storage.load(KEY) is None
    assert answers == []


def test_shown_but_unreadable() -> None:
    """What is there both times, and cannot be read, is corrupt."""
    storage = open_cache(SimpleCache(), None, has=lambda *args: True)

    with pytest.raises(CartCorruptError, match="cannot read"):
        storage.load(KEY)


def test_value_of_another_kind(backend: Backend) -> None:
    """What somebody else has put there is shown, and is not a cart."""
    storage = open_cache(backend, None)
    saved(storage)
    (name,) = backend._cache
    backend.set(name, ["a"])

    with pytest.raises(CartCorruptError, match="not carts") as caught:
        storage.load(KEY)

    assert caught.value.data == "['a']"


def test_last_write_wins_without_locks(backend: Backend) -> None:
    """Without locks, a rival who saves just before is overwritten. That is what the
    guarantee says, and what locks are for."""
    storage = open_cache(backend, None)
    rival = open_cache(backend, None)
    version = saved(storage)
    backend.before_set = [lambda: save_cart(rival, KEY, "theirs", version)]

    assert save_cart(storage, KEY, "mine", version) == version + 1
    assert storage.load(KEY) == ("mine", version + 1)


def test_nobody_writes_between_look_and_write(backend: Backend) -> None:
    """With locks, a rival is kept out from the look on."""
    locks = ThreadLocks(0)
    storage = open_cache(backend, locks)
    rival = open_cache(backend, locks)
    version = saved(storage)
    kept_out = []

    def save_theirs() -> None:
        with pytest.raises(CartLockTimeoutError) as caught:
            save_cart(rival, KEY, "theirs", version)

        kept_out.append(caught)

    backend.before_set = [save_theirs]
    assert save_cart(storage, KEY, "mine", version) == version + 1
    assert len(kept_out) == 1
