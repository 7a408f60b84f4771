"""The place that baskets are in, which their reader chooses below each page."""

from flask import Blueprint
from flask import current_app
from flask import flash
from flask import request
from werkzeug import Response

from flask_cart import InvalidItemError
from flask_cart import current_cart

from ..extensions import cart_ext
from ..extensions import csrf
from ..places import NAME
from ..places import PAGES
from ..places import PLACES
from ..places import here
from . import switches

#: How long the address of a copy can be: it waits in a cookie for the next page.
LONGEST = 1500

bp = Blueprint("places", __name__)

csrf.exempt(bp)


@bp.post("/place")
def choose() -> Response:
    """Go on in another place, where the basket is another one. This one waits."""
    response, place = switches.choose("storage", NAME, PLACES)

    if place not in (None, here()):
        flash(_copy(), "place")

    return response


@bp.after_app_request
def stay(response: Response) -> Response:
    """Let whoever opens a link to a basket that is in another place go on there."""
    if is_elsewhere() and response.status_code < 400:
        switches.remember(response, NAME, here())

    return response


@bp.app_template_global()
def is_elsewhere() -> bool:
    """Whether this page is of another place than the one that its browser is in."""
    if request.endpoint not in PAGES:
        return False

    chosen = request.cookies.get(NAME)
    default = current_app.extensions["places"].default

    return here() != (chosen if chosen in PLACES else default)


def _copy() -> str:
    """The address that asks to put what is in the basket into another one as well."""
    lines = [{"product": e.item_id, "quantity": e.quantity} for e in current_cart]

    try:
        address = cart_ext.permalink(lines) if lines else ""
    except InvalidItemError:
        # There can be none of so many things.
        return ""

    return address if len(address) <= LONGEST else ""


bp.add_app_template_global(PLACES.items, "basket_places")
bp.add_app_template_global(here, "basket_place")
