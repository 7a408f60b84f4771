"""Carts beside the sessions that Flask-Session keeps on a server."""

from __future__ import annotations

import functools
import hashlib
import itertools
import secrets
import time
import typing as t
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from cachelib import FileSystemCache
from flask import Flask
from flask import flash
from flask import request
from flask import session
from flask_caching import Cache
from flask_login import LoginManager
from flask_login import UserMixin
from flask_login import login_user
from flask_login import logout_user
from flask_session.cachelib import CacheLibSessionInterface

from flask_cart import current_cart
from flask_cart import signals
from flask_cart.storage.base import Guarantee
from flask_cart.storage.base import is_storage
from tests.support.cache_servers import CacheServer
from tests.support.crowds import run_json
from tests.support.servers import wait_until
from tests.support.session_shops import SESSIONS
from tests.support.session_shops import Config
from tests.support.session_shops import Shop
from tests.support.session_shops import held
from tests.support.session_shops import open_shop
from tests.support.session_shops import sid_of

# What its tests reach, others reach as well: measuring them takes as long again.
pytestmark = pytest.mark.unmeasured

BEFORE, AFTER = "before the view", "after the view"
ORDERS = {"Session first": False, "FlaskCart first": True}
PERMANENT = {"permanent": True, "until the browser is closed": False}


class Overlap(t.NamedTuple):
    """Two requests of one browser, of which one begins before and ends after.

    :param first: What is in the basket before.
    :param slow: The request that lasts longer: where it stands still, and what it is.
    :param fast: What is done to the basket meanwhile.
    :param left: What is in the basket at the end.
    """

    first: list[str]
    slow: tuple[str, str, str]
    fast: str
    left: list[str]


#: ``/basket`` stands for the cart, and for what an app makes by hand.
OVERLAPS = {
    "two adds": Overlap(
        ["old"], (BEFORE, "POST", "/basket/add/a"), "add/b", ["a", "b", "old"]
    ),
    "two adds, saved late": Overlap(
        ["old"], (AFTER, "POST", "/basket/add/a"), "add/b", ["a", "b", "old"]
    ),
    "two first adds": Overlap(
        [], (BEFORE, "POST", "/basket/add/a"), "add/b", ["a", "b"]
    ),
    "two first adds, saved late": Overlap(
        [], (AFTER, "POST", "/basket/add/a"), "add/b", ["a", "b"]
    ),
    "the page of the basket": Overlap(
        ["old"], (AFTER, "GET", "/basket"), "add/b", ["b", "old"]
    ),
    "another page": Overlap(
        ["old"], (AFTER, "GET", "/elsewhere"), "add/b", ["b", "old"]
    ),
    "another page, first add": Overlap(
        [], (AFTER, "GET", "/elsewhere"), "add/b", ["b"]
    ),
    "no page": Overlap(["old"], (AFTER, "GET", "/missing.css"), "add/b", ["b", "old"]),
    "an add beside clear": Overlap(
        ["old"], (AFTER, "POST", "/basket/add/a"), "clear", []
    ),
    "clear beside an add": Overlap(
        ["old"], (AFTER, "POST", "/basket/clear"), "add/b", ["b"]
    ),
}


@pytest.fixture(scope="module", params=SESSIONS)
def config(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Config]:
    """The configuration of sessions, everywhere that they can be kept."""
    with SESSIONS[request.param](request, tmp_path_factory.mktemp("shop")) as config:
        yield config


@pytest.fixture(
    scope="module", params=itertools.product(ORDERS, PERMANENT), ids=", ".join
)
def any_shop(request: pytest.FixtureRequest, config: Config) -> Iterator[Shop]:
    """A shop, however it is set up."""
    order, permanent = request.param
    config = config | {"SESSION_PERMANENT": PERMANENT[permanent]}

    with open_shop(config, cart_first=ORDERS[order]) as shop:
        yield shop


@pytest.fixture(scope="module")
def shop(config: Config) -> Iterator[Shop]:
    with open_shop(config, set_up=add_session_pages) as shop:
        yield shop


