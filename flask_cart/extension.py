"""The extension: it puts the parts together for an app."""

from __future__ import annotations

import importlib.util
import types
import typing as t
from dataclasses import dataclass

from flask import Flask
from flask import current_app
from flask import g
from flask import request
from flask import request_started
from msgspec.structs import replace
from werkzeug.exceptions import default_exceptions
from werkzeug.local import LocalProxy

from . import signals
from .backends import make_storage
from .cart import Cart
from .cli import cart_cli
from .cookies import check_cookie_after_request
from .errors import CartConfigError
from .errors import CartConflictError
from .errors import CartError
from .errors import CartStorageError
from .identity import OwnerLoader
from .identity import TenantLoader
from .identity import guest_owner
from .identity import keep_guest_on_regenerate
from .identity import known_owner
from .identity import known_tenant
from .identity import make_guest_owner
from .identity import user_owner
from .merging import merge
from .money import format_money
from .registrar import Registrar
from .repository import Repository
from .settings import Settings
from .settings import read_settings
from .storage.base import CartKey
from .storage.base import Storage
from .storage.base import cart_key
from .storage.base import check_instance
from .storage.base import owner_in
from .tenants import tenant_of
from .working import CartServices

if t.TYPE_CHECKING:
    from flask_caching import Cache
    from flask_sqlalchemy import SQLAlchemy


@dataclass(frozen=True)
class _State:
    """What belongs to one app."""

    extension: FlaskCart
    settings: Settings
    storage: Storage
    services: CartServices
    open_storage: t.Callable[[str], Storage]


class _RequestCarts:
    """The carts of one request, by tenant, owner and instance."""

    def __init__(self, request: t.Any) -> None:
        self.request = request
        self.carts: dict[tuple[str | None, str | None, str], Cart] = {}


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
        self._load_owner: OwnerLoader | None = None
        self._load_tenant: TenantLoader | None = None

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
        announcer = signals.Signals(
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
        )
        app.extensions["cart"] = _State(self, settings, storage, services, open_storage)

        if settings.storage == "session":
            # The first of these functions is called last, when the session is full.
            functions = app.after_request_funcs.setdefault(None, [])
            functions.insert(0, check_cookie_after_request)

        # At the first request: Session(app) may come after this.
        request_started.connect(_keep_guest_on_regenerate, app)
        app.teardown_request(_forget_carts)
        app.register_error_handler(CartError, _answer_with_status)
        app.jinja_env.globals["current_cart"] = current_cart
        app.jinja_env.filters["money"] = format_money
        app.cli.add_command(cart_cli)
        _connect_to_logins(app)

    @property
    def storage(self) -> Storage:
        """The storage of the current app."""
        return _get_state().storage

    def owner_loader(self, load_owner: OwnerLoader) -> OwnerLoader:
        """Register a function that tells whose cart a request is about.

        It returns a kind and an id, such as ``f"company:{g.company.id}"``, or
        ``None`` for a guest. It takes the place of Flask-Login.
        """
        self._load_owner = load_owner

        return load_owner

    def tenant_loader(self, load_tenant: TenantLoader) -> TenantLoader:
        """Register a function that tells which shop a request is about.

        For an app that several shops share: it returns the name of one, such as
        ``g.shop.slug``, or ``None``. The carts of one are never seen in another.
        """
        self._load_tenant = load_tenant

        return load_tenant

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

        return self._cart_at(cart_key(owner, instance, tenant))

    def _tenant_for(self, owner: str) -> str | None:
        if self._load_tenant is not None and request:
            return known_tenant(self._load_tenant)

        return tenant_of(owner) if isinstance(owner, str) else None

    def _cart_at(self, key: CartKey) -> Cart:
        return Cart(
            _get_state().services,
            key,
            make_key=lambda: key,
            sibling=lambda name: self._cart_at(
                CartKey(key.owner, check_instance(name))
            ),
        )

    def merge_guest_carts(self) -> None:
        """Merge the carts of this browser's guest into those of the current owner.

        This happens by itself when somebody logs in with Flask-Login. An app with
        an ``owner_loader`` and another way to log in calls it after that.

        :raises CartConflictError: If a guest cart does not stop changing.
        :raises CartStorageError: If the storage cannot be used.
        """
        owner = known_owner(self._load_owner)

        if owner is not None:
            self._merge_guest_carts_into(owner)

    def _merge_guest_carts_into(self, owner: str) -> None:
        state = _get_state()
        tenant = known_tenant(self._load_tenant)
        guest = guest_owner(state.settings.session_key)

        if guest is None or guest == owner:
            return

        for instance in state.storage.instances(owner_in(tenant, guest)):
            merge(
                self.cart(owner=guest, instance=instance, tenant=tenant),
                self.cart(owner=owner, instance=instance, tenant=tenant),
                state.settings.limits,
            )

        g.pop("_flask_cart", None)


