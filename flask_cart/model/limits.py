"""Limits: how much one cart may hold.

The limits of the app keep a cart from growing without bounds, the terms of products say
in which quantities these are sold. Either refuses what goes further over it, never what
is there already: a shop that lowers a limit must not lock its shoppers out of their
carts. What comes from another cart goes further.
"""

from __future__ import annotations

import typing as t
from collections import defaultdict
from itertools import filterfalse

import msgspec

from .document import Document
from .errors import CartLimitError
from .errors import CartQuantityError
from .errors import CartStockError
from .errors import CartTooLargeError
from .errors import InvalidItemError
from .lines import MAX_QUANTITY
from .lines import Line
from .lines import check_quantity
from .lines import count_of
from .products import Buyable
from .products import Variant
from .products import item_id_of
from .products import line_id
from .products import option_values
from .values import refused_as


class Limits(msgspec.Struct, frozen=True):
    """The greatest values that one cart may reach.

    :param items: Lines in a cart.
    :param quantity: The quantity of one line.
    :param data_bytes: The stored size.
    :param string_length: Characters of an id, name, type, option, code or metadata key.
    :param coupons: Codes of coupons. A further one is not refused, it takes the place
        of the oldest.
    """

    items: int = 1000
    quantity: int = 10_000
    data_bytes: int = 2**20
    string_length: int = 255
    coupons: int | None = None


def check_limits(before: Document, after: Document, limits: Limits) -> None:
    """Refuse a change that goes over a limit.

    :raises CartLimitError: If it does.
    """
    count = len(after.lines)

    if count > max(limits.items, len(before.lines)):
        raise CartLimitError(
            f"A cart holds at most {limits.items} lines, this would make {count}.",
            limit=limits.items,
            given=count,
        )

    # Of a thousand lines, a change replaces one.
    known = set(map(id, before.lines))
    lines = dict(zip(map(id, after.lines), after.lines, strict=True))

    for each in filterfalse(known.__contains__, lines):
        _check_line(lines[each], before.line(lines[each].id), limits)

    for condition in after.conditions:
        if condition not in before.conditions:
            _check_strings({condition.name, condition.type}, limits)

    _check_strings(after.metadata.keys() - before.metadata.keys(), limits)
    _check_strings({*after.coupons} - {*before.coupons}, limits)

    if after.shipping is not None and after.shipping != before.shipping:
        _check_strings({after.shipping}, limits)


def check_size(before: int, after: int, limits: Limits) -> None:
    """Refuse a change that makes the stored text too large.

    :param before: The size of the stored text in bytes.
    :param after: The size that it would have.
    :raises CartTooLargeError: If it does.
    """
    if after > max(limits.data_bytes, before):
        raise CartTooLargeError(
            f"A cart is stored in at most {limits.data_bytes} bytes, this would take"
            f" {after}.",
            limit=limits.data_bytes,
            given=after,
        )


def _check_line(line: Line, before: Line | None, limits: Limits) -> None:
    if line.quantity > max(limits.quantity, count_of(before)):
        raise CartLimitError(
            f"A line holds at most {limits.quantity} of an item, this would make"
            f" {line.quantity} of {line.item_id!r:.80}.",
            limit=limits.quantity,
            given=line.quantity,
        )

    known = _strings(before) if before is not None else set()
    _check_strings(_strings(line) - known, limits)


def _strings(line: Line) -> set[str]:
    """All texts of a line that a limit is on."""
    conditions = (text for each in line.conditions for text in (each.name, each.type))

    values = (text for each in line.options.values() for text in option_values(each))

    return {line.item_id, line.name, *line.options, *values, *conditions}


def _check_strings(strings: t.Iterable[str], limits: Limits) -> None:
    for string in strings:
        if len(string) > limits.string_length:
            raise CartLimitError(
                "An id, name, type, option, code or metadata key has at most"
                f" {limits.string_length} characters, this one has {len(string)}:"
                f" {string[:40]!r}.",
                limit=limits.string_length,
                given=len(string),
            )


Term = t.Literal["available", "maximum", "minimum", "step"]


class Objection(t.NamedTuple):
    """What stands against a quantity: a term of the product, and its value."""

    term: Term
    limit: int


class Terms(msgspec.Struct, frozen=True):
    """In which quantities an item is sold, or one variant of it.

    :param variant_id: The variant, if it is one with an id of its own.
    :param line_id: The only line that it is about, if it is about one.
    :param available: How many there are. A cart holds no more, over all these lines.
    :param maximum: The most that a cart holds, over all these lines.
    :param minimum: The fewest of a line.
    :param step: What the quantity of a line is a multiple of.
    """

    item_id: str
    variant_id: str | None = None
    line_id: str | None = None
    available: int | None = None
    maximum: int | None = None
    minimum: int = 1
    step: int = 1

    def covers(self, line: Line) -> bool:
        """Whether they are about a line."""
        if line.item_id != self.item_id:
            return False

        if self.variant_id is not None:
            return line.variant_id == self.variant_id

        return self.line_id is None or line.id == self.line_id

    def count(self, lines: t.Iterable[Line]) -> int:
        """How many there are in the lines that they are about."""
        return sum(each.quantity for each in lines if self.covers(each))

    @property
    def of_sum(self) -> tuple[int | None, int | None]:
        """What limits all these lines together."""
        return self.available, self.maximum

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


