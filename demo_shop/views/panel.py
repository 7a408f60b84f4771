"""The developer's panel: what the page is made of, below it."""

from datetime import timedelta

from flask import Blueprint
from flask import abort
from flask import current_app
from flask import redirect
from flask import render_template
from flask import request
from flask import url_for
from sqlalchemy import select
from werkzeug import Response

from flask_cart import current_cart

from ..extensions import csrf
from ..extensions import db
from ..models import CartWrite
from ..services.tracing import COOKIE
from ..services.tracing import Request
from ..services.tracing import code_of
from ..services.tracing import forget
from ..services.tracing import make_secret
from ..services.tracing import read_requests
from ..services.tracing import recorder
from .ways_back import back_to_page

REMEMBERED = timedelta(days=30)

bp = Blueprint("panel", __name__, url_prefix="/panel")

# It changes nothing but what is shown, and the form is on pages without a session.
csrf.exempt(bp)


@bp.post("/")
def toggle() -> Response:
    """Open the panel, or close it, and go on where the shopper was."""
    there = back_to_page()

    if secret := request.cookies.get(COOKIE):
        forget(secret)
        response = redirect(there, code=303)
        response.delete_cookie(COOKIE, httponly=True, samesite="Lax")
    else:
        response = redirect(f"{there}#panel", code=303)
        response.set_cookie(
            COOKIE, make_secret(), max_age=REMEMBERED, httponly=True, samesite="Lax"
        )

    return response


@bp.get("/latest")
def latest() -> str:
    """What was requested since, for the page to put in its panel."""
    secret = request.cookies.get(COOKIE)

    if secret is None:
        abort(404)

    return render_template("_requests.html", **_about(read_requests(secret)))


@bp.app_template_global()
def is_traced() -> bool:
    """Whether this browser has the panel open."""
    return recorder() is not None


@bp.app_template_global()
def this_page() -> str:
    """Where the forms below each page lead back to."""
    if request.method != "GET":
        return url_for("catalogue.home")

    return request.full_path.rstrip("?")


@bp.app_template_global()
def read_panel() -> dict[str, object]:
    """What is in the panel of this page."""
    noted = recorder()
    assert noted is not None

    with noted.pause():
        return _about([noted.request, *read_requests(noted.panel)])


def _json_of_cart() -> str:
    """The basket as clients of the JSON API see it, if there is one."""
    if current_cart.key is None:
        return ""

    return current_app.json.dumps(current_cart, indent=2, ensure_ascii=False)


def _about(requests: list[Request]) -> dict[str, object]:
    versions = [save.version for each in requests for save in each.saves]
    writes = db.session.scalars(
        select(CartWrite).where(CartWrite.version.in_(versions))
    )

    return {
        "requests": requests,
        "numbers": {write.version: write.number for write in writes},
        "code_of": code_of,
        "json": _json_of_cart(),
    }
