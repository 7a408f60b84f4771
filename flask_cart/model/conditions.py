"""Conditions: named changes of a price, such as a discount, a tax or shipping."""

from __future__ import annotations

import decimal
import re
import typing as t
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

import msgspec
from moneyed import CURRENCIES

from .errors import InvalidConditionError
from .money import CONTEXT
from .money import ZERO
from .money import MoneyLike
from .money import parse_decimal
from .money import price_in
from .rules import Rule
from .values import EMPTY
from .values import check_text
from .values import freeze_dict
from .values import refused_as

Target = t.Literal["subtotal", "total", "shipping", "item"]
Per = t.Literal["line", "piece"]

#: The type of the conditions of which a cart has one at most.
SHIPPING: t.Final = "shipping"

#: The type of the conditions that act after those of all other types.
TAX: t.Final = "tax"

#: The type of what is paid with, such as a gift card.
TENDER: t.Final = "tender"

TARGETS: t.Final[tuple[str, ...]] = t.get_args(Target)
MAX_ORDER: t.Final = 2**31

#: When the conditions of a cart act: as their target says, then the taxes, then what
#: rounds the total, and at last what it is paid with.
PHASES: t.Final = ("subtotal", "total", "shipping", "taxes", "rounding", "tenders")

#: Where absurd conditions stop, within the digits that amounts are calculated with.
CEILING: t.Final = Decimal(10) ** 40


def _nearest(amount: Decimal, step: Decimal) -> Decimal:
    """The multiple of a step that is nearest to an amount, of two the higher one."""
    steps = CONTEXT.divide(amount, step)
    whole = steps.quantize(Decimal(1), decimal.ROUND_HALF_UP, CONTEXT)

    return CONTEXT.multiply(whole, step)


def _instead(amount: Decimal, number: Decimal) -> Decimal:
    return number


_OPERATORS: t.Final[dict[str, t.Callable[[Decimal, Decimal], Decimal]]] = {
    # Not the app's context, which may round to fewer digits.
    "": CONTEXT.add,
    "+": CONTEXT.add,
    "-": CONTEXT.subtract,
    "*": CONTEXT.multiply,
    "/": CONTEXT.divide,
    "~": _nearest,
    "=": _instead,
}

_value = re.compile(r"(?P<operator>[+\-*/~=]?)(?P<number>[0-9.]+)(?P<percent>%?)")


