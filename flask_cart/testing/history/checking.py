"""The checker: what a history says that cannot have happened to carts that keep it.

It knows nothing of how carts are saved, only the records: that a version is saved on
top of another, and what operations mean for quantities.
"""

from __future__ import annotations

import typing as t
from collections import Counter
from collections import defaultdict
from collections.abc import Iterable

from ...model.keys import CartKey
from .chains import Chain
from .chains import Link
from .model import State
from .model import expected
from .model import state_of
from .records import Call
from .records import Load
from .records import Made
from .records import Record
from .records import Save

#: How many contradictions are told.
_MOST: t.Final = 20


def check_history(records: Iterable[Record]) -> list[str]:
    """What is wrong in a history; nothing if all of it can have happened.

    * What was acknowledged happened exactly once, what was refused never, what nobody
      knows at most once.
    * Nothing was saved on top of a version that was not the last one, and nothing was
      read that was older than what had been acknowledged before.
    * Every order was made once, and what was ordered was taken out once.

    :param records: Those of all clients, the last of which has looked at all carts when
        the others were done.

    >>> check_history([])
    []
    """
    return _Check(list(records)).run()


#: By the call, what it has changed.
Effects = t.Mapping[str, list[tuple[Chain, Link]]]


class _Check:
    def __init__(self, records: list[Record]) -> None:
        self._calls = {each.call: each for each in records if isinstance(each, Call)}
        self._made = [each for each in records if isinstance(each, Made)]
        self._found: list[str] = []
        saves = defaultdict(list)
        loads = defaultdict(list)

        for each in records:
            if isinstance(each, Save) and (each.versions or not each.is_known):
                for name in each.changes:
                    saves[each.owner, name].append(each)
            elif isinstance(each, Load):
                loads[each.owner, each.instance].append(each)

        self._chains = {
            key: Chain(key, saves[key], loads[key], self._tell)
            for key in sorted(saves.keys() | loads.keys())
            # What is beside the carts.
            if CartKey(*key).is_cart
        }

    def run(self) -> list[str]:
        for chain in self._chains.values():
            chain.check()

        effects: dict[str, list[tuple[Chain, Link]]] = defaultdict(list)

        for chain in self._chains.values():
            for link in (*chain.links, *chain.lost):
                if link.change:
                    effects[link.save.call].append((chain, link))

        for call in self._calls.values():
            self._check_call(call, effects[call.call])

        self._check_keys(effects)
        self._check_orders(effects)
        self._check_merges(effects)

        return self._found[:_MOST]

    def _check_call(self, call: Call, effects: list[tuple[Chain, Link]]) -> None:
        if call.outcome == "raised":
            self._found.append(f"{call} raised what nobody expects: {call.said}")

        if call.outcome == "refused" and effects and call.what not in _SEVERAL:
            self._found.append(f"{call} was refused and happened: {call.said}")

        if call.what in _SEVERAL:
            return

        if call.what == "move":
            self._check_move(call, effects)
            return

        if len(effects) > 1:
            self._found.append(f"{call} happened {len(effects)} times")

        for _, link in effects:
            before = state_of(link.before.text if link.before is not None else None)
            wanted = expected(_NAMES.get(call.what, call.what), call.arguments, before)

            if link.change != {each: n for each, n in (wanted or {}).items() if n}:
                self._found.append(
                    f"{call} did something else: {link.change} of {before}"
                )

        if call.outcome == "done" and not effects and call.what in _ALWAYS:
            self._found.append(f"{call} was acknowledged and never happened")

    def _check_move(self, call: Call, effects: list[tuple[Chain, Link]]) -> None:
        total: Counter[str] = Counter()

        for _, link in effects:
            total.update(link.change)

        if any(total.values()):
            self._found.append(f"{call} did not keep the quantities: {dict(total)}")

        if call.outcome == "done" and len(effects) != 2:
            self._found.append(f"{call} changed {len(effects)} carts instead of 2")

    def _check_keys(self, effects: Effects) -> None:
        uses = defaultdict(list)

        for call in self._calls.values():
            if "key" in call.arguments and effects.get(call.call):
                uses[call.arguments["key"]].append(call)

        for key, calls in uses.items():
            if len(calls) > 1:
                text = ", ".join(map(str, calls))
                self._found.append(f"The key {key} was taken for several: {text}")

    def _check_orders(self, effects: Effects) -> None:
        for token, count in Counter(each.token for each in self._made).items():
            if count > 1:
                self._found.append(f"The order {token} was made {count} times")

        made = {each.token for each in self._made}
        orders = [each for each in self._calls.values() if each.what == "order"]

        for call in orders:
            if call.outcome == "done" and call.said not in made:
                self._found.append(f"{call} was acknowledged and never made")

        ordered: Counter[str] = Counter()
        taken: Counter[str] = Counter()

        for each in self._made:
            ordered.update(each.lines)

        for call in orders:
            for _, link in effects.get(call.call, ()):
                taken.subtract(link.change)

        # What others took meanwhile could not be taken out any more.
        least = ordered - self._taken_meanwhile(orders, effects)
        is_right = least <= taken <= ordered

        if not is_right and not self._is_unknown("order", effects):
            self._found.append(
                f"{_text(ordered)} were ordered, and {_text(taken)} taken out"
            )

    def _taken_meanwhile(self, orders: list[Call], effects: Effects) -> Counter[str]:
        """What others may have taken out while something was being ordered.

        So may others' orders: of what two tabs order at once, with something added in
        between, there are two orders, and it was in the cart once.
        """
        taken: Counter[str] = Counter()

        for call, changes in effects.items():
            others = [order for order in orders if order.call != call]

            for _, link in changes:
                if any(_overlap(order, link.save) for order in others):
                    taken.update({i: -n for i, n in link.change.items() if n < 0})

        return taken

    def _check_merges(self, effects: Effects) -> None:
        came: Counter[str] = Counter()
        went: Counter[str] = Counter()

        for call in self._calls.values():
            if call.what == "merge":
                for chain, link in effects.get(call.call, ()):
                    is_theirs = chain.key[0] == call.arguments["guest"]
                    (went if is_theirs else came).update(
                        {each: abs(count) for each, count in link.change.items()}
                    )

        if came != went and not self._is_unknown("merge", effects):
            self._found.append(f"{_text(went)} went in merges, {_text(came)} came")

    def _is_unknown(self, what: str, effects: Effects) -> bool:
        """Whether an operation of this kind may have been done by half."""
        return any(
            each.what == what
            and (each.outcome == "unknown" or effects.get(each.call))
            and each.outcome != "done"
            for each in self._calls.values()
        )

    def _tell(self, text: str, *records: Load | Save) -> None:
        names = [self._name(each) for each in records]
        first, *others = names
        also = f", by {others[0]}" if others else ""
        self._found.append(f"{text}: {first}{also}")

    def _name(self, record: Load | Save) -> str:
        call = self._calls.get(record.call)

        return str(call) if call is not None else "a look from outside"


#: Operations of several writes, or carts.
_SEVERAL: t.Final = {"order", "merge", "show"}

#: What changes a cart whatever is in it.
_ALWAYS: t.Final = {"add", "add_two", "add_once", "greet"}

_NAMES: t.Final = {"add_once": "add", "greet": "add"}


def _overlap(one: Record, other: Record) -> bool:
    return one.began < other.ended and other.began < one.ended


def _text(counts: State | Counter[str]) -> str:
    return ", ".join(f"{count} {item}" for item, count in sorted(counts.items())) or "0"
