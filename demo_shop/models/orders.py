"""What was sold, and what is being paid."""

from datetime import date
from datetime import datetime
from typing import TYPE_CHECKING

from moneyed import Money
from sqlalchemy import JSON
from sqlalchemy import ForeignKey
from sqlalchemy import String
from sqlalchemy import Text
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from sqlalchemy.orm import relationship

from ..extensions import Base
from ..forms import Address
from ..money import money
from .columns import Moment
from .columns import now

if TYPE_CHECKING:
    from .coupons import CouponUse


class Addressed:
    """Has the address of who buys, under the names that its form has."""

    name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(254))
    street: Mapped[str] = mapped_column(String(200))
    postcode: Mapped[str] = mapped_column(String(16))
    town: Mapped[str] = mapped_column(String(100))
    country: Mapped[str] = mapped_column(String(60))

    @property
    def address(self) -> Address:
        return Address(
            self.name, self.email, self.street, self.postcode, self.town, self.country
        )


class Order(Addressed, Base):
    """A cart that was bought, with the prices of that moment."""

    __tablename__ = "shop_order"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: The order's place in URLs. It can't be guessed.
    token: Mapped[str] = mapped_column(String(43), unique=True)
    #: The secret of the account, or of the browser session, that placed the order.
    shopper: Mapped[str] = mapped_column(String(43), index=True)
    #: The sold cart: it can be sold only once.
    order_token: Mapped[str] = mapped_column(String(255), unique=True)
    placed_at: Mapped[datetime] = mapped_column(Moment, default=now)
    #: What has become of it since. What is paid when it arrives has no such time.
    paid_at: Mapped[datetime | None] = mapped_column(Moment)
    packed_at: Mapped[datetime | None] = mapped_column(Moment)
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    cancelled_at: Mapped[datetime | None] = mapped_column(Moment)

    note: Mapped[str] = mapped_column(Text)

    #: What all sums are in, but for what was left on the card.
    currency: Mapped[str] = mapped_column(String(3), default="EUR")

    subtotal_cents: Mapped[int]
    #: How it is sent.
    shipping_name: Mapped[str] = mapped_column(String(40))
    shipping_cents: Mapped[int]
    #: From when and up to when it was to arrive, as it was said at the order.
    arrives_first: Mapped[date | None]
    arrives_last: Mapped[date | None]
    savings_cents: Mapped[int]
    total_cents: Mapped[int]
    #: The card that paid some of it, how much, and what was left on it then.
    card_code: Mapped[str] = mapped_column(String(40), default="")
    card_cents: Mapped[int] = mapped_column(default=0)
    card_left_cents: Mapped[int] = mapped_column(default=0)

    lines: Mapped[list["OrderLine"]] = relationship(
        order_by="OrderLine.id", back_populates="order"
    )
    taxes: Mapped[list["OrderTax"]] = relationship(
        order_by="OrderTax.id", back_populates="order"
    )
    coupon_use: Mapped["CouponUse | None"] = relationship(back_populates="order")

    @property
    def number(self) -> str:
        """The number that the shopper quotes in letters."""
        return f"SW-{1000 + self.id}"

    @property
    def arrives(self) -> tuple[date, date] | None:
        """From when and up to when it was to arrive, if that was said."""
        if self.arrives_first is None or self.arrives_last is None:
            return None

        return self.arrives_first, self.arrives_last

    @property
    def steps(self) -> list[tuple[str, datetime | None]]:
        """What becomes of it: each step, and when that was if it was."""
        begun = [("ordered", self.placed_at)]

        if self.paid_at:
            begun.append(("paid", self.paid_at))

        if self.cancelled_at:
            return [*begun, ("cancelled", self.cancelled_at)]

        return [*begun, ("packed", self.packed_at), ("sent", self.sent_at)]

    @property
    def subtotal(self) -> Money:
        return money(self.subtotal_cents, self.currency)

    @property
    def shipping(self) -> Money:
        return money(self.shipping_cents, self.currency)

    @property
    def savings(self) -> Money:
        return money(self.savings_cents, self.currency)

    @property
    def paid_by_card(self) -> Money:
        return money(self.card_cents, self.currency)

    @property
    def left_on_card(self) -> Money:
        return money(self.card_left_cents, self.currency)

    @property
    def due(self) -> Money:
        """What the gift card has not paid."""
        return money(self.total_cents - self.card_cents, self.currency)

    @property
    def total(self) -> Money:
        return money(self.total_cents, self.currency)


class OrderLine(Base):
    """A line of an order. It's a copy: products may change or go."""

    __tablename__ = "shop_order_line"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("shop_order.id"), index=True)
    sku: Mapped[str] = mapped_column(String(40))
    slug: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(80))
    options: Mapped[dict[str, str]] = mapped_column(JSON)
    quantity: Mapped[int]
    unit_cents: Mapped[int]
    subtotal_cents: Mapped[int]

    order: Mapped[Order] = relationship(back_populates="lines")

    @property
    def unit_price(self) -> Money:
        return money(self.unit_cents, self.order.currency)

    @property
    def subtotal(self) -> Money:
        return money(self.subtotal_cents, self.order.currency)


class OrderTax(Base):
    """The VAT of one rate that is in the total of an order."""

    __tablename__ = "shop_order_tax"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("shop_order.id"), index=True)
    #: Such as ``"23%"``.
    rate: Mapped[str] = mapped_column(String(12))
    #: What contains it.
    base_cents: Mapped[int]
    amount_cents: Mapped[int]

    order: Mapped[Order] = relationship(back_populates="taxes")

    @property
    def base(self) -> Money:
        return money(self.base_cents, self.order.currency)

    @property
    def amount(self) -> Money:
        return money(self.amount_cents, self.order.currency)


class Payment(Addressed, Base):
    """An order that was begun, and that Sandbox Pay is to tell us more about.

    It has what the cart can't tell when the money comes: who buys, and where the
    parcel goes.
    """

    __tablename__ = "payment"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: What Flask-Cart knows the order by, and Sandbox Pay the payment.
    order_token: Mapped[str] = mapped_column(String(64), unique=True)
    shopper: Mapped[str] = mapped_column(String(43), index=True)
    #: ``"open"``, ``"refused"``, ``"given_up"``, ``"paid"``, or ``"too_late"``: it was
    #: paid and there is no order, so the money goes back.
    state: Mapped[str] = mapped_column(String(10), default="open")
    #: Where the shopper pays.
    url: Mapped[str] = mapped_column(String(200))
    #: What is to be paid, and what a gift card pays of the order.
    total_cents: Mapped[int]
    card_cents: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3), default="EUR")

    @property
    def total(self) -> Money:
        return money(self.total_cents, self.currency)

    @property
    def paid_by_card(self) -> Money:
        return money(self.card_cents, self.currency)
