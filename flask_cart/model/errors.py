"""The errors that Flask-Cart raises on purpose.

* CartError
  x CartConfigError
  x CartConflictError
  x CartStorageError
    + CartBusyError
      - CartLockTimeoutError
  x CartCorruptError
  x CartEmptyError
  x CartLimitError
    + CartTooLargeError
  x CartOrderUnknownError
  x CartReplayedError
    + CartKeyReusedError
  x CartVetoError
  x InvalidItemError
    + CartQuantityError
      - CartStockError
  x InvalidConditionError

``except CartError`` catches all of them.
"""

from __future__ import annotations

import typing as t


class AnyCart(t.Protocol):
    """A cart, as far as what lies below it knows one, and who handles an error."""

    @property
    def key(self) -> t.Any:
        """Where it is stored."""

    @property
    def version(self) -> int:
        """The version that was read."""

    @property
    def lines(self) -> tuple[t.Any, ...]:
        """The lines, in the order in which they were added."""

    @property
    def totals(self) -> t.Any:
        """All the amounts."""

    def get(self, line_id: str) -> t.Any:
        """The line of this id, if there is one."""


class CartError(Exception):
    """The base of every error that Flask-Cart raises on purpose."""

    def __reduce__(self) -> tuple[t.Any, ...]:
        # Errors travel from job workers, without the cart that they are about.
        return _restored, (type(self), self.args, self.__dict__ | {"cart": None})


def _restored(
    kind: type[CartError], args: tuple[t.Any, ...], fields: dict[str, t.Any]
) -> CartError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(fields)

    return error


class CartConfigError(CartError):
    """The extension is set up in a way that cannot work or cannot be safe.

    :param message: What is wrong, and what to do.
    :param code: The name that the documentation describes it under, if it does.
    """

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(f"{message} [{code}]" if code is not None else message)

        self.code = code


class CartConfigWarning(UserWarning):
    """The extension is set up in a way that works, but may lose carts.

    To accept that, filter the warning by the code at the end of its message:
    ``warnings.filterwarnings("ignore", ".*cookie-session")``.

    :param message: What may happen, and what to do.
    :param code: The name that the documentation describes it under.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message, code)

        self.code = code

    def __str__(self) -> str:
        return f"{self.args[0]} [{self.code}]"


class CartConflictError(CartError):
    """Somebody else changed the cart, and the change cannot be applied again.

    Nothing of the refused change was saved. When no handler is registered for it,
    Flask answers the request with status 409.

    :param message: What happened, for the developer.
    :param expected_version: The version that the change was based on.
    :param current_version: The version that is stored now, 0 if there is none.
    :param cart: The cart, which shows the stored state when it is read again.
    :param line_id: The line that both sides changed, if it was a line.
    :param details: The two values that differ, by name.
    """

    def __init__(
        self,
        message: str,
        *,
        expected_version: int,
        current_version: int,
        cart: AnyCart | None = None,
        line_id: str | None = None,
        details: t.Mapping[str, t.Any] | None = None,
    ) -> None:
        super().__init__(message)

        self.expected_version = expected_version
        self.current_version = current_version
        self.cart = cart
        self.line_id = line_id

        #: The values that differ, such as ``{"seen": 1, "stored": 4, "wanted": 2}``.
        self.details: dict[str, t.Any] = dict(details or {})

    def to_dict(self) -> dict[str, t.Any]:
        """The conflict as plain data, with suggestions for resolving it."""
        return {
            "error": "cart_conflict",
            "message": str(self),
            "expected_version": self.expected_version,
            "current_version": self.current_version,
            "line_id": self.line_id,
            "details": self.details,
            "suggestions": [
                {"action": "reload", "text": "Show the cart as it is stored now."},
                {"action": "retry", "text": "Apply the change to the stored cart."},
                {"action": "discard", "text": "Keep the stored cart unchanged."},
            ],
        }


class CartStorageError(CartError):
    """The storage cannot be reached or refused the work.

    Unless it was only busy, nobody knows whether the change was saved: make it again
    with the same key, or place the order again with the same token. When no handler is
    registered for it, Flask answers the request with status 503. The original error is
    the ``__cause__``.
    """


class CartBusyError(CartStorageError):
    """The storage was too busy with rivals, and nothing was saved; the same call may
    succeed."""


class CartLockTimeoutError(CartBusyError):
    """A rival held the cart's lock for longer than ``CART_LOCK_TIMEOUT``."""


