"""Checkout: a cart becomes an order, and is emptied."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager
from contextlib import nullcontext
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from ..model.document import Document
from ..model.errors import CartEmptyError
from ..model.events import CartCheckedOut
from ..model.keys import CartKey
from ..model.money import MoneyLike
from ..model.money import price_in
from ..model.operations import Applied
from ..model.operations import emptied
from ..model.values import fingerprint
from ..pricing.totals import LineTotals
from ..pricing.totals import Totals
from .working_copy import WorkingCopy


@dataclass(frozen=True)
class OrderDraft:
    """What is being sold. Iterating over it yields the lines.

    :param lines: The lines with their amounts.
    :param totals: All amounts.
    :param metadata: What the shop noted about the cart.
    :param coupons: The codes of its coupons, whether or not they apply.
    :param order_token: Identifies this content of this cart. Two checkouts of the same
        content have the same token; keep it in a unique column of the order.
    """

    lines: tuple[LineTotals, ...]
    totals: Totals
    metadata: dict[str, t.Any]
    coupons: tuple[str, ...]
    order_token: str

    def __iter__(self) -> t.Iterator[LineTotals]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)


class Sell(msgspec.Struct, frozen=True):
    """Take everything out of the cart, because it was ordered."""

    reapplies: ClassVar[bool] = False

    order_token: str

    def apply(self, document: Document) -> Applied:
        event = CartCheckedOut(order_token=self.order_token, lines=document.lines)

        return emptied(document), (event,)


@contextmanager
def check_out(
    working: WorkingCopy,
    totals: Totals,
    session: t.Any,
    expected_total: MoneyLike | None,
) -> t.Iterator[OrderDraft]:
    """Sell what was read, in the transaction of a session if there is one.

    :raises CartEmptyError: If there is nothing to sell.
    :raises CartConflictError: If it is not what is stored any more, or the total is
        not the expected one.
    """
    working.refuse_batch("checked out")
    version = working.snapshot.version

    if working.key is None or not totals.lines:
        raise CartEmptyError("The cart is empty, there is nothing to check out.")

    check_problems(working, totals)

    if expected_total is not None:
        check_total(working, totals, expected_total)

    token = order_token(working.key, version)
    document = working.document
    order = OrderDraft(totals.lines, totals, document.metadata, document.coupons, token)
    joined = working.repository.join(session) if session is not None else nullcontext()

    # What hears of the commit is not part of the transaction any more.
    with committed(session), joined:
        yield order
        working.write((Sell(token),), version)


def check_total(
    working: WorkingCopy, totals: Totals, expected_total: MoneyLike
) -> None:
    """Refuse to sell for another total than the shopper agreed to.

    :raises CartConflictError: If it is not the expected one.
    """
    try:
        is_expected = totals.total.amount == price_in(totals.currency, expected_total)
    except ValueError:
        # It comes from a form, and whatever it says, it is not the total.
        is_expected = False

    if not is_expected:
        raise working.conflict(
            f"The total is {totals.total.amount}, not {expected_total!s:.40} as"
            " expected.",
            expected_version=working.snapshot.version,
            details={
                "wanted": f"{expected_total!s:.40}",
                "stored": str(totals.total.amount),
            },
        )


def check_problems(working: WorkingCopy, totals: Totals) -> None:
    """Refuse to sell what is without something that was chosen for it.

    :raises CartConflictError: If the chosen shipping is not there any more.
    """
    for each in totals.problems:
        raise working.conflict(
            f"{each.name!r} was chosen, and cannot be: {each.reason}. Choose another.",
            expected_version=working.snapshot.version,
            details={"code": each.code, "chosen": each.name},
        )


@contextmanager
def committed(session: t.Any) -> t.Iterator[None]:
    """Commit a session at the end, or roll it back."""
    if session is None:
        yield
        return

    try:
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise


def order_token(key: CartKey, version: int) -> str:
    """The token for one version of one cart.

    It is a hash, so that an order does not give away the token of a guest.
    """
    return fingerprint(key.owner, key.instance, version)[:40]
