"""Switches: what their reader chooses below each page, a cookie for each.

They change nothing but what is shown, and are on pages without a session.
"""

from collections.abc import Container
from datetime import timedelta

from flask import redirect
from flask import request
from werkzeug import Response

from .ways_back import back_to_page

REMEMBERED = timedelta(days=365)


def choose(
    field: str, cookie: str, offered: Container[str]
) -> tuple[Response, str | None]:
    """The way back to the page of a switch, and what was chosen, if it is offered.

    :param field: What it is in the form.
    :param cookie: What it is for the browser.
    """
    response = redirect(back_to_page(), code=303)
    chosen = request.form.get(field, "")

    if chosen not in offered:
        return response, None

    remember(response, cookie, chosen)

    return response, chosen


def remember(response: Response, cookie: str, chosen: str) -> None:
    """Let the browser remember what was chosen."""
    response.set_cookie(
        cookie, chosen, max_age=REMEMBERED, httponly=True, samesite="Lax"
    )
