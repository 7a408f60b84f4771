"""Metrics: what happens to carts, counted and timed.

Start at `counting`; the other modules each hand the numbers to a library.
Knows no app, no request, and no cart but what an observer is told.
"""

from .counting import COUNTERS
from .counting import TIMERS
from .counting import Metric
from .counting import Metrics

__all__ = ["COUNTERS", "TIMERS", "Metric", "Metrics"]
