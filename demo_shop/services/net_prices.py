"""Prices without VAT, for those who buy for a business.

What is sold, and for how much, is the same for everybody: the prices of the shop are
with VAT, and so is what is paid. This is how they are shown to whom has chosen so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP
from decimal import Decimal

from flask import request
from moneyed import Money

from flask_cart import Cart
from flask_cart import LineTotals
from flask_cart import Totals

from ..languages import sentences
from ..models import Variant
from ..money import asked_in
from .currencies import chosen_currency
from .vat import RATES
from .vat import USUAL
from .vat import rate_of

#: The cookie of a browser that has chosen.
COOKIE = "prices"
DISPLAYS = sentences({"gross": "With VAT", "net": "Without VAT"})


@dataclass(frozen=True)
class NetTotals:
    """What a basket comes to without VAT; with the taxes, it is the total.

    :param lines: What each line comes to, by its id.
    :param goods: What all of them come to.
    :param adjustments: What is added and taken off, by name.
    :param total: All of it.
    """

    lines: Mapping[str, Money]
    goods: Money
    adjustments: Mapping[str, Money]
    total: Money


def shows_net() -> bool:
    """Whether this browser has chosen prices without VAT."""
    return request.cookies.get(COOKIE) == "net"


def shown(price: Money, variant: Variant) -> Money:
    """The price of something as it is shown: in the currency that was chosen."""
    price = asked_in(chosen_currency(), price)

    return _without(price, rate_of(variant.product)) if shows_net() else price


def net_lines_of(cart: Cart) -> Mapping[str, Money]:
    """What each line of a basket comes to without VAT, if that is to be shown."""
    return net_of(cart.totals).lines if shows_net() and cart else {}


def net_of(totals: Totals) -> NetTotals:
    """The totals without VAT.

    What all of it comes to is exact: the total without its taxes. Prices are with VAT,
    so each part is a rounded one; what that leaves over is in the last of the
    discounts, or, without one, with the goods as Flask-Cart has allotted it.
    """
    nothing = totals.total * 0
    total = totals.total - sum((tax.amount for tax in totals.taxes), nothing)
    changed = [each for each in totals.adjustments if each.amount]
    discounts = [each for each in changed if each.amount < nothing]
    lines = {
        line.id: _without(line.subtotal, _rate(line)) if discounts else _exact(line)
        for line in totals.lines
    }
    goods = sum(lines.values(), nothing)
    gross = sum(line.subtotal.amount for line in totals.lines)
    share = goods.amount / gross if gross else Decimal(1)
    adjustments = {each.name: _in_proportion(each.amount, share) for each in changed}

    if changed:
        last = (discounts or changed)[-1].name
        del adjustments[last]
        adjustments[last] = total - goods - sum(adjustments.values(), nothing)

    # In the order in which they act.
    in_order = {each.name: adjustments[each.name] for each in changed}

    return NetTotals(lines, goods, in_order, total)


def _exact(line: LineTotals) -> Money:
    return line.subtotal - sum((tax.amount for tax in line.taxes), line.subtotal * 0)


def _rate(line: LineTotals) -> str:
    return RATES.get(str(line.attributes.get("tax_class")), USUAL)


def _without(price: Money, rate: str) -> Money:
    return _in_proportion(price, 1 / (1 + Decimal(rate.rstrip("%")) / 100))


def _in_proportion(price: Money, share: Decimal) -> Money:
    amount = (price.amount * share).quantize(Decimal("0.01"), ROUND_HALF_UP)

    return Money(amount, price.currency)
