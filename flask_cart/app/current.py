"""Current: what belongs to the app, and the carts of the request that it answers."""

from __future__ import annotations

import types
import typing as t
from dataclasses import dataclass
from dataclasses import field
from functools import partial
from functools import wraps

from flask import Flask
from flask import current_app
from flask import g
from flask import has_request_context
from flask import request
from flask import request_finished
from msgspec.structs import replace
from werkzeug.local import LocalProxy

from ..carts.cart import Cart
from ..carts.cart import stored_cart
from ..carts.cart import working_copy
from ..carts.merging import MergeReport
from ..carts.payments import notes_of
from ..carts.repository import Repository
from ..carts.services import CartServices
from ..carts.transferring import transfer
from ..carts.working_copy import WorkingCopy
from ..model.errors import CartConfigError
from ..model.keys import CartKey
from ..model.keys import cart_key
from ..model.keys import check_instance
from ..model.keys import owner_in
from ..model.keys import tenant_of
from ..storage.base import Storage
from .announcer import SignalAnnouncer
from .backends.factory import Given
from .backends.factory import make_storage
from .identity import expect_answer
from .identity import guest_owner
from .identity import is_guest_left
from .identity import keep_guest_of_session
from .identity import known_owner
from .identity import known_tenant
from .identity import make_guest_owner
from .identity import tell_guest
from .registrar import Loaders
from .registrar import Registrar
from .settings import Settings


@dataclass(frozen=True)
class AppState:
    """What belongs to one app.

    :param extension: Has what the app registers.
    :param settings: What the app has configured.
    :param services: What its carts share.
    :param open_storage: Opens another of its storages, by its ``CART_STORAGE``.
    :param merge_left: Merges what a guest has left in the browser of a user.
    """

    extension: Registrar
    settings: Settings
    services: CartServices
    open_storage: t.Callable[[str], Storage]
    merge_left: t.Callable[[str], None]

    @property
    def storage(self) -> Storage:
        """Where its carts are."""
        return self.services.repository.storage

    @property
    def loaders(self) -> Loaders:
        """What it has registered that tells of a request."""
        return self.extension._loaders

    def known_owner(self) -> str | None:
        """Whom this app knows the shopper of this request as."""
        return known_owner(self.loaders.owner, self.loaders.user_id)


def make_state(
    app: Flask,
    extension: Registrar,
    settings: Settings,
    given: Given,
    merge_left: t.Callable[[str], None],
) -> AppState:
    """Put together what belongs to an app, and keep it there.

    :raises CartConfigError: If its storage cannot work, or it has a state already.
    """
    if "cart" in app.extensions:
        raise CartConfigError("This app has a FlaskCart already.")

    def open_storage(name: str) -> Storage:
        return make_storage(app, replace(settings, storage=name), given)

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
        announcer=SignalAnnouncer(app, settings),
        registry=registry,
        policy=settings.policy,
        clock=lambda: extension.clock(),
        logger=app.logger,
    )
    state = AppState(extension, settings, services, open_storage, merge_left)
    app.extensions["cart"] = state

    return state


def get_state() -> AppState:
    """What belongs to the current app.

    :raises RuntimeError: If it has no FlaskCart.
    """
    # Each sentence and each cart comes by here: the app itself is faster to ask.
    proxy: t.Any = current_app
    state: AppState | None = proxy._get_current_object().extensions.get("cart")

    if state is None:
        raise RuntimeError(
            "The current Flask app has no FlaskCart. Did you forget to call 'init_app'?"
        )

    return state


@dataclass
class RequestCarts:
    """The carts of one request, by tenant, owner and instance."""

    request: t.Any
    carts: dict[tuple[str | None, str | None, str], Cart] = field(default_factory=dict)
    report: MergeReport | None = None


def connect_to_requests(app: Flask) -> None:
    """Let the answer of a request name the guest."""
    # In a request, Session(app) has come, and when it is finished, nobody comes any
    # more: this is after all functions of the app. To be sent a signal costs more.
    app.url_value_preprocessor(partial(_expect_answer, app))
    request_finished.connect(tell_guest, app)


