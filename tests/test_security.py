"""What the page about security promises is tested, each promise by name."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest

ROOT: t.Final = Path(__file__).parents[1]
PAGE: t.Final = (ROOT / "docs" / "security.rst").read_text()

_tested = re.compile(r"^ *\*Tested:\* (.*)", re.DOTALL)
_file = re.compile(r"``(tests/[\w/]+\.py)``:((?:\s+``test_\w+``,?)+)")


def promises(page: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The paragraphs that promise something, with the tests that are named for each.

    :return: For each, how it begins, and the files and names of its tests.
    """
    # What comes before the first section only says what the page is about.
    _, *sections = re.split(r"\n\n\n(?=[^\n]+\n-+\n)", page)
    found: list[tuple[str, list[tuple[str, str]]]] = []

    for section in sections:
        _, _, text = section.partition("---\n")
        is_promise = False

        for block in re.split(r"\n\n+(?=\S)|\n(?=\* )|\n\n(?=  \*Tested)", text):
            block = block.strip("\n-")

            if tested := _tested.match(block):
                assert is_promise, f"It is the test of nothing: {block}"
                found[-1][1].extend(_names_in(tested[1]))
            elif block and not block.startswith(("**Up to you:**", "..")):
                is_promise = True
                found.append((block[:60], []))

    return found


def _names_in(text: str) -> list[tuple[str, str]]:
    return [
        (file, name)
        for file, names in _file.findall(text)
        for name in re.findall(r"test_\w+", names)
    ]


def test_every_promise_has_a_test() -> None:
    """No paragraph of the page is without."""
    without = [start for start, tests in promises(PAGE) if not tests]

    assert len(promises(PAGE)) > 15
    assert without == []


@pytest.mark.parametrize(
    ("file", "name"), sorted({test for _, tests in promises(PAGE) for test in tests})
)
def test_the_tests_are_there(file: str, name: str) -> None:
    """Who renames one, or deletes it, changes the page."""
    assert re.search(rf"^ *def {name}\(", (ROOT / file).read_text(), re.MULTILINE)


def test_a_promise_without_is_found() -> None:
    """In a copy of the page, where somebody has added one."""
    page = PAGE + "\n\nNobody ever loses a cart.\n"

    assert promises(page)[-1] == ("Nobody ever loses a cart.", [])
