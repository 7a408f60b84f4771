"""Reasons: why a condition does nothing, as a part of a sentence for the shopper."""

from __future__ import annotations

import datetime as dt
import typing as t
from decimal import Decimal

from babel.dates import format_date
from babel.dates import format_time
from babel.dates import get_datetime_format
from babel.dates import get_day_names
from babel.lists import format_list

from ..model.money import money
from .language import Plural
from .language import gettext
from .language import page_language
from .language import sentences
from .language import show_money
from .language import tell

#: What is said of how many there are, if these are more than can be listed.
_LISTED: t.Final = 5

#: By the code of what does nothing, and by what a rule has to say.
_REASONS: t.Final[dict[str, str | Plural]] = sentences(
    {
        "exempt": "it need not be paid",
        "no_amount": "there is no amount to change",
        "no_difference": "it makes no difference",
        "no_lines": "none of the items is one of those",
        "not_asked": "it could not be asked for",
        "not_for_lines": "it cannot be on a line",
        "other_is_better": "another offer is better",
        "not_offered": "it is not offered any more",
        "provider_failed": "its conditions could not be asked for",
        "rule_failed": "the rule '{rule}' failed",
        "rule_invalid": "the rule '{rule}' has other parameters now",
        "rule_unknown": "there is no rule '{rule}' any more",
        # Rules that do not hold
        "after_last_day": "it ended on {last}",
        "does_not_hold": "'{rule}' does not hold",
        "ended": "it ended at {end}",
        "holds": "'{rule}' holds",
        "items_missing": "it also needs {ids}",
        "no_item_of_type": "no item is a {types}",
        "no_item_with": "no item has {name} {values}",
        "no_metadata": "there is no {key}",
        "not_begun": "it begins at {start}",
        "not_first_day": "it begins on {first}",
        "not_first_order": "it is for a first order",
        "not_logged_in": "it is for those who are logged in",
        "other_cart": "it is for the cart {names}",
        "other_currency": "it is for carts in {codes}",
        "other_day": "it is for {days}",
        "other_fact": "{name} is not {value}",
        "other_group": "it is for {names}",
        "other_metadata": "{key} is not {value}",
        "other_owner": "it is for {kinds}",
        "other_time": "it is from {start} to {end}",
        "price_too_high": "no item has a price below {amount}",
        "price_too_low": "no item has a price of {amount} or more",
        "too_few_items": Plural(
            "it needs {needed} item, there are {there}",
            "it needs {needed} items, there are {there}",
            "needed",
        ),
        "too_few_lines": Plural(
            "it needs {needed} different item, there are {there}",
            "it needs {needed} different items, there are {there}",
            "needed",
        ),
        "too_few_of": "it needs {needed} of {ids}, there are {there}",
        "too_few_orders": Plural(
            "it is for those with {needed} order",
            "it is for those with {needed} orders",
            "needed",
        ),
        "too_little": "it needs {amount}, there are {there}",
        "too_many_items": Plural(
            "it is for up to {most} item, there are {there}",
            "it is for up to {most} items, there are {there}",
            "most",
        ),
        "too_many_lines": Plural(
            "it is for up to {most} different item, there are {there}",
            "it is for up to {most} different items, there are {there}",
            "most",
        ),
        "too_much": "it is for less than {amount}, there are {there}",
    }
)

#: Why a coupon that is noted does nothing, if the app knows its code no more.
COUPON_GONE: t.Final = sentences("it is not valid any more")

_AMONG: t.Final = sentences("{reason} among those that count")
_ONE_OF: t.Final = sentences("one of {count}")

#: As the rule about days calls them.
_DAYS: t.Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def tell_reason(code: str, params: t.Mapping[str, t.Any]) -> str:
    """Why a condition does nothing; nothing if it does."""
    if not code:
        return ""

    why = params.get("why", code)

    if why == "any":
        return _one_of(tell_reason(code, each) for each in params["reasons"])

    if why == "said":
        return str(params["text"])

    said = {name: _said(name, each, params) for name, each in params.items()}
    sentence = tell(_REASONS[why], said)

    return gettext(_AMONG, reason=sentence) if "among" in params else sentence


def _said(name: str, value: t.Any, params: t.Mapping[str, t.Any]) -> t.Any:
    """A parameter as the language of the page writes it."""
    locale = page_language().locale

    if name == "days":
        names = get_day_names(locale=locale)

        return _one_of(names[_DAYS.index(day)] for day in value)

    if isinstance(value, Decimal) and "currency" in params:
        return show_money(money(value, params["currency"]))

    if name in {"start", "end"} and isinstance(value, str):
        return format_time(dt.time.fromisoformat(value), "short", locale=locale)

    if isinstance(value, dt.datetime):
        return _moment(value)

    if isinstance(value, dt.date):
        return format_date(value, locale=locale)

    if not isinstance(value, tuple):
        return value

    if len(value) > _LISTED:
        return gettext(_ONE_OF, count=len(value))

    return _one_of(map(str, value))


def _moment(moment: dt.datetime) -> str:
    locale = page_language().locale
    date = format_date(moment, locale=locale)
    time = format_time(moment, "short", locale=locale)

    return str(get_datetime_format("medium", locale=locale)).format(time, date)


def _one_of(texts: t.Iterable[str]) -> str:
    return format_list(list(texts), "or", page_language().locale)
