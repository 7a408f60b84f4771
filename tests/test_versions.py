"""What the page about versions says is what pyproject.toml and the checks say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "versions.rst").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
JOBS = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
MATRIX = JOBS["checks"]["strategy"]["matrix"]

_row = re.compile(r"^   \* - ([\w-]+)\n     - ([\d.]+)$", re.MULTILINE)
_bound = re.compile(r"([\w-]+)>=([\d.]+)")
_python = re.compile(r"Programming Language :: Python :: (3\.\d+)")


def test_lower_bounds() -> None:
    """The table has the lower bound of every library, and there are no upper ones."""
    extras = PROJECT["optional-dependencies"]
    # The demo is an app, which says what it is run with.
    lines = PROJECT["dependencies"] + [
        line for extra in extras if extra != "demo" for line in extras[extra]
    ]
    bounds = {
        match.groups()
        for line in lines
        if not line.startswith("Flask-Cart[")
        and (match := _bound.fullmatch(line)) is not None
    }

    assert sorted(_row.findall(PAGE)) == sorted(bounds)
    assert len(bounds) == len({name for name, _ in bounds})
    assert {each for each in lines if "[" not in each} == {
        ">=".join(bound) for bound in bounds
    }


def test_pythons() -> None:
    """The page, the package and the public checks name the same Pythons."""
    pythons = [
        found[1] for found in map(_python.fullmatch, PROJECT["classifiers"]) if found
    ]
    *most, last = pythons

    assert f"runs on Python {', '.join(most)} and {last}," in PAGE
    assert PROJECT["requires-python"] == f">={pythons[0]}"
    assert MATRIX["python"] == pythons
    assert MATRIX["include"] == [
        {"python": pythons[0], "targets": "test-lowest"},
        {"python": pythons[-1], "targets": "test-newest"},
    ]


def test_targets() -> None:
    """What the public checks call is there, and the page tells of it."""
    makefile = (ROOT / "Makefile").read_text()

    for target in "test", "test-lowest", "test-newest":
        assert re.search(rf"^{target}:.*  ## ", makefile, re.MULTILINE)
        assert f"``make {target}``" in PAGE
