"""Services: what all carts of an app share, and who is asked by them."""

from __future__ import annotations

import datetime as dt
import logging
import typing as t
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from dataclasses import field

from msgspec.structs import replace

from ..model.errors import AnyCart
from ..model.errors import CartConfigError
from ..model.errors import CartError
from ..model.events import CartAbandoned
from ..model.events import Event
from ..model.events import ReminderDue
from ..model.merging import ADD_QUANTITIES
from ..model.merging import Strategies
from ..model.merging import Strategy
from ..model.operations import Limited
from ..model.operations import Operation
from ..pricing.rounding import RoundingPlace
from ..pricing.rulebook import Rulebook
from .catalogue import Catalogue
from .observing import Observers
from .repository import Repository
from .writing import Operations

_logger = logging.getLogger(__name__)

#: Who is being asked about a cart, which may be locked, and cannot change one.
_asked: ContextVar[str] = ContextVar("flask_cart_asked", default="")

_RECEIVER: t.Final = "A receiver of before_change decides about a change; it"
_RULE: t.Final = "A rule or provider says what the totals depend on; it"


def utc_now() -> dt.datetime:
    """What time it is."""
    return dt.datetime.now(dt.UTC)


class Announcer(t.Protocol):
    """Tells others what happens to carts."""

    def before(self, cart: AnyCart, version: int, events: tuple[Event, ...]) -> None:
        """Say what is about to be saved; raises to keep it from being saved."""

    def after(self, cart: AnyCart, events: tuple[Event, ...]) -> None:
        """Say what was saved."""

    def hears(self, *names: str) -> bool:
        """Whether anybody is told of one of these events."""

    def tell(self, cart: AnyCart, event: Event) -> None:
        """Say what has happened without a change of the cart."""

    def left(self, cart: AnyCart, event: CartAbandoned | ReminderDue) -> None:
        """Say what was left, and is about to be deleted; raises to keep it as it is."""


@dataclass(frozen=True, kw_only=True)
class Registry:
    """What an app has registered for its carts."""

    rulebook: Rulebook = field(default_factory=Rulebook)
    catalogue: Catalogue = field(default_factory=Catalogue)
    strategies: Strategies = field(default_factory=Strategies)
    observers: Observers = field(default_factory=Observers)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What an app has configured for its carts.

    :param rounding_mode: How amounts are rounded.
    :param round_at: Whether every line and step is rounded, the price of one as well,
        or only the total.
    :param time_zone: In which days begin and end.
    :param stock_ignored: The instances in which terms of products do not count.
    :param merge_strategy: The name of the one that is taken if none is named.
    """

    rounding_mode: str = "half_up"
    round_at: RoundingPlace = "line"
    time_zone: dt.tzinfo = dt.UTC
    stock_ignored: frozenset[str] = frozenset()
    merge_strategy: str = ADD_QUANTITIES.name


@dataclass(frozen=True, kw_only=True)
class CartServices:
    """What all the carts of an app share.

    :param repository: Where they are.
    :param announcer: Tells others what happens to them.
    :param registry: What the app has registered.
    :param policy: What the app has configured.
    :param clock: Tells what time it is, with a time zone.
    :param logger: Is told what has failed.
    """

    repository: Repository
    announcer: Announcer
    registry: Registry = field(default_factory=Registry)
    policy: Policy = field(default_factory=Policy)
    clock: t.Callable[[], dt.datetime] = utc_now
    logger: logging.Logger = _logger

    def now(self) -> dt.datetime:
        """When it is, as rules are told."""
        return self.local_time(self.clock())

    def with_terms(self, instance: str, operations: Operations) -> Operations:
        """The operations with the terms of the products that they are about."""
        if operations is None or not any(isinstance(e, Limited) for e in operations):
            return operations

        return self.registry.catalogue.with_terms(self.heeded(instance, operations))

    def heeded(
        self, instance: str, operations: t.Sequence[Operation]
    ) -> t.Sequence[Operation]:
        """The operations, without terms where those of products do not count."""
        if instance not in self.policy.stock_ignored:
            return operations

        return [
            replace(each, terms=(), asks=()) if isinstance(each, Limited) else each
            for each in operations
        ]

    def strategy(self, name: str | None = None) -> Strategy:
        """The strategy of this name, or the one that the app has configured.

        :raises CartConfigError: If there is none.
        """
        return self.registry.strategies.find(name or self.policy.merge_strategy)

    def local_time(self, moment: dt.datetime) -> dt.datetime:
        """The moment in the shop's time zone, to the second."""
        if moment.utcoffset() is None:
            raise CartConfigError("The clock of a FlaskCart must tell its time zone.")

        return moment.astimezone(self.policy.time_zone).replace(microsecond=0)


def asking_receivers() -> AbstractContextManager[None]:
    """Keep who decides about a change from making one."""
    return _Asking(_RECEIVER)


def asking_rules() -> AbstractContextManager[None]:
    """Keep the rules of an app from changing a cart, and from asking themselves.

    :raises CartError: If it is a rule that asks.
    """
    if _asked.get() == _RULE:
        raise CartError(f"{_RULE} cannot read totals itself.")

    return _Asking(_RULE)


class _Asking(AbstractContextManager[None]):
    def __init__(self, who: str) -> None:
        self._who = who

    def __enter__(self) -> None:
        self._token = _asked.set(self._who)

    def __exit__(self, *error: object) -> None:
        _asked.reset(self._token)


def refuse_while_asked() -> None:
    """Refuse a change by somebody who is asked.

    :raises CartError: If somebody is.
    """
    if _asked.get():
        raise CartError(f"{_asked.get()} cannot change a cart itself.")
