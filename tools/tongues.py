"""Collects the sentences of the extension and of the demo, and brings the catalogues
up to date.

``python -m tools.tongues`` writes what the code says now into the template of each of
them, and into the catalogue of each language, and lists what is to be translated
there. With the name of a language, as ``python -m tools.tongues nl``, it begins a
catalogue for that.
"""

from __future__ import annotations

import ast
import re
import sys
import typing as t
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from babel.messages.pofile import write_po
from jinja2.ext import babel_extract

from demo_shop.seed import read_catalogue
from flask_cart.app.problem_codes import ProblemCode

ROOT: t.Final = Path(__file__).parents[1]

#: A sentence, or the two of one that depends on a number.
Message = str | tuple[str, str]


@dataclass(frozen=True)
class Part:
    """What says sentences, and has catalogues of its own."""

    name: str
    domain: str
    code: Path
    templates: Path
    #: How many sentences each function takes.
    in_templates: t.Mapping[str, int]
    #: What is neither in the code nor in a template.
    more: t.Sequence[str] = ()

    @property
    def translations(self) -> Path:
        """Where the catalogues are."""
        return self.code / "translations"

    @property
    def template(self) -> Path:
        """What the catalogue of each language begins with."""
        return self.translations / f"{self.domain}.pot"

    def path(self, language: str) -> Path:
        """Where the catalogue of a language is."""
        return self.translations / language / "LC_MESSAGES" / f"{self.domain}.po"


def goods() -> t.Iterator[str]:
    """What is written on the shelves of the demo, and on its coupons."""
    catalogue = read_catalogue()

    for shelf in catalogue["categories"]:
        yield shelf["name"]
        yield shelf["blurb"]

        for product in shelf["products"]:
            yield from (product[each] for each in ("name", "summary", "description"))
            yield from product["facts"]

            for variant in product["variants"]:
                for name, value in variant["options"].items():
                    yield name.capitalize()
                    # A size that is a number is the same everywhere.
                    yield from [value] if re.search("[a-z]", value) else []

    yield from (coupon["blurb"] for coupon in catalogue["coupons"])


EXTENSION: t.Final = Part(
    "Flask-Cart",
    "flask_cart",
    ROOT / "flask_cart",
    ROOT / "flask_cart",
    {"cart_gettext": 1, "cart_ngettext": 2},
    [code.heading for code in ProblemCode],
)
DEMO: t.Final = Part(
    "Slackwater",
    "messages",
    ROOT / "demo_shop",
    ROOT / "templates",
    {"_": 1, "gettext": 1, "ngettext": 2},
    list(dict.fromkeys(goods())),
)
PARTS: t.Final = [EXTENSION, DEMO]

_IN_CODE: t.Final = {
    "gettext": 1,
    "lazy_gettext": 1,
    "ngettext": 2,
    "lazy_ngettext": 2,
    "Plural": 2,
}
#: As the demo has it: what is in ``{% trans %}`` is one line.
_OPTIONS: t.Final = {"trimmed": "true", "newstyle_gettext": "true"}

#: What changes each time, or tells nothing.
_noise: t.Final = re.compile(
    r'^"(POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team'
    r'|Report-Msgid-Bugs-To|Generated-By|MIME-Version|Content-Transfer-Encoding):.*"\n'
    r"|^#, python-(brace-)?format\n",
    re.MULTILINE,
)


def extract(part: Part) -> Catalog:
    """All sentences that the code and the templates have."""
    catalogue = Catalog(project=part.name, header_comment=_header(part))

    for path in sorted(part.code.rglob("*.py")):
        for message in in_code(path.read_text()):
            _add(catalogue, message)

    for text in part.more:
        _add(catalogue, text)

    for path in sorted(part.templates.rglob("*.html")):
        for message in in_template(path.read_bytes(), part.in_templates):
            _add(catalogue, message)

    return catalogue


def in_code(text: str) -> t.Iterator[Message]:
    """The sentences of a module: of marked tables, and of what is told at once."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue

        count = _IN_CODE.get(node.func.id, 0)
        texts = [each for part in node.args for each in _texts_of(part)]

        if node.func.id == "sentences":
            yield from _texts_in(node.args[0])
        elif count and len(texts) >= count:
            yield _message(texts[:count])


def in_template(source: bytes, functions: t.Mapping[str, int]) -> t.Iterator[Message]:
    """The sentences of a template."""
    found = babel_extract(BytesIO(source), tuple(functions), (), _OPTIONS)

    for _, function, texts, _ in found:
        several = [texts] if isinstance(texts, str) else [e for e in texts or () if e]

        # A name that an app has made up is for its own catalogue.
        if several:
            yield _message(several[: functions[function]])


def catalogues(part: Part) -> dict[str, Catalog]:
    """The catalogue of each language, as it is stored."""
    found = sorted(part.translations.rglob("*.po"))

    return {path.parts[-3]: _read(path) for path in found}


def written(catalogue: Catalog) -> bytes:
    """A catalogue as a file, which is another one only if a sentence is."""
    file = BytesIO()
    write_po(
        file,
        catalogue,
        width=0,
        no_location=True,
        sort_output=True,
        ignore_obsolete=True,
    )

    return _noise.sub("", file.getvalue().decode()).encode()


def update(catalogue: Catalog, template: Catalog) -> Catalog:
    """Bring a catalogue up to date. What is new there is not translated yet."""
    catalogue.update(template, no_fuzzy_matching=True)
    catalogue.header_comment = template.header_comment
    catalogue.fuzzy = False

    return catalogue


def missing(catalogue: Catalog) -> list[str]:
    """What is not translated, or not surely."""
    return [
        str(each.id)
        for each in catalogue
        if each.id and (each.fuzzy or not _is_whole(each.string))
    ]


def main(languages: t.Iterable[str]) -> int:
    """Write the files.

    :return: How many translations are missing.
    """
    return sum(_write(part, languages) for part in PARTS)


def _write(part: Part, languages: t.Iterable[str]) -> int:
    template = extract(part)
    part.translations.mkdir(exist_ok=True)
    part.template.write_bytes(written(template))
    count = 0

    for language in sorted({*catalogues(part), *languages}):
        path = part.path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        known = _read(path) if path.exists() else Catalog(language, project=part.name)
        catalogue = update(known, template)
        path.write_bytes(written(catalogue))

        for message in missing(catalogue):
            print(f"{part.name}, {language}: {message}")
            count += 1

    return count


def _header(part: Part) -> str:
    return f"# Translations of {part.name}."


def _texts_in(node: ast.AST) -> t.Iterator[Message]:
    """The texts of a table, without its keys; its plurals are found by themselves."""
    yield from _texts_of(node)

    if isinstance(node, ast.Dict):
        for value in node.values:
            yield from _texts_in(value)
    elif not isinstance(node, ast.Call):
        for child in ast.iter_child_nodes(node):
            yield from _texts_in(child)


def _texts_of(node: ast.AST) -> list[str]:
    value = node.value if isinstance(node, ast.Constant) else None

    return [value] if isinstance(value, str) else []


def _message(texts: t.Sequence[str]) -> Message:
    return texts[0] if len(texts) == 1 else (texts[0], texts[1])


def _add(catalogue: Catalog, message: Message) -> None:
    known = catalogue.get(message if isinstance(message, str) else message[0])

    if known is not None and known.id != message:
        raise ValueError(f"{message!r} cannot be beside {known.id!r}.")

    catalogue.add(message)


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


def _is_whole(texts: str | t.Sequence[str] | None) -> bool:
    return all([texts] if isinstance(texts, str) else texts or [""])


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
