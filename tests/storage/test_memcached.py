"""What is peculiar to carts in Memcached, with each library that talks to it."""

from __future__ import annotations

import hashlib
import importlib.util
import pickle
import socket
import subprocess
import sys
import threading
import time
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import memcache
import pymemcache
import pytest
from pymemcache.client.hash import HashClient
from pymemcache.client.retrying import RetryingClient

from flask_cart import CartConfigError
from flask_cart import CartCorruptError
from flask_cart import CartLockTimeoutError
from flask_cart import CartStorageError
from flask_cart import CartTooLargeError
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Guarantee
from flask_cart.storage.keyvalue import memcached as dialects
from flask_cart.storage.keyvalue.keeping import Keeping
from flask_cart.storage.keyvalue.memcached import MemcachedRecords
from flask_cart.storage.keyvalue.records import RecordStorage
from flask_cart.testing.carts import delete_cart
from flask_cart.testing.carts import save_cart
from tests.support import cache_servers
from tests.support.cache_servers import CacheServer
from tests.support.proxies import proxy
from tests.support.servers import wait_until
from tests.support.shop import make_cart

KEY = CartKey("user:1", "default")

#: What the owner's carts are kept under, and the name of that on the server.
RECORD = hashlib.sha256(b"user:1").hexdigest()
NAME = f"cart:{RECORD}"

DAY = 24 * 60 * 60

# Where there is no server, python-memcached leaves its socket open.
pytestmark = [
    pytest.mark.usefixtures("steps_of_one"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored .*socket:pytest.PytestUnraisableExceptionWarning"
    ),
]

#: The greatest value that is stored.
MAX_BYTES = 2**20 - 1024

SLOW = 30.0


def connect_pylibmc(address: str) -> t.Any:
    import pylibmc

    return pylibmc.Client([address], behaviors={"retry_timeout": 1})


def connect_pymemcache(address: str) -> pymemcache.PooledClient:
    return pymemcache.PooledClient(address, connect_timeout=2, timeout=SLOW)


def connect_hash(address: str) -> HashClient:
    """Of pymemcache, for several servers."""
    return HashClient([address], use_pooling=True, timeout=SLOW, dead_timeout=0.2)


def connect_retrying(address: str) -> RetryingClient:
    """Of pymemcache, sends again what was not answered."""
    return RetryingClient(connect_pymemcache(address), attempts=3, retry_for=[OSError])


def connect_memcache(address: str) -> memcache.Client:
    return memcache.Client([address], dead_retry=0.2)


def connect_memcache_again(address: str) -> memcache.Client:
    """It connects anew at once, with the next command."""
    return memcache.Client([address], dead_retry=0)


LIBRARIES: dict[str, Callable[[str], t.Any]] = {
    "pylibmc": connect_pylibmc,
    "pymemcache": connect_pymemcache,
    "hash": connect_hash,
    "retrying": connect_retrying,
    "memcache": connect_memcache,
    "memcache-again": connect_memcache_again,
}

if importlib.util.find_spec("pylibmc") is None:
    # It has no wheel for every Python.
    del LIBRARIES["pylibmc"]


#: Makes a client for an address.
Connect = Callable[[str], t.Any]


@pytest.fixture
def connects() -> Iterator[Callable[[str, str], t.Any]]:
    """Makes a client of a library for an address, and closes it in the end."""
    clients = []

    def connect(library: str, address: str) -> t.Any:
        clients.append(LIBRARIES[library](address))

        return clients[-1]

    yield connect

    for client in clients:
        close(client)


def close(client: t.Any) -> None:
    """Close the connections that this thread has with a client."""
    if isinstance(client, memcache.Client):
        client.disconnect_all()
    elif hasattr(client, "close"):
        client.close()


@pytest.fixture(params=LIBRARIES)
def connect(
    request: pytest.FixtureRequest, connects: Callable[[str, str], t.Any]
) -> Connect:
    return partial(connects, request.param)


@pytest.fixture
def connect_plainly(connects: Callable[[str, str], t.Any]) -> Connect:
    """With one library, where it does not matter which."""
    return partial(connects, "pymemcache")


@pytest.fixture
def connect_stubbornly(connects: Callable[[str, str], t.Any]) -> Connect:
    """With a library that sends again what was not answered."""
    return partial(connects, "retrying")


