"""Guests: the signed cookie that they are known by, and what answers do to it."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import session
from flask.testing import FlaskClient
from flask_login import login_user
from itsdangerous import TimestampSigner

from flask_cart import CartStorageError
from flask_cart import current_cart
from flask_cart.storage.memory import MemoryStorage
from tests.support.guests import COOKIE
from tests.support.guests import User
from tests.support.guests import file_sessions
from tests.support.guests import owner_of
from tests.support.guests import set_up
from tests.support.session_shops import Config
from tests.support.session_shops import Shop
from tests.support.session_shops import held
from tests.support.session_shops import open_shop

BEFORE, AFTER = "before the view", "after the view"


@pytest.fixture
def config() -> Config:
    return {"CART_STORAGE": "memory"}


@pytest.fixture
def shop(config: Config) -> Iterator[Shop]:
    with open_shop(config, set_up=set_up) as shop:
        yield shop


#: How an app may keep its sessions, as far as a slow answer is concerned.
SESSIONS: dict[str, Callable[[Path], Config]] = {
    "until the browser is closed": lambda folder: {},
    "permanent": lambda folder: {"KEEP_SESSIONS": True},
    "permanent, not refreshed": lambda folder: {
        "KEEP_SESSIONS": True,
        "SESSION_REFRESH_EACH_REQUEST": False,
    },
    "on the server": file_sessions,
    "on the server, not refreshed": lambda folder: {
        **file_sessions(folder),
        "SESSION_REFRESH_EACH_REQUEST": False,
    },
}


class OfEachSession:
    """What holds for guests with each kind of session."""

    @pytest.fixture(params=SESSIONS)
    def shop(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
        config = SESSIONS[request.param](tmp_path)

        with open_shop({"CART_STORAGE": "memory"} | config, set_up=set_up) as shop:
            yield shop


class TestSlowAnswers(OfEachSession):
    """A page that is on its way while a guest adds the first thing."""

    @pytest.mark.parametrize("is_warm", [False, True])
    @pytest.mark.parametrize("place", [BEFORE, AFTER])
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/elsewhere"),
            ("GET", "/missing"),
            ("GET", "/count"),
            ("GET", "/cart"),
            ("GET", "/cart-and-count"),
            ("HEAD", "/count"),
            ("POST", "/name/Ann"),
            ("POST", "/clear"),
            ("POST", "/cart/clear"),
        ],
    )
    def test_first_add(
        self, shop: Shop, is_warm: bool, place: str, method: str, path: str
    ) -> None:
        """Whatever the slow page does to its session, the cart is found."""
        browser = shop.visitor() if is_warm else shop.browser()

        with held(browser, place, method, path):
            browser.post("/cart/add/mug")

        browser.post("/cart/add/mug")

        # Who has a session on the server had the same cart before.
        is_known = is_warm and "SESSION_TYPE" in shop.app.config
        is_emptied = is_known and (place, path) == (BEFORE, "/cart/clear")

        assert browser.get("/cart").json == {"mug": 1 if is_emptied else 2}

    @pytest.mark.parametrize("is_warm", [False, True])
    @pytest.mark.parametrize("place", [BEFORE, AFTER])
    def test_login(self, shop: Shop, is_warm: bool, place: str) -> None:
        """What a guest adds while the login is on its way comes along after it."""
        browser = shop.visitor() if is_warm else shop.browser()

        with held(browser, place, "POST", "/login/7"):
            browser.post("/cart/add/mug")

        assert browser.get("/cart").json == {"mug": 1}
        assert browser.get("/cart").json == {"mug": 1}

        phone = shop.browser()
        phone.post("/login/7")

        assert phone.get("/cart").json == {"mug": 1}


class TestCookie:
    """What the cookie is, and when it is sent."""

    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
    @pytest.mark.parametrize("path", ["/cart", "/elsewhere", "/missing"])
    def test_looking_sets_none(self, shop: Shop, method: str, path: str) -> None:
        """Who has no cart gets no cookie, and who has one no second one."""
        browser = shop.browser()

        assert "Set-Cookie" not in browser.open(path, method=method).headers

        browser.post("/cart/add/mug")

        assert "Set-Cookie" not in browser.open(path, method=method).headers

    def test_what_answers_depend_on(self, config: Config) -> None:
        """Pages with a cart vary by the cookie, and others can be kept for all."""
        with open_shop(config) as shop:
            browser = shop.browser()

            for _ in range(2):
                assert browser.get("/cart").headers["Vary"] == "Cookie"
                assert "Vary" not in browser.get("/elsewhere").headers
                assert browser.post("/cart/add/mug").headers["Vary"] == "Cookie"

    def test_it_is_the_session_cookies_neighbour(self) -> None:
        """It is sent where the session's is, by the same rules and under its prefix."""
        config = {
            "CART_STORAGE": "memory",
            "SESSION_COOKIE_NAME": "__Secure-visit",
            "SESSION_COOKIE_DOMAIN": "shop.example",
            "SESSION_COOKIE_PATH": "/eu",
            "SESSION_COOKIE_SECURE": True,
            "SESSION_COOKIE_HTTPONLY": False,
            "SESSION_COOKIE_SAMESITE": "None",
            "SESSION_COOKIE_PARTITIONED": True,
            "KEEP_SESSIONS": True,
        }

        with open_shop(config, set_up=set_up) as shop:
            browser = shop.browser()
            added = browser.post("/cart/add/mug").headers.getlist("Set-Cookie")
            cookies = {each.partition("=")[0]: each.split("; ")[1:] for each in added}

        ours = cookies["__Secure-visit_cart"]

        assert sorted(ours) == sorted(cookies["__Secure-visit"])
        assert {"Domain=shop.example", "Path=/eu", "Secure", "Partitioned"} <= {*ours}

    def test_lifetime_of_its_own(self, config: Config) -> None:
        """A guest's cart can be kept for longer than a login."""
        with open_shop(config | {"CART_GUEST_LIFETIME": 7_776_000}) as shop:
            answer = shop.browser().post("/cart/add/mug")

        assert "Max-Age=7776000" in answer.headers["Set-Cookie"]

    def test_session_that_ends(self, shop: Shop) -> None:
        """Without a lifetime, it ends when the session does: with the browser."""
        answer = shop.browser().post("/cart/add/mug")

        assert "Expires" not in answer.headers["Set-Cookie"]
        assert "HttpOnly" in answer.headers["Set-Cookie"]

    @pytest.mark.parametrize(
        ("lifetime", "age", "is_known", "is_renewed"),
        [
            (None, 0, True, False),
            (None, 3, True, False),
            (None, 4, True, True),
            (None, 30.9, True, True),
            (None, 31.1, False, False),
            (10 * 86_400, 0.9, True, False),
            (10 * 86_400, 1.1, True, True),
            (10 * 86_400, 9.9, True, True),
            (10 * 86_400, 10.1, False, False),
            # A server whose clock is ahead has signed it.
            (None, -0.01, True, False),
        ],
    )
    def test_age(
        self,
        config: Config,
        monkeypatch: pytest.MonkeyPatch,
        lifetime: int | None,
        age: float,
        is_known: bool,
        is_renewed: bool,
    ) -> None:
        """It is renewed in time by who looks at the cart, always with its own token."""
        with open_shop(config | {"CART_GUEST_LIFETIME": lifetime}) as shop:
            browser = shop.browser()
            signed_at = int(time.time() - age * 86_400)

            with monkeypatch.context() as patch:
                patch.setattr(TimestampSigner, "get_timestamp", lambda _: signed_at)
                browser.post("/cart/add/mug")

            owner = owner_of(browser)
            answer = browser.get("/cart")

            assert answer.json == ({"mug": 1} if is_known else {})
            assert ("Set-Cookie" in answer.headers) is is_renewed
            assert owner_of(browser) == owner
            assert "Set-Cookie" not in browser.get("/elsewhere").headers

    def test_secret_that_is_changed(self, shop: Shop) -> None:
        """What an older key has signed is good, and is signed anew."""
        browser = shop.browser()
        browser.post("/cart/add/mug")

        shop.app.config.update(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["test"])
        assert "Set-Cookie" in browser.get("/cart").headers
        assert "Set-Cookie" not in browser.get("/cart").headers

        shop.app.config["SECRET_KEY_FALLBACKS"] = None
        assert browser.get("/cart").json == {"mug": 1}

        shop.app.config["SECRET_KEY"] = "newer"
        assert browser.get("/cart").json == {}

    def test_of_two_domains(self, shop: Shop) -> None:
        """The first that is ours is taken, whatever a parent domain has sent along."""
        ours = {}

        for item in ["mug", "pot"]:
            browser = shop.browser()
            browser.post(f"/cart/add/{item}")
            ours[item] = f"{COOKIE}={cookie_of(browser)}"

        def shown(*cookies: str) -> t.Any:
            browser = shop.app.test_client(use_cookies=False)
            return browser.get("/cart", headers={"Cookie": "; ".join(cookies)}).json

        assert shown(f"{COOKIE}=planted", ours["mug"]) == {"mug": 1}
        assert shown(ours["mug"], f"{COOKIE}=planted") == {"mug": 1}
        assert shown(ours["pot"], ours["mug"]) == {"pot": 1}

    @pytest.mark.parametrize(
        "change",
        [
            lambda value: "",
            lambda value: value[:22],
            lambda value: value[:-1],
            lambda value: value[1:],
            lambda value: f"x{value}",
            lambda value: f"{value}x",
            lambda value: f"{value}.{value}",
            lambda value: "A" * 22 + value[22:],
            lambda value: "user:1" + value[22:],
            lambda value: "../../../etc/passwd222" + value[22:],
            lambda value: value.replace(".", "." + "A" * 22 + ".", 1),
            lambda value: value.replace(".", "\u2024"),
            lambda value: "\udcff\x00\xe9" + value,
            lambda value: value[:22] + ".AAAAAAAAAAAA." + value[-43:],
            lambda value: "." * 70,
            lambda value: value * 1000,
            lambda value: TimestampSigner("test").sign(value[:22]).decode(),
            lambda value: TimestampSigner("test", "cookie-session").sign("x").decode(),
        ],
    )
    def test_foreign_value(self, shop: Shop, change: Callable[[str], str]) -> None:
        """What the app has not signed is no token, and makes room for one."""
        victim, browser = shop.browser(), shop.browser()
        victim.post("/cart/add/mug")
        value = change(cookie_of(victim))
        cookie = f"{COOKIE}={value}".encode("utf-8", "surrogateescape").decode(
            "latin-1"
        )

        def send(method: str, path: str) -> t.Any:
            return browser.open(
                path, method=method, environ_overrides={"HTTP_COOKIE": cookie}
            )

        assert send("GET", "/cart").json == {}
        assert "Set-Cookie" not in send("GET", "/cart").headers
        assert send("POST", "/cart/add/pot").status_code == 200
        assert owner_of(browser) != owner_of(victim)
        assert browser.get("/cart").json == {"pot": 1}

    def test_session_cookie_is_no_token(self, shop: Shop) -> None:
        """What else the app has signed is not taken for one."""
        browser = shop.visitor()
        visit = browser.get_cookie("session")
        assert visit is not None
        browser.set_cookie(COOKIE, visit.value)

        assert browser.get("/cart").json == {}


