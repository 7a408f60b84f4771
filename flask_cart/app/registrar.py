"""The registrar: how an app registers its rules and products."""

from __future__ import annotations

import datetime as dt
import typing as t
from dataclasses import dataclass
from decimal import Decimal

from flask import Flask

from .. import signals
from ..carts.catalogue import ProductLoader
from ..carts.observing import Observer
from ..carts.services import Registry
from ..carts.services import utc_now
from ..model.conditions import Condition
from ..model.events import Event
from ..model.merging import DecideQuantity
from ..model.products import Buyable
from ..pricing.facts import Facts
from ..pricing.rulebook import ConditionProvider
from ..pricing.rulebook import CouponLoader
from ..pricing.rulebook import FactsFunction
from ..pricing.rulebook import FindCoupon
from ..pricing.rulebook import ShippingLister
from ..pricing.rulebook import finding_coupons
from ..pricing.rulebook import provide_coupons
from ..pricing.shipping import ShippingOption
from ..pricing.totals import Adjustment
from .identity import OwnerLoader
from .identity import TenantLoader
from .identity import UserIdLoader
from .reasons import tell_reason

#: Says something in the words of the shop: of a code, a text, and what it is about.
Wording = t.Callable[[str, str, t.Any], str]

Decide = t.TypeVar("Decide", bound=t.Callable[..., bool | str])
Calculate = t.TypeVar("Calculate", bound=t.Callable[..., Decimal])
Function = t.TypeVar("Function")


@dataclass
class Loaders:
    """What an app has registered that tells of a request, or of what is in one."""

    owner: OwnerLoader | None = None
    tenant: TenantLoader | None = None
    user_id: UserIdLoader | None = None
    coupon: FindCoupon | None = None
    word: Wording = lambda code, text, about: text

    def condition_of(self, code: str, facts: t.Callable[[], Facts]) -> Condition | None:
        """The condition of a coupon's code, if there is one.

        :param facts: Tells of the cart that it is for.
        :raises CartVetoError: If the app refuses it with a sentence for the shopper.
        """
        return self.coupon(code, facts) if self.coupon is not None else None

    def reason_of(self, step: Adjustment | ShippingOption) -> str:
        """Why something does nothing, in the words of the shop."""
        text = tell_reason(step.code, step.params)

        return self.word(step.code, text, step) if text else ""


