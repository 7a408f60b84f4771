"""Problems: what a client is told when nothing was changed."""

from __future__ import annotations

import typing as t

from flask import Flask
from flask import Response
from flask import current_app
from flask import make_response
from flask import render_template
from flask import request
from flask import session
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.exceptions import NotFound
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.exceptions import TooManyRequests
from werkzeug.exceptions import default_exceptions

from ..app.current import current_cart
from ..app.current import get_state
from ..app.problem_codes import ProblemCode
from ..app.wording import Problem
from ..app.wording import RefusedError
from ..app.wording import describe
from ..app.wording import tell_unreadable
from ..model.errors import CartConflictError
from ..model.errors import CartError
from ..model.errors import CartLimitError
from ..model.errors import CartStorageError
from ..model.errors import CartTooLargeError
from ..model.errors import InvalidItemError
from .answers import PAGE_FIELD
from .answers import address_of
from .answers import asked_page
from .answers import back
from .answers import json_problem
from .answers import status_of
from .answers import wants_json
from .inputs import MAX_TEXT
from .preconditions import KEY_FIELD
from .preconditions import VERSION_FIELD
from .preconditions import is_stale
from .representation import encode
from .representation import make_etag
from .representation import show_cart

#: The key in Flask's session of the code that was refused last, for its field.
REFUSED_CODE: t.Final = "_cart_refused_code"

#: Seconds after which the same request may succeed.
RETRY_AFTER: t.Final = {ProblemCode.BUSY: 1, ProblemCode.UNAVAILABLE: 5}

#: What nobody has to handle. All others may be the developer's mistake.
_ANSWERED: t.Final = (CartConflictError, CartStorageError)


def answer_errors(app: Flask) -> None:
    """Answer with a status of their own to errors that no view of the app handles."""
    handlers = app.error_handler_spec[None][None]

    # Whichever the app has registered before stays, as one that it registers later.
    if CartError not in handlers:
        app.register_error_handler(CartError, _answer_with_status)


def _answer_with_status(error: CartError) -> t.Any:
    handler = _handler_of_all()

    # Without ours, Flask would have called it.
    if handler is not None:
        return current_app.ensure_sync(handler)(error)

    if not (isinstance(error, _ANSWERED) or _is_input(error)):
        raise error

    _log_failure(error)
    problem = t.cast(Problem, describe(error))
    status = status_of(problem)
    exception = default_exceptions[status](problem.detail)

    if isinstance(exception, ServiceUnavailable):
        exception.retry_after = RETRY_AFTER[problem.code]

    # Like abort(), so that the app's own page for the status is shown.
    return current_app.handle_http_exception(exception)


def _handler_of_all() -> t.Callable[[t.Any], t.Any] | None:
    """What the app has registered for more than our errors, such as Exception."""
    handlers = current_app.error_handler_spec[None][None]
    wider = (handlers.get(kind) for kind in CartError.__mro__[1:])

    return next(filter(None, wider), None)


def _log_failure(error: Exception) -> None:
    if isinstance(error, CartStorageError):
        current_app.logger.error("The storage of the carts failed.", exc_info=error)


def _is_input(error: CartError) -> bool:
    """Whether it is about what a form may have said, and not about a full storage."""
    if isinstance(error, InvalidItemError):
        return error.is_input

    is_full = isinstance(error, CartTooLargeError)

    return isinstance(error, CartLimitError) and not is_full


def show_refused_code(code: str, error: CartError | HTTPException) -> None:
    """Let the field for codes show the one that was refused, and why."""
    reason = _worded(error).detail
    session[REFUSED_CODE] = {"code": code[:MAX_TEXT], "reason": reason}


def _worded(error: CartError | HTTPException) -> Problem:
    """What is told of an error, in the words of the shop; what nobody may be told of
    is raised again."""
    problem = describe(error)

    if problem is None:
        raise error

    if problem.code == ProblemCode.INVALID_FIELD and not wants_json(request):
        problem = problem._replace(detail=tell_unreadable())

    said = get_state().loaders.word(problem.code, problem.detail, error)

    return problem._replace(detail=said)


def tell_problem(error: CartError | HTTPException, instance: str) -> Response:
    """Tell the client why nothing was changed."""
    problem = _worded(error)

    if isinstance(error, CartConflictError) and is_stale(request, error):
        problem = Problem(ProblemCode.PRECONDITION_FAILED, problem.detail)

    if wants_json(request):
        _log_failure(error)

        return _in_json(error, problem, instance)

    # The app has its own pages for what is missing, forbidden or down.
    if request.method == "GET" or _is_of_the_app(problem):
        # Which it knows by their status.
        raise NotFound(problem.detail) if isinstance(error, RefusedError) else error

    if isinstance(error, CartConflictError):
        return _conflict_page(error, instance)

    page = address_of(instance, asked_page(request))
    is_of_code = (request.endpoint or "").endswith(".add_coupon")

    if is_of_code and current_cart.instance(instance):
        show_refused_code(request.form.get("code", ""), error)

        return back(request, page, "", "error")

    return back(request, page, problem.detail, "error")


def _is_of_the_app(problem: Problem) -> bool:
    # A form was right when it was shown, so its page says why it no longer is.
    if problem.code in (ProblemCode.UNKNOWN_LINE, ProblemCode.NOTHING_TO_RESTORE):
        return False

    return status_of(problem) in (403, 404, 413, 429, 503)


def _in_json(
    error: CartError | HTTPException, problem: Problem, instance: str
) -> Response:
    more: dict[str, t.Any] = {}
    etag = ""

    if status_of(problem) in (409, 412):
        cart = show_cart(current_cart.instance(instance))
        more["cart"], etag = cart, make_etag(cart.version, encode(cart))

    if isinstance(error, CartConflictError):
        more["line_id"], more["differs"] = error.line_id, _differs(error)

    response = json_problem(problem, **more)

    if etag:
        # So that the change can be sent again at once, for the cart that it shows.
        response.set_etag(etag)

    if isinstance(error, MethodNotAllowed):
        response.allow.update(error.valid_methods or ())

    if isinstance(error, TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after)
    elif status_of(problem) == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER[problem.code])

    return response


def _conflict_page(error: CartConflictError, instance: str) -> Response:
    cart = current_cart.instance(instance)
    cart.refresh()
    line = cart.get(error.line_id or (request.view_args or {}).get("line_id", ""))
    now = {VERSION_FIELD: str(cart.version)}
    # The form has its own of these.
    outdated = {KEY_FIELD, PAGE_FIELD, "csrf_token"}

    if line is not None:
        now["seen"] = str(line.quantity)
    else:
        outdated.add("seen")

    for each in cart.lines:
        # What has been done of a form with several is not done again.
        typed = request.form.get(f"quantity.{each.id}")

        if each.id == error.line_id or typed == str(each.quantity):
            now[f"seen.{each.id}"] = str(each.quantity)

    fields = {
        name: now.get(name, value)
        for name, value in request.form.items()
        if name not in outdated
    }
    wanted = _differs(error).get("wanted")
    page = render_template(
        "flask_cart/conflict.html",
        cart=cart,
        instance=instance,
        line=line,
        wanted=wanted if isinstance(wanted, int) else None,
        action=(request.endpoint or "").rpartition(".")[2],
        fields=fields,
    )

    return make_response(page, 409)


def _differs(error: CartConflictError) -> dict[str, t.Any]:
    """What differs, of a line its quantities."""
    return {
        # An operation tells of fields by name, as {"quantity": "3"}.
        name: int(value["quantity"])
        if isinstance(value, dict) and "quantity" in value
        else value
        for name, value in error.details.items()
    }
