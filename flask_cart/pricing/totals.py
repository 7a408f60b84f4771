"""Totals: what a cart comes to, and how."""

from __future__ import annotations

import decimal
import typing as t
from dataclasses import dataclass
from dataclasses import field
from decimal import Decimal

import msgspec
from moneyed import Money

from ..model.conditions import TAX
from ..model.conditions import TENDER
from ..model.conditions import Condition
from ..model.lines import Line
from ..model.money import CONTEXT
from ..model.money import ZERO
from ..model.money import format_money
from ..model.money import money
from ..model.money import smallest_unit
from ..model.products import Chosen
from ..model.rules import Rule
from ..model.values import FrozenDict
from .reasons import SHIPPING_UNAVAILABLE
from .reasons import YES
from .reasons import Verdict
from .reasons import plain_reason
from .rounding import Rounding
from .taxes import Tax
from .taxes import summed_taxes

_NO_DIFFERENCE: t.Final = Verdict("no_difference")
_NO_AMOUNT: t.Final = Verdict("no_amount")


@dataclass(frozen=True)
class Adjustment:
    """What one condition changed.

    :param name: The condition's name.
    :param type: The condition's type.
    :param target: What it acted on: ``"item"``, ``"subtotal"``, ``"shipping"`` or
        ``"total"``.
    :param value: The condition's value, such as ``"-10%"``.
    :param before: The amount before it, of the whole line or cart.
    :param after: The amount after it.
    :param base: The part of it that the value acted on; all that there is on a tender.
    :param contained: How much of the base it is, if the prices include it.
    :param taxes: The taxes on what it added, such as those on shipping.
    :param line_id: The line that it belongs to, if it is not the cart's.
    :param code: Why it changed nothing, as a word for programs, or an empty string.
    :param params: What a sentence about that needs. :meth:`FlaskCart.reason_of` makes
        one for the shopper.
    :param rule: The rule that decided so, if there is one.
    :param is_provided: Whether it is not stored, but yielded by a provider.
    :param applied: The condition as it was applied, if it was, with nothing to ask.
    """

    name: str
    type: str
    target: str
    value: str
    before: Money
    after: Money
    base: Money
    contained: Money | None = None
    taxes: tuple[Tax, ...] = ()
    line_id: str | None = None
    code: str = ""
    params: t.Mapping[str, t.Any] = field(default_factory=FrozenDict)
    rule: Rule | None = None
    is_provided: bool = False
    applied: Condition | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        condition: Condition,
        rounding: Rounding,
        *,
        before: Decimal,
        after: Decimal,
        base: Decimal | None = None,
        contained: Decimal | None = None,
        verdict: Verdict = YES,
        line_id: str | None = None,
        is_provided: bool = False,
        applied: Condition | None = None,
    ) -> Adjustment:
        """What a condition made of rounded amounts."""
        base = before if base is None else base

        if verdict.holds and before == after and not contained:
            verdict = _NO_DIFFERENCE if base else _NO_AMOUNT

        return cls(
            name=condition.name,
            type=condition.type,
            target=condition.target if line_id is None else "item",
            value=condition.value,
            before=rounding.money(before),
            after=rounding.money(after),
            base=rounding.money(base),
            contained=None if contained is None else rounding.money(contained),
            line_id=line_id,
            code=verdict.code,
            params=verdict.params,
            rule=verdict.rule,
            is_provided=is_provided,
            applied=applied,
        )

    @property
    def tax(self) -> Tax | None:
        """What it comes to, if it is a tax that is paid."""
        # What is taken off for those who are exempt is none.
        is_exempt = self.applied is not None and self.applied.exempt is not None

        if self.type != TAX or is_exempt or self.code not in {"", "no_difference"}:
            return None

        amount = self.amount if self.contained is None else self.contained

        return Tax(self.name, self.value, self.base, amount, self.contained is not None)

    @property
    def left(self) -> Money | None:
        """What then is left on a gift card, or whatever it is paid with."""
        is_tender = self.type == TENDER and self.applied is not None

        return self.base + self.amount if is_tender else None

    @property
    def is_applied(self) -> bool:
        """Whether it did anything; if not, :attr:`code` says why."""
        return not self.code

    @property
    def reason(self) -> str:
        """Why it changed nothing, on one line for a developer, or an empty string."""
        return plain_reason(self.code, self.params) if self.code else ""

    @property
    def amount(self) -> Money:
        """What it added; negative for a discount."""
        difference = CONTEXT.subtract(self.after.amount, self.before.amount)

        return Money(difference, self.after.currency)

    def to_dict(self) -> dict[str, t.Any]:
        """The adjustment as plain data, with amounts as decimal strings."""
        return {
            "name": self.name,
            "type": self.type,
            "target": self.target,
            "value": self.value,
            "before": str(self.before.amount),
            "after": str(self.after.amount),
            "amount": str(self.amount.amount),
            "base": str(self.base.amount),
            "contained": None if self.contained is None else str(self.contained.amount),
            "left": None if self.left is None else str(self.left.amount),
            "taxes": [each.to_dict() for each in self.taxes],
            "currency": self.after.currency.code,
            "line_id": self.line_id,
            "is_applied": self.is_applied,
            "code": self.code,
            "reason": self.reason,
            "params": msgspec.to_builtins(self.params),
            "rule": msgspec.to_builtins(self.rule),
            "is_provided": self.is_provided,
        }

    def __str__(self) -> str:
        base = "" if self.base == self.before else f" of {format_money(self.base)}"

        return f"{self.name} ({self.value}{base} on {self.target}): {self._outcome()}"

    def _outcome(self) -> str:
        if self.code:
            return self.reason

        if self.contained is not None:
            return f"contains {format_money(self.contained)}"

        return f"{format_money(self.before)} -> {format_money(self.after)}"


