"""Events: what happened to a cart, as immutable facts.

Operations make them, the cart stamps and sends them once the change is saved.
"""

from __future__ import annotations

import datetime as dt
import typing as t
from typing import ClassVar

import msgspec

from .conditions import Condition
from .keys import tenant_of
from .lines import Line
from .values import snake_case


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a cart.

    :param id: Identifies the event.
    :param occurred_at: When it was saved, with its time zone.
    :param owner: Whose cart it is, such as ``"user:7"``; with the name of the tenant
        if there is one, ``"acme/user:7"``.
    :param instance: Which of the owner's carts, such as ``"default"``.
    :param version: The version that the cart has since.
    """

    #: The name of the signal that announces events of this class, such as
    #: ``"item_added"`` for ``ItemAdded``.
    name: ClassVar[str]

    id: str = ""
    occurred_at: dt.datetime | None = None
    owner: str = ""
    instance: str = ""
    version: int = 0

    def __init_subclass__(cls, **options: t.Any) -> None:
        super().__init_subclass__(**options)
        cls.name = snake_case(cls.__name__)

    @property
    def tenant(self) -> str | None:
        """The tenant whose cart it is; ``None`` in the shop without one."""
        return tenant_of(self.owner)

    def to_dict(self) -> dict[str, t.Any]:
        """The event as plain data that can be encoded as JSON."""
        return {"event": self.name, "tenant": self.tenant, **msgspec.to_builtins(self)}


class CartCreated(Event, frozen=True, kw_only=True):
    """A cart was saved for the first time."""


class ItemAdded(Event, frozen=True, kw_only=True):
    """A line that was not there before."""

    line: Line


class ItemUpdated(Event, frozen=True, kw_only=True):
    """A line has another quantity, price, name or attributes."""

    line: Line
    previous: Line
    quantity_delta: int


class ItemRemoved(Event, frozen=True, kw_only=True):
    """A line is gone."""

    line: Line


class ConditionAdded(Event, frozen=True, kw_only=True):
    """The cart has a condition that it did not have before."""

    condition: Condition


class ConditionRemoved(Event, frozen=True, kw_only=True):
    """A condition of the cart is gone."""

    condition: Condition


class ItemConditionAdded(Event, frozen=True, kw_only=True):
    """A line has a condition that it did not have before."""

    line: Line
    condition: Condition


class ItemConditionRemoved(Event, frozen=True, kw_only=True):
    """A condition of a line is gone."""

    line: Line
    condition: Condition


class MetadataAdded(Event, frozen=True, kw_only=True):
    """A metadata key has a value that it did not have before."""

    key: str
    value: t.Any


class MetadataRemoved(Event, frozen=True, kw_only=True):
    """A metadata key is gone."""

    key: str
    value: t.Any


class CouponAdded(Event, frozen=True, kw_only=True):
    """The cart has the code of a coupon that it did not have before."""

    code: str


class CouponRemoved(Event, frozen=True, kw_only=True):
    """The code of a coupon is gone."""

    code: str


class ShippingChosen(Event, frozen=True, kw_only=True):
    """Another shipping method was chosen, or the same one at another price.

    :param method: Its name; ``None`` if none is chosen any more.
    """

    method: str | None


class CurrencyChanged(Event, frozen=True, kw_only=True):
    """All amounts of the cart are in another currency."""

    currency: str
    previous_currency: str


class CartCleared(Event, frozen=True, kw_only=True):
    """The cart was emptied of all this."""

    lines: tuple[Line, ...]
    conditions: tuple[Condition, ...]
    metadata: dict[str, t.Any]
    coupons: tuple[str, ...]
    shipping: str | None


class CartDestroyed(Event, frozen=True, kw_only=True):
    """The cart was deleted. The version is the last one that it had."""

    lines: tuple[Line, ...]


class CartAbandoned(Event, frozen=True, kw_only=True):
    """The cart has not been touched for so long that it is about to be deleted.

    :param kind: ``"empty"``, ``"guest"`` or ``"user"``.
    :param lines: What would be deleted.
    :param last_changed: When the shopper last changed it.
    """

    kind: str
    lines: tuple[Line, ...]
    last_changed: dt.datetime | None


class ReminderDue(Event, frozen=True, kw_only=True):
    """The cart has not been touched for a while, and nobody was reminded of it yet.

    :param kind: ``"guest"`` or ``"user"``.
    :param lines: What was left.
    :param last_changed: When the shopper last changed it.
    """

    kind: str
    lines: tuple[Line, ...]
    last_changed: dt.datetime | None


class CartMerged(Event, frozen=True, kw_only=True):
    """Another cart was merged into this one.

    :param source: The owner of the other cart.
    :param lines: The lines that came from it, with the quantities that were taken.
    :param left_out: The lines and quantities that did not: those that the limits or the
        products do not allow.
    """

    source: str
    lines: tuple[Line, ...]
    left_out: tuple[Line, ...]


class CartNotMerged(Event, frozen=True, kw_only=True):
    """Another cart was not merged into this one, because it is in another currency.

    :param source: The owner of the other cart.
    :param currency: Its currency.
    :param lines: The lines that stay in it.
    """

    source: str
    currency: str
    lines: tuple[Line, ...]


class ItemMoved(Event, frozen=True, kw_only=True):
    """A line has come from another cart of the owner.

    :param line: The line as it came, with the quantity that came.
    :param source: The instance that it came from.
    """

    line: Line
    source: str


class CheckoutStarted(Event, frozen=True, kw_only=True):
    """An order for what is in the cart was begun, and is not made yet.

    :param order_token: Identifies what is being ordered.
    :param lines: The lines that are being ordered.
    """

    order_token: str
    lines: tuple[Line, ...]


class CheckoutCancelled(Event, frozen=True, kw_only=True):
    """An order that was begun is given up. What was to be ordered stays in the cart.

    :param order_token: Identifies what was being ordered.
    :param lines: The lines that were being ordered.
    """

    order_token: str
    lines: tuple[Line, ...]


class CartCheckedOut(Event, frozen=True, kw_only=True):
    """The cart was sold, and emptied of what was; once for every order.

    The version is 0 if no cart knew of the order any more.

    :param order_token: Identifies what was sold; the order keeps it.
    """

    order_token: str
    lines: tuple[Line, ...]


class BeforeChange(Event, frozen=True, kw_only=True):
    """A change is about to be saved; the version is the one that it is based on.

    :param events: What would happen.
    """

    events: tuple[Event, ...]

    def to_dict(self) -> dict[str, t.Any]:
        return super().to_dict() | {"events": _to_dicts(self.events)}


class CartUpdated(Event, frozen=True, kw_only=True):
    """A version of the cart was saved, or the cart deleted.

    :param events: All that happened in it, in order.
    :param reason: The name of the last of them.
    """

    events: tuple[Event, ...]
    reason: str

    def to_dict(self) -> dict[str, t.Any]:
        return super().to_dict() | {"events": _to_dicts(self.events)}


def _to_dicts(events: tuple[Event, ...]) -> list[dict[str, t.Any]]:
    return [event.to_dict() for event in events]
