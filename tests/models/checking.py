"""What the models share: how one is written down, checked, and gone through.

The steps of a model are the steps that :func:`flask_cart.testing.interleave` sees the
real code do. So what a model says can be compared with the code, step by step.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass

import minicheck

from flask_cart.testing import Step

#: Steps in the order in which they happen.
Trace = tuple[Step, ...]

S = t.TypeVar("S", bound=t.NamedTuple)

#: Whoever acts, by number.
NAMES: t.Final = ("first", "second", "third")

#: What is shown of a state from which there is no way to the end.
ENDS: t.Final = "comes to an end"

OWNER: t.Final = "user:1"

#: The first one does nothing any more, as its process is dead.
CRASH: t.Final = Step("first", "crash", OWNER)


@dataclass(frozen=True)
class Model(t.Generic[S]):
    """A machine with finitely many states.

    :param initial: The state that it begins in.
    :param steps: What can happen in a state, and the state after it.
    :param invariants: What has to hold in every state, by name.
    :param is_over: Whether all have done what they wanted; that has to stay possible.
    """

    initial: S
    steps: Callable[[S], Iterable[tuple[Step, S]]]
    invariants: Mapping[str, Callable[[S], bool]]
    is_over: Callable[[S], bool]


class Verdict(t.NamedTuple):
    """What there is to say about all states of a model.

    :param states: How many there are.
    :param refuted: A shortest way to a state in which an invariant does not hold, by
        its name.
    """

    states: int
    refuted: dict[str, Trace]


def check(model: Model[t.Any]) -> Verdict:
    """Go through all states that a model can come to."""
    kind = type(model.initial)

    def on_state(
        holds: Callable[[t.Any], bool],
    ) -> Callable[[dict[str, t.Any]], bool]:
        return lambda values: holds(kind(**values))

    protocol = minicheck.Protocol(
        name=kind.__module__,
        candidate=False,
        fields=kind._fields,
        initial=model.initial,
        transitions=lambda state: list(model.steps(state)),
        invariants={name: on_state(each) for name, each in model.invariants.items()},
        goal=on_state(model.is_over),
    )
    safety = minicheck.check_safety(protocol)
    liveness = minicheck.check_liveness(protocol)
    assert safety["exhaustive"]
    found = {**safety["properties"], ENDS: liveness}
    refuted = {
        name: tuple(each["label"] for each in result["counterexample"][1:])
        for name, result in found.items()
        if not result["holds"]
    }

    return Verdict(safety["reachable_states"], refuted)


def runs(model: Model[t.Any]) -> Iterator[Trace]:
    """All ways through a model, from the beginning to where nothing can happen."""

    def ways(state: t.Any, before: Trace) -> Iterator[Trace]:
        after = list(model.steps(state))

        if not after:
            yield before

        for step, following in after:
            yield from ways(following, (*before, step))

    return ways(model.initial, ())


def covering(model: Model[t.Any]) -> Iterator[Trace]:
    """Ways through a model in which everything that can happen in a state happens once,
    where there are too many ways for all of them."""
    ways: dict[t.Any, tuple[tuple[t.Any, Step], ...]] = {model.initial: ()}
    after: dict[t.Any, dict[Step, t.Any]] = {}

    for state in (queue := [model.initial]):
        after[state] = dict(model.steps(state))

        for step, following in after[state].items():
            if following not in ways:
                ways[following] = (*ways[state], (state, step))
                queue.append(following)

    left = {(state, step) for state in queue for step in after[state]}

    for state in queue:
        for step in after[state]:
            if (state, step) in left:
                way = [*ways[state], (state, step)]
                here = after[state][step]

                while after[here]:
                    new = (each for each in after[here] if (here, each) in left)
                    way.append((here, next(new, next(iter(after[here])))))
                    here = after[here][way[-1][1]]

                left -= set(way)
                yield tuple(step for _, step in way)


def changed(items: tuple[S, ...], number: int, item: S) -> tuple[S, ...]:
    """The items with another one at one place."""
    return (*items[:number], item, *items[number + 1 :])
