"""Accounts: who is shopping, and whose the orders are."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from functools import cache

from flask import Flask
from flask import current_app
from flask import has_request_context
from flask import session
from flask_login import LoginManager
from flask_login import current_user
from flask_login import login_user
from flask_login import logout_user
from sqlalchemy import select
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from werkzeug.security import check_password_hash
from werkzeug.security import generate_password_hash

from flask_cart import MergeReport

from ..extensions import cart_ext
from ..extensions import db
from ..forms import EMAIL
from ..forms import read_line
from ..languages import gettext
from ..languages import listed
from ..languages import ngettext
from ..languages import sentences
from ..languages import told
from ..models import Account
from ..models import Order
from ..models import Payment
from ..places import here

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 200
LONGEST_EMAIL = 254

#: Of how many lines the session notes what came: a cookie has no room for hundreds.
MOST_NOTED = 30

#: What shoppers call their carts.
PLACES = sentences(
    {"default": "Basket", "wishlist": "Wishlist", "later": "Things for later"}
)

login_manager = LoginManager()


def init_app(app: Flask) -> None:
    """Let the shop know who is logged in."""
    login_manager.init_app(app)
    login_manager.user_loader(load_account)
    # Now, because the first one who mistypes an address would have to wait for it.
    _nobodys_hash()


def load_account(account_id: str) -> Account | None:
    """The account that a session names."""
    return db.session.get(Account, int(account_id)) if account_id.isdecimal() else None


# Who is shopping


def shopper() -> str:
    """The secret that the orders of this shopper are known by, if there are any."""
    if not has_request_context():
        return ""

    if current_user.is_authenticated:
        return str(current_user.shopper)

    return str(session.get("shopper", ""))


def make_shopper() -> str:
    """The same secret, made before the first order of a browser.

    As it is there before the order, a form that was sent twice leads to the same
    order both times, whichever of the two answers the browser keeps.
    """
    if not shopper():
        session["shopper"] = secrets.token_urlsafe(32)
        session.permanent = True

    return shopper()


# The forms


@dataclass(frozen=True)
class Credentials:
    """An address and a password as they were typed, and what is wrong with them."""

    email: str = ""
    password: str = field(default="", repr=False)
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, form: Mapping[str, str]) -> "Credentials":
        """Read a submitted form."""
        return cls(read_line(form.get("email")).lower(), form.get("password", ""))

    def refused(self, **errors: str) -> "Credentials":
        """The same, with what is wrong, for the form to show."""
        return Credentials(self.email, "", errors)


def problems_with(credentials: Credentials) -> dict[str, str]:
    """What keeps an account from being opened with these."""
    email, password = credentials.email, credentials.password
    problems = {}

    if not EMAIL.fullmatch(email) or len(email) > LONGEST_EMAIL:
        problems["email"] = gettext(
            "That e-mail address looks unfinished. Is it name@place.ie?"
        )

    if len(password) < SHORTEST_PASSWORD:
        problems["password"] = gettext(
            "Make it %(number)s characters or more.", number=SHORTEST_PASSWORD
        )
    elif len(password) > LONGEST_PASSWORD:
        problems["password"] = gettext(
            "Up to %(number)s characters, please.", number=LONGEST_PASSWORD
        )

    return problems


def find_account(credentials: Credentials) -> Account | None:
    """The account with this address and password.

    An address that nobody has takes as long as a password that is wrong.
    """
    account = db.session.scalar(
        select(Account).where(Account.email == credentials.email)
    )
    password_hash = account.password_hash if account else _nobodys_hash()
    # A password that is longer was never anybody's, and only costs time.
    password = credentials.password[: LONGEST_PASSWORD + 1]

    return account if check_password_hash(password_hash, password) else None


def open_account(credentials: Credentials) -> Account | None:
    """Open an account, unless the address has one.

    Who it belongs to can't be proved without a letter to the address, which a real
    shop would write. It would also not have to say that the address is taken.
    """
    account = Account(
        email=credentials.email,
        password_hash=generate_password_hash(credentials.password),
    )
    db.session.add(account)

    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()

        return find_account(credentials)

    return account


@cache
def _nobodys_hash() -> str:
    return generate_password_hash(secrets.token_urlsafe(32))


# Coming and going


def let_in(account: Account) -> MergeReport:
    """Log somebody in: what this browser has, orders and carts, becomes theirs."""
    _take_over_orders(account)

    _renew_session()

    # Flask-Cart hears of it, and merges the carts.
    login_user(account)
    session.permanent = True
    report = cart_ext.merge_report or MergeReport()

    if report.foreign:
        # It comes at the prices that the shop asks in the currency of the account.
        came = cart_ext.merge_guest_carts(at_current_prices=True)
        report = MergeReport((*report.merged, *came.merged), came.errors)

    _note_merged(report)

    return report


def let_out() -> None:
    """Log out. The cart of the account stays where it is.

    Copies of the session's cookie are worth nothing afterwards, if it is on the server.
    """
    session.pop("came", None)
    logout_user()
    _renew_session()


def _renew_session() -> None:
    # With sessions on the server, nobody who knew the id before knows it now.
    if regenerate := getattr(current_app.session_interface, "regenerate", None):
        regenerate(session)


def _note_merged(report: MergeReport) -> None:
    quantities = report.quantities
    session.pop("came", None)

    if 0 < sum(map(len, quantities.values())) <= MOST_NOTED:
        # In other places nothing came, and nothing is to be taken out.
        session["came"] = {
            "key": secrets.token_urlsafe(8),
            "quantities": quantities,
            "place": here(),
        }


def take_out_merged() -> bool:
    """Take what came from this browser out again, once.

    :return: Whether there was anything to take out.
    """
    came = session.get("came")

    if came is None or came.get("place") != here():
        return False

    # The key: both halves of a double click come with the same session.
    cart_ext.take_out(came["quantities"], came["key"])
    session.pop("came")

    return True


def _take_over_orders(account: Account) -> None:
    # It stays: an order that is being made in another tab comes along the next time.
    mine = str(session.get("shopper", ""))

    for table in (Order, Payment) if mine else ():
        db.session.execute(
            update(table).where(table.shopper == mine).values(shopper=account.shopper)
        )

    # Also what was read: the carts are written in transactions of their own.
    db.session.commit()


def tell_merged(report: MergeReport) -> str:
    """Say what came from this browser, or nothing if nothing came."""
    parts = []

    for event in report.merged:
        if pieces := sum(line.quantity for line in event.lines):
            parts.append(_tell_added(event.instance, pieces))

    return " ".join(parts)


def tell_left_out(report: MergeReport) -> str:
    """Say what did not come, or nothing if all of it did."""
    left_out = [f"{line.quantity} \u00d7 {told(line.name)}" for line in report.left_out]

    if left_out:
        return gettext("There was no room for %(things)s.", things=listed(left_out))

    if report.errors:
        return gettext(
            "We couldn't add what was in this browser's basket. It is still here when"
            " you log out."
        )

    return ""


def _tell_added(instance: str, pieces: int) -> str:
    match instance:
        case "wishlist":
            return ngettext(
                "We added one thing from this browser to your wishlist.",
                "We added %(num)s things from this browser to your wishlist.",
                pieces,
            )
        case "later":
            return ngettext(
                "We added one thing from this browser to your things for later.",
                "We added %(num)s things from this browser to your things for later.",
                pieces,
            )
        case _:
            return ngettext(
                "We added one thing from this browser to your basket.",
                "We added %(num)s things from this browser to your basket.",
                pieces,
            )
