"""Whose cart it is: guests, users of Flask-Login, and owners of the app's own."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie

import pytest
from flask import Flask
from flask import request
from flask.testing import FlaskClient
from flask_login import LoginManager
from flask_login import UserMixin
from flask_login import current_user
from flask_login import login_user
from flask_login import logout_user

from flask_cart import CartConfigError
from flask_cart import CartConflictError
from flask_cart import CartCorruptError
from flask_cart import CartStorageError
from flask_cart import FlaskCart
from flask_cart import MergeReport
from flask_cart import current_cart
from flask_cart import signals
from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing.carts import save_cart
from tests.support.apps import make_app
from tests.support.guests import COOKIE
from tests.support.guests import owner_of
from tests.support.shelf import Product


class User(UserMixin):
    def __init__(self, user_id: str) -> None:
        self.id = user_id


def make_shop(**config: object) -> Flask:
    """An app with logins and a cart."""
    app = make_app(**{"CART_STORAGE": "memory"} | config)
    login_manager = LoginManager(app)
    login_manager.user_loader(User)
    FlaskCart(app)

    @app.post("/login/<user_id>")
    def login(user_id: str) -> str:
        login_user(User(user_id), remember="remember" in request.args)
        return _shown()

    @app.post("/logout")
    def logout() -> str:
        logout_user()
        return _shown()

    @app.post("/add/<sku>")
    def add(sku: str) -> str:
        current_cart.instance(request.args.get("instance", "default")).add(sku, price=1)
        return _shown()

    @app.get("/")
    def show() -> str:
        return _shown()

    return app


def _shown() -> str:
    return " ".join(f"{line.quantity}x{line.item_id}" for line in current_cart)


@pytest.fixture
def shop() -> Flask:
    return make_shop()


@pytest.fixture
def client(shop: Flask) -> FlaskClient:
    return shop.test_client()


def test_user_has_the_same_cart_everywhere(shop: Flask) -> None:
    """A user's cart is there on another device."""
    phone, laptop = shop.test_client(), shop.test_client()
    phone.post("/login/7")
    phone.post("/add/mug")
    laptop.post("/login/7")

    assert laptop.get("/").text == "1xmug"


def test_guests_have_carts_of_their_own(shop: Flask) -> None:
    """Nobody sees the cart of another guest."""
    shop.test_client().post("/add/mug")

    assert shop.test_client().get("/").text == ""


def test_login_merges(client: FlaskClient) -> None:
    """Nothing that was in either cart is lost by logging in."""
    client.post("/login/7")
    client.post("/add/mug")
    client.post("/add/pot")
    client.post("/logout")
    client.post("/add/mug")
    client.post("/add/tea")

    assert client.post("/login/7").text == "2xmug 1xpot 1xtea"
    assert client.get("/").text == "2xmug 1xpot 1xtea"


def test_login_with_a_coupon_in_both_carts() -> None:
    """Who notes one coupon as a user and one as a guest has one after the login."""
    shop = make_shop(CART_MAX_COUPONS=1)
    client = shop.test_client()

    @shop.post("/note/<code>")
    def note(code: str) -> str:
        current_cart.coupons.add(code)
        return ""

    @shop.get("/noted")
    def noted() -> list[str]:
        return list(current_cart.coupons)

    client.post("/login/7")
    client.post("/note/OLD")
    client.post("/logout")
    client.post("/note/NEW")
    client.post("/login/7")

    assert client.get("/noted").json == ["NEW"]


def test_login_sees_the_new_cart_at_once(client: FlaskClient, shop: Flask) -> None:
    """A view that read the guest's cart sees the user's after the login."""

    @shop.post("/look-and-login")
    def look_and_login() -> str:
        before = _shown()
        login_user(User("7"))
        return f"{before} -> {_shown()}"

    client.post("/login/7")
    client.post("/add/pot")
    client.post("/logout")
    client.post("/add/mug")

    assert client.post("/look-and-login").text == "1xmug -> 1xpot 1xmug"


