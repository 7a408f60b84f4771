"""Catalogues of sentences, as an app has them of its own."""

from __future__ import annotations

import re
import typing as t
from html.parser import HTMLParser
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import write_po

from tools import tongues

#: A sentence, or the two of one that depends on a number.
Message = str | tuple[str, str]


def write_catalogue(
    folder: Path,
    language: str,
    texts: t.Mapping[Message, str | tuple[str, ...]],
    name: str = "flask_cart.mo",
) -> None:
    """Write a catalogue, compiled or not, into a folder of translations."""
    catalogue = Catalog(language)

    for message, text in texts.items():
        catalogue.add(message, text)

    path = folder / language / "LC_MESSAGES" / name
    path.parent.mkdir(parents=True, exist_ok=True)

    with path.open("wb") as file:
        (write_mo if path.suffix == ".mo" else write_po)(file, catalogue)


def in_brackets(part: tongues.Part) -> dict[t.Any, t.Any]:
    """A catalogue in which each sentence is itself, so that one sees which are asked
    for."""
    said: dict[t.Any, t.Any] = {}

    for message in tongues.extract(part):
        if isinstance(message.id, str) and message.id:
            said[message.id] = _bracketed(message.id)
        elif message.id:
            said[tuple(message.id)] = tuple(_bracketed(each) for each in message.id)

    return said


def _bracketed(text: str) -> str:
    """A text in brackets, but for what is put into it, unless that is in a tag."""
    outside = re.sub(r'(?<![">])(%\(\w+\)s|\{\w+\})', r"⟧\1⟦", text)

    return f"⟦{outside}⟧"


def untranslated(data: t.Collection[str], page: str) -> list[str]:
    """What a page says that no catalogue has.

    :param data: What is nobody's to translate.
    """
    # One sentence may be in another, and there may be links in it.
    count = 1

    while count:
        page, count = re.subn(r"⟦[^⟦⟧]*⟧", "", page)

    listener = Listener(data)
    listener.feed(page)

    return listener.heard


class Listener(HTMLParser):
    """Hears all that a page says that was not translated."""

    def __init__(self, data: t.Collection[str]) -> None:
        super().__init__()

        # "Post, tracked" before "Post".
        self.data = sorted(data, key=len, reverse=True)
        self.is_code = False
        self.heard: list[str] = []

    def handle_starttag(
        self, tag: str, attributes: list[tuple[str, str | None]]
    ) -> None:
        self.is_code = tag in {"code", "del", "ins", "script", "style"}

        for name, value in attributes:
            if name in {"alt", "aria-label", "placeholder", "title"}:
                self.hear(value or "")

    def handle_endtag(self, tag: str) -> None:
        self.is_code = False

    def handle_data(self, data: str) -> None:
        if not self.is_code:
            self.hear(data)

    def hear(self, text: str) -> None:
        rest = text

        for each in self.data:
            rest = rest.replace(each, "")

        if re.search("[^\\W\\d_]{2}", rest):
            self.heard.append(text.strip())
