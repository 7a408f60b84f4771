"""The extension: it puts the parts together for an app."""

from __future__ import annotations

import datetime as dt
import types
import typing as t
from functools import cached_property

from flask import Blueprint
from flask import Flask
from flask import request
from msgspec import UNSET
from msgspec import UnsetType

from . import signals
from .app.backends.cookie import check_cookies_of
from .app.backends.factory import Given
from .app.current import cart_at
from .app.current import connect_to_requests
from .app.current import get_state
from .app.current import make_state
from .app.current import refresh_carts
from .app.current import request_carts
from .app.current import tenant_for
from .app.current import transfer_carts
from .app.links import address_of_link
from .app.links import revoke
from .app.links import signed_link
from .app.logins import connect_to_logins
from .app.logins import merge_guest_carts
from .app.logins import merge_left_guest_carts
from .app.logins import take_out
from .app.registrar import Registrar
from .app.reminding import abandoned_carts
from .app.reminding import mark_as_reminded
from .app.settings import read_settings
from .carts.adding import Item
from .carts.cart import Cart
from .carts.merging import MergeReport
from .carts.orders import Create
from .carts.orders import Find
from .carts.payments import cancel_order
from .carts.payments import place_begun_order
from .cli import cart_cli
from .http.blueprint import make_blueprint
from .http.blueprint import make_permalinks
from .http.caching import View
from .http.caching import cacheable
from .http.limiting import check_rate_limits
from .http.pages import give_to_templates
from .http.permalinks import address_of_items
from .http.plain import give_to_json
from .http.problems import answer_errors
from .model.keys import cart_key
from .model.money import MoneyLike
from .storage.base import Storage

if t.TYPE_CHECKING:
    import sqlalchemy as sa
    from flask_caching import Cache

    from .app.backends.database import AnyDatabase

