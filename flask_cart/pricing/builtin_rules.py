"""The rules that every app has.

Each returns ``True``, or a code with parameters that says why it does not hold. Asked
about a line, rules about items and quantities look at that line only.
"""

from __future__ import annotations

import datetime as dt
import types
import typing as t
from decimal import Decimal

import msgspec

from ..model.lines import MAX_QUANTITY
from ..model.lines import Line
from ..model.products import option_values
from .facts import Facts
from .reasons import No

Answer = bool | No
Texts = t.Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
Count = t.Annotated[int, msgspec.Meta(ge=0, le=MAX_QUANTITY)]
Pieces = t.Annotated[int, msgspec.Meta(ge=1, le=MAX_QUANTITY)]
Time = t.Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$")]
Moment = t.Annotated[dt.datetime, msgspec.Meta(tz=True)]
Weekday = t.Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Scalar = str | int | bool | None

WEEKDAYS: t.Final[tuple[str, ...]] = t.get_args(Weekday)


# Amounts


def total_at_least(facts: Facts, amount: Decimal) -> Answer:
    """The lines come to at least this amount, before the cart's conditions."""
    return facts.subtotal >= amount or _no_amount(
        "too_little", facts, amount, facts.subtotal
    )


def total_below(facts: Facts, amount: Decimal) -> Answer:
    """The lines come to less than this amount, before the cart's conditions."""
    return facts.subtotal < amount or _no_amount(
        "too_much", facts, amount, facts.subtotal
    )


def total_between(facts: Facts, at_least: Decimal, below: Decimal) -> Answer:
    """The lines come to an amount from the one to less than the other."""
    answer = total_at_least(facts, at_least)

    return total_below(facts, below) if answer is True else answer


def amount_at_least(facts: Facts, amount: Decimal) -> Answer:
    """What there is to pay at this point, after the conditions before, is enough."""
    return facts.amount >= amount or _no_amount(
        "too_little", facts, amount, facts.amount
    )


def amount_below(facts: Facts, amount: Decimal) -> Answer:
    """What there is to pay at this point, after the conditions before, is less."""
    return facts.amount < amount or _no_amount("too_much", facts, amount, facts.amount)


def price_at_least(facts: Facts, amount: Decimal) -> Answer:
    """A line has at least this price of one, before its conditions."""
    return _any_line(facts, lambda line: line.unit_amount >= amount) or No(
        "price_too_low", {"amount": amount, "currency": facts.currency}
    )


def price_below(facts: Facts, amount: Decimal) -> Answer:
    """A line has a lower price of one than this, before its conditions."""
    return _any_line(facts, lambda line: line.unit_amount < amount) or No(
        "price_too_high", {"amount": amount, "currency": facts.currency}
    )


# Quantities


def quantity_at_least(facts: Facts, quantity: Count) -> Answer:
    """There are at least so many items."""
    return facts.quantity >= quantity or No(
        "too_few_items", {"needed": quantity, "there": facts.quantity}
    )


def quantity_at_most(facts: Facts, quantity: Count) -> Answer:
    """There are at most so many items."""
    return facts.quantity <= quantity or No(
        "too_many_items", {"most": quantity, "there": facts.quantity}
    )


def quantity_of_item_at_least(facts: Facts, quantity: Count) -> Answer:
    """There are at least so many of an item, whatever the options of each are."""
    ids = {line.item_id for line in facts.about}
    counts = dict.fromkeys(ids, 0)

    for line in facts.lines:
        if line.item_id in ids:
            counts[line.item_id] += line.quantity

    there = max(counts.values(), default=0)

    return there >= quantity or No(
        "too_few_items", {"needed": quantity, "there": there}
    )


def lines_at_least(facts: Facts, count: Count) -> Answer:
    """There are at least so many lines."""
    return len(facts.lines) >= count or No(
        "too_few_lines", {"needed": count, "there": len(facts.lines)}
    )


def lines_at_most(facts: Facts, count: Count) -> Answer:
    """There are at most so many lines."""
    return len(facts.lines) <= count or No(
        "too_many_lines", {"most": count, "there": len(facts.lines)}
    )


# Items


def item(facts: Facts, ids: Texts, quantity: Pieces = 1) -> Answer:
    """One of these items is there, or so many of them together."""
    found = sum(line.quantity for line in facts.about if line.item_id in ids)

    return found >= quantity or No(
        "too_few_of", {"needed": quantity, "ids": ids, "there": found}
    )


def every_item(facts: Facts, ids: Texts) -> Answer:
    """Each of these items is there."""
    missing = set(ids) - {line.item_id for line in facts.about}

    return not missing or No("items_missing", {"ids": tuple(sorted(missing))})


def attribute(facts: Facts, name: str, values: tuple[Scalar, ...]) -> Answer:
    """A line has one of these values as this attribute, or in it, if it is a list."""
    return _any_line(facts, lambda line: _has(line.attributes, name, values)) or No(
        "no_item_with", {"name": name, "values": values}
    )


def category(facts: Facts, names: Texts) -> Answer:
    """A line has one of these names as its attribute ``category``."""
    return attribute(facts, "category", names)


def option(facts: Facts, name: str, values: Texts) -> Answer:
    """A line has one of these values as this option, or as one of several."""

    def has_one(line: Line) -> bool:
        return not set(values).isdisjoint(option_values(line.options.get(name, ())))

    return _any_line(facts, has_one) or No(
        "no_item_with", {"name": name, "values": values}
    )


