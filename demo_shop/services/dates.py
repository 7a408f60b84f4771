"""Days and times as the chosen language writes them, where the shop is."""

from datetime import date
from datetime import datetime

from babel import Locale
from babel.dates import format_date
from babel.dates import format_datetime
from babel.dates import format_interval

from .delivery import ZONE
from .languages import chosen_language


def say_day(day: date | datetime) -> str:
    """A day with its year."""
    day = day.astimezone(ZONE).date() if isinstance(day, datetime) else day

    return format_date(day, "long", locale=_locale())


def say_moment(moment: datetime) -> str:
    """A day and a time of it."""
    return format_datetime(moment, "medium", tzinfo=ZONE, locale=_locale())


def say_days(days: tuple[date, date]) -> str:
    """The days on which a parcel may arrive: one, or from one to another."""
    return format_interval(*days, skeleton="MMMEd", locale=_locale())


def _locale() -> Locale:
    # Its English is that of the shop.
    language = chosen_language()

    return Locale.parse("en_IE" if language == "en" else language)
