"""Connections: the carts' own, or the app's where it has only one."""

from __future__ import annotations

import os
import threading
import typing as t
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import sqlalchemy as sa
import sqlalchemy.orm as orm

from .errors import FAILURES
from .errors import meaning_of
from .errors import storage_error
from .own_engine import make_own_engine
from .own_engine import milliseconds

T = t.TypeVar("T")

#: What an app uses: an engine or, in a test, the one connection in its place.
Bind = sa.Engine | sa.Connection

#: What is done on a connection.
Work = t.Callable[[sa.Connection], T]

#: Where a connection of SQLite has what its transaction started from.
CHANGES: t.Final = "flask_cart.changes"


@dataclass(frozen=True)
class Database:
    """An app's database.

    :param owner: Has ``engines`` and a ``session``, as Flask-SQLAlchemy's extension.
    :param key: Which of the engines.
    :param metadata: What the tables are part of, as far as there is such a thing yet.
    :param make_table: Makes a table that is part of it.
    """

    owner: t.Any
    key: str | None
    metadata: sa.MetaData
    make_table: t.Callable[..., sa.Table]

    def bind(self) -> Bind:
        """What the app uses now. It needs an app context."""
        return t.cast(Bind, self.owner.engines[self.key])

    def session(self) -> orm.Session | None:
        """The session that the app uses in this thread, if there is one already."""
        session = self.owner.session

        if not isinstance(session, orm.scoped_session):
            return t.cast("orm.Session | None", session)

        return session() if session.registry.has() else None


class OwnConnections:
    """Connections from engines with pools of their own.

    With an app's pool, a request would take a second connection while it holds its
    first, and a few of them at once would wait for each other. Only where there is
    one connection for everybody is it the app's.

    They are in autocommit, unless the app listens to how transactions begin and end.

    :param lock_timeout: Seconds that a statement waits for the lock of a rival.
    """

    def __init__(self, lock_timeout: float) -> None:
        self._lock_timeout = lock_timeout
        # By the app's engine: apps may share a storage, but no database. Then by
        # whether they are in autocommit, as listeners may come later.
        self._engines: WeakKeyDictionary[sa.Engine, dict[bool, sa.Engine]] = (
            WeakKeyDictionary()
        )
        self._pid = os.getpid()
        self._lock = threading.Lock()

        #: The connection of the transaction that this thread is in.
        self._transaction: ContextVar[sa.Connection | None] = ContextVar(
            "transaction", default=None
        )

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is in a transaction of these connections."""
        return self._transaction.get() is not None

    def run(self, shared: Bind, work: Work[T]) -> T:
        """Do something on a connection: that of the transaction, if there is one.

        :param shared: What the app uses.
        :param work: One statement, outside of a transaction.
        """
        joined = self._transaction.get()

        if joined is None and has_one_connection(shared):
            with transaction_on(shared) as connection:
                return work(connection)

        with nullcontext(joined) if joined else self._opened(shared) as connection:
            try:
                return work(connection)
            except sa.exc.DBAPIError as error:
                # The next connection may lead to another server.
                if meaning_of(error.orig) == "away":
                    connection.invalidate(error)

                raise

    @contextmanager
    def transaction(self, shared: Bind) -> t.Iterator[None]:
        """Make all that this thread does with :meth:`run` one transaction.

        On SQLite it locks the database from its beginning on.

        :param shared: What the app uses.
        """
        if has_one_connection(shared):
            yield
            return

        with self._opened(shared) as connection:
            is_ours = _begin(connection, self._lock_timeout)
            token = self._transaction.set(connection)

            try:
                yield

                if is_ours:
                    connection.exec_driver_sql("COMMIT")
            except BaseException:
                if is_ours:
                    _roll_back(connection)

                raise
            finally:
                self._transaction.reset(token)

    def _opened(self, shared: Bind) -> AbstractContextManager[sa.Connection]:
        is_autocommit = not _wants_transactions(shared.engine)
        engine = self._like(shared.engine, is_autocommit)

        return engine.connect() if is_autocommit else engine.begin()

    def _like(self, shared: sa.Engine, is_autocommit: bool) -> sa.Engine:
        """The engine for an app, made when it is first needed."""
        with self._lock:
            if self._pid != os.getpid():
                # A forked worker must not talk on the connections of its parent.
                for engine in self._all_engines():
                    engine.dispose(close=False)

                self._pid = os.getpid()

            if shared not in self._engines:
                self._engines[shared] = {}
                is_heard = "_has_events" in vars(shared)
                sa.event.listen(shared, "engine_disposed", self._dispose)

                if not is_heard:
                    # Or each statement, also of the app, would look for listeners.
                    del vars(shared)["_has_events"]

            engines = self._engines[shared]

            if is_autocommit not in engines:
                engines[is_autocommit] = make_own_engine(
                    shared, self._lock_timeout, is_autocommit
                )

            return engines[is_autocommit]

    def _all_engines(self) -> t.Iterator[sa.Engine]:
        for engines in self._engines.values():
            yield from engines.values()

    def _dispose(self, disposed: sa.Engine) -> None:
        # What is heard of the app's is also heard of those that are like it.
        for engine in self._engines.get(disposed, {}).values():
            engine.dispose(close=self._pid == os.getpid())


def has_one_connection(bind: Bind) -> bool:
    """Whether all threads share one connection."""
    return is_isolated(bind) or isinstance(bind.engine.pool, sa.pool.StaticPool)


def is_isolated(bind: Bind) -> bool:
    """Whether this is a test that rolls back what is committed in it."""
    # Flask-SQLAlchemy-Lite replaces the method in its test_isolation().
    return isinstance(bind, sa.Connection) or "connect" in vars(bind)


def driver_of(connection: sa.Connection) -> t.Any:
    """The driver's own connection, which knows whether it is in a transaction."""
    return connection.connection.dbapi_connection


