"""The extension: it puts the parts together for an app."""

from __future__ import annotations

import types
import typing as t
from functools import cached_property

from flask import Blueprint
from flask import Flask
from flask import current_app
from flask import request
from flask import request_started
from msgspec.structs import replace
from werkzeug.exceptions import default_exceptions

from . import signals
from .app.announcer import SignalAnnouncer
from .app.backends.cookie import check_cookie_after_request
from .app.backends.factory import make_storage
from .app.current import AppState
from .app.current import cart_at
from .app.current import carts_of
from .app.current import current_cart
from .app.current import forget_carts
from .app.current import get_state
from .app.current import request_carts
from .app.guests import keep_guest_on_regenerate
from .app.identity import tenant_for
from .app.logins import connect_to_logins
from .app.logins import merge_guest_carts
from .app.logins import take_out
from .app.registrar import Registrar
from .app.settings import read_settings
from .app.shopper import Shop
from .carts.cart import Cart
from .carts.cart import transfer_all
from .carts.merging import MergeReport
from .carts.repository import Repository
from .carts.services import CartServices
from .cli import cart_cli
from .http.blueprint import make_blueprint
from .http.limiting import check_rate_limits
from .http.pages import Pages
from .http.preconditions import make_form_key
from .model.errors import CartConfigError
from .model.errors import CartConflictError
from .model.errors import CartError
from .model.errors import CartStorageError
from .model.keys import cart_key
from .model.money import format_money
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
        if "cart" in app.extensions:
            raise CartConfigError("This app has a FlaskCart already.")

        settings = read_settings(app.config, signals.names())
        check_rate_limits(settings.rate_limits)

        def open_storage(name: str) -> Storage:
            return make_storage(app, replace(settings, storage=name), db, cache)

        storage = make_storage(app, settings, db, cache)
        repository = Repository(
            storage,
            settings.currency,
            settings.limits,
            settings.retry,
            self.observers.all,
        )
        announcer = SignalAnnouncer(
            app, settings.events_enabled, settings.events_disabled
        )
        services = CartServices(
            repository,
            announcer,
            settings.rounding,
            settings.round_at,
            self.rulebook,
            lambda: self.clock(),
            settings.time_zone,
            app.logger,
            self.catalogue,
            settings.stock_ignored,
            self.strategies,
            settings.merge_strategy,
        )
        app.extensions["cart"] = AppState(
            self, settings, storage, services, open_storage
        )

        if settings.storage == "session":
            # The first of these functions is called last, when the session is full.
            functions = app.after_request_funcs.setdefault(None, [])
            functions.insert(0, check_cookie_after_request)

        # At the first request: Session(app) may come after this.
        request_started.connect(_keep_guest_on_regenerate, app)
        app.teardown_request(forget_carts)
        app.register_error_handler(CartError, _answer_with_status)
        app.jinja_env.globals["current_cart"] = current_cart
        app.jinja_env.globals["cart_form_key"] = make_form_key
        app.jinja_env.globals["cart_pages"] = Pages(settings, self.catalogue)
        app.jinja_env.filters["money"] = format_money
        app.cli.add_command(cart_cli)
        connect_to_logins(app)

    @cached_property
    def blueprint(self) -> Blueprint:
        """The pages and the JSON API of the shopper's carts.

        .. code-block:: python

            app.register_blueprint(cart_ext.blueprint, url_prefix="/cart")
        """
        return make_blueprint(Shop(self))

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
        tenant = tenant_for(owner, tenant, self.load_tenant)

        return cart_at(cart_key(owner, instance, tenant))

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
        return merge_guest_carts(strategy, instances)

    @property
    def merge_report(self) -> MergeReport | None:
        """What became of the guest's carts in this request, if somebody logged in.

        A login does not fail if they cannot be merged; the ``errors`` tell why not.
        """
        report: MergeReport | None = request_carts().report if request else None

        return report

    def take_out(
        self,
        quantities: t.Mapping[str, t.Mapping[str, int]],
        key: str | None = None,
    ) -> None:
        """Take what came with a merge out of the current owner's carts again.

        It is :meth:`Cart.take_out` for each of them, and can only ever make them
        smaller: what is given may come from a form. A cart that is not there is
        ignored.

        :param quantities: :attr:`MergeReport.quantities`.
        :param key: As for :meth:`Cart.once`, which cannot be around several carts.
            Repeating it goes on where it failed.
        :raises InvalidItemError: If it is not such a mapping. Nothing is changed.
        """
        take_out(quantities, key)

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
        tenant = tenant_for(owner, tenant, self.load_tenant)
        transfer_all(carts_of(owner, tenant), to)


def _keep_guest_on_regenerate(app: Flask, **extra: t.Any) -> None:
    session_key = get_state().settings.session_key
    keep_guest_on_regenerate(app.session_interface, session_key)


def _answer_with_status(error: CartError) -> t.Any:
    if not isinstance(error, CartConflictError | CartStorageError):
        raise error

    if isinstance(error, CartStorageError):
        current_app.logger.error("The storage of the carts failed.", exc_info=error)

    # Not the message, which is for the developer and may name keys and statements.
    exception = default_exceptions[error.http_status](error.http_description)

    # Like abort(), so that the app's own page for the status is shown.
    return current_app.handle_http_exception(exception)
