"""The transaction of an order fails for no fault of the app's."""

from __future__ import annotations

import sqlite3
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pymysql
import pytest
import sqlalchemy as sa

from flask_cart import Cart
from flask_cart import CartBusyError
from flask_cart import CartConflictError
from flask_cart import CartStorageError
from flask_cart import OrderDraft
from tests.support.shops import Shop
from tests.support.shops import code_of
from tests.support.shops import contention
from tests.support.shops import open_shop
from tests.support.shops import touched

#: Where the cart is: in the transaction of the order, or elsewhere.
PLACES = pytest.mark.parametrize("place", ["database", "memory"])

Inside = Callable[[], object]


@contextmanager
def selling(url: str, place: str = "database", **options: t.Any) -> Iterator[Shop]:
    """A shop with two items in a cart, and an order of somebody else."""
    with open_shop(url, options, CART_STORAGE=place) as shop, shop.app.app_context():
        shop.fill("mug", "pot")
        shop.order("other")
        shop.db.session.commit()
        yield shop


def check_out(shop: Shop, *inside: Inside, cart: Cart | None = None) -> str:
    """Order what is in the cart, as an app does that keeps orders.

    :param inside: What it does beside writing the order.
    :return: The token of the order.
    """

    def create(draft: OrderDraft) -> str:
        shop.order(draft.order_token)

        for act in inside:
            act()

        return draft.order_token

    def find(token: str) -> str | None:
        orders = shop.order_table.c
        query = sa.select(orders.token).where(orders.token == token)

        return shop.db.session.execute(query).scalar()

    return (cart or shop.cart()).place_order(create, find, session=shop.db.session)


def assert_not_sold(shop: Shop) -> None:
    """Nothing has happened, and the same shopper may try again."""
    assert shop.orders() == ["other"]
    assert len(shop.cart()) == 2

    token = check_out(shop)

    assert shop.orders() == sorted(["other", token])
    assert len(shop.cart()) == 0


