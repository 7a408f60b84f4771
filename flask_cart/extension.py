"""The extension: it puts the parts together for an app."""

from __future__ import annotations

import types
import typing as t
from functools import cached_property

from flask import Blueprint
from flask import Flask
from flask import request

from . import signals
from .app.backends.cookie import check_cookies_of
from .app.current import cart_at
from .app.current import connect_to_requests
from .app.current import request_cart
from .app.current import request_carts
from .app.identity import known_owner
from .app.identity import known_tenant
from .app.logins import connect_to_logins
from .app.logins import merge_guest_carts_into
from .app.registrar import Registrar
from .app.settings import read_settings
from .app.state import get_state
from .app.state import make_state
from .carts.cart import Cart
from .carts.merging import MergeReport
from .cli import cart_cli
from .http.blueprint import make_blueprint
from .http.limiting import check_rate_limits
from .http.pages import give_to_templates
from .http.problems import answer_errors
from .model.keys import cart_key
from .model.keys import owner_in
from .model.keys import tenant_of
from .storage.base import Storage

if t.TYPE_CHECKING:
    from flask_caching import Cache
    from flask_sqlalchemy import SQLAlchemy


class FlaskCart(Registrar):
    """Gives every request a cart.

    .. code-block:: python

        db = SQLAlchemy()
        cart_ext = FlaskCart()

        def create_app():
            app = Flask(__name__)
            app.config["CART_STORAGE"] = "database"
            db.init_app(app)
            cart_ext.init_app(app, db=db)
            return app

    :param app: The app, if there is one already.
    :param db: The app's Flask-SQLAlchemy extension, for the database storage. Left
        out, the one that is registered on the app is taken.
    :param cache: The app's Flask-Caching extension, for the cache storage. Left out,
        the one that is registered on the app is taken, if there is only one.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        db: SQLAlchemy | None = None,
        cache: Cache | None = None,
    ) -> None:
        super().__init__()

        if app is not None:
            self.init_app(app, db=db, cache=cache)

    def init_app(
        self, app: Flask, *, db: SQLAlchemy | None = None, cache: Cache | None = None
    ) -> None:
        """Set up an app.

        :raises CartConfigError: If its configuration cannot work.
        """
        settings = read_settings(app.config, signals.names())
        check_rate_limits(settings.rate_limits)
        make_state(app, self, settings, db, cache)

        if settings.storage == "session":
            check_cookies_of(app)

        connect_to_requests(app)
        connect_to_logins(app)
        answer_errors(app)
        give_to_templates(app)
        app.cli.add_command(cart_cli)

    @cached_property
    def blueprint(self) -> Blueprint:
        """The pages and the JSON API of the shopper's carts.

        .. code-block:: python

            app.register_blueprint(cart_ext.blueprint, url_prefix="/cart")
        """
        return make_blueprint()

    @property
    def storage(self) -> Storage:
        """The storage of the current app."""
        return get_state().storage

    def cart(
        self,
        *,
        owner: str,
        instance: str = "default",
        tenant: str | types.EllipsisType | None = ...,
    ) -> Cart:
        """Any cart, also outside a request. It needs an app context.

        :param owner: A kind and an id, such as ``"user:7"``. The ``owner`` of a key or
            an event, which begins with the tenant, is taken where it is of that one.
        :param instance: Which of the owner's carts.
        :param tenant: The tenant, or ``None`` for the shop without one. Left out, it is
            that of the request; without a request or a :meth:`tenant_loader`, the one
            that the owner begins with, if any.
        :raises CartConfigError: If there can be no such tenant, owner or instance, or
            the owner is of another tenant.
        """
        if isinstance(tenant, types.EllipsisType):
            tenant = self._tenant_for(owner)

        return cart_at(cart_key(owner, instance, tenant))

    def _tenant_for(self, owner: str) -> str | None:
        if self._loaders.tenant is not None and request:
            return known_tenant(self._loaders.tenant)

        return tenant_of(owner) if isinstance(owner, str) else None

    def merge_guest_carts(
        self,
        strategy: str | None = None,
        instances: t.Iterable[str] | None = None,
    ) -> MergeReport:
        """Merge the carts of this browser's guest into those of the current owner.

        This happens by itself when somebody logs in with Flask-Login. An app with
        an ``owner_loader`` and another way to log in calls it after that.

        :param strategy: The name of one; ``CART_MERGE_STRATEGY`` if it is left out.
        :param instances: Which carts; all of them if it is left out.
        :return: What came, and what the limits left out.
        :raises CartConfigError: If there is no such strategy.
        :raises CartConflictError: If a guest cart does not stop changing.
        :raises CartStorageError: If the storage cannot be used.
        """
        owner = known_owner(self._loaders.owner)

        if owner is None:
            return MergeReport()

        get_state().services.strategy(strategy)
        report = merge_guest_carts_into(owner, strategy, instances)

        # The other carts are merged all the same.
        for error in report.errors:
            raise error

        return report

    @property
    def merge_report(self) -> MergeReport | None:
        """What became of the guest's carts in this request, if somebody logged in.

        A login does not fail if they cannot be merged; the ``errors`` tell why not.
        """
        report: MergeReport | None = request_carts().report if request else None

        return report

    def undo_merge(self) -> bool:
        """Give back to this browser's guest what was merged into the owner's carts.

        It is :meth:`Cart.undo_merge` for each of them.

        :return: Whether there was something to undo.
        :raises CartConflictError: If what came has been changed since.
        """
        owner = known_owner(self._loaders.owner)

        if owner is None:
            return False

        tenant = known_tenant(self._loaders.tenant)
        instances = self.storage.instances(owner_in(tenant, owner))
        undone = [request_cart(name, tenant).undo_merge() for name in instances]

        return any(undone)

    def transfer(
        self,
        owner: str,
        to: str,
        *,
        tenant: str | types.EllipsisType | None = ...,
    ) -> None:
        """Give all carts of an owner to another owner, who has none of these.

        If it fails in the middle, what is given already stays given, and calling it
        again goes on.

        :param owner: As for :meth:`cart`.
        :param to: The other owner.
        :param tenant: As for :meth:`cart`.
        :raises CartConflictError: If the other owner has something in one of them.
            Then all carts are as they were.
        """
        if isinstance(tenant, types.EllipsisType):
            tenant = self._tenant_for(owner)

        names = self.storage.instances(owner_in(tenant, owner))
        carts = [self.cart(owner=owner, instance=name, tenant=tenant) for name in names]

        for each in carts:
            each.check_transfer(to)

        for each in carts:
            each.transfer(to)
