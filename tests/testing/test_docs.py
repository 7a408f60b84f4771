"""The storage in the documentation passes the suite, as the documentation says."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from textwrap import dedent

import pytest

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[2] / "docs" / "own-storage.rst"
FILE = re.compile(
    r"^\.\. code-block:: python\n +:caption: (.+)\n\n((?: .*\n|\n)+)", re.MULTILINE
)


def files_of(page: Path) -> dict[str, str]:
    """What the page says that is in its files."""
    files: defaultdict[str, str] = defaultdict(str)

    for name, code in FILE.findall(page.read_text()):
        files[name] += dedent(code)

    return files


def test_own_storage(pytester: pytest.Pytester) -> None:
    """Its files, as they are on the page, pass as a whole, and nothing is skipped."""
    for name, code in files_of(PAGE).items():
        (pytester.path / name).write_text(code)

    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")

    outcomes = result.parseoutcomes()
    assert outcomes.keys() == {"passed"}
    assert outcomes["passed"] > 100