class Registrar:
    """The decorators of an extension that register what carts depend on."""

    def __init__(self) -> None:
        self._registry = Registry()
        self._loaders = Loaders()

        #: Tells what time it is, with a time zone, for rules about time. A test can
        #: put another function in its place.
        self.clock: t.Callable[[], dt.datetime] = utc_now

    def rule(self, name: str) -> t.Callable[[Decide], Decide]:
        """Register a function that decides whether a condition applies.

        .. code-block:: python

            @cart_ext.rule("heavy")
            def heavy(facts, kilos: int):
                weight = sum(line.attributes["kilos"] for line in facts.about)
                return weight >= kilos or f"it is for {kilos} kilos or more"

        It gets :class:`Facts` and the parameters of the :class:`Rule`, checked against
        the types of its signature, and returns ``True``, or ``False`` or the reason
        why not. It must not change anything.

        :param name: What conditions call it by, also those that are stored.
        :raises CartConfigError: If there is a built-in rule of the name, or the
            function has parameters that cannot be given.
        """
        return _registering(self._registry.rulebook.rules.add, name)

    def merge_strategy(self, name: str) -> t.Callable[[DecideQuantity], DecideQuantity]:
        """Register a function that decides how many there are of a merged line.

        .. code-block:: python

            @cart_ext.merge_strategy("keep_lowest_quantity")
            def keep_lowest_quantity(mine, theirs):
                if mine is None:
                    return theirs.quantity
                return min(mine.quantity, theirs.quantity)

        It gets the user's :class:`Line`, or ``None``, and the guest's, and returns the
        quantity that the user has afterwards; 0 for none.

        :param name: What ``CART_MERGE_STRATEGY`` and :meth:`merge_guest_carts` call it.
        :raises CartConfigError: If there is a built-in strategy of the name.
        """
        return _registering(self._registry.strategies.add, name)

    def amount(self, name: str) -> t.Callable[[Calculate], Calculate]:
        """Register a function that calculates what the value of a condition acts on.

        Like :meth:`rule`, but it returns a ``Decimal`` of at least 0.
        """
        return _registering(self._registry.rulebook.amounts.add, name)

    def facts(self, load: FactsFunction) -> FactsFunction:
        """Register the function that returns what the app knows about a shopper.

        It gets :class:`Facts` and returns a mapping, which rules find in
        ``facts.app``. It is called at most once for a calculation, and only if a rule
        looks into it.
        """
        self._registry.rulebook.load_facts = load

        return load

    def condition_provider(self, provide: ConditionProvider) -> ConditionProvider:
        """Register a function that yields conditions for a cart.

        It gets :class:`Facts`, and is called whenever totals are calculated. What it
        yields is not stored; a stored condition of the same name takes its place.
        """
        self._registry.rulebook.providers.append(provide)

        return provide

    def shipping_methods(self, list_methods: ShippingLister) -> ShippingLister:
        """Register the function that yields the shipping methods for a cart.

        It gets :class:`Facts`, in which ``amount`` is the total without shipping, and
        yields :class:`ShippingMethod`. It is called for :attr:`Shipping.options`, and
        for the totals of a cart that has chosen one.
        """
        self._registry.rulebook.list_shipping = list_methods

        return list_methods

    def coupon_loader(self, load: CouponLoader) -> CouponLoader:
        """Register the function that finds the condition of a code.

        .. code-block:: python

            @cart_ext.coupon_loader
            def load_coupon(code):
                coupon = db.session.scalar(select(Coupon).filter_by(code=code.upper()))
                return coupon and Condition(coupon.code, "coupon", "subtotal", "-10%")

        It gets what a shopper has typed into the form of the :attr:`blueprint
        <FlaskCart.blueprint>`, and returns a :class:`Condition`, or ``None`` if there
        is no such code. For a code that is of no use any more it may raise
        :class:`CartVetoError` with a sentence for the shopper.

        The name of the condition is the code as the shop writes it. Only this is noted
        in the cart, and the function is called again whenever totals are calculated.
        Whether the condition applies is for its rule to say. If it has amounts, it has
        their ``currency``, too: carts may be in another one. A function with a second
        parameter gets the :class:`Facts` of the cart.
        """
        # Registered again, the new one also answers for what is noted already.
        if self._loaders.coupon is None:
            providers = self._registry.rulebook.providers
            find = self._loaders.condition_of
            providers.append(
                provide_coupons(lambda code, facts: find(code, lambda: facts))
            )

        self._loaders.coupon = finding_coupons(load)

        return load

    def wording(self, tell: Wording) -> Wording:
        """Register the function that says what has happened in the words of the shop.

        .. code-block:: python

            @cart_ext.wording
            def tell(code, text, about):
                if code == "added":
                    return gettext("%(name)s: in your basket.", name=about.name)
                return text

        It gets a word for what has happened, what the :attr:`blueprint
        <FlaskCart.blueprint>` would say of it, and what it is about, and returns what
        is said to the shopper; nothing if it is empty.

        * ``"added"``, ``"changed"``, ``"removed"``, ``"restored"``, ``"moved"``: about
          the :class:`Line`, or ``None`` if the same request came again.
        * ``"added-many"``: about the :class:`AddReport`, or ``None`` likewise.
        * ``"coupon-noted"``, ``"coupon-removed"``: about the code.
        * ``"shipping-chosen"``: about the name of the method.
        * ``"cleared"``, ``"restored-all"``, ``"noted"``, ``"shipping-cleared"``: about
          nothing.
        * ``"not-merged"``: about what stays in a cart in another currency, a
          :class:`~flask_cart.model.events.CartNotMerged`.
        * ``"link-taken"``, ``"link-partly"``, and for a link that does not open
          ``"link-gone"``, ``"link-used"``, ``"link-expired"``, ``"link-ordered"``,
          ``"link-login"``, ``"link-foreign"``: about nothing.
        * ``"wish-short"``, ``"wish-gone"``: about nothing. A permalink asks for it.
        * The ``code`` of a problem, such as ``"not-enough"``: about the error.
        * The ``code`` of an :class:`Adjustment` that changes nothing, or of a
          :class:`ShippingOption` that cannot be chosen: about that, whose ``params``
          have what a sentence needs.
        """
        self._loaders.word = tell

        return tell

    def reason_of(self, step: Adjustment | ShippingOption) -> str:
        """Why a condition changes nothing, or a shipping method cannot be chosen.

        .. code-block:: python

            for step in cart.totals.explain():
                print(step.name, step.amount, cart_ext.reason_of(step))

        For the shopper, in the words of the :meth:`wording`. What a :meth:`rule` of the
        app has said is told as it is.

        :return: A part of a sentence, or an empty string if there is no reason.
        """
        return self._loaders.reason_of(step)

    def product_loader(self, load: ProductLoader) -> ProductLoader:
        """Register the function that finds products by the ids of their items.

        .. code-block:: python

            @cart_ext.product_loader
            def load_products(ids):
                return db.session.scalars(select(Product).where(Product.sku.in_(ids)))

        It gets a list of ids, each once and as text, what ``str()`` makes of a
        ``cart_id``, and returns the products in any order, without those that do not
        exist. It is called once for a whole cart.
        """
        self._registry.catalogue.loader = load

        return load

    def owner_loader(self, load_owner: OwnerLoader) -> OwnerLoader:
        """Register a function that tells whose cart a request is about.

        It returns a kind and an id, such as ``f"company:{g.company.id}"``, or
        ``None`` for a guest. It takes the place of Flask-Login.
        """
        self._loaders.owner = load_owner

        return load_owner

    def user_id_loader(self, load_user_id: UserIdLoader) -> UserIdLoader:
        """Register a function that tells the id of a user of Flask-Login.

        It gets the user, and returns what never changes. It takes the place of
        ``get_id()``, which may be a token that does.
        """
        self._loaders.user_id = load_user_id

        return load_user_id

    def tenant_loader(self, load_tenant: TenantLoader) -> TenantLoader:
        """Register a function that tells which shop a request is about.

        For an app that several shops share: it returns the name of one, such as
        ``g.shop.slug``, or ``None``. The carts of one are never seen in another.
        """
        self._loaders.tenant = load_tenant

        return load_tenant

    def load_products(self, ids: t.Iterable[str]) -> dict[str, Buyable]:
        """The products of these ids, by id. What does not exist is left out.

        :raises CartConfigError: If there is no :meth:`product_loader`, or it returns
            something else than products.
        """
        return self._registry.catalogue.load(ids)

    def observe(self, observer: Observer) -> None:
        """Tell an observer of all that happens to carts from now on.

        .. code-block:: python

            cart_ext.observe(PrometheusMetrics())

        It is told how every use of the storage went, and of every event whose signal
        is sent.

        :param observer: Such as those of :mod:`flask_cart.metrics`.
        """
        if not self._registry.observers.all:
            signals.connect_to_all(self._tell_of_event)

        self._registry.observers.all.append(observer)

    def _tell_of_event(self, app: Flask, event: Event, **extra: t.Any) -> None:
        # Other extensions send the same signals, each for its own apps.
        if app.extensions["cart"].extension is self:
            self._registry.observers.happened(event)


def _registering(
    add: t.Callable[[str, t.Any], None], name: str
) -> t.Callable[[Function], Function]:
    """A decorator that registers a function under a name."""

    def register(function: Function) -> Function:
        add(name, function)

        return function

    return register
