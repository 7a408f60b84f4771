"""Codes that make an order cheaper, and the orders that they did."""

from datetime import datetime

from moneyed import Money
from sqlalchemy import CheckConstraint
from sqlalchemy import ForeignKey
from sqlalchemy import String
from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from sqlalchemy.orm import relationship

from ..extensions import Base
from ..money import money
from .columns import Moment
from .goods import Category
from .orders import Order


class Coupon(Base):
    """A code that makes an order cheaper, and for which orders it does."""

    __tablename__ = "coupon"
    __table_args__ = (
        CheckConstraint("code = upper(code)", name="coupon_code_in_capitals"),
        CheckConstraint(
            "total_limit IS NULL OR used <= total_limit", name="coupon_limit_kept"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: In capitals; shoppers may write it as they like.
    code: Mapped[str] = mapped_column(String(40), unique=True)
    #: What it does, for the shopper.
    blurb: Mapped[str] = mapped_column(String(120))

    #: ``"discount"``: the value is taken off. ``"cheapest_free"``: of every so many
    #: pieces, the cheapest is. ``"post_free"``: the post is.
    kind: Mapped[str] = mapped_column(String(20), default="discount")
    #: What a discount takes off: ``"10%"``, or an amount in euros such as ``"5.00"``.
    value: Mapped[str] = mapped_column(String(12), default="")
    #: The most that a discount takes off.
    cap_cents: Mapped[int | None]
    #: Of how many pieces the cheapest is free.
    pieces: Mapped[int] = mapped_column(default=3)

    #: The only shelf that it is for.
    category_id: Mapped[int | None] = mapped_column(ForeignKey("category.id"))
    #: What the goods have to come to.
    minimum_cents: Mapped[int | None]
    first_order: Mapped[bool] = mapped_column(default=False)
    starts_at: Mapped[datetime | None] = mapped_column(Moment)
    ends_at: Mapped[datetime | None] = mapped_column(Moment)

    #: In how many orders it can be used, all in all and by one customer.
    total_limit: Mapped[int | None]
    customer_limit: Mapped[int | None]
    #: In how many it was.
    used: Mapped[int] = mapped_column(default=0)

    category: Mapped[Category | None] = relationship()


class CouponUse(Base):
    """A coupon in an order. Numbered, so that no two uses can be a customer's first."""

    __tablename__ = "coupon_use"
    __table_args__ = (UniqueConstraint("coupon_id", "customer", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    coupon_id: Mapped[int] = mapped_column(ForeignKey("coupon.id"))
    order_id: Mapped[int] = mapped_column(ForeignKey("shop_order.id"), unique=True)
    #: The e-mail address of the order, in lower case.
    customer: Mapped[str] = mapped_column(String(254))
    #: Which of the customer's uses it is, from 1 on.
    number: Mapped[int]
    #: What it took off.
    amount_cents: Mapped[int]

    coupon: Mapped[Coupon] = relationship()
    order: Mapped[Order] = relationship(back_populates="coupon_use")

    @property
    def amount(self) -> Money:
        return money(self.amount_cents, self.order.currency)
