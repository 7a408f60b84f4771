"""Used keys: what keeps a change that is sent twice from being made twice.

They are kept beside the carts of an owner, and are saved in the same write as the
change that came with the key, or not at all.
"""

from __future__ import annotations

import datetime as dt
import types
import typing as t

import msgspec

from .errors import CartCorruptError
from .errors import CartKeyReusedError
from .errors import CartReplayedError
from .keys import AFTER
from .values import digest

#: The name of the instance that they are kept as.
USED_KEYS: t.Final = f"{AFTER}keys"

#: For how long a key is known: a day, and an hour for who tries again after just that.
LASTS: t.Final = dt.timedelta(hours=25)

#: How many of an owner are known.
MAX_KEYS: t.Final = 1000

#: How many there is room for in a cookie.
MAX_IN_COOKIE: t.Final = 20

#: 96 bits.
_LENGTH: t.Final = 16


class UsedKey(msgspec.Struct, frozen=True, array_like=True):
    """A key that a change has come with.

    :param claim: Identifies the cart, the key and the change.
    :param used_at: When it came, in seconds.
    :param line_id: The line that it was about, if it was one.
    :param version: The version that it has left of the cart.
    """

    claim: str
    used_at: int
    line_id: str = ""
    version: int = 0


UsedKeys = tuple[UsedKey, ...]


class Claim(t.NamedTuple):
    """A key, and the change that it came with.

    :param key: What the sender made up for the change.
    :param content: What is to be changed, in any words.
    """

    key: str
    content: str

    def on(self, instance: str) -> str:
        """What identifies it on one of the carts of an owner."""
        # No name of a cart has a space.
        key = digest(f"{instance} {self.key}", _LENGTH)

        return key + digest(self.content, _LENGTH)

    def check_with(self, other: Claim) -> None:
        """Refuse it if there is one with the same key.

        :raises CartReplayedError: If there is.
        """
        if self.key == other.key:
            raise _error(self.content == other.content)


def move_content(line_id: str, to: str, quantity: int | types.EllipsisType) -> str:
    """What is to be changed by a move, in words."""
    how_many = "all" if quantity is ... else quantity

    return f"move {line_id} to {to}: {how_many}"


def check_unused(claim: str, used: UsedKeys, now: dt.datetime) -> None:
    """Refuse a change with a key that was used.

    :param claim: Identifies the change, as :meth:`Claim.on`.
    :raises CartReplayedError: If it was used for the same change.
    :raises CartKeyReusedError: If it was used for another one.
    """
    key = claim[:_LENGTH]

    for each in known(tuple(e for e in used if e.claim.startswith(key)), now):
        raise _error(each.claim == claim, each.line_id, each.version)


def known(used: UsedKeys, now: dt.datetime) -> UsedKeys:
    """Those that are not too old."""
    oldest = (now - LASTS).timestamp()

    return tuple(each for each in used if each.used_at >= oldest)


def remembered(used: UsedKeys, most: int) -> UsedKeys:
    """The last of these, each once."""
    by_claim = {each.claim: each for each in used}

    return tuple(sorted(by_claim.values(), key=lambda each: each.used_at))[-most:]


def encode_keys(used: UsedKeys) -> str:
    """Used keys as the text that storages keep."""
    return msgspec.json.encode(used).decode()


def decode_keys(data: str | bytes) -> UsedKeys:
    """Read stored keys.

    :raises CartCorruptError: If there are none.
    """
    try:
        return msgspec.json.decode(data, type=UsedKeys)
    except (ValueError, RecursionError) as error:
        raise CartCorruptError(
            f"The stored text is not of used keys: {error}", data
        ) from error


def _error(is_same: bool, line_id: str = "", version: int = 0) -> CartReplayedError:
    if is_same:
        message = "The change with this key was made already."
        return CartReplayedError(message, line_id, version)

    return CartKeyReusedError("The key came with another change before.")
