"""Sentences: all that shoppers read can be translated, and is."""

from __future__ import annotations

import ast
import re
import string
import typing as t
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from jinja2 import Environment
from jinja2 import nodes

from tools import tongues
from tools.tongues import EXTENSION
from tools.tongues import PARTS
from tools.tongues import Part

LANGUAGES = ["ar", "de", "es", "fr"]
SAID = {part.name: tongues.extract(part) for part in PARTS}

each_part = pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
each_language = pytest.mark.parametrize("language", LANGUAGES)

#: What is to be done about what is found here.
HELP = "Run 'python -m tools.tongues', and translate what it lists."

#: The page of a problem is for developers.
TEMPLATES = [
    path
    for part in PARTS
    for path in sorted(part.templates.rglob("*.html"))
    if path.name not in {"problem.html"}
]

TRANSLATING = {name for part in PARTS for name in part.in_templates}

#: Attributes that somebody reads, or hears.
READ = {"alt", "aria-description", "aria-label", "placeholder", "title"}

_names = re.compile(r"Slackwater|Sandbox Pay|Flask-Cart")
_attribute = re.compile(r'[\w-]+="[^"]*"')
_looks_like_words = re.compile(r"^[A-Z][a-z]+$|[A-Za-z] [A-Za-z]")


@each_part
def test_the_template_has_what_the_code_says(part: Part) -> None:
    """A new sentence is in it, and one that is gone is not."""
    assert part.template.read_bytes() == tongues.written(SAID[part.name]), HELP


@each_part
def test_languages(part: Part) -> None:
    """There are four of them."""
    assert sorted(tongues.catalogues(part)) == LANGUAGES


@each_language
@each_part
def test_a_catalogue_is_whole(part: Part, language: str) -> None:
    """Nothing is missing in it, doubtful or left over."""
    stored = tongues.catalogues(part)[language]
    updated = tongues.update(stored, SAID[part.name])

    assert tongues.missing(updated) == [], HELP
    assert part.path(language).read_bytes() == tongues.written(updated), HELP


@each_language
@each_part
def test_placeholders(part: Part, language: str) -> None:
    """A translation has those of the sentence; that of one or two may do without how
    many there are."""
    for message in tongues.catalogues(part)[language]:
        if message.id:
            assert not wrong_placeholders(message), message.id


@pytest.mark.parametrize(
    ("ids", "texts", "is_wrong"),
    [
        ("{name} is here", "{name} ist da", False),
        ("{name} is here", "Es ist da", True),
        ("{name} is here", "{nmae} ist da", True),
        (("{number} item", "{number} items"), ("one", "{number}"), False),
        (("{number} of {name}", "{number} of {name}"), ("one", "{number}"), True),
        (("{number} item", "{number} items"), ("one", "many"), True),
        ("%(name)s is here", "%(name)s ist da", False),
        ("%(name)s is here", "%(nmae)s ist da", True),
        (("%(num)s item", "%(num)s items"), ("one", "%(num)s"), False),
    ],
)
def test_wrong_placeholders_are_found(ids: t.Any, texts: t.Any, is_wrong: bool) -> None:
    """Those that are missing, or made up."""
    assert bool(wrong_placeholders(Message(ids, texts))) is is_wrong


def wrong_placeholders(message: Message) -> list[str]:
    """The texts of a message that have others than the sentence."""
    if isinstance(message.id, str):
        wanted = placeholders(message.id)

        return [each for each in [message.string] if placeholders(each) != wanted]

    wanted = placeholders(message.id[1])
    numbers = wanted & {"number", "needed", "most", "count", "limit", "num"}
    *few, last = message.string

    return [
        each for each in few if not wanted - numbers <= placeholders(each) <= wanted
    ] + [each for each in [last] if placeholders(each) != wanted]


def placeholders(text: str) -> set[str]:
    found = {name for _, name, _, _ in string.Formatter().parse(text) if name}

    return found | set(re.findall(r"%\((\w+)\)s", text))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_say_nothing_by_themselves(path: Path) -> None:
    """Each word goes through a function that translates it."""
    assert words_of(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ("<p>{% if x %}Hello{% endif %} {{ name }}</p>", ["Hello 0"]),
        ('<a aria-label="Go {{ x }}">+</a>', ["Go 0"]),
        ('{{ to("Go there") }}', ["Go there"]),
        ("{% macro to(label='Add') %}{{ label }}{% endmacro %}", ["Add"]),
        ('{{ to(cart_gettext("Go {name}", name="x")) }} 2', []),
        ('{{ _("Go there") }} {% trans %}Hello{% endtrans %}', []),
        ('<a class="go there" {% if x %}hidden{% endif %}>{{ name }}</a>', []),
    ],
)
def test_words_are_found(source: str, words: list[str]) -> None:
    """In texts, attributes, and what is given to macros."""
    assert words_of(source) == words


def words_of(source: str) -> list[str]:
    """What a template says without asking for a translation."""
    environment = Environment(extensions=["jinja2.ext.i18n"])
    html, is_translated = "", False

    for _, kind, value in environment.lex(source):
        if kind == "variable_begin":
            html += "0"
        elif kind == "name" and value in {"trans", "endtrans"}:
            is_translated = value == "trans"
        elif kind == "data" and not is_translated:
            html += value

    reader = Reader()
    reader.feed(html)
    tree = environment.parse(source)
    translated = {
        id(each)
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name in TRANSLATING
        for each in call.args
    }
    given = [
        each.value
        for each in tree.find_all(nodes.Const)
        if isinstance(each.value, str) and id(each) not in translated
    ]

    # The attributes of a macro are outside of any tag here.
    plain = [_names.sub("", _attribute.sub("", each)).strip() for each in reader.read]

    return [each for each in plain if re.search("[A-Za-z]", each)] + [
        each for each in given if _looks_like_words.search(each)
    ]


class Reader(HTMLParser):
    """Reads a page as a person does."""

    def __init__(self) -> None:
        super().__init__()

        self.read: list[str] = []
        self.is_code = False

    def handle_starttag(
        self, tag: str, attributes: list[tuple[str, str | None]]
    ) -> None:
        self.is_code = tag in {"code", "script", "style"}
        self.read += [value for name, value in attributes if name in READ and value]

    def handle_endtag(self, tag: str) -> None:
        self.is_code = False

    def handle_data(self, data: str) -> None:
        if data.strip() and not self.is_code:
            self.read.append(data.strip())


@pytest.mark.parametrize("name", ["wording", "reasons"])
def test_the_wording_is_marked(name: str) -> None:
    """Each of its sentences is in the template of the catalogues."""
    known = {text for each in SAID[EXTENSION.name] for text in ids_of(each)}
    tree = ast.parse((EXTENSION.code / "app" / f"{name}.py").read_text())
    docstrings = {
        id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)
    }
    said = {
        each.value
        for each in ast.walk(tree)
        if isinstance(each, ast.Constant)
        and isinstance(each.value, str)
        and id(each) not in docstrings
    }

    assert len(said & known) > 20
    assert [each for each in said - known if _looks_like_words.search(each)] == []


def ids_of(message: Message) -> t.Sequence[str]:
    return [message.id] if isinstance(message.id, str) else message.id
