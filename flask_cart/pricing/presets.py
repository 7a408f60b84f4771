"""Presets: offers, taxes and shipping as shops often have them, as conditions."""

from __future__ import annotations

import typing as t
from decimal import Decimal
from functools import partial

from ..model.conditions import SHIPPING
from ..model.conditions import TAX
from ..model.conditions import TENDER
from ..model.conditions import Condition
from ..model.conditions import Target
from ..model.errors import InvalidConditionError
from ..model.money import parse_amount
from ..model.rules import Rule
from ..model.rules import all_of
from ..model.rules import not_
from ..model.rules import rule
from ..model.values import refused_as

#: An amount in major units, in the currency of the cart.
MoneyLike = Decimal | int | str

_discount: t.Final = partial(Condition, type="discount", target="subtotal")


def tiered_discount(
    name: str,
    tiers: t.Mapping[MoneyLike, str],
    **terms: t.Any,
) -> tuple[Condition, ...]:
    """A discount that grows with the sum of the lines.

    >>> for each in tiered_discount("BULK", {50: "5%", 100: "10%"}):
    ...     print(each.name, each.value, each.rule.params)
    BULK 50 -5% {'at_least': '50', 'below': '100'}
    BULK 100 -10% {'amount': '100'}

    :param name: What the names of the conditions begin with.
    :param tiers: What is taken off, by the sum from which on it is.
    :param terms: More of :class:`~flask_cart.Condition`, such as ``lines``: they limit
        the discount, but not the sum.
    :raises InvalidConditionError: If there are no tiers, or they are not amounts.
    """
    with refused_as(InvalidConditionError, f"The tiers of {name!r:.80}: "):
        starts = {parse_amount(start): value for start, value in tiers.items()}

    if not starts:
        raise InvalidConditionError(f"The discount {name!r:.80} has no tiers.")

    ends: list[Decimal | None] = [*sorted(starts)[1:], None]

    return tuple(
        _discount(
            f"{name} {start}",
            value=_taken_off(starts[start]),
            rule=rule("total_at_least", amount=start)
            if end is None
            else rule("total_between", at_least=start, below=end),
            **terms,
        )
        for start, end in zip(sorted(starts), ends, strict=True)
    )


def quantity_discount(
    name: str,
    tiers: t.Mapping[int, str],
    *,
    lines: Rule | None = None,
    **terms: t.Any,
) -> tuple[Condition, ...]:
    """A discount on each piece that grows with how many there are of an item.

    Pieces with other options count: three mugs in blue and seven in red are ten.

    >>> for each in quantity_discount("BULK", {10: "5%", 50: "8%"}):
    ...     print(each.name, each.value, each.per)
    BULK 10 -5% piece
    BULK 50 -8% piece

    :param name: What the names of the conditions begin with.
    :param tiers: What is taken off each piece, by the quantity from which on it is.
    :param lines: Limits the discount to some lines.
    :param terms: More of :class:`~flask_cart.Condition`.
    """
    starts = sorted(tiers)
    asked = [rule("quantity_of_item_at_least", quantity=start) for start in starts]
    ends = [(not_(each),) for each in asked[1:]] + [()]
    limit = () if lines is None else (lines,)

    return tuple(
        _discount(
            f"{name} {start}",
            value=_taken_off(tiers[start]),
            lines=all_of(each, *end, *limit),
            per="piece",
            **terms,
        )
        for start, each, end in zip(starts, asked, ends, strict=False)
    )


def buy_x_get_y(
    name: str,
    buy: int,
    get: int = 1,
    *,
    bought: t.Iterable[str] = (),
    value: str = "100%",
    **terms: t.Any,
) -> Condition:
    """The cheapest items for free, or for less, for every so many that are bought.

    >>> lines = rule("category", names=["mugs"])
    >>> three_for_two = buy_x_get_y("3 for 2", 2, lines=lines)
    >>> three_for_two.value, three_for_two.base.params
    ('-100%', {'buy': 2, 'get': 1})

    :param buy: How many have to be bought.
    :param get: How many are then free.
    :param bought: The ids of the items to be bought, if they are others.
    :param value: What is taken off the free ones.
    :param terms: More of :class:`~flask_cart.Condition`, such as ``lines``: the items
        that are free. Left out, all of them may be.
    """
    params = {"bought": list(bought)} if bought else {}

    base = rule("cheapest", buy=buy, get=get, **params)

    return _discount(name, value=_taken_off(value), base=base, **terms)


