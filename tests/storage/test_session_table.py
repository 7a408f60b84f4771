"""What is peculiar to carts beside the sessions that Flask-Session has in a table."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
import time
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from flask import Flask
from flask import session
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy

from flask_cart import Cart
from flask_cart import CartBusyError
from flask_cart import CartCorruptError
from flask_cart import CartLockTimeoutError
from flask_cart import CartStorageError
from flask_cart import CartTooLargeError
from flask_cart import FlaskCart
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Guarantee
from flask_cart.storage.base import Storage
from flask_cart.testing.carts import delete_cart
from flask_cart.testing.carts import save_cart
from tests.support import servers
from tests.support.apps import make_app
from tests.support.shops import code_of
from tests.support.shops import contention
from tests.support.shops import counted

# Flask-Session 0.8 on Python 3.12 and newer.
pytestmark = [
    pytest.mark.usefixtures("steps_of_one"),
    pytest.mark.filterwarnings(
        "ignore:datetime.datetime.utcnow:DeprecationWarning:flask_session"
    ),
]

KEY = CartKey("user:1", "default")
NAME = f"cart:session:{hashlib.sha256(b'user:1').hexdigest()}"

#: What a BLOB of MariaDB takes.
MAX_BYTES = 65_535

LIFETIME = dt.timedelta(hours=1)
SLOW = 30.0

LOCKING = pytest.mark.parametrize("locking", [False, True])


@dataclass(frozen=True)
class Shop:
    """An app with sessions and carts in a table, and orders beside it."""

    app: Flask
    db: SQLAlchemy
    extension: FlaskCart
    order_table: sa.Table
    url: str

    @property
    def storage(self) -> Storage:
        return self.extension.storage

    @property
    def table(self) -> sa.Table:
        """The table of the sessions."""
        table: sa.Table = self.app.session_interface.sql_session_model.__table__

        return table

    def cart(self, owner: str = "user:1") -> Cart:
        """A cart as a new reader has it; it needs an app context."""
        return self.extension.cart(owner=owner)

    def add(self, owner: str = "user:1") -> None:
        """Add a mug, as another request would."""
        with self.app.app_context():
            self.cart(owner).add("mug", price=1)

    def order(self, token: str) -> None:
        """Write an order with the session, without committing it."""
        self.db.session.execute(self.order_table.insert().values(token=token))

    @contextmanager
    def outside(self) -> Iterator[sa.Connection]:
        """A connection that the app knows nothing of, in a transaction."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)

        with engine.begin() as connection:
            yield connection

    def orders(self) -> list[str]:
        """The tokens of the orders that are committed."""
        with self.outside() as connection:
            return list(connection.scalars(sa.select(self.order_table.c.token)))

    def rows(self) -> dict[str, tuple[bytes, dt.datetime]]:
        """All of the table, by the ids."""
        columns = self.table.c
        query = sa.select(columns.session_id, columns.data, columns.expiry)

        with self.outside() as connection:
            return {name: (data, at) for name, data, at in connection.execute(query)}

    def put(self, **values: t.Any) -> None:
        """Change the row of the owner."""
        columns = self.table.c
        statement = self.table.update().where(columns.session_id == NAME)

        with self.outside() as connection:
            assert connection.execute(statement.values(**values)).rowcount == 1


@contextmanager
def open_shop(
    url: str, engine_options: dict[str, t.Any] | None = None, **config: t.Any
) -> Iterator[Shop]:
    """A shop with its tables, whose connections are closed at the end."""
    db = SQLAlchemy()
    order_table = db.Table(
        "orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("token", sa.String(64), nullable=False, unique=True),
    )
    app = make_app(
        TESTING=True,
        CART_STORAGE="session",
        CART_RETRY_BASE_DELAY=0.001,
        PERMANENT_SESSION_LIFETIME=LIFETIME,
        SESSION_TYPE="sqlalchemy",
        SESSION_SQLALCHEMY=db,
        SQLALCHEMY_DATABASE_URI=url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options or {},
        **config,
    )
    db.init_app(app)
    Session(app)
    extension = FlaskCart(app)

    with app.app_context():
        db.create_all()

    try:
        yield Shop(app, db, extension, order_table, url)
    finally:
        with app.app_context():
            db.session.remove()

            for engine in db.engines.values():
                engine.dispose()


