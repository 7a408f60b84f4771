"""The extension in an app: set-up, the request's cart, and what must not leak."""

from __future__ import annotations

import pickle
import threading
import typing as t
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from flask import Flask
from flask import Response
from flask import render_template_string
from flask import session
from flask import stream_with_context
from werkzeug.local import LocalProxy

from flask_cart import CartConfigError
from flask_cart import CartConflictError
from flask_cart import CartCorruptError
from flask_cart import CartError
from flask_cart import CartLimitError
from flask_cart import FlaskCart
from flask_cart import current_cart
from flask_cart import signals
from flask_cart.storage.base import Guarantee
from flask_cart.storage.memory import MemoryStorage
from tests.support.apps import make_app
from tests.support.crowds import run


class CountingStorage(MemoryStorage):
    """A storage that counts how often it is read."""

    def __init__(self, app: Flask | None = None) -> None:
        super().__init__()
        self.loads = 0

    def load(self, key):
        self.loads += 1
        return super().load(key)


@pytest.fixture
def storage() -> CountingStorage:
    return CountingStorage()


@pytest.fixture
def app(storage: CountingStorage) -> Flask:
    app = make_app(CART_STORAGE=storage)
    FlaskCart(app)

    @app.get("/plain")
    def plain() -> str:
        return "no cart here"

    @app.get("/show")
    def show() -> str:
        total = current_cart.totals.total.amount
        return f"{len(current_cart)} {current_cart.quantity} {total}"

    @app.post("/add/<sku>")
    def add(sku: str) -> str:
        current_cart.add(sku, price="2.50")
        return str(current_cart.quantity)

    return app


def test_second_extension_is_refused(app: Flask) -> None:
    """An app has one FlaskCart."""
    with pytest.raises(CartConfigError, match="already"):
        FlaskCart(app)


def test_unregistered_app() -> None:
    """The error for an app without FlaskCart says what was forgotten."""
    with (
        Flask("other").test_request_context(),
        pytest.raises(RuntimeError, match="init_app"),
    ):
        len(current_cart)


def test_outside_request(app: Flask) -> None:
    """Without a request, the error names the way to get a cart."""
    with (
        app.app_context(),
        pytest.raises(RuntimeError, match=r"cart\(owner=\.\.\.\)"),
    ):
        len(current_cart)


def test_any_cart_outside_request(app: Flask) -> None:
    """A job can change the cart of a user, and its other instances."""
    extension = app.extensions["cart"].extension

    with app.app_context():
        extension.cart(owner="user:7").instance("wishlist").add("mug", price=1)
        wishlist = extension.cart(owner="user:7", instance="wishlist")

        assert [line.item_id for line in wishlist] == ["mug"]
        assert not extension.cart(owner="user:7")


def test_page_without_cart_reads_nothing(app: Flask, storage: CountingStorage) -> None:
    """A page that does not touch the cart does not read it."""
    client = app.test_client()
    client.post("/add/mug")
    storage.loads = 0

    response = client.get("/plain")

    assert storage.loads == 0
    assert "Vary" not in response.headers


@pytest.mark.parametrize(
    ("said", "expected"),
    [("Cookie", "Cookie"), ("Accept-Language", "Accept-Language, Cookie")],
)
def test_what_an_answer_depends_on_already(
    app: Flask, said: str, expected: str
) -> None:
    """An answer with a cart depends on the cookies as well, and says so once."""

    @app.get("/varied")
    def varied() -> Response:
        return Response(str(len(current_cart)), headers={"Vary": said})

    # Who has a guest's cookie is known without a look at the session, which says it.
    client = app.test_client()
    client.post("/add/mug")

    assert client.get("/varied").headers["Vary"] == expected


def test_one_read_per_request(app: Flask, storage: CountingStorage) -> None:
    """However often a page uses the cart, it is read once."""
    client = app.test_client()
    client.post("/add/mug")
    storage.loads = 0

    assert client.get("/show").text == "1 1 2.50"
    assert storage.loads == 1


def test_next_request_reads_again(app: Flask) -> None:
    """A change by another request is seen by the next one."""
    client = app.test_client()
    client.post("/add/mug")
    client.post("/add/mug")

    assert client.get("/show").text == "1 2 5.00"


