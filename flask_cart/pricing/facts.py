"""Facts: what a rule may know about a cart, and cannot change."""

from __future__ import annotations

import datetime as dt
import typing as t
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

import msgspec

from ..model.lines import Line

V = t.TypeVar("V")


class Lazy(Mapping[str, V]):
    """A mapping that is asked for when somebody looks into it, and then once.

    :param load: Returns the mapping.
    """

    def __init__(self, load: t.Callable[[], Mapping[str, V]]) -> None:
        self._load = load
        self._loaded: Mapping[str, V] | Exception | None = None

    def _read(self) -> Mapping[str, V]:
        if self._loaded is None:
            self._loaded = RuntimeError("These facts cannot be made of themselves.")

            try:
                self._loaded = MappingProxyType(dict(self._load()))
            except Exception as error:
                self._loaded = error

        if isinstance(self._loaded, Exception):
            raise self._loaded

        return self._loaded

    def __getitem__(self, key: str) -> V:
        return self._read()[key]

    def __iter__(self) -> t.Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule may know. Nothing of it can be changed.

    :param lines: The lines of the cart.
    :param about: Those that the question is about: all of them, or the one that a
        condition is on, or those that it is limited to.
    :param subtotal: The sum of the lines as it is shown, before the conditions of the
        cart. On a line: before the conditions of the lines.
    :param amount: What there is to pay as it is shown at this point, after the
        conditions that come before. On a line: of this line.
    :param amounts: What each line comes to at this point, by its id.
    :param subtotals: What each comes to where ``subtotal`` is their sum.
    :param net: What each comes to at this point, without the taxes that it includes.
    :param shipping: What shipping comes to at this point.
    :param currency: The ISO 4217 code of all amounts.
    :param metadata: What the shop notes about the cart.
    :param coupons: The codes of the cart's coupons.
    :param tenant: The tenant whose cart it is; ``None`` in the shop without one.
    :param owner_kind: ``"user"``, ``"guest"`` or what the app's own loader says.
    :param owner_id: The owner's id; ``None`` for a guest of whom nothing is stored.
    :param instance: Which of the owner's carts.
    :param now: When this is, to the second, in the shop's time zone.
    :param app: What the app knows. It is asked for when a rule looks into it.
    """

    lines: tuple[Line, ...]
    about: tuple[Line, ...]
    subtotal: Decimal
    amount: Decimal
    amounts: Mapping[str, Decimal]
    subtotals: Mapping[str, Decimal]
    net: Mapping[str, Decimal]
    shipping: Decimal
    currency: str
    metadata: Mapping[str, t.Any]
    coupons: tuple[str, ...]
    tenant: str | None
    owner_kind: str
    owner_id: str | None
    instance: str
    now: dt.datetime
    app: Mapping[str, t.Any]

    @property
    def quantity(self) -> int:
        """How many items, of the lines that the question is about."""
        return sum(line.quantity for line in self.about)
