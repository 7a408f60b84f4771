"""What a storage says of itself, and the tests that follow from it."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from ..storage.base import Guarantee

_Test = t.TypeVar("_Test", bound=Callable[..., None])


class Traits:
    """What the suite has to know of a storage."""

    #: What the storage claims to be. :attr:`~Guarantee.ATOMIC` storages are tested
    #: with writers that hold the lock and with such that do not,
    #: :attr:`~Guarantee.LOCKED` ones with writers that hold it, and
    #: :attr:`~Guarantee.LAST_WRITE_WINS` ones only with what holds without any.
    guarantee: t.ClassVar[Guarantee] = Guarantee.ATOMIC

    #: Whether other processes see the same carts. If so, ``open_storage`` must be
    #: picklable: a function of a module, or a :func:`functools.partial` of one.
    across_processes: t.ClassVar[bool] = True

    #: Whether the lock of an owner's carts leaves those of all others alone.
    locks_each_owner: t.ClassVar[bool] = True

    #: Whether it is a :class:`~flask_cart.storage.base.ScansCarts`.
    scans_carts: t.ClassVar[bool] = False

    #: The size of the largest cart that must be kept.
    max_bytes: t.ClassVar[int] = 2**20

    #: Seconds after which the lock of a process that was killed must be free.
    patience: t.ClassVar[float] = 10.0

    #: A fixture: a function that tells in how many seconds the cart of a key will
    #: expire, or ``None`` if it never does.
    ttl_of: t.ClassVar[t.Any] = None

    #: A fixture: a function that makes the storage impossible to use, from now on.
    cut_off: t.ClassVar[t.Any] = None

    #: A fixture: a function that replaces what is stored under a key by something
    #: that the storage has never written.
    spoil: t.ClassVar[t.Any] = None


def only_if(applies: Callable[[type[Traits]], bool]) -> Callable[[_Test], _Test]:
    """Leave a test out of the suites of storages that it says nothing about."""

    def mark(test: _Test) -> _Test:
        test.__dict__["applies"] = applies

        return test

    return mark


def excludes(suite: type[Traits]) -> bool:
    """Whether the lock keeps other writers out."""
    return suite.guarantee is not Guarantee.LAST_WRITE_WINS


def select_tests(suite: type[Traits], subclass: type[Traits]) -> None:
    """Leave out of a subclass of the suite what does not apply to it."""
    for name in dir(suite):
        test = getattr(suite, name)
        applies = getattr(test, "applies", None)

        if applies is None:
            continue

        if not applies(subclass):
            setattr(subclass, name, None)
        elif getattr(subclass, name) is None:
            # A class between the two is one that it does not apply to.
            setattr(subclass, name, test)
