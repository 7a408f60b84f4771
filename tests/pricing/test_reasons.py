"""Why conditions do nothing: codes with parameters, and one line for a developer."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from flask_cart.pricing.reasons import plain_reason


@pytest.mark.parametrize(
    ("code", "params", "line"),
    [
        ("no_amount", {}, "no_amount"),
        ("rule_failed", {"rule": "own"}, "rule_failed: rule own"),
        ("rule_not_met", {"why": "not_logged_in"}, "not_logged_in"),
        (
            "rule_not_met",
            {"why": "too_little", "amount": Decimal(9), "there": Decimal("8.50")},
            "too_little: amount 9, there 8.50",
        ),
        (
            "rule_not_met",
            {"why": "items_missing", "ids": ("jar", "cup")},
            "items_missing: ids jar/cup",
        ),
        (
            "rule_not_met",
            {"why": "after_last_day", "last": dt.date(2025, 1, 14)},
            "after_last_day: last 2025-01-14",
        ),
        ("rule_not_met", {"why": "said", "text": "not today"}, "not today"),
        (
            "rule_not_met",
            {"why": "any", "reasons": ({"why": "said", "text": "a"}, {"why": "b"})},
            "a or b",
        ),
    ],
)
def test_is_one_line(code: str, params: dict[str, object], line: str) -> None:
    """The word and what it is about; what a rule of the app has said is that."""
    assert plain_reason(code, params) == line
