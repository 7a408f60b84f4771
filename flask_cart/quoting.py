"""Quoting: what each way to send a cart would cost."""

from __future__ import annotations

import decimal
from dataclasses import replace

import msgspec
from moneyed import Money

from .conditions import Condition
from .document import Document
from .facts import Facts
from .money import CONTEXT
from .money import ZERO
from .money import Rounding
from .occasion import YES
from .occasion import Occasion
from .pricing import compute_totals
from .rulebook import Rulebook
from .shipping import ShippingOption


def shipping_options(
    document: Document,
    rounding: Rounding,
    occasion: Occasion,
    rulebook: Rulebook,
) -> tuple[ShippingOption, ...]:
    """What each method would cost; nothing for an empty cart.

    :param document: The content of the cart.
    :param rounding: How amounts are rounded.
    :param occasion: Whom the rules are asked for, and when.
    :param rulebook: Has the methods. They get the facts about the cart without
        shipping.
    """
    if not document.lines:
        return ()

    bare = _with_shipping(document)

    with decimal.localcontext(CONTEXT):
        facts = _facts(bare, rounding, occasion)
        options = []

        for method in rulebook.methods(facts):
            verdict = YES

            if method.available is not None:
                verdict = occasion.decide(method.available, facts)

            chosen = document.condition(method.condition.name)
            options.append(
                ShippingOption(
                    name=method.condition.name,
                    price=_price(document, method.condition, rounding, occasion),
                    condition=method.condition,
                    is_chosen=chosen is not None and chosen.type == "shipping",
                    code=verdict.code,
                    reason=verdict.reason,
                )
            )

    return tuple(options)


def _with_shipping(document: Document, *chosen: Condition) -> Document:
    names = {each.name for each in chosen}
    others = [
        each
        for each in document.conditions
        if each.type != "shipping" and each.name not in names
    ]

    return msgspec.structs.replace(document, conditions=(*others, *chosen))


def _price(
    document: Document, condition: Condition, rounding: Rounding, occasion: Occasion
) -> Money:
    totals = compute_totals(_with_shipping(document, condition), rounding, occasion)

    return next(
        each.amount for each in totals.adjustments if each.name == condition.name
    )


def _facts(document: Document, rounding: Rounding, occasion: Occasion) -> Facts:
    totals = compute_totals(document, rounding, occasion)

    return replace(
        occasion.facts(document, rounding),
        subtotal=sum((line.subtotal.amount for line in totals.lines), ZERO),
        amount=totals.total.amount,
        amounts={line.id: line.share.amount for line in totals.lines},
    )
