"""Rivals: what a database answers to those who come second, and what is made of it."""

from __future__ import annotations

import threading
import time
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from flask import Flask

from flask_cart import CartBusyError
from flask_cart import CartConflictError
from flask_cart import CartLockTimeoutError
from flask_cart import current_cart
from flask_cart import signals
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Stored
from tests.support.shop import sell
from tests.support.shops import Shop
from tests.support.shops import code_of
from tests.support.shops import contention
from tests.support.shops import counted
from tests.support.shops import heard
from tests.support.shops import open_shop
from tests.support.shops import touched

KEY = CartKey("user:1", "default")

#: Engine options with which the app's own connections do not wait for a lock.
IMPATIENT: dict[str, dict[str, t.Any]] = {
    "sqlite": {"connect_args": {"timeout": 0}},
    "postgresql": {"connect_args": {"options": "-c lock_timeout=20ms"}},
    "mysql": {"connect_args": {"init_command": "SET innodb_lock_wait_timeout = 0"}},
}

LOCK_TIMEOUT = {"postgresql": "55P03", "mysql": 1205}

SERVERS = pytest.mark.parametrize(
    "server_url", ["postgresql", "mariadb"], indirect=True
)


@pytest.fixture
def server_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, where a row can be locked."""
    url: str = request.getfixturevalue(f"{request.param}_url")

    return url


@contextmanager
def impatient(url: str, **config: t.Any) -> Iterator[Shop]:
    """A shop on a database where nobody waits for a lock, with one item in a cart.

    Only on MariaDB the carts wait for a second, which is as little as it can be told.
    """
    options = IMPATIENT[sa.make_url(url).get_backend_name()]

    with (
        open_shop(url, options, CART_LOCK_TIMEOUT=0, **config) as shop,
        shop.app.app_context(),
    ):
        shop.fill("mug")
        yield shop


@contextmanager
def patient(url: str, **config: t.Any) -> Iterator[Shop]:
    """A shop whose carts wait for longer than any test takes, with one in a cart."""
    with (
        open_shop(url, CART_LOCK_TIMEOUT=60, **config) as shop,
        shop.app.app_context(),
    ):
        shop.fill("mug")
        yield shop


@contextmanager
def stranger(shop: Shop) -> Iterator[sa.Connection]:
    """A connection that the app knows nothing of, and that waits for its locks."""
    engine = sa.create_engine(shop.url, poolclass=sa.NullPool)

    with engine.connect() as connection:
        yield connection


@contextmanager
def rival_of(shop: Shop) -> Iterator[sa.Connection]:
    """A rival who has changed a cart, and holds its lock until the commit."""
    with stranger(shop) as connection:
        if shop.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        connection.execute(touched(shop.storage.table))
        yield connection


@contextmanager
def on_contention(act: Callable[[], None]) -> Iterator[list[t.Any]]:
    """Do something when a database first answers with an error."""
    with contention() as errors:

        def note(context: sa.engine.ExceptionContext) -> None:
            if len(errors) == 1:
                act()

        sa.event.listen(sa.Engine, "handle_error", note)

        try:
            yield errors
        finally:
            sa.event.remove(sa.Engine, "handle_error", note)


@pytest.mark.parametrize("always_lock", [False, True])
def test_busy_is_tried_again(sqlite_url: str, always_lock: bool) -> None:
    """A write that finds the database locked succeeds once the rival lets go."""
    with impatient(sqlite_url, CART_DATABASE_LOCK_FOR_UPDATE=always_lock) as shop:
        with rival_of(shop) as rival, on_contention(rival.commit) as errors:
            shop.cart().add("mug", price=1)

        assert [code_of(error) for error in errors] == ["SQLITE_BUSY"]
        assert shop.stored() == {"mug": 2}


def test_busy_to_the_end(sqlite_url: str) -> None:
    """A cart that stays locked is no conflict: nobody has changed it. The storage was
    busy, and nothing of the change is saved."""
    with impatient(sqlite_url, CART_RETRY_ATTEMPTS=2) as shop:
        with (
            rival_of(shop),
            contention() as errors,
            pytest.raises(CartBusyError, match="'carts' is busy") as caught,
        ):
            shop.cart().add("mug", price=1)

        assert not isinstance(caught.value, CartLockTimeoutError)
        assert [code_of(error) for error in errors] == ["SQLITE_BUSY"] * 3
        assert shop.stored() == {"mug": 1}


def test_busy_destroy_is_tried_again(sqlite_url: str) -> None:
    """A cart that was locked for a moment, and not changed, is destroyed."""
    with impatient(sqlite_url) as shop:
        cart = shop.cart()
        assert len(cart) == 1

        with rival_of(shop) as rival, on_contention(rival.rollback) as errors:
            cart.destroy()

        assert [code_of(error) for error in errors] == ["SQLITE_BUSY"]
        assert shop.stored() is None


def test_busy_destroy_to_the_end(sqlite_url: str) -> None:
    """A cart that stays locked is not destroyed."""
    with impatient(sqlite_url, CART_RETRY_ATTEMPTS=2) as shop:
        cart = shop.cart()
        assert len(cart) == 1

        with (
            rival_of(shop),
            contention() as errors,
            pytest.raises(CartBusyError, match="'carts' is busy"),
        ):
            cart.destroy()

        assert len(errors) == 3
        assert shop.stored() == {"mug": 1}


def test_destroy_after_a_rival(sqlite_url: str) -> None:
    """A cart that the rival has changed meanwhile is not destroyed."""
    with impatient(sqlite_url) as shop:
        cart = shop.cart()
        assert len(cart) == 1

        with (
            rival_of(shop) as rival,
            on_contention(rival.commit),
            pytest.raises(CartConflictError, match="left as it is"),
        ):
            cart.destroy()

        assert shop.stored() == {"mug": 1}


@SERVERS
@pytest.mark.parametrize(
    ("always_lock", "tried"),
    [(False, ["SELECT", "UPDATE"]), (True, ["BEGIN", "SELECT", "ROLLBACK"])],
)
def test_locked_for_too_long(
    server_url: str, always_lock: bool, tried: list[str]
) -> None:
    """A cart that is locked for longer than CART_LOCK_TIMEOUT is an error that says so.
    It is not waited for again, nothing of the change is saved or announced, and the
    next change after the lock is made as if nothing had been."""
    with impatient(server_url, CART_DATABASE_LOCK_FOR_UPDATE=always_lock) as shop:
        with (
            rival_of(shop) as rival,
            contention() as errors,
            counted() as statements,
            heard(shop.app) as names,
            pytest.raises(CartLockTimeoutError, match="'carts' was locked"),
        ):
            shop.cart().add("mug", price=1)

        assert statements == tried
        assert [code_of(error) for error in errors] == [LOCK_TIMEOUT[shop.name]]
        assert names == []
        assert shop.stored() == {"mug": 1}

        rival.close()
        shop.cart().add("mug", price=1)
        assert shop.stored() == {"mug": 2}


@SERVERS
def test_destroy_of_what_is_locked_for_too_long(server_url: str) -> None:
    """Neither is it destroyed."""
    with impatient(server_url) as shop:
        cart = shop.cart()
        assert len(cart) == 1

        with (
            rival_of(shop) as rival,
            contention() as errors,
            pytest.raises(CartLockTimeoutError, match="'carts' was locked"),
        ):
            cart.destroy()

        assert [code_of(error) for error in errors] == [LOCK_TIMEOUT[shop.name]]
        assert shop.stored() == {"mug": 1}

        rival.close()
        cart.destroy()
        assert shop.stored() is None


@SERVERS
def test_locked_is_503(server_url: str) -> None:
    """Nobody has to catch it, and a shopper who only looks does not wait."""
    with impatient(server_url) as shop:
        shop.extension.owner_loader(lambda: "user:1")

        @shop.app.get("/")
        def show() -> str:
            return str(current_cart.quantity)

        @shop.app.post("/")
        def add() -> str:
            return str(current_cart.add("mug", price=1).quantity)

        client = shop.app.test_client()

        with rival_of(shop):
            assert client.get("/").text == "1"
            assert client.post("/").status_code == 503

        assert client.post("/").text == "2"


@SERVERS
@pytest.mark.parametrize("always_lock", [False, True])
def test_locked_for_a_moment(server_url: str, always_lock: bool) -> None:
    """A cart that is locked for less than CART_LOCK_TIMEOUT is waited for, and changed
    on top of what the rival has saved."""
    with patient(server_url, CART_DATABASE_LOCK_FOR_UPDATE=always_lock) as shop:

        def add() -> int:
            with shop.app.app_context():
                cart = shop.cart()
                cart.add("mug", price=1)

                return cart.version

        version = shop.cart().version

        with (
            contention() as errors,
            ThreadPoolExecutor(1) as pool,
            rival_of(shop) as rival,
        ):
            waiting = pool.submit(add)
            wait_for_waiter(shop)
            assert not waiting.done()
            rival.commit()
            # The rival's is the next one.
            assert waiting.result(30) > version + 1

        assert errors == []
        assert shop.stored() == {"mug": 2}


@SERVERS
@pytest.mark.parametrize("saved", [False, True])
def test_destroy_of_what_is_locked_for_a_moment(server_url: str, saved: bool) -> None:
    """A cart that is locked for a moment is destroyed if the rival leaves it as it
    was, and is a conflict if not."""
    with patient(server_url) as shop:

        def destroy() -> str | None:
            with shop.app.app_context():
                cart = shop.cart()
                assert len(cart) == 1

                try:
                    cart.destroy()
                except CartConflictError as error:
                    return str(error)

            return None

        with ThreadPoolExecutor(1) as pool, rival_of(shop) as rival:
            waiting = pool.submit(destroy)
            wait_for_waiter(shop)

            if saved:
                rival.commit()
            else:
                rival.rollback()

            message = waiting.result(30)

        assert (message is None) is not saved
        assert shop.stored() == ({"mug": 1} if saved else None)


def test_session_waits_as_the_app_wants_it(postgresql_url: str) -> None:
    """A checkout in the app's own transaction waits for as long as the app has set up,
    whatever CART_LOCK_TIMEOUT is."""
    with open_shop(postgresql_url, CART_LOCK_TIMEOUT=0.05) as shop:
        shop.fill("mug")

        def check_out() -> None:
            with shop.app.app_context():
                sell(shop.cart(), lambda: shop.order("mine"), session=shop.db.session)

        with (
            contention() as errors,
            ThreadPoolExecutor(1) as pool,
            rival_of(shop) as rival,
        ):
            waiting = pool.submit(check_out)
            wait_for_waiter(shop)
            time.sleep(0.2)
            assert not waiting.done()
            rival.rollback()
            waiting.result(30)

        assert errors == []
        assert shop.orders() == ["mine"]


def test_busy_checkout_is_a_conflict(database_url: str) -> None:
    """A checkout that finds the cart locked makes no order."""
    with impatient(database_url) as shop:
        cart = shop.cart()
        assert len(cart) == 1

        with rival_of(shop), pytest.raises(CartConflictError):
            sell(cart, session=shop.db.session)

        assert shop.stored() == {"mug": 1}


def test_busy_read_is_tried_again(sqlite_url: str) -> None:
    """On SQLite a rival who is just committing keeps readers out, for a moment."""
    with impatient(sqlite_url) as shop:
        with stranger(shop) as rival, on_contention(rival.rollback) as errors:
            rival.exec_driver_sql("BEGIN EXCLUSIVE")
            assert shop.cart().quantity == 1

        assert len(errors) == 1


def test_busy_read_to_the_end(sqlite_url: str) -> None:
    """A database that stays locked against readers is an error of the storage."""
    with impatient(sqlite_url, CART_RETRY_ATTEMPTS=2) as shop, stranger(shop) as rival:
        rival.exec_driver_sql("BEGIN EXCLUSIVE")

        with pytest.raises(CartBusyError, match="'carts' is busy"):
            _ = shop.cart().quantity


class Persistent:
    """A rival who saves the cart between every load and save of others."""

    def __init__(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shop = shop
        self.saves = 0
        self.kept_out = 0
        self.load = shop.storage.load
        self.engine = sa.create_engine(
            shop.url, poolclass=sa.NullPool, **IMPATIENT[shop.name]
        )
        monkeypatch.setattr(shop.storage, "load", self)

    def __call__(self, key: CartKey) -> Stored | None:
        found = self.load(key)

        try:
            with self.engine.begin() as connection:
                connection.execute(touched(self.shop.storage.table))
        except sa.exc.OperationalError:
            self.kept_out += 1
        else:
            self.saves += 1

        return found


def test_last_attempt_wins(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a rival who always saves in between, the last retry holds the lock."""
    with impatient(database_url, CART_RETRY_ATTEMPTS=5) as shop:
        rival = Persistent(shop, monkeypatch)
        shop.cart().add("mug", price=1)

        assert (rival.saves, rival.kept_out) == (5, 1)
        assert shop.stored() == {"mug": 2}


