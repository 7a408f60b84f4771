"""Pages for when something is wrong. They read neither the cart nor the database."""

from flask import Flask
from flask import render_template
from werkzeug.exceptions import HTTPException

from ..languages import sentences
from ..languages import told

TEXTS = sentences(
    {
        400: (
            "We couldn't read that",
            "The form may have been open for a long time. Go back, reload the page and"
            " send it again: your basket is as you left it.",
        ),
        404: (
            "Nothing on this shelf",
            "The page has drifted off, or it was never here. The goods still are.",
        ),
        405: (
            "Not through this door",
            "That address only takes forms. The shop itself is open.",
        ),
        409: (
            "Two tides at once",
            "Your basket changed in another tab while we were busy with it. Nothing was"
            " lost. Have a look and try once more.",
        ),
        413: (
            "That parcel is too big",
            "You sent more than our letterbox takes. A shorter text will fit.",
        ),
        429: (
            "Not so fast",
            "That was tried many times in a short while. Your basket is as you left it."
            " Please wait a minute.",
        ),
        500: (
            "We've sprung a leak",
            "Something broke on our side, and we have been told about it. Your basket"
            " is safe. Please try again in a moment.",
        ),
        503: (
            "Low water",
            "We can't reach the baskets just now. Yours is safe where it is. Please try"
            " again in a few minutes.",
        ),
    }
)
OTHER = sentences(
    ("That didn't work", "We couldn't do that. Your basket is as you left it.")
)


def init_app(app: Flask) -> None:
    """Answer every error with a page of our own.

    The cart's errors are among them: they arrive as 409 and 503.
    """
    app.register_error_handler(HTTPException, http_error)


def http_error(error: HTTPException) -> tuple[str, int] | HTTPException:
    """Render an HTTP error; redirects that werkzeug raises pass through."""
    if error.code is None or error.code < 400:
        return error

    title, text = TEXTS.get(error.code, OTHER)
    page = render_template(
        "error.html", code=error.code, title=told(title), text=told(text)
    )

    return page, error.code
