"""Connections of the carts' own, and what the errors of a database mean for a cart."""

from __future__ import annotations

import os
import sqlite3
import threading
import typing as t
from contextlib import contextmanager
from contextlib import suppress
from contextvars import ContextVar
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from ...model.errors import CartBusyError
from ...model.errors import CartLockTimeoutError
from ...model.errors import CartStorageError


class OwnConnections:
    """Connections in autocommit, from engines with pools of their own.

    With an app's pool, a request would take a second connection while it holds its
    first, and a few of them at once would wait for each other. Only a database in
    memory, which is there for one connection, is used on the app's.

    :param lock_timeout: Seconds that a statement waits for the lock of a rival.
    """

    def __init__(self, lock_timeout: float) -> None:
        self._lock_timeout = lock_timeout
        # By the app's engine: apps may share a storage, but no database.
        self._engines: WeakKeyDictionary[sa.Engine, sa.Engine] = WeakKeyDictionary()
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

    @contextmanager
    def connection(self, shared: sa.Engine) -> t.Iterator[sa.Connection]:
        """A connection for one statement: that of the transaction, if there is one.

        :param shared: The engine that the app uses.
        """
        connection = self._transaction.get()

        if connection is not None:
            yield connection
        elif has_one_connection(shared):
            with shared.begin() as connection:
                yield connection
        else:
            with self._like(shared).connect() as connection:
                yield connection

    @contextmanager
    def transaction(self, shared: sa.Engine) -> t.Iterator[None]:
        """Make all that this thread does with :meth:`connection` one transaction.

        On SQLite it locks the database from its beginning on.

        :param shared: The engine that the app uses.
        """
        if has_one_connection(shared):
            yield
            return

        begin = "BEGIN IMMEDIATE" if shared.name == "sqlite" else "BEGIN"

        with self._like(shared).connect() as connection:
            connection.exec_driver_sql(begin)
            token = self._transaction.set(connection)

            try:
                yield
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise
            finally:
                self._transaction.reset(token)

    def _like(self, shared: sa.Engine) -> sa.Engine:
        """The engine for an app, made when it is first needed."""
        with self._lock:
            if self._pid != os.getpid():
                # A forked worker must not talk on the connections of its parent.
                for engine in self._engines.values():
                    engine.dispose(close=False)

                self._pid = os.getpid()

            if shared not in self._engines:
                self._engines[shared] = _make_engine(shared, self._lock_timeout)
                sa.event.listen(shared, "engine_disposed", self._dispose)

            return self._engines[shared]

    def _dispose(self, shared: sa.Engine) -> None:
        self._engines[shared].dispose(close=self._pid == os.getpid())


def has_one_connection(engine: sa.Engine) -> bool:
    """Whether all threads share the one connection of a database in memory."""
    return isinstance(engine.pool, sa.pool.StaticPool)


@contextmanager
def savepoint(connection: sa.Connection) -> t.Iterator[None]:
    """Undo what is done in this block, and no more of its transaction, if it raises."""
    driver: t.Any = connection.connection.dbapi_connection

    # SQLite's driver begins transactions with the first write, and the server would
    # take a savepoint that comes before it for the transaction itself.
    if connection.dialect.name == "sqlite" and not driver.in_transaction:
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


def _make_engine(shared: sa.Engine, lock_timeout: float) -> sa.Engine:
    # Such as the schema that the app's tables are in.
    options = dict(shared.get_execution_options())
    options.pop("isolation_level", None)

    engine = sa.create_engine(
        shared.url,
        pool=shared.pool.recreate(),
        execution_options=options,
        isolation_level="AUTOCOMMIT",
        # The parameters are the cart, and the token of its guest.
        hide_parameters=True,
        # A ROLLBACK after each statement would be a second round trip.
        skip_autocommit_rollback=True,
    )
    statement = _lock_timeout_statement(engine.name, lock_timeout)

    if statement is not None:

        @sa.event.listens_for(engine, "connect")
        def set_lock_timeout(connection: t.Any, record: object) -> None:
            cursor = connection.cursor()
            cursor.execute(statement)
            cursor.close()

    return engine


def _lock_timeout_statement(dialect: str, seconds: float) -> str | None:
    """What makes a new connection give up waiting for the locks of others.

    The servers' own defaults are for ever, 50 seconds and, on SQLite, the driver's.
    """
    match dialect:
        case "postgresql":
            return f"SET lock_timeout = {max(1, round(seconds * 1000))}"
        case "mysql" | "mariadb":
            whole = max(1, round(seconds))
            return (
                f"SET innodb_lock_wait_timeout = {whole}, lock_wait_timeout = {whole}"
            )
        case "sqlite":
            return f"PRAGMA busy_timeout = {round(seconds * 1000)}"
        case _:
            return None


def _roll_back(connection: sa.Connection) -> None:
    try:
        connection.exec_driver_sql("ROLLBACK")
    except sa.exc.SQLAlchemyError:
        # It must not go back to the pool with its transaction.
        connection.invalidate()


#: MariaDB and MySQL: the record changed since the snapshot, deadlock. The
#: transaction can be tried again.
_MYSQL_CONTENTION: t.Final = {(1020,), (1213,)}
_MYSQL_LOCK_TIMEOUT: t.Final = (1205,)

#: PostgreSQL: serialization failure, deadlock.
_POSTGRESQL_CONTENTION: t.Final = {"40001", "40P01"}
_POSTGRESQL_LOCK_TIMEOUT: t.Final = "55P03"

_SQLITE_CONTENTION: t.Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


@contextmanager
def translated(table: str, advice: str) -> t.Iterator[None]:
    """Turn errors of the database into those of a storage.

    :param table: The table's name, for the message.
    :param advice: What to do if it does not exist.
    :raises CartLockTimeoutError: If the lock of a rival was waited for in vain.
    :raises CartBusyError: If rivals were in the way otherwise.
    :raises CartStorageError: If anything else went wrong.
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        # The parameters are the cart, and the token of its guest.
        error.hide_parameters = True

        if is_lock_timeout(error.orig):
            raise CartLockTimeoutError(
                f"The table {table!r} was locked by another change: {error.orig}"
            ) from error

        if is_contention(error.orig):
            raise CartBusyError(
                f"The table {table!r} is busy with other changes: {error.orig}"
            ) from error

        raise CartStorageError(
            f"The table {table!r} could not be used: {error.orig}. {advice}"
        ) from error
    except sa.exc.TimeoutError as error:
        raise CartStorageError(
            f"There was no connection for the table {table!r}: {error}"
        ) from error


def is_lock_timeout(error: BaseException | None) -> bool:
    """Whether the lock of a rival was waited for as long as the server lets one."""
    if getattr(error, "sqlstate", None) == _POSTGRESQL_LOCK_TIMEOUT:
        return True

    return error is not None and error.args[:1] == _MYSQL_LOCK_TIMEOUT


def is_contention(error: BaseException | None) -> bool:
    """Whether rivals caused the error, so that the same work may succeed later."""
    if isinstance(error, sqlite3.Error):
        # The low byte is the primary code of extended ones such as BUSY_SNAPSHOT.
        return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _SQLITE_CONTENTION

    if getattr(error, "sqlstate", None) in _POSTGRESQL_CONTENTION:
        return True

    return error is not None and error.args[:1] in _MYSQL_CONTENTION
