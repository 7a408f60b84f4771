"""What requests of somebody with the developer's panel open have done."""

from typing import Any

from sqlalchemy import JSON
from sqlalchemy import Index
from sqlalchemy import String
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from ..extensions import Base


class Trace(Base):
    """One request. The next page may be made by another worker, and shows it, too."""

    __tablename__ = "trace"
    __table_args__ = (Index("trace_of_panel", "panel", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    #: The secret of the browser that has the panel open.
    panel: Mapped[str] = mapped_column(String(43))
    about: Mapped[dict[str, Any]] = mapped_column(JSON)