@pytest.fixture(scope="module")
def shop_with_logins(config: Config) -> Iterator[Shop]:
    with open_shop(config, set_up=add_logins) as shop:
        yield shop


@pytest.fixture
def redis_config(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Config]:
    with SESSIONS["redis"](request, tmp_path) as config:
        yield config


def add_session_pages(app: Flask) -> None:
    """Add pages that do to the session what apps do to theirs."""

    @app.post("/regenerate")
    def regenerate() -> str:
        app.session_interface.regenerate(session)
        return ""

    @app.post("/forget")
    def forget() -> str:
        session.clear()
        flash("Good bye.")
        return ""

    @app.post("/cart/add-and-fail")
    def add_and_fail() -> str:
        current_cart.add("mug", price=1)
        raise ZeroDivisionError


class User(UserMixin):
    def __init__(self, user_id: str) -> None:
        self.id = user_id


def add_logins(app: Flask) -> None:
    """Add pages to log in with Flask-Login, which may give the session a new id."""
    add_session_pages(app)
    login_manager = LoginManager(app)
    login_manager.user_loader(User)

    @app.post("/login/<user_id>")
    def login(user_id: str) -> str:
        if request.args.get("regenerate") == "before":
            app.session_interface.regenerate(session)

        login_user(User(user_id))

        if request.args.get("regenerate") == "after":
            app.session_interface.regenerate(session)

        return ""

    @app.post("/logout")
    def logout() -> str:
        logout_user()
        return ""


class TestOverlaps:
    """Two requests of one browser at once."""

    @pytest.mark.parametrize("overlap", OVERLAPS.values(), ids=OVERLAPS)
    def test_nothing_is_lost(self, any_shop: Shop, overlap: Overlap) -> None:
        """Whichever request ends last, what both did to the cart is there."""
        assert left_by(any_shop, overlap, "/cart") == overlap.left

    @pytest.mark.parametrize("overlap", OVERLAPS.values(), ids=OVERLAPS)
    def test_a_basket_in_the_session_loses(
        self, redis_config: Config, overlap: Overlap
    ) -> None:
        """The same requests undo each other's changes where they are in the session."""
        with open_shop(redis_config) as shop:
            assert left_by(shop, overlap, "/by-hand") != overlap.left

    @pytest.mark.parametrize("overlap", OVERLAPS.values(), ids=OVERLAPS)
    @pytest.mark.parametrize("storage", ["database", "cache"])
    def test_carts_elsewhere(
        self, redis_config: Config, storage: str, overlap: Overlap, tmp_path: Path
    ) -> None:
        """Wherever the carts are, an older copy of the session does not lose the token
        of their guest."""
        with open_shop_elsewhere(redis_config, storage, tmp_path) as shop:
            assert left_by(shop, overlap, "/cart") == overlap.left

    def test_carts_leave_the_session_alone(self, config: Config) -> None:
        """A slow add does not write its older copy of the session back."""
        # Otherwise Flask-Session itself does so.
        with open_shop(config | {"SESSION_REFRESH_EACH_REQUEST": False}) as shop:
            browser = shop.visitor()

            with held(browser, AFTER, "POST", "/cart/add/mug"):
                browser.post("/name/Bea")

            assert browser.get("/session").json["name"] == "Bea"
            assert browser.get("/cart").json == {"mug": 1}

    @pytest.mark.parametrize("locking", [False, True])
    def test_many_adds(self, config: Config, locking: bool) -> None:
        """All of many adds at once are there, with the lock and without."""
        config = config | {"CART_SESSION_LOCKING": locking}

        with open_shop(config) as shop, ThreadPoolExecutor(4) as pool:
            sid = sid_of(shop.visitor())

            def add_five() -> list[int]:
                browser = shop.browser(sid)
                return [browser.post("/cart/add/mug").status_code for _ in range(5)]

            statuses = [pool.submit(add_five) for _ in range(4)]

            assert [each.result(60) for each in statuses] == [[200] * 5] * 4
            assert shop.browser(sid).get("/cart").json == {"mug": 20}

            with shop.app.app_context():
                assert shop.extension.storage.always_lock is locking

    # python-memcached leaves the connections of threads that have ended to Python.
    @pytest.mark.filterwarnings("ignore:Exception ignored .*socket")
    @pytest.mark.parametrize(
        # Not every Python has a wheel of pylibmc.
        "library",
        [name for name in ("memcache", "pylibmc") if find_spec(name) is not None],
    )
    def test_other_clients_of_memcached(
        self, running_memcached: CacheServer, library: str
    ) -> None:
        """The client of the sessions can be any that they can be kept with."""
        client = import_module(library).Client([running_memcached.url])
        config = {"SESSION_TYPE": "memcached", "SESSION_MEMCACHED": client}

        with open_shop(config) as shop:
            for overlap in OVERLAPS.values():
                assert left_by(shop, overlap, "/cart") == overlap.left

        client.disconnect_all()