#: Those that hold for each line alone.
_OF_A_LINE: t.Final[tuple[Term, ...]] = ("minimum", "step")


def terms_of(variant: Variant) -> tuple[Terms, ...]:
    """The terms of a product: those of all its lines, and those of a variant.

    A variant with an id of its own has a stock of its own, if it tells how many there
    are; any other takes from that of the product as well.

    :raises InvalidItemError: If one of them is not an int, or less than it can be.
    """
    item_id = item_id_of(variant.product)
    all_lines = _read(variant.product, item_id)

    if variant.sold is variant.product:
        return (Terms(item_id, **all_lines),)

    these_lines = _read(variant.sold, item_id)

    for term in _OF_A_LINE:
        value = all_lines.pop(term, 1)
        these_lines.setdefault(term, value)

    if variant.id is not None:
        all_lines = {k: v for k, v in all_lines.items() if k not in these_lines}

    only = line_id(item_id, variant.options) if variant.id is None else None

    return (
        Terms(item_id, **all_lines),
        Terms(item_id, variant.id, only, **these_lines),
    )


def _read(product: Buyable, item_id: str) -> dict[str, t.Any]:
    terms: dict[str, t.Any] = {}

    for term, smallest in _SMALLEST.items():
        value = getattr(product, f"cart_{term}", None)

        if value is None:
            continue

        opening = f"The 'cart_{term}' of the item {item_id!r:.80} is not valid: "

        with refused_as(InvalidItemError, opening):
            # More may have been sold than there were, and then there are none.
            terms[term] = max(check_quantity(value, at_least=smallest), 0)

    return terms


def by_item(terms: t.Iterable[Terms]) -> t.Mapping[str, t.Sequence[Terms]]:
    """Terms by the items that they are about, of which there may be many."""
    found: dict[str, list[Terms]] = defaultdict(list)

    for each in terms:
        found[each.item_id].append(each)

    return found


def fitting(
    document: Document, line: Line, wanted: int, terms: t.Iterable[Terms]
) -> int:
    """The quantity of a line that comes closest to what is wanted, and is sold.

    What is there already may stay, although there are not so many any more.

    :param line: The line, which need not be there yet.
    :param wanted: The most that it may be.
    """
    now = count_of(document.line(line.id))
    lines = [each for each in document.lines if each.item_id == line.item_id]
    most = wanted

    for each in terms:
        if not each.covers(line):
            continue

        others = each.count(lines) - now
        room = (limit - others for limit in each.of_sum if limit is not None)
        most = max(min([most, *room]), 0)
        most -= most % each.step

        if most < each.minimum:
            most = 0

    if wanted >= now:
        return max(most, now)

    # Where it is not sold in fewer, it is left as it is.
    return most or (now if wanted else 0)


def allowed(
    document: Document,
    line: Line,
    wanted: int,
    limits: Limits,
    terms: t.Mapping[str, t.Sequence[Terms]],
) -> int:
    """How many of a line there may be; as many as there are there always may.

    :param line: The line, which need not be there yet.
    :param wanted: The most that it may be.
    :param terms: Those of its item, and of others.
    """
    mine = document.line(line.id)

    if mine is None and len(document.lines) >= limits.items:
        return 0

    most = max(limits.quantity, count_of(mine))

    return fitting(document, line, min(wanted, most), terms.get(line.item_id, ()))


def check_terms(before: Document, after: Document, terms: t.Iterable[Terms]) -> None:
    """Refuse a change that leads to quantities in which items are not sold.

    Quantities that were there before may stay, and become smaller, although there
    are not so many any more.

    :raises CartQuantityError: If it does.
    """
    lines_before, lines_after = map(lines_by_item, (before.lines, after.lines))

    for each in terms:
        _check_item(lines_before[each.item_id], lines_after[each.item_id], each)


def lines_by_item(lines: t.Iterable[Line]) -> t.Mapping[str, list[Line]]:
    """Lines by their items; none of an item that is in none of them."""
    found: dict[str, list[Line]] = defaultdict(list)

    for line in lines:
        found[line.item_id].append(line)

    return found


def _check_item(before: list[Line], after: list[Line], terms: Terms) -> None:
    in_cart, wanted = terms.count(before), terms.count(after)

    if wanted > in_cart:
        _refuse(terms.against_sum(wanted), terms, in_cart, wanted)

    quantities = {line.id: line.quantity for line in before}

    for line in filter(terms.covers, after):
        previous = quantities.get(line.id, 0)

        if line.quantity != previous:
            objection = terms.against_line(line.quantity)
            _refuse(objection, terms, previous, line.quantity)


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