class LineTotals(msgspec.Struct, frozen=True, gc=False):
    """The amounts of one line. Attributes of the line can be read from it, too.

    :param line: The line.
    :param exact_amount: The exact amount after the line's conditions.
    :param plain_amount: That of :attr:`subtotal_without_conditions`.
    :param amount: That of :attr:`subtotal`.
    :param share_amount: That of :attr:`share`.
    :param adjustments: What each of its conditions changed, for the whole line.
    :param taxes: Its part of every tax, after all discounts.
    """

    line: Line
    exact_amount: Decimal
    plain_amount: Decimal
    amount: Decimal
    share_amount: Decimal
    adjustments: tuple[Adjustment, ...] = ()
    taxes: tuple[Tax, ...] = ()

    @property
    def unit_amount(self) -> Decimal:
        """The amount of :attr:`unit_price`."""
        return CONTEXT.divide(self.exact_amount, self.line.quantity)

    @property
    def unit_price(self) -> Money:
        """The exact price of one after the line's conditions.

        It is not rounded: three at 8.4915 are 25.47.
        """
        return money(self.unit_amount, self.line.currency)

    @property
    def subtotal_without_conditions(self) -> Money:
        """Price times quantity."""
        return money(self.plain_amount, self.line.currency)

    @property
    def subtotal(self) -> Money:
        """The same after the line's conditions."""
        return money(self.amount, self.line.currency)

    @property
    def share(self) -> Money:
        """The same after its share of the cart's conditions on the subtotal.

        The shares of all lines add up to the cart's subtotal.
        """
        return money(self.share_amount, self.line.currency)

    @property
    def id(self) -> str:
        return self.line.id

    @property
    def item_id(self) -> str:
        return self.line.item_id

    @property
    def name(self) -> str:
        return self.line.name

    @property
    def quantity(self) -> int:
        return self.line.quantity

    @property
    def price(self) -> Money:
        """The price of one before the line's conditions."""
        return self.line.price

    @property
    def options(self) -> dict[str, Chosen]:
        return self.line.options

    @property
    def attributes(self) -> dict[str, t.Any]:
        return self.line.attributes

    @property
    def savings(self) -> Money:
        """What the line's conditions took off."""
        return _savings(self.adjustments, self.line.currency)

    def to_dict(self) -> dict[str, t.Any]:
        """The line as plain data, with amounts as decimal strings."""
        return {
            "id": self.id,
            "item": self.item_id,
            "name": self.name,
            "quantity": self.quantity,
            "options": dict(self.options),
            "attributes": msgspec.to_builtins(self.attributes),
            "price": str(self.line.unit_amount),
            "unit_price": str(self.unit_amount),
            "subtotal_without_conditions": str(self.plain_amount),
            "subtotal": str(self.amount),
            "conditions": [each.to_dict() for each in self.adjustments],
            "taxes": [each.to_dict() for each in self.taxes],
        }