def _expect_answer(app: Flask, *of_address: t.Any) -> None:
    expect_answer()
    interface: t.Any = app.session_interface
    original = getattr(interface, "regenerate", None)

    if original is None or hasattr(interface, "_flask_cart_keeps_guest"):
        return

    @wraps(original)
    def regenerate(session: t.Any) -> None:
        keep_guest_of_session()
        original(session)

    # Flask-Session gives the session a new id, of which a guest would be another one.
    interface.regenerate = regenerate
    interface._flask_cart_keeps_guest = True


def cart_at(key: CartKey) -> Cart:
    """Any cart of the current app, also outside a request."""
    return stored_cart(get_state().services, key)


def transfer_carts(owner: str, to: str, tenant: str | None) -> None:
    """Give all carts of an owner to another one, who has nothing in any of them."""
    state = get_state()
    names = state.services.repository.instances(owner_in(tenant, owner))

    def stored(owner: str, name: str) -> WorkingCopy:
        return working_copy(cart_at(cart_key(owner, name, tenant)))

    pairs = [(stored(owner, name), stored(to, name)) for name in names]
    transfer(notes_of(state.services), pairs)


def _get_cart() -> Cart:
    if not has_request_context():
        raise RuntimeError(
            "'current_cart' is the cart of a request, and there is none. Use"
            " cart(owner=...) of your FlaskCart."
        )

    state = get_state()

    return _cart_of(state, "default", known_tenant(state.loaders.tenant))


def current_owner() -> str | None:
    """Whose carts this request is about; ``None`` for a guest who has none yet."""
    state = get_state()

    return state.known_owner() or guest_owner()


def request_cart(instance: str, tenant: str | None) -> Cart:
    """The cart of this request's owner, the same one for the whole request."""
    return _cart_of(get_state(), check_instance(instance), tenant)


def _cart_of(state: AppState, instance: str, tenant: str | None) -> Cart:
    owner = state.known_owner()

    if owner is None:
        owner = guest_owner()
    elif _is_login_late(state):
        state.merge_left(owner)

    carts = request_carts().carts
    cart = carts.get((tenant, owner, instance))

    if cart is not None:
        return cart

    def make_key() -> CartKey:
        guest = make_guest_owner()

        for where, name in [(where, name) for where, who, name in carts if who is None]:
            carts[where, guest, name] = carts.pop((where, None, name))

        return cart_key(guest, instance, tenant)

    cart = carts[tenant, owner, instance] = Cart(
        state.services,
        cart_key(owner, instance, tenant) if owner is not None else None,
        instance,
        make_key=make_key,
        sibling=lambda name: request_cart(name, tenant),
        tenant=tenant,
    )

    return cart


def _is_login_late(state: AppState) -> bool:
    """Whether carts of a guest are to be merged that the login knew nothing of."""
    loaders = state.loaders
    # In another shop of the app there was no login.
    is_known = loaders.owner is None and loaders.tenant is None

    return is_known and state.settings.migrate_on_login and is_guest_left()


def tenant_for(owner: str, tenant: str | types.EllipsisType | None) -> str | None:
    """The tenant that an owner is of.

    :param owner: Who may begin with the tenant.
    :param tenant: What was said about it; ``...`` for nothing.
    """
    if not isinstance(tenant, types.EllipsisType):
        return tenant

    load_tenant = get_state().loaders.tenant

    if load_tenant is not None and request:
        return known_tenant(load_tenant)

    return tenant_of(owner) if isinstance(owner, str) else None


def request_carts() -> RequestCarts:
    """The carts of this request."""
    # The proxies are typed as what they stand for, which is faster to ask itself.
    this_request = request._get_current_object()  # type: ignore[attr-defined]
    kept = g._get_current_object()
    found: RequestCarts | None = kept.get("_flask_cart")

    # An app context may be older than the request, and then g is, too.
    if found is None or found.request is not this_request:
        found = kept._flask_cart = RequestCarts(this_request)

    return found


def refresh_carts() -> None:
    """Let the carts of this request, if there is one, read anew what is stored.

    :raises CartError: If one is in a batch.
    """
    if request:
        for cart in request_carts().carts.values():
            cart.refresh()


def forget_carts() -> None:
    """Let the next access of a cart find out anew whose it is."""
    g.pop("_flask_cart", None)


current_cart: Cart = t.cast("Cart", LocalProxy(_get_cart))
