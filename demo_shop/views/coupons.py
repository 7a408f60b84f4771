"""The coupon box of the basket."""

from flask import Blueprint
from flask import flash
from flask import redirect
from flask import request
from flask import url_for
from werkzeug import Response

from ..coupons import LONGEST_CODE
from ..coupons import CouponRefusedError
from ..coupons import coupons_to_try
from ..coupons import enter_coupon
from ..coupons import forget_coupon
from ..coupons import read_noted
from ..forms import read_line

bp = Blueprint("coupons", __name__, url_prefix="/basket/coupon")


@bp.post("/")
def enter() -> Response:
    """Note the code that the shopper typed, or say what is the matter with it."""
    code = read_line(request.form.get("code"))

    try:
        enter_coupon(code)
    except CouponRefusedError as error:
        # The box shows it, and not the top of the page, which may be out of sight.
        flash(str(error), "coupon")
        flash(code[:LONGEST_CODE], "code")
        return redirect(url_for("basket.show", _anchor="code"), code=303)

    return redirect(url_for("basket.show", _anchor="coupon"), code=303)


@bp.post("/remove")
def remove() -> Response:
    """Take the code out of the basket."""
    forget_coupon()

    return redirect(url_for("basket.show", _anchor="code"), code=303)


@bp.app_context_processor
def box() -> dict[str, object]:
    """Give templates what the box shows; nothing is read unless a page has one."""
    return {"read_coupon": read_noted, "coupons_to_try": coupons_to_try}