@dataclass(frozen=True)
class Totals:
    """All the amounts of a cart.

    The subtotals of the lines and the amounts of the adjustments add up to the total,
    to the last unit.

    :param lines: The amounts of every line.
    :param adjustments: What each condition of the cart changed, in the order in which
        they were applied.
    :param subtotal_without_conditions: The sum of price times quantity.
    :param subtotal: The sum of the lines after the conditions on it, before taxes.
    :param total: The price of all of it.
    :param tenders: What gift cards and the like pay of it.
    :param due: What is left to be paid.
    """

    lines: tuple[LineTotals, ...]
    adjustments: tuple[Adjustment, ...]
    subtotal_without_conditions: Money
    subtotal: Money
    total: Money
    tenders: tuple[Adjustment, ...]
    due: Money

    @property
    def currency(self) -> str:
        """The ISO 4217 code of all amounts."""
        return self.total.currency.code

    @property
    def count(self) -> int:
        """How many lines."""
        return len(self.lines)

    @property
    def quantity(self) -> int:
        """How many items, over all lines."""
        return sum(line.quantity for line in self.lines)

    @property
    def savings(self) -> Money:
        """What conditions took off, on lines and on the cart."""
        return _savings(self.explain(), self.currency)

    @property
    def taxes(self) -> tuple[Tax, ...]:
        """What each tax comes to, by its name and rate.

        The taxes of the lines, and those of what was added, such as shipping, add up to
        these.
        """
        return summed_taxes(e.tax for e in self.explain() if e.tax is not None)

    @property
    def problems(self) -> tuple[Adjustment, ...]:
        """What keeps the cart from being ordered.

        That is a shipping method which was chosen and is not there any more: nothing
        is charged for it, so it has to be chosen anew.
        """
        return tuple(e for e in self.adjustments if e.code == SHIPPING_UNAVAILABLE)

    def explain(self) -> tuple[Adjustment, ...]:
        """Every condition in the order of evaluation: what it changed, or why not.

        ``str()`` of each is a sentence, ``to_dict()`` is data.
        """
        on_lines = (each for line in self.lines for each in line.adjustments)

        return (*on_lines, *self.adjustments, *self.tenders)

    def to_dict(self) -> dict[str, t.Any]:
        """All the amounts as plain data, as decimal strings.

        It has the names of the JSON API, and more than a shopper should see.
        """
        return {
            "currency": self.currency,
            "quantity": self.quantity,
            "lines": [each.to_dict() for each in self.lines],
            "conditions": [each.to_dict() for each in self.adjustments],
            "subtotal_without_conditions": str(self.subtotal_without_conditions.amount),
            "subtotal": str(self.subtotal.amount),
            "savings": str(self.savings.amount),
            "taxes": [each.to_dict() for each in self.taxes],
            "total": str(self.total.amount),
            "tenders": [each.to_dict() for each in self.tenders],
            "due": str(self.due.amount),
        }


def _savings(adjustments: t.Iterable[Adjustment], currency: str) -> Money:
    with decimal.localcontext(CONTEXT):
        # With all the decimals of the currency, also where there is nothing to add up.
        nothing = ZERO.quantize(smallest_unit(currency))
        # Who is exempt, or pays in cash or with a gift card, is not offered anything.
        changes = (
            each.amount.amount
            for each in adjustments
            if each.type not in {TAX, TENDER} and not each.value.startswith("~")
        )

        return Money(-sum((each for each in changes if each < 0), nothing), currency)