class TestNewIds:
    """Sessions that get a new id."""

    def test_guest_keeps_the_cart(self, shop: Shop) -> None:
        """A new id of the session leaves the guest's cart and the session as it was."""
        browser = shop.visitor()
        browser.post("/cart/add/mug")
        old = sid_of(browser)

        browser.post("/regenerate")
        browser.post("/regenerate")
        browser.post("/cart/add/mug")

        assert sid_of(browser) != old
        assert browser.get("/cart").json == {"mug": 2}
        assert browser.get("/session").json["name"] == "Ann"

    def test_old_id_opens_nothing(self, shop: Shop) -> None:
        """Who knows the id that the session had before does not see the cart."""
        browser = shop.visitor()
        browser.post("/cart/add/mug")
        old = sid_of(browser)
        browser.post("/regenerate")

        assert shop.browser(old).get("/cart").json == {}

    def test_session_that_is_empty(self, shop: Shop) -> None:
        """Where there is no session yet, there is nothing to keep."""
        browser = shop.browser()

        assert browser.post("/regenerate").status_code == 200
        assert browser.get_cookie("session") is None

    def test_first_add_at_the_same_time(self, shop: Shop) -> None:
        """A session gets a new id while another request adds the first item to it."""
        browser = shop.visitor()

        with held(browser, BEFORE, "POST", "/regenerate"):
            browser.post("/cart/add/mug")

        assert browser.get("/cart").json == {"mug": 1}

    def test_regenerate_of_ones_own(self, tmp_path: Path) -> None:
        """The cart is kept, whatever an app has made of regenerate()."""

        class LoggingSessions(CacheLibSessionInterface):
            @functools.wraps(CacheLibSessionInterface.regenerate)
            def regenerate(self, session: t.Any) -> None:
                super().regenerate(session)

        files = FileSystemCache(str(tmp_path), threshold=0)
        config = {"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": files}

        with open_shop(config, set_up=add_session_pages) as shop:
            shop.app.session_interface = LoggingSessions(shop.app, files)
            browser = shop.visitor()
            browser.post("/cart/add/mug")
            browser.post("/regenerate")

            assert browser.get("/cart").json == {"mug": 1}

    def test_slow_request_with_the_old_id(self, shop: Shop) -> None:
        """A slower request brings the old id back, and the cart is the same."""
        browser = shop.visitor()
        old = sid_of(browser)

        with held(browser, AFTER, "GET", "/elsewhere"):
            browser.post("/cart/add/mug")
            browser.post("/regenerate")

        assert sid_of(browser) == old
        assert browser.get("/cart").json == {"mug": 1}

    @pytest.mark.parametrize("storage", ["database", "cache"])
    def test_carts_elsewhere(
        self, redis_config: Config, storage: str, tmp_path: Path
    ) -> None:
        """The guest keeps the cart wherever it is."""
        with open_shop_elsewhere(redis_config, storage, tmp_path) as shop:
            browser = shop.visitor()

            with held(browser, BEFORE, "POST", "/regenerate"):
                browser.post("/cart/add/mug")

            assert browser.get("/cart").json == {"mug": 1}


