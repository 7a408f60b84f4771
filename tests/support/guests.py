"""Guests of the shops in the tests, who log in as users and out again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cachelib import FileSystemCache
from flask import Flask
from flask import session
from flask.testing import FlaskClient
from flask_login import LoginManager
from flask_login import UserMixin
from flask_login import login_user
from flask_login import logout_user

from flask_cart import current_cart
from tests.support.session_shops import Config

#: The cookie of a guest's token, beside Flask's session.
COOKIE = "session_cart"


def cookies_of(browser: FlaskClient) -> dict[str, str]:
    """The cookies of a browser, by name."""
    found = {name: browser.get_cookie(name) for name in ("session", COOKIE)}

    return {name: cookie.value for name, cookie in found.items() if cookie is not None}


def give_cookies(browser: FlaskClient, cookies: Mapping[str, str]) -> None:
    """Let a browser have the cookies of another one."""
    for name, value in cookies.items():
        browser.set_cookie(name, value)


def owner_of(browser: FlaskClient) -> str:
    """The owner of the carts that a browser's guest has, or had before a login."""
    cookie = browser.get_cookie(COOKIE)
    assert cookie is not None

    return f"guest:{cookie.value.partition('.')[0]}"


def file_sessions(folder: Path) -> Config:
    """The configuration of sessions in files."""
    cache = FileSystemCache(str(folder / "sessions"), threshold=0)

    return {"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": cache}


class User(UserMixin):
    def __init__(self, user_id: str) -> None:
        self.id = user_id


def set_up(app: Flask) -> None:
    """Pages of an app that keeps its sessions, and logs people in as many do."""
    LoginManager(app).user_loader(User)

    @app.before_request
    def keep() -> None:
        if app.config.get("KEEP_SESSIONS"):
            session.permanent = True

    @app.get("/count")
    def count() -> str:
        session["seen"] = session.get("seen", 0) + 1
        return ""

    @app.get("/cart-and-count")
    def cart_and_count() -> str:
        session["seen"] = len(current_cart)
        return ""

    @app.post("/clear")
    def clear_session() -> str:
        session.clear()
        return ""

    @app.post("/login/<user_id>")
    def login(user_id: str) -> str:
        session.clear()
        login_user(User(user_id))
        return ""

    @app.post("/login-and-fail/<user_id>")
    def login_and_fail(user_id: str) -> str:
        login_user(User(user_id))
        raise RuntimeError

    @app.post("/logout")
    def logout() -> str:
        logout_user()
        return ""
