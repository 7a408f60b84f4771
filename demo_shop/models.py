"""What the shop keeps: its shelves, what stands on them, and what was sold to whom."""

import secrets
from datetime import UTC
from datetime import datetime
from decimal import ROUND_HALF_UP
from decimal import Decimal
from typing import Any

from moneyed import Money
from sqlalchemy import JSON
from sqlalchemy import BigInteger
from sqlalchemy import CheckConstraint
from sqlalchemy import DateTime
from sqlalchemy import Dialect
from sqlalchemy import ForeignKey
from sqlalchemy import Index
from sqlalchemy import String
from sqlalchemy import Text
from sqlalchemy import TypeDecorator
from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from sqlalchemy.orm import relationship

from .extensions import Base
from .forms import Address
from .money import euros

#: The most pieces of one kind in one order.
MOST_PIECES = 20


def _now() -> datetime:
    return datetime.now(UTC)


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


class Category(Base):
    """A shelf of the shop."""

    __tablename__ = "category"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    blurb: Mapped[str] = mapped_column(Text)

    products: Mapped[list["Product"]] = relationship(
        back_populates="category", order_by="Product.id"
    )


class Product(Base):
    """Something we sell, in one or more variants."""

    __tablename__ = "product"

    id: Mapped[int] = mapped_column(primary_key=True)
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id"), index=True)
    slug: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    summary: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    facts: Mapped[list[str]] = mapped_column(JSON)
    featured: Mapped[bool] = mapped_column(default=False)
    #: Which rate of VAT is in the price: ``"standard"`` or ``"reduced"``.
    tax_class: Mapped[str] = mapped_column(String(20), default="standard")
    #: Percent off the price while the product is on sale, else 0.
    reduction: Mapped[int] = mapped_column(default=0)

    category: Mapped[Category] = relationship(back_populates="products")
    variants: Mapped[list["Variant"]] = relationship(
        back_populates="product", order_by="Variant.id"
    )

    @property
    def first(self) -> "Variant":
        """The variant that the product is shown as."""
        return next((v for v in self.variants if v.stock), self.variants[0])

    @property
    def cheapest(self) -> "Variant":
        """The variant with the lowest price."""
        return min(self.variants, key=lambda variant: variant.price_cents)

    @property
    def one_price(self) -> bool:
        """Whether all variants cost the same."""
        return len({variant.price_cents for variant in self.variants}) == 1

    @property
    def colours(self) -> list[str]:
        """The colours it comes in, each once."""
        colours = (variant.options.get("colour") for variant in self.variants)
        return list(dict.fromkeys(colour for colour in colours if colour))

    @property
    def sold_out(self) -> bool:
        """Whether no variant is left."""
        return not any(variant.stock for variant in self.variants)


class Variant(Base):
    """One thing that can be put in a cart: it has its own SKU, price and stock.

    The ``cart_`` properties make it a buyable: it is handed to ``current_cart.add``
    as it is.
    """

    __tablename__ = "variant"
    __table_args__ = (CheckConstraint("stock >= 0", name="variant_stock_not_negative"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), index=True)
    sku: Mapped[str] = mapped_column(String(40), unique=True)
    options: Mapped[dict[str, str]] = mapped_column(JSON)
    price_cents: Mapped[int]
    stock: Mapped[int]

    product: Mapped[Product] = relationship(back_populates="variants")

    @property
    def price(self) -> Money:
        """The full price."""
        return euros(self.price_cents)

    @property
    def price_now(self) -> Money:
        """The price to pay today, with the product's reduction taken off."""
        share = Decimal(100 - self.product.reduction) / 100
        amount = (self.price.amount * share).quantize(Decimal("0.01"), ROUND_HALF_UP)

        return Money(amount, self.price.currency)

    @property
    def cart_id(self) -> str:
        return self.sku

    @property
    def cart_name(self) -> str:
        return self.product.name

    @property
    def cart_price(self) -> Money:
        return self.price_now

    @property
    def cart_available(self) -> int:
        return self.stock

    @property
    def cart_maximum(self) -> int:
        return MOST_PIECES

    @property
    def cart_options(self) -> dict[str, str]:
        return self.options

    @property
    def cart_attributes(self) -> dict[str, str]:
        product = self.product

        return {"category": product.category.slug, "tax_class": product.tax_class}


def _secret() -> str:
    return secrets.token_urlsafe(32)


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
    shopper: Mapped[str] = mapped_column(String(43), unique=True, default=_secret)
    opened_at: Mapped[datetime] = mapped_column(Moment, default=_now)

    def get_id(self) -> str:
        """What Flask-Login keeps in the session, and Flask-Cart names carts by."""
        return str(self.id)


class Order(Base):
    """A cart that was bought, with the prices of that moment."""

    __tablename__ = "shop_order"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: The order's place in URLs. It can't be guessed.
    token: Mapped[str] = mapped_column(String(43), unique=True)
    #: The secret of the account, or of the browser session, that placed the order.
    shopper: Mapped[str] = mapped_column(String(43), index=True)
    #: The sold cart: it can be sold only once.
    order_token: Mapped[str] = mapped_column(String(255), unique=True)
    placed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=_now)

    name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(254))
    street: Mapped[str] = mapped_column(String(200))
    postcode: Mapped[str] = mapped_column(String(16))
    town: Mapped[str] = mapped_column(String(100))
    country: Mapped[str] = mapped_column(String(60))
    note: Mapped[str] = mapped_column(Text)

    subtotal_cents: Mapped[int]
    shipping_cents: Mapped[int]
    savings_cents: Mapped[int]
    total_cents: Mapped[int]

    lines: Mapped[list["OrderLine"]] = relationship(order_by="OrderLine.id")
    coupon_use: Mapped["CouponUse | None"] = relationship(back_populates="order")

    @property
    def number(self) -> str:
        """The number that the shopper quotes in letters."""
        return f"SW-{1000 + self.id}"

    @property
    def subtotal(self) -> Money:
        return euros(self.subtotal_cents)

    @property
    def shipping(self) -> Money:
        return euros(self.shipping_cents)

    @property
    def savings(self) -> Money:
        return euros(self.savings_cents)

    @property
    def total(self) -> Money:
        return euros(self.total_cents)


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

    @property
    def unit_price(self) -> Money:
        return euros(self.unit_cents)

    @property
    def subtotal(self) -> Money:
        return euros(self.subtotal_cents)


class Payment(Base):
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
    total_cents: Mapped[int]

    name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(254))
    street: Mapped[str] = mapped_column(String(200))
    postcode: Mapped[str] = mapped_column(String(16))
    town: Mapped[str] = mapped_column(String(100))
    country: Mapped[str] = mapped_column(String(60))

    @property
    def total(self) -> Money:
        return euros(self.total_cents)

    @property
    def address(self) -> Address:
        return Address(
            self.name, self.email, self.street, self.postcode, self.town, self.country
        )


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
        return euros(self.amount_cents)


class CartWrite(Base):
    """One saved version of somebody's cart, with the signals that told of it."""

    __tablename__ = "cart_write"
    __table_args__ = (Index("cart_write_of_owner", "owner", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(255))
    instance: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(BigInteger)
    #: The name of the last event.
    reason: Mapped[str] = mapped_column(String(40))
    saved_at: Mapped[datetime] = mapped_column(Moment)
    #: Each with its name and its own fields.
    events: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
