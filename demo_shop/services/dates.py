"""Days and times as the language of the page writes them, where the shop is."""

from datetime import date
from datetime import datetime

from babel.dates import format_date
from babel.dates import format_datetime
from babel.dates import format_interval
from flask_babel import get_locale

from .delivery import ZONE


def say_day(moment: datetime) -> str:
    """The day of a moment, with its year."""
    return format_date(moment.astimezone(ZONE), "long", locale=get_locale())


def say_moment(moment: datetime) -> str:
    """The day of a moment, and what time it was."""
    return format_datetime(moment, "short", tzinfo=ZONE, locale=get_locale())


def say_days(days: tuple[date, date]) -> str:
    """The days on which a parcel may arrive: one, or from one to another."""
    return format_interval(*days, skeleton="MMMEd", locale=get_locale())
