"""The language of prices, and of what Flask-Cart says. The shop's own is English."""

from flask import request

#: The cookie of a browser that has chosen one.
COOKIE = "language"
LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "ar": "العربية",
}


def chosen_language() -> str:
    """What this browser has chosen; English if it has not."""
    language = request.cookies.get(COOKIE, "")

    return language if language in LANGUAGES else "en"
