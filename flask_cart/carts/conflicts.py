"""Conflicts: what a change that comes too late is told."""

from __future__ import annotations

import typing as t

from ..model.document import Document
from ..model.errors import CartConflictError
from ..model.operations import Applied
from ..model.operations import Operation
from ..model.operations import StaleError
from ..model.operations import apply_all


def check_expected(
    version: int, expected: int | None, line_id: str | None = None
) -> None:
    """Refuse to go on from another version than the expected one.

    :param version: The one that was read.
    :param expected: The only one that may be changed, if there is one.
    :param line_id: The line that it is about, if it is about one.
    :raises CartConflictError: If it is another one.
    """
    if expected is not None and version != expected:
        raise CartConflictError(
            f"The change was meant for version {expected} of the cart, which is at"
            f" version {version} now.",
            expected_version=expected,
            current_version=version,
            line_id=line_id,
        )


def changed_meanwhile(expected: int, version: int) -> CartConflictError:
    """The error about a save that somebody else's came before."""
    return CartConflictError(
        "Somebody else changed the cart at the same time, so it was left as it is.",
        expected_version=expected,
        current_version=version,
    )


def applied(
    document: Document, operations: t.Iterable[Operation], expected: int, version: int
) -> Applied:
    """What operations make of a document.

    :param expected: The version that they were made for.
    :param version: The version of the document.
    :raises CartConflictError: If what they are about was changed in between.
    """
    try:
        return apply_all(document, operations)
    except StaleError as error:
        raise stale(error, expected, version) from error


def stale(error: StaleError, expected: int, version: int) -> CartConflictError:
    """The error about an operation whose line is not what its author saw.

    :param expected: The version that it was made for.
    :param version: The version that it was applied to.
    """
    return CartConflictError(
        "The line was changed after it was read, so it was left as it is.",
        expected_version=expected,
        current_version=version,
        line_id=error.line_id,
        details=error.details,
    )
