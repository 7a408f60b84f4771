"""Orders: what became of each, its receipt, and the same once more."""

import secrets

from flask import Blueprint
from flask import abort
from flask import flash
from flask import redirect
from flask import render_template
from flask import request
from flask import url_for
from sqlalchemy import select
from sqlalchemy.orm import selectinload
from werkzeug import Response

from ..extensions import db
from ..languages import gettext
from ..models import Order
from ..services import fulfilment
from ..services import reordering
from ..services.accounts import shopper
from ..services.dates import say_day
from ..services.dates import say_days
from ..services.dates import say_moment
from .basket import back_to_basket

bp = Blueprint("orders", __name__, url_prefix="/orders")

#: What the buttons of an order's page do. A real shop would pack and send elsewhere.
STEPS = {
    "pack": fulfilment.pack,
    "send": fulfilment.send,
    "cancel": fulfilment.cancel,
}

bp.add_app_template_filter(say_day, "day")
bp.add_app_template_filter(say_days, "days")
bp.add_app_template_filter(say_moment, "moment")


@bp.get("/<token>")
def show(token: str) -> str:
    """Show an order to whoever placed it; for others it doesn't exist."""
    return render_template("order.html", order=_own_order(token))


@bp.post("/<token>/again")
def again(token: str) -> Response:
    """Put into the basket what was ordered before, as far as there is some of it."""
    order = _own_order(token)
    # Each sending of a form without a key is one of its own.
    key = request.form.get("cart_key") or secrets.token_urlsafe(12)
    done, differences = reordering.order_again(order, key)

    if done:
        flash(done, "good")

    for difference in differences:
        flash(difference, "problem")

    return back_to_basket()


@bp.post("/<token>/<step>")
def step(token: str, step: str) -> Response:
    """Pack, send or cancel an order, if that can be done with it now."""
    take = STEPS.get(step) or abort(404)

    if not take(_own_order(token)):
        flash(gettext("That can't be done with this order any more."), "problem")

    return redirect(url_for("orders.show", token=token, _anchor="steps"), code=303)


def _own_order(token: str) -> Order:
    order: Order = db.one_or_404(
        select(Order)
        .where(Order.token == token, Order.shopper == shopper(), Order.shopper != "")
        .options(selectinload(Order.lines))
    )

    return order