@pytest.fixture(scope="module")
def postgresql_database(postgresql_server: servers.Server) -> Iterator[str]:
    with servers.fresh_database(postgresql_server) as url:
        yield url


@pytest.fixture(scope="module")
def mariadb_database(mariadb_server: servers.Server) -> Iterator[str]:
    with servers.fresh_database(mariadb_server) as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql_database: str) -> str:
    """One for all tests: making tables takes longer than most of them."""
    return emptied(postgresql_database)


@pytest.fixture
def mariadb_url(mariadb_database: str) -> str:
    return emptied(mariadb_database)


def emptied(url: str) -> str:
    engine = sa.create_engine(url, poolclass=sa.NullPool)

    with engine.begin() as connection:
        for table in sa.inspect(connection).get_table_names():
            connection.exec_driver_sql(f"DELETE FROM {table}")

    return url


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    """A shop on every database, whose context the test is in."""
    with open_shop(database_url) as shop, shop.app.app_context():
        yield shop


def now() -> dt.datetime:
    """The time as Flask-Session notes it."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def saved(shop: Shop, key: CartKey = KEY, data: str = "{}") -> int:
    """The version of a cart that is saved for the first time."""
    version = save_cart(shop.storage, key, data, 0)
    assert version is not None

    return version


def test_guarantee(shop: Shop) -> None:
    """Saves compare, whether anybody locks or not."""
    assert shop.storage.guarantee is Guarantee.ATOMIC


def test_one_row_for_an_owner(shop: Shop) -> None:
    """An owner's carts are one row, which no session can have; its text is UTF-8."""
    shop.cart().add("mug", price=1, name="Zoë's ☕")
    shop.cart().instance("wishlist").add("pot", price=1)

    ((name, (data, _)),) = shop.rows().items()
    assert name == NAME
    assert "Zoë's ☕" in bytes(data).decode()
    assert shop.storage.instances("user:1") == ["default", "wishlist"]


@pytest.mark.parametrize(
    ("use", "statements"),
    [
        (lambda cart: cart.quantity, ["SELECT"]),
        (lambda cart: cart.add("mug", price=1), ["SELECT", "SELECT", "UPDATE"]),
        (lambda cart: cart.destroy(), ["SELECT", "SELECT", "UPDATE"]),
    ],
    ids=["read", "add", "destroy"],
)
def test_statements(
    shop: Shop, use: Callable[[Cart], object], statements: list[str]
) -> None:
    """There is no statement but those that are needed, and no transaction."""
    shop.add()

    with counted() as executed:
        use(shop.cart())

    assert executed == statements


def test_pending_work_can_be_undone(shop: Shop) -> None:
    """What a view has pending is not committed by a change of the cart, and that does
    not depend on it."""
    if shop.url.startswith("sqlite"):
        # There is one writer, see below.
        assert list(shop.db.session.scalars(sa.select(shop.order_table.c.token))) == []
    else:
        shop.order("one")

    shop.cart().add("mug", price=1)
    assert shop.cart().quantity == 1
    assert shop.orders() == []
    shop.db.session.rollback()

    assert shop.orders() == []
    assert shop.cart().quantity == 1


@pytest.mark.parametrize("name", ["postgresql", "mariadb"])
def test_pending_work_is_kept(request: pytest.FixtureRequest, name: str) -> None:
    """Neither is it rolled back, not even when the cart cannot be changed."""
    url = request.getfixturevalue(f"{name}_url")

    with open_shop(url) as shop, shop.app.app_context():
        shop.order("one")
        version = saved(shop)
        assert save_cart(shop.storage, KEY, "{}", 0) is None
        assert delete_cart(shop.storage, KEY, version)
        assert shop.orders() == []
        shop.db.session.commit()

        assert shop.orders() == ["one"]


