"""Logins: whoever logs in with Flask-Login takes the guest's carts along."""

from __future__ import annotations

import importlib.util
import typing as t

from flask import Flask

from .current import AppState
from .current import get_state
from .current import request_carts
from .errors import CartConfigError
from .identity import user_owner
from .merging import MergeReport
from .strategies import ADD_QUANTITIES


def connect_to_logins(app: Flask) -> None:
    """Merge at every login with Flask-Login, if that is installed."""
    if importlib.util.find_spec("flask_login") is None:
        return

    from flask_login import user_loaded_from_cookie
    from flask_login import user_logged_in

    # With the app as the sender, or the logins of all apps would be heard.
    user_logged_in.connect(_merge_on_login, app)
    user_loaded_from_cookie.connect(_merge_on_login, app)


def _merge_on_login(app: Flask, user: t.Any, **extra: t.Any) -> None:
    state = get_state()
    extension = state.extension

    if not state.settings.migrate_on_login or extension.load_owner is not None:
        return

    try:
        # Not current_user: while a remembered user is being loaded, it is not set.
        report = extension.merge_guest_carts_into(
            user_owner(user), _strategy_for_logins(state)
        )
    except Exception as error:
        report = MergeReport(errors=(error,))

    for reason in report.errors:
        # Whatever it is, the guest's cart is still there, and a login must not fail
        # because of it.
        app.logger.error(
            "The guest's cart was not merged into the user's.", exc_info=reason
        )

    request_carts().report = report


def _strategy_for_logins(state: AppState) -> str:
    """The configured strategy; an unknown one must not keep shoppers from their cart.

    It cannot be checked at startup, as the app may register it after that.
    """
    try:
        return state.extension.strategies.find(state.settings.merge_strategy).name
    except CartConfigError as error:
        state.services.logger.error("%s Quantities are added up.", error)

        return ADD_QUANTITIES.name
