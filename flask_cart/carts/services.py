"""Services: what all carts of an app share."""

from __future__ import annotations

import datetime as dt
import logging
import typing as t
from dataclasses import dataclass
from dataclasses import field

from msgspec.structs import replace

from ..model.errors import AnyCart
from ..model.errors import CartConfigError
from ..model.events import CartAbandoned
from ..model.events import Event
from ..model.keys import CartKey
from ..model.operations import Limited
from ..model.operations import Operation
from ..model.strategies import Strategies
from ..pricing.rulebook import Rulebook
from .catalogue import Catalogue
from .repository import Repository

_logger = logging.getLogger(__name__)


def utc_now() -> dt.datetime:
    """What time it is."""
    return dt.datetime.now(dt.UTC)


class Announcer(t.Protocol):
    """Tells others what happens to carts."""

    def before(self, cart: AnyCart, version: int, events: tuple[Event, ...]) -> None:
        """Say what is about to be saved; raises to keep it from being saved."""

    def after(self, cart: AnyCart, events: tuple[Event, ...]) -> None:
        """Say what was saved."""

    def abandoned(self, cart: AnyCart, event: CartAbandoned) -> None:
        """Say what is about to be deleted; raises to keep it."""


@dataclass(frozen=True)
class CartServices:
    """What all the carts of an app share."""

    repository: Repository
    announcer: Announcer
    rounding_mode: str
    round_at: t.Literal["line", "total"]
    rulebook: Rulebook = field(default_factory=Rulebook)
    clock: t.Callable[[], dt.datetime] = utc_now
    time_zone: dt.tzinfo = dt.UTC
    logger: logging.Logger = _logger
    catalogue: Catalogue = field(default_factory=Catalogue)
    stock_ignored: frozenset[str] = frozenset()
    strategies: Strategies = field(default_factory=Strategies)
    merge_strategy: str = "add_quantities"

    def now(self) -> dt.datetime:
        """When it is, as rules are told."""
        return self.local_time(self.clock())

    def with_terms(
        self, key: CartKey, operations: t.Sequence[Operation]
    ) -> t.Sequence[Operation]:
        """The operations with the terms of the products that they are about."""
        if key.instance not in self.stock_ignored:
            return self.catalogue.with_terms(operations)

        return [
            replace(each, terms=None) if isinstance(each, Limited) else each
            for each in operations
        ]

    def local_time(self, moment: dt.datetime) -> dt.datetime:
        """The moment in the shop's time zone, to the second."""
        if moment.utcoffset() is None:
            raise CartConfigError("The clock of a FlaskCart must tell its time zone.")

        return moment.astimezone(self.time_zone).replace(microsecond=0)
