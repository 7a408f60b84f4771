"""Stock: in which quantities the items of a cart are sold."""

from __future__ import annotations

import typing as t

import msgspec

from .document import Document
from .errors import CartQuantityError
from .errors import CartStockError
from .errors import InvalidItemError
from .lines import MAX_QUANTITY
from .lines import check_quantity
from .products import Buyable
from .products import item_id_of
from .values import refused_as

Term = t.Literal["available", "maximum", "minimum", "step"]


class Objection(t.NamedTuple):
    """What stands against a quantity: a term of the product, and its value."""

    term: Term
    limit: int


class Terms(msgspec.Struct, frozen=True):
    """In which quantities an item is sold.

    :param available: How many there are. A cart holds no more, over all its lines.
    :param maximum: The most that a cart holds, over all its lines.
    :param minimum: The fewest of a line.
    :param step: What the quantity of a line is a multiple of.
    """

    item_id: str
    available: int | None = None
    maximum: int | None = None
    minimum: int = 1
    step: int = 1

    def against_sum(self, quantity: int) -> Objection | None:
        """What stands against so many of the item in a cart."""
        if self.available is not None and quantity > self.available:
            return Objection("available", self.available)

        if self.maximum is not None and quantity > self.maximum:
            return Objection("maximum", self.maximum)

        return None

    def against_line(self, quantity: int) -> Objection | None:
        """What stands against so many in a line."""
        if quantity < self.minimum:
            return Objection("minimum", self.minimum)

        if quantity % self.step:
            return Objection("step", self.step)

        return None


#: The smallest value that a product can have for each term.
_SMALLEST: t.Final[t.Mapping[Term, int]] = {
    "available": -MAX_QUANTITY,
    "maximum": 0,
    "minimum": 1,
    "step": 1,
}


def terms_of(product: Buyable) -> Terms:
    """The terms of a product.

    :raises InvalidItemError: If one of them is not an int, or less than it can be.
    """
    item_id = item_id_of(product)
    terms: dict[str, int] = {}

    for term, smallest in _SMALLEST.items():
        value = getattr(product, f"cart_{term}", None)

        if value is None:
            continue

        opening = f"The 'cart_{term}' of the item {item_id!r:.80} is not valid: "

        with refused_as(InvalidItemError, opening):
            # More may have been sold than there were, and then there are none.
            terms[term] = max(check_quantity(value, at_least=smallest), 0)

    return Terms(item_id, **terms)


def quantity_of(document: Document, item_id: str) -> int:
    """How many of an item there are, over all lines."""
    return sum(line.quantity for line in document.lines if line.item_id == item_id)


def check_terms(before: Document, after: Document, terms: t.Iterable[Terms]) -> None:
    """Refuse a change that leads to quantities in which items are not sold.

    Quantities that were there before may stay, and become smaller, although there
    are not so many any more.

    :raises CartQuantityError: If it does.
    """
    for each in terms:
        _check_item(before, after, each)


def _check_item(before: Document, after: Document, terms: Terms) -> None:
    in_cart = quantity_of(before, terms.item_id)
    wanted = quantity_of(after, terms.item_id)

    if wanted > in_cart:
        _refuse(terms.against_sum(wanted), terms, in_cart, wanted)

    for line in after.lines:
        if line.item_id != terms.item_id:
            continue

        previous = before.line(line.id)
        quantity_before = previous.quantity if previous is not None else 0

        if line.quantity != quantity_before:
            objection = terms.against_line(line.quantity)
            _refuse(objection, terms, quantity_before, line.quantity)


def _refuse(
    objection: Objection | None, terms: Terms, in_cart: int, wanted: int
) -> None:
    if objection is None:
        return

    term, limit = objection
    kind = CartStockError if term == "available" else CartQuantityError

    raise kind(
        f"{_RULES[term].format(limit=limit, item_id=terms.item_id[:80])}, this would"
        f" make {wanted}.",
        item_id=terms.item_id,
        term=term,
        limit=limit,
        in_cart=in_cart,
        wanted=wanted,
    )


_RULES: t.Final[t.Mapping[Term, str]] = {
    "available": "There are only {limit} of {item_id!r}",
    "maximum": "A cart holds at most {limit} of {item_id!r}",
    "minimum": "A line holds at least {limit} of {item_id!r}",
    "step": "A line holds a multiple of {limit} of {item_id!r}",
}
