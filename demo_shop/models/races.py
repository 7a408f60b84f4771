"""Races of hand-made carts against Flask-Cart, and what came of them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from ..extensions import Base
from .columns import Moment
from .columns import now


class Race(Base):
    """One race. All workers see it here, whichever of them lets it run."""

    __tablename__ = "race"

    id: Mapped[int] = mapped_column(primary_key=True)
    began_at: Mapped[datetime] = mapped_column(Moment, default=now)
    #: No two can be running; one that has ended has none, which is never the same.
    running: Mapped[bool | None] = mapped_column(unique=True)
    #: What was counted so far, of each cart.
    tallies: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