Order = t.TypeVar("Order")


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
    :param db: What the app uses its database with, for the database storage: the
        extension of Flask-SQLAlchemy or Flask-SQLAlchemy-Lite, an engine or a
        ``scoped_session``. Left out, the extension that is registered on the app is
        taken.
    :param metadata: What the table of the carts is to be part of, so that migrations
        and ``create_all()`` see it. Flask-SQLAlchemy has one, others do not.
    :param cache: The app's Flask-Caching extension, for the cache storage. Left out,
        the one that is registered on the app is taken, if there is only one.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        db: AnyDatabase | None = None,
        metadata: sa.MetaData | None = None,
        cache: Cache | None = None,
    ) -> None:
        super().__init__()

        if app is not None:
            self.init_app(app, db=db, metadata=metadata, cache=cache)

    def init_app(
        self,
        app: Flask,
        *,
        db: AnyDatabase | None = None,
        metadata: sa.MetaData | None = None,
        cache: Cache | None = None,
    ) -> None:
        """Set up an app.

        :raises CartConfigError: If its configuration cannot work.
        """
        settings = read_settings(app.config, signals.names())
        check_rate_limits(settings.rate_limits)
        given = Given(db, metadata, cache)
        make_state(app, self, settings, given, merge_left_guest_carts)

        if settings.storage == "session":
            check_cookies_of(app)

        connect_to_requests(app)
        connect_to_logins(app)
        answer_errors(app)
        give_to_templates(app)
        give_to_json(app)
        app.cli.add_command(cart_cli)

    @cached_property
    def blueprint(self) -> Blueprint:
        """The pages and the JSON API of the shopper's carts.

        .. code-block:: python

            app.register_blueprint(cart_ext.blueprint, url_prefix="/cart")
        """
        return make_blueprint()

    @cached_property
    def permalinks(self) -> Blueprint:
        """Addresses that fill a cart, such as ``/buy/mug:2``, beside the blueprint.

        .. code-block:: python

            app.register_blueprint(cart_ext.permalinks, url_prefix="/buy")
        """
        return make_permalinks()

    def cacheable(
        self, max_age: int = 60, stale_while_revalidate: int = 600
    ) -> t.Callable[[View], View]:
        """Let browsers and caches keep a page, for those who have no cart.

        .. code-block:: python

            @app.get("/")
            @cart_ext.cacheable()
            def home():
                return render_template("home.html")

        Who has neither a cart nor anything in the session gets a page without cookies,
        keys and tokens, which may be shown to others like that. For everybody else, it
        is as it would be without.

        :param max_age: For how many seconds.
        :param stale_while_revalidate: For how many more, while it is asked for anew.
        """
        return cacheable(max_age, stale_while_revalidate)

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
        tenant = tenant_for(owner, tenant)

        return cart_at(cart_key(owner, instance, tenant))

    def merge_guest_carts(
        self,
        strategy: str | None = None,
        instances: t.Iterable[str] | None = None,
        *,
        at_current_prices: bool = False,
    ) -> MergeReport:
        """Merge the carts of this browser's guest into those of the current owner.

        This happens by itself when somebody logs in with Flask-Login. An app with
        an ``owner_loader`` and another way to log in calls it after that.

        :param strategy: The name of one; ``CART_MERGE_STRATEGY`` if it is left out.
        :param instances: Which carts; all of them if it is left out.
        :param at_current_prices: Take over what is in another currency as well, at what
            the products cost now in that of the owner's cart, without conditions that
            have an amount.
        :return: What came, and what the limits left out.
        :raises CartConfigError: If there is no such strategy.
        :raises CartConflictError: If a guest cart does not stop changing.
        :raises CartStorageError: If the storage cannot be used.
        """
        return merge_guest_carts(strategy, instances, at_current_prices)

    @property
    def merge_report(self) -> MergeReport | None:
        """What became of the guest's carts in this request, if somebody logged in.

        A login does not fail if they cannot be merged; the ``errors`` tell why not.
        """
        return request_carts().report if request else None

    def abandoned_carts(self, older_than: dt.timedelta) -> t.Iterator[Cart]:
        """The carts with something in them that were left for so long.

        Without those in checkout, and those that :meth:`mark_reminded` has marked. It
        needs an app context.

        :param older_than: For how long nobody has changed them.
        :raises CartConfigError: If the storage cannot list its carts.
        """
        return abandoned_carts(older_than)

    def mark_reminded(self, cart: Cart) -> bool:
        """Note in a cart that its owner is reminded of it, until it is changed.

        It does not become younger, and no signal is sent.

        :return: Whether this was the first to note it, of a cart that nobody has
            changed since it was read: who gets ``True`` sends the reminder.
        """
        return mark_as_reminded(cart)

    def link(
        self,
        cart: Cart,
        *,
        purpose: str,
        expires: dt.timedelta = dt.timedelta(days=30),
    ) -> str:
        """An address that leads to a cart, and names neither it nor its owner.

        .. code-block:: python

            address = cart_ext.link(cart, purpose="recover")

        Whoever opens it is shown what is in the cart, and asked. With ``"share"``, any
        number of shoppers can copy what is in it. With the others one of them takes
        the cart over: ``"handoff"``, ``"recover"``, ``"device"``, and ``"login"``, for
        which one has to be logged in. The cart of an account opens for that one alone.

        It needs the :attr:`blueprint`, and ``SERVER_NAME`` outside of a request.

        :param purpose: One of these.
        :param expires: After what time it does not open any more.
        :raises CartEmptyError: If there is nothing in the cart.
        :raises CartConfigError: If there can be no such link, or the carts are in
            cookies.
        """
        return address_of_link(lambda: signed_link(cart, purpose, expires))

    def revoke_link(self, link: str) -> bool:
        """Let a :meth:`link` lead nowhere from now on.

        :return: Whether it led anywhere.
        """
        return revoke(link)

    def permalink(
        self,
        items: t.Iterable[Item],
        *,
        coupons: t.Iterable[str] = (),
        continue_to: str | None = None,
    ) -> str:
        """The address of the :attr:`permalinks` that asks to add something.

        :param items: Mappings with ``product``, ``quantity`` and ``options``, as for
            :meth:`Cart.add_many`, where ``product`` is the id of one.
        :param coupons: Codes to be noted, up to five.
        :param continue_to: The path of the shop to go on at; the cart, if it is left
            out.
        :raises InvalidItemError: If there can be no such address.
        """
        return address_of_items(items, coupons, continue_to)

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

    def place_order(
        self,
        create: Create[Order],
        find: Find[Order],
        *,
        token: str,
        session: t.Any = None,
        expected_total: MoneyLike | UnsetType = UNSET,
    ) -> Order:
        """Make the order that was begun with a token, exactly once.

        It is :meth:`Cart.place_order` for whoever does not know whose cart it is by
        now, such as what a payment provider calls: the guest may have logged in, the
        cart may have been emptied, given away or deleted. What was begun is ordered,
        and taken out of wherever it is.

        :param create: As for :meth:`Cart.place_order`, like ``find`` and ``session``.
        :param token: Of :meth:`Cart.begin_order`.
        :param expected_total: What was paid.
        :return: What ``create`` or ``find`` returned.
        :raises CartOrderUnknownError: If nothing is known of it. Whoever has paid for
            it must hear of that.
        :raises CartConflictError: If the total is not the expected one.
        :raises CartConfigError: If the carts are in cookies.
        """
        refresh_carts()
        order = place_begun_order(
            get_state().services, create, find, session, token, expected_total
        )
        refresh_carts()

        return order

    def cancel_order(self, token: str) -> bool:
        """Forget an order that was begun, for it will not be paid any more.

        What is in the cart stays there. Beginning again is another order.

        :param token: Of :meth:`Cart.begin_order`.
        :return: Whether there was one.
        :raises CartConfigError: If the carts are in cookies.
        """
        refresh_carts()
        was_known = cancel_order(get_state().services, token)
        refresh_carts()

        return was_known

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
        tenant = tenant_for(owner, tenant)
        transfer_carts(owner, to, tenant)