def test_lock_from_before_the_read(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With CART_DATABASE_LOCK_FOR_UPDATE, a rival is kept out from the read on."""
    with impatient(database_url, CART_DATABASE_LOCK_FOR_UPDATE=True) as shop:
        cart = shop.cart()
        assert len(cart) == 1
        rival = Persistent(shop, monkeypatch)
        cart.add("mug", price=1)

        assert (rival.saves, rival.kept_out) == (0, 1)
        assert shop.stored() == {"mug": 2}


@pytest.mark.parametrize("always_lock", [False, True])
def test_every_add_counts(database_url: str, always_lock: bool) -> None:
    """Eight threads that add at once, to a cart that is not there yet, lose nothing."""
    together = threading.Barrier(8)

    with open_shop(database_url, CART_DATABASE_LOCK_FOR_UPDATE=always_lock) as shop:

        def add(number: int) -> None:
            together.wait(30)

            for _ in range(25):
                with shop.app.app_context():
                    shop.cart().add("mug", price=1)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(add, range(8)))

        assert shop.stored() == {"mug": 200}


#: Engine options with which the app, and not its rival, finds out about a deadlock.
VICTIM: dict[str, dict[str, t.Any]] = {
    "postgresql": {"connect_args": {"options": "-c deadlock_timeout=10ms"}},
    "mysql": {},
}


def test_deadlock_of_an_add(postgresql_url: str) -> None:
    """On PostgreSQL, whoever locks the table and then the cart is in the way of those
    who lock the cart and then write; the victim of the deadlock tries again."""
    config = {"CART_DATABASE_LOCK_FOR_UPDATE": True, "CART_LOCK_TIMEOUT": 60}

    with (
        open_shop(postgresql_url, VICTIM["postgresql"], **config) as shop,
        shop.app.app_context(),
        ThreadPoolExecutor(1) as pool,
        stranger(shop) as rival,
        contention() as errors,
    ):
        shop.fill("mug")
        waiting = []

        def change_and_commit() -> None:
            rival.execute(touched(shop.storage.table))
            rival.commit()

        def get_in_the_way(app: Flask, **extra: t.Any) -> None:
            if not waiting:
                rival.exec_driver_sql("SET deadlock_timeout = '60s'")
                rival.exec_driver_sql("LOCK TABLE carts IN SHARE ROW EXCLUSIVE MODE")
                waiting.append(pool.submit(change_and_commit))
                wait_for_waiter(shop)

        with signals.before_change.connected_to(get_in_the_way, shop.app):
            shop.cart().add("mug", price=1)

        waiting[0].result(30)
        # The victim may be there again before its rival has woken up.
        assert {code_of(error) for error in errors} == {"40P01"}
        assert shop.stored() == {"mug": 2}


def test_deadlock_of_two_first_adds(mariadb_url: str) -> None:
    """On MariaDB two who lock a cart that is not there are in each other's way when
    they make it; the victim of the deadlock tries again."""
    together = threading.Barrier(2)

    with open_shop(mariadb_url, CART_DATABASE_LOCK_FOR_UPDATE=True) as shop:
        load = shop.storage.load
        waited: set[int] = set()

        def load_together(key: CartKey) -> Stored | None:
            found = load(key)

            # The victim loads once more, when the other one is done.
            if threading.get_ident() not in waited:
                waited.add(threading.get_ident())
                together.wait(30)

            return found

        shop.storage.load = load_together

        def add(number: int) -> None:
            with shop.app.app_context():
                shop.cart().add("mug", price=1)

        with contention() as errors, ThreadPoolExecutor(2) as pool:
            list(pool.map(add, range(2)))

        assert 1213 in [code_of(error) for error in errors]
        assert shop.stored() == {"mug": 2}


@pytest.mark.parametrize(("name", "code"), [("postgresql", "40P01"), ("mariadb", 1213)])
def test_deadlock_in_a_checkout(
    request: pytest.FixtureRequest, name: str, code: t.Any
) -> None:
    """A checkout that is the victim of a deadlock is a conflict, and no order."""
    url = request.getfixturevalue(f"{name}_url")
    options = VICTIM[sa.make_url(url).get_backend_name()]

    with open_shop(url, options) as shop, shop.app.app_context():
        shop.fill("mug", "pot")
        shop.order("shared")
        shop.db.session.commit()
        cart = shop.cart()
        assert len(cart) == 2
        lock_order = sa.text("UPDATE orders SET id = id WHERE token = 'shared'")

        with (
            rival_of(shop) as rival,
            ThreadPoolExecutor(1) as pool,
            contention() as errors,
        ):
            if name == "postgresql":
                rival.exec_driver_sql("SET deadlock_timeout = '60s'")
            else:
                # The one who has written less is the victim.
                rows = [{"token": f"rival {number}"} for number in range(100)]
                rival.execute(shop.order_table.insert(), rows)

            waiting: list[Future[t.Any]] = []

            with pytest.raises(CartConflictError):
                sell(
                    cart,
                    lambda: waiting.append(
                        lock_and_wait(shop, pool, rival, lock_order)
                    ),
                    session=shop.db.session,
                )

            waiting[0].result(30)
            rival.commit()

        assert code in [code_of(error) for error in errors]
        assert "mine" not in shop.orders()
        assert shop.stored() == {"mug": 1, "pot": 1}

        sell(cart, lambda: shop.order("mine"), session=shop.db.session)

        assert "mine" in shop.orders()


def lock_and_wait(
    shop: Shop, pool: ThreadPoolExecutor, rival: sa.Connection, statement: sa.TextClause
) -> t.Any:
    """Lock a row with the session, and let the rival wait for it."""
    shop.order("mine")
    shop.db.session.execute(statement)
    waiting = pool.submit(rival.execute, statement)
    wait_for_waiter(shop)

    return waiting


def wait_for_waiter(shop: Shop) -> None:
    """Wait until somebody waits for a lock of the database."""
    query = {
        "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted",
        "mysql": "SELECT count(*) FROM information_schema.innodb_lock_waits",
    }[shop.name]
    deadline = time.monotonic() + 30

    while time.monotonic() < deadline:
        with shop.outside() as connection:
            if connection.exec_driver_sql(query).scalar():
                return

        # InnoDB shows its locks from a cache that is renewed every 0.1 s.
        time.sleep(0.11 if shop.name == "mysql" else 0.01)

    pytest.fail("Nobody waits for a lock.")


@pytest.mark.parametrize("level", ["repeatable\\ read", "serializable"])
def test_strict_database(postgresql_url: str, level: str) -> None:
    """Whatever isolation level the database has by default, the one who waited for a
    row hears that it was changed, and no error; the change is made again."""
    options = {"connect_args": {"options": f"-c default_transaction_isolation={level}"}}

    with open_shop(postgresql_url, options) as shop, shop.app.app_context():
        shop.fill("mug")

        def add() -> None:
            with shop.app.app_context():
                shop.cart().add("mug", price=1)

        with (
            contention() as errors,
            ThreadPoolExecutor(1) as pool,
            rival_of(shop) as rival,
        ):
            waiting = pool.submit(add)
            wait_for_waiter(shop)
            rival.commit()
            waiting.result(30)

        assert errors == []
        assert shop.stored() == {"mug": 2}


def test_strict_database_of_a_destroy(postgresql_url: str) -> None:
    """Nor does a deletion fail because of what a rival has done, and not to the cart's
    content."""
    level = "repeatable\\ read"
    options = {"connect_args": {"options": f"-c default_transaction_isolation={level}"}}

    with open_shop(postgresql_url, options) as shop, shop.app.app_context():
        shop.fill("mug")
        table = shop.storage.table
        unchanged = table.update().values(updated_at=table.c.updated_at)

        def destroy() -> None:
            with shop.app.app_context():
                shop.cart().destroy()

        with (
            contention() as errors,
            ThreadPoolExecutor(1) as pool,
            stranger(shop) as rival,
        ):
            rival.execute(unchanged)
            waiting = pool.submit(destroy)
            wait_for_waiter(shop)
            rival.commit()
            waiting.result(30)

        assert errors == []
        assert shop.stored() is None


STRICT: list[tuple[str, dict[str, t.Any], t.Any]] = [
    ("postgresql", {"isolation_level": "REPEATABLE READ"}, "40001"),
    ("postgresql", {"isolation_level": "SERIALIZABLE"}, "40001"),
    ("mariadb", {"isolation_level": "READ COMMITTED"}, None),
    (
        "mariadb",
        {"connect_args": {"init_command": "SET innodb_snapshot_isolation = ON"}},
        1020,
    ),
    (
        "mariadb",
        {"connect_args": {"init_command": "SET innodb_snapshot_isolation = OFF"}},
        None,
    ),
]


@pytest.mark.parametrize(("name", "options", "code"), STRICT)
def test_snapshot_of_a_checkout(
    request: pytest.FixtureRequest, name: str, options: dict[str, t.Any], code: t.Any
) -> None:
    """A checkout whose transaction sees an older state of the cart is a conflict."""
    url = request.getfixturevalue(f"{name}_url")

    with open_shop(url, options) as shop, shop.app.app_context():
        shop.fill("mug")
        cart = shop.cart()
        version = cart.version

        def take_snapshot() -> None:
            shop.order("one")
            shop.db.session.execute(sa.select(shop.storage.table)).all()
            shop.touch()

        with contention() as errors, pytest.raises(CartConflictError) as caught:
            sell(cart, take_snapshot, session=shop.db.session)

        assert [code_of(error) for error in errors] == ([code] if code else [])
        assert caught.value.expected_version == version
        assert shop.orders() == []
        assert shop.stored() == {"mug": 1}


@pytest.mark.parametrize(("name", "options", "code"), STRICT)
def test_adds_count_at_every_isolation_level(
    request: pytest.FixtureRequest, name: str, options: dict[str, t.Any], code: t.Any
) -> None:
    """However the app isolates its transactions, no add is lost or refused."""
    together = threading.Barrier(4)

    with open_shop(request.getfixturevalue(f"{name}_url"), options) as shop:

        def add(number: int) -> None:
            together.wait(30)

            for _ in range(10):
                with shop.app.app_context():
                    shop.cart().add("mug", price=1)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(add, range(4)))

        assert shop.stored() == {"mug": 40}


@pytest.mark.parametrize("always_lock", [False, True])
def test_crowd_at_a_strict_mariadb(mariadb_url: str, always_lock: bool) -> None:
    """Nor where every transaction is serializable, and one that comes second fails."""
    strictest = "SET innodb_snapshot_isolation = ON, tx_isolation = 'SERIALIZABLE'"
    options = {"pool_size": 16, "connect_args": {"init_command": strictest}}
    config = {"CART_DATABASE_LOCK_FOR_UPDATE": always_lock}
    together = threading.Barrier(16)

    with open_shop(mariadb_url, options, **config) as shop:
        shop.fill("mug")

        def add(number: int) -> None:
            together.wait(30)

            for step in range(6):
                with (
                    shop.app.app_context(),
                    shop.cart().once(f"{number} {step}") as cart,
                ):
                    cart.add("mug", price=1)

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(add, range(16)))

        assert shop.stored() == {"mug": 97}


def test_wal(sqlite_url: str) -> None:
    """SQLite in WAL mode, as it should be run, loses nothing either."""
    with open_shop(sqlite_url) as shop:
        with shop.app.app_context(), shop.db.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode=WAL").scalar() == (
                "wal"
            )

        def add(number: int) -> None:
            for _ in range(25):
                with shop.app.app_context():
                    shop.cart().add("mug", price=1)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(add, range(4)))

        assert shop.stored() == {"mug": 100}
