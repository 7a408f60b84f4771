"""The language of a page, and where its sentences are.

Templates say them by ``_()``, ``ngettext()`` and ``{% trans %}``, and code by the
functions of Flask-Babel. What is stored, as the name of a way to send a parcel, is in
English, and said by the filter ``told``. ``python -m tools.tongues`` collects them.
"""

from collections.abc import Callable
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import flask_babel
from babel import Locale
from babel import negotiate_locale
from babel.lists import format_list
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_percent
from babel.support import Translations
from flask import Flask
from flask import request
from flask_babel import Domain
from flask_babel import get_locale
from moneyed import Money
from werkzeug import Response

from flask_cart.model.money import format_money

from .extensions import babel

#: The cookie of a browser that has chosen one.
COOKIE = "language"
LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "ar": "العربية",
}
#: Where a language is written in more than one way.
LOCALES = {"en": "en_GB"}

Texts = TypeVar("Texts")

#: Those of Flask-Babel, which has no types. A lazy one is said when it is needed.
gettext: Callable[..., str] = flask_babel.gettext
ngettext: Callable[..., str] = flask_babel.ngettext
lazy_gettext: Callable[..., str] = flask_babel.lazy_gettext


class Catalogues(Domain):  # type: ignore[misc]
    """Has the sentences as translators write them, so that none can be out of date."""

    def get_translations(self) -> Translations:
        """The sentences in the language of the page."""
        (directory,) = self.translation_directories

        return _read_catalogue(directory, get_locale().language)


def init_app(app: Flask) -> None:
    """Let all pages be in the language that their reader has chosen."""
    babel.init_app(app, locale_selector=chosen_locale)
    babel.domain_instance = Catalogues()

    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.globals["languages"] = LANGUAGES
    app.after_request(note_what_chose)
    app.add_template_filter(told)
    app.add_template_filter(percent)
    app.add_template_filter(listed)
    app.add_template_global(chosen_language)
    app.add_template_global(page_locale)


def chosen_language() -> str:
    """What this browser has chosen; what it asks for if its reader has not."""
    language = request.cookies.get(COOKIE, "")

    if language in LANGUAGES:
        return language

    return negotiate_locale(request.accept_languages.values(), LANGUAGES, "-") or "en"


def note_what_chose(response: Response) -> Response:
    """Tell caches that a page is another one for those who read another language."""
    if response.mimetype == "text/html":
        response.vary.add("Accept-Language")

    return response


def chosen_locale() -> str:
    """How its numbers, dates and prices are written."""
    language = chosen_language()

    return LOCALES.get(language, language)


def page_locale() -> dict[str, str]:
    """The language of the page and its direction, as HTML calls them."""
    locale = get_locale()

    return {"lang": str(locale).replace("_", "-"), "dir": locale.text_direction}


def sentences(table: Texts) -> Texts:
    """Mark all texts of a table, but for its keys, as what is said by :func:`told`."""
    return table


def told(text: str) -> str:
    """Say in the language of the page what is stored in English."""
    return str(gettext(text)) if text else ""


def untold(word: str) -> list[str]:
    """What is stored in English and has a word in it in the language of the page."""
    language = get_locale().language
    (directory,) = babel.domain_instance.translation_directories
    word = word.casefold()

    return [
        str(message.id)
        for message in _read_messages(directory, language)
        if isinstance(message.string, str) and word in message.string.casefold()
    ]


def percent(number: int | str) -> str:
    """Say how many percent: 20, or "13.5%"."""
    share = Decimal(str(number).removesuffix("%")) / 100

    return format_percent(share, locale=_locale(), decimal_quantization=False)


def listed(texts: Iterable[str], most: int | None = None) -> str:
    """Say several things one after the other: "this, that, and 3 more".

    :param most: How many are named; the others are counted.
    """
    named = list(texts)

    if most is not None and (more := len(named) - most) > 0:
        named[most:] = [ngettext("%(num)s more", "%(num)s more", more)]

    return str(format_list(named, locale=_locale()))


def price(money: Money) -> str:
    """Say an amount as the money filter of templates does."""
    return format_money(money, _locale())


def _locale() -> Locale:
    """That of the page, or of what is said without one."""
    return get_locale() or Locale.parse(LOCALES["en"])


@lru_cache
def _read_catalogue(directory: str, language: str) -> Translations:
    file = BytesIO()
    write_mo(file, _read_messages(directory, language))
    file.seek(0)

    return Translations(file)


@lru_cache
def _read_messages(directory: str, language: str) -> Catalog:
    path = Path(directory, language, "LC_MESSAGES", "messages.po")

    if not path.is_file():
        return Catalog()

    with path.open("rb") as source:
        return read_po(source, language)
