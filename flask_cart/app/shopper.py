"""The shopper: what a client may do with the carts of a request, over any binding."""

from __future__ import annotations

import types
import typing as t

from ..carts.adding import AddReport
from ..carts.cart import Cart
from ..carts.cart import prices_of
from ..carts.cart import working_copy
from ..model.errors import CartKeyReusedError
from ..model.errors import CartQuantityError
from ..model.errors import CartReplayedError
from ..model.errors import CartVetoError
from ..model.errors import InvalidConditionError
from ..model.errors import InvalidItemError
from ..model.idempotency import Claim
from ..model.idempotency import move_content
from ..model.line_changes import make_restoring_all
from ..model.lines import Line
from ..model.products import Buyable
from ..model.products import Chosen
from ..model.products import choices_of
from ..model.products import multiple_of
from ..model.products import option_values
from ..pricing.shipping import ShippingOption
from .current import current_cart
from .current import get_state
from .problem_codes import ProblemCode
from .wording import Done
from .wording import RefusedError

#: The cart that is meant if none is named.
DEFAULT: t.Final = "default"

Check = t.Callable[[Cart], None]

#: The id of an item, how many of it, and what was chosen for its options.
Wish = tuple[str, int, t.Mapping[str, Chosen]]


def check_instance(instance: str) -> None:
    """Refuse the name of a cart that no shopper can have."""
    if instance not in get_state().settings.all_instances:
        raise RefusedError(ProblemCode.UNKNOWN_CART, cart=instance)


