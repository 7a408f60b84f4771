"""Repricing: what the catalogue says about the lines of a cart by now."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import msgspec
from moneyed import Money
from msgspec.structs import replace

from ..model.document import Document
from ..model.errors import InvalidItemError
from ..model.limits import Objection
from ..model.limits import Terms
from ..model.limits import terms_of
from ..model.line_operations import put_lines
from ..model.lines import Line
from ..model.lines import refreshed
from ..model.money import MoneyLike
from ..model.money import agreed_price
from ..model.money import price_in
from ..model.operations import Applied
from ..model.operations import Reapplied
from ..model.products import Buyable
from ..model.products import NotSoldError
from ..model.products import Variant
from ..model.products import is_plain
from ..model.products import item_id_of
from ..model.products import price_of
from ..model.values import FrozenDict
from ..model.values import check_text
from ..model.values import refused_as
from .cached_totals import CachedTotals
from .catalogue import variant_in
from .shipping import ShippingDrift
from .shipping import shipping_drift
from .working_copy import WorkingCopy

Accept = t.Literal["lower", "all"] | Mapping[str, MoneyLike]


class Offer(msgspec.Struct, frozen=True):
    """What is sold with the options of a line now, and in which quantities."""

    name: str
    price: Decimal
    attributes: FrozenDict
    variant_id: str | None
    terms: tuple[Terms, ...]

    def objection(self, document: Document, line: Line) -> Objection | None:
        """What stands against the quantity of the line."""
        found = (
            each.against_sum(each.count(document.lines))
            or each.against_line(line.quantity)
            for each in self.terms
        )

        return next(filter(None, found), None)


class Offers:
    """What is sold now in the places of lines.

    :param products: The products by the ids of items; ``None`` for those that are gone.
    :param currency: That of the cart.
    :param home: That of the shop.
    """

    def __init__(
        self, products: t.Mapping[str, Buyable | None], currency: str, home: str
    ) -> None:
        self._products = products
        self._currency = currency
        self._home = home
        self._found: dict[str, Offer | None] = {}

    def know(self, line: Line) -> bool:
        """Whether anybody was asked about the product of a line."""
        return line.product_id in self._products

    def of(self, line: Line) -> Offer | None:
        """What is sold now with the options of a line, if anything is."""
        if line.id not in self._found:
            variant = variant_in(self._products, line)
            self._found[line.id] = variant and _offer(
                variant, line, self._currency, self._home
            )

        return self._found[line.id]


@dataclass(frozen=True)
class LineDrift:
    """What is different in the catalogue from a line.

    :param line: The line as the cart had read it.
    :param old_price: The price of one that it had.
    :param new_price: The price of one now; ``None`` if the product is gone.
    :param name: The name of the product now, and that of the line if it is gone.
    :param is_applied: Whether the line has this price by now.
    :param objection: What stands against the quantity: a ``term`` of the product, such
        as ``"available"``, and its value, the ``limit``.
    """

    line: Line
    old_price: Money
    new_price: Money | None
    name: str
    is_applied: bool
    objection: Objection | None

    @property
    def is_gone(self) -> bool:
        """Whether it is not sold any more. The line is left as it is."""
        return self.new_price is None

    @property
    def is_pinned(self) -> bool:
        """Whether the price was agreed upon, so that the line keeps it."""
        return self.line.is_pinned

    @property
    def needs_consent(self) -> bool:
        """Whether there is a price that the shopper has not agreed to."""
        return not (self.is_gone or self.is_applied or self.is_pinned)

    def to_dict(self) -> dict[str, t.Any]:
        """The difference as plain data that can be encoded as JSON."""
        new_price, objection = self.new_price, self.objection

        return {
            "line_id": self.line.id,
            "item_id": self.line.item_id,
            "quantity": self.line.quantity,
            "old_name": self.line.name,
            "name": self.name,
            "old_price": str(self.old_price.amount),
            "new_price": None if new_price is None else str(new_price.amount),
            "currency": self.old_price.currency.code,
            "is_applied": self.is_applied,
            "is_gone": self.is_gone,
            "is_pinned": self.is_pinned,
            "objection": None if objection is None else objection._asdict(),
        }


@dataclass(frozen=True)
class Drift:
    """How a cart and the catalogue have drifted apart. Iterating yields the lines.

    It is true if there is any difference.

    :param lines: The lines that differ, or did.
    :param shipping: What the chosen shipping method costs, if that differs from what
        the shopper was told.
    """

    lines: tuple[LineDrift, ...]
    shipping: ShippingDrift | None = None

    def __bool__(self) -> bool:
        return bool(self.lines) or self.shipping is not None

    def __iter__(self) -> t.Iterator[LineDrift]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def needing_consent(self) -> tuple[LineDrift, ...]:
        """The lines that are still at their old price, because it is lower."""
        return tuple(each for each in self.lines if each.needs_consent)

    @property
    def gone(self) -> tuple[LineDrift, ...]:
        """The lines whose product does not exist any more."""
        return tuple(each for each in self.lines if each.is_gone)

    @property
    def unavailable(self) -> tuple[LineDrift, ...]:
        """The lines whose quantity is not sold, such as more than there are."""
        return tuple(each for each in self.lines if each.objection is not None)

    @property
    def is_settled(self) -> bool:
        """Whether the cart could be ordered as it is now."""
        is_sent = self.shipping is None or self.shipping.is_applied

        return is_sent and not (self.needing_consent or self.gone or self.unavailable)

    def to_dict(self) -> dict[str, t.Any]:
        """All differences as plain data that can be encoded as JSON."""
        return {
            "is_settled": self.is_settled,
            "lines": [each.to_dict() for each in self.lines],
            "shipping": None if self.shipping is None else self.shipping.to_dict(),
        }


class Reprice(Reapplied, frozen=True):
    """Give the lines what their products have by now, and the prices that they may.

    :param offers: What is sold now.
    :param accepts_all: Whether every price may be given, and not only a lower one.
    :param accepted: The higher prices that may be given, by line.
    """

    offers: Offers
    accepts_all: bool
    accepted: dict[str, Decimal]

    def apply(self, document: Document) -> Applied:
        return put_lines(
            document,
            [
                self._repriced(line, offer)
                for line in document.lines
                if self.offers.know(line)
                and (offer := self.offers.of(line)) is not None
            ],
        )

    def _repriced(self, line: Line, offer: Offer) -> Line:
        ref = line.product_ref and replace(
            line.product_ref, variant_id=offer.variant_id
        )
        line = refreshed(line, offer.attributes, ref)

        return replace(line, name=offer.name, unit_amount=self._price(line, offer))

    def _price(self, line: Line, offer: Offer) -> Decimal:
        may_change = not line.is_pinned and (
            self.accepts_all
            or offer.price < line.unit_amount
            # The shopper has agreed to a price, and not to whatever it is now.
            or offer.price == self.accepted.get(line.id)
        )

        return offer.price if may_change else line.unit_amount


def reprice(working: WorkingCopy, prices: CachedTotals, accept: Accept) -> Drift:
    """Compare a cart with the catalogue, and take over what may be taken over.

    :param prices: Knows the catalogue, and what the shipping methods cost now.
    :raises InvalidItemError: If ``accept`` is none of the ways, or a product cannot be
        in this cart.
    """
    if not isinstance(accept, Mapping) and accept not in ("lower", "all"):
        raise InvalidItemError(
            "accept must be 'lower', 'all', or the accepted price of each line, not"
            f" {accept!r:.40}."
        )

    seen = working.document
    made = [line for line in seen.lines if line.product_ref is not None]
    catalogue = prices.services.registry.catalogue
    # What was added by an id needs no loader, and what sending costs is told anyway.
    products = catalogue.load(line.item_id for line in made) if made else {}
    asked = {line.item_id: products.get(line.item_id) for line in made}
    offers = Offers(asked, seen.currency, working.repository.currency)

    # Before anything is locked, and the others of the same items then.
    for line in made:
        offers.of(line)

    consents = accept if isinstance(accept, Mapping) else {}
    accepted = {
        line_id: price
        for line_id, amount in consents.items()
        if (price := agreed_price(seen.currency, amount)) is not None
    }
    working.apply(Reprice(offers, accept == "all", accepted))

    lines = _drift(seen, working.document, offers)

    return Drift(
        lines,
        shipping_drift(working, prices.shipping_options, accept == "all", accepted),
    )


def _offer(variant: Variant, line: Line, currency: str, home: str) -> Offer:
    opening = f"The product {item_id_of(variant.product)!r:.80} cannot be in the cart: "

    with refused_as(InvalidItemError, opening):
        return Offer(
            check_text(variant.sold.cart_name, "The name"),
            _price_now(variant, line, currency, home),
            variant.attributes,
            variant.id,
            terms_of(variant),
        )


def _price_now(variant: Variant, line: Line, currency: str, home: str) -> Decimal:
    try:
        price = price_of(variant.sold, lambda: currency)

        if currency != home and is_plain(variant.sold, price):
            # It does not tell what it costs here, so what was given stays.
            return line.unit_amount

        return price_in(currency, price)
    except (ValueError, NotSoldError):
        if not line.is_pinned:
            raise

        # Of what was agreed upon nobody needs to know another price.
        return line.unit_amount


def _drift(seen: Document, now: Document, offers: Offers) -> tuple[LineDrift, ...]:
    found = (_line_drift(seen, now, line, offers) for line in now.lines)

    return tuple(each for each in found if each is not None)


def _line_drift(
    seen: Document, now: Document, line: Line, offers: Offers
) -> LineDrift | None:
    # Somebody may have added a line that nobody was asked about.
    if not offers.know(line):
        return None

    was = seen.line(line.id) or line
    offer = offers.of(line)
    objection = None

    if offer is not None:
        objection = offer.objection(now, line)

        if (was.name, was.unit_amount, objection) == (offer.name, offer.price, None):
            return None

    return LineDrift(
        line=was,
        old_price=was.price,
        new_price=Money(offer.price, now.currency) if offer is not None else None,
        name=offer.name if offer is not None else was.name,
        is_applied=offer is not None and line.unit_amount == offer.price,
        objection=objection,
    )
