"""Who comes to the shop, and what became of their baskets."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlalchemy import BigInteger
from sqlalchemy import Index
from sqlalchemy import String
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from ..extensions import Base
from .columns import Moment
from .columns import now
from .columns import secret


class Account(Base):
    """Somebody who wants to find their basket and orders on every device."""

    __tablename__ = "account"

    is_active = is_authenticated = True
    is_anonymous = False

    id: Mapped[int] = mapped_column(primary_key=True)
    #: In lower case.
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    #: What its orders are known by, as those of a guest are by the browser's secret.
    shopper: Mapped[str] = mapped_column(String(43), unique=True, default=secret)
    opened_at: Mapped[datetime] = mapped_column(Moment, default=now)

    def get_id(self) -> str:
        """What Flask-Login keeps in the session, and Flask-Cart names carts by."""
        return str(self.id)


class CartWrite(Base):
    """One saved version of somebody's cart, with the signals that told of it."""

    __tablename__ = "cart_write"
    __table_args__ = (Index("cart_write_of_owner", "owner", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(255))
    instance: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(BigInteger)
    #: Which save of this cart it was, from 1 on.
    number: Mapped[int]
    #: The name of the last event.
    reason: Mapped[str] = mapped_column(String(40))
    saved_at: Mapped[datetime] = mapped_column(Moment)
    #: The profile of the assistant that made it; none if it was the shopper.
    assistant: Mapped[str | None] = mapped_column(String(255))
    #: Each with its name and its own fields.
    events: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
