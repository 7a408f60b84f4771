"""Coupons: what a cart has noted the codes of, asked when totals are read."""

from __future__ import annotations

import typing as t
from contextlib import suppress

from ..model.conditions import Condition
from ..model.errors import CartVetoError
from .facts import Facts

#: Finds the condition of a code; its name is the code as the shop writes it.
CouponLoader = t.Callable[[str], Condition | None]


def provide_coupons(load: CouponLoader) -> t.Callable[[Facts], t.Iterator[Condition]]:
    """A provider of the conditions whose codes a cart has noted."""

    def coupons(facts: Facts) -> t.Iterator[Condition]:
        for code in facts.coupons:
            condition = _load(load, code)

            if condition is not None:
                yield condition

    return coupons


def _load(load: CouponLoader, code: str) -> Condition | None:
    # One that is refused by now must not keep the others from being asked.
    with suppress(CartVetoError):
        return load(code)

    return None
