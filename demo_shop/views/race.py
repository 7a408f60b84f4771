"""The race page: what becomes of a cart that many requests add to at once."""

import inspect
from textwrap import dedent

from flask import Blueprint
from flask import redirect
from flask import render_template
from flask import request
from flask import url_for
from werkzeug import Response

from ..extensions import limiter
from ..services.racing import ADDS
from ..services.racing import RACERS
from ..services.racing import Tally
from ..services.racing import begin_race
from ..services.racing import read_race

bp = Blueprint("race", __name__, url_prefix="/race")


@bp.get("/")
def show() -> str:
    """Show the last race, or how far the one is that is running."""
    return render_template("race.html", **_standing())


@bp.get("/latest")
def latest() -> str:
    """The counters alone, for the page to put in their place."""
    return render_template("_race.html", **_standing())


@bp.post("/")
@limiter.limit("6 per minute")
def run() -> Response:
    """Let a race begin. Whoever has no scripts to look on with waits for its end,
    unless nobody but this worker could answer to those who race."""
    thread = begin_race(int(request.environ["SERVER_PORT"]))

    is_alone = not (request.is_multithread or request.is_multiprocess)

    if thread is not None and "HX-Request" not in request.headers and not is_alone:
        thread.join()

    return redirect(url_for("race.show"), code=303)


def _standing() -> dict[str, object]:
    race = read_race()
    tallies = {each.racer: each for each in race.tallies} if race else {}
    lanes = [(tallies.get(name, Tally(name)), _code_of(name)) for name in RACERS]

    return {"race": race, "lanes": lanes, "adds": ADDS}


def _code_of(name: str) -> str:
    """How a cart adds something, as it is in its file."""
    return dedent(inspect.getsource(RACERS[name](0).add))