def capped_discount(name: str, value: str, cap: MoneyLike, **terms: t.Any) -> Condition:
    """A percentage off, but not more than an amount.

    >>> capped_discount("WELCOME", "20%", 15).cap
    '15'
    """
    most = t.cast(str, cap)

    return _discount(name, value=_taken_off(value), cap=most, **terms)


def shipping(
    name: str, price: MoneyLike, *, free_from: MoneyLike | None = None, order: int = 0
) -> Condition:
    """Shipping that is free from some sum of the lines on.

    >>> shipping("Post", "4.90", free_from=50).rule.params
    {'amount': 50}
    """
    is_paid = rule("total_below", amount=free_from) if free_from is not None else None

    return Condition(name, "shipping", "total", t.cast(str, price), order, rule=is_paid)


def tax_classes(
    name: str,
    rates: t.Mapping[str, str],
    *,
    default: str | None = None,
    attribute: str = "tax_class",
    shipping: str | None = None,
    included: bool = False,
    order: int = 0,
    rule: Rule | None = None,
    exempt: Rule | None = None,
) -> tuple[Condition, ...]:
    """A tax with another rate for each class of lines.

    >>> for each in tax_classes("VAT", {"books": "7%"}, default="19%"):
    ...     print(each.name, each.value)
    VAT books 7%
    VAT 19%

    :param rates: The rate of each class.
    :param default: The rate of all other lines. Left out, they are not taxed.
    :param attribute: The attribute of a line that names its class.
    :param shipping: The rate of shipping, or ``"proportional"``: then all that is added
        to the lines is taxed as they are, in proportion. Left out, it is not taxed.
    :param included: Whether the prices contain the tax.
    :param order: As for :class:`~flask_cart.Condition`, like ``rule`` and ``exempt``.
    """
    target: Target = "total" if shipping == "proportional" else "subtotal"
    tax = partial(
        Condition,
        type=TAX,
        order=order,
        rule=rule,
        included=included,
        exempt=exempt,
    )
    conditions = [
        tax(f"{name} {each}", target=target, value=rate, lines=_of(attribute, each))
        for each, rate in rates.items()
    ]

    if default is not None:
        others = not_(_of(attribute, *rates)) if rates else None
        conditions.append(tax(name, target=target, value=default, lines=others))

    if shipping not in {None, "proportional"}:
        conditions.append(tax(f"{name} shipping", target=SHIPPING, value=shipping))

    return tuple(conditions)


def gift_card(code: str, balance: MoneyLike, **terms: t.Any) -> Condition:
    """A gift card, which pays of the total what there is on it.

    >>> gift_card("GIFT-1", "25.00").value
    '-25.00'

    :param code: The name of the condition, and what the shopper reads.
    :param balance: What there is on it.
    :param terms: More of :class:`~flask_cart.Condition`, such as ``rule``.
    :raises InvalidConditionError: If the balance is no amount.
    """
    with refused_as(InvalidConditionError, f"The balance of {code!r:.80}: "):
        amount = parse_amount(balance).copy_negate()

    return Condition(code, TENDER, "total", t.cast(str, amount), **terms)


def cash_rounding(
    step: MoneyLike, *, name: str = "Rounding", rule: Rule | None = None
) -> Condition:
    """The total as it can be paid with the smallest coin.

    >>> cash_rounding("0.05").value
    '~0.05'

    :param step: What the smallest coin is worth.
    :param rule: Holds if it is paid in cash. Left out, it always is.
    """
    return Condition(name, "rounding", "total", f"~{step}", rule=rule)


def _of(attribute: str, *values: str) -> Rule:
    return rule("attribute", name=attribute, values=list(values))


def _taken_off(value: str) -> str:
    return f"-{value}" if value[:1].isdigit() else value
