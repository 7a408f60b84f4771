"""Express pay: from the basket to Sandbox Pay, which knows where the parcel goes.

It is the payment of the checkout, without its form.
"""

from flask import Blueprint
from flask import Response as Page
from flask import flash
from flask import g
from flask import redirect
from flask import request
from flask import url_for
from werkzeug import Response

from flask_cart import CartConflictError
from flask_cart import CartEmptyError
from flask_cart import current_cart

from ..services.accounts import make_shopper
from ..services.gift_cards import CardRefusedError
from ..services.payments import begin_payment
from ..services.shipping import send_by_post
from .basket import back_to_basket
from .basket import bp as basket
from .checkout import CHANGED_BEFORE_ORDER
from .checkout import NOT_SETTLED

bp = Blueprint("express", __name__)


@bp.post("/express")
def begin() -> Response:
    """Begin the payment of what is in the basket, and go to where it is paid."""
    if not current_cart:
        return back_to_basket()

    send_by_post(current_cart)

    if not current_cart.reprice().is_settled or current_cart.totals.problems:
        flash(NOT_SETTLED, "problem")
        return back_to_basket()

    totals = current_cart.totals

    if not totals.due:
        # A gift card pays it all, and somebody has to say where it goes.
        return redirect(url_for("checkout.show"), code=303)

    # Sandbox Pay shows what is to be paid, so there is nothing else to agree to.
    what = make_shopper(), current_cart.order_token, totals.total, totals.due

    try:
        return redirect(begin_payment(None, *what).url, code=303)
    except (CartConflictError, CartEmptyError, CardRefusedError):
        flash(CHANGED_BEFORE_ORDER, "problem")
        return back_to_basket()


@basket.after_request
def go_on(response: Page) -> Page:
    """Begin it from the basket, which has kept what was typed there."""
    is_meant = request.endpoint == "cart.forward" and "is_refused" not in g

    if is_meant and response.location == url_for("express.begin"):
        response.location = begin().location

    return response
