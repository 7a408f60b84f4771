"""Rules as data: the name of a function, and what to call it with.

A cart stores which rule a condition has, never what the rule came to. The functions
themselves are registered in a :class:`~flask_cart.pricing.rulebook.Rulebook`.
"""

from __future__ import annotations

import typing as t

import msgspec

from .errors import InvalidConditionError
from .values import EMPTY
from .values import check_text
from .values import freeze_dict
from .values import refused_as

#: What rules are put together with. These names cannot be registered.
COMBINATORS: t.Final = ("all", "any", "not", "among")

#: Of how many rules some of these are made.
_COUNTS: t.Final = {"not": 1, "among": 2}

#: Rules in a rule, itself included, and how deep they may be in one another.
MAX_RULES: t.Final = 64
MAX_DEPTH: t.Final = 8


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The name of a function, and what to call it with. Make it with :func:`rule`.

    :param name: The name that the function is registered under, or ``"all"``,
        ``"any"``, ``"not"`` or ``"among"``.
    :param params: The arguments, as JSON.
    :param rules: What it is made of, if it is one of these.
    :raises InvalidConditionError: If it is too large, or could not be stored.
    """

    name: str
    params: dict[str, t.Any] = EMPTY
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        opening = f"The rule {self.name!r:.80} is not valid: "

        with refused_as(InvalidConditionError, opening):
            self._check()

    def _check(self) -> None:
        set_field = msgspec.structs.force_setattr
        set_field(self, "name", check_text(self.name, "The name"))
        set_field(self, "params", freeze_dict(self.params, "The parameters"))
        set_field(self, "rules", tuple(self.rules))

        for each in self.rules:
            if not isinstance(each, Rule):
                raise ValueError(f"It is made of rules, not of {each!r:.40}.")

        if self.name in COMBINATORS:
            if self.params or not self.rules:
                raise ValueError("It needs rules, and has no parameters.")

            if len(self.rules) != _COUNTS.get(self.name, len(self.rules)):
                raise ValueError("'not' is made of one rule, 'among' of two.")
        elif self.rules:
            raise ValueError(f"Only {', '.join(COMBINATORS)} are made of rules.")

        if self._depth() > MAX_DEPTH:
            raise ValueError(f"Rules are nested at most {MAX_DEPTH} deep.")

        if len(list(self.walk())) > MAX_RULES:
            raise ValueError(f"It is made of more than {MAX_RULES} rules.")

    def walk(self) -> t.Iterator[Rule]:
        """The rule, and all that it is made of."""
        yield self

        for each in self.rules:
            yield from each.walk()

    def _depth(self) -> int:
        return 1 + max((each._depth() for each in self.rules), default=0)


def rule(name: str, /, **params: t.Any) -> Rule:
    """A rule with its parameters.

    >>> rule("total_at_least", amount="50").params
    {'amount': '50'}

    :param name: The name that it is registered under.
    :param params: What it is called with: JSON, decimals, dates and times.
    :raises InvalidConditionError: If they cannot be stored.
    """
    try:
        plain = msgspec.to_builtins(params)
    except (TypeError, ValueError) as error:
        raise InvalidConditionError(
            f"The rule {name!r:.80} is not valid: {error}"
        ) from error

    return Rule(name, plain)


def all_of(*rules: Rule) -> Rule:
    """A rule that holds if all of these do."""
    return Rule("all", rules=rules)


def any_of(*rules: Rule) -> Rule:
    """A rule that holds if at least one of these does."""
    return Rule("any", rules=rules)


def not_(rule: Rule) -> Rule:
    """A rule that holds if this one does not."""
    return Rule("not", rules=(rule,))


def among(lines: Rule, rule: Rule) -> Rule:
    """A rule that holds if this one does of some lines only.

    >>> wine = rule("category", names=["wine"])
    >>> among(wine, rule("total_at_least", amount=50)).name
    'among'

    :param lines: Says which lines.
    :param rule: Is asked about these as if the cart had no others.
    """
    return Rule("among", rules=(lines, rule))
