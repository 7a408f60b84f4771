"""Problems: what a client is told when nothing was changed."""

from __future__ import annotations

import typing as t

from flask import Flask
from flask import current_app
from werkzeug.exceptions import default_exceptions

from ..model.errors import CartConflictError
from ..model.errors import CartError
from ..model.errors import CartStorageError


def answer_errors(app: Flask) -> None:
    """Answer with a status of their own to errors that no view of the app handles."""
    app.register_error_handler(CartError, _answer_with_status)


def _answer_with_status(error: CartError) -> t.Any:
    if not isinstance(error, CartConflictError | CartStorageError):
        raise error

    if isinstance(error, CartStorageError):
        current_app.logger.error("The storage of the carts failed.", exc_info=error)

    # Not the message, which is for the developer and may name keys and statements.
    exception = default_exceptions[error.http_status](error.http_description)

    # Like abort(), so that the app's own page for the status is shown.
    return current_app.handle_http_exception(exception)
