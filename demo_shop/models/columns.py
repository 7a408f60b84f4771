"""Columns that several models have."""

import secrets
from datetime import UTC
from datetime import datetime

from sqlalchemy import DateTime
from sqlalchemy import Dialect
from sqlalchemy import TypeDecorator


def now() -> datetime:
    """What time it is."""
    return datetime.now(UTC)


def secret() -> str:
    """Something that can't be guessed."""
    return secrets.token_urlsafe(32)


class Moment(TypeDecorator[datetime]):
    """A time in UTC, also where the database keeps no time zones, as SQLite does."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        return value and value.astimezone(UTC)

    def process_result_value(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        return value and (value if value.tzinfo else value.replace(tzinfo=UTC))
