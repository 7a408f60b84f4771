"""Drafts: what is being sold, and what it costs once and for all."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t
from dataclasses import dataclass

from msgspec import UNSET
from msgspec import UnsetType
from msgspec.structs import replace

from ..model.conditions import Condition
from ..model.document import SCHEMA
from ..model.document import Document
from ..model.document import OrderNote
from ..model.errors import CartConflictError
from ..model.errors import CartEmptyError
from ..model.keys import CartKey
from ..model.money import MoneyLike
from ..model.money import agreed_price
from ..model.values import fingerprint
from ..pricing.calculation import compute_totals
from ..pricing.evaluation import Evaluation
from ..pricing.fixed_rules import fixed_rulebook
from ..pricing.rounding import Rounding
from ..pricing.totals import Adjustment
from ..pricing.totals import LineTotals
from ..pricing.totals import Totals
from .cached_totals import CachedTotals
from .working_copy import WorkingCopy


@dataclass(frozen=True)
class OrderDraft:
    """What is being sold. Iterating over it yields the lines.

    :param lines: The lines with their amounts.
    :param totals: All amounts, with the conditions that applied. They are the same
        whenever the order is made.
    :param metadata: What the shop noted about the cart.
    :param coupons: The codes of those of its coupons that applied, to be used up.
    :param shipping: The name of the shipping method that was chosen, also if it costs
        nothing.
    :param order_token: Identifies this content of this cart: the same content ordered
        twice has the same token. Keep it in a unique column of the order.
    :param owner: Whose cart it is by now, such as ``"user:7"``: after a login that of
        the user, also if a guest has begun the order.
    """

    lines: tuple[LineTotals, ...]
    totals: Totals
    metadata: dict[str, t.Any]
    coupons: tuple[str, ...]
    shipping: str | None
    order_token: str
    owner: str

    def __iter__(self) -> t.Iterator[LineTotals]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)


def order_token(key: CartKey, version: int, content: str) -> str:
    """The token for one version of one cart.

    It is a hash, so that an order does not give away the token of a guest. A version
    stands for one content only as long as the storage forgets none, so the content is
    a part of it.

    :param content: Identifies the content.
    """
    return fingerprint(key.owner, key.instance, version, content)[:40]


def current_token(working: WorkingCopy) -> str:
    """The token of what was read, empty if nothing is stored."""
    document, version = working.snapshot.document, working.snapshot.version

    if working.key is None or not version:
        return ""

    content = _content_of(document)

    # Noting an order makes a new version of the cart, but no other content.
    for pending in reversed(document.pending):
        if pending.content == content and not pending.was_emptied:
            return pending.token

    return order_token(working.key, version, content)


def new_token(working: WorkingCopy) -> str:
    """The token of what was read, if it is another order than what was begun of it."""
    snapshot = working.snapshot

    return order_token(
        working.found_key(), snapshot.version, _content_of(snapshot.document)
    )


def to_be_ordered(
    working: WorkingCopy, prices: CachedTotals, known: OrderNote | None, wanted: str
) -> tuple[OrderNote, OrderDraft]:
    """What was begun, or what was read, at the prices of now.

    :param known: The note of what is wanted, if there is one.
    :param wanted: The token of what is to be ordered.
    :raises CartEmptyError: If there is neither.
    :raises CartConflictError: If what was read is something else.
    """
    # What was only tried is as good as not, and costs what it costs now.
    if known is not None and known.is_begun:
        return known, draft_of(prices, known)

    if wanted != current_token(working) and working.document.lines:
        raise working.conflict(
            "The cart was changed since the form of the order was shown."
        )

    return at_prices_of_now(working, prices, wanted)


def agree(
    working: WorkingCopy,
    prices: CachedTotals,
    begun_or_new: tuple[OrderNote, OrderDraft],
    expected_total: MoneyLike | UnsetType,
    token: str | None = None,
) -> tuple[OrderNote, OrderDraft]:
    """What is to be ordered, and how: at the prices of now if only these are expected.

    :param token: The token at other prices than those of then, if it is another.
    :raises CartConflictError: If the total was never the expected one.
    """
    if expected_total is UNSET:
        return begun_or_new

    note, draft = begun_or_new

    try:
        _check_total(working, draft.totals, expected_total)
    except CartConflictError:
        if note.content != _content_of(working.document):
            raise

        anew, draft = at_prices_of_now(working, prices, token or note.token)
        note = replace(anew, is_begun=note.is_begun)
        _check_total(working, draft.totals, expected_total)

    return note, draft


def draft_of(prices: CachedTotals, note: OrderNote) -> OrderDraft:
    """What was begun, at the prices of then."""
    content = Document(
        schema=SCHEMA,
        currency=note.currency,
        lines=note.lines,
        conditions=note.conditions,
        # Coupons and shipping are among the conditions, at what they came to then.
        metadata=note.metadata,
    )

    return _draft(note, fixed_totals(content, note.provided, prices.rounding(content)))


def at_prices_of_now(
    working: WorkingCopy, prices: CachedTotals, token: str
) -> tuple[OrderNote, OrderDraft]:
    """What was read, at the prices of now.

    :param token: Identifies it.
    :raises CartEmptyError: If it is nothing.
    """
    document = working.document

    if not document.lines:
        raise CartEmptyError("The cart is empty, there is nothing to order.")

    totals = prices.now()
    _check_problems(working, totals)
    totals, conditions, provided = fix(totals)
    note = OrderNote(
        token=token,
        started_at=working.now(),
        content=_content_of(document),
        currency=document.currency,
        lines=tuple(each.line for each in totals.lines),
        conditions=conditions,
        provided=provided,
        asked=tuple(each for each in document.conditions if each not in conditions),
        metadata=document.metadata,
        coupons=document.coupons,
        shipping=document.shipping,
        carts=(working.found_key(),),
    )

    return note, _draft(note, totals)


def fix(
    totals: Totals,
) -> tuple[Totals, tuple[Condition, ...], tuple[Condition, ...]]:
    """What of totals was applied, as conditions that ask nobody.

    What is being paid must not change because a coupon has ended, or a rule has another
    answer: :func:`fixed_totals` makes the same totals of it at any time.

    :return: The totals, of lines with those of their conditions that were applied; the
        cart's conditions that were; and those of providers.
    """
    adjustments, tenders = map(_only_applied, (totals.adjustments, totals.tenders))
    applied = (*adjustments, *tenders)
    lines = tuple(map(_fixed_line, totals.lines))

    return (
        dataclasses.replace(
            totals, lines=lines, adjustments=adjustments, tenders=tenders
        ),
        _applied(each for each in applied if not each.is_provided),
        _applied(each for each in applied if each.is_provided),
    )


def fixed_totals(
    document: Document, provided: tuple[Condition, ...], rounding: Rounding
) -> Totals:
    """Price what was fixed, without asking anybody.

    :param document: Has the lines and conditions that were fixed.
    :param provided: Those of providers.
    :param rounding: How amounts are rounded.
    """
    rulebook = fixed_rulebook()
    rulebook.providers.append(lambda facts: provided)
    evaluation = Evaluation(rulebook, None, "default", dt.datetime.min)

    return compute_totals(document, rounding, evaluation)


def _fixed_line(totals: LineTotals) -> LineTotals:
    adjustments = _only_applied(totals.adjustments)
    line = replace(totals.line, conditions=_applied(adjustments))

    return replace(totals, line=line, adjustments=adjustments)


def _only_applied(adjustments: t.Iterable[Adjustment]) -> tuple[Adjustment, ...]:
    return tuple(each for each in adjustments if each.applied is not None)


def _applied(adjustments: t.Iterable[Adjustment]) -> tuple[Condition, ...]:
    return tuple(each.applied for each in adjustments if each.applied is not None)


def _draft(note: OrderNote, totals: Totals) -> OrderDraft:
    applied = {e.name for e in totals.explain() if e.is_provided and not e.code}

    return OrderDraft(
        totals.lines,
        totals,
        note.metadata,
        tuple(code for code in note.coupons if code in applied),
        note.shipping,
        note.token,
        note.carts[-1].owner,
    )


def _check_problems(working: WorkingCopy, totals: Totals) -> None:
    """Refuse to sell what is without something that was chosen for it.

    :raises CartConflictError: If the chosen shipping is not there any more.
    """
    for each in totals.problems:
        raise working.conflict(
            f"The shipping method {each.name!r} was chosen, and is not there for the"
            f" cart any more ({each.reason}). Choose another.",
            details={"code": each.code, "chosen": each.name},
        )


def _check_total(
    working: WorkingCopy, totals: Totals, expected_total: MoneyLike
) -> None:
    """Refuse to sell for another total than the shopper agreed to.

    :raises CartConflictError: If it is not the expected one.
    """
    if totals.total.amount != agreed_price(totals.currency, expected_total):
        raise working.conflict(
            f"The total is {totals.total.amount}, not {expected_total!s:.40} as"
            " expected.",
            details={
                "wanted": f"{expected_total!s:.40}",
                "stored": str(totals.total.amount),
            },
        )


def _content_of(document: Document) -> str:
    """Identifies all that is sold with a cart."""
    return fingerprint(
        document.currency,
        document.lines,
        document.conditions,
        document.metadata,
        document.coupons,
        document.shipping,
    )[:40]