class CartCorruptError(CartError):
    """The stored text is not a cart. It stays stored, for somebody to repair.

    :param message: What is wrong with it.
    :param data: The stored text.
    """

    def __init__(self, message: str, data: str | bytes) -> None:
        super().__init__(message)

        #: The text as it is stored.
        self.data = data


class CartEmptyError(CartError):
    """A checkout of a cart that has no lines."""


class CartOrderUnknownError(CartError):
    """No order can be made, for nothing is known of one with this token.

    It was never begun, or given up, or begun too long ago. If it was paid, the money is
    there and the order is not: give it back, or make the order by hand.

    :param order_token: The token.
    """

    def __init__(self, order_token: str) -> None:
        super().__init__(
            f"No order is known with the token {order_token!r:.80}: it was never begun,"
            " given up, or begun so long ago that its note is gone. If it was paid,"
            " give the money back, or make the order by hand."
        )

        self.order_token = order_token


class CartLimitError(CartError):
    """A change would take the cart over one of its limits.

    When no handler is registered for it, Flask answers the request with status 422.

    :param message: Which limit, and what would exceed it.
    :param limit: The greatest value that is allowed.
    :param given: The value that the change would have led to.
    """

    def __init__(self, message: str, *, limit: int, given: int) -> None:
        super().__init__(message)

        self.limit = limit
        self.given = given


class CartTooLargeError(CartLimitError):
    """The cart is larger than ``CART_MAX_DATA_BYTES``, or than the storage takes.

    Memcached and tables of sessions count all carts of an owner, cookies the session.
    """


class CartReplayedError(CartError):
    """The change was made already, when it came for the first time with this key.

    :param line_id: The line that it was about, if it was one.
    :param version: The version that it left of the cart; 0 if it was made just before,
        in the same batch.
    """

    def __init__(self, message: str, line_id: str = "", version: int = 0) -> None:
        super().__init__(message)
        self.line_id = line_id
        self.version = version


class CartKeyReusedError(CartReplayedError):
    """The key came with another change before, so this one was not made."""


class CartVetoError(CartError):
    """Raised by a receiver of ``before_change`` to refuse a change."""


class InvalidItemError(CartError):
    """An item, quantity, line or version that cannot be.

    :param message: What is wrong with it.
    :param is_input: Whether a form may have said so, as of a quantity, a line or a
        version. When no handler is registered for it, Flask answers the request with
        status 422 then.
    """

    def __init__(self, message: str, *, is_input: bool = False) -> None:
        super().__init__(message)

        self.is_input = is_input


class CartQuantityError(InvalidItemError):
    """A quantity in which an item is not sold.

    When no handler is registered for it, Flask answers the request with status 422.

    :param message: What is wrong with it.
    :param item_id: The item.
    :param term: Which term of the product stands against it: ``"available"``,
        ``"maximum"``, ``"minimum"`` or ``"step"``.
    :param limit: The value of that term.
    :param in_cart: How many there are in the cart, or in the line if it is about the
        minimum or step.
    :param wanted: How many there would have been.
    """

    def __init__(
        self,
        message: str,
        *,
        item_id: str,
        term: str,
        limit: int,
        in_cart: int,
        wanted: int,
    ) -> None:
        super().__init__(message, is_input=True)

        self.item_id = item_id
        self.term = term
        self.limit = limit
        self.in_cart = in_cart
        self.wanted = wanted


class CartStockError(CartQuantityError):
    """More of an item than there are: ``limit`` of them."""


class InvalidConditionError(CartError):
    """A condition that cannot be in a cart."""


def changed_meanwhile(expected: int, version: int) -> CartConflictError:
    """The error about a save that somebody else's came before."""
    return CartConflictError(
        "Somebody else changed the cart at the same time, so it was left as it is.",
        expected_version=expected,
        current_version=version,
    )


def transaction_failed(version: int) -> CartConflictError:
    """The error about a rival who has made the app's transaction fail, with the cart
    or the order in it."""
    return CartConflictError(
        "Somebody else changed the same things at the same time, and the transaction"
        " that the cart is part of has failed. It may be begun again.",
        expected_version=version,
        current_version=version,
    )
