"""Batches: what is to be one write, collected by one task and those that it starts."""

from __future__ import annotations

import typing as t
from contextvars import ContextVar
from dataclasses import dataclass

from ..model.document import Document
from ..model.idempotency import Claim
from ..model.operations import Operation


class Batch(t.NamedTuple):
    """What is to be one write, the content that it comes to so far, and the keys that
    it came with."""

    operations: tuple[Operation, ...]
    document: Document
    claims: tuple[Claim, ...] = ()


@dataclass(eq=False)
class OpenBatch:
    """A batch to which more may come.

    :param holder: Whose it is.
    :param batch: What there is so far; ``None`` when it has ended, also for tasks that
        it has started and not waited for.
    """

    holder: object
    batch: Batch | None


#: Those that are open for this task or thread, the innermost one last. For any other
#: that has the same cart, they are not there.
open_batches: ContextVar[tuple[OpenBatch, ...]] = ContextVar(
    "flask_cart_open_batches", default=()
)
