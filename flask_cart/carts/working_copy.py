"""The working copy: what one holder of a cart has read, and writes back."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager

from ..model.document import Document
from ..model.errors import AnyCart
from ..model.errors import CartConflictError
from ..model.errors import CartError
from ..model.errors import InvalidItemError
from ..model.events import Event
from ..model.idempotency import Claim
from ..model.idempotency import UsedKeys
from ..model.idempotency import check_unused
from ..model.keys import CartKey
from ..model.lines import Line
from ..model.operations import Applied
from ..model.operations import Operation
from ..model.operations import applied
from ..model.operations import check_expected
from ..model.values import refused_as
from ..model.values import whole_number
from .batches import Batch
from .batches import OpenBatch
from .batches import open_batches
from .services import CartServices
from .services import refuse_while_asked
from .used_keys import Claims
from .used_keys import KeptKeys
from .writing import Fit
from .writing import Operations
from .writing import Part
from .writing import Snapshot
from .writing import Written


class WorkingCopy:
    """The document and version that a cart has read, until it writes.

    :param services: What all carts of the app share.
    :param cart: The cart that signals and conflicts are about.
    :param key: Where it is stored, if that is known.
    :param make_key: Called at the first write if it is not.
    :param instance: The name of the cart.
    """

    def __init__(
        self,
        services: CartServices,
        cart: AnyCart,
        key: CartKey | None,
        make_key: t.Callable[[], CartKey],
        instance: str,
    ) -> None:
        self.key = key
        self.instance = instance
        self.repository = services.repository
        self.now = services.now
        self._services = services
        self._cart = cart
        self._make_key = make_key
        self._snapshot: Snapshot | None = None
        self._expected: int | None = None
        self._used_keys: KeptKeys | None = None

        #: What the last write left. A receiver that was told of it may have made more.
        self.left_version = 0

    @property
    def snapshot(self) -> Snapshot:
        """The document and version that were read, now at the latest."""
        if self._snapshot is None:
            self._snapshot = self._read()

        return self._snapshot

    @property
    def document(self) -> Document:
        """The content, inside a batch with the changes made so far."""
        return (self._batch or self.snapshot).document

    @property
    def _open(self) -> OpenBatch | None:
        mine = [e for e in open_batches.get() if e.holder is self and e.batch]

        return mine[-1] if mine else None

    @property
    def _batch(self) -> Batch | None:
        return self._open.batch if self._open is not None else None

    def _read(self) -> Snapshot:
        if self.key is None:
            return self.repository.nothing

        return self.repository.load(self.key)

    def refresh(self) -> None:
        """Forget what was read.

        :raises CartError: In a batch, whose changes were made to what was read.
        """
        self.refuse_batch("read again")
        self._snapshot = None

    def expect(self, version: int) -> None:
        """Let further writes fail unless they follow on this version.

        :raises InvalidItemError: If it is no version.
        """
        with refused_as(InvalidItemError):
            self._expected = whole_number(version, "The version that is expected")

    def expect_any(self) -> None:
        """Let further writes follow on any version again."""
        self._expected = None

    def line(self, line_id: str) -> Line:
        """A line of the content.

        :raises InvalidItemError: If there is no such line.
        :raises CartConflictError: If it was looked for in another version than the
            expected one.
        """
        line = self.document.line(line_id)

        if line is None:
            with self._conflicts_reported():
                check_expected(self.snapshot.version, self._expected, line_id)

            raise InvalidItemError(
                f"There is no line {line_id!r:.80} in the cart.", is_input=True
            )

        return line

    def check_unused(self, claim: Claim) -> None:
        """Refuse a change that was made with the same key before.

        :raises CartReplayedError: If it was.
        """
        for other in self._batch.claims if self._batch is not None else ():
            claim.check_with(other)

        if self.key is None:
            # It will be of somebody who has none.
            self._used_keys = KeptKeys()
            return

        # Before the keys, which then are never older: what a rival with this key has
        # left must not look as if it was somebody else's.
        _ = self.snapshot
        owner, instance = self.key
        self._used_keys = self.repository.used_keys(owner)
        check_unused(claim.on(instance), self._used_keys.used, self.now())

    @contextmanager
    def once(self, claim: Claim) -> t.Iterator[None]:
        """Make all that is applied inside one write, unless it was made before.

        :raises CartReplayedError: If it was.
        """
        self.check_unused(claim)

        with self.batch():
            self._add_to_batch((), (claim,))
            yield

    def conflict(
        self,
        message: str,
        expected_version: int | None = None,
        details: dict[str, t.Any] | None = None,
    ) -> CartConflictError:
        """An error about what was read.

        :param expected_version: What was expected, if it is another version.
        """
        version = self.snapshot.version

        return CartConflictError(
            message,
            expected_version=version if expected_version is None else expected_version,
            current_version=version,
            cart=self._cart,
            details=details,
        )

    def apply(self, *operations: Operation, taken: UsedKeys = ()) -> tuple[Event, ...]:
        """Apply operations in one write, or make them part of the batch.

        :param taken: Keys that are known of another owner, to be known of this one.
        :return: The events of the write.
        """
        if self._batch is None:
            return self.write(operations, self._expected, taken=taken)

        refuse_while_asked()
        self._add_to_batch(operations)

        return ()

    def _add_to_batch(
        self, operations: tuple[Operation, ...], claims: tuple[Claim, ...] = ()
    ) -> None:
        document = self._applied(operations)[0] if operations else self.document
        opened = t.cast(OpenBatch, self._open)
        done, _, known = t.cast(Batch, opened.batch)
        new = tuple(each for each in claims if each not in known)
        opened.batch = Batch((*done, *operations), document, (*known, *new))

    @contextmanager
    def batch(self) -> t.Iterator[None]:
        """Make all that is applied inside one write, unless there is an error."""
        claims = self._batch.claims if self._batch is not None else ()
        opened = OpenBatch(self, Batch((), self.document, claims))
        open_batches.set((*open_batches.get(), opened))

        try:
            yield
            batch = t.cast(Batch, opened.batch)
        finally:
            opened.batch = None
            open_batches.set(tuple(e for e in open_batches.get() if e is not opened))

        # What is in another batch is saved with all that is in that one.
        if self._batch is not None:
            self._add_to_batch(batch.operations, batch.claims)
        else:
            self.write(batch.operations, self._expected, batch.claims)

    def write(
        self,
        operations: Operations,
        expected: int | None,
        claims: t.Sequence[Claim] = (),
        taken: UsedKeys = (),
    ) -> tuple[Event, ...]:
        """Apply operations in a write of their own.

        :param operations: ``None`` to delete the cart.
        :param expected: The only version that they may be applied to, if there is one.
        :param claims: The keys that they came with.
        :param taken: Those of another owner, as for :meth:`apply`.
        :return: The events of the write.
        """
        refuse_while_asked()

        if self.key is None:
            with self._conflicts_reported():
                check_expected(0, expected)

            if operations is None or not self._applied(operations)[1]:
                return ()

        self.found_key()
        parts = [self.part(operations, expected)]
        (written,) = write_parts([self], parts, None, claims, taken)

        return written.events

    def found_key(self) -> CartKey:
        """Where it is stored, or will be."""
        if self.key is None:
            self.key = self._make_key()

        return self.key

    def destroy(self) -> None:
        """Delete what was read."""
        self.refuse_batch("destroyed")
        self.write(None, self._expected)

    def refuse_batch(self, what: str) -> None:
        """Refuse what cannot be part of a batch.

        :raises CartError: If there is a batch.
        """
        if self._batch is not None:
            raise CartError(f"A cart cannot be {what} inside a batch.")

    @contextmanager
    def _conflicts_reported(self) -> t.Iterator[None]:
        try:
            yield
        except CartConflictError as error:
            error.cart = self._cart
            raise

    def _applied(self, operations: t.Sequence[Operation]) -> Applied:
        version = self.snapshot.version
        heeded = self._services.heeded(self.instance, operations)

        with self._conflicts_reported():
            return applied(self.document, heeded, version, version)

    def part(self, operations: Operations, expected: int | None = None) -> Part:
        """What a write is to do with this cart."""
        key = self.found_key()
        operations = self._services.with_terms(self.instance, operations)

        return Part(key, operations, self._snapshot, expected, self._before)

    def _claims(self, made: t.Sequence[Claim], taken: UsedKeys = ()) -> Claims | None:
        """What a write is to remember of keys, if it is anything."""
        if not (made or taken):
            return None

        key = t.cast(CartKey, self.key)

        return Claims(key, made, taken, self.now(), self._used_keys if made else None)

    def _before(self, key: CartKey, version: int, events: tuple[Event, ...]) -> None:
        self._services.announcer.before(self._cart, version, events)

    def _finish(self, written: Written) -> None:
        expected = self._expected
        self._snapshot = written.snapshot

        if not written.events:
            return

        # What settles an order may follow on a version that nobody has expected.
        if written.follows == expected:
            self._expected = written.snapshot.version

        def undo() -> None:
            # Also in the middle of a batch: it is the app that has rolled back.
            self._expected = expected
            self._snapshot = None

        self.announce(written.events, undo)

    def announce(
        self, events: tuple[Event, ...], undo: t.Callable[[], None] = lambda: None
    ) -> None:
        """Say what has happened, once it is certain.

        :param undo: Called instead if it has not happened.
        """

        def announce() -> None:
            self._services.announcer.after(self._cart, events)

        transaction = self.repository.transaction()

        if transaction is None:
            announce()
        else:
            transaction.when_done(announce, undo)


def write_carts(
    changes: t.Sequence[tuple[WorkingCopy, t.Sequence[Operation]]],
    fit: Fit,
    claims: t.Sequence[Claim],
) -> None:
    """Change several carts of one owner in one step.

    :param changes: What is to be done with each. None of them is in a batch, and it is
        known where each is stored.
    :param fit: Makes the operations anew, of what is in all of the carts.
    :param claims: The keys that the changes of the first cart came with.
    """
    refuse_while_asked()
    copies = [copy for copy, _ in changes]
    parts = [copy.part(each, copy._expected) for copy, each in changes]
    write_parts(copies, parts, fit, claims)


def write_parts(
    copies: t.Sequence[WorkingCopy],
    parts: t.Sequence[Part],
    fit: Fit | None,
    made: t.Sequence[Claim],
    taken: UsedKeys = (),
) -> list[Written]:
    """Do what parts say, of which the first are those of the copies."""
    first = copies[0]
    claims = first._claims(made, taken)

    try:
        written = first.repository.write(parts, fit, claims)
    except CartConflictError as error:
        error.cart = first._cart

        for copy in copies:
            copy.refresh()

        raise

    for copy, each in zip(copies, written, strict=False):
        copy._finish(each)

    for copy, each in zip(copies, written, strict=False):
        copy.left_version = each.snapshot.version

    return written
