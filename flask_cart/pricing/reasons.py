"""Reasons: whether a rule holds, or why not, as a code with parameters.

What a shopper reads of it is made above, where the words of the shop are known.
"""

from __future__ import annotations

import typing as t

from ..model.rules import Rule
from ..model.values import EMPTY

#: Says that the shipping method that was chosen is not there for the cart any more.
SHIPPING_UNAVAILABLE: t.Final = "shipping_unavailable"


class No(t.NamedTuple):
    """The answer of a rule that does not hold.

    :param why: What is the matter, for a program.
    :param params: What a sentence about it needs.
    """

    why: str
    params: t.Mapping[str, t.Any] = EMPTY


class Verdict(t.NamedTuple):
    """Whether a rule holds, or else why it does not.

    :param code: Empty if it holds; else what is the matter, for a program.
    :param params: What a sentence about it needs.
    :param rule: The rule that decided, if it is not one of the shop's.
    """

    code: str = ""
    params: t.Mapping[str, t.Any] = EMPTY
    rule: Rule | None = None

    @property
    def holds(self) -> bool:
        return not self.code

    @property
    def is_known(self) -> bool:
        """Whether a rule has answered, so that the opposite can be told."""
        return self.code in {"", "rule_not_met"}


YES: t.Final = Verdict()


def plain_reason(code: str, params: t.Mapping[str, t.Any]) -> str:
    """A code with its parameters on one line, for a developer.

    What a rule of the app has said is that.
    """
    why = params.get("why", code)

    if why == "said":
        return str(params["text"])

    if why == "any":
        return " or ".join(plain_reason(code, each) for each in params["reasons"])

    about = ", ".join(
        f"{name} {_plain(value)}" for name, value in params.items() if name != "why"
    )

    return f"{why}: {about}" if about else str(why)


def _plain(value: t.Any) -> str:
    return "/".join(map(str, value)) if isinstance(value, tuple) else str(value)
