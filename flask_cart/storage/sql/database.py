"""Carts in a table of the app's database, through Flask-SQLAlchemy."""

from __future__ import annotations

import datetime as dt
import typing as t
from contextlib import ExitStack
from contextlib import contextmanager
from contextlib import nullcontext
from contextvars import ContextVar

import sqlalchemy as sa
import sqlalchemy.orm as orm
from flask_sqlalchemy import SQLAlchemy

from ...model.errors import CartConfigError
from ...model.errors import CartStorageError
from ...model.keys import CartKey
from ..base import Changes
from ..base import Guarantee
from ..base import Kept
from ..base import Stored
from ..base import next_versions
from .connections import OwnConnections
from .connections import savepoint
from .connections import translated
from .table import define_table
from .transaction import JoinedTransaction

_ADVICE: t.Final = (
    "If it does not exist yet, create it with 'flask cart init-db' or a migration."
)

#: How many carts are read at a time.
_PAGE: t.Final = 500


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

    :param db: The app's Flask-SQLAlchemy extension.
    :param table_name: The table's name.
    :param bind_key: The bind that the table is in, ``None`` for the default one.
    :param always_lock: Lock the row from before the read instead of only after
        several lost saves.
    :param lock_timeout: Seconds to wait for the lock of a rival; whole ones on
        MariaDB and MySQL, at least 1.
    """

    guarantee = Guarantee.ATOMIC

    def __init__(
        self,
        db: SQLAlchemy,
        *,
        table_name: str = "carts",
        bind_key: str | None = None,
        always_lock: bool = False,
        lock_timeout: float = 5,
    ) -> None:
        self.always_lock = always_lock
        self.table = define_table(db, table_name, bind_key)
        self._db = db
        self._bind_key = bind_key
        self._own = OwnConnections(lock_timeout)

        #: Whether this thread reads in order to write, with the lock.
        self._is_locked: ContextVar[bool] = ContextVar("is_locked", default=False)

        #: The session whose transaction this thread's writes are to be part of.
        self._joined: ContextVar[orm.Session | None] = ContextVar(
            "joined", default=None
        )

    def load(self, key: CartKey) -> Stored | None:
        table = self.table
        query = sa.select(table.c.data, table.c.version).where(*self._at(key))

        # It also reads what is stored now, where the app's transaction may otherwise
        # be looking at an older state of the table.
        if self._is_locked.get():
            query = query.with_for_update()

        with self._connection(self._session()) as connection:
            row = connection.execute(query).one_or_none()

        return Stored(row.data, row.version) if row is not None else None

    def save(self, owner: str, changes: Changes) -> dict[str, int] | None:
        versions = next_versions(changes)

        if versions is None:
            return None

        try:
            with self._unit(changes) as connection:
                # In the same order as all others, or two would wait for each other.
                for name, (expected, text) in sorted(changes.items()):
                    key = CartKey(owner, name)
                    self._write(connection, key, expected, text, versions[name])
        except _LostError:
            return None

        return versions

    @contextmanager
    def lock(self, owner: str) -> t.Iterator[None]:
        token = self._is_locked.set(True)

        try:
            # What is read in the app's transaction is locked until that one ends.
            with self._transaction() if self._session() is None else nullcontext():
                yield
        finally:
            self._is_locked.reset(token)

    def instances(self, owner: str) -> list[str]:
        table = self.table
        query = sa.select(table.c.instance).where(table.c.owner == owner)

        with self._connection(self._session()) as connection:
            return sorted(connection.execute(query).scalars())

    def scan(self, before: dt.datetime | None = None) -> t.Iterator[Kept]:
        query = sa.select(self.table)

        if before is not None:
            query = query.where(self.table.c.updated_at < _utc(before))

        for row in self._rows(query):
            yield Kept(
                CartKey(row.owner, row.instance),
                Stored(row.data, row.version),
                row.updated_at.replace(tzinfo=dt.UTC),
            )

    def transaction(self) -> JoinedTransaction | None:
        session = self._session()

        return JoinedTransaction(session) if session is not None else None

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

    def create_table(self) -> bool:
        """Create the table, if it does not exist.

        :return: Whether it was created.
        :raises CartStorageError: If the database cannot be reached.
        """
        engine = self._shared_engine

        with self._translated():
            if sa.inspect(engine).has_table(self.table.name, schema=self.table.schema):
                return False

            self.table.create(engine)

        return True

    @contextmanager
    def _unit(self, changes: Changes) -> t.Iterator[sa.Connection]:
        """A connection on which all of the changes are made, or, if this block raises,
        none of them."""
        session = self._writing_session()
        is_part = session is not None or self._own.in_transaction

        with ExitStack() as stack:
            if len(changes) > 1 and not is_part:
                stack.enter_context(self._transaction())

            connection = stack.enter_context(self._connection(session))

            if is_part and self._is_undone_apart(changes, connection):
                stack.enter_context(savepoint(connection))

            yield connection

    def _is_undone_apart(self, changes: Changes, connection: sa.Connection) -> bool:
        """Whether changes that are lost must not leave their mark on the transaction
        that they are part of."""
        if len(changes) > 1:
            return True

        # An INSERT that fails fails all of the app's transaction, but in SQLite.
        is_insert = any(not expected for expected, _ in changes.values())
        is_joined = self._joined.get() is not None

        return is_insert and is_joined and connection.dialect.name != "sqlite"

    def _write(
        self,
        connection: sa.Connection,
        key: CartKey,
        expected: int,
        text: str | None,
        version: int,
    ) -> None:
        table = self.table
        read = (*self._at(key), table.c.version == expected)
        values = {
            "version": version,
            "data": text,
            "updated_at": _utc(dt.datetime.now(dt.UTC)),
        }

        if not expected:
            # If it is there, this is an error.
            connection.execute(table.insert().values(**key._asdict(), **values))
            return

        statement = (
            table.update().where(*read).values(**values)
            if text is not None
            else table.delete().where(*read)
        )

        if connection.execute(statement).rowcount != 1:
            raise _LostError

    def _rows(self, query: sa.Select[t.Any]) -> t.Iterator[t.Any]:
        """The rows of a query for all columns, in pages.

        Nothing is kept open between the pages, so that whoever reads them can write.
        """
        columns = self.table.c.owner, self.table.c.instance
        query = query.order_by(*columns).limit(_PAGE)
        page: t.Sequence[sa.Row[t.Any]] | None = None

        while page is None or len(page) == _PAGE:
            last = (page[-1].owner, page[-1].instance) if page else None
            after = (sa.tuple_(*columns) > last,) if last else ()

            with self._connection(self._session()) as connection:
                page = connection.execute(query.where(*after)).all()

            yield from page

    def _at(self, key: CartKey) -> tuple[sa.ColumnElement[bool], ...]:
        return self.table.c.owner == key.owner, self.table.c.instance == key.instance

    @contextmanager
    def _connection(self, session: orm.Session | None) -> t.Iterator[sa.Connection]:
        """The connection that a statement of this thread belongs on."""
        with self._translated():
            if session is not None and not self._own.in_transaction:
                yield self._connection_of(session)
            else:
                with self._own.connection(self._shared_engine) as connection:
                    yield connection

    @contextmanager
    def _transaction(self) -> t.Iterator[None]:
        """A transaction of its own, whose errors are those of a storage."""
        with ExitStack() as stack:
            with self._translated():
                stack.enter_context(self._own.transaction(self._shared_engine))

            yield

            with self._translated():
                stack.pop_all().close()

    @contextmanager
    def _translated(self) -> t.Iterator[None]:
        with translated(self.table.name, _ADVICE):
            try:
                yield
            except sa.exc.IntegrityError as error:
                # The key is all that a cart can violate.
                raise _LostError from error

    def _session(self) -> orm.Session | None:
        """The session whose transaction the writes of this thread are part of."""
        joined = self._joined.get()

        if joined is not None:
            return joined

        if self._shared_engine.name != "sqlite" or not self._db.session.registry.has():
            return None

        session = self._db.session()

        if not session.in_transaction():
            return None

        if not session.is_active:
            if session.in_nested_transaction():
                raise CartStorageError(
                    "db.session has failed inside a savepoint, and holds the database's"
                    " lock. Roll it back before the cart is used."
                )

            # It has let go of the database already.
            return None

        # As the driver begins transactions, True once SQLite's write lock is taken.
        is_written = getattr(self._driver_of(session), "in_transaction", False)

        return session if is_written else None

    def _writing_session(self) -> orm.Session | None:
        """The session to write with, if its transaction is known to be written in.

        :raises CartConfigError: If the app begins transactions by itself, so that it
            may only have read, and might never commit.
        """
        session = self._session()

        if session is None or self._joined.get() is not None:
            return session

        driver = self._driver_of(session)
        begins_by_itself = getattr(driver, "autocommit", None) is False

        if driver.isolation_level is None or begins_by_itself:
            raise CartConfigError(
                "db.session is in a transaction that SQLite's driver did not begin, and"
                " may only have read. End it before the cart is changed, or keep the"
                " carts in a file of their own with CART_DATABASE_BIND_KEY."
            )

        return session

    def _connection_of(self, session: orm.Session) -> sa.Connection:
        # Unlike executing with the session, this flushes nothing of the app's.
        return session.connection(bind_arguments={"bind": self._shared_engine})

    def _driver_of(self, session: orm.Session) -> t.Any:
        """The driver's own connection, which knows whether it is in a transaction."""
        return self._connection_of(session).connection.dbapi_connection

    @property
    def _shared_engine(self) -> sa.Engine:
        """The engine that the app itself uses."""
        return self._db.engines[self._bind_key]


class _LostError(Exception):
    """A row is not the one that was read, or there is one where there was none."""


def _utc(moment: dt.datetime) -> dt.datetime:
    """SQLite and MariaDB keep no time zone."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None)