@dataclass(frozen=True)
class Kept:
    """Carts on a server, and a look at what is there without any library."""

    server: CacheServer
    records: MemcachedRecords
    storage: RecordStorage

    def value(self) -> bytes | None:
        """What is stored of the owner."""
        with closing(pymemcache.Client(self.server.url)) as raw:
            found: bytes | None = raw.get(NAME)

        return found

    def put(self, value: bytes, flags: int = 0) -> None:
        """Store something else for the owner."""
        with closing(pymemcache.Client(self.server.url)) as raw:
            assert raw.set(NAME, value, flags=flags, noreply=False)

    def seconds_left(self) -> int:
        """How long the server will keep the owner's carts, -1 for ever."""
        return int(self.ask(f"mg {NAME} t").removeprefix("HD t"))

    def ask(self, command: str) -> str:
        """The line that the server answers with."""
        with (
            socket.create_connection(("127.0.0.1", self.server.port), SLOW) as plug,
            plug.makefile("rw", newline="") as lines,
        ):
            lines.write(f"{command}\r\n")
            lines.flush()

            return lines.readline().strip()


def keep(
    client: t.Any,
    server: CacheServer,
    *,
    ttl: float = 1000,
    always_lock: bool = False,
    lock_timeout: float = SLOW,
    lock_lease: float = 60,
) -> Kept:
    records = MemcachedRecords(client, "cart:", ttl)
    keeping = Keeping(ttl, None, always_lock, lock_timeout, lock_lease)

    return Kept(server, records, RecordStorage(records, keeping))


@pytest.fixture
def kept(connect: Connect, memcached_server: CacheServer) -> Kept:
    return keep(connect(memcached_server.url), memcached_server)


@pytest.fixture
def rival(kept: Kept, connect_plainly: Connect) -> Kept:
    """The same carts, as another process with another library has them."""
    return keep(connect_plainly(kept.server.url), kept.server)


def saved(kept: Kept, key: CartKey = KEY, data: str = "{}") -> int:
    """The version of a cart that is saved for the first time."""
    version = save_cart(kept.storage, key, data, 0)
    assert version is not None

    return version


@pytest.mark.parametrize("library", LIBRARIES)
def test_libraries(library: str) -> None:
    """Each library is known by its clients, and by those that an app has derived."""
    client = LIBRARIES[library]("127.0.0.1:1")
    kinds = {
        "pylibmc": dialects.Pylibmc,
        "memcache": dialects.PythonMemcached,
        "memcache-again": dialects.PythonMemcached,
    }

    assert type(dialects.dialect_of(client)) is kinds.get(library, dialects.Pymemcache)


def test_derived_client() -> None:
    """A client of a class that the app has derived is one of the library."""

    class OwnClient(memcache.Client):
        pass

    found = dialects.dialect_of(OwnClient(["127.0.0.1:1"]))
    assert isinstance(found, dialects.PythonMemcached)


def test_unknown_library() -> None:
    """Of a client that cannot be trusted to compare and swap nothing is expected."""

    class Client:
        pass

    with pytest.raises(CartConfigError, match=r"not .*Client") as caught:
        dialects.dialect_of(Client())

    assert caught.value.code == "memcached-client"


@pytest.mark.parametrize(
    "make",
    [
        lambda: pymemcache.Client("127.0.0.1:1", ignore_exc=True),
        lambda: pymemcache.PooledClient("127.0.0.1:1", ignore_exc=True),
        lambda: HashClient(["127.0.0.1:1"], ignore_exc=True),
        lambda: HashClient(["127.0.0.1:1"], ignore_exc=True, use_pooling=True),
        lambda: RetryingClient(pymemcache.Client("127.0.0.1:1", ignore_exc=True)),
    ],
)
def test_silent_client(make: Callable[[], t.Any]) -> None:
    """A client that finds nothing where it cannot look would make every cart an empty
    one."""
    with pytest.raises(CartConfigError, match="ignore_exc") as caught:
        dialects.dialect_of(make())

    assert caught.value.code == "memcached-silent"


