"""Currencies: a cart gets another one, with new prices for all that is in it."""

from __future__ import annotations

import typing as t
from decimal import Decimal
from typing import ClassVar

import msgspec
from moneyed import CURRENCIES
from msgspec import UNSET
from msgspec.structs import replace

from ..model.conditions import Condition
from ..model.document import Document
from ..model.errors import CartCorruptError
from ..model.errors import InvalidConditionError
from ..model.errors import InvalidItemError
from ..model.events import CurrencyChanged
from ..model.events import ItemUpdated
from ..model.line_operations import AddItemCondition
from ..model.line_operations import RemoveItemCondition
from ..model.lines import Line
from ..model.money import MoneyLike
from ..model.money import price_in
from ..model.operations import AddCondition
from ..model.operations import Applied
from ..model.operations import Operation
from ..model.operations import RemoveCondition
from ..model.operations import apply_all
from ..model.products import Buyable
from ..model.products import NotSoldError
from ..model.products import is_plain
from ..model.products import item_id_of
from ..model.products import price_of
from ..model.values import closest
from ..model.values import refused_as
from ..pricing.rulebook import Rulebook
from .catalogue import Catalogue
from .services import Registry
from .working_copy import WorkingCopy


class ChangeCurrency(msgspec.Struct, frozen=True):
    """Give all lines other prices, in another currency.

    :param prices: The price of every line.
    :param changes: What becomes of conditions with amounts.
    """

    reapplies: ClassVar[bool] = False

    currency: str
    prices: dict[str, Decimal]
    changes: tuple[Operation, ...]

    def apply(self, document: Document) -> Applied:
        event = CurrencyChanged(
            currency=self.currency, previous_currency=document.currency
        )
        lines = tuple(
            replace(each, unit_amount=self.prices[each.id], currency=self.currency)
            for each in document.lines
        )
        repriced = tuple(
            ItemUpdated(line=line, previous=previous, quantity_delta=0)
            for line, previous in zip(lines, document.lines, strict=True)
        )
        document = replace(
            document, currency=self.currency, lines=lines, shipping_price=UNSET
        )
        document, changed = apply_all(document, self.changes)

        return document, (*repriced, *changed, event)


def change_currency(
    working: WorkingCopy,
    registry: Registry,
    currency: str,
    prices: t.Mapping[str, MoneyLike],
    conditions: t.Iterable[Condition],
    drop: t.Iterable[str],
) -> None:
    """Give a cart another currency, with new prices for all that is in it.

    :raises InvalidItemError: If there is no such currency, or no price for a line.
    :raises InvalidConditionError: If it is not said what becomes of a condition.
    """
    if not isinstance(currency, str) or currency not in CURRENCIES:
        raise InvalidItemError(
            f"{currency!r:.40} is not the ISO 4217 code of a currency."
            f"{closest(f'{currency!s:.10}', CURRENCIES)}"
        )

    document = working.document

    if currency == document.currency:
        return

    home = working.repository.currency
    found = _prices(document, registry.catalogue, currency, home, prices)
    given = {each.name: each for each in conditions}
    changes = _changes(document, registry.rulebook, given, set(drop))
    working.apply(ChangeCurrency(currency, found, tuple(changes)))


def without_amounts(working: WorkingCopy, registry: Registry, currency: str) -> None:
    """Give a cart another currency at the prices of now, without what has an amount.

    :raises InvalidItemError: If a product has no price in it.
    """
    document = working.document
    all_of_them = (
        *document.conditions,
        *(each for line in document.lines for each in line.conditions),
    )
    has_amounts = registry.rulebook.has_amounts
    drop = [e.name for e in all_of_them if e.currency is None and has_amounts(e)]
    change_currency(working, registry, currency, {}, (), drop)


def left_in_others(
    working: WorkingCopy, open_beside: t.Callable[[str], WorkingCopy]
) -> tuple[str, ...]:
    """The other carts of an owner that have something in them in another currency.

    :param open_beside: Opens one of them.
    """
    if working.key is None:
        return ()

    names = working.repository.instances(working.key.owner)
    currency = working.document.currency

    return tuple(
        name
        for name in names
        if name != working.key.instance and _is_foreign(open_beside(name), currency)
    )


def _is_foreign(other: WorkingCopy, currency: str) -> bool:
    try:
        document = other.document
    except CartCorruptError:
        return True

    return document.has_amounts and document.currency != currency


def _prices(
    document: Document,
    catalogue: Catalogue,
    currency: str,
    home: str,
    given: t.Mapping[str, MoneyLike],
) -> dict[str, Decimal]:
    """The price of every line in another currency.

    :raises InvalidItemError: If one has none.
    """
    asked = [
        line
        for line in document.lines
        # An agreed price holds in the currency in which it was agreed upon.
        if line.product_ref and not line.is_pinned and line.id not in given
    ]
    variants = catalogue.variants(asked) if asked else {}
    amounts = dict(given) | {
        line_id: _amount_in(variant.sold, currency, home)
        for line_id, variant in variants.items()
        if variant is not None
    }
    missing = [line.item_id for line in document.lines if line.id not in amounts]

    if missing:
        raise InvalidItemError(
            f"There is no price in {currency} for {', '.join(missing)}: no product is"
            " there for it, or its price was agreed upon. Give prices=, or remove the"
            " line."
        )

    return {
        line.id: _price(line, currency, amounts[line.id]) for line in document.lines
    }


def _amount_in(product: Buyable, currency: str, home: str) -> MoneyLike:
    price = price_of(product, lambda: currency)

    if currency != home and is_plain(product, price):
        raise NotSoldError(
            f"The item {item_id_of(product)!r:.80} does not tell what it costs in"
            f" {currency}: its 'cart_price' is no Money, and it has no 'cart_price_in'."
        )

    return price


def _price(line: Line, currency: str, amount: MoneyLike) -> Decimal:
    opening = f"The item {line.item_id!r:.80} cannot get another price: "

    with refused_as(InvalidItemError, opening):
        return price_in(currency, amount)


def _changes(
    document: Document,
    rulebook: Rulebook,
    given: t.Mapping[str, Condition],
    drop: t.Container[str],
) -> t.Iterator[Operation]:
    """What becomes of the conditions.

    :raises InvalidConditionError: If one has an amount, and nothing is said of it.
    """
    for each in given.values():
        rulebook.check(each)

    for each in document.conditions:
        if each.name in drop:
            yield RemoveCondition(each.name)
        else:
            yield AddCondition(_instead(each, rulebook, given))

    for line in document.lines:
        for each in line.conditions:
            if each.name in drop:
                yield RemoveItemCondition(line.id, each.name)
            else:
                yield AddItemCondition(line.id, _instead(each, rulebook, given))


def _instead(
    condition: Condition, rulebook: Rulebook, given: t.Mapping[str, Condition]
) -> Condition:
    """What takes the place of a condition: another one, or itself."""
    other = given.get(condition.name, condition)

    # What says what its amounts are in is right whatever the cart is in.
    has_to_change = condition.currency is None and rulebook.has_amounts(condition)

    if condition.name not in given and has_to_change:
        raise InvalidConditionError(
            f"The condition {condition.name!r} has an amount in the old currency. Give"
            " it with the new one in conditions=, or name it in drop=."
        )

    if other.target != condition.target:
        raise InvalidConditionError(
            f"The condition {condition.name!r} acts on the {condition.target}, and the"
            f" one in its place on the {other.target}."
        )

    return other
