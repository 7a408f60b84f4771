"""Accounts: sign up, log in and out, and what is kept for a shopper."""

from urllib.parse import urlsplit

from flask import Blueprint
from flask import flash
from flask import redirect
from flask import render_template
from flask import request
from flask import url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import selectinload
from werkzeug import Response

from flask_cart import current_cart

from ..extensions import db
from ..extensions import limiter
from ..languages import gettext
from ..languages import lazy_gettext
from ..models import Account
from ..models import Order
from ..services.accounts import LONGEST_EMAIL
from ..services.accounts import LONGEST_PASSWORD
from ..services.accounts import PLACES
from ..services.accounts import SHORTEST_PASSWORD
from ..services.accounts import Credentials
from ..services.accounts import find_account
from ..services.accounts import let_in
from ..services.accounts import let_out
from ..services.accounts import open_account
from ..services.accounts import problems_with
from ..services.accounts import shopper
from ..services.accounts import take_out_merged
from ..services.accounts import tell_left_out
from ..services.accounts import tell_merged
from .ways_back import own_path

bp = Blueprint("account", __name__)

#: How many orders the account page lists.
LISTED = 50

# The same for an address that nobody has.
NO_MATCH = lazy_gettext(
    "That e-mail address and password don't go together. Try once more?"
)
TAKEN = lazy_gettext(
    "We can't open an account with this address and password. If it is your address,"
    " you may have one already: try logging in."
)
#: How often somebody may be wrong; who is right is not counted.
WRONG = "10 per 5 minutes"


def was_wrong(response: Response) -> bool:
    """Whether what was typed is counted as an attempt."""
    return response.status_code == 422


@bp.get("/login")
def log_in() -> Response | str:
    """Show the form to log in with."""
    return _onward() if current_user.is_authenticated else _form("login.html")


@bp.post("/login")
@limiter.limit(WRONG, deduct_when=was_wrong)
def submit_log_in() -> Response | tuple[str, int]:
    """Log in, or say that the two don't go together."""
    credentials = Credentials.read(request.form)
    account = find_account(credentials)

    if account is None:
        return _form("login.html", credentials.refused(email=NO_MATCH)), 422

    return _welcome(account, gettext("Good to see you again."))


@bp.get("/signup")
def sign_up() -> Response | str:
    """Show the form to open an account with."""
    return _onward() if current_user.is_authenticated else _form("signup.html")


@bp.post("/signup")
@limiter.limit(WRONG, deduct_when=was_wrong)
def submit_sign_up() -> Response | tuple[str, int]:
    """Open an account and log in; who has this very account is just logged in."""
    credentials = Credentials.read(request.form)

    if problems := problems_with(credentials):
        return _form("signup.html", credentials.refused(**problems)), 422

    account = open_account(credentials)

    if account is None:
        return _form("signup.html", credentials.refused(email=TAKEN)), 422

    return _welcome(account, gettext("Welcome aboard. Your account is open."))


@bp.post("/logout")
def log_out() -> Response:
    """Log out."""
    let_out()
    flash(gettext("You are logged out. Your basket waits in your account."), "good")

    return redirect(url_for("catalogue.home"), code=303)


@bp.get("/account")
def show() -> str:
    """Show the carts and orders of the account, or of this browser."""
    orders = db.session.scalars(
        select(Order)
        .where(Order.shopper == shopper(), Order.shopper != "")
        .options(selectinload(Order.lines))
        .order_by(Order.id.desc())
        .limit(LISTED)
    )
    carts = {name: current_cart.instance(name) for name in PLACES}

    return render_template(
        "account.html", orders=orders.all(), carts=carts, places=PLACES
    )


@bp.post("/account/not-mine")
def not_mine() -> Response:
    """Take out again what came from this browser at the last log-in."""
    if take_out_merged():
        flash(gettext("Taken out again. What was yours before is still here."), "good")

    return redirect(url_for("account.show"), code=303)


@bp.app_context_processor
def person() -> dict[str, object]:
    """Give templates who is logged in, and where to go on after logging in."""
    return {"person": current_user, "read_next": _next}


def _form(template: str, form: Credentials | None = None) -> str:
    return render_template(
        template,
        form=form or Credentials(),
        next=_path(request.values.get("next")),
        shortest_password=SHORTEST_PASSWORD,
        longest_password=LONGEST_PASSWORD,
        longest_email=LONGEST_EMAIL,
    )


def _welcome(account: Account, greeting: str) -> Response:
    report = let_in(account)
    flash(greeting, "good")

    # The page has a button to take it out again.
    if merged := tell_merged(report):
        flash(merged, "merged")

    if left_out := tell_left_out(report):
        flash(left_out, "problem")

    return _onward()


def _onward() -> Response:
    path = _path(request.values.get("next"))

    return redirect(path or url_for("account.show"), code=303)


def _next() -> str | None:
    """This page, if one can come back to it."""
    if request.method != "GET" or request.blueprint in (None, "account"):
        return None

    return _path(request.full_path.rstrip("?"))


def _path(target: str | None) -> str | None:
    """The target of a redirect if one can come back to it from here."""
    path = own_path(target)

    return path if urlsplit(path or "").path != url_for("account.log_in") else None
