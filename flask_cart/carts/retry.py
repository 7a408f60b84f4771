"""Retrying: how often, and after what pauses, what did not succeed is tried again."""

from __future__ import annotations

import random
import time
import typing as t

import msgspec

from ..model.errors import CartBusyError
from ..model.errors import CartLockTimeoutError

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