def test_no_leak_through_older_app_context(app: Flask) -> None:
    """Requests in one app context, as fixtures push it, do not share a cart."""
    with app.app_context():
        first = app.test_client()
        first.post("/add/mug")

        assert app.test_client().get("/show").text.startswith("0 ")

        first.post("/add/mug")

        assert first.get("/show").text.startswith("1 2 ")


def test_no_leak_into_inner_request(app: Flask) -> None:
    """A request that is made while another one is handled has its own cart."""
    other = app.test_client()

    @app.get("/nested")
    def nested() -> str:
        before = current_cart.quantity
        inner = other.get("/show").text
        return f"{before} | {inner} | {current_cart.quantity}"

    client = app.test_client()
    client.post("/add/mug")

    assert client.get("/nested").text.startswith("1 | 0 ")
    assert client.get("/nested").text.endswith("| 1")


def test_streamed_response(app: Flask) -> None:
    """A cart that is first touched while a response streams is the request's."""

    @app.get("/stream")
    def stream() -> Response:
        def parts() -> Iterator[str]:
            yield "quantity "
            yield str(current_cart.quantity)

        return Response(stream_with_context(parts()))

    client = app.test_client()
    client.post("/add/mug")

    assert client.get("/stream").text == "quantity 1"
    assert client.get("/show").text.startswith("1 1 ")


def test_apps_share_nothing() -> None:
    """Two apps with one extension have their own carts and settings."""
    extension = FlaskCart()
    apps = [
        make_app(CART_STORAGE="memory", CART_CURRENCY=currency)
        for currency in ["EUR", "JPY"]
    ]

    for app in apps:
        extension.init_app(app)

    with apps[0].app_context():
        extension.cart(owner="user:1").add("mug", price=1)

    with apps[1].app_context():
        cart = extension.cart(owner="user:1")

        assert not cart
        assert cart.currency == "JPY"

    assert apps[0].extensions["cart"].storage is not apps[1].extensions["cart"].storage


def test_threads_see_their_own_request(app: Flask) -> None:
    """Requests at the same time in one process each see their own cart."""
    barrier = threading.Barrier(4)

    def shop(number: int) -> str:
        client = app.test_client()
        barrier.wait(30)

        for _ in range(number):
            client.post(f"/add/sku-{number}")

        return client.get("/show").text

    with ThreadPoolExecutor(4) as pool:
        shown = list(pool.map(shop, [1, 2, 3, 4]))

    assert [text.split()[1] for text in shown] == ["1", "2", "3", "4"]


def test_templates(app: Flask) -> None:
    """Templates have the cart and a filter for money, in macros too."""
    template = (
        "{% macro header() %}{{ current_cart.quantity }}"
        " {{ current_cart.totals.total|money('de') }}{% endmacro %}{{ header() }}"
    )

    with app.test_request_context():
        current_cart.add("mug", 3, price="1234.50")

        assert render_template_string(template) == "3 3.703,50\xa0€"


def test_instances_are_separate(app: Flask) -> None:
    """The wishlist of a request is another cart, and the same one each time."""
    with app.test_request_context():
        wishlist = current_cart.instance("wishlist")
        wishlist.add("mug", price=1)

        assert current_cart.instance("wishlist") is wishlist
        assert wishlist.instance("default") is current_cart._get_current_object()
        assert not current_cart


def test_guest_instances_share_a_token(app: Flask) -> None:
    """The first writes to two instances of a new guest lead to one guest."""
    with app.test_request_context():
        wishlist = current_cart.instance("wishlist")
        cart = current_cart.instance("default")
        wishlist.add("mug", price=1)
        cart.add("pot", price=1)

        assert cart.key is not None
        assert wishlist.key is not None
        assert cart.key.owner == wishlist.key.owner


def test_storage_by_name() -> None:
    """A storage of the app's own is found by its dotted name, made for the app."""
    app = make_app(CART_STORAGE="tests.app.test_extension:CountingStorage")
    extension = FlaskCart(app)

    with app.app_context():
        assert isinstance(extension.storage, MemoryStorage)
        assert type(extension.storage).__name__ == "CountingStorage"


