"""What requests cost, counted, beside what they cost when it was last written down.

    python -m benchmarks.exact [--write]

It fails if something costs more than benchmarks/exact/costs.csv says, or much less, and
says how to accept that. Bytecodes depend on the minor version of Python and on the
libraries, and are compared only with those that they were written down with.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import subprocess
import sys
import typing as t
from importlib.metadata import version
from pathlib import Path

from .counting import Cost

RECORDED: t.Final = Path(__file__).parent / "costs.csv"

#: How much more something may cost, and how much less without being written down.
MORE: t.Final = 0.03
LESS: t.Final = 0.10

ACCEPT: t.Final = "If that is meant, accept it: python -m benchmarks.exact --write"

#: What the count of one column depends on, beside this project.
PACKAGES: t.Final = ("Flask", "Werkzeug", "SQLAlchemy", "redis", "msgspec", "blinker")
DEPENDENT: t.Final = "bytecodes"


class Costs(t.NamedTuple):
    """What requests cost.

    :param made_with: The versions of Python and the libraries.
    :param of: By the storage and the request.
    """

    made_with: list[str]
    of: dict[tuple[str, str], Cost]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help=f"write {RECORDED.name}")
    options = parser.parse_args(arguments)
    found = counted()

    if options.write:
        write(RECORDED, found)
        return

    recorded = read(RECORDED)
    complaints = compare(recorded, found)

    if recorded.made_with != found.made_with:
        print(
            f"Not compared are {DEPENDENT}: they were counted with"
            f" {', '.join(recorded.made_with)}, and here is"
            f" {', '.join(found.made_with)}."
        )

    if complaints:
        sys.exit("\n".join([*complaints, ACCEPT]))

    print(f"{len(found.of)} requests cost what they did.")


def counted() -> Costs:
    """Count in a process of its own, without coverage, with the same hashes."""
    measures = ("COV_", "COVERAGE_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(measures)
    }
    process = subprocess.run(
        [sys.executable, "-m", f"{__package__}.counting"],
        env=kept | {"PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    return Costs(versions(), _costs(csv.reader(process.stdout.splitlines())))


def compare(recorded: Costs, found: Costs) -> list[str]:
    """What costs more, or much less, in sentences."""
    complaints = []
    is_same = recorded.made_with == found.made_with

    if recorded.of.keys() != found.of.keys():
        return ["There are other requests than were written down."]

    for (storage, request), cost in found.of.items():
        before = recorded.of[storage, request]

        for name, old, new in zip(Cost._fields, before, cost, strict=True):
            if (is_same or name != DEPENDENT) and _differs(old, new):
                change = f" ({new / old - 1:+.1%})" if old else ""
                complaints.append(
                    f"{storage}, {request}: {name} {old:,} -> {new:,}{change}"
                )

    return complaints


def versions() -> list[str]:
    """Of what the counts depend on."""
    python = ".".join(platform.python_version_tuple()[:2])

    return [
        f"{platform.python_implementation()} {python}",
        *[f"{name} {version(name)}" for name in PACKAGES],
    ]


def read(path: Path) -> Costs:
    with path.open(newline="", encoding="utf-8") as file:
        (_, *made_with), _, *rows = csv.reader(file)

    return Costs(made_with, _costs(rows))


def write(path: Path, costs: Costs) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["made with", *costs.made_with])
        writer.writerow(["storage", "request", *Cost._fields])
        writer.writerows([*names, *cost] for names, cost in costs.of.items())


def _costs(rows: t.Iterable[list[str]]) -> dict[tuple[str, str], Cost]:
    return {
        (storage, request): Cost(*map(int, numbers))
        for storage, request, *numbers in rows
    }


def _differs(old: int, new: int) -> bool:
    return new > old * (1 + MORE) or new < old * (1 - LESS)


if __name__ == "__main__":
    main()