def _get_state() -> _State:
    if "cart" not in current_app.extensions:
        raise RuntimeError(
            "The current Flask app has no FlaskCart. Did you forget to call 'init_app'?"
        )

    return t.cast(_State, current_app.extensions["cart"])


def _get_cart() -> Cart:
    if not request:
        raise RuntimeError(
            "'current_cart' is the cart of a request, and there is none. Use"
            " cart(owner=...) of your FlaskCart."
        )

    return _request_cart("default", known_tenant(_get_state().extension._load_tenant))


def _request_cart(instance: str, tenant: str | None) -> Cart:
    """The cart of this request's owner, the same one for the whole request."""
    check_instance(instance)
    state = _get_state()
    session_key = state.settings.session_key
    owner = known_owner(state.extension._load_owner) or guest_owner(session_key)
    carts = _request_carts()
    cart = carts.get((tenant, owner, instance))

    if cart is not None:
        return cart

    def make_key() -> CartKey:
        guest = make_guest_owner(session_key)

        for where, name in [(where, name) for where, who, name in carts if who is None]:
            carts[where, guest, name] = carts.pop((where, None, name))

        return cart_key(guest, instance, tenant)

    cart = carts[tenant, owner, instance] = Cart(
        state.services,
        cart_key(owner, instance, tenant) if owner is not None else None,
        make_key=make_key,
        sibling=lambda name: _request_cart(name, tenant),
        tenant=tenant,
    )

    return cart


def _request_carts() -> dict[tuple[str | None, str | None, str], Cart]:
    # The proxy is typed as the request that it stands for.
    this_request = request._get_current_object()  # type: ignore[attr-defined]
    found: _RequestCarts | None = g.get("_flask_cart")

    # An app context may be older than the request, and then g is, too.
    if found is None or found.request is not this_request:
        found = g._flask_cart = _RequestCarts(this_request)

    return found.carts


def _keep_guest_on_regenerate(app: Flask, **extra: t.Any) -> None:
    session_key = _get_state().settings.session_key
    keep_guest_on_regenerate(app.session_interface, session_key)


def _forget_carts(error: BaseException | None) -> None:
    g.pop("_flask_cart", None)


def _answer_with_status(error: CartError) -> t.Any:
    if not isinstance(error, CartConflictError | CartStorageError):
        raise error

    if isinstance(error, CartStorageError):
        current_app.logger.error("The storage of the carts failed.", exc_info=error)

    # Not the message, which is for the developer and may name keys and statements.
    exception = default_exceptions[error.http_status](error.http_description)

    # Like abort(), so that the app's own page for the status is shown.
    return current_app.handle_http_exception(exception)


def _connect_to_logins(app: Flask) -> None:
    if importlib.util.find_spec("flask_login") is None:
        return

    from flask_login import user_loaded_from_cookie
    from flask_login import user_logged_in

    # With the app as the sender, or the logins of all apps would be heard.
    user_logged_in.connect(_merge_on_login, app)
    user_loaded_from_cookie.connect(_merge_on_login, app)


def _merge_on_login(app: Flask, user: t.Any, **extra: t.Any) -> None:
    state = _get_state()
    extension = state.extension

    if not state.settings.migrate_on_login or extension._load_owner is not None:
        return

    try:
        # Not current_user: while a remembered user is being loaded, it is not set.
        extension._merge_guest_carts_into(user_owner(user))
    except Exception:
        # Whatever it is, the guest's cart is still there, and a login must not fail
        # because of it.
        app.logger.exception("The guest's cart was not merged into the user's.")


current_cart: Cart = t.cast("Cart", LocalProxy(_get_cart))
