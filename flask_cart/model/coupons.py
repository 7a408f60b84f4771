"""Coupons: a cart notes their codes, and what they do is asked when totals are read.

So a coupon can end or be used up while it is in a cart.
"""

from __future__ import annotations

import typing as t

#: What their keys in the metadata begin with. Each has one of its own, so that two
#: that are noted at the same time are both there.
_PREFIX: t.Final = "coupon:"


def coupon_key(code: str) -> str:
    """The key in the metadata that notes a code."""
    return f"{_PREFIX}{code}"


def coupon_keys(keys: t.Iterable[str]) -> tuple[str, ...]:
    """Those of the keys of a metadata that note a code."""
    return tuple(key for key in keys if key.startswith(_PREFIX))


def noted_coupons(metadata: t.Mapping[str, t.Any]) -> tuple[str, ...]:
    """The codes that are noted in a cart, in the order in which they came."""
    return tuple(key.removeprefix(_PREFIX) for key in coupon_keys(metadata))


def surplus_coupons(keys: t.Collection[str], most: int | None) -> tuple[str, ...]:
    """The keys of the oldest coupons that are noted, if there are too many.

    :param keys: Of the metadata, the oldest first.
    :param most: How many there may be.
    """
    noted = coupon_keys(keys)

    return () if most is None else noted[: max(len(noted) - most, 0)]
