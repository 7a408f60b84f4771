"""An engine like the app's: with its listeners, and a pool of its own."""

from __future__ import annotations

import typing as t

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
    # A ROLLBACK after each statement would be a second round trip.
    mode: dict[str, t.Any] = (
        {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
        if is_autocommit
        else {}
    )

    own = sa.create_engine(
        shared.url,
        pool=shared.pool.recreate(),
        execution_options=options,
        # The parameters are the cart, and the token of its guest.
        hide_parameters=True,
        **mode,
    )
    statement = _lock_timeout_statement(own.name, lock_timeout)

    # After what the app does to a new connection.
    @sa.event.listens_for(own, "connect")
    def prepare(connection: t.Any, record: object) -> None:
        if own.name == "sqlite":
            _let_statements_decide(connection)

        if statement is not None:
            cursor = connection.cursor()
            cursor.execute(statement)
            cursor.close()

    return OwnEngine(shared, own)


def _let_statements_decide(connection: t.Any) -> None:
    """Let SQLite's driver begin and end no transaction but as it always did, if it was
    told otherwise with its attribute of Python 3.12."""
    if hasattr(connection, "autocommit"):
        # This ends the one that it may have begun.
        connection.autocommit = True
        connection.autocommit = _LEGACY


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
