"""Carts in Flask's own session, which is a signed cookie."""

from __future__ import annotations

import random
import typing as t
from collections.abc import Callable
from collections.abc import Iterator

import pytest
from flask import Flask
from flask import Response
from flask import after_this_request
from flask import request
from flask import session
from flask_login import LoginManager
from flask_login import UserMixin
from flask_login import login_user
from flask_login import logout_user

from flask_cart import CartCorruptError
from flask_cart import CartStorageError
from flask_cart import CartTooLargeError
from flask_cart import current_cart
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Guarantee
from flask_cart.storage.base import Storage
from flask_cart.storage.base import is_storage
from flask_cart.testing.carts import save_carts
from tests.support.session_shops import Shop
from tests.support.session_shops import held
from tests.support.session_shops import open_shop

#: Without the warning that carts in cookies are for tests and small shops.
CONFIG = {"TESTING": True, "PROPAGATE_EXCEPTIONS": False}

OWNER = "user:1"
KEY = CartKey(OWNER, "default")
MAX_BYTES = 4093

#: Text that cannot be compressed to much less than half of it.
TEXT = random.Random(1).randbytes(5000).hex()


@pytest.fixture
def shop() -> Iterator[Shop]:
    with open_shop(CONFIG, set_up=add_pages) as shop:
        yield shop


@pytest.fixture
def storage(shop: Shop) -> Iterator[Storage]:
    """The storage in a request."""
    with shop.app.test_request_context():
        yield shop.extension.storage


def add_pages(app: Flask) -> None:
    """Add pages that put much into the cart, or into the session."""

    @app.post("/note/<int:length>")
    def note(length: int) -> str:
        current_cart.metadata["note"] = TEXT[:length]
        return ""

    @app.post("/careful-note/<int:length>")
    def careful_note(length: int) -> dict[str, t.Any]:
        try:
            note(length)
        except CartTooLargeError as error:
            items = [line.item_id for line in current_cart]
            return {"items": items, "limit": error.limit, "given": error.given}

        return {}

    @app.post("/cart/add-and-fail")
    def add_and_fail() -> str:
        current_cart.add("mug", price=1)
        raise ZeroDivisionError

    @app.post("/cart/destroy")
    def destroy() -> str:
        current_cart.destroy()
        return ""


class TestCarts:
    def test_cart_stays(self, shop: Shop) -> None:
        """What is in the cart is there in the next request, and in no other browser."""
        browser = shop.browser()
        browser.post("/cart/add/mug")
        browser.post("/cart/add/mug")
        browser.post("/cart/add/pot")

        assert browser.get("/cart").json == {"mug": 2, "pot": 1}
        assert shop.browser().get("/cart").json == {}

    def test_pages_without_cart(self, shop: Shop) -> None:
        """A page that does not touch the cart can be kept by caches for everybody."""
        browser = shop.browser()
        browser.post("/cart/add/mug")

        page, cart = browser.get("/elsewhere"), browser.get("/cart")

        assert "Vary" not in page.headers
        assert cart.headers["Vary"] == "Cookie"
        assert "Set-Cookie" not in page.headers
        assert "Set-Cookie" not in cart.headers

    def test_reading_leaves_nothing(self, shop: Shop) -> None:
        """A page that shows an empty cart sets no cookie."""
        assert "Set-Cookie" not in shop.browser().get("/cart").headers

    def test_view_that_fails(self, shop: Shop) -> None:
        """What was added stays, whatever becomes of the rest of the request."""
        browser = shop.browser()

        assert browser.post("/cart/add-and-fail").status_code == 500
        assert browser.get("/cart").json == {"mug": 1}

    def test_what_a_session_has(self, shop: Shop) -> None:
        """The rest of the session stays, and of a cart that is gone nothing does."""
        browser = shop.visitor()
        browser.post("/cart/add/mug")
        assert browser.get("/session").json.keys() == {"name", "_carts"}

        browser.post("/cart/destroy")

        assert "Set-Cookie" not in browser.get("/cart").headers
        assert browser.get("/session").json.keys() == {"name"}

    def test_logins(self) -> None:
        """A guest's cart becomes the user's, and is not shown after the logout."""
        with open_shop(CONFIG, set_up=add_logins) as shop:
            browser = shop.browser()
            browser.post("/cart/add/mug")
            browser.post("/login/7")
            assert browser.get("/cart").json == {"mug": 1}

            browser.post("/logout")
            assert browser.get("/cart").json == {}

            browser.post("/login/8")
            assert browser.get("/cart").json == {}

            browser.post("/login/7")
            assert browser.get("/cart").json == {"mug": 1}


