"""A cart's coupons, by their codes."""

from __future__ import annotations

import typing as t
from collections.abc import Collection

from ..model.errors import InvalidConditionError
from ..model.operations import AddCoupons
from ..model.operations import RemoveCoupon
from ..model.values import check_text
from ..model.values import refused_as
from .working_copy import WorkingCopy


class Coupons(Collection[str]):
    """The codes of a cart's coupons. Every change is a write of the cart.

    Only the codes are stored. What they do is asked of the
    :meth:`~FlaskCart.coupon_loader` whenever totals are calculated.

    >>> cart.coupons.add("SUMMER")
    >>> list(cart.coupons)
    ['SUMMER']
    >>> cart.coupons.remove("SUMMER")

    :param working: What was read of the cart.
    :param most: How many codes a cart notes.
    """

    def __init__(self, working: WorkingCopy, most: int | None) -> None:
        self._working = working
        self._most = most

    def __iter__(self) -> t.Iterator[str]:
        return iter(self._working.document.coupons)

    def __len__(self) -> int:
        return len(self._working.document.coupons)

    def __contains__(self, code: object) -> bool:
        return code in self._working.document.coupons

    def __repr__(self) -> str:
        return f"Coupons({list(self)!r})"

    def add(self, code: str) -> None:
        """Note a code, if it is not there; one too many is in place of the oldest.

        Nobody is asked whether there is such a coupon.

        :param code: As the shop writes it: the name of the coupon's condition.
        :raises InvalidConditionError: If it is not text.
        """
        with refused_as(InvalidConditionError):
            code = check_text(code, "The code of a coupon")

        self._working.apply(AddCoupons((code,), self._most))

    def remove(self, code: str) -> None:
        """Forget a code; nothing happens if it is not there."""
        self._working.apply(RemoveCoupon(code))
