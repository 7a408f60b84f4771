"""Catalogues of sentences, as an app has them of its own."""

from __future__ import annotations

import typing as t
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

#: A sentence, or the two of one that depends on a number.
Message = str | tuple[str, str]


def write_catalogue(
    folder: Path, language: str, texts: t.Mapping[Message, str | tuple[str, ...]]
) -> None:
    """Write a catalogue, compiled, into a folder of translations."""
    catalogue = Catalog(language)

    for message, text in texts.items():
        catalogue.add(message, text)

    path = folder / language / "LC_MESSAGES" / "flask_cart.mo"
    path.parent.mkdir(parents=True)

    with path.open("wb") as file:
        write_mo(file, catalogue)
