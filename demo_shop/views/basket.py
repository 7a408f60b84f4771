"""The basket: the pages of Flask-Cart, and what this shop does beside them."""

from flask import Blueprint
from flask import flash
from flask import g
from flask import redirect
from flask import request
from flask import session
from flask import url_for
from werkzeug import Response

from flask_cart import Drift
from flask_cart import current_cart

from ..extensions import cart_ext
from ..extensions import limiter
from ..forms import MAX_NOTE
from ..languages import gettext
from ..models import Product
from ..services.accounts import PLACES
from ..services.basket import count_cheaper
from ..services.basket import savings
from ..services.basket import variants_in
from ..services.basket import variants_of
from ..services.coupons import coupons_to_try
from ..services.coupons import describe
from ..services.coupons import read_noted
from ..services.currencies import change
from ..services.currencies import chosen_currency
from ..services.delivery import estimate
from ..services.gift_cards import LONGEST_CODE
from ..services.gift_cards import cards_to_try
from ..services.gift_cards import forget_card
from ..services.gift_cards import note_card
from ..services.gift_cards import read_card
from ..services.shipping import WAYS
from ..services.shipping import needs_consent
from ..services.shipping import send_by_post

#: The hidden fields with the prices that a shopper agrees to, before the line's id.
PRICE = "price."

bp: Blueprint = cart_ext.blueprint


@bp.before_request
def remember_shopper() -> None:
    """Keep the session cookie, and with it the cart, when the browser closes."""
    if request.method == "POST":
        session.permanent = True


@bp.before_request
def keep_currency() -> None:
    """Have carts in the currency of who looks at them, or puts something in them."""
    names = {(request.view_args or {}).get("instance", ""), request.form.get("to", "")}

    if request.endpoint in ("cart.show", "cart.add", "cart.move"):
        for name in names & PLACES.keys():
            is_begun = request.endpoint != "cart.show"
            change(current_cart.instance(name), chosen_currency(), begin=is_begun)


@bp.before_request
def compare_with_shelves() -> None:
    """Before a basket is shown, see what has become of the prices in it.

    Lower prices are given at once. Of a higher one the page asks, because the shopper
    has chosen at the old one. What is kept for another day keeps the price that it had
    then, for the page to compare.
    """
    instance = (request.view_args or {}).get("instance", "")

    if request.endpoint == "cart.show" and instance == "default":
        send_by_post(current_cart)
        g.drift = current_cart.reprice("lower")


@bp.after_request
def agree_with_list(response: Response) -> Response:
    """Give what was moved to the basket the price that the list has shown for it."""
    is_moved = request.endpoint == "cart.move" and response.status_code == 303

    if is_moved and request.form.get("to") == "default":
        line = current_cart.get((request.view_args or {})["line_id"])

        if line is not None and (variant := variants_of([line.item_id])):
            price = variant[line.item_id].cart_price_in(current_cart.currency)
            current_cart.reprice({line.id: price.amount})

    return response


@bp.post("/lines/prices")
def take_prices() -> Response:
    """Take the new prices that the shopper has read and agreed to."""
    drift = current_cart.reprice(
        {
            field.removeprefix(PRICE): price
            for field, price in request.form.items()
            if field.startswith(PRICE)
        }
    )

    if needs_consent(drift):
        flash(
            gettext("A price has just changed once more. This is how it is now."),
            "problem",
        )
    else:
        flash(gettext("Your basket has the new prices."), "good")

    return back_to_basket()


@bp.before_request
def use_typed_card() -> None:
    """Let a gift card pay that was typed on the basket's page, wherever that leads."""
    if request.endpoint == "cart.forward" and request.form.get("card", "").strip():
        g.is_refused = not _use_card()


@bp.after_request
def stay_with_card(response: Response) -> Response:
    """Lead back to a card that cannot pay, and on only after that."""
    if g.pop("is_refused", False):
        response.location = url_for("cart.show", _anchor="gift-card")

    return response


@bp.post("/gift-card")
def use_card() -> Response:
    """Let a gift card pay."""
    _use_card()

    return redirect(url_for("cart.show", _anchor="gift-card"), code=303)


@limiter.limit("10 per minute")
def _use_card() -> bool:
    code = request.form.get("card", "")
    refusal = note_card(code)

    if refusal and not current_cart:
        flash(refusal, "error")
    elif refusal:
        # The field shows it, with what was typed in.
        session["refused_card"] = {"code": code[:LONGEST_CODE], "reason": refusal}

    return not refusal


@bp.post("/gift-card/remove")
def remove_card() -> Response:
    """Keep what is on a gift card for another time."""
    forget_card()

    return redirect(url_for("cart.show", _anchor="gift-card"), code=303)


def back_to_basket() -> Response:
    """Redirect so that reloading the page doesn't send the form again."""
    return redirect(url_for("cart.show"), code=303)


@bp.app_template_global()
def read_wish(product: Product) -> str | None:
    """The line that a product has on the wishlist, in whichever colour or size."""
    if "wishes" not in g:
        wishlist = current_cart.instance("wishlist")
        g.wishes = {line.item_id: line.id for line in wishlist.lines}

    skus = (variant.sku for variant in product.variants)

    return next((g.wishes[sku] for sku in skus if sku in g.wishes), None)


@bp.app_template_global()
def read_drift() -> Drift:
    """What was different on the shelves when the page was asked for."""
    drift: Drift = g.get("drift", Drift(()))

    return drift


# What the parts of the basket's pages ask for. Nothing is read unless they do.
bp.add_app_template_global(variants_in)
bp.add_app_template_global(variants_of)
bp.add_app_template_global(savings, "savings_of")
bp.add_app_template_global(count_cheaper)
bp.add_app_template_global(read_noted, "read_coupon")
bp.add_app_template_global(coupons_to_try)
bp.add_app_template_global(describe, "describe_coupon")
bp.add_app_template_global(read_card)
bp.add_app_template_global(cards_to_try)
bp.add_app_template_global(WAYS.get, "read_way")
bp.add_app_template_global(estimate)
bp.add_app_template_global(lambda: MAX_NOTE, "longest_note")
