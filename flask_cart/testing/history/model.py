"""A model of a cart that knows nothing of ours: so many of each item."""

from __future__ import annotations

import json
import typing as t

#: Quantities, by the items.
State = dict[str, int]


def state_of(text: str | None) -> State:
    """What is in a stored text."""
    lines = json.loads(text)["lines"] if text is not None else ()

    return {line["item_id"]: line["quantity"] for line in lines}


def difference(before: State, after: State) -> State:
    """How many more of each there are."""
    return {
        item: change
        for item in before.keys() | after.keys()
        if (change := after.get(item, 0) - before.get(item, 0))
    }


def expected(what: str, given: dict[str, t.Any], before: State) -> State | None:
    """How many more of each an operation makes of one cart; ``None`` if it is not an
    operation of one cart."""
    item = given.get("item", "")
    there = before.get(item, 0)

    match what:
        case "add":
            return {item: given["quantity"]}
        case "add_two":
            return dict.fromkeys(given["items"], given["quantity"])
        case "increment":
            return {item: max(given["by"], -there)}
        case "set_quantity":
            return difference({item: there}, {item: given["quantity"]})
        case "remove":
            return difference({item: there}, {})
        case "clear" | "destroy":
            return difference(before, {})
        case _:
            return None