class TestLogins:
    """Guests who log in, and out."""

    @pytest.mark.parametrize("when", ["never", "before", "after"])
    def test_cart_comes_along(self, shop_with_logins: Shop, when: str) -> None:
        """The guest's cart becomes the user's, also if the session gets a new id."""
        browser = shop_with_logins.visitor()
        browser.post("/cart/add/mug")

        browser.post(f"/login/{new_user()}?regenerate={when}")

        assert browser.get("/cart").json == {"mug": 1}

    @pytest.mark.parametrize("when", ["never", "before", "after"])
    def test_first_add_before_the_login_ends(
        self, shop_with_logins: Shop, when: str
    ) -> None:
        """The cart comes along even if the login's copy of the session is older."""
        browser = shop_with_logins.visitor()

        with held(browser, BEFORE, "POST", f"/login/{new_user()}?regenerate={when}"):
            browser.post("/cart/add/mug")

        assert browser.get("/cart").json == {"mug": 1}

    def test_without_flask_login(self, config: Config) -> None:
        """An app with logins of its own keeps the cart in the same way."""

        def add_own_logins(app: Flask) -> None:
            @app.post("/login/<user_id>")
            def login(user_id: str) -> str:
                app.session_interface.regenerate(session)
                session["user"] = user_id
                app.extensions["cart"].extension.merge_guest_carts()
                return ""

        with open_shop(config, set_up=add_own_logins) as shop:
            shop.extension.owner_loader(
                lambda: f"user:{session['user']}" if "user" in session else None
            )
            browser = shop.visitor()

            with held(browser, BEFORE, "POST", f"/login/{new_user()}"):
                browser.post("/cart/add/mug")

            assert browser.get("/cart").json == {"mug": 1}

    @pytest.mark.parametrize("page", ["/logout", "/forget"])
    def test_logout(self, shop_with_logins: Shop, page: str) -> None:
        """After a logout the cart stays with the user, however it is made."""
        browser = shop_with_logins.visitor()
        user = new_user()
        browser.post("/cart/add/mug")
        browser.post(f"/login/{user}")

        browser.post(page)
        assert browser.get("/cart").json == {}

        browser.post("/cart/add/pot")
        browser.post(f"/login/{user}")
        assert browser.get("/cart").json == {"mug": 1, "pot": 1}

    def test_two_browsers_of_a_user(self, shop_with_logins: Shop) -> None:
        """A user's cart is the same everywhere."""
        user = new_user()
        phone, laptop = [shop_with_logins.visitor() for _ in range(2)]

        for browser in [phone, laptop]:
            browser.post(f"/login/{user}")

        phone.post("/cart/add/mug")
        laptop.post("/cart/add/mug")

        assert phone.get("/cart").json == laptop.get("/cart").json == {"mug": 2}