class Commits:
    """What becomes of the commits of a database, in a row."""

    def __init__(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        self._dialect = shop.db.engine.dialect
        self._commit = self._dialect.do_commit
        self._errors: list[tuple[Exception, bool]] = []
        monkeypatch.setattr(self._dialect, "do_commit", self)

    def fail(self, error: Exception, is_done: bool) -> None:
        """Let the next one fail.

        :param is_done: Whether it is made all the same.
        """
        self._errors.append((error, is_done))

    def __call__(self, connection: t.Any) -> None:
        error, is_done = self._errors.pop() if self._errors else (None, True)

        if is_done:
            self._commit(connection)

        if error is not None:
            raise error


RIVALS = [
    ("postgresql", psycopg.errors.SerializationFailure("40001 at COMMIT")),
    ("postgresql", psycopg.errors.DeadlockDetected("40P01 at COMMIT")),
    ("mariadb", pymysql.err.OperationalError(1213, "Deadlock, says Galera")),
    ("mariadb", pymysql.err.OperationalError(3101, "Rolled back by the plugin")),
    ("mariadb", pymysql.err.OperationalError(1205, "Lock wait timeout exceeded")),
    ("mariadb", pymysql.err.OperationalError(1020, "Record has changed")),
]


@PLACES
@pytest.mark.parametrize(("name", "error"), RIVALS)
def test_commit_fails_because_of_a_rival(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    error: Exception,
    place: str,
) -> None:
    """A COMMIT that rivals have made fail is a conflict, and no order."""
    with selling(request.getfixturevalue(f"{name}_url"), place) as shop:
        Commits(shop, monkeypatch).fail(error, is_done=False)

        with pytest.raises(CartConflictError, match="may be begun again") as caught:
            check_out(shop)

        cause = caught.value.__cause__
        assert isinstance(cause, CartBusyError)
        assert isinstance(cause.__cause__, sa.exc.OperationalError)
        assert_not_sold(shop)


UNKNOWN = [
    ("postgresql", psycopg.OperationalError("server closed the connection")),
    ("postgresql", psycopg.errors.AdminShutdown("57P01 at COMMIT")),
    ("postgresql", psycopg.errors.StatementCompletionUnknown("40003 at COMMIT")),
    ("mariadb", pymysql.err.OperationalError(2013, "Lost connection")),
    ("mariadb", pymysql.err.OperationalError(1180, "Got error 5 during COMMIT")),
    ("mariadb", pymysql.err.OperationalError(1047, "WSREP has not yet prepared node")),
    ("mariadb", pymysql.err.InterfaceError(0, "")),
]


@PLACES
@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize(("name", "error"), UNKNOWN)
def test_nobody_knows_what_became_of_a_commit(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    error: Exception,
    is_done: bool,
    place: str,
) -> None:
    """If the order is found by its token it was made, and is what is returned. If not,
    it may still be on its way: an error says so, and it may be placed again."""
    with selling(request.getfixturevalue(f"{name}_url"), place) as shop:
        Commits(shop, monkeypatch).fail(error, is_done)

        if is_done:
            token = check_out(shop)
            assert shop.orders() == sorted(["other", token])
            assert len(shop.cart()) == 0

            return

        with pytest.raises(CartStorageError, match="Nobody knows") as caught:
            check_out(shop)

        assert not isinstance(caught.value, CartBusyError)
        assert isinstance(caught.value.__cause__, sa.exc.DBAPIError)
        assert_not_sold(shop)


@PLACES
@pytest.mark.parametrize("is_refused", [False, True])
def test_nobody_can_look_for_the_order(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, place: str, is_refused: bool
) -> None:
    """If the database is not there when the order is looked for, that is no error of
    the database's either, and the first error is the one that counts."""
    with selling(sqlite_url, place) as shop:
        commits = Commits(shop, monkeypatch)
        lost = sqlite3.OperationalError("lost")

        def lose() -> None:
            @sa.event.listens_for(shop.db.engine, "begin", once=True)
            def refuse(connection: sa.Connection) -> None:
                raise sa.exc.OperationalError(None, None, lost)

            if is_refused:
                raise ZeroDivisionError

            commits.fail(lost, is_done=False)

        said = "app's database" if is_refused else "Nobody knows"

        with pytest.raises(CartStorageError, match=said):
            check_out(shop, lose)

        assert_not_sold(shop)


def test_write_skew(postgresql_url: str) -> None:
    """PostgreSQL lets two serializable transactions work, and one of them fail when it
    commits."""
    with selling(postgresql_url, isolation_level="SERIALIZABLE") as shop:
        other = sa.create_engine(
            postgresql_url, isolation_level="SERIALIZABLE", poolclass=sa.NullPool
        )
        orders = shop.order_table
        count = sa.select(sa.func.count()).select_from(orders)

        def read_what_the_other_writes() -> None:
            shop.db.session.execute(count)

        @sa.event.listens_for(shop.db.session, "before_commit", once=True)
        def write_what_was_read(session: t.Any) -> None:
            with other.begin() as rival:
                rival.execute(count)
                rival.execute(orders.insert().values(token="rival"))

        with pytest.raises(CartConflictError) as caught:
            check_out(shop, read_what_the_other_writes)

        error: t.Any = caught.value.__cause__
        assert error.__cause__.orig.sqlstate == "40001"
        assert error.__cause__.statement is None
        assert shop.orders() == ["other", "rival"]
        assert shop.stored() == {"mug": 1, "pot": 1}

        token = check_out(shop)
        assert token in shop.orders()
        assert shop.stored() == {}


@contextmanager
def failing_to_commit(shop: Shop, error: Exception) -> Iterator[list[str]]:
    """Let the first transaction of the carts' own fail when it commits.

    :return: Its commits.
    """
    commits: list[str] = []

    def fail(cursor: object, statement: str, *rest: object) -> None:
        if statement == "COMMIT":
            commits.append(statement)

            if len(commits) == 1:
                cursor.connection.rollback()  # type: ignore[attr-defined]
                raise error

    sa.event.listen(shop.db.engine, "do_execute", fail)

    try:
        yield commits
    finally:
        sa.event.remove(shop.db.engine, "do_execute", fail)


#: Whoever has waited for a lock once does not wait again.
RETRIED = [each for each in RIVALS if each[1].args[0] != 1205]


@pytest.mark.parametrize(("name", "error"), RETRIED)
def test_rival_of_a_move(
    request: pytest.FixtureRequest, name: str, error: Exception
) -> None:
    """Where the transaction is the carts' own, it is made again."""
    with selling(request.getfixturevalue(f"{name}_url")) as shop:
        cart = shop.cart()

        with failing_to_commit(shop, error) as commits:
            cart.move(cart.lines[0].id, to="wishlist")

        assert len(commits) == 2
        assert len(shop.cart()) == 1
        assert len(shop.cart().instance("wishlist")) == 1


@pytest.mark.parametrize(("name", "error"), UNKNOWN)
def test_nobody_knows_what_became_of_a_move(
    request: pytest.FixtureRequest, name: str, error: Exception
) -> None:
    """If that may have been committed, it is not made again by itself."""
    with selling(request.getfixturevalue(f"{name}_url")) as shop:
        cart = shop.cart()

        with (
            failing_to_commit(shop, error) as commits,
            pytest.raises(
                CartStorageError, match="'carts' could not be used"
            ) as caught,
        ):
            cart.move(cart.lines[0].id, to="wishlist")

        assert not isinstance(caught.value, CartBusyError)
        assert len(commits) == 1
        assert len(shop.cart()) == 2


#: By the error that the app's own statement fails with: the options of an engine, and
#: whether the rival has committed.
STATEMENTS: dict[t.Any, tuple[str, dict[str, t.Any], bool]] = {
    "40001": ("postgresql", {"isolation_level": "REPEATABLE READ"}, True),
    "55P03": (
        "postgresql",
        {"connect_args": {"options": "-c lock_timeout=20ms"}},
        False,
    ),
    1020: (
        "mariadb",
        {"connect_args": {"init_command": "SET innodb_snapshot_isolation = ON"}},
        True,
    ),
    1205: (
        "mariadb",
        {"connect_args": {"init_command": "SET innodb_lock_wait_timeout = 0"}},
        False,
    ),
    "SQLITE_BUSY": ("sqlite", {"connect_args": {"timeout": 0}}, False),
}


@PLACES
@pytest.mark.parametrize("code", STATEMENTS)
def test_statement_of_the_app_fails_because_of_a_rival(
    request: pytest.FixtureRequest, code: t.Any, place: str
) -> None:
    """So does a statement of the app's in the order's transaction."""
    name, options, is_committed = STATEMENTS[code]
    url = request.getfixturevalue(f"{name}_url")

    with selling(url, place, **options) as shop:
        orders = shop.order_table
        mark = orders.update().where(orders.c.token == "other").values(id=7)
        engine = sa.create_engine(url, poolclass=sa.NullPool)

        with engine.connect() as rival:
            # From now on it sees the orders as they are.
            shop.db.session.execute(sa.select(orders)).all()
            rival.execute(mark)

            if is_committed:
                rival.commit()

            with contention() as errors, pytest.raises(CartConflictError):
                check_out(shop, lambda: shop.db.session.execute(mark))

            assert [code_of(each) for each in errors] == [code]

        assert_not_sold(shop)


@PLACES
def test_snapshot_of_sqlite(sqlite_url: str, place: str) -> None:
    """On SQLite in WAL mode, whoever has read in a transaction that others have written
    since can write no more in it, and waiting does not help."""
    with selling(sqlite_url, place) as shop:
        with shop.db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")

        @sa.event.listens_for(shop.db.engine, "begin")
        def begin(connection: sa.Connection) -> None:
            connection.exec_driver_sql("BEGIN")

        shop.db.session.execute(sa.select(shop.order_table)).all()

        with shop.outside() as rival:
            rival.execute(shop.order_table.insert().values(token="rival"))

        with contention() as errors, pytest.raises(CartConflictError):
            check_out(shop)

        assert [code_of(each) for each in errors] == ["SQLITE_BUSY_SNAPSHOT"]
        assert shop.orders() == ["other", "rival"]

        token = check_out(shop)
        assert token in shop.orders()


@PLACES
@pytest.mark.parametrize("name", ["postgresql", "mariadb"])
def test_connection_is_lost_in_an_order(
    request: pytest.FixtureRequest, name: str, place: str
) -> None:
    """A database that has gone while the order is made is an error of the storage. The
    order was not made, and can be."""
    with selling(request.getfixturevalue(f"{name}_url"), place) as shop:

        def lose() -> None:
            ask, end = {
                "postgresql": ("pg_backend_pid()", "SELECT pg_terminate_backend({})"),
                "mysql": ("connection_id()", "KILL {}"),
            }[shop.name]
            number = shop.db.session.scalar(sa.text(f"SELECT {ask}"))

            with shop.outside() as connection:
                connection.exec_driver_sql(end.format(number))

            shop.db.session.execute(sa.text("SELECT 1"))

        with pytest.raises(CartStorageError, match="app's database") as caught:
            check_out(shop, lose)

        assert not isinstance(caught.value, CartBusyError)
        assert_not_sold(shop)


def test_order_without_a_database(tmp_path: t.Any) -> None:
    """Neither does the app's question for the order raise what its database says."""
    with open_shop(
        f"sqlite:///{tmp_path}/no/such/folder",
        has_tables=True,
        CART_STORAGE="memory",
    ) as shop:
        shop.fill("mug")

        with shop.app.app_context(), pytest.raises(CartStorageError) as caught:
            check_out(shop)

        assert isinstance(caught.value.__cause__, sa.exc.OperationalError)


def test_order_without_a_connection(sqlite_url: str) -> None:
    """Nor that its pool has no connection left."""
    options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.01}

    with (
        selling(sqlite_url, "memory", **options) as shop,
        shop.db.engine.connect(),
        pytest.raises(CartStorageError, match="There was no connection"),
    ):
        check_out(shop)


