"""Links to baskets that shoppers have shown to others."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from ..extensions import Base
from .columns import Moment


class SharedBasket(Base):
    """The link to a basket, for whose it is to copy it again, or to revoke it."""

    __tablename__ = "shared_basket"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: A hash of the owner, as the token of a guest is for the cart's storage alone.
    whose: Mapped[str] = mapped_column(String(64), unique=True)
    link: Mapped[str] = mapped_column(String(300))
    expires_at: Mapped[datetime] = mapped_column(Moment)
