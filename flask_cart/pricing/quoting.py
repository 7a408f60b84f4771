"""Quoting: what each way to send a cart would cost."""

from __future__ import annotations

import decimal
from dataclasses import replace

import msgspec
from moneyed import Money

from ..model.conditions import Condition
from ..model.document import Document
from ..model.money import CONTEXT
from ..model.money import ZERO
from .calculation import compute_totals
from .evaluation import YES
from .evaluation import Evaluation
from .facts import Facts
from .rounding import Rounding
from .rulebook import Rulebook
from .shipping import ShippingOption


def shipping_options(
    document: Document,
    rounding: Rounding,
    evaluation: Evaluation,
    rulebook: Rulebook,
) -> tuple[ShippingOption, ...]:
    """What each method would cost; nothing for an empty cart.

    :param document: The content of the cart.
    :param rounding: How amounts are rounded.
    :param evaluation: Whom the rules are asked for, and when.
    :param rulebook: Has the methods. They get the facts about the cart without
        shipping.
    """
    if not document.lines:
        return ()

    bare = _with_shipping(document)

    with decimal.localcontext(CONTEXT):
        facts = _facts(bare, rounding, evaluation)
        options = []

        for method in rulebook.methods(facts):
            verdict = YES

            if method.available is not None:
                verdict = evaluation.decide(method.available, facts)

            chosen = document.condition(method.condition.name)
            options.append(
                ShippingOption(
                    name=method.condition.name,
                    price=_price(document, method.condition, rounding, evaluation),
                    condition=method.condition,
                    is_chosen=chosen is not None and chosen.type == "shipping",
                    code=verdict.code,
                    params=verdict.params,
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
    document: Document, condition: Condition, rounding: Rounding, evaluation: Evaluation
) -> Money:
    totals = compute_totals(_with_shipping(document, condition), rounding, evaluation)

    return next(
        each.amount for each in totals.adjustments if each.name == condition.name
    )


def _facts(document: Document, rounding: Rounding, evaluation: Evaluation) -> Facts:
    totals = compute_totals(document, rounding, evaluation)

    return replace(
        evaluation.facts(document, rounding),
        subtotal=sum((line.subtotal.amount for line in totals.lines), ZERO),
        amount=totals.total.amount,
        amounts={line.id: line.share.amount for line in totals.lines},
    )
