"""The link to a basket, which its owner gives to others."""

from flask import Blueprint
from flask import flash
from flask import redirect
from flask import url_for
from werkzeug import Response

from flask_cart import CartEmptyError

from ..extensions import limiter
from ..languages import gettext
from ..services.sharing import read_link
from ..services.sharing import share
from ..services.sharing import stop_sharing

bp = Blueprint("sharing", __name__, url_prefix="/basket/link")


@bp.post("/")
@limiter.limit("10 per minute")
def make() -> Response:
    """Make a link to the basket."""
    try:
        share()
    except CartEmptyError:
        flash(gettext("Put something in your basket first, then share it."), "error")

    return _back()


@bp.post("/revoke")
def revoke() -> Response:
    """Let the link lead nowhere."""
    if stop_sharing():
        flash(gettext("The link leads nowhere any more."), "success")

    return _back()


def _back() -> Response:
    return redirect(url_for("cart.show", _anchor="share"), code=303)


bp.add_app_template_global(read_link, "read_shared_link")
