"""How prices are shown, which their reader chooses below each page."""

from flask import Blueprint
from flask import flash
from moneyed import Money
from werkzeug import Response

from ..extensions import csrf
from ..languages import gettext
from ..money import asked_in
from ..services.currencies import COOKIE as CHOSEN_CURRENCY
from ..services.currencies import CURRENCIES
from ..services.currencies import change_all
from ..services.currencies import chosen_currency
from ..services.net_prices import COOKIE
from ..services.net_prices import DISPLAYS
from ..services.net_prices import net_lines_of
from ..services.net_prices import net_of
from ..services.net_prices import shown
from ..services.net_prices import shows_net
from . import switches

bp = Blueprint("prices", __name__)

csrf.exempt(bp)


@bp.post("/prices")
def choose() -> Response:
    """Show prices with VAT, or without, and go on where the shopper was."""
    response, _ = switches.choose("prices", COOKIE, DISPLAYS)

    return response


@bp.post("/currency")
def choose_currency() -> Response:
    """Ask for prices in another currency, also for what is in the carts already."""
    response, currency = switches.choose("currency", CHOSEN_CURRENCY, CURRENCIES)

    if currency and change_all(currency):
        flash(gettext("What you have put by has the prices of our list now."), "good")

    return response


@bp.app_template_filter()
def asked(price: Money) -> Money:
    """A price in the currency that this browser has chosen."""
    return asked_in(chosen_currency(), price)


bp.add_app_template_global(CURRENCIES.items, "currencies")
bp.add_app_template_global(chosen_currency)
bp.add_app_template_global(DISPLAYS.items, "price_displays")
bp.add_app_template_global(net_of)
bp.add_app_template_global(net_lines_of)
bp.add_app_template_global(shows_net)
bp.add_app_template_filter(shown)
