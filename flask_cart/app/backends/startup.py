"""Startup: what an app is told about its configuration before the first request."""

from __future__ import annotations

import importlib.util
import sys
import types
import typing as t
import warnings

from flask import Flask
from flask import request_started

from ...model.errors import CartConfigError
from ...model.errors import CartConfigWarning


def is_production(app: Flask) -> bool:
    """Whether carts may be somebody's, because the app is not in debug or a test."""
    return not (app.debug or app.testing)


def warn(message: str, code: str) -> None:
    """Warn of a configuration that may lose carts.

    :param code: The name that the documentation describes it under.
    """
    warnings.warn(CartConfigWarning(message, code), stacklevel=_level_of_the_app())


def at_first_request(app: Flask, check: t.Callable[[], bool | None]) -> None:
    """Call something when the first request begins, in its app context: until then
    other extensions may be set up.

    :param check: Returns ``False`` to be called again at the next one. If it raises,
        so does every request.
    """

    def once(sender: Flask, **extra: t.Any) -> None:
        if check() is not False:
            request_started.disconnect(once, app)

    request_started.connect(once, app, weak=False)


def require(module: str, what: str, extra: str) -> None:
    """Refuse to go on without a package that is not installed.

    :raises CartConfigError: If it is not.
    """
    if importlib.util.find_spec(module) is None:
        raise CartConfigError(
            f"{what} needs {module}: pip install 'Flask-Cart[{extra}]'"
        )


def _package_of(module: str) -> str:
    return module.partition(".")[0]


def _level_of_the_app() -> int:
    """How far up the first caller is that is not part of this package."""
    # What comes up in the first request comes through a proxy of Werkzeug's.
    packages = {_package_of(__name__), "werkzeug"}
    frame: types.FrameType | None = sys._getframe(1)
    level = 1

    while frame is not None and _package_of(frame.f_globals["__name__"]) in packages:
        frame = frame.f_back
        level += 1

    return level
