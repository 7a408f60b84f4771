"""The checkout."""

from flask import Blueprint
from flask import flash
from flask import redirect
from flask import render_template
from flask import request
from flask import session
from flask import url_for
from werkzeug import Response

from flask_cart import CartConflictError
from flask_cart import CartEmptyError
from flask_cart import InvalidConditionError
from flask_cart import current_cart

from ..extensions import cart_ext
from ..extensions import csrf
from ..forms import COUNTRIES
from ..forms import CheckoutForm
from ..forms import read_amount
from ..languages import gettext
from ..languages import lazy_gettext
from ..languages import price
from ..languages import told
from ..models import Order
from ..services.accounts import make_shopper
from ..services.basket import NotEnoughError
from ..services.basket import variants_in
from ..services.coupons import CouponRefusedError
from ..services.coupons import forget_coupon
from ..services.coupons import read_noted
from ..services.gift_cards import CardRefusedError
from ..services.ordering import find_order
from ..services.ordering import place_order
from ..services.payments import begin_payment
from ..services.shipping import needs_consent
from ..services.shipping import send_by_post
from . import languages
from . import places
from . import prices
from .basket import back_to_basket

bp = Blueprint("checkout", __name__)

#: The key in the session of the address that was typed last.
ADDRESS = "address"

CHANGED_BEFORE_ORDER = lazy_gettext(
    "Your basket changed in another tab, so we haven't ordered anything yet. This is"
    " how it looks now."
)
OTHER_TOTAL = lazy_gettext("The total has changed since this page was made.")
OTHER_PRICE = lazy_gettext("A price has changed since this page was made.")
NOT_SETTLED = lazy_gettext(
    "Before you check out: something in your basket needs a look."
)


@bp.get("/checkout")
def show() -> Response | str:
    """Show the address form beside what is going to be ordered."""
    if not current_cart:
        return back_to_basket()

    send_by_post(current_cart)

    if not current_cart.reprice().is_settled:
        flash(str(NOT_SETTLED), "problem")
        return back_to_basket()

    make_shopper()
    return _page(CheckoutForm.kept(session.get(ADDRESS, {})))


@bp.post("/checkout")
def submit() -> Response | str | tuple[str, int]:
    """Place the order, or say what is missing for it."""
    form = CheckoutForm.read(request.form)
    token = request.form.get("token", "")
    currency = current_cart.currency
    expected_total = read_amount(request.form.get("expected_total"), currency)
    due = read_amount(request.form.get("due"), currency)
    _keep_address(form)

    if "back" in request.form:
        return back_to_basket()

    if current_cart and "shipping" in request.form:
        return _send_otherwise(form, request.form["shipping"])

    if current_cart and form.errors:
        return _page(form), 422

    order = find_order(token, make_shopper())

    if order is not None:
        return _to_order(order)

    if not current_cart or expected_total is None or due is None:
        return _changed()

    send_by_post(current_cart)
    drift = current_cart.reprice()

    if needs_consent(drift) or current_cart.totals.problems:
        flash(str(NOT_SETTLED), "problem")
        return back_to_basket()

    if any(each.new_price not in (None, each.old_price) for each in drift):
        return _with_other_total(form, OTHER_PRICE), 409

    what = form.address, make_shopper(), token, expected_total, due

    try:
        if "pay" in request.form and due:
            return redirect(begin_payment(*what).url, code=303)

        order = place_order(*what)
    except CouponRefusedError as error:
        return _without_coupon(form, str(error)), 409
    except CardRefusedError as error:
        # Also what was begun while the card paid something else.
        cart_ext.cancel_order(token)
        return _with_other_total(form, str(error)), 409
    except (CartConflictError, CartEmptyError):
        current_cart.refresh()

        if not current_cart or current_cart.order_token != token:
            return _changed()

        # What is in the basket is the same, but it comes to something else now.
        noted = read_noted()

        if noted is not None and noted.is_over:
            return _without_coupon(form, noted.reason), 409

        return _with_other_total(form, OTHER_TOTAL), 409
    except NotEnoughError as error:
        flash(gettext("%(why)s Nothing was ordered yet.", why=error), "problem")
        return back_to_basket()

    return _to_order(order)


def _page(form: CheckoutForm, sent: str = "") -> str:
    return render_template(
        "checkout.html",
        form=form,
        sent=sent,
        countries=COUNTRIES,
        variants=variants_in(current_cart),
    )


def _send_otherwise(form: CheckoutForm, way: str) -> str:
    """The checkout once more, with what was typed; the parcel goes another way."""
    try:
        current_cart.shipping.choose(way)
    except InvalidConditionError:
        flash(
            gettext("Your parcel can't go that way. Please choose another."), "problem"
        )
    else:
        total = price(current_cart.totals.total)
        text = gettext(
            "%(way)s: the total is %(total)s now.", way=told(way), total=total
        )
        flash(text, "good")

    return _page(CheckoutForm(form.address), sent=way)


def _changed() -> Response:
    flash(str(CHANGED_BEFORE_ORDER), "problem")
    return back_to_basket()


def _without_coupon(form: CheckoutForm, why: str) -> str:
    # It would be refused again, also where the basket itself knows nothing of it.
    forget_coupon()

    return _with_other_total(
        form, gettext("%(why)s We have taken it out of your basket.", why=why)
    )


def _with_other_total(form: CheckoutForm, why: str) -> str:
    """The checkout once more, with what was typed and what is to be paid now."""
    text = gettext(
        "%(why)s The total is %(total)s now. Nothing was ordered yet.",
        why=why,
        total=price(current_cart.totals.total),
    )
    flash(text, "problem")

    return _page(form)


def _keep_address(form: CheckoutForm) -> None:
    """Have what was typed there again, whichever way the shopper goes from here."""
    # A cookie has room for no more.
    session[ADDRESS] = {k: v[:254] for k, v in form.address.columns().items()}


@languages.bp.before_request
@places.bp.before_request
@prices.bp.before_request
def keep_typed() -> None:
    """Keep the address, too, when a switch below the page takes the shopper away."""
    if "street" in request.form:
        csrf.protect()
        _keep_address(CheckoutForm.read(request.form))


def _to_order(order: Order) -> Response:
    session.pop(ADDRESS, None)

    return redirect(url_for("orders.show", token=order.token), code=303)
