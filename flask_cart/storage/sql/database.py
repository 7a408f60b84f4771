"""Carts in a table of the app's database."""

from __future__ import annotations

import datetime as dt
import typing as t
from contextlib import AbstractContextManager
from contextlib import ExitStack
from contextlib import contextmanager
from contextlib import nullcontext
from contextvars import ContextVar
from weakref import WeakSet

import sqlalchemy as sa
import sqlalchemy.orm as orm

from ...model.keys import CartKey
from ..base import Annotation
from ..base import Change
from ..base import Changes
from ..base import Guarantee
from ..base import Kept
from ..base import Stored
from ..base import deletes_nothing
from . import sqlite
from .connections import Bind
from .connections import Database
from .connections import OwnConnections
from .connections import Work
from .connections import is_isolated
from .connections import note_changes
from .connections import savepoint
from .errors import FAILURES
from .errors import DatabaseError
from .errors import storage_error
from .isolation import IsolatedWrites
from .isolation import Write
from .paging import in_pages
from .table import Statements
from .table import create_table
from .table import define_table
from .table import is_indexed
from .transaction import JoinedTransaction

T = t.TypeVar("T")

_ADVICE: t.Final = (
    "If it does not exist yet, create it with 'flask cart init-db' or a migration."
)

_NOTHING: t.Final = nullcontext()


