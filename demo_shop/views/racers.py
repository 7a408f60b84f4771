"""The carts that race, at addresses of their own. Only the shop itself is let in."""

from flask import Blueprint
from flask import abort
from flask import g
from flask import request

from ..extensions import csrf
from ..services.racers import Racer
from ..services.racing import RACERS
from ..services.racing import race_of

bp = Blueprint("racers", __name__, url_prefix="/race/<name>/cart")

# No browser has the ticket that is asked for, so no other site can misuse one.
csrf.exempt(bp)


@bp.url_value_preprocessor
def find_racer(endpoint: str | None, values: dict[str, str] | None) -> None:
    """Find the cart of the race that a request belongs to."""
    race = race_of(request.headers.get("Race", ""))
    make = RACERS.get((values or {}).pop("name", ""))

    if race is None or make is None:
        abort(404)

    g.racer = make(race)


@bp.put("")
def begin() -> dict[str, int]:
    """Begin with an empty cart."""
    racer().begin()

    return {"pieces": 0}


@bp.post("")
def add() -> dict[str, int]:
    """Add one piece of something."""
    racer().add(request.get_json()["sku"])

    return {"pieces": racer().pieces()}


@bp.get("")
def show() -> dict[str, int]:
    """Count what is in the cart."""
    return {"pieces": racer().pieces()}


@bp.delete("")
def end() -> dict[str, int]:
    """Leave nothing behind."""
    racer().end()

    return {"pieces": 0}


def racer() -> Racer:
    """The cart of this request."""
    found: Racer = g.racer

    return found
