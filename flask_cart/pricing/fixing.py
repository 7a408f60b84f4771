"""Fixing: what the conditions of a cart came to, as conditions that ask nobody.

What is being paid must not change because a coupon has ended, or a rule has another
answer: the calculation alone makes the same totals of it at any time.
"""

from __future__ import annotations

import datetime as dt
import typing as t
from decimal import Decimal

from msgspec.structs import replace

from ..model.conditions import Condition
from ..model.document import Document
from ..model.lines import Line
from ..model.rules import rule
from .calculation import compute_totals
from .evaluation import Evaluation
from .facts import Facts
from .rounding import Rounding
from .rulebook import Rulebook
from .totals import Decided
from .totals import LineTotals
from .totals import Totals


class Fixed(t.NamedTuple):
    """What there was to apply, with nothing left to ask.

    :param lines: The lines, with those of their conditions that were applied.
    :param conditions: The cart's conditions that were.
    :param provided: The conditions of providers that were.
    """

    lines: tuple[Line, ...]
    conditions: tuple[Condition, ...]
    provided: tuple[Condition, ...]


def fix(totals: Totals) -> Fixed:
    """What totals were made of, so that they can be made of it again."""
    conditions = [
        (_fixed(each.decided), each.is_provided)
        for each in totals.adjustments
        if each.decided is not None
    ]

    return Fixed(
        lines=tuple(map(_fixed_line, totals.lines)),
        conditions=tuple(each for each, is_provided in conditions if not is_provided),
        provided=tuple(each for each, is_provided in conditions if is_provided),
    )


def fixed_totals(
    document: Document, provided: tuple[Condition, ...], rounding: Rounding
) -> Totals:
    """Price what was fixed, without asking anybody.

    :param document: Has the lines and conditions that were fixed.
    :param provided: Those of providers.
    :param rounding: How amounts are rounded.
    """
    rulebook = Rulebook()
    rulebook.rules.add(lines_at.__name__, lines_at)
    rulebook.amounts.add(amount_of.__name__, amount_of)
    rulebook.providers.append(lambda facts: provided)
    evaluation = Evaluation(rulebook, None, "default", dt.datetime.min)

    return compute_totals(document, rounding, evaluation)


def lines_at(facts: Facts, positions: tuple[int, ...]) -> bool:
    """The line is one of those at these positions."""
    (line,) = facts.about

    return any(facts.lines[position] is line for position in positions)


def amount_of(facts: Facts, amount: str) -> Decimal:
    """An amount that was calculated before, with all of its digits."""
    return Decimal(amount)


def _fixed_line(totals: LineTotals) -> Line:
    conditions = [
        _fixed(each.decided) for each in totals.adjustments if each.decided is not None
    ]

    return replace(totals.line, conditions=tuple(conditions))


def _fixed(decided: Decided) -> Condition:
    condition, lines, base = decided

    if not (condition.rule or condition.lines or condition.base):
        return condition

    return replace(
        condition,
        rule=None,
        lines=None if lines is None else rule(lines_at.__name__, positions=lines),
        base=None if base is None else rule(amount_of.__name__, amount=str(base)),
    )
