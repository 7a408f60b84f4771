"""The cart that an app works with."""

from __future__ import annotations

import types
import typing as t
from contextlib import contextmanager

from moneyed import Money
from msgspec import UNSET
from msgspec import UnsetType
from msgspec import structs
from msgspec import to_builtins

from ..model.conditions import SHIPPING
from ..model.conditions import Condition
from ..model.conditions import ConditionTerms
from ..model.conditions import Target
from ..model.idempotency import Claim
from ..model.keys import CartKey
from ..model.keys import check_instance
from ..model.keys import owner_in
from ..model.line_changes import make_addition
from ..model.line_changes import make_increment
from ..model.line_changes import make_restoring
from ..model.line_changes import make_taking_out
from ..model.line_changes import make_update
from ..model.line_operations import OnExisting
from ..model.lines import Line
from ..model.lines import find_line
from ..model.money import MoneyLike
from ..model.products import Buyable
from ..model.removing import Clear
from ..model.removing import RemoveLine
from ..pricing.totals import Totals
from .adding import AddReport
from .adding import Item
from .adding import add_many
from .adjusting import add_condition
from .adjusting import make_condition
from .adjusting import remove_condition
from .cached_totals import CachedTotals
from .coupons import Coupons
from .currencies import change_currency
from .currencies import left_in_others
from .drafts import OrderDraft
from .drafts import current_token
from .merging import MergeReport
from .merging import check_same_tenant
from .merging import merge
from .metadata import Metadata
from .moving import Part
from .moving import copy_line
from .moving import move_line
from .notes import Notes
from .orders import Create
from .orders import Find
from .orders import begin_order
from .orders import place_order
from .repricing import Accept
from .repricing import Drift
from .repricing import reprice
from .services import CartServices
from .shipping import Shipping
from .transferring import transfer
from .working_copy import WorkingCopy

Order = t.TypeVar("Order")


