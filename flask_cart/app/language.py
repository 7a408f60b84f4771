"""Language: what a page is written in, and how it says sentences, numbers and prices.

Sentences are looked up as gettext does, by what they are in English. The catalogues are
in ``flask_cart/translations``; what an app has of its own comes before that.
"""

from __future__ import annotations

import importlib
import io
import typing as t
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from babel import Locale
from babel.numbers import format_decimal
from babel.support import NullTranslations
from babel.support import Translations
from flask import Flask
from flask import current_app
from moneyed import Money

from ..model.money import format_money
from ..model.money import nearest_locale

#: What the catalogues are called, of an app as well.
DOMAIN: t.Final = "flask_cart"

#: What sentences are in without a catalogue.
ENGLISH: t.Final = "en"

_OURS: t.Final = Path(__file__).parents[1] / "translations"

#: What keeps a name that is written the other way from turning the words around it.
_ISOLATE, _ISOLATED = "\u2068", "\u2069"

Sentences = t.TypeVar("Sentences")


class Plural(t.NamedTuple):
    """A sentence that depends on a number.

    :param param: The name of the number among its parameters.
    """

    one: str
    many: str
    param: str


class Language(t.NamedTuple):
    """The language of a page.

    :param locale: What its numbers, dates and prices are written for.
    :param tag: What its sentences are in, as HTML calls it; English if there is no
        catalogue for the locale.
    :param direction: ``"ltr"`` or ``"rtl"``.
    :param catalogue: Has the sentences.
    """

    locale: Locale
    tag: str
    direction: str
    catalogue: NullTranslations


def sentences(table: Sentences) -> Sentences:
    """Mark all texts of a table, but for its keys, as what is translated when it is
    told."""
    return table


def page_language() -> Language:
    """The language of this request: Flask-Babel's, or ``CART_LOCALE``."""
    # Each sentence of a page comes by here: the app itself is faster to ask.
    proxy: t.Any = current_app

    try:
        app: Flask = proxy._get_current_object()
    except RuntimeError:
        return _language(ENGLISH, ())

    name = str(app.extensions["cart"].settings.locale)
    babel = app.extensions.get("babel")

    if babel is None:
        return _language(name, (f"{app.root_path}/translations",))

    # Outside of a request, the app may not know what to choose by.
    with suppress(RuntimeError):
        # It has no types, and need not be there.
        known = importlib.import_module("flask_babel").get_locale()
        name = str(known or name)

    return _language(name, tuple(babel.translation_directories))


def gettext(text: str, /, **params: t.Any) -> str:
    """A sentence in the language of the page."""
    language = page_language()

    return _filled_in(language, language.catalogue.gettext(text), params)


def phrases(texts: t.Iterable[str]) -> t.Callable[..., list[str]]:
    """Sentences that are told of many things, and looked up once for all of these."""
    language = page_language()
    found = [language.catalogue.gettext(each) for each in texts]

    def told(**params: t.Any) -> list[str]:
        said = _said(language, params)

        return [each.format_map(said) for each in found]

    return told


def ngettext(one: str, many: str, number: int, /, **params: t.Any) -> str:
    """A sentence that depends on a number, which it may have as ``{number}``."""
    language = page_language()
    text = language.catalogue.ngettext(one, many, number)

    return _filled_in(language, text, {"number": number, **params})


def tell(sentence: str | Plural, params: t.Mapping[str, t.Any]) -> str:
    """A sentence of a table of :func:`sentences` in the language of the page."""
    if isinstance(sentence, Plural):
        return ngettext(*sentence[:2], params[sentence.param], **params)

    return gettext(sentence, **params)


def show_money(money: Money, locale: str | None = None) -> str:
    """Format an amount as the language of the page does, unless another is given."""
    return format_money(money, locale or page_language().locale)


def _filled_in(language: Language, text: str, params: t.Mapping[str, t.Any]) -> str:
    return text.format_map(_said(language, params)) if params else text


def _said(language: Language, params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What is filled in, as the language has it."""
    is_isolated = language.direction == "rtl"

    return {
        name: format_decimal(value, locale=language.locale)
        if isinstance(value, int) and not isinstance(value, bool)
        else f"{_ISOLATE}{value}{_ISOLATED}"
        if is_isolated
        else value
        for name, value in params.items()
    }


@lru_cache(maxsize=256)
def _language(name: str, directories: tuple[str, ...]) -> Language:
    locale = nearest_locale(name)
    found = [each for each in _catalogues(locale, directories) if each is not None]

    if not found:
        return Language(locale, ENGLISH, "ltr", NullTranslations())

    catalogue = found[0]

    # What is more special, or the app's own, comes later.
    for each in found[1:]:
        catalogue.merge(each)

    tag = str(locale).replace("_", "-")

    return Language(locale, tag, locale.text_direction, catalogue)


def _catalogues(
    locale: Locale, directories: t.Iterable[str]
) -> t.Iterator[Translations | None]:
    parts = str(locale).split("_")
    names = ["_".join(parts[: i + 1]) for i in range(len(parts))]

    for each in names:
        yield _compiled(_OURS / each / "LC_MESSAGES" / f"{DOMAIN}.po")

    for directory in directories:
        for each in names:
            path = Path(directory, each, "LC_MESSAGES", f"{DOMAIN}.mo")

            if path.is_file():
                with path.open("rb") as file:
                    yield Translations(file, domain=DOMAIN)


def _compiled(path: Path) -> Translations | None:
    """A catalogue as translators write it: so none can be out of date."""
    if not path.is_file():
        return None

    # Nobody needs them who speaks English.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with path.open("rb") as source:
        catalogue = read_po(source, domain=DOMAIN)

    file = io.BytesIO()
    write_mo(file, catalogue)
    file.seek(0)

    return Translations(file, domain=DOMAIN)
