"""Checkout: what is sold, and the operation that takes it out of the cart."""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from .document import Document
from .events import CartCheckedOut
from .operations import Applied
from .operations import emptied
from .pricing import LineTotals
from .pricing import Totals
from .storage.base import CartKey


@dataclass(frozen=True)
class OrderDraft:
    """What is being sold. Iterating over it yields the lines.

    :param lines: The lines with their amounts.
    :param totals: All amounts.
    :param metadata: What the shop noted about the cart.
    :param cart_token: Identifies this content of this cart. Two checkouts of the same
        content have the same token; keep it in a unique column of the order.
    """

    lines: tuple[LineTotals, ...]
    totals: Totals
    metadata: dict[str, t.Any]
    cart_token: str

    def __iter__(self) -> t.Iterator[LineTotals]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)


class Sell(msgspec.Struct, frozen=True):
    """Take everything out of the cart, because it was ordered."""

    reapplies: ClassVar[bool] = False

    cart_token: str

    def apply(self, document: Document) -> Applied:
        event = CartCheckedOut(cart_token=self.cart_token, lines=document.lines)

        return emptied(document), (event,)


def cart_token(key: CartKey, version: int) -> str:
    """The token for one version of one cart.

    It is a hash, so that an order does not give away the token of a guest.
    """
    identity = msgspec.json.encode([key.owner, key.instance, version])

    return hashlib.sha256(identity).hexdigest()[:40]