@LOCKING
def test_pending_work_on_sqlite(sqlite_url: str, locking: bool) -> None:
    """SQLite has one writer. When that is this very request, a change of the cart is an
    error soon after CART_LOCK_TIMEOUT; the cart can be read, the view's work is still
    there, and after it the cart can be changed."""
    config = {"CART_LOCK_TIMEOUT": 0.1, "CART_RETRY_ATTEMPTS": 1}

    with (
        open_shop(sqlite_url, CART_SESSION_LOCKING=locking, **config) as shop,
        shop.app.app_context(),
    ):
        shop.add()
        shop.order("one")
        started = time.monotonic()

        with pytest.raises(CartBusyError, match="'sessions' is busy"):
            shop.cart().add("mug", price=1)

        assert 0.2 <= time.monotonic() - started < 5
        assert shop.cart().quantity == 1
        shop.db.session.commit()
        assert shop.orders() == ["one"]

        shop.cart().add("mug", price=1)
        assert shop.cart().quantity == 2


def test_expired_row(shop: Shop) -> None:
    """A cart whose time is over is gone, and the next one takes the place of its row,
    which nobody has deleted."""
    old = saved(shop)
    shop.put(expiry=now() - dt.timedelta(seconds=1))
    assert shop.storage.load(KEY) is None
    assert shop.storage.instances("user:1") == []
    assert not delete_cart(shop.storage, KEY, old)
    assert save_cart(shop.storage, KEY, "stale", old) is None

    new = saved(shop, data="new")
    assert shop.storage.load(KEY) == ("new", new)
    assert len(shop.rows()) == 1


def test_two_first_saves(shop: Shop) -> None:
    """Who is a moment later with the first cart of an owner has lost, without an
    error."""
    versions: list[int | None] = []

    def be_faster(
        connection: t.Any, cursor: t.Any, statement: str, *args: object
    ) -> None:
        if statement.startswith("INSERT") and not versions:
            versions.append(None)
            versions[0] = save_cart(shop.storage, KEY, "theirs", 0)

    sa.event.listen(sa.Engine, "before_cursor_execute", be_faster)

    try:
        with shop.app.app_context():
            assert save_cart(shop.storage, KEY, "mine", 0) is None
            assert shop.storage.load(KEY) == ("theirs", versions[0])
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", be_faster)


def test_two_for_an_expired_row(shop: Shop) -> None:
    """Of many who find the same expired cart, one has the first one of the next."""
    together = threading.Barrier(4)
    saved(shop)
    shop.put(expiry=now() - dt.timedelta(seconds=1))

    def save_number(number: int) -> int | None:
        with shop.app.app_context():
            together.wait(SLOW)

            return save_cart(shop.storage, KEY, str(number), 0)

    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(save_number, range(4)))

    (winner,) = [number for number, version in enumerate(versions) if version]
    assert shop.storage.load(KEY) == (str(winner), versions[winner])


@pytest.mark.parametrize(
    ("age", "is_there"), [(dt.timedelta(seconds=30), True), (-LIFETIME, False)]
)
def test_time_is_utc(shop: Shop, age: dt.timedelta, is_there: bool) -> None:
    """The time that counts is that of Flask-Session, wherever the server is."""
    saved(shop)
    shop.put(expiry=now() + age)

    assert (shop.storage.load(KEY) is not None) is is_there


