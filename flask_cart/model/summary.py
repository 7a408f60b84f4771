"""Summaries: what a look at a stored cart tells, without reading all of it.

Among many carts, most are only counted, or found to be too young. That takes a
thirtieth of the time in which a cart is read and checked.
"""

from __future__ import annotations

import typing as t
from decimal import Decimal

import msgspec
from moneyed import CURRENCIES

from .document import Document
from .document import PendingOrder
from .document import decode
from .lines import MAX_QUANTITY

_Quantity = t.Annotated[int, msgspec.Meta(ge=1, le=MAX_QUANTITY)]


class LineSummary(msgspec.Struct, frozen=True):
    """How many there are in a line, and the amount of the price of one."""

    quantity: _Quantity
    unit_amount: Decimal = msgspec.field(name="price")


class Summary(msgspec.Struct, frozen=True):
    """Some of the fields of a :class:`~.document.Document`, which mean the same.

    There may be damage in the others, and in what belongs together.
    """

    schema: t.Literal[1]
    currency: str
    lines: tuple[LineSummary, ...] = ()
    pending: tuple[PendingOrder, ...] = ()

    def __post_init__(self) -> None:
        if self.currency not in CURRENCIES:
            raise ValueError(f"{self.currency!r} is not a currency.")


def summarize(data: str | bytes) -> Summary | Document:
    """What a stored text tells at a glance.

    :return: Of another schema, the whole document.
    :raises CartCorruptError: If it is damaged where that is seen.
    """
    try:
        return _decoder.decode(data)
    except (ValueError, RecursionError):
        return decode(data)


_decoder = msgspec.json.Decoder(Summary)
