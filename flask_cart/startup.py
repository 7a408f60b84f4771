"""Startup: what an app is told about its configuration before the first request."""

from __future__ import annotations

import warnings

from flask import Flask

from .errors import CartConfigWarning


def is_production(app: Flask) -> bool:
    """Whether carts may be somebody's, because the app is not in debug or a test."""
    return not (app.debug or app.testing)


def warn(message: str, code: str) -> None:
    """Warn of a configuration that may lose carts.

    :param code: The name that the documentation describes it under.
    """
    # The level is that of the app's FlaskCart(app), or not far from it.
    warnings.warn(CartConfigWarning(message, code), stacklevel=6)