class Shopper:
    """What a client may do with one of the carts of the request's owner.

    Each change is one write, and is not made once more if it is sent again.

    :param instance: Which of the carts.
    :param claim: The key of the change, if the sender has made one up.
    :param check: Refuses a cart that is not the one that the sender knows.
    :raises RefusedError: If it is none that a shopper can have; so do all changes if
        they cannot be made.
    """

    def __init__(
        self,
        instance: str,
        claim: Claim | None = None,
        check: Check = lambda cart: None,
    ) -> None:
        check_instance(instance)
        self.cart = current_cart.instance(instance)
        self._claim = claim
        self._check = check

    def add(self, item_id: str, quantity: int, options: t.Mapping[str, Chosen]) -> Done:
        """Add an item at the price of the shop."""

        def change() -> Line:
            product = find_product(item_id)

            if product is None:
                raise RefusedError(ProblemCode.UNKNOWN_ITEM, item=item_id)

            check_choices(product, options)

            return self.cart.add(product, quantity, options=options)

        done = self._change("added", change)
        line = self.cart.get(done.line_id)

        return done._replace(params={"name": line.name if line else item_id})

    def add_many(self, wanted: t.Iterable[Wish]) -> Done:
        """Add what is there of many items, in one write."""
        wishes = list(wanted)

        def change() -> AddReport:
            products = find_products(item_id for item_id, _, _ in wishes)

            for item_id, _, options in wishes:
                if item_id in products:
                    check_choices(products[item_id], options)

            items = [
                {
                    "product": products.get(item_id, item_id),
                    "quantity": quantity,
                    "options": options,
                }
                for item_id, quantity, options in wishes
            ]

            return self.cart.add_many(items)

        return self._change("added-many", change)

    def set_quantity(
        self, line_id: str, quantity: int, seen: int | types.EllipsisType
    ) -> Done:
        """Set the quantity of a line, if it is still what the shopper saw."""
        return self._change_line(
            line_id, lambda: self.cart.set_quantity(line_id, quantity, seen=seen)
        )

    def increment(self, line_id: str, by: int) -> Done:
        """Add to the quantity of a line, whatever it is by now."""
        return self._change_line(line_id, lambda: self.cart.increment(line_id, by))

    def remove(self, line_id: str) -> Done:
        """Remove a line; it is no mistake if it is gone already."""

        def change() -> Line | None:
            line = self.cart.get(line_id)
            self.cart.remove(line_id)

            return line

        return self._change("removed", change, line_id)

    def restore(self, line_id: str) -> Done:
        """Put a line back that was removed; it is no mistake if it is there already."""

        def change() -> Line:
            try:
                return self.cart.restore(line_id)
            except CartQuantityError:
                raise
            except InvalidItemError as error:
                raise RefusedError(ProblemCode.NOTHING_TO_RESTORE) from error

        return self._change("restored", change, line_id)

    def clear(self) -> Done:
        """Remove everything that the shopper has seen."""
        return self._change("cleared", self.cart.clear)

    def restore_all(self) -> Done:
        """Put back what was in the cart before it was emptied."""

        def change() -> None:
            working = working_copy(self.cart)

            try:
                operation = make_restoring_all(working.document)
            except InvalidItemError as error:
                raise RefusedError(ProblemCode.NOTHING_TO_RESTORE) from error

            working.apply(operation)

        return self._change("restored-all", change)

    def move(self, line_id: str, to: str, quantity: int | types.EllipsisType) -> Done:
        """Move a line to another of the shopper's carts."""
        if to not in get_state().settings.all_instances:
            raise RefusedError(ProblemCode.UNKNOWN_TARGET, cart=to)

        key = self._claim.key if self._claim is not None else None
        content = move_content(line_id, to, quantity)
        claim = Claim(key, content) if key is not None else None

        def move() -> Line | None:
            # It changes two carts, so it is no part of a batch, and has its own key,
            # which is looked for before what may hold no more once it is made.
            if claim is not None:
                working_copy(self.cart).check_unused(claim)

            self._check(self.cart)
            line = self.cart.get(line_id)

            try:
                self.cart.move(line_id, to=to, quantity=quantity, key=key)
            except InvalidItemError:
                # After the first of two clicks it is there already.
                if line_id in self.cart or line_id not in self.cart.instance(to):
                    self._line(line_id)
                    raise

            return line

        done = self._made("moved", move, line_id)
        count = done.about.quantity if done.about and quantity is ... else quantity

        return done._replace(params={**done.params, "to": to, "quantity": str(count)})

    def add_coupon(self, code: str) -> Done:
        """Note the code of a coupon, whether or not it applies yet."""

        def change() -> str:
            prices = prices_of(self.cart)

            try:
                coupon = get_state().loaders.condition_of(code.strip(), prices.facts)
            except CartVetoError as error:
                raise RefusedError(ProblemCode.USED_UP_COUPON, str(error)) from error

            if coupon is None:
                raise RefusedError(ProblemCode.UNKNOWN_COUPON)

            self.cart.coupons.add(coupon.name)

            return coupon.name

        done = self._change("coupon-noted", change)

        return done._replace(params={"code": done.about or code.strip()})

    def remove_coupon(self, code: str) -> Done:
        """Forget the code of a coupon; it is no mistake if it is gone already."""

        def change() -> str:
            self.cart.coupons.remove(code)

            return code

        return self._change("coupon-removed", change, code=code)

    def choose_shipping(self, method: str) -> Done:
        """Choose a shipping method, in place of any other shipping."""

        def change() -> str:
            try:
                self.cart.shipping.choose(method)
            except InvalidConditionError as error:
                raise self._not_for(method) from error

            return method

        return self._change("shipping-chosen", change, method=method)

    def clear_shipping(self) -> Done:
        """Choose no shipping method; it is no mistake if none was chosen."""

        def change() -> None:
            # What the shop has added itself is not a shopper's to take away.
            if self.cart.shipping.chosen is not None:
                self.cart.shipping.clear()

        return self._change("shipping-cleared", change)

    def set_metadata(self, entries: t.Mapping[str, str | None]) -> Done:
        """Set the shopper's own metadata; ``None`` removes a key."""
        for key in entries:
            if key not in get_state().settings.client_metadata:
                raise RefusedError(ProblemCode.FOREIGN_METADATA, key=key)

        def change() -> None:
            given = {k: v for k, v in entries.items() if v is not None}
            self.cart.metadata.update(given)

            for key in entries.keys() - given.keys():
                self.cart.metadata.pop(key, None)

        return self._change("noted", change)

    def _change_line(self, line_id: str, make: t.Callable[[], None]) -> Done:
        def change() -> Line:
            line = self._line(line_id)
            make()

            return line

        done = self._change("changed", change, line_id)
        is_gone = done.about is not None and line_id not in self.cart

        return done._replace(code="removed") if is_gone else done

    def _change(
        self, done: str, make: t.Callable[[], t.Any], line_id: str = "", **params: str
    ) -> Done:
        """Make a change in one write, and not once more if it is sent again.

        What may be otherwise by then is asked for by ``make``.
        """

        def make_once() -> t.Any:
            claim, cart = self._claim, self.cart

            with cart.once(*claim) if claim else cart.batch():
                self._check(cart)

                return make()

        return self._made(done, make_once, line_id, **params)

    def _made(
        self, done: str, make: t.Callable[[], t.Any], line_id: str, **params: str
    ) -> Done:
        """Make a change, and tell of it as if it was, also if that was earlier."""
        about: t.Any = None
        is_replayed = False

        try:
            about = make()
            version = working_copy(self.cart).left_version or self.cart.version
        except CartKeyReusedError:
            raise
        except CartReplayedError as error:
            # It has happened, maybe since this cart was read.
            self.cart.refresh()
            is_replayed, line_id = True, line_id or error.line_id
            version = error.version
        finally:
            self.cart.expect_any()

        line = about if isinstance(about, Line) else self.cart.get(line_id)

        if line is not None:
            line_id, params["name"] = line.id, line.name

        return Done(done, about, params, line_id, version, is_replayed)

    def _not_for(self, method: str) -> RefusedError:
        """Why a shipping method cannot be chosen."""
        for each in self.cart.shipping.options:
            if each.name == method:
                reason = get_state().loaders.reason_of(each)

                return RefusedError(
                    ProblemCode.UNAVAILABLE_SHIPPING, method=method, reason=reason
                )

        return RefusedError(ProblemCode.UNKNOWN_SHIPPING, method=method)

    def _line(self, line_id: str) -> Line:
        line = self.cart.get(line_id)

        if line is None:
            raise RefusedError(ProblemCode.UNKNOWN_LINE)

        return line