class TestGuests:
    """Whose carts are whose."""

    def test_cart_stays(self, any_shop: Shop) -> None:
        """A guest finds in the next request what was added in the one before."""
        browser = any_shop.browser()
        browser.post("/cart/add/mug")
        browser.post("/cart/add/mug")

        assert browser.get("/cart").json == {"mug": 2}

    def test_new_browser(self, shop: Shop) -> None:
        """Guests do not see each other's carts."""
        shop.visitor().post("/cart/add/mug")

        assert shop.visitor().get("/cart").json == {}
        assert shop.browser().get("/cart").json == {}

    def test_made_up_id(self, shop: Shop) -> None:
        """An id that no session has opens no cart, and does not become a session's."""
        victim, attacker = [shop.browser("made-up") for _ in range(2)]

        assert victim.get("/cart").json == {}

        with heard_owners(shop) as owners:
            victim.post("/cart/add/mug")
            attacker.post("/cart/add/pot")

        assert victim.get("/cart").json == {"mug": 1}
        for browser in [victim, attacker]:
            browser.post("/name/Ann")
            assert sid_of(browser) != "made-up"

        assert shop.browser("made-up").get("/cart").json == {}
        assert len(set(owners)) == 2

    def test_id_that_is_the_key_of_a_cart(self, shop: Shop) -> None:
        """No id that a browser makes up opens somebody's carts as a session."""
        owner = new_owner()

        with shop.app.app_context():
            shop.extension.cart(owner=owner).add("mug", price=1)

        name = hashlib.sha256(owner.encode()).hexdigest()
        keys = [name, f"{{{owner}}}"]
        prefixes = ["", "cart:", "cart:session:", "session:", "../"]

        for sid in [prefix + key for prefix in prefixes for key in keys]:
            browser = shop.browser(sid)
            assert browser.get("/session").json.keys() == {"_permanent"}
            browser.post("/name/Eve")

        assert quantity(shop, owner) == 1

    def test_owner_does_not_give_the_id_away(self, shop: Shop) -> None:
        """What signals and logs call a guest says nothing of the session's id."""
        browser = shop.visitor()
        sid = sid_of(browser)

        with heard_owners(shop) as owners:
            browser.post("/cart/add/mug")

        assert owners[0].startswith("guest:")
        assert not any(sid[at : at + 6] in owners[0] for at in range(len(sid) - 5))

    def test_reading_leaves_nothing(self, shop: Shop) -> None:
        """A page that shows an empty cart makes no session."""
        browser = shop.browser()

        assert browser.get("/cart").json == {}
        assert browser.get_cookie("session") is None

    def test_what_a_session_has(self, shop: Shop) -> None:
        """Carts put nothing into a session, be it new or not."""
        newcomer, visitor = shop.browser(), shop.visitor()
        before = visitor.get("/session").json

        for browser in [newcomer, visitor]:
            browser.post("/cart/add/mug")
            browser.post("/cart/add/pot")
            browser.post("/cart/clear")

        assert newcomer.get("/session").json.keys() == {"_permanent"}
        assert visitor.get("/session").json == before

    def test_session_that_is_cleared(self, shop: Shop) -> None:
        """Carts are not in the session, so clear() leaves them to its next guest."""
        browser = shop.visitor()
        browser.post("/cart/add/mug")
        browser.post("/forget")

        assert "name" not in browser.get("/session").json
        assert browser.get("/cart").json == {"mug": 1}

    def test_without_secret_key(self, config: Config) -> None:
        """Sessions on a server need no secret, and neither do carts beside them."""
        with open_shop(config | {"SECRET_KEY": None}) as shop:
            browser = shop.browser()
            browser.post("/cart/add/mug")

            assert browser.get("/cart").json == {"mug": 1}

    def test_view_that_fails(self, shop: Shop) -> None:
        """What was added stays, whatever becomes of the rest of the request."""
        browser = shop.visitor()

        assert browser.post("/cart/add-and-fail").status_code == 500
        assert browser.get("/cart").json == {"mug": 1}


