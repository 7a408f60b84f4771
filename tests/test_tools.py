"""The project's own commands: what they count and draw is what there is."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tools import ways
from tools.count import code_lines

SOURCE = '''"""A docstring
of two lines."""

import os
from sys import (
    path,
)

#: A comment.
NUMBER = 1  # Code with a comment.


def double(number):
    """Another one."""
    text = """no
docstring"""

    return number * 2
'''


def test_code_lines() -> None:
    """Blanks, comments, docstrings and imports are no code; a text is."""
    lines = SOURCE.splitlines()

    assert [lines[number - 1] for number in sorted(code_lines(SOURCE))] == [
        "NUMBER = 1  # Code with a comment.",
        "def double(number):",
        '    text = """no',
        'docstring"""',
        "    return number * 2",
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ways, drawn of the code as it is."""
    folder = tmp_path_factory.mktemp("ways")
    ways.write(folder)

    return folder


@pytest.mark.parametrize("walk", ways.WAYS, ids=lambda walk: walk.__name__)
def test_pictures(walk: ways.Walk, folder: Path) -> None:
    """The pictures in the documentation are those of the code: else, ``make ways``."""
    name = f"{walk.__name__}.svg"
    picture = (folder / name).read_text()

    assert picture == (ways.FOLDER / name).read_text()
    assert ET.fromstring(picture).tag.endswith("svg")


def test_numbers(folder: Path) -> None:
    """So are the numbers."""
    assert (folder / "numbers.rst").read_text() == (
        ways.FOLDER / "numbers.rst"
    ).read_text()


#: How many modules a way may enter, for whoever has to know all of them.
MOST = {"add": 24, "price": 24, "post": 42, "order": 28, "login": 24}


@pytest.mark.parametrize("walk", ways.WAYS, ids=lambda walk: walk.__name__)
def test_ways_are_short(walk: ways.Walk) -> None:
    """A way enters few rooms, and no folder that has nothing to do with it."""
    way = ways.walked(walk)
    folders = {ways.folder_of(each) for each in way.entered}

    assert len(way.entered) <= MOST[walk.__name__]
    assert not folders & {"cli", "metrics", "testing", "storage/keyvalue"}
    assert "http" not in folders or walk is ways.post
    assert "pricing" not in folders or walk in (ways.price, ways.post, ways.order)