def test_lifetime(shop: Shop) -> None:
    """Carts are kept for two lifetimes of a session after their last save, or after a
    read that comes when half a lifetime has passed."""
    version = saved(shop)
    kept = pytest.approx(2 * LIFETIME.total_seconds(), abs=60)

    def seconds_left() -> float:
        return (shop.rows()[NAME][1] - now()).total_seconds()

    assert seconds_left() == kept
    data, _ = shop.rows()[NAME]
    soon = {"expiry": now() + dt.timedelta(minutes=1)}
    shop.put(**soon)
    assert shop.storage.load(KEY) == ("{}", version)
    assert seconds_left() < 61

    # As if it had been stored long ago.
    (renewed,) = {each for each in bytes(data).split(b'"') if each.startswith(b":1")}
    long_ago = f":{int(renewed[1:-1]) - 1900},".encode()
    shop.put(data=bytes(data).replace(renewed, long_ago), **soon)
    assert shop.storage.load(KEY) == ("{}", version)
    assert seconds_left() == kept

    shop.put(**soon)
    assert save_cart(shop.storage, KEY, "new", version) == version + 1
    assert seconds_left() == kept


def test_cleanup(shop: Shop) -> None:
    """``flask session_cleanup`` deletes what has expired, carts and sessions, and
    nothing else."""

    @shop.app.get("/")
    def visit() -> str:
        session["name"] = "Ann"

        return ""

    for _ in range(2):
        shop.app.test_client().get("/")

    shop.add("user:1")
    shop.add("user:2")
    names = sorted(shop.rows())
    expired = {names[0], names[-1]}
    assert [name.startswith("cart:") for name in names] == [True, True, False, False]

    with shop.outside() as connection:
        statement = shop.table.update().where(shop.table.c.session_id.in_(expired))
        connection.execute(statement.values(expiry=now() - dt.timedelta(seconds=1)))

    result = shop.app.test_cli_runner().invoke(args=["session_cleanup"])
    assert result.exit_code == 0
    assert sorted(shop.rows()) == names[1:-1]


def test_largest_on_mariadb(mariadb_url: str) -> None:
    """What is just small enough is stored whole, and one byte more is refused with
    both numbers, whether the server would cut it or refuse it."""
    with open_shop(mariadb_url) as shop, shop.app.app_context():
        saved(shop)
        room = MAX_BYTES - len(shop.rows()[NAME][0])
        assert save_cart(shop.storage, CartKey("user:1", "x"), "", 0) is not None
        overhead = len(shop.rows()[NAME][0])
        stored = shop.storage.load(CartKey("user:1", "x"))
        assert stored is not None
        assert overhead < room

        # Another write has another id, with its quotes and its comma.
        fitting = "x" * (MAX_BYTES - overhead - 11)
        key = CartKey("user:1", "x")
        assert (
            save_cart(shop.storage, key, fitting, stored.version) == stored.version + 1
        )
        assert len(shop.rows()[NAME][0]) == MAX_BYTES
        before = shop.rows()

        with pytest.raises(CartTooLargeError, match=str(MAX_BYTES)) as caught:
            save_cart(shop.storage, key, fitting, stored.version + 1)

        assert caught.value.limit == MAX_BYTES < caught.value.given
        assert shop.rows() == before


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_large_elsewhere(request: pytest.FixtureRequest, name: str) -> None:
    """Elsewhere there is room for more."""
    url = request.getfixturevalue(f"{name}_url")

    with open_shop(url) as shop, shop.app.app_context():
        version = saved(shop, data="é" * MAX_BYTES)

        assert shop.storage.load(KEY) == ("é" * MAX_BYTES, version)


def test_lock(shop: Shop) -> None:
    """The lock keeps others out, in whatever thread, and needs no transaction."""
    version = saved(shop)

    def save_theirs() -> int | None:
        with shop.app.app_context():
            return save_cart(shop.storage, KEY, "theirs", version)

    with ThreadPoolExecutor(1) as pool:
        with counted() as executed, shop.storage.lock(KEY.owner):
            assert shop.storage.load(KEY) == ("{}", version)

            with pytest.raises(CartBusyError, match="locked"):
                pool.submit(save_theirs).result(SLOW)

            assert save_cart(shop.storage, KEY, "mine", version) == version + 1

        assert pool.submit(save_theirs).result(SLOW) is None

    assert not {"BEGIN", "COMMIT", "ROLLBACK"} & set(executed)
    assert shop.storage.load(KEY) == ("mine", version + 1)


