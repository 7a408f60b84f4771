"""Payments: where Sandbox Pay tells us of one, and where it sends shoppers back to."""

from flask import Blueprint
from flask import abort
from flask import flash
from flask import redirect
from flask import render_template
from flask import request
from flask import url_for
from werkzeug import Response

from .. import sandbox_pay
from ..forms import Address
from ..languages import gettext
from ..money import money
from ..services.accounts import shopper
from ..services.payments import find_paid_order
from ..services.payments import find_payment
from ..services.payments import give_up
from ..services.payments import hear_of
from .basket import back_to_basket

bp = Blueprint("payments", __name__, url_prefix="/payments")


@bp.post("/notify")
def hear() -> tuple[str, int]:
    """Hear from Sandbox Pay what became of a payment.

    It calls again until it is answered with success, and nobody else can call.
    """
    notice = sandbox_pay.read_notice(request)

    if notice is None:
        abort(403)

    address = Address(**notice["address"]) if notice["address"] else None
    paid = money(notice["cents"], notice["currency"])
    hear_of(notice["reference"], notice["state"], paid, address)

    return "", 204


@bp.get("/<token>")
def show(token: str) -> Response | str:
    """Show a shopper who comes back the order, or what is known of the payment."""
    payment = find_payment(token, shopper()) or abort(404)
    order = find_paid_order(payment)

    if order is not None:
        return redirect(url_for("orders.show", token=order.token), code=303)

    return render_template("payment.html", payment=payment)


@bp.post("/<token>/give-up")
def stop(token: str) -> Response:
    """Forget a payment that the shopper has thought better of."""
    payment = find_payment(token, shopper()) or abort(404)

    if find_paid_order(payment) is not None:
        return redirect(url_for("payments.show", token=token), code=303)

    give_up(payment)
    flash(gettext("Nothing was ordered. Everything is still in your basket."), "good")

    return back_to_basket()
