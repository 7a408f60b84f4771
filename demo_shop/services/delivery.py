"""When a parcel arrives: working days, counted from the hour that the post is taken."""

from datetime import date
from datetime import datetime
from datetime import time
from datetime import timedelta
from typing import NamedTuple

from babel.dates import get_timezone

from ..extensions import cart_ext
from .shipping import WAYS

#: Where the shop is.
ZONE = get_timezone("Europe/Dublin")
#: What is ordered by then leaves on the same day, if that is a working day.
CUT_OFF = time(14)
#: Days on which nobody works in any year: month and day.
HOLIDAYS = {(1, 1), (3, 17), (12, 25), (12, 26)}


class Delivery(NamedTuple):
    """The days from which and up to which a parcel may arrive."""

    first: date
    last: date


def estimate(way: str, ordered_at: datetime | None = None) -> Delivery | None:
    """When something arrives that goes one of the ways.

    :param ordered_at: Now, if it is not said.
    """
    chosen = WAYS.get(way)

    if chosen is None:
        return None

    leaves = _leaves_on((ordered_at or cart_ext.clock()).astimezone(ZONE))
    first = _working_days_after(leaves, chosen.least_days)

    return Delivery(
        first, _working_days_after(first, chosen.most_days - chosen.least_days)
    )


def _leaves_on(ordered_at: datetime) -> date:
    day = ordered_at.date()

    if _is_working_day(day) and ordered_at.time() < CUT_OFF:
        return day

    return _working_days_after(day, 1)


def _working_days_after(day: date, count: int) -> date:
    while count:
        day += timedelta(days=1)
        count -= _is_working_day(day)

    return day


def _is_working_day(day: date) -> bool:
    return day.weekday() < 5 and (day.month, day.day) not in HOLIDAYS