class Cart:
    """One cart. Get it from ``current_cart`` or :meth:`FlaskCart.cart`.

    Nothing is read before it is needed, and then once. What is read stays as it was
    until this cart writes; :meth:`refresh` forgets it.

    Every change is saved at once, in one write, or in the one write of the
    :meth:`batch` around it. If somebody else saved first, the change is applied again
    to what they saved; where that would overwrite what the shopper has not seen, it
    is a :class:`CartConflictError`.

    ``len(cart)`` is the number of lines, ``bool(cart)`` whether there are any, and
    iterating yields them.
    """

    def __init__(
        self,
        services: CartServices,
        key: CartKey | None,
        instance: str,
        *,
        make_key: t.Callable[[], CartKey],
        sibling: t.Callable[[str], Cart],
        tenant: str | None = None,
    ) -> None:
        self._services = services
        self._tenant = tenant
        self._sibling = sibling
        self._working = WorkingCopy(services, self, key, make_key, instance)
        self._notes = Notes(services.repository, self._open)
        self._totals = CachedTotals(services, self._working, tenant)

    def __repr__(self) -> str:
        return f"<Cart {self.key or 'of a new guest'}>"

    # Reading

    @property
    def key(self) -> CartKey | None:
        """Where the cart is stored; ``None`` for a guest who has none yet."""
        return self._working.key

    @property
    def tenant(self) -> str | None:
        """The tenant whose cart it is; ``None`` in the shop without one."""
        return self.key.tenant if self.key is not None else self._tenant

    @property
    def version(self) -> int:
        """The version that was read, 0 if nothing is stored."""
        return self._working.snapshot.version

    @property
    def currency(self) -> str:
        """The ISO 4217 code of all amounts."""
        return self._working.document.currency

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines, in the order in which they were added."""
        return self._working.document.lines

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions on the cart, in order."""
        return self._working.document.conditions

    @property
    def metadata(self) -> Metadata:
        """What the shop notes about the cart."""
        return Metadata(self._working)

    @property
    def coupons(self) -> Coupons:
        """The codes of the coupons of the cart."""
        return Coupons(self._working, self._services.repository.limits.coupons)

    @property
    def shipping(self) -> Shipping:
        """How the cart is sent: the shipping methods, and the one that was chosen."""
        return Shipping(self._working, self._totals.shipping_options)

    @property
    def quantity(self) -> int:
        """How many items, over all lines."""
        return sum(line.quantity for line in self.lines)

    @property
    def total(self) -> Money:
        """What is to be paid: the total of :attr:`totals`."""
        return self.totals.total

    @property
    def totals(self) -> Totals:
        """All the amounts.

        Calculated once for every content of the cart, where rules or providers have a
        say once for every second of the shop's clock, until :meth:`refresh`.
        """
        return self._totals.now()

    def to_dict(self) -> dict[str, t.Any]:
        """The cart and its :attr:`totals` as plain data that can be encoded as JSON."""
        return {
            "instance": self._working.instance,
            "version": self.version,
            **self.totals.to_dict(),
            "coupons": list(self.coupons),
            "shipping": self.shipping.chosen,
            "shipping_options": [e.to_dict() for e in self._totals.offered_shipping()],
            "metadata": to_builtins(dict(self.metadata)),
        }

    def get(self, line_id: str) -> Line | None:
        """The line of this id, if there is one."""
        return self._working.document.line(line_id)

    def find(
        self,
        product: Buyable | str | int,
        options: t.Mapping[str, t.Any] | None = None,
    ) -> Line | None:
        """The line that :meth:`add` made of a product, if there is one.

        :param product: A :class:`Buyable`, or the id of an item.
        :param options: As for :meth:`add`. If left out, any of its lines will do.
        """
        return find_line(self.lines, product, options)

    def __iter__(self) -> t.Iterator[Line]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def __contains__(self, line_id: object) -> bool:
        return isinstance(line_id, str) and self.get(line_id) is not None

    def refresh(self) -> None:
        """Forget what was read; the next access reads again."""
        self._working.refresh()

    def instance(self, name: str) -> Cart:
        """Another cart of the same owner.

        :param name: Letters, digits, ``_``, ``.`` and ``-``.
        :raises CartConfigError: If it is not such a name.
        """
        return self._sibling(name)

    # Lines

    def add(
        self,
        product: Buyable | str | int,
        quantity: int = 1,
        *,
        name: str | None = None,
        price: MoneyLike | None = None,
        options: t.Mapping[str, t.Any] | None = None,
        attributes: t.Mapping[str, t.Any] | None = None,
        pinned: bool = False,
        on_existing: OnExisting = "merge",
    ) -> Line:
        """Add an item.

        The same item with the same options is the same line: its quantity grows, it
        keeps its conditions and attributes, and takes the name and price given now.

        :param product: A :class:`Buyable`, or the id of an item.
        :param quantity: How many, at least 1.
        :param name: What the shopper reads; the product's or the id if it is left out.
        :param price: The price of one in major units; the product's if left out.
        :param options: What tells variants of an item apart, as str, int, bool or
            Decimal, or a list of these; kept as text.
        :param attributes: Anything else to remember, as JSON.
        :param pinned: Whether :meth:`reprice` leaves the price alone.
        :param on_existing: ``"merge"``, ``"replace"`` the line, or ``"error"``.
        :raises InvalidItemError: If anything about the item is not valid.
        :raises CartQuantityError: If it is not sold in the quantity that this makes,
            and :class:`CartStockError` if there are not so many.
        :raises CartLimitError: If the cart would become too large.
        """
        what = {"name": name, "options": options, "attributes": attributes}
        how = {"price": price, "pinned": pinned, "on_existing": on_existing}
        given: dict[str, t.Any] = {"quantity": quantity, **what, **how}
        home = self._services.repository.currency
        addition = make_addition(product, lambda: self.currency, home, **given)
        self._working.apply(addition)
        line = addition.line

        return self.get(line.id) or structs.replace(line, currency=self.currency)

    def add_many(self, items: t.Iterable[Item]) -> AddReport:
        """Add many items in one write, and of what is gone or short the rest.

        :param items: Mappings with ``product`` and what else :meth:`add` takes. An id
            is that of a product of the :meth:`~FlaskCart.product_loader`.
        :return: What was added, and what is short or gone.
        :raises InvalidItemError: If anything about one of them is not valid.
        """
        return add_many(self._working, self._services.registry.catalogue, items)

    def set_quantity(
        self, line_id: str, quantity: int, *, seen: int | types.EllipsisType = ...
    ) -> None:
        """Set the quantity of a line; 0 removes it.

        :param seen: The quantity that the shopper saw, if that was not just now.
        :raises InvalidItemError: If there is no such line or quantity.
        :raises CartQuantityError: If the item is not sold in this quantity, as far as a
            :meth:`~FlaskCart.product_loader` finds its product.
        :raises CartConflictError: If somebody else changed the line since it was seen.
        """
        line = self._working.line(line_id)
        update = make_update(line, self.currency, quantity=quantity, seen=seen)
        self._working.apply(update)

    def update(
        self,
        line_id: str,
        *,
        quantity: int | types.EllipsisType = ...,
        name: str | None = None,
        price: MoneyLike | None = None,
        attributes: t.Mapping[str, t.Any] | None = None,
        pinned: bool | None = None,
    ) -> None:
        """Set fields of a line, in one write. What is left out stays.

        :raises InvalidItemError: If there is no such line, or a value is not valid.
        :raises CartQuantityError: As in :meth:`set_quantity`.
        :raises CartConflictError: If somebody else changed the line since it was read.
        """
        what = {"quantity": quantity, "name": name, "attributes": attributes}
        given: dict[str, t.Any] = {**what, "price": price, "pinned": pinned}
        line = self._working.line(line_id)
        self._working.apply(make_update(line, self.currency, **given))

    def increment(self, line_id: str, by: int = 1) -> None:
        """Add to the quantity of a line; at zero or below, the line is removed.

        :param by: How many more; negative for fewer.
        :raises InvalidItemError: If there is no such line, or ``by`` is not an int.
        :raises CartQuantityError: As in :meth:`set_quantity`.
        """
        self._working.apply(make_increment(self._working.line(line_id), by))

    def remove(self, line_id: str) -> None:
        """Remove a line; nothing happens if it is gone already."""
        self._working.apply(RemoveLine(line_id))

    def restore(self, line_id: str) -> Line:
        """Put a line back that was removed: as it was, and where it was.

        The cart remembers the last three. Nothing happens if the line is there.

        :raises InvalidItemError: If it is not there, and not remembered.
        :raises CartQuantityError: As in :meth:`set_quantity`.
        """
        self._working.apply(make_restoring(self._working.document, line_id))

        return self._working.line(line_id)

    def take_out(self, quantities: t.Mapping[str, int]) -> None:
        """Take some of several lines out, in one write.

        Of each line it is the lesser of this quantity and what is there, whatever has
        happened since, so a :attr:`MergeReport.quantities` can be taken out again:
        "these are not mine". Products are not asked in which quantities they are sold.

        :param quantities: How many, at least 1, by the ids of the lines.
        :raises InvalidItemError: If it is not such a mapping.
        """
        self._working.apply(*make_taking_out(quantities))

    # Products

    def products(self) -> dict[str, Buyable]:
        """The products of all lines by their item ids, without those that are gone.

        The :meth:`~FlaskCart.product_loader` is called once, and every time.

        :raises CartConfigError: If there is no loader.
        """
        return self._services.registry.catalogue.load(
            line.item_id for line in self.lines
        )

    def reprice(self, accept: Accept = "lower") -> Drift:
        """Compare the lines with the products that they were made of.

        A lower price, another name and other attributes are taken over at once, a
        higher price if the shopper has agreed to it, and a pinned one is left alone.
        All of it is one write, and none if nothing changes. Lines that were added by
        an id are left as they are. What the chosen shipping costs by now is told alike.

        :param accept: ``"lower"``, ``"all"``, or a mapping from line ids (and the name
            of the shipping method) to the higher prices that the shopper agreed to.
        :raises InvalidItemError: If ``accept`` is something else, or a product has no
            price in the cart's currency.
        :raises CartConfigError: If there is no :meth:`~FlaskCart.product_loader`.
        """
        return reprice(self._working, self._totals, accept)

    def change_currency(
        self,
        currency: str,
        *,
        prices: t.Mapping[str, MoneyLike] | None = None,
        conditions: t.Iterable[Condition] = (),
        drop: t.Iterable[str] = (),
    ) -> tuple[str, ...]:
        """Give the cart another currency, and all lines their prices in it.

        It is one write. Prices are those of the products: what ``cart_price_in()``
        returns, or a ``cart_price`` that is money of the currency. Percentages and
        factors stay. A condition with an amount, a cap, or a rule with a decimal
        parameter has to be given anew, or dropped.

        :param currency: The ISO 4217 code.
        :param prices: The prices of lines, by id, where there is no product or it does
            not tell.
        :param conditions: Take the place of those of the same name, also on lines.
        :param drop: The names of conditions to be removed, also from lines.
        :return: The instances of the owner's other carts that have something in them in
            another currency still.
        :raises InvalidItemError: If there is no such currency, or no price for a line.
        :raises InvalidConditionError: If it is not said what becomes of a condition.
        :raises CartConflictError: If the cart was changed since it was read.
        """
        registry, prices = self._services.registry, prices or {}
        change_currency(self._working, registry, currency, prices, conditions, drop)

        return left_in_others(self._working, self._beside)

    # Other carts

    def move(
        self,
        line_id: str,
        *,
        to: str,
        quantity: Part = ...,
        key: str | None = None,
    ) -> None:
        """Move a line into another cart of the same owner.

        What the other cart has of it already is added up, and keeps its name, price
        and attributes. Both carts change in one write: the line is in one or the other.

        :param quantity: How many; all of them if it is left out.
        :param key: As for :meth:`once`, which cannot be around two carts.
        :raises InvalidItemError: If there is no such line, or not as many.
        :raises CartQuantityError: If the item is not sold in what would be in a cart.
        :raises CartLimitError: If the other cart would become too large.
        :raises CartConflictError: If somebody else removed the line.
        :raises CartReplayedError: If it has happened before with this key.
        """
        move_line(self._working, self._beside(to), line_id, to, quantity, key)

    def copy(self, line_id: str, *, to: str, quantity: Part = ...) -> None:
        """Add a line to another cart of the same owner, and keep it here.

        :param quantity: How many; as many as there are here if it is left out.
        :raises CartError: As :meth:`move`.
        """
        copy_line(self._working, self._beside(to), line_id, quantity)

    def merge(self, other: Cart, strategy: str | None = None) -> MergeReport:
        """Take over what is in another cart, and delete that one.

        It can be repeated: what came once does not come again.

        :param strategy: The name of one; ``CART_MERGE_STRATEGY`` if it is left out.
        :return: What came, and what the limits and products left out.
        :raises CartConfigError: If there is no such strategy, or the other cart is one
            of another tenant.
        :raises CartConflictError: If the other cart does not stop changing.
        :raises InvalidItemError: If they are in different currencies.
        """
        check_same_tenant(other.tenant, self.tenant)

        what = self._notes, other._working, self._working

        return merge(*what, self._services.strategy(strategy))

    def transfer(self, owner: str) -> Cart:
        """Give this cart, with all that is in it, to another owner.

        :param owner: A kind and an id, such as ``"company:7"``.
        :return: The cart of that owner. This one is empty.
        :raises CartConflictError: If the other owner has something in this instance.
        :raises CartConfigError: If there can be no such owner.
        """
        target = self._counterpart(owner)
        transfer(self._notes, [(self._working, target._working)])

        return target

    # Conditions

    def add_condition(self, condition: Condition, *, line: str | None = None) -> None:
        """Add a condition to the cart or a line, in place of one of the same name.

        :param line: The id of a line. Then it acts on the unit price, whatever its
            target.
        :raises InvalidItemError: If there is no such line.
        :raises InvalidConditionError: If its target is ``"item"`` and no line is given,
            a rule of it is not registered or cannot be asked with its parameters, or it
            is for a line and has what only a condition of a cart can have.
        """
        rulebook = self._services.registry.rulebook
        add_condition(self._working, rulebook, condition, line)

    def remove_condition(self, name: str, *, line: str | None = None) -> None:
        """Remove a condition; nothing happens if it is gone already.

        :param line: The id of the line that has it, if it is not the cart.
        """
        remove_condition(self._working, name, line)

    def add_discount(
        self, name: str, value: MoneyLike, **terms: t.Unpack[ConditionTerms]
    ) -> None:
        """Take something off the subtotal.

        :param value: As for :class:`Condition`, or an amount; without a sign it is
            taken off.
        :param terms: More of :class:`Condition`, such as ``rule`` or ``lines``.
        """
        self._add(name, "discount", "subtotal", value, **terms)

    def add_tax(
        self,
        name: str,
        value: MoneyLike,
        *,
        target: Target = "subtotal",
        **terms: t.Unpack[ConditionTerms],
    ) -> None:
        """Add a tax such as ``"19%"``, which acts after discounts and fees.

        :param target: ``"subtotal"``, ``"shipping"``, or both: ``"total"``.
        :param terms: More of :class:`Condition`, such as ``included`` or ``exempt``. Of
            one ``order``, taxes act on the same base; those before are in it.
        """
        self._add(name, "tax", target, value, **terms)

    def add_fee(
        self, name: str, value: MoneyLike, **terms: t.Unpack[ConditionTerms]
    ) -> None:
        """Add a fee to the total, such as ``"2.50"``.

        :param terms: More of :class:`Condition`, such as ``per`` or ``lines``.
        """
        self._add(name, "fee", "total", value, **terms)

    def add_shipping(
        self, name: str, value: MoneyLike, **terms: t.Unpack[ConditionTerms]
    ) -> None:
        """Add shipping to the total, such as ``"4.90"``, in place of any other.

        :param terms: More of :class:`Condition`, such as ``rule``.
        """
        self._add(name, SHIPPING, "total", value, **terms)

    # The whole cart

    def clear(self) -> None:
        """Remove all that is in it, and keep the cart.

        :raises CartConflictError: If the cart was changed since it was read.
        """
        self._working.apply(Clear())

    def destroy(self) -> None:
        """Delete the cart.

        :raises CartConflictError: If the cart was changed since it was read.
        """
        self._working.destroy()

    def expect(self, version: int) -> Cart:
        """Let further changes fail unless they follow on this version.

        :param version: What :attr:`version` was; 0 for no cart.
        :return: This cart.
        :raises InvalidItemError: If it is no version, as ``None`` is none.
        """
        self._working.expect(version)

        return self

    def expect_any(self) -> None:
        """Let further changes follow on any version again."""
        self._working.expect_any()

    @contextmanager
    def batch(self) -> t.Iterator[Cart]:
        """Make several changes in one write: all of them or none.

        Inside, the cart reads as if they were saved. An error discards them.

        >>> with cart.batch():
        ...     for sku in ["mug", "pot"]:
        ...         line = cart.add(sku, price=5)
        """
        with self._working.batch():
            yield self

    @contextmanager
    def once(self, key: str, content: str = "") -> t.Iterator[Cart]:
        """Make the changes inside in one write, unless that has happened before.

        For what may be sent twice, by a double click or a client that got no answer.
        The key is remembered in the same write as the changes, for a day. What was
        refused is not.

        :param key: What the sender made up for this change.
        :param content: What is to be changed, in any words. The same key with another
            content is a mistake.
        :raises CartReplayedError: If it has happened before; nothing is changed.
        :raises CartKeyReusedError: If the key came with another content before.
        """
        with self._working.once(Claim(key, content)):
            yield self

    @property
    def order_token(self) -> str:
        """Identifies the content that was read, for the form of a checkout.

        With it every repetition of the form is the same order for :meth:`place_order`.
        Empty if nothing is stored yet.
        """
        return current_token(self._working)

    def place_order(
        self,
        create: Create[Order],
        find: Find[Order],
        *,
        session: t.Any = None,
        token: str | UnsetType = UNSET,
        expected_total: MoneyLike | UnsetType = UNSET,
    ) -> Order:
        """Sell what is in the cart, exactly once, however often this is called for it.

        If there is an order of the token, that is it. In the session's database, order
        and emptied cart are one transaction; elsewhere what comes in between stays.

        :param create: Makes the order of a draft, its token in a unique column.
        :param find: The order of a token, or ``None``.
        :param session: The ``db.session`` of both. It is committed, or rolled back.
        :param token: The :attr:`order_token` that the form was shown with, or one that
            was begun. Left out, and not None, what is in the cart now is ordered.
        :param expected_total: The total that the shopper agreed to.
        :return: What ``create`` or ``find`` returned.
        :raises CartEmptyError: If there is nothing in the cart.
        :raises CartConflictError: If it is not what was shown, or not the total, or
            rivals have made the session's transaction fail.
        :raises CartStorageError: If nobody knows whether it was made; try it again.
        """
        how = create, find, session, token, expected_total

        return place_order(self._notes, self._working, self._totals, *how)

    def begin_order(self, expected_total: MoneyLike | UnsetType = UNSET) -> OrderDraft:
        """Note that an order for the content of the cart is being made.

        For a step outside of any transaction, such as a payment: the draft's token is
        an idempotency key for it. Finish with it and :meth:`FlaskCart.place_order`.

        :param expected_total: The total that the shopper agreed to. If it is not that
            of an order that was begun before, but that of now, this is another order.
        :raises CartEmptyError: If there is nothing in the cart.
        :raises CartConflictError: If it was changed since it was read, or its total is
            not the expected one.
        :raises CartConfigError: If the carts are in cookies.
        """
        return begin_order(self._notes, self._working, self._totals, expected_total)

    def _open(self, key: CartKey) -> WorkingCopy:
        """The cart under a key: this one, or another as it is stored."""
        return (self if key == self.key else stored_cart(self._services, key))._working

    def _counterpart(self, owner: str) -> Cart:
        """The same cart of another owner of this tenant."""
        key = CartKey(owner_in(self.tenant, owner), self._working.instance)

        return stored_cart(self._services, key)

    def _beside(self, instance: str) -> WorkingCopy:
        """Another cart of the same owner, whoever is the owner of the request now."""
        sibling = self.instance(instance)

        if self.key is None or sibling.key == (self.key.owner, instance):
            return sibling._working

        return self._open(CartKey(self.key.owner, instance))

    def _add(
        self,
        name: str,
        kind: str,
        target: Target,
        value: MoneyLike,
        **terms: t.Unpack[ConditionTerms],
    ) -> None:
        condition = make_condition(self._working, name, kind, target, value, **terms)
        self.add_condition(condition)


def stored_cart(services: CartServices, key: CartKey) -> Cart:
    """The cart that is stored under a key."""

    def sibling(name: str) -> Cart:
        return stored_cart(services, CartKey(key.owner, check_instance(name)))

    return Cart(services, key, key.instance, make_key=lambda: key, sibling=sibling)


def working_copy(cart: Cart) -> WorkingCopy:
    """What a cart has read and writes back, for whoever looks below its surface."""
    return cart._working


def prices_of(cart: Cart) -> CachedTotals:
    """What a cart comes to, alike."""
    return cart._totals