class DatabaseStorage:
    """Keeps carts in a table, one row each.

    * Concurrency: every save compares the version that was read with the stored one,
      in one statement for each cart; safe for threads, processes and servers.
    * Durability: the database's.
    * Size: 16 MiB a cart, the column's.
    * Lifetime: until they are destroyed.

    Reads and writes are single statements in autocommit, and a transaction where
    several carts are saved at once, on connections of their own: they neither commit
    nor roll back what the app has pending in ``db.session``, and never wait for a
    connection while this request holds one. On SQLite, which has one writer, a save
    joins the transaction of ``db.session`` when that one has written already.

    :param database: The app's.
    :param table_name: The table's name.
    :param always_lock: Lock the row from before the read instead of only after
        several lost saves.
    :param lock_timeout: Seconds to wait for the lock of a rival; whole ones on
        MariaDB and MySQL, at least 1.
    """

    guarantee = Guarantee.ATOMIC

    def __init__(
        self,
        database: Database,
        *,
        table_name: str = "carts",
        always_lock: bool = False,
        lock_timeout: float = 5,
    ) -> None:
        self.always_lock = always_lock
        self.table = define_table(database, table_name)
        self._statements = Statements(self.table)
        self._database = database
        self._own = OwnConnections(lock_timeout)
        self._isolated = IsolatedWrites()
        self._prepared: WeakSet[sa.Engine] = WeakSet()

        #: Whether this thread reads in order to write, with the lock.
        self._is_locked: ContextVar[bool] = ContextVar("is_locked", default=False)

        #: The session whose transaction this thread's writes are to be part of.
        self._joined: ContextVar[orm.Session | None] = ContextVar(
            "joined", default=None
        )

    def load(self, key: CartKey) -> Stored | None:
        # Locked, it also reads what is stored now, where the app's transaction may
        # otherwise be looking at an older state of the table.
        known = self._statements
        query = known.select_locked if self._is_locked.get() else known.select

        rows = self._read(query, _at(key))

        return Stored._make(rows[0]) if rows else None

    def save(self, owner: str, changes: Changes) -> bool:
        if deletes_nothing(changes):
            return False

        try:
            with self._writing_session() as session:
                connection = self._save(session, owner, changes)
        except _LostError:
            return False

        if is_isolated(self._database.bind()) and self._joined.get() is None:
            writes = {
                (key := CartKey(owner, name)): self._anew(key, change)
                for name, change in changes.items()
            }
            self._isolated.note(connection, writes, self._database.session())

        return True

    @contextmanager
    def lock(self, owner: str) -> t.Iterator[None]:
        token = self._is_locked.set(True)

        try:
            with self._writing_session() as session, ExitStack() as stack:
                # What is read in the app's is locked until that one ends.
                if session is None:
                    stack.enter_context(self._transaction())

                yield
        finally:
            self._is_locked.reset(token)

    def instances(self, owner: str) -> list[str]:
        rows = self._read(self._statements.names, {"at_owner": owner})

        return sorted(row.instance for row in rows)

    def scan(self, before: dt.datetime | None = None) -> t.Iterator[Kept]:
        columns = self.table.c
        order = [columns.owner, columns.instance]
        query = sa.select(*order, columns.version, columns.data, columns.updated_at)

        if before is not None:
            query = query.where(columns.updated_at < _utc(before))

            # So what is young is not looked at. A shop may do without that index.
            if self._with(lambda each: is_indexed(each, columns.updated_at)):
                order = [columns.updated_at, *order]

        for owner, instance, version, data, updated_at in in_pages(
            self._read, query, order
        ):
            yield Kept(
                CartKey(owner, instance),
                Stored(data, version),
                updated_at.replace(tzinfo=dt.UTC),
            )

    def transaction(self) -> JoinedTransaction | None:
        session = self._session(self._database.bind())

        if session is None or self._only_read(session) is not None:
            return None

        return JoinedTransaction(session)

    @contextmanager
    def join(
        self, session: orm.Session | orm.scoped_session[t.Any]
    ) -> t.Iterator[None]:
        """Make the writes of this thread part of a session's transaction.

        Nothing is committed here: that is for whoever owns the session.
        """
        token = self._joined.set(
            session() if isinstance(session, orm.scoped_session) else session
        )

        try:
            yield
        finally:
            self._joined.reset(token)

    def prepare(self) -> None:
        """Get ready for the first request; it needs an app context."""
        self._prepare(self._database.bind().engine)

    def create_table(self) -> bool:
        """Create the table, if it does not exist.

        :return: Whether it was created.
        :raises CartStorageError: If the database cannot be reached, or refuses.
        """
        return create_table(self._database, self.table)

    def _prepare(self, engine: sa.Engine) -> None:
        if engine.name == "sqlite" and engine not in self._prepared:
            sa.event.listen(engine, "checkout", note_changes)
            self._prepared.add(engine)

    def _save(
        self, session: orm.Session | None, owner: str, changes: Changes
    ) -> sa.Connection:
        """Make all of the changes or, if this raises, none of them."""
        is_part = session is not None or self._own.in_transaction
        is_whole = is_part or len(changes) == 1

        def write(connection: sa.Connection) -> sa.Connection:
            with self._apart(changes, connection) if is_part else _NOTHING:
                # In the same order as all others, or two would wait for each other.
                for name, change in sorted(changes.items()):
                    self._write(connection, CartKey(owner, name), change)

            return connection

        with _NOTHING if is_whole else self._transaction():
            return self._run(self._database.bind(), session, write)

    def _apart(
        self, changes: Changes, connection: sa.Connection
    ) -> AbstractContextManager[None]:
        """What undoes changes that are lost, where they must not leave their mark on
        the transaction that they are part of."""
        # An INSERT that fails fails all of the app's transaction, but in SQLite.
        is_insert = any(not change.expected for change in changes.values())
        is_joined = self._joined.get() is not None
        is_fatal = is_insert and is_joined and connection.dialect.name != "sqlite"

        return savepoint(connection) if is_fatal or len(changes) > 1 else _NOTHING

    def _write(self, connection: sa.Connection, key: CartKey, change: Change) -> None:
        expected, text, version = change

        if not expected and text is not None:
            # If it is there, this is an error.
            self._insert(connection, key, version, text)
            return

        known = self._statements
        statement = known.update if text is not None else known.delete
        new = _values(version, text) if text is not None else {}

        if isinstance(change, Annotation):
            new.pop("updated_at", None)

        parameters = {**_at(key), "as_read": expected, **new}

        if connection.execute(statement, parameters).rowcount != 1:
            raise _LostError

    def _anew(self, key: CartKey, change: Change) -> Write:
        _, text, version = change

        def write(connection: sa.Connection) -> None:
            connection.execute(self._statements.delete_any, _at(key))

            if text is not None:
                self._insert(connection, key, version, text)

        return write

    def _insert(
        self, connection: sa.Connection, key: CartKey, version: int, text: str
    ) -> None:
        row = {**key._asdict(), **_values(version, text)}
        connection.execute(self._statements.insert, row)

    def _read(
        self, query: sa.Select[t.Any], parameters: t.Mapping[str, t.Any] | None = None
    ) -> t.Sequence[sa.Row[t.Any]]:
        return self._with(lambda each: each.execute(query, parameters).all())

    def _with(self, work: Work[T]) -> T:
        """Read something."""
        bind = self._database.bind()

        return self._run(bind, self._session(bind), work)

    def _run(self, bind: Bind, session: orm.Session | None, work: Work[T]) -> T:
        """Do something on the connection that this thread's statements belong on."""
        try:
            if session is not None and not self._own.in_transaction:
                return work(session.connection(bind_arguments={"bind": bind}))

            return self._own.run(bind, work)
        except FAILURES as error:
            raise self._meant(error) from error

    @contextmanager
    def _transaction(self) -> t.Iterator[None]:
        """A transaction of its own, whose errors are those of a storage."""
        with ExitStack() as stack:
            with self._translated():
                stack.enter_context(self._own.transaction(self._database.bind()))

            yield

            with self._translated():
                stack.pop_all().close()

    @contextmanager
    def _translated(self) -> t.Iterator[None]:
        try:
            yield
        except FAILURES as error:
            raise self._meant(error) from error

    def _meant(self, error: DatabaseError) -> Exception:
        # The key is all that a cart can violate.
        if isinstance(error, sa.exc.IntegrityError):
            return _LostError()

        return storage_error(error, f"table {self.table.name!r}", _ADVICE)

    def _session(self, bind: Bind) -> orm.Session | None:
        """The session that this thread's statements are part of, if any."""
        joined = self._joined.get()

        if joined is not None:
            return joined

        # Where a test has one connection for everybody, nobody waits.
        if bind.dialect.name != "sqlite" or is_isolated(bind):
            return None

        self._prepare(bind.engine)
        session = self._database.session()

        if session is None or not session.in_transaction():
            return None

        return session if sqlite.begun_on(session, bind) is not None else None

    def _writing_session(self) -> AbstractContextManager[orm.Session | None]:
        """The session that this thread's writes are part of in this block, if any."""
        session = self._session(self._database.bind())
        only_read = self._only_read(session) if session is not None else None

        return sqlite.set_aside(only_read) if only_read else nullcontext(session)

    def _only_read(self, session: orm.Session) -> sa.Connection | None:
        """The connection of a session, if that is in a transaction without writes."""
        if self._joined.get() is not None:
            return None

        connection = sqlite.begun_on(session, self._database.bind())

        if connection is None or sqlite.is_written(session, connection):
            return None

        return connection


class _LostError(Exception):
    """A row is not the one that was read, or there is one where there was none."""


def _at(key: CartKey) -> dict[str, t.Any]:
    """Which row a statement is about."""
    return {"at_owner": key.owner, "at_instance": key.instance}


def _values(version: int, text: str) -> dict[str, t.Any]:
    """What is to be in a row, besides its key."""
    now = _utc(dt.datetime.now(dt.UTC))

    return {"version": version, "data": text, "updated_at": now}


def _utc(moment: dt.datetime) -> dt.datetime:
    """SQLite and MariaDB keep no time zone."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None)
