"""Search: what shoppers type and tick, as a query of the shelves."""

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from decimal import InvalidOperation
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import Select
from sqlalchemy import and_
from sqlalchemy import case
from sqlalchemy import func
from sqlalchemy import or_
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from ..forms import read_line
from ..languages import sentences
from ..languages import untold
from ..models import Category
from ..models import Product
from ..models import Variant

LONGEST_QUERY = 60
#: How many words are looked for; more only make it slow.
MOST_WORDS = 6
HIGHEST_PRICE = Decimal(100_000)

#: The orders that results can be in, as the shopper reads them.
SORTS = sentences(
    {
        "best": "Best match",
        "cheap": "Lowest price",
        "dear": "Highest price",
        "name": "Name, A to Z",
    }
)

#: What a variant costs today in cents, rounded as `Variant.price_now` is.
price_now_cents = (Variant.price_cents * (100 - Product.reduction) + 50) // 100


@dataclass(frozen=True)
class Search:
    """What is looked for. Nothing a browser sends is refused, only left out."""

    query: str = ""
    shelf: str = ""
    low: Decimal | None = None
    high: Decimal | None = None
    in_stock: bool = False
    on_sale: bool = False
    sort: str = "best"

    @classmethod
    def read(cls, args: Mapping[str, str]) -> "Search":
        """Read what a form or a link says."""
        low, high = _read_price(args.get("low")), _read_price(args.get("high"))

        # Whichever way round they are typed, it is the range between.
        if low is not None and high is not None and low > high:
            low, high = high, low

        sort = args.get("sort", "")

        return cls(
            query=read_line(args.get("q"))[:LONGEST_QUERY].strip(),
            shelf=read_line(args.get("shelf"))[:40],
            low=low,
            high=high,
            in_stock=args.get("stock") == "1",
            on_sale=args.get("sale") == "1",
            sort=sort if sort in SORTS else "best",
        )

    @property
    def is_filtered(self) -> bool:
        """Whether anything but the words leaves goods out."""
        return bool(
            self.shelf
            or self.low is not None
            or self.high is not None
            or self.in_stock
            or self.on_sale
        )

    @property
    def words(self) -> list[str]:
        """The words, each without the s of a plural: "mugs" finds the mug."""
        words = self.query.lower().split()[:MOST_WORDS]

        return [
            word[:-1] if len(word) > 3 and word.endswith("s") else word
            for word in words
        ]

    def statement(self) -> Select[Product]:
        """The query for the products."""
        of_variant = list(self._variant_conditions())
        price = (
            select(func.min(price_now_cents))
            .where(Variant.product_id == Product.id, *of_variant)
            .correlate(Product)
            .scalar_subquery()
        )
        statement = (
            select(Product)
            .join(Product.category)
            .where(*self._product_conditions())
            .options(selectinload(Product.variants))
        )

        if of_variant:
            statement = statement.where(Product.variants.any(and_(*of_variant)))

        orders: dict[str, tuple[Any, ...]] = {
            "best": (self._misses(), Product.id),
            "cheap": (price, Product.name),
            "dear": (price.desc(), Product.name),
            "name": (Product.name, Product.id),
        }

        return statement.order_by(*orders[self.sort])

    def _variant_conditions(self) -> Iterator[ColumnElement[bool]]:
        if self.low is not None:
            yield price_now_cents >= int(self.low * 100)

        if self.high is not None:
            yield price_now_cents <= int(self.high * 100)

        if self.in_stock:
            yield Variant.stock > 0

    def _product_conditions(self) -> Iterator[ColumnElement[bool]]:
        for word in self.words:
            yield _mentions(word)

        if self.shelf:
            yield Category.slug == self.shelf

        if self.on_sale:
            yield Product.reduction > 0

    def _misses(self) -> ColumnElement[object]:
        """How many of the words are not in the name itself."""
        misses = (
            case((_has(Product.name, word, _said(word)), 0), else_=1)
            for word in self.words
        )

        return sum(misses, start=case((Product.featured, 0), else_=1))


def _mentions(word: str) -> ColumnElement[bool]:
    # A % or _ that is typed is looked for as it is.
    said, colour = _said(word), Variant.options["colour"].as_string()
    texts = Product.name, Product.summary, Product.description, Category.name

    return or_(
        *(_has(text, word, said) for text in texts),
        Product.variants.any(_has(colour, word, said)),
    )


def _said(word: str) -> list[str]:
    """What is stored and has a word in it as the page says it."""
    # Those of one or two letters are in nearly all of them.
    return untold(word) if len(word) > 2 else []


def _has(text: Any, word: str, said: list[str]) -> ColumnElement[bool]:
    """Whether a word is in a text, as it is stored or as the page says it."""
    return or_(text.icontains(word, autoescape=True), text.in_(said))


def _read_price(text: str | None) -> Decimal | None:
    """Read a price in euros, as people write them, or give ``None``."""
    try:
        price = Decimal((text or "").strip().removeprefix("€").replace(",", "."))
    except InvalidOperation:
        return None

    return price if price.is_finite() and 0 <= price <= HIGHEST_PRICE else None