class TestOverlaps:
    """What carts in cookies cannot do, as the documentation says."""

    def test_one_of_two_adds_is_lost(self, shop: Shop) -> None:
        """Of two adds at once, the browser keeps the one that is answered last."""
        browser = shop.browser()
        browser.post("/cart/add/old")

        with held(browser, "before the view", "POST", "/cart/add/slow"):
            browser.post("/cart/add/fast")

        assert browser.get("/cart").json == {"old": 1, "slow": 1}

    def test_pages_do_no_harm(self, shop: Shop) -> None:
        """A slow page that only shows the cart does not undo an add."""
        browser = shop.browser()
        browser.post("/cart/add/old")

        with held(browser, "after the view", "GET", "/cart"):
            browser.post("/cart/add/fast")

        assert browser.get("/cart").json == {"old": 1, "fast": 1}


class TestSize:
    def test_cart_that_does_not_fit(self, shop: Shop) -> None:
        """A change that browsers would drop is refused, and the cart is as before."""
        browser = shop.visitor()
        browser.post("/cart/add/mug")

        refused = browser.post("/careful-note/9000")

        assert refused.json["items"] == ["mug"]
        assert refused.json["limit"] == MAX_BYTES < refused.json["given"]
        assert len(refused.headers.get("Set-Cookie", "")) <= MAX_BYTES
        assert browser.get("/cart").json == {"mug": 1}
        assert browser.get("/session").json["name"] == "Ann"

    def test_first_cart_that_does_not_fit(self, shop: Shop) -> None:
        """A cart that could not be kept is not in the session either."""
        browser = shop.browser()
        browser.post("/careful-note/9000")

        assert browser.get("/session").json == {}

    def test_error_is_an_error(self, shop: Shop) -> None:
        """Who does not handle it gets an answer that says so."""
        browser = shop.browser()
        browser.post("/cart/add/mug")

        assert browser.post("/note/9000").status_code == 500
        assert browser.get("/cart").json == {"mug": 1}

    @pytest.mark.parametrize(
        ("setting", "limit"), [(4093, MAX_BYTES), (1000, 1000), (0, MAX_BYTES)]
    )
    def test_limit(self, shop: Shop, setting: int, limit: int) -> None:
        """The limit is that of the whole cookie, also where Flask warns of none."""
        shop.app.config["MAX_COOKIE_SIZE"] = setting
        fits, too_long = 0, len(TEXT)

        while too_long - fits > 1:
            length = (fits + too_long) // 2
            answer = shop.browser().post(f"/careful-note/{length}")

            if answer.json:
                too_long = length
                assert answer.json["limit"] == limit < answer.json["given"]
            else:
                fits = length
                largest = len(answer.headers["Set-Cookie"])
                assert largest <= limit

        # Every cookie has a token of its own, which compresses to a few bytes more
        # or less than the next: of 120 searches one stopped 9 bytes below.
        assert largest > limit - 40

    @pytest.mark.filterwarnings("ignore:The 'session' cookie is too large")
    @pytest.mark.parametrize(
        "fill", ["in the view", "after the view", "after the request"]
    )
    def test_session_that_is_filled_after_the_add(self, fill: str) -> None:
        """An answer whose cookie browsers drop does not say that all is well."""

        def set_up(app: Flask) -> None:
            add_filling(app, fill)

        with open_shop(CONFIG, set_up=set_up) as shop:
            browser = shop.browser()
            browser.post("/cart/add/mug")
            answer = browser.post("/cart/add-and-fill")

            assert answer.status_code == 500
            assert len(answer.headers.get("Set-Cookie", "x" * 5000)) > MAX_BYTES

    def test_session_that_is_full_already(self, shop: Shop) -> None:
        """A page that does not change the cart says nothing of its size."""
        browser = shop.browser()

        with browser.session_transaction() as stored:
            stored["app"] = TEXT[:5000]

        shop.app.config["MAX_COOKIE_SIZE"] = 1000

        assert browser.get("/cart").status_code == 200
        assert browser.post("/cart/add/mug").status_code == 500


class TestBadCookies:
    def test_forged(self, shop: Shop) -> None:
        """A cookie that the app did not sign has no cart."""
        browser = shop.browser()
        browser.post("/cart/add/mug")
        cookie = browser.get_cookie("session")
        assert cookie is not None
        browser.set_cookie("session", f"x{cookie.value}")

        assert browser.get("/cart").json == {}

    @pytest.mark.parametrize(
        "carts",
        [
            "text",
            7,
            ["default"],
            {OWNER: "text"},
            {OWNER: ["default"]},
            {OWNER: {"default": {}}},
            {OWNER: {"default": [1]}},
            {OWNER: {"default": ["1", "{}"]}},
            {OWNER: {"default": [1, {}]}},
            {OWNER: {"default": [1, "{}", 1]}},
            {OWNER: {"default": [1, "text"]}},
        ],
    )
    def test_something_else(self, shop: Shop, carts: t.Any) -> None:
        """What is no cart is an error, and stays for somebody to repair."""
        with shop.app.test_request_context():
            session["_carts"] = carts
            cart = shop.extension.cart(owner=OWNER)

            for use in [len, lambda cart: cart.add("mug", price=1)]:
                with pytest.raises(CartCorruptError):
                    use(cart)

            assert session["_carts"] == carts


