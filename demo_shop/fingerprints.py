"""Fingerprints: the addresses of the shop's files name what is in these.

So browsers and caches may keep them for as long as they like: what is changed is at
another address. Flask-Cart does the same for its own files.
"""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask
from flask import Response
from flask import request

from .settings import ROOT

FOLDER = ROOT / "static"
FOREVER = "public, max-age=31536000, immutable"


def init_app(app: Flask) -> None:
    """Give each file of the shop an address that is good for a year."""
    app.url_defaults(add_fingerprint)
    app.after_request(keep_forever)


def add_fingerprint(endpoint: str, values: dict[str, Any]) -> None:
    """Name what is in a file in the address of it."""
    if endpoint == "static":
        values.setdefault("v", fingerprint(values["filename"]))


def keep_forever(response: Response) -> Response:
    """Let a file be kept, if it is the one that the address names."""
    if request.endpoint != "static" or response.status_code >= 400:
        return response

    # Another fingerprint is of what was there before, or will be soon.
    if request.args.get("v") == fingerprint((request.view_args or {})["filename"]):
        response.headers["Cache-Control"] = FOREVER

    return response


def fingerprint(filename: str) -> str | None:
    """A hash of what is in a file; nothing if there is none."""
    path = FOLDER / filename

    if not path.is_file():
        return None

    about = path.stat()

    return _digest(path, about.st_mtime_ns, about.st_size)


@lru_cache
def _digest(path: Path, changed: int, size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]