def test_lock_is_waited_for(shop: Shop) -> None:
    """Who wants the lock, too, waits for it, and reads what was saved."""
    version = saved(shop)
    started = threading.Event()

    def read() -> object:
        with shop.app.app_context(), shop.storage.lock(KEY.owner):
            started.set()

            return shop.storage.load(KEY)

    with ThreadPoolExecutor(1) as pool, shop.storage.lock(KEY.owner):
        shop.storage.load(KEY)
        waiting = pool.submit(read)
        assert started.wait(SLOW)
        time.sleep(0.05)
        assert not waiting.done()
        save_cart(shop.storage, KEY, "mine", version)
        assert waiting.result(SLOW) == ("mine", version + 1)


def test_lock_is_not_waited_for_too_long(database_url: str) -> None:
    """Who waits for longer than CART_LOCK_TIMEOUT gives up."""
    with open_shop(database_url, CART_LOCK_TIMEOUT=0.1) as shop:
        shop.add()

        def read() -> object:
            with shop.app.app_context(), shop.storage.lock(KEY.owner):
                return shop.storage.load(KEY)

        with (
            shop.app.app_context(),
            shop.storage.lock(KEY.owner),
            ThreadPoolExecutor(1) as pool,
        ):
            shop.storage.load(KEY)

            with pytest.raises(CartLockTimeoutError, match="user:1"):
                pool.submit(read).result(SLOW)


def test_lease(database_url: str) -> None:
    """The lock of somebody who is gone is free when its lease is over."""
    with (
        open_shop(database_url, CART_LOCK_LEASE=0.3) as gone,
        open_shop(database_url) as shop,
    ):
        with gone.app.app_context():
            version = saved(gone)
            lost = gone.storage.lock(KEY.owner)
            started = time.monotonic()
            lost.__enter__()
            gone.storage.load(KEY)

        with shop.app.app_context(), shop.storage.lock(KEY.owner):
            assert shop.storage.load(KEY) == ("{}", version)
            assert 0.2 < time.monotonic() - started < 5
            assert save_cart(shop.storage, KEY, "new", version) == version + 1

        with gone.app.app_context():
            lost.__exit__(None, None, None)


def test_row_that_is_locked(postgresql_url: str) -> None:
    """A row that somebody else's transaction holds is waited for as long as
    CART_LOCK_TIMEOUT says, and then it is an error that says so."""
    with (
        open_shop(postgresql_url, CART_LOCK_TIMEOUT=0.1) as shop,
        shop.app.app_context(),
    ):
        shop.add()

        with shop.outside() as rival:
            rival.execute(shop.table.update().values(expiry=shop.table.c.expiry))

            with (
                contention() as errors,
                pytest.raises(CartLockTimeoutError, match="'sessions' was locked"),
            ):
                shop.cart().add("mug", price=1)

        assert [code_of(error) for error in errors] == ["55P03"]
        shop.cart().add("mug", price=1)
        assert shop.cart().quantity == 2


STRICT: list[tuple[str, dict[str, t.Any]]] = [
    ("mariadb", {}),
    ("mariadb", {"isolation_level": "REPEATABLE READ"}),
    ("mariadb", {"isolation_level": "SERIALIZABLE"}),
    ("postgresql", {"isolation_level": "REPEATABLE READ"}),
    ("postgresql", {"isolation_level": "SERIALIZABLE"}),
]


