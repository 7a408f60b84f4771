"""Gift cards: money that somebody else has paid already."""

from moneyed import Money
from sqlalchemy import CheckConstraint
from sqlalchemy import String
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from ..extensions import Base
from ..money import euros


class GiftCard(Base):
    """A card with money on it, which pays until nothing is left."""

    __tablename__ = "gift_card"
    __table_args__ = (
        CheckConstraint("balance_cents >= 0", name="gift_card_not_overdrawn"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: In capitals; shoppers may write it as they like.
    code: Mapped[str] = mapped_column(String(40), unique=True)
    balance_cents: Mapped[int]

    @property
    def balance(self) -> Money:
        """What there is on it."""
        return euros(self.balance_cents)
