from __future__ import annotations

import pytest

import flask_cart
from flask_cart import errors

FAMILY = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, Exception)
]


@pytest.mark.parametrize("error", FAMILY)
def test_one_family(error: type[Exception]) -> None:
    """All errors can be caught as one, and are names of the package."""
    assert issubclass(error, errors.CartError)
    assert getattr(flask_cart, error.__name__) is error
    assert error.__name__ in errors.__doc__


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (errors.CartBusyError, errors.CartStorageError),
        (errors.CartTooLargeError, errors.CartLimitError),
    ],
)
def test_kinds(error: type[Exception], base: type[Exception]) -> None:
    """Some errors are kinds of others."""
    assert issubclass(error, base)


def test_statuses() -> None:
    """Errors that answer a request have an HTTP status."""
    assert errors.CartConflictError.http_status == 409
    assert errors.CartStorageError.http_status == 503


def test_conflict_without_details() -> None:
    """A conflict about a whole cart has no line and no values."""
    error = errors.CartConflictError("no", expected_version=1, current_version=2)

    assert (error.line_id, error.details, error.cart) == (None, {}, None)
    assert error.to_dict()["message"] == "no"


def test_details_are_a_copy() -> None:
    """The details of a conflict do not change with what they were made of."""
    details = {"seen": 1}
    error = errors.CartConflictError(
        "no", expected_version=1, current_version=2, details=details
    )
    details["seen"] = 5

    assert error.details == {"seen": 1}


def test_data_of_errors() -> None:
    """Errors carry what they are about."""
    assert errors.CartCorruptError("no", b"data").data == b"data"

    error = errors.CartTooLargeError("no", limit=1, given=2)
    assert (error.limit, error.given) == (1, 2)
