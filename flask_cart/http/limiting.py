"""Rate limits: how often a client may send what is worth guessing at."""

from __future__ import annotations

import importlib.util
import time
import typing as t

from flask import current_app
from flask import request
from werkzeug.exceptions import TooManyRequests

from ..app.current import get_state
from ..app.language import gettext
from ..model.errors import CartConfigError
from ..model.values import closest
from .routes import ROUTES

if t.TYPE_CHECKING:
    from flask_limiter import Limiter


#: A permalink may have codes in it.
_COUNTED_AS: t.Final = {"take_permalink": "add_coupon", "forward": "add_coupon"}


def check_rate_limits(limits: t.Mapping[str, str]) -> None:
    """Refuse limits that could never be reached.

    :param limits: By the names of the views.
    :raises CartConfigError: If there is no such view, or a limit is none.
    """
    views = {route.view for route in ROUTES}

    for view, limit in limits.items():
        if view not in views:
            raise CartConfigError(
                f"CART_RATE_LIMITS names {view!r}, which is no route."
                f"{closest(view, views)}"
            )

        # What reads them comes with Flask-Limiter.
        if importlib.util.find_spec("limits") is None:
            continue

        from limits import parse_many

        try:
            parse_many(limit)
        except ValueError as error:
            raise CartConfigError(
                f"CART_RATE_LIMITS has {limit!r} for {view!r}, which is not a limit"
                " such as '10 per minute'."
            ) from error


def count_request() -> None:
    """Count this request, if it is limited and the app has a Flask-Limiter.

    :raises TooManyRequests: If there were too many.
    """
    if not _limit_here():
        return

    for limiter in current_app.extensions.get("limiter", ()):
        try:
            # It keeps limits by the line of code that they are at, for all threads. So
            # it is the same one for all views, and asks what it is for each.
            with limiter.limit(_limit_here):
                pass
        except TooManyRequests as error:
            error.description = gettext("That was too often. Please wait a moment.")
            error.retry_after = _seconds_left(limiter)
            raise


def _limit_here() -> str:
    view = (request.endpoint or "").rpartition(".")[2]

    if view == "forward" and not request.form.get("code"):
        return ""

    return get_state().settings.rate_limits.get(_COUNTED_AS.get(view, view), "")


def _seconds_left(limiter: Limiter) -> int:
    # There may be several, such as one by the minute and one by the day.
    until = max(each.reset_at for each in limiter.current_limits if each.breached)

    return max(1, int(until - time.time()))