def test_default_storage() -> None:
    """Without CART_STORAGE, carts are where the app's sessions are."""
    app = make_app(TESTING=True)
    extension = FlaskCart(app)

    with app.test_request_context():
        current_cart.add("mug", price=1)

        assert session["_carts"]
        assert extension.storage.guarantee is Guarantee.LAST_WRITE_WINS


def test_database_needs_sqlalchemy_extension() -> None:
    """Carts in a database need the app's SQLAlchemy extension."""
    with pytest.raises(CartConfigError, match=r"FlaskCart\(app, db=db\)"):
        FlaskCart(make_app(CART_STORAGE="database"))


def test_reading_makes_no_guest(app: Flask) -> None:
    """A GET leaves no token, no cookie and no cart behind."""
    client = app.test_client()

    response = client.get("/show")

    assert response.text.startswith("0 ")
    assert "Set-Cookie" not in response.headers


def test_change_of_nothing_makes_no_guest(app: Flask) -> None:
    """Removing what is not there makes no token either."""
    with app.test_request_context():
        current_cart.remove("0" * 64)
        current_cart.clear()
        current_cart.destroy()

        assert current_cart.key is None


def test_guest_needs_secret() -> None:
    """Without a secret key, the error says what to set."""
    app = make_app(CART_STORAGE="memory", SECRET_KEY=None)
    FlaskCart(app)

    with (
        app.test_request_context(),
        pytest.raises(CartConfigError, match="SECRET_KEY"),
    ):
        current_cart.add("mug", price=1)


def test_currency_of_new_carts() -> None:
    """CART_CURRENCY is the currency of all amounts."""
    app = make_app(CART_STORAGE="memory", CART_CURRENCY="KWD")
    FlaskCart(app)

    with app.test_request_context():
        current_cart.add("dates", price="1.2345")

        assert str(current_cart.totals.total.amount) == "1.235"


def test_rounding_settings() -> None:
    """CART_ROUNDING and CART_ROUND_AT decide how amounts are rounded."""
    totals = {}

    for mode, place in [("up", "line"), ("down", "line"), ("half_up", "total")]:
        app = make_app(CART_STORAGE="memory", CART_ROUNDING=mode, CART_ROUND_AT=place)
        FlaskCart(app)

        with app.test_request_context():
            current_cart.add("a", price="0.004")
            current_cart.add("b", price="0.004")
            totals[mode] = str(current_cart.totals.total.amount)

    assert totals == {"up": "0.02", "down": "0.00", "half_up": "0.01"}


def test_environment() -> None:
    """Settings can come from the environment, through Flask."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLASK_CART_STORAGE", "memory")
        patch.setenv("FLASK_CART_MAX_ITEMS", "1")
        app = make_app()
        app.config.from_prefixed_env()

    FlaskCart(app)

    assert app.extensions["cart"].settings.max_items == 1


def test_batch_of_a_new_guest(app: Flask) -> None:
    """That another instance made the guest's token does not end a batch."""
    with app.test_request_context():
        with suppress(ZeroDivisionError), current_cart.batch():
            current_cart.instance("wishlist").add("tea", price=1)
            current_cart.add("mug", price=1)
            raise ZeroDivisionError

        assert not current_cart
        assert len(current_cart.instance("wishlist")) == 1


def test_expectation_of_a_new_guest(app: Flask) -> None:
    """A version that a new guest cannot have seen is a conflict, whatever is done."""
    with app.test_request_context():
        current_cart.expect(77)

        for change in [
            current_cart.clear,
            current_cart.destroy,
            lambda: current_cart.remove("0" * 64),
            lambda: current_cart.add("mug", price=1),
        ]:
            with pytest.raises(CartConflictError):
                change()

        current_cart.expect_any()
        current_cart.add("mug", price=1)

        assert len(current_cart) == 1