MISTAKES: dict[str, tuple[str, type[Exception]]] = {
    "no such table": ("SELECT * FROM nowhere", sa.exc.DBAPIError),
    "no such column": ("SELECT nothing FROM orders", sa.exc.DBAPIError),
    "no SQL": ("SELEKT", sa.exc.DBAPIError),
    "twice": ("INSERT INTO orders (token) VALUES ('other')", sa.exc.IntegrityError),
    "nothing": ("INSERT INTO orders (token) VALUES (NULL)", sa.exc.DBAPIError),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_of_the_app(database_url: str, mistake: str) -> None:
    """What is wrong with a statement of the app's is for its developer, as it is."""
    statement, kind = MISTAKES[mistake]

    with selling(database_url) as shop:
        with pytest.raises(kind):
            check_out(shop, lambda: shop.db.session.execute(sa.text(statement)))

        assert_not_sold(shop)


def test_constraint_that_is_checked_at_the_commit(postgresql_url: str) -> None:
    """So is what the database finds wrong with it only when it commits."""
    with selling(postgresql_url) as shop:
        with shop.outside() as connection:
            connection.exec_driver_sql(
                "ALTER TABLE orders ADD COLUMN parent int REFERENCES orders (id)"
                " DEFERRABLE INITIALLY DEFERRED"
            )

        orphan = sa.text("INSERT INTO orders (token, parent) VALUES ('orphan', 999)")

        with pytest.raises(sa.exc.IntegrityError):
            check_out(shop, lambda: shop.db.session.execute(orphan))

        assert_not_sold(shop)


def test_rival_changes_what_a_begun_order_is_noted_in(postgresql_url: str) -> None:
    """A read of the cart's that fails with its transaction is not made again in it."""
    with selling(postgresql_url, isolation_level="REPEATABLE READ") as shop:
        shop.cart().begin_order()

        def be_late() -> None:
            shop.db.session.execute(sa.select(shop.storage.table)).all()

            with shop.outside() as rival:
                rival.execute(touched(shop.storage.table))

        with pytest.raises(CartConflictError):
            check_out(shop, be_late)

        assert shop.orders() == ["other"]
        assert shop.stored() == {"mug": 1, "pot": 1}
