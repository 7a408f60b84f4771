"""The shelves of the shop, and what stands on them."""

from decimal import ROUND_HALF_UP
from decimal import Decimal

from moneyed import Money
from sqlalchemy import JSON
from sqlalchemy import CheckConstraint
from sqlalchemy import ForeignKey
from sqlalchemy import String
from sqlalchemy import Text
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from sqlalchemy.orm import relationship

from ..extensions import Base
from ..money import asked_in
from ..money import euros

#: The most pieces of one kind in one order.
MOST_PIECES = 20


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
    #: What one weighs, packed.
    grams: Mapped[int]
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

    def price_in(self, currency: str) -> Money:
        """The full price in another currency."""
        return asked_in(currency, self.price)

    def cart_price_in(self, currency: str) -> Money:
        return asked_in(currency, self.price_now)

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
    def cart_attributes(self) -> dict[str, str | int]:
        product = self.product

        return {
            "category": product.category.slug,
            "grams": product.grams,
            "tax_class": product.tax_class,
        }
