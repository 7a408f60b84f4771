"""The command that finds carts that cannot be read."""

from __future__ import annotations

import typing as t
from contextlib import ExitStack
from dataclasses import dataclass
from dataclasses import field
from functools import partial

import click

from ..carts.scanning import FoundCart
from ..carts.scanning import FoundKeys
from ..carts.scanning import FoundNote
from ..model.document import Document
from ..model.document import decode
from ..model.document import encode
from ..model.document import is_newer
from ..model.errors import CartCorruptError
from ..model.idempotency import USED_KEYS
from ..model.keys import CartKey
from ..storage.base import Annotation
from .files import new_file
from .files import write_corrupt
from .group import cart_cli
from .output import counted
from .output import echo_json
from .output import echo_table
from .output import json_option
from .output import progress
from .output import shown_key
from .output import tokens_option
from .shop import everything
from .shop import storage

_Problem = t.Literal["corrupt", "newer", "outdated"]


class _Finding(t.NamedTuple):
    key: CartKey
    version: int
    size: int
    problem: _Problem
    error: str


@dataclass
class _Diagnosis:
    checked: int = 0
    findings: list[_Finding] = field(default_factory=list)
    cured: int = 0

    @property
    def left(self) -> int:
        return len(self.findings) - self.cured


@cart_cli.command("doctor")
@click.option(
    "--export",
    "path",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write what cannot be read to this new file, as JSON lines.",
)
@click.option(
    "--repair",
    is_flag=True,
    help="Save carts of older versions as this version does, and delete what cannot"
    " be read once it is exported.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@tokens_option
@json_option
def doctor(
    path: str | None, repair: bool, yes: bool, show_tokens: bool, as_json: bool
) -> None:
    """Find carts that cannot be read, or were stored by an older version.

    What a newer version has stored is no damage, and stays as it is.
    """
    diagnosis = _examine(path)
    rows = [_row(each, show_tokens) for each in diagnosis.findings]

    if not as_json:
        headings = "Owner", "Instance", "Problem", ">Bytes", "Error"
        echo_table(headings, (row.values() for row in rows))
        click.echo(
            f"Examined {counted(diagnosis.checked, 'cart')}, found"
            f" {counted(len(rows), 'problem')}."
        )

    if repair:
        _repair(diagnosis, may_delete=path is not None, yes=yes)

    if as_json:
        echo_json(
            {
                "checked": diagnosis.checked,
                "findings": rows,
                "repaired": diagnosis.cured,
                "left": diagnosis.left,
            }
        )

    if diagnosis.left:
        raise click.ClickException(
            f"{counted(diagnosis.left, 'cart')} of {diagnosis.checked} left with a"
            " problem."
        )


def _examine(path: str | None) -> _Diagnosis:
    diagnosis = _Diagnosis()

    with ExitStack() as stack:
        file = stack.enter_context(new_file(path)) if path is not None else None

        for found in stack.enter_context(progress(everything(), "Examining carts")):
            finding = _finding(found)

            # Used keys are no carts, and are told of only if they cannot be read.
            if finding is not None or found.key.instance != USED_KEYS:
                diagnosis.checked += 1

            if finding is None:
                continue

            diagnosis.findings.append(finding)

            if file is not None and finding.problem == "corrupt":
                write_corrupt(file, found)

    return diagnosis


def _finding(found: FoundCart | FoundNote | FoundKeys) -> _Finding | None:
    key, stored, content = found.key, found.stored, found.content
    finding = partial(_Finding, key, stored.version, len(stored.data))

    if isinstance(content, CartCorruptError):
        return finding("newer" if is_newer(stored.data) else "corrupt", str(content))

    if isinstance(content, Document) and encode(content) != stored.text:
        return finding("outdated", "")

    return None


def _repair(diagnosis: _Diagnosis, *, may_delete: bool, yes: bool) -> None:
    outdated = [each for each in diagnosis.findings if each.problem == "outdated"]
    corrupt = [each for each in diagnosis.findings if each.problem == "corrupt"]

    if corrupt and not may_delete:
        click.echo("What cannot be read is deleted only with --export.", err=True)
        corrupt = []

    findings = outdated + corrupt

    if not findings:
        return

    if not yes:
        click.confirm(
            f"Save {counted(len(outdated), 'cart')} anew, and delete"
            f" {counted(len(corrupt), 'cart')}?",
            abort=True,
            err=True,
        )

    diagnosis.cured = sum(_cure(each) for each in findings)
    click.echo(f"Repaired {counted(diagnosis.cured, 'cart')}.", err=True)


def _cure(finding: _Finding) -> bool:
    key = finding.key

    if finding.problem == "corrupt":
        return _save(key, finding.version, None)

    stored = storage().load(key)

    # Whoever changed it or deleted it meanwhile has cured it.
    if stored is None or stored.version != finding.version:
        return True

    _save(key, finding.version, encode(decode(stored.data)))

    return True


def _save(key: CartKey, version: int, text: str | None) -> bool:
    return storage().save(key.owner, {key.instance: Annotation.on(version, text)})


def _row(finding: _Finding, show_tokens: bool) -> dict[str, t.Any]:
    return shown_key(finding.key, show_tokens) | {
        "problem": finding.problem,
        "bytes": finding.size,
        "error": finding.error,
    }