class Condition(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A named change of a price.

    >>> summer = Condition("SUMMER", type="discount", target="subtotal", value="-10%")
    >>> summer.apply(Decimal(50))
    Decimal('45.00')

    :param name: Identifies the condition in its cart or line; a second one with the
        same name replaces it.
    :param type: What it is for the shop: ``"discount"``, ``"tax"``, ``"shipping"``,
        ``"fee"`` or a word of its own. A ``"tax"`` acts after all the others, and a
        ``"tender"``, such as a gift card, pays a part of the total without changing it.
    :param target: ``"subtotal"``, ``"shipping"`` or ``"total"`` of the cart, or
        ``"item"``. On a line it always acts on the unit price.
    :param value: ``[+-*/~=]<decimal>[%]``, in major units: ``"-10%"``, ``"+4.90"``,
        ``"*1.5"``; ``"~0.05"`` rounds, ``"=5"`` is the new amount. Without a sign it
        adds.
    :param order: Conditions of one target are applied by order, then by position.
        Taxes of one order act on the same base. A tax of an order below zero takes its
        place among the other conditions of its target.
    :param attributes: Anything else to remember, as JSON.
    :param rule: Applies the condition only while it holds.
    :param lines: Limits what its value acts on to the lines for which it holds. A tax
        on the total then takes in what was added to them, such as shipping, in
        proportion.
    :param base: An amount that the value acts on, instead of all that there is.
    :param cap: The most that it adds or takes off, in major units.
    :param included: The prices contain it already: a percentage, of which the totals
        tell what it comes to, and which changes nothing.
    :param exempt: While it holds, nobody pays this tax: it is not added, and what the
        prices contain of it is taken off.
    :param currency: What its amounts are in, those of its rules as well. In a cart of
        another currency it does nothing.
    :param per: ``"piece"`` or ``"line"``: its value acts on each of them by itself.
    :param group: Of the conditions of one group, the cart has the one that is best for
        the shopper.
    :raises InvalidConditionError: If the condition could not be applied.
    """

    name: str
    type: str
    target: Target
    value: str
    order: int = 0
    attributes: dict[str, t.Any] = EMPTY
    rule: Rule | None = None
    lines: Rule | None = None
    base: Rule | None = None
    cap: str | None = None
    included: bool = False
    exempt: Rule | None = None
    currency: str | None = None
    per: Per | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        try:
            self._check()
        except ValueError as error:
            raise InvalidConditionError(
                f"The condition {self.name!r:.80} is not valid: {error}"
            ) from error

    def _check(self) -> None:
        set_field = msgspec.structs.force_setattr
        set_field(self, "name", check_text(self.name, "The name"))
        set_field(self, "type", check_text(self.type, "The type"))

        if self.target not in TARGETS:
            raise ValueError(
                f"The target must be one of {', '.join(TARGETS)}, not {self.target!r}."
            )

        if isinstance(self.order, bool) or not isinstance(self.order, int):
            raise ValueError(f"The order must be an int, not {self.order!r}.")

        if abs(self.order) > MAX_ORDER:
            raise ValueError(f"The order must be within {MAX_ORDER} of zero.")

        set_field(self, "value", _plain(self.value, "The value"))
        _parse(self.value)

        set_field(self, "attributes", freeze_dict(self.attributes, "The attributes"))
        self._check_rules()

        is_known = isinstance(self.currency, str) and self.currency in CURRENCIES

        if self.currency is not None and not is_known:
            raise ValueError(f"{self.currency!r:.40} is not a currency.")

        if self.cap is not None:
            set_field(self, "cap", _plain(self.cap, "The cap"))
            parse_decimal(self.cap)

    def _check_rules(self) -> None:
        for field in ("rule", "lines", "base", "exempt"):
            rule = getattr(self, field)

            if rule is not None and not isinstance(rule, Rule):
                raise ValueError(f"The {field} must be a rule.")

        if self.lines is not None and self.target not in {"subtotal", "total"}:
            raise ValueError(
                "What is limited to lines acts on the subtotal or total, not on the"
                f" {self.target}."
            )

        if self.exempt is not None and not self.is_tax:
            raise ValueError("Nobody is exempt from what is no tax.")

        if self.base is not None and self.target == "item":
            raise ValueError("What acts on an item has no other base than its price.")

        if not isinstance(self.included, bool):
            raise ValueError(f"Included must be a bool, not {self.included!r:.40}.")

        if self.included and (self.target == "item" or not self._is_rate()):
            raise ValueError(
                "What is included must be a percentage of the subtotal or total, such"
                " as '19%'."
            )

        self._check_offer()

    def _check_offer(self) -> None:
        if self.per is not None and (
            self.per not in t.get_args(Per)
            or self.target not in {"subtotal", "total"}
            or self.is_tax
            or self.base is not None
        ):
            raise ValueError(
                "Per is 'piece' or 'line', of the subtotal or total; not for a tax, nor"
                " for what has a base."
            )

        if self.group is not None:
            group = check_text(self.group, "The group")
            msgspec.structs.force_setattr(self, "group", group)

        if self.group is not None and self.target == "item":
            raise ValueError("What acts on an item has no group.")

        operator, _, percent = _parse(self.value)

        if self.type == TENDER and (
            (operator, self.target) != ("-", "total")
            or percent > (self.base is not None)
            or any((self.lines, self.per, self.group, self.included))
        ):
            raise ValueError("A tender is an amount to pay with: '-50' on the total.")

    def _is_rate(self) -> bool:
        operator, _, percent = _parse(self.value)

        return operator in {"", "+"} and percent

    @property
    def is_tax(self) -> bool:
        """Whether it is a tax, whose siblings of one order act on the same base."""
        return self.type == TAX or self.included

    @property
    def phase(self) -> str:
        """When it acts, one of :data:`PHASES`; ``"item"`` is none of a cart."""
        if self.type == TENDER:
            return "tenders"

        if self.is_tax and self.order >= 0:
            return "taxes"

        is_last = self.target == "total" and self.value.startswith("~")

        return "rounding" if is_last else self.target

    @property
    def asks(self) -> bool:
        """Whether there are rules to be asked before it acts."""
        return bool(self.rule or self.lines or self.base or self.exempt)

    @property
    def is_amount(self) -> bool:
        """Whether the value is an amount of money, and not a part of one."""
        operator, number, percent = _parse(self.value)

        return operator not in {"*", "/"} and not percent and bool(number)

    @property
    def can_be_on_line(self) -> bool:
        """Whether it has nothing that only a condition of a cart can have."""
        fields = self.lines, self.base, self.included, self.exempt, self.per, self.group

        return not any(fields) and self.type != TENDER

    def apply(self, amount: Decimal, pieces: int = 1) -> Decimal:
        """The amount after this condition: never below zero, nor beyond 10**40.

        Its rules are not asked, and the amount is taken for its base.

        :param amount: The amount in major units.
        :param pieces: Of how many pieces. It acts on the amount of each.
        """
        if self.included:
            return amount

        changed = self._changed(amount, pieces)

        if self.cap is None:
            return changed

        most = CONTEXT.multiply(Decimal(self.cap), pieces)
        least = CONTEXT.subtract(amount, most)

        return min(max(changed, least), CONTEXT.add(amount, most), CEILING)

    @property
    def rate(self) -> Fraction:
        """What part of its base a tax is that is included."""
        _, number, _ = _parse(self.value)

        return Fraction(number) / 100

    def _changed(self, amount: Decimal, pieces: int) -> Decimal:
        operator, number, percent = _parse(self.value)

        if percent:
            number = number.scaleb(-2, CONTEXT)

        if operator not in {"*", "/"}:
            number = CONTEXT.multiply(number, amount if percent else pieces)

        return min(max(_OPERATORS[operator](amount, number), ZERO), CEILING)


def _plain(value: t.Any, where: str) -> str:
    """A number given as a value is the same text without an exponent."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"{where} must be a str, not {type(value).__name__}.")

    if isinstance(value, str):
        return str.__str__(value)

    return f"{value:f}" if isinstance(value, Decimal) else str(int(value))


@lru_cache(maxsize=1024)
def _parse(value: str) -> tuple[str, Decimal, bool]:
    match = _value.fullmatch(value)

    if match is None:
        raise ValueError(
            f"The value must look like '-10%', '+4.90' or '*1.5', not {value[:40]!r}."
        )

    operator = match["operator"]
    number = parse_decimal(match["number"])

    if operator in {"/", "~"} and not number:
        raise ValueError("The value must not divide by zero.")

    if operator == "~" and match["percent"]:
        raise ValueError("What is rounded to must be an amount, such as '~0.05'.")

    return operator, number, bool(match["percent"])


class ConditionTerms(t.TypedDict, total=False):
    """What a condition may have in addition, as :class:`Condition` describes it."""

    order: int
    attributes: dict[str, t.Any]
    rule: Rule | None
    lines: Rule | None
    base: Rule | None
    cap: MoneyLike | None
    included: bool
    exempt: Rule | None
    currency: str | None
    per: Per | None
    group: str | None


def check_for_cart(condition: Condition) -> Condition:
    """Give a condition back if it can be on a cart.

    :raises InvalidConditionError: If it acts on items.
    """
    if condition.target == "item":
        raise InvalidConditionError(
            f"The condition {condition.name!r} acts on items. Say which:"
            " add_condition(condition, line=...)."
        )

    return condition


def check_for_line(condition: Condition) -> Condition:
    """Give a condition back if it can be on a line.

    :raises InvalidConditionError: If it has what only a condition of a cart can have.
    """
    if not condition.can_be_on_line:
        raise InvalidConditionError(
            f"The condition {condition.name!r} cannot be on a line: 'lines', 'base',"
            " 'included', 'exempt', 'per', 'group' and tenders are for a cart."
        )

    return condition


def value_text(value: MoneyLike, currency: t.Callable[[], str]) -> str:
    """The value of a condition as text; an amount is one of the cart.

    :param currency: Tells that of the cart.
    :raises InvalidConditionError: If it is money of another currency, or no amount.
    """
    if isinstance(value, str):
        return value

    with refused_as(InvalidConditionError):
        return f"{price_in(currency(), value):f}"
