"""Two threads, of which one at a time runs up to its next step."""

from __future__ import annotations

import threading
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager

from ..model.keys import CartKey
from ..storage.base import Changes
from ..storage.base import Held
from ..storage.base import Storage
from ..storage.base import Stored
from .standing import standing_for

T = t.TypeVar("T")

#: Seconds after which a thread that has not come to its next step never will.
LIMIT: t.Final = 30.0

#: Steps of one run. More of them do not come to an end.
MAX_STEPS: t.Final = 1000


class Step(t.NamedTuple):
    """Something that one of two operations did with carts of one owner.

    :param who: Which of them: ``"first"`` or ``"second"``.
    :param what: ``"load"``, ``"save"``, ``"delete"`` or ``"lock"``.
    :param owner: Whose carts.
    :param instances: Their names; all of them are locked.
    :param outcome: ``"lost"`` if a save or delete came too late, or the name of the
        error that it ended with.
    """

    who: str
    what: str
    owner: str
    instances: tuple[str, ...] = ()
    outcome: str = ""

    def __str__(self) -> str:
        text = f"{self.who}: {self.what} {self.owner}"

        if self.instances:
            text += f"/{'+'.join(self.instances)}"

        return f"{text} ({self.outcome})" if self.outcome else text


class Choices:
    """Which thread was the next one, wherever both could have been.

    :param given: The first choices to make. After them, it is the first thread.
    """

    def __init__(self, given: tuple[int, ...] = ()) -> None:
        self._given = given
        self._made: list[int] = []

    def choose(self) -> int:
        """Choose between the first and the second thread."""
        count = len(self._made)
        self._made.append(self._given[count] if count < len(self._given) else 0)

        return self._made[-1]

    def next(self) -> Choices | None:
        """The choices to make next time; ``None`` if all were made."""
        if len(self._made) < len(self._given):
            raise RuntimeError(
                "The operations took fewer steps than before in the same order. Does"
                " 'reset' bring back the same state, each time?"
            )

        made = list(self._made)

        while made and made[-1] == 1:
            made.pop()

        return Choices((*made[:-1], 1)) if made else None


class Run:
    """Two operations, done once in one order.

    :param first: One of them.
    :param second: The other one.
    :param choices: The order.
    """

    def __init__(
        self,
        first: Callable[[], object],
        second: Callable[[], object],
        choices: Choices,
    ) -> None:
        self.actors = _Actor("first", first), _Actor("second", second)

        #: What was done, in this order.
        self.steps: list[Step] = []

        self._choices = choices
        self._holder: _Actor | None = None

    def play(self) -> None:
        """Do both."""
        try:
            for actor in self.actors:
                actor.start()

            while ready := self.ready():
                if len(self.steps) > MAX_STEPS:
                    raise RuntimeError(
                        f"The operations took more than {MAX_STEPS} steps."
                    )

                choice = self._choices.choose() if len(ready) == 2 else 0
                ready[choice].go_on()
        except BaseException:
            for actor in self.actors:
                actor.abandon()

            raise

    def acting(self) -> _Actor | None:
        """Which of them this thread is, if it is one."""
        thread = threading.current_thread()

        return next((each for each in self.actors if each.thread is thread), None)

    @contextmanager
    def holding(
        self, actor: _Actor, lock: AbstractContextManager[Held | None]
    ) -> Iterator[Held | None]:
        """Hold a lock, so that the other one waits."""
        before, self._holder = self._holder, actor

        try:
            with lock as held:
                yield held
        finally:
            self._holder = before

    def ready(self) -> list[_Actor]:
        """Those that can go on: all but who is done, or waits for a lock."""
        holder = self._holder

        return [
            actor
            for actor in self.actors
            if not actor.is_done and (holder is None or holder is actor)
        ]


class _AbandonedError(BaseException):
    """The run is over. No handler of the app is to catch this."""


class _Actor:
    """An operation in a thread that stops before each step."""

    def __init__(self, name: str, operation: Callable[[], object]) -> None:
        self.name = name
        self.result: object = None
        self.error: BaseException | None = None
        self.is_done = False
        self.thread = threading.Thread(target=self._act, daemon=True)
        self._operation = operation
        self._has_stopped = threading.Semaphore(0)
        self._may_go_on = threading.Semaphore(0)
        self._is_abandoned = False

    def start(self) -> None:
        """Run up to the first step."""
        self.thread.start()
        self._wait_until_stopped()

    def go_on(self) -> None:
        """Do the step, and run up to the next one."""
        self._may_go_on.release()
        self._wait_until_stopped()

    def stop(self) -> None:
        """Let the other one decide when this one goes on."""
        if not self._is_abandoned:
            self._has_stopped.release()
            self._may_go_on.acquire()

        if self._is_abandoned:
            raise _AbandonedError

    def abandon(self) -> None:
        """Never go on but to clean up, and wait for that as long as it makes sense."""
        self._is_abandoned = True
        self._may_go_on.release()

        if self.thread.is_alive():
            self.thread.join(1)

    def _wait_until_stopped(self) -> None:
        if not self._has_stopped.acquire(timeout=LIMIT):
            raise RuntimeError(
                f"The {self.name} operation did not come to its next step within"
                f" {LIMIT:g} s. Does it wait for something that the other one holds,"
                " such as a transaction? Only waiting for a cart's lock is foreseen."
            )

    def _act(self) -> None:
        try:
            self.result = self._operation()
        except _AbandonedError:
            return
        except BaseException as error:
            self.error = error

        self.is_done = True
        self._has_stopped.release()


class _SteppedStorage:
    """A storage before whose calls the threads of a run stop."""

    def __init__(self, storage: Storage, run: Run) -> None:
        self._storage = storage
        self._run = run

    def load(self, key: CartKey) -> Stored | None:
        return self._step("load", *key, call=lambda: self._storage.load(key))

    def save(self, owner: str, changes: Changes) -> bool:
        is_delete = all(each.text is None for each in changes.values())

        return self._step(
            "delete" if is_delete else "save",
            owner,
            *changes,
            call=lambda: self._storage.save(owner, changes),
        )

    def lock(self, owner: str) -> AbstractContextManager[Held | None]:
        lock = self._step("lock", owner, call=lambda: self._storage.lock(owner))
        actor = self._run.acting()

        return self._run.holding(actor, lock) if actor is not None else lock

    def _step(self, what: str, owner: str, *instances: str, call: Callable[[], T]) -> T:
        actor = self._run.acting()

        if actor is None:
            return call()

        actor.stop()
        steps = self._run.steps
        steps.append(Step(actor.name, what, owner, instances))

        try:
            result = call()
        except Exception as error:
            steps[-1] = steps[-1]._replace(outcome=type(error).__name__)
            raise

        if result is False:
            steps[-1] = steps[-1]._replace(outcome="lost")

        return result


def stepped(storage: Storage, run: Run) -> Storage:
    """A storage before whose calls the threads of a run stop, and that is otherwise
    like the given one."""
    return standing_for(storage, _SteppedStorage, run)
