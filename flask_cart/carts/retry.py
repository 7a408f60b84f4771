"""Retrying: what somebody was faster than is tried again, or told as a conflict."""

from __future__ import annotations

import random
import time
import typing as t

import msgspec

from ..model.document import Document
from ..model.errors import CartBusyError
from ..model.errors import CartConflictError
from ..model.errors import CartLockTimeoutError
from ..model.operations import Applied
from ..model.operations import Operation
from ..model.operations import StaleError
from ..model.operations import apply_all

T = t.TypeVar("T")

#: Seconds after which nothing is tried again: a database that makes a request wait
#: for its locks must not do so many times over.
PATIENCE: t.Final = 10.0


class Retry(msgspec.Struct, frozen=True):
    """How often, and after what pause, a lost save is tried again.

    :param attempts: Retries after the first try. The last one holds the storage's
        lock.
    :param base_delay: The greatest pause before the first retry, in seconds. It
        doubles with each.
    :param max_delay: The greatest pause of all, in seconds.
    """

    attempts: int = 8
    base_delay: float = 0.01
    max_delay: float = 0.25

    def tries(self) -> t.Iterator[bool]:
        """Yield for every try whether it is the last retry, after a pause."""
        started = time.monotonic()
        yield False

        for number in range(self.attempts):
            if time.monotonic() - started > PATIENCE:
                return

            # Without the jitter, those who collided would collide again.
            longest = min(self.max_delay, self.base_delay * 2.0**number)
            time.sleep(random.uniform(0, longest))

            yield number == self.attempts - 1

    def run(self, attempt: t.Callable[[bool], T | None]) -> T | None:
        """Make attempts until one of them succeeds.

        :param attempt: Told whether it is the last retry. ``None`` means that somebody
            else was faster.
        :return: What the attempt returned, ``None`` if all of them were too late.
        :raises CartBusyError: If the storage was busy at the last one.
        :raises CartLockTimeoutError: If a rival held the lock for too long. Who has
            waited for that once does not wait again.
        """
        busy: CartBusyError | None = None

        for is_last in self.tries():
            try:
                result = attempt(is_last)
            except CartLockTimeoutError:
                raise
            except CartBusyError as error:
                busy = error
                continue

            if result is not None:
                return result

            busy = None

        if busy is not None:
            raise busy

        return None


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
