"""The state: what belongs to one app, in its ``app.extensions["cart"]``."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from flask import Flask
from flask import current_app
from msgspec.structs import replace

from ..carts.repository import Repository
from ..carts.services import CartServices
from ..model.errors import CartConfigError
from ..storage.base import Storage
from .announcer import SignalAnnouncer
from .backends.factory import make_storage
from .registrar import Loaders
from .registrar import Registrar
from .settings import Settings

if t.TYPE_CHECKING:
    from flask_caching import Cache
    from flask_sqlalchemy import SQLAlchemy


@dataclass(frozen=True)
class AppState:
    """What belongs to one app.

    :param extension: Has what the app registers.
    :param settings: What the app has configured.
    :param services: What its carts share.
    :param open_storage: Opens another of its storages, by its ``CART_STORAGE``.
    """

    extension: Registrar
    settings: Settings
    services: CartServices
    open_storage: t.Callable[[str], Storage]

    @property
    def storage(self) -> Storage:
        """Where its carts are."""
        return self.services.repository.storage

    @property
    def loaders(self) -> Loaders:
        """What it has registered that tells of a request."""
        return self.extension._loaders


def make_state(
    app: Flask,
    extension: Registrar,
    settings: Settings,
    db: SQLAlchemy | None,
    cache: Cache | None,
) -> AppState:
    """Put together what belongs to an app, and keep it there.

    :raises CartConfigError: If its storage cannot work, or it has a state already.
    """
    if "cart" in app.extensions:
        raise CartConfigError("This app has a FlaskCart already.")

    def open_storage(name: str) -> Storage:
        return make_storage(app, replace(settings, storage=name), db, cache)

    registry = extension._registry
    repository = Repository(
        open_storage(settings.storage),
        settings.currency,
        settings.limits,
        settings.retry,
        registry.observers.all,
    )
    services = CartServices(
        repository=repository,
        announcer=SignalAnnouncer(
            app, settings.events_enabled, settings.events_disabled
        ),
        registry=registry,
        policy=settings.policy,
        clock=lambda: extension.clock(),
        logger=app.logger,
    )
    state = AppState(extension, settings, services, open_storage)
    app.extensions["cart"] = state

    return state


def get_state() -> AppState:
    """What belongs to the current app.

    :raises RuntimeError: If it has no FlaskCart.
    """
    if "cart" not in current_app.extensions:
        raise RuntimeError(
            "The current Flask app has no FlaskCart. Did you forget to call 'init_app'?"
        )

    return t.cast(AppState, current_app.extensions["cart"])