def product_type(facts: Facts, types: Texts) -> Answer:
    """A line was made of a product of one of these classes."""

    def is_one(line: Line) -> bool:
        return line.product_ref is not None and line.product_ref.type in types

    return _any_line(facts, is_one) or No("no_item_of_type", {"types": types})


# Shoppers


def logged_in(facts: Facts) -> Answer:
    """The owner is known, and not a guest."""
    return facts.owner_kind != "guest" or No("not_logged_in")


def owner_kind(facts: Facts, kinds: Texts) -> Answer:
    """The owner is of one of these kinds, such as ``"company"``."""
    return facts.owner_kind in kinds or No("other_owner", {"kinds": kinds})


def first_order(facts: Facts) -> Answer:
    """The owner has not ordered yet: the app's fact ``orders`` is 0."""
    return _fact(facts, "orders") == 0 or No("not_first_order")


def orders_at_least(facts: Facts, count: Count) -> Answer:
    """The owner has ordered so often: the app's fact ``orders``."""
    return _fact(facts, "orders") >= count or No("too_few_orders", {"needed": count})


def group(facts: Facts, names: Texts) -> Answer:
    """The owner is in one of these groups: the app's fact ``groups``."""
    return not set(names).isdisjoint(_fact(facts, "groups")) or No(
        "other_group", {"names": names}
    )


def fact_equals(facts: Facts, name: str, value: Scalar) -> Answer:
    """A fact of the app has this value."""
    return _same(_fact(facts, name), value) or No(
        "other_fact", {"name": name, "value": value}
    )


# Time


def between(
    facts: Facts, start: Moment | None = None, end: Moment | None = None
) -> Answer:
    """It is not before the one moment, and before the other."""
    if start is not None and facts.now < start:
        return No("not_begun", {"start": _local(start, facts)})

    return end is None or facts.now < end or No("ended", {"end": _local(end, facts)})


def dates(
    facts: Facts, first: dt.date | None = None, last: dt.date | None = None
) -> Answer:
    """It is one of these days, the first and last included, in the shop's time zone."""
    today = facts.now.date()

    if first is not None and today < first:
        return No("not_first_day", {"first": first})

    return last is None or today <= last or No("after_last_day", {"last": last})


def weekday(
    facts: Facts, days: t.Annotated[tuple[Weekday, ...], msgspec.Meta(min_length=1)]
) -> Answer:
    """It is one of these days of the week, in the shop's time zone."""
    return WEEKDAYS[facts.now.weekday()] in days or No("other_day", {"days": days})


def time_of_day(facts: Facts, start: Time, end: Time) -> Answer:
    """It is not before the one time and before the other, which may be the next day's.

    Both are times of the shop's time zone.
    """
    now, first, last = facts.now.time(), *map(dt.time.fromisoformat, (start, end))
    is_within = first <= now < last if first < last else now >= first or now < last

    return is_within or No("other_time", {"start": start, "end": end})


# The cart


def metadata_equals(facts: Facts, key: str, value: Scalar) -> Answer:
    """The cart's metadata have this value."""
    has = key in facts.metadata and _same(facts.metadata[key], value)

    return has or No("other_metadata", {"key": key, "value": value})


def metadata_has(facts: Facts, key: str) -> Answer:
    """The cart's metadata have this key, with a value that is not empty or false."""
    return bool(facts.metadata.get(key)) or No("no_metadata", {"key": key})


def currency(facts: Facts, codes: Texts) -> Answer:
    """The cart is in one of these currencies."""
    return facts.currency in codes or No("other_currency", {"codes": codes})


def instance(facts: Facts, names: Texts) -> Answer:
    """It is one of these carts of the owner's, such as ``"default"``."""
    return facts.instance in names or No("other_cart", {"names": names})


# Helpers


def _any_line(facts: Facts, holds: t.Callable[[Line], bool]) -> bool:
    return any(map(holds, facts.about))


def _has(
    attributes: t.Mapping[str, t.Any], name: str, values: tuple[Scalar, ...]
) -> bool:
    if name not in attributes:
        return False

    found = attributes[name]
    several = found if isinstance(found, tuple | list) else (found,)

    return any(_same(one, value) for one in several for value in values)


def _same(one: t.Any, other: t.Any) -> bool:
    """Equal, where ``True`` is not 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _fact(facts: Facts, name: str) -> t.Any:
    if name not in facts.app:
        raise LookupError(
            f"The app has no fact {name!r}. Return it from the function that is"
            " registered with 'facts' of your FlaskCart."
        )

    return facts.app[name]


def _no_amount(why: str, facts: Facts, amount: Decimal, there: Decimal) -> No:
    return No(why, {"amount": amount, "currency": facts.currency, "there": there})


def _local(moment: dt.datetime, facts: Facts) -> dt.datetime:
    return moment.astimezone(facts.now.tzinfo)


#: The rules: all other functions of this module whose names are public.
RULES: t.Final[tuple[t.Callable[..., Answer], ...]] = tuple(
    function
    for name, function in list(globals().items())
    if isinstance(function, types.FunctionType)
    and function.__module__ == __name__
    and not name.startswith("_")
)