def test_receiver_that_decides_changes_nothing(app: Flask) -> None:
    """A receiver of before_change cannot change a cart, which may be locked."""
    extension = app.extensions["cart"].extension
    other = "user:9"

    def meddle(app: Flask, **extra: object) -> None:
        extension.cart(owner=other).add("tea", price=1)

    def meddle_more(app: Flask, **extra: object) -> None:
        extension.cart(owner=other).destroy()

    for receiver in [meddle, meddle_more]:
        with (
            app.test_request_context(),
            signals.before_change.connected_to(receiver, app),
            pytest.raises(CartError, match="cannot change a cart itself"),
        ):
            current_cart.add("mug", price=1)

    with app.app_context():
        assert not extension.cart(owner=other)


def test_own_handler_for_all_errors(app: Flask) -> None:
    """A handler of the app for CartError hears of conflicts, too."""
    app.register_error_handler(CartError, lambda error: (type(error).__name__, 418))

    @app.post("/stale")
    def stale() -> None:
        current_cart.expect(77).clear()

    @app.post("/nonsense")
    def nonsense() -> None:
        current_cart.add("mug", price=-1)

    client = app.test_client()

    assert client.post("/stale").text == "CartConflictError"
    assert client.post("/nonsense").text == "InvalidItemError"


@pytest.mark.parametrize(
    "kind", [Exception, RuntimeError, CartError, CartConflictError]
)
@pytest.mark.parametrize("is_first", [True, False])
def test_handlers_are_asked_as_in_flask(kind: type[Exception], is_first: bool) -> None:
    """Whatever kind they are for, before or after the cart: they get the error."""
    app = make_app(CART_STORAGE="memory")
    caught: list[Exception] = []

    def handle(error: Exception) -> tuple[str, int]:
        caught.append(error)

        return type(error).__name__, 418

    if is_first:
        app.register_error_handler(kind, handle)

    FlaskCart(app)

    if not is_first:
        app.register_error_handler(kind, handle)

    @app.post("/stale")
    def stale() -> None:
        current_cart.expect(77).clear()

    answer = app.test_client().post("/stale")
    is_asked = issubclass(CartConflictError, kind)

    assert [type(each) for each in caught] == [CartConflictError] * is_asked
    assert answer.status_code == (418 if is_asked else 409)


def test_handlers_of_all_get_our_mistakes(app: Flask) -> None:
    """A handler for Exception gets what would be a 500, and may be a coroutine."""

    async def handle(error: Exception) -> tuple[str, int]:
        return type(error).__name__, 418

    app.register_error_handler(Exception, handle)

    @app.post("/nonsense")
    def nonsense() -> None:
        current_cart.add("mug", price=-1)

    assert app.test_client().post("/nonsense").text == "InvalidItemError"


def test_other_errors_are_errors(app: Flask) -> None:
    """Without a handler, only conflicts and storages have a page of their own."""

    @app.post("/nonsense")
    def nonsense() -> None:
        current_cart.add("mug", price=-1)

    assert app.test_client().post("/nonsense").status_code == 500


def test_errors_travel(app: Flask) -> None:
    """An error can be sent to another process, without its cart."""
    with app.test_request_context(), pytest.raises(CartConflictError) as caught:
        current_cart.expect(77).clear()

    for error in [
        caught.value,
        CartLimitError("too many", limit=1, given=2),
        CartCorruptError("broken", data="{"),
    ]:
        error.add_note("seen by the worker")
        copy = pickle.loads(pickle.dumps(error))

        assert type(copy) is type(error)
        assert str(copy) == str(error)
        assert copy.__dict__ == error.__dict__ | {"cart": None}


def test_storage_object_by_name() -> None:
    """The dotted name can be that of a storage itself."""
    app = make_app(CART_STORAGE=f"{__name__}:READY")
    extension = FlaskCart(app)

    with app.app_context():
        assert extension.storage is READY


READY = CountingStorage()


class Passing:
    """Passes on everything that it is asked for."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._storage, name)


@pytest.mark.parametrize("hide", [Passing, lambda storage: LocalProxy(lambda: storage)])
def test_storage_behind_another_object(
    hide: t.Callable[[MemoryStorage], t.Any],
) -> None:
    """What passes everything on to a storage is one, for the commands as well."""
    app = make_app(CART_STORAGE=hide(MemoryStorage()))
    extension = FlaskCart(app)

    with app.app_context():
        extension.cart(owner="user:7").add("mug", price=1)

    assert run(app, "list").output.split()[6:8] == ["user:7", "default"]