@pytest.mark.parametrize(
    "make",
    [
        lambda: pymemcache.Client("127.0.0.1:1"),
        lambda: HashClient(["127.0.0.1:1"]),
        lambda: RetryingClient(pymemcache.Client("127.0.0.1:1")),
    ],
)
def test_client_for_one_thread(make: Callable[[], t.Any]) -> None:
    """A client that two threads cannot use at once would mix up their answers."""
    with pytest.raises(CartConfigError, match="PooledClient") as caught:
        dialects.dialect_of(make())

    assert caught.value.code == "memcached-threads"


def test_guarantee(kept: Kept) -> None:
    """Saves compare, whether anybody locks or not."""
    assert kept.storage.guarantee is Guarantee.ATOMIC


def test_text_is_kept_exactly(kept: Kept, rival: Kept) -> None:
    """Every character comes back, in any library, and what is stored is UTF-8."""
    text = "Tasse ☕ Zoë 茶 \U0001f600 \\ ' \" \r\n \u2028"
    version = saved(kept, data=text)

    assert rival.storage.load(KEY) == (text, version)
    assert "茶" in kept.value().decode()


def test_owner_of_any_kind(kept: Kept, rival: Kept) -> None:
    """An owner may have a name that Memcached takes for none."""
    key = CartKey("user:zoë ☕\u2028" + "x" * 240, "default")
    version = saved(kept, key)

    assert rival.storage.load(key) == ("{}", version)


def test_comparing_is_the_servers(kept: Kept, rival: Kept) -> None:
    """What a rival has stored in between is not overwritten: the server compares."""
    saved(kept)
    found = kept.records.read(RECORD)
    assert found is not None
    assert rival.records.replace(RECORD, rival.records.read(RECORD), "theirs")

    assert not kept.records.replace(RECORD, found, "mine")
    assert kept.value() == b"theirs"


def test_comparing_is_not_of_values(kept: Kept, rival: Kept) -> None:
    """A value that was another one in between is not the one that was found."""
    saved(kept)
    found = kept.records.read(RECORD)
    assert found is not None

    for text in ["another", found.text]:
        assert rival.records.replace(RECORD, rival.records.read(RECORD), text)

    assert not kept.records.replace(RECORD, found, "mine")


def test_what_has_vanished_is_not_replaced(kept: Kept) -> None:
    """What the server has thrown away in between does not come back."""
    saved(kept)
    found = kept.records.read(RECORD)
    kept.server.clean()

    assert not kept.records.replace(RECORD, found, "mine")
    assert kept.records.read(RECORD) is None


def test_first_is_not_overwritten(kept: Kept, rival: Kept) -> None:
    """Of two first values, the second one is refused."""
    saved(rival)
    before = kept.value()

    assert not kept.records.replace(RECORD, None, "mine")
    assert kept.value() == before


@pytest.mark.parametrize("always_lock", [False, True])
def test_every_add_counts(
    connect: Connect, memcached_server: CacheServer, always_lock: bool
) -> None:
    """Eight threads with one client, as Flask-Session has it, lose nothing."""
    client = connect(memcached_server.url)
    kept = keep(client, memcached_server, always_lock=always_lock)
    together = threading.Barrier(8)

    def add(number: int) -> None:
        together.wait(SLOW)

        for _ in range(15):
            make_cart(kept.storage).add("mug", price=1)

        if isinstance(client, memcache.Client):
            # It has a connection for each thread.
            close(client)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))

    assert make_cart(kept.storage).quantity == 120


def test_clients_of_threads(connect: Connect, memcached_server: CacheServer) -> None:
    """The clients of pylibmc are not for several threads, so each thread has its own;
    of the other libraries all share one."""
    client = connect(memcached_server.url)
    clients = dialects.clients_for_threads(client)
    is_shared = not isinstance(dialects.dialect_of(client), dialects.Pylibmc)
    together = threading.Barrier(4)

    def reserve(number: int) -> t.Any:
        with clients() as client:
            together.wait(SLOW)
            return client

    with ThreadPoolExecutor(4) as pool:
        reserved = list(pool.map(reserve, range(4)))

    assert len({id(each) for each in reserved}) == (1 if is_shared else 4)


