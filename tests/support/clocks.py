"""Clocks of a process that are wrong."""

from __future__ import annotations

import datetime
import sys
import time
import types
from collections.abc import Callable
from inspect import getsource


def step_clocks(ahead: Callable[[], float]) -> None:
    """Let this process believe in another time; what waits does not notice.

    :param ahead: How many seconds it is ahead of the machine, now.
    """
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() + ahead()
    time.time_ns = lambda: now_ns() + int(ahead() * 1e9)

    class Stepped(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
            return datetime.datetime.now(tz) + datetime.timedelta(seconds=ahead())

    # The type itself cannot be changed, and libraries look for exactly that one.
    stepped = types.ModuleType("datetime")
    vars(stepped).update(vars(datetime), datetime=Stepped)

    for name, module in list(sys.modules.items()):
        # Others name it as the type of something.
        if name.startswith("flask_cart.") and "dt.datetime.now" in getsource(module):
            vars(module)["dt"] = stepped