def test_logout_leaves_the_cart_with_the_user(client: FlaskClient) -> None:
    """After a logout the browser shows an empty cart, and the user's is kept."""
    client.post("/add/mug")
    client.post("/login/7")

    assert client.post("/logout").text == ""
    assert client.post("/login/7").text == "1xmug"


def test_second_login_changes_nothing(client: FlaskClient) -> None:
    """Logging in while logged in adds nothing again."""
    client.post("/add/mug")
    client.post("/login/7")

    assert client.post("/login/7").text == "1xmug"


def test_all_instances_merge(client: FlaskClient, shop: Flask) -> None:
    """The wishlist moves along."""
    client.post("/add/mug?instance=wishlist")
    client.post("/login/7")

    with shop.app_context():
        extension = shop.extensions["cart"].extension
        wishlist = extension.cart(owner="user:7", instance="wishlist")

        assert [line.item_id for line in wishlist] == ["mug"]


def test_guest_cart_is_gone_after_merge(client: FlaskClient, shop: Flask) -> None:
    """The guest's cart is deleted, so that nobody merges it again."""
    client.post("/add/mug")

    guest = owner_of(client)
    client.post("/login/7")

    assert shop.extensions["cart"].storage.instances(guest) == []


def test_remembered_user_merges(client: FlaskClient) -> None:
    """A user who comes back by the remember-me cookie gets the guest's cart, too."""
    client.post("/login/7?remember=1")
    client.post("/add/pot")
    remembered = client.get_cookie("remember_token")
    assert remembered is not None

    # The session is gone, as after the browser was closed, and the guest shops first.
    client.delete_cookie("session")
    client.delete_cookie("remember_token")
    client.post("/add/mug")
    client.set_cookie("remember_token", remembered.value)

    assert client.get("/").text == "1xpot 1xmug"


def test_migration_can_be_off() -> None:
    """CART_MIGRATE_ON_LOGIN = False leaves both carts alone."""
    client = make_shop(CART_MIGRATE_ON_LOGIN=False).test_client()
    client.post("/add/mug")

    assert client.post("/login/7").text == ""
    assert client.post("/logout").text == "1xmug"


def test_login_survives_broken_storage(caplog: pytest.LogCaptureFixture) -> None:
    """When the carts cannot be merged, the user is logged in all the same."""

    class Broken(MemoryStorage):
        def instances(self, owner: str) -> list[str]:
            raise CartStorageError("down")

    shop = make_shop(CART_STORAGE=Broken())

    @shop.get("/who")
    def who() -> str:
        return str(current_user.get_id())

    client = shop.test_client()
    client.post("/add/mug")

    assert client.post("/login/7").status_code == 200
    assert client.get("/who").text == "7"
    assert "not merged" in caplog.text


def test_merge_is_announced(client: FlaskClient, shop: Flask) -> None:
    """cart_merged says where the lines came from."""
    heard = []

    def hear(app: Flask, event, **extra: object) -> None:
        heard.append((event.owner, event.source[:6], event.lines[0].item_id))

    client.post("/add/mug")

    with signals.cart_merged.connected_to(hear, shop):
        client.post("/login/7")

    assert heard == [("user:7", "guest:", "mug")]


def test_logins_of_another_app_are_not_heard() -> None:
    """Each app merges on its own logins only."""
    one, other = make_shop(), make_shop()
    heard = []
    one_client, other_client = one.test_client(), other.test_client()
    one_client.post("/add/mug")
    other_client.post("/add/pot")

    def hear(app: Flask, **extra: object) -> None:
        heard.append(app)

    with signals.cart_merged.connected_to(hear):
        one_client.post("/login/7")

    assert heard == [one]


def test_token_is_random_and_kept(shop: Flask) -> None:
    """Every guest has a token of 128 bits, and keeps it."""
    tokens = set()

    for _ in range(20):
        client = shop.test_client()
        client.post("/add/mug")
        token = owner_of(client)
        client.post("/add/mug")

        assert owner_of(client) == token
        assert re.fullmatch("guest:[A-Za-z0-9_-]{22}", token)

        tokens.add(token)

    assert len(tokens) == 20


