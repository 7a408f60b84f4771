"""The language that the pages are in, which their reader chooses below each of them."""

from flask import Blueprint
from werkzeug import Response

from ..extensions import csrf
from ..languages import COOKIE
from ..languages import LANGUAGES
from . import switches

bp = Blueprint("languages", __name__)

csrf.exempt(bp)


@bp.post("/language")
def choose() -> Response:
    """Speak another language, and go on where the shopper was."""
    response, _ = switches.choose("language", COOKIE, LANGUAGES)

    return response
