"""Timing: what is compared takes turns in one process, in rounds of any order."""

from __future__ import annotations

import random
import statistics
import time
import typing as t
from collections.abc import Callable

#: Into how many parts a run is divided, to see how far its parts differ.
_PARTS: t.Final = 5


class Work(t.NamedTuple):
    """Something whose time is taken.

    :param prepare: Makes it possible once more, which takes no time.
    """

    run: Callable[[], object]
    prepare: Callable[[], object] = lambda: None


class Ratio(t.NamedTuple):
    """How long one thing takes beside another that it took turns with.

    :param median: The ratio of the medians.
    :param spread: Half of what lies between the parts of the run.
    """

    median: float
    spread: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ± {self.spread:.2f}"


def take_turns(
    works: t.Mapping[str, Work], rounds: int, seconds: float = float("inf")
) -> dict[str, list[float]]:
    """How many seconds each took in each round.

    :param rounds: At most; at least as many as there are parts.
    :param seconds: When no further round begins.
    """
    taken: dict[str, list[float]] = {name: [] for name in works}
    # The first time, things are made that stay.
    for work in works.values():
        work.prepare()
        work.run()

    end = time.perf_counter() + seconds

    for number in range(max(rounds, _PARTS)):
        if number >= _PARTS and time.perf_counter() > end:
            break

        # So that nobody always comes after the same one.
        for name, work in random.sample(list(works.items()), len(works)):
            work.prepare()
            start = time.perf_counter()
            work.run()
            taken[name].append(time.perf_counter() - start)

    return taken


def ratio_of(ours: list[float], floor: list[float]) -> Ratio:
    """The ratio of what was taken in the same rounds."""
    parts = [
        statistics.median(ours[part::_PARTS]) / statistics.median(floor[part::_PARTS])
        for part in range(_PARTS)
    ]

    return Ratio(
        statistics.median(ours) / statistics.median(floor),
        (max(parts) - min(parts)) / 2,
    )


def microseconds(taken: list[float]) -> str:
    return f"{statistics.median(taken) * 1e6:.0f}"
