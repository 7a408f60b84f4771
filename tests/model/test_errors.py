from __future__ import annotations

import copy
import pickle
import warnings

import pytest

import flask_cart
from flask_cart.model import errors

NAMES = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, Exception)
]
FAMILY = [each for each in NAMES if not issubclass(each, Warning)]


@pytest.mark.parametrize("error", FAMILY)
def test_one_family(error: type[Exception]) -> None:
    """All errors can be caught as one, and are drawn in the tree."""
    assert issubclass(error, errors.CartError)
    assert error.__name__ in errors.__doc__


@pytest.mark.parametrize("name", NAMES)
def test_names_of_the_package(name: type[Exception]) -> None:
    """All errors, and what is warned of, are names of the package."""
    assert getattr(flask_cart, name.__name__) is name
    assert name.__name__ in flask_cart.__all__


def test_warning_is_no_error() -> None:
    """A warning can be filtered like any other, and nobody catches it by mistake."""
    assert issubclass(errors.CartConfigWarning, UserWarning)
    assert not issubclass(errors.CartConfigWarning, errors.CartError)


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (errors.CartBusyError, errors.CartStorageError),
        (errors.CartLockTimeoutError, errors.CartBusyError),
        (errors.CartTooLargeError, errors.CartLimitError),
        (errors.CartQuantityError, errors.InvalidItemError),
        (errors.CartStockError, errors.CartQuantityError),
    ],
)
def test_kinds(error: type[Exception], base: type[Exception]) -> None:
    """Some errors are kinds of others."""
    assert issubclass(error, base)


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


def test_code_of_a_config_error() -> None:
    """What the documentation describes has a code, at the end of the message."""
    error = errors.CartConfigError("No such cache.", "no-cache")

    assert error.code == "no-cache"
    assert str(error) == "No such cache. [no-cache]"


def test_config_error_without_code() -> None:
    """What says everything itself has none."""
    error = errors.CartConfigError("No such cache.")

    assert error.code is None
    assert str(error) == "No such cache."


def test_code_of_a_warning() -> None:
    """So has every warning."""
    warning = errors.CartConfigWarning("It may vanish.", "cookie-session")

    assert warning.code == "cookie-session"
    assert str(warning) == "It may vanish. [cookie-session]"


def test_warning_is_filtered_by_its_code() -> None:
    """Who accepts one thing is still warned of the others."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", ".*cookie-session")
        warnings.warn(errors.CartConfigWarning("a", "cookie-session"), stacklevel=1)
        warnings.warn(errors.CartConfigWarning("b", "cache-threshold"), stacklevel=1)

    assert [str(each.message) for each in caught] == ["b [cache-threshold]"]


@pytest.mark.parametrize(
    "error",
    [
        errors.CartConfigError("no", "no-cache"),
        errors.CartConfigWarning("no", "no-cache"),
    ],
)
def test_codes_travel(error: errors.CartConfigError | errors.CartConfigWarning) -> None:
    """They come back whole from job workers."""
    for found in [pickle.loads(pickle.dumps(error)), copy.copy(error)]:
        assert (type(found), str(found)) == (type(error), "no [no-cache]")
        assert found.code == "no-cache"


def test_warning_is_made_of_its_arguments() -> None:
    """That is how runners of tests pass warnings on from process to process."""
    warning = errors.CartConfigWarning("no", "no-cache")
    found = errors.CartConfigWarning(*warning.args)

    assert (str(found), found.code) == ("no [no-cache]", "no-cache")