def find_product(item_id: str) -> Buyable | None:
    """The product of an id, if there is one."""
    return find_products([item_id]).get(item_id)


def find_products(item_ids: t.Iterable[str]) -> dict[str, Buyable]:
    """The products of these ids that there are, by their ids."""
    return get_state().services.registry.catalogue.load(item_ids)


def offered_shipping(cart: Cart) -> tuple[ShippingOption, ...]:
    """The shipping methods for a cart; none if they cannot be asked for."""
    return prices_of(cart).offered_shipping()


def offered_again(cart: Cart) -> list[Line]:
    """The lines that were removed from a cart and that a shopper can put back, the last
    one first: those of which there still is something, as far as anybody knows."""
    catalogue = get_state().services.registry.catalogue
    removed = working_copy(cart).document.restorable

    if catalogue.loader is None:
        return removed

    variants = catalogue.variants(each for each in removed if each.product_ref)

    return [each for each in removed if variants.get(each.id, each) is not None]


def check_choices(product: Buyable, options: t.Mapping[str, Chosen]) -> None:
    """Refuse options that are not those which the product leaves to the shopper."""
    choices, multiple = choices_of(product), multiple_of(product)

    for name, chosen in options.items():
        for value in option_values(chosen):
            if value not in choices.get(name, ()):
                raise RefusedError(
                    ProblemCode.BAD_OPTION,
                    name=name,
                    value=value,
                    choices=list(choices.get(name, ())),
                )

    for name, values in choices.items():
        if name in multiple:
            continue

        if not isinstance(options.get(name), str):
            raise RefusedError(
                ProblemCode.MISSING_OPTION, name=name, choices=list(values)
            )
