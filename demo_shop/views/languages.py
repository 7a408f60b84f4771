"""The language that the pages are in, which their reader chooses below each of them."""

from datetime import timedelta

from flask import Blueprint
from flask import redirect
from flask import request
from flask import url_for
from werkzeug import Response

from ..extensions import csrf
from ..languages import COOKIE
from ..languages import LANGUAGES
from .ways_back import own_path

REMEMBERED = timedelta(days=365)

bp = Blueprint("languages", __name__)

# It changes nothing but what is shown, and the form is on pages without a session.
csrf.exempt(bp)


@bp.post("/language")
def choose() -> Response:
    """Speak another language, and go on where the shopper was."""
    there = own_path(request.form.get("next")) or url_for("catalogue.home")
    response = redirect(there, code=303)
    language = request.form.get("language", "")

    if language in LANGUAGES:
        response.set_cookie(
            COOKIE, language, max_age=REMEMBERED, httponly=True, samesite="Lax"
        )

    return response
