"""What a save has changed in the stored document of a cart."""

import json
from collections.abc import Iterator
from typing import Any

#: How many letters of a value are shown.
LETTERS = 120

#: Where, what was there, and what is there now.
Difference = tuple[str, str, str]


def differences(before: str | None, after: str | None) -> list[Difference]:
    """What is different in two stored texts of a cart; ``None`` is no cart."""
    return list(_compare(_document(before), _document(after), ""))


def _document(text: str | None) -> Any:
    # What follows the document is for the storage alone.
    return json.JSONDecoder().raw_decode(text)[0] if text else {}


def _compare(before: Any, after: Any, path: str) -> Iterator[Difference]:
    before, after = _by_name(before), _by_name(after)

    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            there = f"{path}.{name}" if path else str(name)
            yield from _compare(before.get(name), after.get(name), there)
    elif before != after:
        yield path, _shown(before), _shown(after)


def _by_name(value: Any) -> Any:
    """A list of lines, or of conditions, by what they are called."""
    if not isinstance(value, list) or not all(isinstance(e, dict) for e in value):
        return value

    return {each.get("item_id") or each.get("name"): each for each in value}


def _shown(value: Any) -> str:
    if value is None or value in ({}, []):
        return ""

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    return text if len(text) <= LETTERS else f"{text[:LETTERS]}…"
