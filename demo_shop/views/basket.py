"""The basket: every change is a POST that answers with a redirect."""

from flask import Blueprint
from flask import flash
from flask import redirect
from flask import render_template
from flask import request
from flask import session
from flask import url_for
from sqlalchemy import select
from werkzeug import Response

from flask_cart import CartConflictError
from flask_cart import CartLimitError
from flask_cart import InvalidItemError
from flask_cart import current_cart

from ..basket import NotEnoughError
from ..basket import TooManyError
from ..basket import check_wanted
from ..basket import put_in_cart
from ..extensions import db
from ..forms import MAX_NOTE
from ..forms import MAX_PIECES
from ..forms import read_note
from ..forms import read_number
from ..forms import read_quantity
from ..models import Variant

bp = Blueprint("basket", __name__, url_prefix="/basket")

ASK_FOR_QUANTITY = f"Please choose a number from 1 to {MAX_PIECES}."
TOO_MANY = f"We sell at most {MAX_PIECES} of a kind in one order, so others get some."
CHANGED_ELSEWHERE = (
    "Your basket changed in another tab. This is how it looks now: nothing was lost,"
    " so please make your change again."
)


@bp.before_request
def remember_shopper() -> None:
    """Keep the session cookie, and with it the cart, when the browser closes."""
    if request.method == "POST":
        session.permanent = True


@bp.get("/")
def show() -> str:
    """Show the basket."""
    skus = [line.item_id for line in current_cart]
    variants = db.session.scalars(select(Variant).where(Variant.sku.in_(skus)))
    stock = {variant.sku: variant.stock for variant in variants}

    return render_template(
        "basket.html", stock=stock, most=MAX_PIECES, longest_note=MAX_NOTE
    )


@bp.post("/")
def add() -> Response:
    """Put pieces of one variant in the basket."""
    sku = request.form.get("sku", "")
    variant = db.session.scalar(select(Variant).where(Variant.sku == sku))

    if variant is None:
        flash("Please choose one of the things on our shelves.", "problem")
        return redirect(url_for("catalogue.home"), code=303)

    page = url_for("catalogue.product", slug=variant.product.slug)
    quantity = read_quantity(request.form.get("quantity", "1"))

    if quantity is None:
        flash(ASK_FOR_QUANTITY, "problem")
        return redirect(page, code=303)

    try:
        put_in_cart(variant, quantity)
    except NotEnoughError as error:
        flash(not_enough(error), "problem")
        return redirect(page, code=303)
    except TooManyError:
        flash(TOO_MANY, "problem")
        return redirect(page, code=303)

    flash(f"{variant.product.name}: in your basket.", "good")
    return back_to_basket()


@bp.post("/lines/<line_id>")
def set_quantity(line_id: str) -> Response:
    """Change the quantity of the line that the shopper saw."""
    quantity = read_quantity(request.form.get("quantity"), least=0)
    version = read_number(request.form.get("version"))
    line = current_cart.get(line_id)

    if quantity is None:
        flash(ASK_FOR_QUANTITY, "problem")
        return back_to_basket()

    if line is None or version is None:
        flash(CHANGED_ELSEWHERE, "problem")
        return back_to_basket()

    _check_line(line.item_id, quantity)
    current_cart.expect(version).set_quantity(line_id, quantity)

    return back_to_line(line_id)


@bp.post("/lines/<line_id>/more")
def more(line_id: str) -> Response:
    """Add one piece. It means the same whatever another tab did meanwhile."""
    line = current_cart.get(line_id)

    if line is None:
        flash(CHANGED_ELSEWHERE, "problem")
        return back_to_basket()

    _check_line(line.item_id, line.quantity + 1)
    current_cart.increment(line_id)

    return back_to_line(line_id)


@bp.post("/lines/<line_id>/fewer")
def fewer(line_id: str) -> Response:
    """Take one piece out; the line goes with its last piece."""
    if current_cart.get(line_id) is not None:
        current_cart.increment(line_id, by=-1)

    return back_to_line(line_id)


@bp.post("/lines/<line_id>/remove")
def remove(line_id: str) -> Response:
    """Take a line out."""
    current_cart.remove(line_id)

    return back_to_basket()


@bp.post("/empty")
def empty() -> Response:
    """Take everything out that the shopper saw."""
    version = read_number(request.form.get("version"))

    if version is None:
        flash(CHANGED_ELSEWHERE, "problem")
        return back_to_basket()

    current_cart.expect(version).clear()
    flash("Everything is back on its shelf.", "good")

    return back_to_basket()


@bp.post("/note")
def note() -> Response:
    """Keep a note to the shop with the cart."""
    current_cart.metadata["note"] = read_note(request.form.get("note"))
    flash("Your note is with your basket.", "good")

    return back_to_basket()


@bp.errorhandler(CartConflictError)
def changed_elsewhere(error: CartConflictError) -> Response:
    """Show the basket as it is now; the change was made to one that is gone."""
    flash(CHANGED_ELSEWHERE, "problem")
    return back_to_basket()


@bp.errorhandler(NotEnoughError)
def sold_out(error: NotEnoughError) -> Response:
    """Say how many pieces there are; the basket stays as it was."""
    flash(not_enough(error), "problem")
    return back_to_basket()


@bp.errorhandler(TooManyError)
def too_many(error: TooManyError) -> Response:
    """Say how many we sell at once; the basket stays as it was."""
    flash(TOO_MANY, "problem")
    return back_to_basket()


@bp.errorhandler(CartLimitError)
@bp.errorhandler(InvalidItemError)
def refused(error: CartLimitError | InvalidItemError) -> Response:
    """Say that the basket can't take that; it stays as it was."""
    flash("Your basket can't take that. Nothing was changed.", "problem")
    return back_to_basket()


def back_to_basket() -> Response:
    """Redirect so that reloading the page doesn't send the form again."""
    return redirect(url_for("basket.show"), code=303)


def back_to_line(line_id: str) -> Response:
    """Redirect to the line that was changed, if it is still there."""
    if current_cart.get(line_id) is None:
        return back_to_basket()

    return redirect(url_for("basket.show", _anchor=f"line-{line_id}"), code=303)


def not_enough(error: NotEnoughError) -> str:
    """Tell a shopper how many pieces are left."""
    if not error.left:
        return f"Sorry, “{error.label}” has just sold out."

    pieces = "one is" if error.left == 1 else f"{error.left} are"
    return f"“{error.label}”: only {pieces} left, counting those in your basket."


def _check_line(sku: str, wanted: int) -> None:
    variant = db.session.scalar(select(Variant).where(Variant.sku == sku))

    if variant is not None:
        check_wanted(variant, wanted)