def note_changes(driver: t.Any, place: t.Any, _: object) -> None:
    """Note how much a connection of SQLite has changed when it is taken out."""
    place.info[CHANGES] = driver.total_changes


@contextmanager
def translated(table: str, advice: str = "") -> t.Iterator[None]:
    """Turn errors of the database into those of a storage.

    :param table: The table's name, for the message.
    :param advice: What to do if it does not exist.
    :raises CartStorageError: The one that it is.
    """
    try:
        yield
    except FAILURES as error:
        raise storage_error(error, f"table {table!r}", advice) from error


@contextmanager
def transaction_on(bind: Bind) -> t.Iterator[sa.Connection]:
    """A connection of the app's, for what is committed at the end of this block, as far
    as the transaction goes that it may be in already."""
    if isinstance(bind, sa.Engine):
        with bind.begin() as connection:
            yield connection
    elif bind.in_transaction():
        with savepoint(bind):
            yield bind
    else:
        with bind.begin():
            yield bind


@contextmanager
def savepoint(connection: sa.Connection) -> t.Iterator[None]:
    """Undo what is done in this block, and no more of its transaction, if it raises."""
    # SQLite's driver begins transactions with the first write, and the server would
    # take a savepoint that comes before it for the transaction itself.
    if connection.dialect.name == "sqlite" and not driver_of(connection).in_transaction:
        connection.exec_driver_sql("BEGIN")

    connection.exec_driver_sql("SAVEPOINT carts")

    try:
        yield
    except BaseException:
        # After a deadlock of MariaDB nothing is left to roll back.
        with suppress(sa.exc.SQLAlchemyError):
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT carts")

        raise

    connection.exec_driver_sql("RELEASE SAVEPOINT carts")


def _wants_transactions(engine: sa.Engine) -> bool:
    """Whether an app listens to transactions: to begin them as SQLAlchemy recommends
    for SQLite, to tell the database whose rows it may see, or to note their ends."""
    heard = engine.dispatch

    return bool(heard.begin or heard.commit or heard.rollback)


def _begin(connection: sa.Connection, lock_timeout: float) -> bool:
    """Begin a transaction, where SQLAlchemy has not done so.

    :param lock_timeout: Seconds that a statement waits for the lock of a rival.
    :return: Whether it is ours to end.
    """
    if connection.dialect.name == "sqlite":
        # What the app's listener has begun may have no lock.
        if driver_of(connection).in_transaction:
            connection.exec_driver_sql("COMMIT")

        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return True

    is_ours = not connection.in_transaction() or _is_autocommit(connection)
    statements = ["BEGIN"] if is_ours else []

    if connection.dialect.name == "postgresql":
        # With a pooler, the connection may know nothing of what it was told before.
        statements = [f"{each} ISOLATION LEVEL READ COMMITTED" for each in statements]
        statements.append(f"SET LOCAL lock_timeout = {milliseconds(lock_timeout)}")

    if statements:
        # Without parameters, PostgreSQL takes two in one round trip.
        connection.exec_driver_sql(
            "; ".join(statements), execution_options={"no_parameters": True}
        )

    return is_ours


def _is_autocommit(connection: sa.Connection) -> bool:
    return connection.dialect.detect_autocommit_setting(driver_of(connection))


def _roll_back(connection: sa.Connection) -> None:
    try:
        connection.exec_driver_sql("ROLLBACK")
    except sa.exc.SQLAlchemyError:
        # It must not go back to the pool with its transaction.
        connection.invalidate()
