"""What the commands write for the docs: tables, and what they were measured on."""

from __future__ import annotations

import csv
import os
import platform
import re
import typing as t
from importlib.metadata import version
from pathlib import Path

#: Where the pages of the docs look for them.
FOLDER: t.Final = Path("docs/benchmarks")

_PACKAGES: t.Final = ("Flask", "SQLAlchemy", "psycopg", "PyMySQL", "redis")


def write_table(path: Path, rows: t.Iterable[t.Sequence[str]]) -> None:
    """Write a table, and show it."""
    rows = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)

    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)

    for row in rows:
        print(" | ".join(row))

    print()


def read_table(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def write_note(path: Path, how: str) -> None:
    """Write how something was measured, and on what, as the line below a table."""
    path.write_text(f"{how} {machine()}\n", encoding="utf-8")


def machine() -> str:
    """The machine and the versions, in a sentence."""
    load = f"{os.getloadavg()[0]:.1f}"
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)

    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()},"
        f" {platform.python_implementation()} {platform.python_version()}, {versions};"
        f" load at the end {load}."
    )


def _processor() -> str:
    """Its name, where the system tells."""
    told = Path("/proc/cpuinfo")
    found = (
        re.search(r"^model name\s*: (.+)$", told.read_text(), re.MULTILINE)
        if told.exists()
        else None
    )

    return found[1] if found else platform.processor() or platform.machine()
