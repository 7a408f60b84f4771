"""Cached totals: what a cart comes to, calculated once for every content."""

from __future__ import annotations

import datetime as dt
import typing as t
from dataclasses import dataclass
from dataclasses import field

from ..model.document import Document
from ..pricing.calculation import compute_totals
from ..pricing.calculation import shipping_options
from ..pricing.evaluation import Evaluation
from ..pricing.facts import Facts
from ..pricing.rounding import Rounding
from ..pricing.shipping import ShippingOption
from ..pricing.totals import Totals
from .services import CartServices
from .services import asking_rules
from .working_copy import WorkingCopy

Result = t.TypeVar("Result")

Calculate = t.Callable[[Document, Rounding, Evaluation], Result]


class _Kept(t.NamedTuple):
    """What was calculated, and of what.

    :param now: When that was, or ``None`` if it is the same at any time.
    """

    document: Document
    now: dt.datetime | None
    result: t.Any


@dataclass(eq=False)
class CachedTotals:
    """The totals of what one holder of a cart has read, and how it can be sent.

    :param services: What all carts of the app share.
    :param working: What was read.
    :param tenant: The tenant of the cart, also of one that has no key yet.
    """

    services: CartServices
    working: WorkingCopy
    tenant: str | None
    _kept: dict[Calculate[t.Any], _Kept] = field(default_factory=dict, init=False)

    def now(self) -> Totals:
        """The totals by all the rules of now."""
        return self._calculated(compute_totals)

    def shipping_options(self) -> tuple[ShippingOption, ...]:
        """The shipping methods, which are asked for anew, with what each would cost."""
        self._kept.pop(shipping_options, None)

        return self._shipping()

    def offered_shipping(self) -> tuple[ShippingOption, ...]:
        """The same, asked for once for every moment; none if they cannot be.

        A cart can be shown without them, as its totals are.
        """
        try:
            return self._shipping()
        except Exception:
            self.services.logger.exception("The shipping methods cannot be asked for.")

            return ()

    def facts(self) -> Facts:
        """What a rule may know of the cart, before all conditions."""
        document = self.working.document
        evaluation = self._evaluation(self.services.now())

        return evaluation.facts(document, self.rounding(document))

    def rounding(self, document: Document) -> Rounding:
        """How amounts of a document are rounded."""
        policy = self.services.policy

        return Rounding(document.currency, policy.rounding_mode, policy.round_at)

    def _shipping(self) -> tuple[ShippingOption, ...]:
        if self.services.registry.rulebook.list_shipping is None:
            return ()

        return self._calculated(shipping_options)

    def _calculated(self, calculate: Calculate[Result]) -> Result:
        """Once for every content, where the app has a say once for every moment."""
        document, now = self.working.document, self.services.now()
        kept = self._kept.get(calculate)

        if kept is None or kept.document is not document or kept.now not in (None, now):
            evaluation = self._evaluation(now)

            with asking_rules():
                result = calculate(document, self.rounding(document), evaluation)

            evaluation.report(self.services.logger)
            moment = now if evaluation.was_asked else None
            kept = self._kept[calculate] = _Kept(document, moment, result)

        return t.cast(Result, kept.result)

    def _evaluation(self, now: dt.datetime) -> Evaluation:
        key = self.working.key
        owner = key.bare_owner if key is not None else None
        instance = self.working.instance
        tenant = key.tenant if key is not None else self.tenant

        return Evaluation(self.services.registry.rulebook, owner, instance, now, tenant)
