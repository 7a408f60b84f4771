"""The cart that an app works with."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager
from decimal import Decimal

from moneyed import Money

from ..model.conditions import SHIPPING
from ..model.conditions import Condition
from ..model.document import Document
from ..model.errors import CartConfigError
from ..model.errors import CartConflictError
from ..model.errors import InvalidConditionError
from ..model.errors import InvalidItemError
from ..model.idempotency import ClaimKey
from ..model.idempotency import claim_key
from ..model.idempotency import claim_move
from ..model.keys import CartKey
from ..model.keys import check_instance
from ..model.keys import owner_in
from ..model.line_operations import AddItemCondition
from ..model.line_operations import AddLine
from ..model.line_operations import IncrementLine
from ..model.line_operations import OnExisting
from ..model.line_operations import RemoveItemCondition
from ..model.line_operations import RemoveLine
from ..model.line_operations import UpdateLine
from ..model.lines import Line
from ..model.lines import check_quantities
from ..model.lines import check_quantity
from ..model.lines import make_line
from ..model.money import MoneyLike
from ..model.money import price_in
from ..model.operations import AddCondition
from ..model.operations import Clear
from ..model.operations import Operation
from ..model.operations import RemoveCondition
from ..model.products import Buyable
from ..model.products import price_of
from ..model.rules import Rule
from ..model.stock import terms_of
from ..model.values import freeze_dict
from ..pricing.totals import Totals
from .cached_totals import CachedTotals
from .coupons import Coupons
from .currencies import change_currency
from .drafts import OrderDraft
from .drafts import current_token
from .merging import MergeReport
from .merging import merge
from .metadata import Metadata
from .moving import copy_line
from .moving import move_line
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
from .writing import Snapshot

Order = t.TypeVar("Order")


#: What the value of a condition may be given as.
Value = Money | Decimal | int | str


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
        *,
        make_key: t.Callable[[], CartKey],
        sibling: t.Callable[[str], Cart],
        tenant: str | None = None,
    ) -> None:
        self._services = services
        self._tenant = tenant
        self._sibling = sibling
        self._working = WorkingCopy(services, self, key, make_key)
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
        return self.snapshot.version

    @property
    def snapshot(self) -> Snapshot:
        """The document and version that were read."""
        return self._working.snapshot

    @property
    def document(self) -> Document:
        """The whole content, inside a batch with the changes made so far."""
        return self._working.document

    @property
    def currency(self) -> str:
        """The ISO 4217 code of all amounts."""
        return self.document.currency

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines, in the order in which they were added."""
        return self.document.lines

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions on the cart, in order."""
        return self.document.conditions

    @property
    def metadata(self) -> Metadata:
        """What the shop notes about the cart.

        >>> cart.metadata["note"] = "ring twice"
        """
        return Metadata(lambda: self.document, self.apply)

    @property
    def coupons(self) -> Coupons:
        """The codes of the coupons of the cart.

        >>> cart.coupons.add("SUMMER")
        """
        most = self._services.repository.limits.coupons

        return Coupons(lambda: self.document, self.apply, most)

    @property
    def shipping(self) -> Shipping:
        """How the cart is sent: the shipping methods, and the one that was chosen.

        >>> [option.name for option in cart.shipping.options]
        []
        """
        return Shipping(
            lambda: self.document, self.apply, self._totals.shipping_options
        )

    @property
    def quantity(self) -> int:
        """How many items, over all lines."""
        return sum(line.quantity for line in self.lines)

    @property
    def totals(self) -> Totals:
        """All the amounts.

        They are calculated once for every content of the cart. Where rules or providers
        have a say, it is once for every content and second of the shop's clock, until
        :meth:`refresh`.
        """
        return self._totals.now()

    def get(self, line_id: str) -> Line | None:
        """The line of this id, if there is one."""
        return self.document.line(line_id)

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

        >>> wishlist = cart.instance("wishlist")

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
        on_existing: OnExisting = "merge",
    ) -> Line:
        """Add an item.

        The same item with the same options is the same line: its quantity grows, it
        keeps its conditions and attributes, and takes the name and price given now.

        >>> line = cart.add("mug", 2, name="Mug", price="12.50", options={"size": "L"})
        >>> line.quantity, line.options
        (2, {'size': 'L'})

        :param product: A :class:`Buyable`, or the id of an item.
        :param quantity: How many, at least 1.
        :param name: What the shopper reads; the product's or the id if it is left out.
        :param price: The price of one in major units; the product's if left out.
        :param options: What tells variants of an item apart, as str, int, bool or
            Decimal; kept as text.
        :param attributes: Anything else to remember, as JSON.
        :param on_existing: ``"merge"``, ``"replace"`` the line, or ``"error"``.
        :return: The line as it is now.
        :raises InvalidItemError: If anything about the item is not valid.
        :raises CartQuantityError: If it is not sold in the quantity that this makes,
            and :class:`CartStockError` if there are not so many.
        :raises CartLimitError: If the cart would become too large.
        """
        try:
            check_quantity(quantity)
        except ValueError as error:
            raise InvalidItemError(str(error)) from error

        if on_existing not in t.get_args(OnExisting):
            raise InvalidItemError(
                f"on_existing must be one of {', '.join(t.get_args(OnExisting))}, not"
                f" {on_existing!r:.40}."
            )

        terms = None

        if isinstance(product, Buyable):
            terms = terms_of(product)

            if price is None:
                price = price_of(product, lambda: self.currency)

        # Not the cart's, which would have to be read for it.
        currency = price.currency.code if isinstance(price, Money) else None
        line = make_line(
            product,
            quantity,
            currency,
            name=name,
            price=price,
            options=options,
            attributes=attributes,
        )
        self.apply(AddLine(line, on_existing, currency, terms=terms))

        return self.get(line.id) or line

    def set_quantity(self, line_id: str, quantity: int) -> None:
        """Set the quantity of a line.

        :param line_id: The line.
        :param quantity: How many; 0 removes the line.
        :raises InvalidItemError: If there is no such line or quantity.
        :raises CartQuantityError: If the item is not sold in this quantity, as far as a
            :meth:`~FlaskCart.product_loader` finds its product.
        :raises CartConflictError: If somebody else changed the line since it was read.
        """
        self.update(line_id, quantity=quantity)

    def update(
        self,
        line_id: str,
        *,
        quantity: int | None = None,
        name: str | None = None,
        price: MoneyLike | None = None,
        attributes: t.Mapping[str, t.Any] | None = None,
    ) -> None:
        """Set fields of a line, in one write. What is left out stays.

        :raises InvalidItemError: If there is no such line, or a value is not valid.
        :raises CartQuantityError: As in :meth:`set_quantity`.
        :raises CartConflictError: If somebody else changed the line since it was read.
        """
        line = self._line(line_id)
        changes: dict[str, t.Any] = {}

        try:
            if quantity is not None:
                changes["quantity"] = check_quantity(quantity, at_least=0)

            if name is not None:
                changes["name"] = name

            if price is not None:
                changes["price"] = price_in(self.currency, price)

            if attributes is not None:
                changes["attributes"] = freeze_dict(attributes, "The attributes")
        except ValueError as error:
            raise InvalidItemError(
                f"The item {line.item_id!r} cannot be changed: {error}"
            ) from error

        asks = line.product_id if quantity else None
        self.apply(UpdateLine(line, changes, asks=asks))

    def increment(self, line_id: str, by: int = 1) -> None:
        """Add to the quantity of a line; at zero or below, the line is removed.

        :param by: How many more; negative for fewer.
        :raises InvalidItemError: If there is no such line, or ``by`` is not an int.
        :raises CartQuantityError: As in :meth:`set_quantity`.
        """
        if isinstance(by, bool) or not isinstance(by, int):
            raise InvalidItemError(f"A quantity must be an int, not {by!r:.40}.")

        line = self._line(line_id)
        self.apply(IncrementLine(line_id, by, asks=line.product_id))

    def remove(self, line_id: str) -> None:
        """Remove a line; nothing happens if it is gone already."""
        self.apply(RemoveLine(line_id))

    def take_out(self, quantities: t.Mapping[str, int]) -> None:
        """Take some of several lines out, in one write.

        Of each line it is the lesser of this quantity and what is there; what is gone
        already is left out. What else has happened to the cart does not matter, so a
        :attr:`MergeReport.quantities` can be taken out again: "these are not mine".

        Products are not asked, as in merging: what stays was there before, also where
        it is less than the item is sold in.

        >>> line = cart.add("lid", 5, price=5)
        >>> cart.take_out({line.id: 2})
        >>> cart.get(line.id).quantity
        3

        :param quantities: How many, at least 1, by the ids of the lines.
        :raises InvalidItemError: If it is not such a mapping.
        """
        self.apply(
            *(
                IncrementLine(line_id, -quantity)
                for line_id, quantity in check_quantities(quantities).items()
            )
        )

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

        A lower price and another name are taken over at once. A higher price is taken
        over if the shopper has agreed to it; else the line keeps its own. All of it is
        one write, and none if nothing changes. Lines that were added by an id are left
        as they are.

        .. code-block:: python

            drift = cart.reprice()

            if not drift.is_settled:
                return render_template("changed.html", drift=drift)

        :param accept: ``"lower"``, ``"all"``, or a mapping from line ids to the higher
            prices that the shopper was shown and agreed to. A price that is another one
            by now is not taken over.
        :return: What is different, line by line.
        :raises InvalidItemError: If ``accept`` is something else, or a product has no
            price in the cart's currency.
        :raises CartConfigError: If there is no :meth:`~FlaskCart.product_loader`.
        """
        return reprice(self._working, self._services.registry.catalogue, accept)

    def change_currency(
        self,
        currency: str,
        *,
        prices: t.Mapping[str, MoneyLike] | None = None,
        conditions: t.Iterable[Condition] = (),
        drop: t.Iterable[str] = (),
    ) -> None:
        """Give the cart another currency, and all lines their prices in it.

        Prices are those of the products: what ``cart_price_in(currency)`` returns, or a
        ``cart_price`` that is money of the currency. Percentages and factors stay. A
        condition with an amount, a cap, or a rule with a decimal parameter has to be
        given anew, or dropped.

        It is one write, of everything or nothing.

        :param currency: The ISO 4217 code.
        :param prices: The prices of lines, by id, where there is no product or it does
            not tell.
        :param conditions: Take the place of those of the same name, also on lines.
        :param drop: The names of conditions to be removed, also from lines.
        :raises InvalidItemError: If there is no such currency, or no price for a line.
        :raises InvalidConditionError: If it is not said what becomes of a condition.
        :raises CartConflictError: If the cart was changed since it was read.
        """
        change_currency(
            self._working,
            self._services.registry.catalogue,
            self._services.registry.rulebook,
            currency,
            prices or {},
            conditions,
            drop,
        )

    # Other carts

    def move(
        self,
        line_id: str,
        *,
        to: str,
        quantity: int | None = None,
        key: str | None = None,
    ) -> None:
        """Move a line into another cart of the same owner.

        What the other cart has of it already is added up, and keeps its name, price
        and attributes. Both carts change in one write, on every storage: the line is in
        one or the other, whatever happens.

        >>> line = cart.add("lamp", 3, price=40)
        >>> cart.move(line.id, to="wishlist", quantity=2)
        >>> cart.get(line.id).quantity, cart.instance("wishlist").quantity
        (1, 2)

        :param to: The instance.
        :param quantity: How many; all of them if it is left out.
        :param key: As for :meth:`once`, which cannot be around two carts.
        :raises InvalidItemError: If there is no such line, or there are not as many.
        :raises CartQuantityError: If the item is not sold in what would be in one of
            the carts.
        :raises CartLimitError: If the other cart would become too large.
        :raises CartConflictError: If somebody else removed the line.
        :raises CartReplayedError: If it has happened before with this key.
        """
        beside = self._beside(to)

        if key is None:
            move_line(self._working, beside, self._line(line_id), quantity)
            return

        claim = claim_move(key, line_id, to, quantity)
        # Before the line is looked for, which is gone if it has happened.
        claim.apply(self.document)

        with self._rivals_known(claim):
            move_line(self._working, beside, self._line(line_id), quantity, claim)

    def copy(self, line_id: str, *, to: str, quantity: int | None = None) -> None:
        """Add a line to another cart of the same owner, and keep it here.

        :param to: The instance.
        :param quantity: How many; as many as there are here if it is left out.
        :raises InvalidItemError: If there is no such line.
        :raises CartLimitError: If the other cart would become too large.
        """
        copy_line(self._working, self._beside(to), self._line(line_id), quantity)

    def merge(self, other: Cart, strategy: str | None = None) -> MergeReport:
        """Take over what is in another cart, and delete that one.

        It can be repeated, also if somebody died in the middle: what came once does
        not come again.

        :param strategy: The name of one; ``CART_MERGE_STRATEGY`` if it is left out.
        :return: What came, and what the limits left out.
        :raises CartConfigError: If there is no such strategy, or the other cart is one
            of another tenant.
        :raises CartConflictError: If the other cart does not stop changing.
        :raises InvalidItemError: If they are in different currencies.
        """
        if other.tenant != self.tenant:
            raise CartConfigError(
                f"A cart of the tenant {other.tenant!r} cannot be merged into one of"
                f" {self.tenant!r}."
            )

        chosen = self._services.strategy(strategy)

        return merge(other._working, self._working, chosen)

    def transfer(self, owner: str) -> Cart:
        """Give this cart, with all that is in it, to another owner.

        :param owner: A kind and an id, such as ``"company:7"``.
        :return: The cart of that owner. This one is empty.
        :raises CartConflictError: If the other owner has something in this instance.
        :raises CartConfigError: If there can be no such owner.
        """
        target = self._counterpart(owner)
        transfer([(self._working, target._working)])

        return target

    # Conditions

    def add_condition(self, condition: Condition, *, line: str | None = None) -> None:
        """Add a condition to the cart or a line, in place of one of the same name.

        One of the type ``"shipping"`` takes the place of any other shipping.

        :param line: The id of a line. Then it acts on the unit price, whatever its
            target.
        :raises InvalidItemError: If there is no such line.
        :raises InvalidConditionError: If its target is ``"item"`` and no line is given,
            a rule of it is not registered or cannot be asked with its parameters, or it
            is for a line and has what only a condition of a cart can have.
        """
        if line is not None:
            self._line(line)
        elif condition.target == "item":
            raise InvalidConditionError(
                f"The condition {condition.name!r} acts on items. Say which:"
                " add_condition(condition, line=...)."
            )

        self._services.registry.rulebook.check(condition)

        if line is None:
            self.apply(AddCondition(condition))
            return

        if condition.lines or condition.base or condition.included:
            raise InvalidConditionError(
                f"The condition {condition.name!r} cannot be on a line: 'lines', 'base'"
                " and 'included' are for conditions of a cart."
            )

        self.apply(AddItemCondition(line, condition))

    def remove_condition(self, name: str, *, line: str | None = None) -> None:
        """Remove a condition; nothing happens if it is gone already.

        :param line: The id of the line that has it, if it is not the cart.
        """
        if line is None:
            self.apply(RemoveCondition(name))
        else:
            self.apply(RemoveItemCondition(line, name))

    def add_discount(
        self,
        name: str,
        value: Value,
        *,
        order: int = 0,
        rule: Rule | None = None,
        lines: Rule | None = None,
        cap: Value | None = None,
    ) -> None:
        """Take something off the subtotal.

        >>> cart.add_discount("SUMMER", "10%")

        :param value: As for :class:`Condition`, or an amount; without a sign it is
            taken off.
        :param rule: As for :class:`Condition`, like ``lines`` and ``cap``.
        """
        text = self._value(value)

        if text[:1].isdigit():
            text = f"-{text}"

        self.add_condition(
            Condition(
                name,
                "discount",
                "subtotal",
                text,
                order,
                rule=rule,
                lines=lines,
                cap=None if cap is None else self._value(cap),
            )
        )

    def add_tax(
        self,
        name: str,
        value: Value,
        *,
        order: int = 0,
        rule: Rule | None = None,
        lines: Rule | None = None,
        included: bool = False,
    ) -> None:
        """Add a tax to the subtotal, such as ``"19%"``.

        :param rule: As for :class:`Condition`, like ``lines`` and ``included``.
        """
        self.add_condition(
            Condition(
                name,
                "tax",
                "subtotal",
                self._value(value),
                order,
                rule=rule,
                lines=lines,
                included=included,
            )
        )

    def add_fee(
        self, name: str, value: Value, *, order: int = 0, rule: Rule | None = None
    ) -> None:
        """Add a fee to the total, such as ``"2.50"``.

        :param rule: As for :class:`Condition`.
        """
        text = self._value(value)
        self.add_condition(Condition(name, "fee", "total", text, order, rule=rule))

    def add_shipping(
        self, name: str, value: Value, *, order: int = 0, rule: Rule | None = None
    ) -> None:
        """Add shipping to the total, such as ``"4.90"``, in place of any other.

        A cart has one shipping: this, or a method of the shop that was chosen.

        :param rule: As for :class:`Condition`.
        """
        text = self._value(value)
        self.add_condition(Condition(name, SHIPPING, "total", text, order, rule=rule))

    # The whole cart

    def clear(self) -> None:
        """Remove all that is in it, and keep the cart.

        :raises CartConflictError: If the cart was changed since it was read, so that
            nothing is lost that the shopper has not seen.
        """
        self.apply(Clear())

    def destroy(self) -> None:
        """Delete the cart.

        :raises CartConflictError: If the cart was changed since it was read.
        """
        self._working.destroy()

    def expect(self, version: int | None) -> Cart:
        """Let further changes fail unless they follow on this version.

        A form that shows the cart carries its version; what is posted with it is then
        about what the shopper saw.

        >>> cart.expect(cart.version).clear()

        :param version: What :attr:`version` was; 0 for no cart. ``None`` expects
            nothing any more.
        :return: This cart.
        """
        self._working.expect(version)

        return self

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

        For what may be sent twice, by a double click or by a client that got no
        answer. The key is remembered in the same write as the changes, and with the
        cart; changes that come to nothing are not remembered. A cart knows its last 20
        keys.

        >>> with cart.once("6f1d"):
        ...     line = cart.add("mug", price=5)

        :param key: What the sender made up for this change.
        :param content: What is to be changed, in any words. The same key with another
            content is a mistake.
        :raises CartReplayedError: If it has happened before; nothing is changed.
        :raises CartKeyReusedError: If the key came with another content before.
        """
        claim = claim_key(key, content)

        with self._rivals_known(claim), self.batch():
            self.apply(claim)
            yield self

    @property
    def order_token(self) -> str:
        """Identifies the content that was read, for the form of a checkout.

        Posted back and given to :meth:`place_order`, it makes every repetition of the
        same form the same order. An empty string if nothing is stored yet.
        """
        return current_token(self._working)

    def place_order(
        self,
        create: Create[Order],
        find: Find[Order],
        *,
        session: t.Any = None,
        token: str | None = None,
        expected_total: MoneyLike | None = None,
    ) -> Order:
        """Sell what is in the cart, exactly once, however often this is called for it.

        .. code-block:: python

            def create(draft):
                order = Order(order_token=draft.order_token, lines=draft.lines)
                db.session.add(order)
                return order

            def find(token):
                return db.session.scalar(select(Order).filter_by(order_token=token))

            order = cart.place_order(
                create, find, session=db.session, token=request.form["token"]
            )

        If an order with the token exists, it is returned, and nothing is sold again:
        after a double click, a repeated form, or a process that died in the middle.
        Where the cart is in the database of the session, the order and the emptied cart
        are committed in one transaction. Elsewhere the cart notes the order before it
        is made, and the lines that were ordered are taken out after it; what is added
        in between stays.

        :param create: Makes the order of an :class:`OrderDraft`, with its
            ``order_token`` in a unique column.
        :param find: Returns the order of a token, or ``None``.
        :param session: The ``db.session`` of both. It is committed, or rolled back.
        :param token: The :attr:`order_token` that the form was shown with, or that of
            an order that was begun. Left out, what is in the cart now is ordered.
        :param expected_total: The total that the shopper agreed to.
        :return: What ``create`` or ``find`` returned.
        :raises CartEmptyError: If there is nothing in the cart.
        :raises CartConflictError: If the cart was changed since the form was shown, or
            its total is not the expected one.
        """
        return place_order(
            self._working,
            self._totals,
            create,
            find,
            session,
            token,
            expected_total,
        )

    def begin_order(self, expected_total: MoneyLike | None = None) -> OrderDraft:
        """Note in the cart that an order for its content is being made.

        For a step that is outside of any transaction, such as a payment: the token of
        the draft stays the same until the order is made, or the content changes, so it
        can be the payment's idempotency key. Finish with :meth:`place_order` and this
        token, also after the cart was changed, another order was begun, or the process
        died: what was noted is ordered. A cart remembers the last five orders.

        :param expected_total: The total that the shopper agreed to. If it is not that
            of an order that was begun before, but that of now, this is another order.
        :raises CartEmptyError: If there is nothing in the cart.
        :raises CartConflictError: If the cart was changed since it was read, or its
            total is not the expected one.
        """
        return begin_order(
            self._working,
            self._totals,
            expected_total,
        )

    def apply(self, *operations: Operation) -> None:
        """Apply operations in one write, or make them part of the batch."""
        self._working.apply(*operations)

    @contextmanager
    def _rivals_known(self, claim: ClaimKey) -> t.Iterator[None]:
        try:
            yield
        except CartConflictError:
            # The rival may have been the same change, which came a little earlier.
            claim.apply(self.document)
            raise

    def _at(self, key: CartKey) -> Cart:
        return Cart(
            self._services,
            key,
            make_key=lambda: key,
            sibling=lambda name: self._at(CartKey(key.owner, check_instance(name))),
        )

    def _counterpart(self, owner: str) -> Cart:
        """The same cart of another owner of this tenant."""
        instance = self.key.instance if self.key is not None else "default"

        return self._at(CartKey(owner_in(self.tenant, owner), instance))

    def _beside(self, instance: str) -> WorkingCopy:
        """Another cart of the same owner, whoever is the owner of the request now."""
        sibling = self.instance(instance)
        key = self.key and CartKey(self.key.owner, instance)

        return (sibling if key in (None, sibling.key) else self._at(key))._working

    def _line(self, line_id: str) -> Line:
        line = self.get(line_id)

        if line is None:
            self._working.check_expected(line_id)

            raise InvalidItemError(f"There is no line {line_id!r:.80} in the cart.")

        return line

    def _value(self, value: Value) -> str:
        if isinstance(value, str):
            return value

        try:
            return f"{price_in(self.currency, value):f}"
        except ValueError as error:
            raise InvalidConditionError(str(error)) from error


def transfer_all(carts: t.Iterable[Cart], owner: str) -> None:
    """Give several carts to another owner, who has nothing in any of them."""
    transfer([(each._working, each._counterpart(owner)._working) for each in carts])