def test_cookie_does_not_hold_the_cart(client: FlaskClient) -> None:
    """The browser holds a token, nothing of the content."""
    response = client.post("/add/secret-wish")
    (cookie,) = SimpleCookie(response.headers["Set-Cookie"]).values()

    assert cookie.key == COOKIE
    assert "secret" not in cookie.value


def make_company_shop(owner: object) -> Flask:
    app = make_app(CART_STORAGE="memory")
    extension = FlaskCart(app)

    @extension.owner_loader
    def load_owner() -> object:
        return owner

    return app


def test_owner_loader() -> None:
    """The app can say whose cart it is."""
    with make_company_shop("company:7").test_request_context():
        current_cart.add("desk", price=900)

        assert current_cart.key == ("company:7", "default")


def test_owner_loader_for_guest() -> None:
    """A loader that knows nobody leaves it to the guest's token."""
    with make_company_shop(None).test_request_context():
        current_cart.add("desk", price=900)

        assert current_cart.key is not None
        assert current_cart.key.owner.startswith("guest:")


@pytest.mark.parametrize("owner", [7, "7", "", "user:", ":7", "User:7", "user: 7 "])
def test_owner_must_be_typed(owner: object) -> None:
    """An id without a kind is refused, with an example of a right one."""
    with (
        make_company_shop(owner).test_request_context(),
        pytest.raises(CartConfigError, match="'user:7'"),
    ):
        len(current_cart)


def test_merge_for_own_logins() -> None:
    """An app with its own way to log in merges when it says so."""
    app = make_app(CART_STORAGE="memory")
    extension = FlaskCart(app)
    known: list[str] = []

    @extension.owner_loader
    def load_owner() -> str | None:
        return known[0] if known else None

    with app.test_request_context():
        current_cart.add("mug", price=1)
        extension.merge_guest_carts()

        assert current_cart.quantity == 1

        known.append("member:3")
        extension.merge_guest_carts()

        assert current_cart.key == ("member:3", "default")
        assert current_cart.quantity == 1


def test_interrupted_merge_is_finished_once() -> None:
    """A merge that could not delete the guest's cart does not count twice later."""

    class Interrupted(MemoryStorage):
        fails = True

        def save(self, owner, changes):
            if self.fails and (
                "default" in changes and changes["default"].text is None
            ):
                raise CartStorageError("down")

            return super().save(owner, changes)

    storage = Interrupted()
    client = make_shop(CART_STORAGE=storage).test_client()
    client.post("/add/mug")

    assert client.post("/login/7").text == "1xmug"

    storage.fails = False
    client.post("/logout")
    client.post("/add/tea")

    assert client.post("/login/7").text == "1xmug 1xtea"


@pytest.mark.parametrize("user_id", [None, "None"])
def test_user_without_id(user_id: str | None) -> None:
    """Users who have no id yet do not share a cart."""
    app = make_shop()

    class New(User):
        def get_id(self):
            return user_id

    with app.test_request_context():
        login_user(New("7"))

        with pytest.raises(CartConfigError, match="before login_user"):
            len(current_cart)


def test_late_add_of_the_guest_is_not_lost(client: FlaskClient, shop: Flask) -> None:
    """What a slow request adds to the guest's cart after the login comes along with
    the next one."""
    client.post("/add/mug")

    guest = owner_of(client)
    client.post("/login/7")

    with shop.app_context():
        shop.extensions["cart"].extension.cart(owner=guest).add("tea", price=1)

    assert client.post("/login/7").text == "1xmug 1xtea"


def test_strategy_is_configured() -> None:
    """CART_MERGE_STRATEGY says how many there are of what both carts have."""
    client = make_shop(CART_MERGE_STRATEGY="keep_user_cart").test_client()
    client.post("/login/7")
    client.post("/add/mug")
    client.post("/logout")
    client.post("/add/mug")
    client.post("/add/mug")

    assert client.post("/login/7").text == "1xmug"


