"""Sessions: the storage for whatever keeps the app's sessions."""

from __future__ import annotations

import typing as t

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from werkzeug.local import LocalProxy

from ...model.errors import CartConfigError
from ...storage.base import Storage
from ...storage.cookie import CookieStorage
from ...storage.keyvalue.keeping import Keeping
from ...storage.keyvalue.records import RecordStorage
from ..settings import Settings
from .clearing import check_clearing
from .cookie import check_stored
from .cookie import open_session
from .keyvalue import is_a
from .keyvalue import make_cachelib_storage
from .keyvalue import make_memcached_storage
from .keyvalue import make_redis_storage
from .startup import is_production
from .startup import warn

_PREFIX: t.Final = "cart:"

#: For how many lifetimes of a session its carts are kept. Every request renews the
#: session, and only those that read the cart renew the cart.
_LIVES: t.Final = 2


def make_session_storage(app: Flask, settings: Settings) -> Storage:
    """The storage beside the app's sessions, or in its session cookies.

    In Redis, files, Memcached or a table, carts are not in the session but beside it:
    Flask-Session writes a session back as it was when the request began, and whoever is
    last wins. A cookie is the only place where they are in the session.

    :raises CartConfigError: If it cannot work.
    """
    # Session(app) may come after FlaskCart(app).
    if not app.config.get("SESSION_TYPE"):
        _check_cookie_session(app, settings)

    storages: dict[t.Any, Storage] = {}

    def storage_of_sessions() -> Storage:
        interface = app.session_interface
        storage = storages.get(interface)

        if storage is None:
            # One for all threads, as some storages have locks in them.
            made = _make_storage(app, settings, interface)
            storage = storages.setdefault(interface, made)

        return storage

    if not isinstance(app.session_interface, SecureCookieSessionInterface):
        with app.app_context():
            storage_of_sessions()

    return t.cast(Storage, LocalProxy(storage_of_sessions))


def _make_storage(app: Flask, settings: Settings, interface: t.Any) -> Storage:
    lifetime = app.permanent_session_lifetime.total_seconds()

    if isinstance(interface, SecureCookieSessionInterface):
        if app.config.get("SESSION_TYPE"):
            _check_cookie_session(app, settings)

        return CookieStorage(open_session, check_stored)

    if hasattr(interface, "key_prefix"):
        _check_prefix(interface.key_prefix)

    # The key of a session begins with the key prefix itself.
    prefix = _PREFIX + getattr(interface, "key_prefix", "")

    keeping = Keeping(
        ttl=_LIVES * lifetime,
        renew_after=lifetime / 2,
        always_lock=settings.session_locking,
        lock_timeout=settings.lock_timeout,
        lock_lease=settings.lock_lease,
    )

    if is_a(interface, "SqlAlchemySessionInterface"):
        return _make_table_storage(interface, prefix, keeping)

    if is_a(interface, "RedisSessionInterface"):
        check_clearing(app, interface.client, prefix)

        return make_redis_storage(interface.client, lambda: prefix, keeping)

    if is_a(interface, "MemcachedSessionInterface"):
        return make_memcached_storage(interface.client, prefix, keeping)

    if is_a(interface, "CacheLibSessionInterface", "FileSystemSessionInterface"):
        return make_cachelib_storage(app, interface.cache, prefix, keeping, "session")

    raise CartConfigError(
        f"Carts cannot be kept with sessions of {type(interface).__name__}. Use"
        " Flask-Session with Redis, Memcached, cachelib or SQLAlchemy, or CART_STORAGE"
        " = 'database'.",
        "session-interface",
    )


def _make_table_storage(interface: t.Any, prefix: str, keeping: Keeping) -> Storage:
    from ...storage.keyvalue.session_table import SessionTableRecords

    model = interface.sql_session_model
    bind_key = getattr(model, "__bind_key__", None)
    records = SessionTableRecords(
        model.__table__,
        lambda: interface.client.engines[bind_key],
        prefix,
        keeping,
    )

    return RecordStorage(records, keeping)


def _check_prefix(key_prefix: str) -> None:
    # The id of a session is whatever a browser says.
    if (_PREFIX + key_prefix).startswith(key_prefix):
        raise CartConfigError(
            f"SESSION_KEY_PREFIX is {key_prefix!r}, and the keys of carts,"
            f" which begin with {_PREFIX!r}, could be asked for as sessions. Use"
            " another one, such as 'session:'.",
            "shared-session-prefix",
        )


def _check_cookie_session(app: Flask, settings: Settings) -> None:
    if not isinstance(app.session_interface, SecureCookieSessionInterface):
        return

    if not app.secret_key:
        raise CartConfigError(
            "CART_STORAGE = 'session' needs sessions. Set SECRET_KEY.", "no-secret-key"
        )

    if settings.session_locking:
        raise CartConfigError(
            "CART_SESSION_LOCKING cannot lock what is in a browser's cookie. Use"
            " Flask-Session, or do without.",
            "cookie-cannot-lock",
        )

    if is_production(app):
        warn(
            "Carts in Flask's own session are in the browser's cookie: of two requests"
            " at once, one loses its change, and 4 kB is all there is. Use"
            " Flask-Session, or CART_STORAGE = 'database'.",
            "cookie-session",
        )