class TestStorage:
    """What the storage beside the sessions is like."""

    def test_guarantee(self, shop: Shop) -> None:
        """It compares and sets everywhere, and locks only if it is asked to."""
        with shop.app.app_context():
            storage = shop.extension.storage

            assert is_storage(storage)
            assert storage.guarantee is Guarantee.ATOMIC
            assert not storage.always_lock

    def test_instances(self, shop: Shop) -> None:
        """The carts of an owner are known by name, and nobody else's are among them."""
        owner = new_owner()

        with shop.app.app_context():
            cart = shop.extension.cart(owner=owner)
            cart.add("mug", price=1)
            cart.instance("wishlist").add("pot", price=1)

            assert shop.extension.storage.instances(owner) == ["default", "wishlist"]
            assert shop.extension.storage.instances(f"{owner}0") == []

    def test_outside_a_request(self, any_shop: Shop) -> None:
        """A job can change the cart of a user who is logged in somewhere."""
        owner = new_owner()

        with any_shop.app.app_context():
            any_shop.extension.cart(owner=owner).add("mug", price=1)

            assert any_shop.extension.cart(owner=owner).quantity == 1

    def test_two_apps(self, config: Config, shop: Shop) -> None:
        """Apps with sessions of their own have carts of their own."""
        owner = new_owner()

        with open_shop(config | {"SESSION_KEY_PREFIX": "other:"}) as other:
            for each in [shop, other]:
                with each.app.app_context():
                    assert not each.extension.cart(owner=owner)
                    each.extension.cart(owner=owner).add("mug", price=1)

    def test_lifetime(self, request: pytest.FixtureRequest, tmp_path: Path) -> None:
        """A cart lives as long as somebody looks at it, and two lifetimes longer."""
        lifetime = 2

        with ExitStack() as stack:
            carts = []

            for sessions in SESSIONS.values():
                config = stack.enter_context(sessions(request, tmp_path))
                config["PERMANENT_SESSION_LIFETIME"] = lifetime
                shop = stack.enter_context(open_shop(config))
                carts.append((shop, new_owner(), new_owner()))

            for shop, *owners in carts:
                for owner in owners:
                    with shop.app.app_context():
                        shop.extension.cart(owner=owner).add("mug", price=1)

            # A second more, as Memcached has no shorter ones.
            end = time.monotonic() + 2 * lifetime + 1

            def is_over() -> bool:
                for shop, looked_at, _ in carts:
                    assert quantity(shop, looked_at) == 1

                return time.monotonic() > end

            wait_until(is_over)

            for shop, _, left in carts:
                assert quantity(shop, left) == 0

    def test_lifetime_in_redis(
        self, redis_config: Config, running_valkey: CacheServer
    ) -> None:
        """Who looks at the cart begins its lifetime and the session's anew."""
        running_valkey.clean()
        client = redis_config["SESSION_REDIS"]

        with open_shop(redis_config | {"PERMANENT_SESSION_LIFETIME": 1000}) as shop:
            browser = shop.visitor()
            browser.post("/cart/add/mug")

            for key in client.scan_iter():
                client.expire(key, 10)

            browser.get("/cart")
            lifetimes = {
                key.partition(b":")[0]: client.ttl(key) for key in client.scan_iter()
            }

        assert 990 < lifetimes.pop(b"session") <= 1000
        assert 1990 < lifetimes.pop(b"cart") <= 2000
        assert not lifetimes

    def test_commands(self, redis_config: Config, running_valkey: CacheServer) -> None:
        """The commands find the carts that are beside sessions in Redis."""
        running_valkey.clean()

        with open_shop(redis_config) as shop:
            shop.visitor().post("/cart/add/mug")
            (cart,) = run_json(shop.app, "list")["carts"]

        assert cart["lines"] == 1


def quantity(shop: Shop, owner: str) -> int:
    """How much is in an owner's cart."""
    with shop.app.app_context():
        return shop.extension.cart(owner=owner).quantity


def new_user() -> str:
    """The id of a user who has no cart yet."""
    return secrets.token_hex(4)


def new_owner() -> str:
    """An owner who has no cart yet."""
    return f"user:{new_user()}"


def left_by(shop: Shop, overlap: Overlap, basket: str) -> list[str]:
    """What is in a basket after two requests."""
    browser = shop.visitor()
    place, method, path = overlap.slow

    for item in overlap.first:
        browser.post(f"{basket}/add/{item}")

    with held(browser, place, method, path.replace("/basket", basket)):
        assert browser.post(f"{basket}/{overlap.fast}").status_code == 200

    return sorted(browser.get(basket).json)


@contextmanager
def heard_owners(shop: Shop) -> Iterator[list[str]]:
    """The owners of the carts that something is added to in this block."""
    owners: list[str] = []

    def note(app: Flask, event: t.Any, **extra: t.Any) -> None:
        owners.append(event.owner)

    with signals.item_added.connected_to(note, shop.app):
        yield owners


@contextmanager
def open_shop_elsewhere(config: Config, storage: str, folder: Path) -> Iterator[Shop]:
    """A shop with sessions in Redis, and carts somewhere else."""
    config = config | {
        "CART_STORAGE": storage,
        "CART_CACHE_TTL": 31 * 24 * 60 * 60,
        "CACHE_TYPE": "FileSystemCache",
        "CACHE_DIR": str(folder / "cache"),
        "CACHE_THRESHOLD": 0,
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder / 'carts.sqlite3'}",
    }

    def set_up(app: Flask) -> None:
        add_session_pages(app)
        Cache(app)

    with open_shop(config, set_up=set_up) as shop:
        with shop.app.app_context():
            shop.app.extensions["sqlalchemy"].create_all()

        yield shop