def test_strategy_of_the_app() -> None:
    """A strategy may be registered after the app is set up."""
    shop = make_shop(CART_MERGE_STRATEGY="three")
    shop.extensions["cart"].extension.merge_strategy("three")(lambda mine, theirs: 3)
    client = shop.test_client()
    client.post("/add/mug")

    assert client.post("/login/7").text == "3xmug"


def test_unknown_strategy(caplog: pytest.LogCaptureFixture) -> None:
    """A misspelt strategy is logged, and nobody loses a cart because of it."""
    client = make_shop(CART_MERGE_STRATEGY="keep_user_card").test_client()
    client.post("/add/mug")

    assert client.post("/login/7").text == "1xmug"
    assert "Did you mean 'keep_user_cart'?" in caplog.text


def report_of(shop: Flask) -> list[MergeReport | None]:
    """What a view that logs somebody in, and one that does not, can tell of it."""
    extension = shop.extensions["cart"].extension
    seen: list[MergeReport | None] = []

    @shop.after_request
    def note(response):
        seen.append(extension.merge_report)
        return response

    return seen


def test_login_tells_what_came() -> None:
    """The view that logs a user in can say what was added to the cart."""
    shop = make_shop(CART_MAX_QUANTITY=2)
    seen = report_of(shop)
    client = shop.test_client()
    client.post("/login/7")
    client.post("/add/mug")
    client.post("/logout")

    for item in ["mug", "mug", "tea"]:
        client.post(f"/add/{item}")

    client.post("/login/7")
    client.get("/")
    report = seen[-2]

    assert seen[-1] is None
    assert report is not None
    assert report.quantity == 2
    assert [line.item_id for line in report.lines] == ["mug", "tea"]
    assert [(line.item_id, line.quantity) for line in report.left_out] == [("mug", 1)]
    assert report.errors == ()


def test_login_keeps_to_what_is_sold() -> None:
    """Three and three of which a cart may hold three are three, also in the order."""
    shop = make_shop()
    seen = report_of(shop)
    extension = shop.extensions["cart"].extension
    mug = Product("mug", available=4, maximum=3)
    extension.product_loader(lambda ids: [mug])

    @shop.post("/fill")
    def fill() -> str:
        current_cart.add(mug, 3)
        return ""

    @shop.post("/order")
    def order() -> dict[str, int]:
        return current_cart.place_order(
            lambda draft: {line.item_id: line.quantity for line in draft},
            lambda token: None,
        )

    client = shop.test_client()
    client.post("/login/7")
    client.post("/fill")
    client.post("/logout")
    client.post("/fill")
    client.post("/login/7")
    report = seen[-1]

    assert report is not None
    assert [(line.item_id, line.quantity) for line in report.left_out] == [("mug", 3)]
    assert client.post("/order").json == {"mug": 3}


def test_login_without_the_catalogue(caplog: pytest.LogCaptureFixture) -> None:
    """If nobody can say what is sold, the login works, and the guest's cart stays."""
    shop = make_shop()
    extension = shop.extensions["cart"].extension
    client = shop.test_client()
    client.post("/add/mug")
    answers = iter([RuntimeError("down"), []])

    @extension.product_loader
    def load(ids: list[str]) -> list[Product]:
        match next(answers):
            case RuntimeError() as error:
                raise error
            case _:
                return []

    assert client.post("/login/7").status_code == 200
    assert "The guest's cart was not merged" in caplog.text
    client.post("/logout")
    client.post("/login/7")
    assert "mug" in client.get("/").text


def test_report_needs_a_request(memory_app: Flask) -> None:
    """Outside a request nobody has logged in."""
    with memory_app.app_context():
        assert memory_app.extensions["cart"].extension.merge_report is None


