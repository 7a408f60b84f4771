"""Backends: the storage that an app has asked for."""

from __future__ import annotations

import typing as t

from flask import Flask
from werkzeug.utils import import_string

from ...model.errors import CartConfigError
from ...storage.base import Storage
from ...storage.base import is_storage
from ...storage.memory import MemoryStorage
from ..settings import Settings
from .cache import make_cache_storage
from .database import make_database_storage
from .session import make_session_storage

if t.TYPE_CHECKING:
    import sqlalchemy as sa
    from flask_caching import Cache

    from .database import AnyDatabase


class Given(t.NamedTuple):
    """What an app has given to keep carts with, as far as it has."""

    db: AnyDatabase | None
    metadata: sa.MetaData | None
    cache: Cache | None


def make_storage(app: Flask, settings: Settings, given: Given) -> Storage:
    """The storage that an app has asked for with ``CART_STORAGE``.

    :raises CartConfigError: If there is no such, or it cannot work.
    """
    match settings.storage:
        case "session":
            return make_session_storage(app, settings)
        case "cache":
            return make_cache_storage(app, settings, given.cache)
        case "database":
            return make_database_storage(app, settings, given.db, given.metadata)
        case "memory":
            return MemoryStorage()
        case str() as path if ":" in path:
            return _check_storage(path, _make_own_storage(app, path))
        case None | str():
            raise CartConfigError(
                "CART_STORAGE must be 'session', 'database', 'cache', 'memory',"
                f" 'package.module:name' or a storage, not {settings.storage!r}."
            )
        case storage:
            return _check_storage(storage, storage)


def _make_own_storage(app: Flask, path: str) -> t.Any:
    try:
        factory = import_string(path)
    except ImportError as error:
        raise CartConfigError(
            f"CART_STORAGE is {path!r}, which cannot be imported: {error}"
        ) from error

    if is_storage(factory):
        return factory

    if not callable(factory):
        raise CartConfigError(
            f"CART_STORAGE is {path!r}, which is {factory!r:.80} and cannot be called"
            " with the app."
        )

    return factory(app)


def _check_storage(setting: t.Any, storage: t.Any) -> Storage:
    if not is_storage(storage):
        raise CartConfigError(
            f"CART_STORAGE is {setting!r:.80}, and {storage!r:.80} is not a storage: it"
            " lacks attributes or methods of one."
        )

    return storage
