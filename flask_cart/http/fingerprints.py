"""Fingerprints: the addresses of the pages' own files name what is in these."""

from __future__ import annotations

import hashlib
import os
import re
import typing as t
from functools import lru_cache
from pathlib import Path

from flask import Response
from flask import send_from_directory
from werkzeug.routing import PathConverter

_FOLDER: t.Final = Path(__file__).parents[1] / "static"

#: The fingerprint in a name, before its last part.
_fingerprint: t.Final = re.compile(r"\.[0-9a-f]{12}(?=\.\w+$)")

#: A year, and no question before that.
_FOREVER: t.Final = "public, max-age=31536000, immutable"


class FileConverter(PathConverter):
    """The name of a file in an address, which has a fingerprint there."""

    def to_url(self, value: str) -> str:
        """Name what is in the file, too."""
        return super().to_url(_mark(value))


def send_file(filename: str) -> Response:
    """A file, which browsers and caches keep until there is another one."""
    name = _fingerprint.sub("", filename)
    response = send_from_directory(_FOLDER, name)

    # Another fingerprint is of what was there before, or will be soon.
    if name != filename == _mark(name):
        response.headers["Cache-Control"] = _FOREVER

    return response


def _mark(name: str) -> str:
    """The name of a file with its fingerprint; as it is, if there is no such file."""
    try:
        # An update may replace it while the app runs.
        about = os.stat(f"{_FOLDER}/{name}")
    except OSError:
        return name

    digest = _digest(name, about.st_mtime_ns, about.st_size)
    stem, _, suffix = name.rpartition(".")

    return f"{stem}.{digest}.{suffix}"


@lru_cache
def _digest(name: str, changed: int, size: int) -> str:
    return hashlib.sha256((_FOLDER / name).read_bytes()).hexdigest()[:12]
