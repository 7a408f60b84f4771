"""Cookies: carts in Flask's own session, which is in the browser."""

from __future__ import annotations

import typing as t
from contextlib import AbstractContextManager
from contextlib import nullcontext
from dataclasses import dataclass

from ..model.errors import CartCorruptError
from ..model.errors import CartTooLargeError
from ..model.keys import CartKey
from .base import Changes
from .base import Guarantee
from .base import Stored
from .base import deletes_nothing

_KEY: t.Final = "_carts"


@dataclass(frozen=True)
class CookieStorage:
    """Keeps carts in the session cookie.

    * Concurrency: none. Of two requests at once, the browser keeps the cookie of the
      later answer, and the change of the other one is lost.
    * Durability, lifetime: those of the cookie.
    * Size: 4 kB, for everything in the session.

    :param open_session: Returns the session of the browser that is being answered.
    :param check_size: Called once the session has a cart; raises
        :class:`~flask_cart.CartTooLargeError` if it does not fit into the cookie.
    """

    guarantee = Guarantee.LAST_WRITE_WINS
    always_lock = False

    open_session: t.Callable[[], t.MutableMapping[str, t.Any]]
    check_size: t.Callable[[], None]

    def load(self, key: CartKey) -> Stored | None:
        match self._carts_of(key.owner).get(key.instance):
            case None:
                return None
            case [int(version), str(data)]:
                return Stored(data, version)
            case other:
                raise _corrupt(other)

    def save(self, owner: str, changes: Changes) -> bool:
        if deletes_nothing(changes) or any(
            self._version(CartKey(owner, name)) != change.expected
            for name, change in changes.items()
        ):
            return False

        carts = dict(self._carts_of(owner))

        for name, (_, text, version) in changes.items():
            if text is None:
                del carts[name]
            else:
                carts[name] = [version, text]

        self._store(owner, carts)

        return True

    def lock(self, owner: str) -> AbstractContextManager[None]:
        return nullcontext()

    def instances(self, owner: str) -> list[str]:
        return sorted(self._carts_of(owner))

    def transaction(self) -> None:
        return None

    def restore(self, owner: str, older: t.Mapping[str, t.Any]) -> None:
        """Put an owner's carts back into a session that has lost them.

        :param older: The session as it was before.
        """
        carts = _checked(older.get(_KEY, {})).get(owner)

        if carts is not None and owner not in self._carts():
            self._put({**self._carts(), owner: carts})

    def _carts(self) -> dict[str, t.Any]:
        return _checked(self.open_session().get(_KEY, {}))

    def _carts_of(self, owner: str) -> dict[str, t.Any]:
        return _checked(self._carts().get(owner, {}))

    def _version(self, key: CartKey) -> int:
        stored = self.load(key)

        return stored.version if stored is not None else 0

    def _store(self, owner: str, carts: dict[str, t.Any]) -> None:
        before = self._carts()
        # Not changed in place: the session sees only what is assigned to its own keys.
        after = {**before, owner: carts}

        # There is no room for what no cart is left of.
        if not any(CartKey(owner, name).is_cart for name in carts):
            del after[owner]

        self._put(after)

        try:
            self.check_size()
        except CartTooLargeError:
            self._put(before)
            raise

    def _put(self, carts: dict[str, t.Any]) -> None:
        session = self.open_session()

        if carts:
            session[_KEY] = carts
        else:
            session.pop(_KEY, None)


def _checked(value: t.Any) -> dict[str, t.Any]:
    if not isinstance(value, dict):
        raise _corrupt(value)

    return value


def _corrupt(value: t.Any) -> CartCorruptError:
    return CartCorruptError(
        f"What the session has is not a cart: {value!r:.80}", repr(value)
    )