class TestLogins(OfEachSession):
    """Logins that clear the session, as Flask's tutorial has it, and logouts."""

    @pytest.mark.parametrize("is_warm", [False, True])
    def test_cart_comes_along(self, shop: Shop, is_warm: bool) -> None:
        """The cookie of the guest is still there when the session is cleared."""
        browser = shop.visitor() if is_warm else shop.browser()
        browser.post("/cart/add/mug")
        browser.post("/login/7")

        assert browser.get("/cart").json == {"mug": 1}

    @pytest.mark.parametrize("is_warm", [False, True])
    @pytest.mark.parametrize("logout", ["/logout", "/clear"])
    def test_shared_computer(self, shop: Shop, is_warm: bool, logout: str) -> None:
        """After a logout, however it is made, the next one begins with nothing."""
        browser = shop.visitor() if is_warm else shop.browser()
        browser.post("/cart/add/mug")
        owner = owner_of(browser)
        browser.post("/login/7")
        browser.post("/cart/add/pot")
        browser.post(logout)

        assert browser.get("/cart").json == {}

        browser.post("/cart/add/tea")

        assert owner_of(browser) != owner

        browser.post("/login/8")

        assert browser.get("/cart").json == {"tea": 1}

        browser.post(logout)
        browser.post("/login/7")

        assert browser.get("/cart").json == {"mug": 1, "pot": 1}

    def test_who_has_kept_the_cookie(self, config: Config) -> None:
        """An older copy of the cookie shows nothing of what comes after the login."""
        with open_shop(config, set_up=set_up) as shop:
            browser, other = shop.browser(), shop.browser()
            browser.post("/cart/add/mug")
            other.set_cookie(COOKIE, cookie_of(browser))
            browser.post("/login/7")
            browser.post("/logout")
            browser.post("/cart/add/tea")

            assert other.get("/cart").json == {}

    def test_what_could_not_be_merged(self, tmp_path: Path) -> None:
        """It is shown to nobody after the logout, and comes with the user's next
        login, and with nobody else's."""

        class Broken(MemoryStorage):
            fails = False

            def instances(self, owner: str) -> list[str]:
                if self.fails:
                    raise CartStorageError("down")

                return super().instances(owner)

        storage = Broken()

        with open_shop({"CART_STORAGE": storage}, set_up=set_up) as shop:
            browser = shop.browser()
            browser.post("/cart/add/mug")
            storage.fails = True
            browser.post("/login/7")
            storage.fails = False
            assert browser.get("/cart").json == {}

            browser.post("/logout")
            assert browser.get("/cart").json == {}

            browser.post("/login/8")
            assert browser.get("/cart").json == {}

            browser.post("/logout")
            browser.post("/login/7")
            assert browser.get("/cart").json == {"mug": 1}

    def test_what_comes_late(self, shop: Shop) -> None:
        """What a slow request of the guest adds comes with the user's next login."""
        browser = shop.browser()
        browser.post("/cart/add/mug")

        with held(browser, BEFORE, "POST", "/cart/add/pot"):
            browser.post("/login/7")

        browser.post("/login/7")

        assert browser.get("/cart").json == {"mug": 1, "pot": 1}

    def test_login_that_fails(self, shop: Shop) -> None:
        """After an error, which may have undone the merge, the next page merges."""
        browser = shop.browser()
        browser.post("/cart/add/mug")
        token = cookie_of(browser)

        assert browser.post("/login-and-fail/7").status_code == 500
        assert cookie_of(browser) == token
        assert browser.get("/cart").json == {"mug": 1}
        assert cookie_of(browser) != token

    def test_cart_in_the_session_itself(self) -> None:
        """A cart that went with the cleared session comes along all the same."""
        with open_shop({"TESTING": True}, set_up=set_up) as shop:
            browser = shop.browser()
            browser.post("/cart/add/mug")
            browser.post("/login/7")
            assert browser.get("/cart").json == {"mug": 1}

            browser.post("/clear")
            assert browser.get("/cart").json == {}

            browser.post("/login/8")
            assert browser.get("/cart").json == {}

    def test_cart_that_is_destroyed_by_the_login(self) -> None:
        """What the login itself has deleted does not come back."""

        def log_in() -> str:
            current_cart.destroy()
            session.clear()
            login_user(User("7"))
            return ""

        with open_shop({"TESTING": True}, set_up=set_up) as shop:
            shop.app.add_url_rule("/forget", view_func=log_in, methods=["POST"])
            browser = shop.browser()
            browser.post("/cart/add/mug")
            browser.post("/forget")

            assert browser.get("/cart").json == {}

    def test_own_logins(self, shop: Shop) -> None:
        """An app with logins of its own clears its session as well, and merges."""
        shop.extension.owner_loader(
            lambda: f"user:{session['user']}" if "user" in session else None
        )

        def log_in() -> str:
            session.clear()
            session["user"] = 7
            shop.extension.merge_guest_carts()
            return ""

        shop.app.add_url_rule("/own-login", view_func=log_in, methods=["POST"])
        browser = shop.browser()
        browser.post("/cart/add/mug")
        browser.post("/own-login")
        assert browser.get("/cart").json == {"mug": 1}

        browser.post("/clear")
        assert browser.get("/cart").json == {}

        browser.post("/cart/add/pot")
        browser.post("/own-login")
        assert browser.get("/cart").json == {"mug": 1, "pot": 1}


def cookie_of(browser: FlaskClient) -> str:
    """The cookie of a browser's guest."""
    cookie = browser.get_cookie(COOKIE)
    assert cookie is not None

    return cookie.value
