"""A shop whose orders are made by two at once, in the order of a trace."""

from __future__ import annotations

import datetime as dt
import typing as t
from collections import Counter

from flask_cart import OrderDraft
from flask_cart.testing import Step
from tests.models.checking import Trace
from tests.models.order import NOTES
from tests.models.order import ORDERS
from tests.models.replaying import Shop
from tests.models.replaying import open_shop

NOW: t.Final = dt.datetime(2025, 1, 15, 12, tzinfo=dt.UTC)

TWICE: t.Final = "nothing is sold twice"
GONE: t.Final = "nothing is gone without an order"
TRUE: t.Final = "what is told is true"


class Orders:
    """A shop that has a unique order for each token.

    :param is_one_moment: Whether both order in the same second.
    """

    def __init__(self, shop: Shop | None = None, is_one_moment: bool = False) -> None:
        self.shop = open_shop(retries=8) if shop is None else shop
        self.sold: dict[str, list[str]] = {}
        self._is_one_moment = is_one_moment
        self.shop.extension.clock = self._now

    def _now(self) -> dt.datetime:
        actor = self.shop.run.acting() if self.shop.run is not None else None
        is_late = actor is not None and actor.name == "second"

        return NOW + dt.timedelta(seconds=is_late and not self._is_one_moment)

    def place(self, token: str | None) -> object:
        """Order what is in the cart."""
        cart = self.shop.cart()
        options = {} if token is None else {"token": token}

        return cart.place_order(self.create, self.find, **options)

    def create(self, draft: OrderDraft) -> str:
        self.step("create")

        if draft.order_token in self.sold:
            raise ValueError("There is an order with this token.")

        return self.make(draft.order_token, draft)

    def make(self, token: str, draft: OrderDraft) -> str:
        self.sold[token] = [each.line.item_id for each in draft.lines]

        return token

    def find(self, token: str) -> str | None:
        self.step("find")

        return token if token in self.sold else None

    def step(self, what: str) -> None:
        if self.shop.run is not None:
            self.shop.run.step(what, ORDERS)


def replayed(orders: Orders, trace: Trace, adds: bool) -> tuple[Trace, set[str]]:
    """What two have done that order, and which invariants did not hold."""
    shop = orders.shop
    shop.forget()
    shop.add("mug")()

    with shop.app.app_context():
        token = shop.cart().order_token

    answers: dict[str, object] = {}

    def first() -> None:
        answers["first"] = orders.place(token)

    def second() -> None:
        if adds:
            shop.cart().add("cup", price=1)

        answers["second"] = orders.place(None if adds else token)

    steps = shop.replay(trace, shop.inside(first), shop.inside(second))
    sold = Counter(item for items in orders.sold.values() for item in items)
    left = shop.items()
    wrong = set()

    if max(sold.values(), default=0) > 1:
        wrong.add(TWICE)

    if "mug" not in {*sold, *left}:
        wrong.add(GONE)

    if "second" in answers and (not sold or set(sold) & set(left)):
        wrong.add(TRUE)

    return tuple(map(without_token, steps)), wrong


def without_token(step: Step) -> Step:
    """The step, whose owner may be the note of any order."""
    owner, _, token = step.owner.partition(":")

    return step._replace(owner=NOTES) if token and owner == NOTES else step
