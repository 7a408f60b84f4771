"""The project's own commands: what they count and draw is what there is."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tools import ways
from tools.count import code_lines

ROOT = Path(__file__).parent.parent

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
    """The ways, drawn of the code as it is.

    In a process of its own: in this one, other tests may listen to the signals.
    """
    folder = tmp_path_factory.mktemp("ways")
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tools.ways", folder],
        cwd=ROOT,
        check=True,
    )

    return folder


NAMES = [walk.__name__ for walk in ways.WAYS]


@pytest.mark.parametrize("name", NAMES)
def test_pictures(name: str, folder: Path) -> None:
    """The pictures in the documentation are those of the code: else, ``make ways``."""
    picture = (folder / f"{name}.svg").read_text()

    assert picture == (ways.FOLDER / f"{name}.svg").read_text()
    assert ET.fromstring(picture).tag.endswith("svg")


def test_numbers(folder: Path) -> None:
    """So are the numbers."""
    assert (folder / "numbers.rst").read_text() == (
        ways.FOLDER / "numbers.rst"
    ).read_text()


#: How many modules a way may enter, for whoever has to know all of them.
MOST = {"add": 24, "price": 24, "post": 44, "order": 28, "login": 24}


def test_ways_are_short() -> None:
    """No way enters more rooms than that."""
    numbers = re.findall(
        r"^   \* - .+\n     - (\d+)$", (ways.FOLDER / "numbers.rst").read_text(), re.M
    )
    entered = dict(zip(NAMES, map(int, numbers), strict=True))

    assert {name: most for name, most in MOST.items() if entered[name] > most} == {}


#: What a way has nothing to do with.
FOREIGN = {
    "add": {"http", "pricing"},
    "price": {"http"},
    "post": set(),
    "order": {"http"},
    "login": {"http", "pricing"},
}


@pytest.mark.parametrize("name", NAMES)
def test_ways_go_through_their_own_folders(name: str) -> None:
    """A way goes through no folder that has nothing to do with it."""
    picture = (ways.FOLDER / f"{name}.svg").read_text()
    folders = set(re.findall(r'class="folder"[^>]*>([^<]+)<', picture))

    assert {"app", "carts", "model", "storage/sql"} <= folders
    assert not folders & {"cli", "metrics", "testing", "storage/keyvalue"}
    assert not folders & FOREIGN[name]
