"""The pages of problems: what each ``type`` of a problem document leads to."""

from __future__ import annotations

import typing as t

from flask import Response
from flask import make_response
from flask import render_template
from flask import request

from ..app.problem_codes import ProblemCode
from .answers import wants_json
from .representation import encode
from .schemas import ShownMeaning

_CODES: t.Final = {code.value: code for code in ProblemCode}


def tell_meaning(code: str) -> Response:
    """What a problem is, whatever the request: the same for everybody."""
    problem = _CODES[code]

    if wants_json(request):
        shown = ShownMeaning(
            code=problem,
            status=problem.status,
            title=problem.heading,
            meaning=problem.meaning,
        )
        response = Response(encode(shown), mimetype="application/json")
    else:
        response = make_response(
            render_template("flask_cart/problem.html", problem=problem)
        )

    response.vary.add("Accept")

    return response
