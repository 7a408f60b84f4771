"""Sandbox Pay, a payment provider that exists only in this demonstration.

It does what real ones do to a shop: it refuses, it calls twice, it calls before the
shopper is back or long after. The shop knows three things of it: `start`, `refund`, and
`read_notice`. All else would be on somebody else's servers.
"""

import hmac
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Blueprint
from flask import Flask
from flask import Request
from flask import current_app
from flask import json
from flask import redirect
from flask import render_template
from flask import request
from flask import url_for
from moneyed import Money
from sqlalchemy import Select
from sqlalchemy import String
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from werkzeug import Response
from werkzeug.test import Client

from .extensions import Base
from .extensions import db
from .money import cents
from .money import money

SIGNATURE = "Sandbox-Pay-Signature"

#: What the buttons of its page do: what becomes of the payment, and how often the shop
#: is told at once.
ACTS = {
    "pay": ("paid", 1),
    "pay_twice": ("paid", 2),
    "pay_late": ("paid", 0),
    "refuse": ("refused", 1),
}

#: Where the parcels of its only customer go, in the words of the shop.
ADDRESS = {
    "name": "Sandy Box",
    "email": "sandy@pay.example",
    "street": "1 Castle Row",
    "postcode": "V92 0BOX",
    "town": "Tralee",
    "country": "Ireland",
}

bp = Blueprint("sandbox_pay", __name__, url_prefix="/sandbox-pay")


class SandboxPayment(Base):
    """A payment, as the provider knows it."""

    __tablename__ = "sandbox_payment"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: Its place in URLs.
    secret: Mapped[str] = mapped_column(String(43), unique=True)
    #: What the shop knows it by.
    reference: Mapped[str] = mapped_column(String(64), unique=True)
    cents: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3), default="EUR")
    #: ``"open"``, ``"paid"``, ``"refused"`` or ``"refunded"``.
    state: Mapped[str] = mapped_column(String(10), default="open")
    #: How often the shop has been told of that.
    told: Mapped[int] = mapped_column(default=0)
    #: Whether the shop asks where the parcel goes.
    tells_address: Mapped[bool] = mapped_column(default=False)
    #: Where the shopper goes afterwards, and where the shop is told.
    back: Mapped[str] = mapped_column(String(200))
    notify: Mapped[str] = mapped_column(String(200))

    @property
    def amount(self) -> Money:
        return money(self.cents, self.currency)


# What the shop calls


def start(
    reference: str, amount: Money, back: str, notify: str, *, tells_address: bool
) -> str:
    """Begin a payment. It is the same one if the reference is.

    :param reference: Comes back with every notice.
    :param tells_address: Whether the notice that it is paid is to say who has, and
        where the parcel goes.
    :return: Where the shopper pays.
    """
    payment = _find(reference) or SandboxPayment(
        secret=secrets.token_urlsafe(16),
        reference=reference,
        cents=cents(amount),
        currency=amount.currency.code,
        back=back,
        notify=notify,
    )
    payment.tells_address = tells_address
    db.session.add(payment)

    try:
        db.session.commit()
    except IntegrityError:
        # It was begun twice at once.
        db.session.rollback()
        payment = db.session.scalars(_by(reference)).one()

    return url_for("sandbox_pay.show", secret=payment.secret)


def refund(reference: str) -> None:
    """Give the money back."""
    payment = _find(reference)

    if payment is not None:
        payment.state = "refunded"
        db.session.commit()


def read_notice(request: Request) -> dict[str, Any] | None:
    """What a request says of a payment, if it comes from here."""
    body = request.get_data()
    signature = request.headers.get(SIGNATURE, "")

    if not hmac.compare_digest(signature, _sign(body)):
        return None

    notice: dict[str, Any] = json.loads(body)

    return notice


# Its own pages


@bp.get("/<secret>")
def show(secret: str) -> str:
    """Show what is to be paid, and what can be made of it."""
    return render_template("sandbox_pay.html", payment=_open(secret), address=ADDRESS)


@bp.post("/<secret>")
def act(secret: str) -> Response:
    """Pay or refuse, tell the shop, and send the shopper back."""
    payment = _open(secret)
    wanted = request.form.get("act", "")

    if wanted == "tell" and payment.state != "open":
        _tell(payment, 1)
    elif wanted in ACTS and payment.state in ("open", "refused"):
        payment.state, times = ACTS[wanted]
        payment.told = 0
        db.session.commit()
        _tell(payment, times)

    return redirect(payment.back, code=303)


def _tell(payment: SandboxPayment, times: int) -> None:
    """Tell the shop, several times at once."""
    if not times:
        return

    payment.told += times
    notice = {
        "reference": payment.reference,
        "state": payment.state,
        "cents": payment.cents,
        "currency": payment.currency,
        "address": ADDRESS if payment.tells_address else None,
    }
    body = json.dumps(notice).encode()
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    headers = {SIGNATURE: _sign(body)}
    path = payment.notify
    # Nothing stays open meanwhile: the shop writes to the same database.
    db.session.commit()

    def call(number: int) -> None:
        # What would be a request over the network, without anybody's cookies.
        client = Client(app.wsgi_app, use_cookies=False)
        client.post(path, data=body, headers=headers, content_type="application/json")

    with ThreadPoolExecutor(times) as pool:
        list(pool.map(call, range(times)))


def _open(secret: str) -> SandboxPayment:
    query = select(SandboxPayment).where(SandboxPayment.secret == secret)
    payment: SandboxPayment = db.one_or_404(query)

    return payment


def _find(reference: str) -> SandboxPayment | None:
    return db.session.scalar(_by(reference))


def _by(reference: str) -> Select[SandboxPayment]:
    return select(SandboxPayment).where(SandboxPayment.reference == reference)


def _sign(body: bytes) -> str:
    key = str(current_app.secret_key).encode()

    return hmac.new(key, b"sandbox-pay:" + body, "sha256").hexdigest()