def test_login_on_a_broken_storage_says_so() -> None:
    """The user is logged in, and the view can say what could not be done."""

    class Broken(MemoryStorage):
        def instances(self, owner: str) -> list[str]:
            raise CartStorageError("down")

    shop = make_shop(CART_STORAGE=Broken())
    seen = report_of(shop)
    client = shop.test_client()
    client.post("/add/mug")

    assert client.post("/login/7").status_code == 200
    assert [str(error) for error in seen[-1].errors] == ["down"]


def test_one_damaged_cart_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each instance is merged, whatever is wrong with another one."""
    storage = MemoryStorage()
    shop = make_shop(CART_STORAGE=storage)
    seen = report_of(shop)
    client = shop.test_client()
    client.post("/add/mug?instance=a")
    client.post("/add/mug?instance=b")
    (damaged,) = (each.key for each in storage.scan() if each.key.instance == "a")
    save_cart(storage, damaged, "{", storage.load(damaged).version)
    client.post("/login/7")

    assert storage.instances("user:7") == ["b"]
    assert [type(error) for error in seen[-1].errors] == [CartCorruptError]
    assert "not merged" in caplog.text


def test_merge_by_hand() -> None:
    """An app can merge with another strategy, and only some instances."""
    app = make_app(CART_STORAGE="memory")
    extension = FlaskCart(app)
    known: list[str] = []
    extension.owner_loader(lambda: known[0] if known else None)

    with app.test_request_context():
        extension.cart(owner="member:3").add("mug", 2, price=1)
        current_cart.add("mug", price=1)
        current_cart.instance("wishlist").add("tea", price=1)
        assert extension.merge_guest_carts() == MergeReport()
        known.append("member:3")

        with pytest.raises(CartConfigError, match="no merge strategy"):
            extension.merge_guest_carts("keep")

        report = extension.merge_guest_carts("replace_with_guest", ["default"])
        assert report.lines == ()
        assert current_cart.quantity == 1
        assert current_cart.instance("wishlist").quantity == 0

        assert extension.merge_guest_carts().quantity == 1
        assert current_cart.instance("wishlist").quantity == 1


def test_merge_by_hand_raises() -> None:
    """What goes wrong is raised, after all the others were merged."""
    storage = MemoryStorage()
    app = make_app(CART_STORAGE=storage)
    extension = FlaskCart(app)
    known: list[str] = []
    extension.owner_loader(lambda: known[0] if known else None)

    with app.test_request_context():
        current_cart.instance("a").add("mug", price=1)
        current_cart.instance("b").add("mug", price=1)
        (damaged,) = (each.key for each in storage.scan() if each.key.instance == "a")
        save_cart(storage, damaged, "{", storage.load(damaged).version)
        known.append("member:3")

        with pytest.raises(CartCorruptError):
            extension.merge_guest_carts()

        assert storage.instances("member:3") == ["b"]


def test_swap(memory_app: Flask) -> None:
    """All carts of an owner are given to another one, or none of them."""
    extension = memory_app.extensions["cart"].extension

    with memory_app.app_context():
        for name in ("default", "wishlist"):
            extension.cart(owner="user:1", instance=name).add("mug", price=1)

        extension.cart(owner="user:2", instance="wishlist").add("tea", price=1)

        with pytest.raises(CartConflictError, match="user:2/wishlist"):
            extension.transfer("user:1", "user:2")

        assert extension.storage.instances("user:1") == ["default", "wishlist"]

        extension.transfer("user:1", "user:3", tenant=None)
        assert extension.storage.instances("user:1") == []
        assert extension.cart(owner="user:3", instance="wishlist").quantity == 1


def test_logout_in_the_middle_of_a_move(client: FlaskClient, shop: Flask) -> None:
    """What a view holds is a cart of whoever was logged in when it was read."""

    @shop.post("/logout-and-move")
    def logout_and_move() -> str:
        cart = current_cart._get_current_object()
        logout_user()
        cart.move(cart.lines[0].id, to="wishlist")
        return _shown()

    client.post("/login/7")
    client.post("/add/mug")
    client.post("/logout-and-move")

    with shop.app_context():
        extension = shop.extensions["cart"].extension
        assert extension.cart(owner="user:7", instance="wishlist").quantity == 1
