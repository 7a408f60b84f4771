"""Adjusting: conditions are added to a cart or a line, once they are checked."""

from __future__ import annotations

import typing as t

from ..model.conditions import Condition
from ..model.conditions import Target
from ..model.conditions import check_for_cart
from ..model.conditions import check_for_line
from ..model.conditions import value_text
from ..model.errors import InvalidConditionError
from ..model.line_operations import AddItemCondition
from ..model.line_operations import RemoveItemCondition
from ..model.money import MoneyLike
from ..model.operations import AddCondition
from ..model.operations import RemoveCondition
from ..pricing.rulebook import Rulebook
from .working_copy import WorkingCopy


def add_condition(
    working: WorkingCopy, rulebook: Rulebook, condition: Condition, line: str | None
) -> None:
    """Add a condition to a cart or a line.

    :raises InvalidItemError: If there is no such line.
    :raises InvalidConditionError: If it cannot be there.
    """
    if not isinstance(condition, Condition):
        raise InvalidConditionError(
            f"A condition is a Condition, not {type(condition).__name__!r}."
        )

    if line is None:
        rulebook.check(check_for_cart(condition))
        working.apply(AddCondition(condition))
    else:
        working.line(line)
        rulebook.check(condition)
        working.apply(AddItemCondition(line, check_for_line(condition)))


def remove_condition(working: WorkingCopy, name: str, line: str | None) -> None:
    """Remove a condition of a cart or a line."""
    gone = RemoveCondition(name) if line is None else RemoveItemCondition(line, name)
    working.apply(gone)


def make_condition(
    working: WorkingCopy,
    name: str,
    kind: str,
    target: Target,
    value: MoneyLike,
    *,
    cap: MoneyLike | None = None,
    **rest: t.Any,
) -> Condition:
    """A condition with amounts that may be money; a discount is taken off."""

    def text_of(amount: MoneyLike) -> str:
        return value_text(amount, lambda: working.document.currency)

    text = text_of(value)
    sign = "-" if kind == "discount" and text[:1].isdigit() else ""
    most = None if cap is None else text_of(cap)

    return Condition(name, kind, target, sign + text, cap=most, **rest)
