"""Databases: the storage for an app's database, whatever library it uses it with."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

from flask import Flask

from ...model.errors import CartConfigError
from ...storage.base import Storage
from ..settings import Settings
from .startup import at_first_request
from .startup import require

if t.TYPE_CHECKING:
    import sqlalchemy as sa
    import sqlalchemy.orm as orm
    from flask_sqlalchemy import SQLAlchemy
    from flask_sqlalchemy_lite import SQLAlchemy as SQLAlchemyLite

    from ...storage.sql.connections import Database

    AnyDatabase = (
        SQLAlchemy | SQLAlchemyLite | sa.Engine | orm.scoped_session[orm.Session]
    )


def make_database_storage(
    app: Flask,
    settings: Settings,
    db: AnyDatabase | None,
    metadata: sa.MetaData | None,
) -> Storage:
    """The storage for the app's database.

    :param db: What the app uses it with; left out, the extension that is registered on
        the app.
    :param metadata: What the table is to be part of, where ``db`` has none.
    :raises CartConfigError: If there is none, or it cannot keep carts.
    """
    require("sqlalchemy", "CART_STORAGE = 'database'", "database")

    from ...storage.sql.database import DatabaseStorage

    db = db or app.extensions.get("sqlalchemy")

    if db is None:
        raise CartConfigError(
            "CART_STORAGE = 'database' needs the app's SQLAlchemy() extension. Call its"
            " init_app() before, or give it: FlaskCart(app, db=db)."
        )

    storage = DatabaseStorage(
        _database_of(db, settings.database_bind_key, metadata),
        table_name=settings.database_table,
        always_lock=settings.database_lock_for_update,
        lock_timeout=settings.lock_timeout,
    )
    at_first_request(app, storage.prepare)

    return storage


def _database_of(
    db: t.Any, bind_key: str | None, metadata: sa.MetaData | None
) -> Database:
    import sqlalchemy as sa
    import sqlalchemy.orm as orm

    from ...storage.sql.connections import Database

    if hasattr(db, "metadatas"):
        if metadata is not None:
            raise CartConfigError(
                "The SQLAlchemy() of Flask-SQLAlchemy has metadata of its own. Do"
                " without 'metadata'."
            )

        own = db.metadatas.get(bind_key, sa.MetaData())

        return Database(db, bind_key, own, partial(db.Table, bind_key=bind_key))

    metadata = sa.MetaData() if metadata is None else metadata

    def make_table(name: str, *args: t.Any, **options: t.Any) -> sa.Table:
        return sa.Table(name, metadata, *args, **options)

    # Asking the object itself needs an app.
    if hasattr(type(db), "engines"):
        return Database(db, bind_key or "default", metadata, make_table)

    if bind_key is not None:
        raise CartConfigError(
            "CART_DATABASE_BIND_KEY is for the SQLAlchemy() of Flask-SQLAlchemy or"
            f" Flask-SQLAlchemy-Lite, not for {db!r:.80}."
        )

    if isinstance(db, sa.Engine):
        alone = SimpleNamespace(engines={None: db}, session=None)

        return Database(alone, None, metadata, make_table)

    if isinstance(db, orm.scoped_session):
        return Database(_Scoped(db), None, metadata, make_table)

    raise CartConfigError(
        "'db' must be the SQLAlchemy() of Flask-SQLAlchemy or Flask-SQLAlchemy-Lite, an"
        f" engine or a scoped_session, not {db!r:.80}."
    )


@dataclass(frozen=True)
class _Scoped:
    """What an app with SQLAlchemy alone has."""

    session: orm.scoped_session[orm.Session]

    @property
    def engines(self) -> dict[None, sa.Engine | sa.Connection]:
        return {None: self.session.get_bind()}