@LOCKING
@pytest.mark.parametrize(("name", "options"), STRICT)
def test_snapshot_of_the_session(
    request: pytest.FixtureRequest, name: str, options: dict[str, t.Any], locking: bool
) -> None:
    """A cart is read and changed as it is now, though the app's own transaction goes on
    seeing the table as it was."""
    url = request.getfixturevalue(f"{name}_url")

    with (
        open_shop(url, options, CART_SESSION_LOCKING=locking) as shop,
        shop.app.app_context(),
        ThreadPoolExecutor(1) as pool,
    ):
        shop.add()
        query = sa.select(shop.order_table.c.token, shop.table.c.data)
        shop.db.session.execute(query.join(shop.table, sa.true(), isouter=True)).all()
        pool.submit(shop.add).result(SLOW)

        assert shop.cart().quantity == 2
        shop.cart().add("mug", price=1)
        assert shop.cart().quantity == 3


def test_adds_count_at_a_strict_level(postgresql_url: str) -> None:
    """Where PostgreSQL refuses to serialize two changes, they are made again."""
    options = {
        "connect_args": {"options": "-c default_transaction_isolation=serializable"}
    }

    with open_shop(postgresql_url, options) as shop, ThreadPoolExecutor(4) as pool:

        def add(number: int) -> None:
            for _ in range(8):
                shop.add()

        list(pool.map(add, range(4)))

        with shop.app.app_context():
            assert shop.cart().quantity == 32


@pytest.mark.parametrize("data", [b"\xff\xfe", b"", b"no JSON", b"{}", None], ids=str)
def test_corrupt(shop: Shop, data: bytes | None) -> None:
    """What is not text, or not carts, is an error, and stays for somebody to repair."""
    version = saved(shop)
    shop.put(data=data)
    before = shop.rows()

    for use in [
        lambda: shop.storage.load(KEY),
        lambda: save_cart(shop.storage, KEY, "new", 0),
        lambda: save_cart(shop.storage, KEY, "new", version),
        lambda: delete_cart(shop.storage, KEY, version),
        lambda: shop.storage.instances("user:1"),
    ]:
        with pytest.raises(CartCorruptError):
            use()

    assert shop.rows() == before


def test_missing_table(shop: Shop) -> None:
    """Without the table there is an error of the storage, and with it the service."""
    shop.db.drop_all()

    for use in [
        lambda: shop.storage.load(KEY),
        lambda: save_cart(shop.storage, KEY, "{}", 0),
        lambda: save_cart(shop.storage, KEY, "{}", 1),
        lambda: delete_cart(shop.storage, KEY, 1),
        lambda: shop.storage.instances("user:1"),
    ]:
        with pytest.raises(CartStorageError, match="'sessions'") as caught:
            use()

        # It is Flask-Session that makes its table.
        assert "flask cart init-db" not in str(caught.value)

    shop.db.create_all()
    shop.add()
    assert shop.cart().quantity == 1


@LOCKING
def test_database_in_memory(locking: bool) -> None:
    """SQLite in memory, as tests of apps have it, is one database for all."""
    with (
        open_shop("sqlite://", CART_SESSION_LOCKING=locking) as shop,
        shop.app.app_context(),
    ):
        assert shop.cart().quantity == 0
        shop.add()
        shop.add()
        assert shop.cart().quantity == 2
        shop.cart().destroy()
        assert shop.cart().quantity == 0


def test_table_of_the_apps_choice(postgresql_url: str) -> None:
    """The table may have another name, schema and prefix."""
    engine = sa.create_engine(postgresql_url, poolclass=sa.NullPool)

    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA web")

    config = {
        "SESSION_SQLALCHEMY_TABLE": "visits",
        "SESSION_SQLALCHEMY_SCHEMA": "web",
        "SESSION_KEY_PREFIX": "visit:",
    }

    with open_shop(postgresql_url, **config) as shop:
        shop.add()

        with engine.begin() as connection:
            query = sa.text("SELECT session_id FROM web.visits")
            assert connection.scalars(query).all() == [NAME.replace("session", "visit")]