FORK = """
import os
import sys

import pylibmc
from flask_cart.storage.keyvalue import memcached as dialects

clients = dialects.clients_for_threads(pylibmc.Client([sys.argv[1]]))

with clients() as client:
    client.set("parent", "parent")
    client.set("child", "child")

pid = os.fork()
mine = "parent" if pid else "child"

with clients() as client:
    seen = {client.get(mine) for _ in range(2000)}

if not pid:
    os._exit(0 if seen == {mine} else 3)

_, status = os.waitpid(pid, 0)
print(seen, os.waitstatus_to_exitcode(status))
"""


if "pylibmc" in LIBRARIES:

    def test_fork(memcached_server: CacheServer) -> None:
        """A forked worker does not read the answers that are meant for its parent."""
        result = subprocess.run(
            [sys.executable, "-c", FORK, memcached_server.url],
            env={"PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            timeout=60,
        )

        assert (result.stdout.strip(), result.stderr) == ("{'parent'} 0", "")


def test_largest(kept: Kept) -> None:
    """What is just small enough is stored, and one byte more is refused with both
    numbers, before the server could."""
    saved(kept)
    found = kept.records.read(RECORD)
    assert kept.records.replace(RECORD, found, "x" * MAX_BYTES)
    found = kept.records.read(RECORD)
    assert found is not None
    assert len(found.text) == MAX_BYTES

    with pytest.raises(CartTooLargeError, match=str(MAX_BYTES)) as caught:
        kept.records.replace(RECORD, found, "x" * (MAX_BYTES + 1))

    assert (caught.value.limit, caught.value.given) == (MAX_BYTES, MAX_BYTES + 1)
    assert kept.records.read(RECORD) == found


def test_bytes_count_and_not_characters(kept: Kept) -> None:
    """Wide characters take as much room as they do."""
    with pytest.raises(CartTooLargeError):
        save_cart(kept.storage, KEY, "\U0001f600" * (MAX_BYTES // 4), 0)

    assert kept.value() is None


def test_server_with_less_room(connect: Connect) -> None:
    """A server that takes only smaller values refuses it, and keeps what it has."""
    with cache_servers.memcached("--max-item-size=512k") as server:
        kept = keep(connect(server.url), server)
        version = saved(kept)

        with pytest.raises(CartStorageError):
            save_cart(kept.storage, KEY, "x" * 600_000, version)

        assert kept.storage.load(KEY) == ("{}", version)


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [
        (60, 60),
        (59.6, 60),
        (30 * DAY, 30 * DAY),
        # Memcached takes larger numbers for points in time, and these are long ago.
        (30 * DAY + 1, 30 * DAY + 1),
        (31 * DAY, 31 * DAY),
        (400 * DAY, 400 * DAY),
    ],
)
def test_lifetime(
    connect: Connect,
    memcached_server: CacheServer,
    ttl: float,
    seconds: int,
) -> None:
    """A cart is kept for as long as it is meant to be, from its last save on."""
    kept = keep(connect(memcached_server.url), memcached_server, ttl=ttl)
    version = saved(kept)
    # Memcached's clock is a timer that lags behind ours where the machine is busy.
    about = range(seconds - 5, seconds + 6)
    assert kept.seconds_left() in about

    # The second save uses another command.
    kept.ask(f"touch {NAME} 20")
    assert save_cart(kept.storage, KEY, "new", version) == version + 1
    assert kept.seconds_left() in about
    assert kept.storage.load(KEY) == ("new", version + 1)


def test_delete_renews_the_others(kept: Kept) -> None:
    """The owner's other carts are kept for their whole time when one is deleted."""
    version = saved(kept)
    saved(kept, CartKey("user:1", "wishlist"))
    kept.ask(f"touch {NAME} 20")
    assert delete_cart(kept.storage, KEY, version)

    assert kept.seconds_left() > 900


@pytest.mark.parametrize(
    ("value", "flags"),
    [
        (b"\xff\xfe", 0),
        (b"\x00", 0),
        (b"no JSON", 0),
        (b"", 0),
        # How the libraries note numbers and objects.
        (b"7", 2),
        (pickle.dumps(["a"], protocol=2), 1),
    ],
)
def test_corrupt(kept: Kept, value: bytes, flags: int) -> None:
    """What is not text, or not carts, is an error, and stays for somebody to repair."""
    version = saved(kept)
    kept.put(value, flags)

    for use in [
        lambda: kept.storage.load(KEY),
        lambda: save_cart(kept.storage, KEY, "new", version),
        lambda: delete_cart(kept.storage, KEY, version),
        lambda: kept.storage.instances("user:1"),
    ]:
        with pytest.raises(CartCorruptError):
            use()

    assert kept.value() == value


def uses(kept: Kept) -> list[Callable[[], object]]:
    """Everything that needs the server."""

    def lock() -> None:
        with kept.storage.lock(KEY.owner):
            kept.storage.load(KEY)

    return [
        lambda: kept.storage.load(KEY),
        lambda: save_cart(kept.storage, KEY, "{}", 0),
        lambda: save_cart(kept.storage, KEY, "{}", 1),
        lambda: delete_cart(kept.storage, KEY, 1),
        lambda: kept.storage.instances("user:1"),
        lock,
    ]


def test_server_down(connect: Connect) -> None:
    """A server that has gone is an error of the storage, and never an empty cart; when
    it is back, so is the service."""
    with cache_servers.memcached() as server:
        kept = keep(connect(server.url), server)
        saved(kept)
        server.daemon.stop()

        for use in uses(kept) * 2:
            with pytest.raises(CartStorageError) as caught:
                use()

            assert not isinstance(caught.value, CartLockTimeoutError)

        server.daemon.start()
        wait_until(lambda: is_answered(kept))
        assert kept.storage.load(KEY) is None
        version = saved(kept)

        with kept.storage.lock(KEY.owner):
            assert save_cart(kept.storage, KEY, "new", version) == version + 1


def test_server_that_was_never_there(connect: Connect) -> None:
    """Neither is one that nobody has ever reached."""
    with cache_servers.memcached() as server:
        server.daemon.stop()
        kept = keep(connect(server.url), server)

        for use in uses(kept):
            with pytest.raises(CartStorageError):
                use()


def is_answered(kept: Kept) -> bool:
    try:
        kept.storage.load(KEY)
    except CartStorageError:
        return False

    return True


def test_other_server_is_no_substitute(memcached_server: CacheServer) -> None:
    """Where python-memcached has several servers, and one of them is gone, it would
    look for the cart on another one: that is an error, and not an empty cart."""
    with cache_servers.memcached() as other:
        addresses = [memcached_server.url, other.url]
        client = memcache.Client(addresses, dead_retry=SLOW)
        kept = keep(client, memcached_server)
        owners = [CartKey(f"user:{number}", "default") for number in range(20)]
        versions = {owner: saved(kept, owner) for owner in owners}
        other.daemon.stop()
        seen = []

        for owner, version in versions.items():
            try:
                seen.append(kept.storage.load(owner))
                assert seen[-1] == ("{}", version)
            except CartStorageError:
                with pytest.raises(CartStorageError):
                    save_cart(kept.storage, owner, "ghost", 0)

        client.disconnect_all()
        assert 0 < len(seen) < len(owners)


@pytest.mark.parametrize("reaches_server", [False, True])
def test_read_that_is_cut(
    connect: Connect,
    memcached_server: CacheServer,
    reaches_server: bool,
) -> None:
    """A read whose connection breaks is an error, or is made again, and never finds an
    empty cart; the next ones are answered."""
    with proxy(memcached_server.port) as between:
        kept = keep(connect(f"127.0.0.1:{between.port}"), memcached_server)
        version = saved(kept)
        cut = between.cut_answer if reaches_server else between.cut_request
        cut(b"gets ")

        with suppress(CartStorageError):
            assert kept.storage.load(KEY) == ("{}", version)

        assert between.is_done
        wait_until(lambda: is_answered(kept))
        assert kept.storage.load(KEY) == ("{}", version)


@pytest.mark.parametrize("first", [True, False])
def test_answer_of_a_save_is_lost(
    connect: Connect, rival: Kept, memcached_server: CacheServer, first: bool
) -> None:
    """A save whose answer is lost on the way is a success or an error of the storage;
    nobody is told that a rival was faster, and adds it again."""
    with proxy(memcached_server.port) as between:
        kept = keep(connect(f"127.0.0.1:{between.port}"), memcached_server)
        version = 0 if first else saved(kept)
        assert kept.storage.load(CartKey("user:2", "default")) is None
        between.cut_answer(b"add " if first else b"cas ")

        with suppress(CartStorageError):
            assert save_cart(kept.storage, KEY, "new", version) is not None

        assert between.is_done
        stored = rival.storage.load(KEY)
        assert stored is not None
        assert stored.data == "new"
        assert first or stored.version == version + 1


def test_save_is_sent_again(
    connect_stubbornly: Connect, memcached_server: CacheServer
) -> None:
    """A client that sends a command again is refused the second time, and yet has
    saved: once, at the next version."""
    with proxy(memcached_server.port) as between:
        client = connect_stubbornly(f"127.0.0.1:{between.port}")
        kept = keep(client, memcached_server)
        between.cut_answer(b"add ")
        version = saved(kept, data="one")
        assert between.is_done

        between.cut_answer(b"cas ")
        assert save_cart(kept.storage, KEY, "two", version) == version + 1
        assert between.is_done
        assert kept.storage.load(KEY) == ("two", version + 1)


def test_lock_is_waited_for(kept: Kept, rival: Kept) -> None:
    """Who comes second waits, and reads what the first one has saved."""
    version = saved(kept)
    started = threading.Event()

    def read() -> object:
        with rival.storage.lock(KEY.owner):
            started.set()

            return rival.storage.load(KEY)

    with ThreadPoolExecutor(1) as pool, kept.storage.lock(KEY.owner):
        kept.storage.load(KEY)
        waiting = pool.submit(read)
        assert started.wait(SLOW)
        time.sleep(0.1)
        assert not waiting.done()
        assert save_cart(kept.storage, KEY, "new", version) == version + 1
        assert waiting.result(SLOW) == ("new", version + 1)


def test_lock_is_not_waited_for_too_long(kept: Kept, impatient: Kept) -> None:
    """A lock that stays is an error that says so, and nothing has changed."""
    version = saved(kept)

    with kept.storage.lock(KEY.owner):
        kept.storage.load(KEY)

        with pytest.raises(CartLockTimeoutError), impatient.storage.lock(KEY.owner):
            impatient.storage.load(KEY)

        assert save_cart(kept.storage, KEY, "new", version) == version + 1

    with impatient.storage.lock(KEY.owner):
        assert impatient.storage.load(KEY) == ("new", version + 1)


@pytest.fixture
def patient(connect_plainly: Connect, memcached_server: CacheServer) -> Kept:
    """Carts of which it does not matter which library looks after them."""
    return keep(connect_plainly(memcached_server.url), memcached_server)


@pytest.fixture
def impatient(connect_plainly: Connect, memcached_server: CacheServer) -> Kept:
    """A rival who waits for no lock."""
    client = connect_plainly(memcached_server.url)

    return keep(client, memcached_server, lock_timeout=0)


def test_lock_that_has_vanished(kept: Kept, impatient: Kept) -> None:
    """A lock that the server has thrown away with the carts is given back without a
    word, and holds nobody up."""
    version = saved(kept)

    with kept.storage.lock(KEY.owner):
        kept.storage.load(KEY)
        kept.server.clean()
        assert save_cart(kept.storage, KEY, "ghost", version) is None

    assert kept.value() is None

    with impatient.storage.lock(KEY.owner):
        assert impatient.storage.load(KEY) is None


def test_server_that_goes_under_the_lock(connect: Connect) -> None:
    """A lock that cannot be given back hides no result and no error."""
    with cache_servers.memcached() as server:
        kept = keep(connect(server.url), server)

        with kept.storage.lock(KEY.owner):
            assert kept.storage.load(KEY) is None
            server.daemon.stop()


def test_answer_of_the_lock_is_lost(
    connect_stubbornly: Connect, memcached_server: CacheServer
) -> None:
    """Who has got the lock without being told so notices, and does not wait for it."""
    with proxy(memcached_server.port) as between:
        client = connect_stubbornly(f"127.0.0.1:{between.port}")
        kept = keep(client, memcached_server, lock_timeout=1)
        between.cut_answer(b"add ")

        with kept.storage.lock(KEY.owner):
            assert kept.storage.load(KEY) is None
            assert between.is_done
