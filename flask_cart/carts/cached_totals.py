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


class _Priced(t.NamedTuple):
    """Totals, and what they were calculated of.

    :param now: When that was, or ``None`` if they are the same at any time.
    """

    document: Document
    now: dt.datetime | None
    totals: Totals


@dataclass(eq=False)
class CachedTotals:
    """The totals of what one holder of a cart has read.

    :param services: What all carts of the app share.
    :param working: What was read.
    :param tenant: The tenant of the cart, also of one that has no key yet.
    """

    services: CartServices
    working: WorkingCopy
    tenant: str | None
    _priced: _Priced | None = field(default=None, init=False)

    def now(self) -> Totals:
        """The totals by all the rules of now."""
        document, now = self.working.document, self.services.now()
        priced = self._priced

        if (
            priced is None
            or priced.document is not document
            or priced.now not in (None, now)
        ):
            evaluation = self._evaluation(now)
            totals = self._asked(compute_totals, document, evaluation)
            moment = now if evaluation.was_asked else None
            priced = self._priced = _Priced(document, moment, totals)

        return priced.totals

    def shipping_options(self) -> tuple[ShippingOption, ...]:
        """The shipping methods, with what each would cost now."""
        if self.services.registry.rulebook.list_shipping is None:
            return ()

        evaluation = self._evaluation(self.services.now())

        return self._asked(shipping_options, self.working.document, evaluation)

    def offered_shipping(self) -> tuple[ShippingOption, ...]:
        """The same; none if they cannot be asked for.

        A cart can be shown without them, as its totals are.
        """
        try:
            return self.shipping_options()
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

    def _asked(
        self,
        calculate: t.Callable[[Document, Rounding, Evaluation], Result],
        document: Document,
        evaluation: Evaluation,
    ) -> Result:
        with asking_rules():
            result = calculate(document, self.rounding(document), evaluation)

        evaluation.report(self.services.logger)

        return result

    def _evaluation(self, now: dt.datetime) -> Evaluation:
        key = self.working.key
        owner = key.bare_owner if key is not None else None
        instance = key.instance if key is not None else "default"
        tenant = key.tenant if key is not None else self.tenant

        return Evaluation(self.services.registry.rulebook, owner, instance, now, tenant)
