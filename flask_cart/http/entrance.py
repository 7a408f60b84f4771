"""The entrance: what is answered before any view, also before hooks of the app."""

from __future__ import annotations

import re
import typing as t

from flask import Response
from flask import request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.exceptions import NotFound
from werkzeug.routing import RequestRedirect

from ..app.current import get_state
from ..app.problem_codes import ProblemCode
from ..app.settings import RESERVED_INSTANCES
from ..app.wording import Problem
from ..app.wording import describe
from .answers import NAME
from .answers import json_problem
from .answers import keep_private
from .answers import wants_json
from .guards import read_body


def guard_bodies(state: BlueprintSetupState) -> None:
    """Read the bodies of changes before anything else does, such as CSRFProtect."""

    def read() -> Response | None:
        # Each attribute of the proxy would ask it again.
        this_request = request._get_current_object()  # type: ignore[attr-defined]

        if this_request.blueprint != NAME:
            return None

        try:
            read_body(this_request)
        except HTTPException as error:
            if wants_json(this_request):
                return keep_private(_tell(error), is_page=False)

            raise

        return None

    state.app.before_request_funcs.setdefault(None, []).insert(0, read)


def answer_unrouted(state: BlueprintSetupState) -> None:
    """Tell JSON clients of addresses that are none, as of all other problems.

    Flask finds no blueprint for such a request, so only the app can be asked.
    """
    own = _own_addresses(state.url_prefix or "")

    def answer() -> Response | None:
        error = request.routing_exception

        if error is None or not own.match(request.path) or not wants_json(request):
            return None

        return keep_private(_tell(error), is_page=False)

    state.app.before_request(answer)


def _own_addresses(prefix: str) -> re.Pattern[str]:
    """What is behind the prefix; without one, only what begins like a route."""
    pattern = re.sub(r"<[^>]+>|[^<]+", _in_pattern, prefix.rstrip("/"))
    first = "" if pattern else f"({'|'.join(RESERVED_INSTANCES)})"

    return re.compile(f"{pattern}/{first}|{pattern}$")


def _in_pattern(part: re.Match[str]) -> str:
    return "[^/]+" if part[0].startswith("<") else re.escape(part[0])


def _tell(error: HTTPException) -> Response:
    # It would change something else than what was asked for: "/b" is not "b".
    if isinstance(error, RequestRedirect) and "//" in request.path:
        error = NotFound()

    if isinstance(error, RequestRedirect):
        problem = Problem(ProblemCode.MOVED, "It is at another address.")
    else:
        problem = t.cast(Problem, describe(error))

    said = get_state().loaders.word(problem.code, problem.detail, error)
    response = json_problem(problem._replace(detail=said))

    if isinstance(error, RequestRedirect):
        response.location = error.new_url

    if isinstance(error, MethodNotAllowed):
        response.allow.update(error.valid_methods or ())

    return response
