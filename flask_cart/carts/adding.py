"""Adding: many things at once, of which some may be gone or short."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from ..model.errors import InvalidItemError
from ..model.line_changes import make_addition
from ..model.line_operations import AddLine
from ..model.line_operations import AddLines
from ..model.lines import Line
from ..model.products import Buyable
from ..model.products import NotSoldError
from .catalogue import Catalogue
from .working_copy import WorkingCopy

#: What :meth:`~flask_cart.Cart.add` takes, as a mapping.
Item = t.Mapping[str, t.Any]

_PARAMETERS: t.Final = frozenset(
    {"product", "quantity", "name", "price", "options", "attributes", "pinned"}
)


@dataclass(frozen=True)
class AddReport:
    """What became of many things that were to be added.

    :param added: The lines that they make, with the quantities that were added.
    :param short: The lines, with the quantities that were not: more than there are, or
        than a cart may hold.
    :param gone: What there is no product of any more, as it was given.
    """

    added: tuple[Line, ...]
    short: tuple[Line, ...]
    gone: tuple[Item, ...]

    @property
    def is_complete(self) -> bool:
        """Whether all of it was added."""
        return not (self.short or self.gone)


def add_many(
    working: WorkingCopy, catalogue: Catalogue, items: t.Iterable[Item]
) -> AddReport:
    """Add what is there of many things, in one write.

    :raises InvalidItemError: If anything about one is not valid.
    :raises CartConfigError: If there is no loader for what is given by its id.
    """
    wanted = [_checked(each) for each in items]
    ids = [_id_of(each) for each in wanted]
    asked = [each for each in ids if each is not None]
    products = catalogue.load(asked) if asked else {}
    additions: list[AddLine] = []
    gone: list[Item] = []

    for item, item_id in zip(wanted, ids, strict=True):
        product = item["product"] if item_id is None else products.get(item_id)
        addition = addition_of(working, product, item)

        if addition is None:
            gone.append(item)
        else:
            additions.append(addition)

    terms = dict.fromkeys(terms for each in additions for terms in each.terms)
    lines = tuple(each.line for each in additions)
    counts: list[int] = []
    limits = working.repository.limits
    working.apply(AddLines(lines, limits, counts, terms=tuple(terms)))
    pairs = list(zip(lines, counts, strict=True))

    return AddReport(
        tuple(replace(line, quantity=count) for line, count in pairs if count),
        tuple(
            replace(line, quantity=line.quantity - count)
            for line, count in pairs
            if count < line.quantity
        ),
        tuple(gone),
    )


def _checked(item: t.Any) -> Item:
    if isinstance(item, Mapping) and "product" in item and item.keys() <= _PARAMETERS:
        return item

    raise InvalidItemError(
        "Each of the items is a mapping with 'product', and what else add() takes, such"
        f" as 'quantity' and 'options', not {item!r:.80}."
    )


def _id_of(item: Item) -> str | None:
    """The id that a product is to be found by, if it is not there itself."""
    product = item["product"]

    return str(product) if isinstance(product, str | int) else None


def addition_of(
    working: WorkingCopy, product: Buyable | None, item: Item
) -> AddLine | None:
    """What adds an item; ``None`` if it is not sold, or not in this currency."""
    if product is None:
        return None

    currency = working.document.currency
    rest = {name: value for name, value in item.items() if name != "product"}

    try:
        addition = make_addition(
            product, lambda: currency, working.repository.currency, **rest
        )
    except NotSoldError:
        return None

    line = addition.line

    if line.currency not in ("", currency):
        return None

    return replace(addition, line=replace(line, currency=currency))
