"""An engine like the app's: with its listeners, and a pool of its own."""

from __future__ import annotations

import typing as t
from contextlib import suppress

import sqlalchemy as sa
from sqlalchemy.engine.base import OptionEngine

#: sqlite3.LEGACY_TRANSACTION_CONTROL, as Python 3.12 calls how it always was.
_LEGACY: t.Final = -1


class OwnEngine(OptionEngine):
    """An engine that the listeners of another one hear of, also those that come later.

    SQLAlchemy makes such engines for execution options. They use the pool of the other
    one, and this does not.

    :param shared: The other one.
    :param own: Whose connections are used.
    """

    # In place of a property.
    pool: sa.Pool = t.cast("sa.Pool", None)

    def __init__(self, shared: sa.Engine, own: sa.Engine) -> None:
        super().__init__(shared, {})
        self.pool = own.pool
        self.dialect = own.dialect
        # Where those are kept that listen to errors, and to what the driver is told.
        self.dialect.dispatch = shared.dialect.dispatch
        self.dialect._has_events = True
        self.hide_parameters = own.hide_parameters
        self._compiled_cache = own._compiled_cache
        self._execution_options = own.get_execution_options()


def make_own_engine(
    shared: sa.Engine, lock_timeout: float, is_autocommit: bool
) -> sa.Engine:
    """An engine like that of an app.

    :param lock_timeout: Seconds that a statement waits for the lock of a rival.
    """
    # Such as the schema that the app's tables are in.
    options = dict(shared.get_execution_options())
    options.pop("isolation_level", None)
    mode: dict[str, t.Any] = {}

    if is_autocommit:
        # A ROLLBACK after each statement would be a second round trip.
        mode = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
    elif shared.name == "postgresql":
        mode = {"isolation_level": "READ COMMITTED"}

    own = sa.create_engine(
        shared.url,
        pool=shared.pool.recreate(),
        execution_options=options,
        # The parameters are the cart, and the token of its guest.
        hide_parameters=True,
        **mode,
    )

    # After what the app does to a new connection.
    @sa.event.listens_for(own, "connect")
    def prepare(connection: t.Any, record: object) -> None:
        match own.name:
            case "sqlite":
                _let_statements_decide(connection)
                _execute(
                    connection, f"PRAGMA busy_timeout = {milliseconds(lock_timeout, 0)}"
                )
            case "postgresql":
                _prepare_postgresql(connection, lock_timeout)
            case "mysql" | "mariadb":
                _prepare_mariadb(connection, lock_timeout)

    return OwnEngine(shared, own)


def milliseconds(seconds: float, least: int = 1) -> int:
    """Seconds as PostgreSQL and SQLite count them.

    :param least: PostgreSQL takes 0 for "for ever".
    """
    return max(least, round(seconds * 1000))


def _let_statements_decide(connection: t.Any) -> None:
    """Let SQLite's driver begin and end no transaction but as it always did, if it was
    told otherwise with its attribute of Python 3.12."""
    with suppress(AttributeError):
        # This ends the one that it may have begun.
        connection.autocommit = True
        connection.autocommit = _LEGACY


def _prepare_postgresql(connection: t.Any, lock_timeout: float) -> None:
    """Let a connection to PostgreSQL wait for locks no longer than it may, and see in
    each try what rivals have committed by then, if it is one.

    What is said to a pooler such as PgBouncer stays with the server's process that it
    gives us at that moment, and others get that one next. Of a pooler, the process that
    the driver knows is not the one that answers.
    """
    # psycopg has it, and psycopg2.
    process = getattr(getattr(connection, "info", None), "backend_pid", 0)
    said = _execute(
        connection,
        f"SELECT set_config('lock_timeout', '{milliseconds(lock_timeout)}', false),"
        " set_config('default_transaction_isolation', 'read committed', false)"
        f" WHERE pg_backend_pid() = {process}",
    )
    # Or a rollback would undo it.
    connection.commit()

    if said is None and hasattr(connection, "prepare_threshold"):
        # Nor would a prepared statement be found again.
        connection.prepare_threshold = None


def _prepare_mariadb(connection: t.Any, lock_timeout: float) -> None:
    """The same for MariaDB and MySQL, whose usual level does. In the strictest one a
    lock does not let whoever has it see the latest state, as of MariaDB 11.6."""
    whole = max(1, round(lock_timeout))
    _execute(
        connection,
        f"SET innodb_lock_wait_timeout = {whole}, lock_wait_timeout = {whole}",
    )
    # It has one name or the other.
    strictest = _execute(
        connection,
        "SHOW VARIABLES WHERE variable_name IN"
        " ('tx_isolation', 'transaction_isolation') AND value = 'SERIALIZABLE'",
    )

    if strictest is not None:
        _execute(connection, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _execute(connection: t.Any, statement: str) -> t.Any:
    """Execute a statement with a driver's connection.

    :return: Its first row, ``None`` if there is none.
    """
    cursor = connection.cursor()
    cursor.execute(statement)
    row = cursor.fetchone() if cursor.description else None
    cursor.close()

    return row