def saved(storage: Storage, text: str, expected: int = 0) -> int:
    """The version of a cart that is saved."""
    versions = save_carts(storage, OWNER, {"default": (expected, text)})
    assert versions is not None

    return versions["default"]


class TestStorage:
    def test_guarantee(self, storage: Storage) -> None:
        """It promises no more than that the last write wins."""
        assert is_storage(storage)
        assert storage.guarantee is Guarantee.LAST_WRITE_WINS
        assert not storage.always_lock
        assert storage.transaction() is None

    def test_save_and_delete(self, storage: Storage) -> None:
        """Within one request, it compares versions as all others do."""
        assert storage.load(KEY) is None
        assert save_carts(storage, OWNER, {"default": (0, None)}) is None
        version = saved(storage, "one")
        assert storage.load(KEY) == ("one", version)
        assert save_carts(storage, OWNER, {"default": (0, "two")}) is None
        newer = saved(storage, "two", version)

        for expected in [0, version]:
            assert save_carts(storage, OWNER, {"default": (expected, None)}) is None

        assert save_carts(storage, OWNER, {"default": (newer, None)}) == {"default": 0}
        assert save_carts(storage, OWNER, {"default": (newer, None)}) is None
        assert save_carts(storage, OWNER, {"default": (newer, "three")}) is None
        assert storage.load(KEY) is None

    def test_several(self, storage: Storage) -> None:
        """Several carts are saved at once, or none of them."""
        version = saved(storage, "one")
        lost = {"a": (0, "lost"), "default": (version + 1, "lost")}
        assert save_carts(storage, OWNER, lost) is None
        assert storage.instances(OWNER) == ["default"]

        versions = save_carts(
            storage, OWNER, {"a": (0, "new"), "default": (version, None)}
        )
        assert versions is not None
        assert versions["default"] == 0
        assert storage.load(CartKey(OWNER, "a")) == ("new", versions["a"])
        assert storage.instances(OWNER) == ["a"]

    def test_several_that_do_not_fit(self, storage: Storage) -> None:
        """If they do not fit into the cookie together, it stays as it was."""
        version = saved(storage, "one")

        with pytest.raises(CartTooLargeError):
            save_carts(
                storage,
                OWNER,
                {"a": (0, TEXT[:2500]), "default": (version, TEXT[2500:6500])},
            )

        assert storage.load(KEY) == ("one", version)
        assert storage.instances(OWNER) == ["default"]

    def test_versions_do_not_recur(self, storage: Storage) -> None:
        """A cart that is made anew has another version than the one before."""
        first = saved(storage, "{}")
        save_carts(storage, OWNER, {"default": (first, None)})

        assert saved(storage, "{}") != first

    def test_instances(self, storage: Storage) -> None:
        """The carts of an owner are known by name, and nobody else's are among them."""
        for owner, instance in [
            ("user:1", "wishlist"),
            ("user:1", "default"),
            ("user:11", "other"),
        ]:
            save_carts(storage, owner, {instance: (0, "{}")})

        assert storage.instances("user:1") == ["default", "wishlist"]
        assert storage.instances("user:2") == []

    def test_lock(self, storage: Storage) -> None:
        """There is nobody in the same request to lock out."""
        with storage.lock(OWNER), storage.lock(OWNER):
            assert saved(storage, "{}")

    @pytest.mark.parametrize(
        "use",
        [
            lambda storage: storage.load(KEY),
            lambda storage: save_carts(storage, OWNER, {"default": (0, "{}")}),
            lambda storage: storage.instances(OWNER),
        ],
    )
    def test_outside_a_request(
        self, shop: Shop, use: Callable[[Storage], object]
    ) -> None:
        """Without a request there is no cookie, and the error says so."""
        with (
            shop.app.app_context(),
            pytest.raises(CartStorageError, match="only in a request"),
        ):
            use(shop.extension.storage)


class User(UserMixin):
    def __init__(self, user_id: str) -> None:
        self.id = user_id


def add_logins(app: Flask) -> None:
    """Add pages to log in and out."""
    login_manager = LoginManager(app)
    login_manager.user_loader(User)

    @app.post("/login/<user_id>")
    def login(user_id: str) -> str:
        login_user(User(user_id))
        return ""

    @app.post("/logout")
    def logout() -> str:
        logout_user()
        return ""


def add_filling(app: Flask, place: str) -> None:
    """Add a page that puts something into the cart, and then much into the session."""

    def fill(response: Response) -> Response:
        session["app"] = TEXT
        return response

    @app.post("/cart/add-and-fill")
    def add_and_fill() -> Response:
        current_cart.add("pot", price=1)

        if place == "after the view":
            after_this_request(fill)

        return fill(Response()) if place == "in the view" else Response()

    if place == "after the request":
        # Registered before FlaskCart, so it is called after it.
        @app.after_request
        def fill_later(response: Response) -> Response:
            return fill(response) if request.path.endswith("-fill") else response
