"""Records: what is kept beside the carts, each found by its token alone.

A record is stored where the carts are, under an owner that no cart can have. So it
outlives the cart that it is about, and whoever has the token needs nothing else.
"""

from __future__ import annotations

import re
import typing as t
from contextlib import nullcontext
from dataclasses import dataclass

import msgspec

from ..model.errors import CartBusyError
from ..model.errors import CartConfigError
from ..model.errors import CartCorruptError
from ..model.keys import BESIDE
from ..model.keys import CartKey
from ..storage.base import Change
from ..storage.cookie import CookieStorage
from .repository import Repository

T = t.TypeVar("T")

_token = re.compile(r"[A-Za-z0-9_-]{1,100}")


@dataclass(frozen=True)
class Records(t.Generic[T]):
    """The records of one kind.

    :param kind: Its name.
    :param type: What is in a record.
    """

    repository: Repository
    kind: str
    type: type[T]

    @property
    def are_kept(self) -> bool:
        """Whether there is a place for them that is not in somebody's browser."""
        # Not type(), which of a proxy is the proxy's.
        return not isinstance(self.repository.storage, CookieStorage)

    def check_kept(self, what: str) -> None:
        """Refuse what needs records where there can be none.

        :raises CartConfigError: If there can be none.
        """
        if not self.are_kept:
            raise CartConfigError(
                f"{what} has to be found by its token alone, and carts in cookies are"
                " where only one browser has them. Use Flask-Session, or another"
                " CART_STORAGE."
            )

    def is_one(self, key: CartKey) -> bool:
        """Whether a record of this kind is stored under a key."""
        return key.owner.startswith(self._prefix)

    def token_of(self, key: CartKey) -> str:
        """The token of the record that is stored under a key."""
        return key.owner.removeprefix(self._prefix)

    def find(self, token: str) -> T | None:
        """The record of a token, if there is one.

        :raises CartCorruptError: If what is stored is none.
        """
        found = self.repository.tried(lambda is_last: self._found(token))

        return t.cast("tuple[T | None, int]", found)[0]

    def change(self, token: str, change: t.Callable[[T | None], T | None]) -> T | None:
        """Make of a record what it is to be, also if others change it.

        :param change: Is given what is stored, and returns what is to be; ``None`` for
            nothing. Called again when somebody was faster.
        :return: What is stored then.
        :raises CartBusyError: If others do not stop changing it.
        """
        storage = self.repository.storage

        def attempt(is_last: bool) -> tuple[T | None] | None:
            # What a transaction of the app shows may be older than what is there.
            is_part = storage.transaction() is not None

            return self._attempt(token, change, is_last or is_part)

        done = self.repository.tried(attempt)

        if done is None:
            raise CartBusyError(f"The {self.kind} of a token does not stop changing.")

        return done[0]

    def remove(self, token: str, seen: T) -> bool:
        """Delete a record, if it is what was seen.

        :return: Whether it was.
        """
        found: list[bool] = []

        def change(stored: T | None) -> T | None:
            found.append(stored == seen)

            return None if found[-1] else stored

        self.change(token, change)

        return found[-1]

    def read(self, data: str | bytes) -> T:
        """What is in a stored text.

        :raises CartCorruptError: If it is none.
        """
        try:
            return msgspec.json.decode(data, type=self.type)
        except (ValueError, RecursionError) as error:
            raise CartCorruptError(
                f"The stored text is no record of the kind {self.kind!r}: {error}",
                data,
            ) from error

    def _attempt(
        self, token: str, change: t.Callable[[T | None], T | None], is_locked: bool
    ) -> tuple[T | None] | None:
        storage, key = self.repository.storage, self._key(token)
        is_locked = is_locked or storage.always_lock

        with storage.lock(key.owner) if is_locked else nullcontext():
            before, version = self._found(token)
            after = change(before)

            if after == before:
                return (after,)

            text = None if after is None else msgspec.json.encode(after).decode()
            saved = storage.save(key.owner, {key.instance: Change.on(version, text)})

            return (after,) if saved else None

    def _found(self, token: str) -> tuple[T | None, int]:
        # It may come from anywhere.
        if not isinstance(token, str) or not _token.fullmatch(token):
            return None, 0

        stored = self.repository.storage.load(self._key(token))

        if stored is None:
            return None, 0

        return self.read(stored.data), stored.version

    def _key(self, token: str) -> CartKey:
        return CartKey(f"{self._prefix}{token}", "default")

    @property
    def _prefix(self) -> str:
        return f"{BESIDE}{self.kind}:"
