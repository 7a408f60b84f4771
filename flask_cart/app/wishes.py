"""Wishes: what somebody else has put together, and what there is of it.

An address or a program asks for many things at once. Each is added as far as it can be,
and of the rest it is said why not.
"""

from __future__ import annotations

import typing as t
from contextlib import suppress

from moneyed import Money

from ..carts.cart import Cart
from ..model.errors import CartReplayedError
from ..model.idempotency import Claim
from ..model.lines import Line
from ..model.products import Buyable
from .current import current_cart
from .current import get_state
from .problem_codes import ProblemCode
from .shopper import DEFAULT
from .shopper import Shopper
from .shopper import Wish
from .shopper import check_choices
from .shopper import find_products
from .wording import RefusedError
from .wording import tell_shortage


class Granted(t.NamedTuple):
    """What becomes of a wish.

    :param name: What it is called, as far as it is known.
    :param wanted: How many are wished for.
    :param added: How many of it are added.
    :param price: The price of one, if there is any.
    :param line_id: The line of the cart, if there is any.
    :param code: Why it is not all that is wished for, as a word; empty if it is.
    :param reason: The same as a sentence.
    """

    name: str
    wanted: int
    added: int = 0
    price: Money | None = None
    line_id: str = ""
    code: str = ""
    reason: str = ""


class _DiscardedError(Exception):
    """Raised to leave a batch without saving it."""


def preview(wishes: t.Iterable[Wish]) -> list[Granted]:
    """What would become of wishes in the shopper's cart. Nothing is changed."""
    granted: list[Granted] = []

    with suppress(_DiscardedError), current_cart.batch():
        granted += grant(current_cart, wishes)

        raise _DiscardedError

    return granted


def try_to_add(shopper: Shopper, wish: Wish) -> Line:
    """The line that would come of adding something. Nothing is changed.

    Whether there is enough of it is another question.

    :raises CartError: If it is nothing that can be added.
    """
    lines: list[Line] = []

    with suppress(_DiscardedError), shopper.cart.batch():
        lines.append(shopper.add(*wish).about)

        raise _DiscardedError

    return lines[0]


def fulfil(
    wishes: t.Iterable[Wish], codes: t.Iterable[str], claim: Claim | None
) -> tuple[list[Granted], list[str]]:
    """Put what there is of wishes into the shopper's cart, in one write.

    :param codes: Of coupons.
    :param claim: The key of the change, if the sender has made one up.
    :return: What became of them, and why coupons were not noted. Nothing, if it was
        done with the same key before.
    """
    granted: list[Granted] = []
    refused: list[str] = []
    cart = current_cart
    once = cart.once(*claim) if claim is not None else cart.batch()

    with suppress(CartReplayedError), once:
        granted += grant(cart, wishes)

        for code in codes:
            try:
                Shopper(DEFAULT).add_coupon(code)
            except RefusedError as error:
                word = get_state().loaders.word
                refused.append(f"{code}: {word(error.code, str(error), error)}")

    return granted, refused


def grant(cart: Cart, wishes: t.Iterable[Wish]) -> list[Granted]:
    """Add what there is of wishes to a cart, and tell of each."""
    wanted = list(wishes)
    products = find_products(item_id for item_id, _, _ in wanted)

    return [_grant(cart, products.get(each[0]), each) for each in wanted]


def _grant(cart: Cart, product: Buyable | None, wish: Wish) -> Granted:
    item_id, quantity, options = wish
    word = get_state().loaders.word

    try:
        if product is None:
            raise RefusedError(ProblemCode.UNKNOWN_ITEM, item=item_id)

        check_choices(product, options)
    except RefusedError as error:
        name = product.cart_name if product is not None else item_id
        said = word(error.code, str(error), error)

        return Granted(name, quantity, code=error.code, reason=said)

    item = {"product": product, "quantity": quantity, "options": options}
    report = cart.add_many([item])
    lines = (*report.added, *report.short)

    if not lines:
        said = word("wish-gone", tell_shortage(0, is_sold=False), None)

        return Granted(product.cart_name, quantity, code="not-sold", reason=said)

    line = lines[0]
    count = sum(each.quantity for each in report.added)
    granted = Granted(line.name, quantity, count, line.price, line.id)

    if report.is_complete:
        return granted

    code = "not-enough" if count else "out-of-stock"
    said = word("wish-short", tell_shortage(count, is_sold=True), None)

    return granted._replace(code=code, reason=said)
