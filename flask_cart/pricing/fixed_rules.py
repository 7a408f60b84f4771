"""Fixed rules: how a condition was applied, with nothing of the shop's left to ask."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from ..model.conditions import Condition
from ..model.rules import rule
from .evaluation import Ruling
from .facts import Facts
from .rulebook import Rulebook


def lines_at(facts: Facts, positions: tuple[int, ...]) -> bool:
    """The line is one of those at these positions."""
    (line,) = facts.about

    return any(facts.lines[position] is line for position in positions)


def amount_of(facts: Facts, amount: str) -> Decimal:
    """An amount that was calculated before, with all of its digits."""
    return Decimal(amount)


def always(facts: Facts) -> bool:
    """What held when it was asked."""
    return True


def as_applied(condition: Condition, ruling: Ruling) -> Condition:
    """A condition as it was applied, with nothing of the shop's left to ask."""
    if not condition.asks:
        return condition

    picked, base = ruling.lines, ruling.base

    return replace(
        condition,
        rule=None,
        lines=rule(lines_at.__name__, positions=picked) if picked else None,
        base=None if base is None else rule(amount_of.__name__, amount=str(base)),
        exempt=rule(always.__name__) if ruling.is_exempt else None,
    )


def fixed_rulebook() -> Rulebook:
    """The rules that conditions have which were fixed."""
    rulebook = Rulebook()
    rulebook.amounts.add(amount_of.__name__, amount_of)

    for each in (always, lines_at):
        rulebook.rules.add(each.__name__, each)

    return rulebook
