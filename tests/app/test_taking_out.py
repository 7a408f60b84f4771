"""What came with a login is taken out of the current owner's carts again."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_login import LoginManager
from flask_login import UserMixin
from flask_login import login_user

from flask_cart import Cart
from flask_cart import CartVetoError
from flask_cart import FlaskCart
from flask_cart import InvalidItemError
from flask_cart import current_cart
from flask_cart import signals
from flask_cart.model.events import Event
from tests.support.apps import make_app


class User(UserMixin):
    def __init__(self, user_id: str) -> None:
        self.id = user_id


@pytest.fixture
def app() -> Flask:
    app = make_app(CART_STORAGE="memory")
    LoginManager(app).user_loader(User)

    return app


@pytest.fixture
def extension(app: Flask) -> FlaskCart:
    return FlaskCart(app)


def stored(extension: FlaskCart, instance: str, owner: str = "user:7"):
    cart = extension.cart(owner=owner, instance=instance)

    return {line.item_id: line.quantity for line in cart}


def log_in_with_two_carts(extension: FlaskCart) -> dict[str, dict[str, int]]:
    """The user has 3 mugs, a guest 2 more, and tea in the wishlist."""
    extension.cart(owner="user:7").add("mug", 3, price=1)
    current_cart.add("mug", 2, price=1)
    current_cart.instance("wishlist").add("tea", price=1)
    login_user(User("7"))
    report = extension.merge_report
    assert report is not None

    return report.quantities


def test_all_instances(app: Flask, extension: FlaskCart) -> None:
    """What came goes out of each cart, and the request sees it at once."""
    with app.test_request_context():
        came = log_in_with_two_carts(extension)
        assert current_cart.quantity == 5
        extension.take_out(came)

        assert current_cart.quantity == 3
        assert stored(extension, "default") == {"mug": 3}
        assert stored(extension, "wishlist") == {}


def test_with_a_key(app: Flask, extension: FlaskCart) -> None:
    """With a key it happens once, however often it is sent."""
    with app.test_request_context():
        came = log_in_with_two_carts(extension)
        extension.take_out(came, "6f1d")
        extension.take_out(came, "6f1d")

        assert stored(extension, "default") == {"mug": 3}

        extension.take_out(came)

        assert stored(extension, "default") == {"mug": 1}


def test_goes_on_where_it_failed(app: Flask, extension: FlaskCart) -> None:
    """If one cart cannot be saved, sending it again takes nothing out twice."""

    def keep_wishes(app: Flask, cart: Cart, event: Event, **extra: object) -> None:
        if event.instance == "wishlist":
            raise CartVetoError("Not now.")

    with app.test_request_context():
        came = log_in_with_two_carts(extension)

        with (
            signals.before_change.connected_to(keep_wishes, app),
            pytest.raises(CartVetoError),
        ):
            extension.take_out(came, "6f1d")

        extension.take_out(came, "6f1d")

        assert stored(extension, "default") == {"mug": 3}
        assert stored(extension, "wishlist") == {}


def test_of_a_guest(app: Flask, extension: FlaskCart) -> None:
    """Also a guest's carts, if there are any, and nobody else's."""
    with app.test_request_context():
        extension.take_out({"default": {"x": 1}})
        line = extension.cart(owner="user:7").add("mug", 3, price=1)
        current_cart.add("mug", 2, price=1)
        extension.take_out({"default": {line.id: 1}})

        assert current_cart.quantity == 1
        assert stored(extension, "default") == {"mug": 3}


@pytest.mark.parametrize(
    "harmless",
    [
        {},
        {"default": {}},
        {"default": {"x": 5}},
        {"other": {"x": 5}},
        {"no such/name": {"x": 5}},
        {"": {"x": 5}},
        {7: {"x": 5}},
    ],
    ids=repr,
)
def test_nothing(app: Flask, extension: FlaskCart, harmless: object) -> None:
    """What is not there cannot be taken out, whatever a form says."""
    with app.test_request_context():
        log_in_with_two_carts(extension)
        version = current_cart.version
        extension.take_out(harmless)  # type: ignore[arg-type]

        assert current_cart.version == version
        assert extension.storage.instances("user:7") == ["default", "wishlist"]


@pytest.mark.parametrize(
    "wrong",
    [None, 5, "default", [["default", {}]], {"x": 5}, {"x": None}, {"x": {"y": -1}}],
    ids=repr,
)
def test_wrong(app: Flask, extension: FlaskCart, wrong: object) -> None:
    """What has another shape is refused, and changes nothing."""
    with app.test_request_context():
        came = log_in_with_two_carts(extension)
        wrong = {**came, **wrong} if isinstance(wrong, dict) else wrong

        with pytest.raises(InvalidItemError):
            extension.take_out(wrong)  # type: ignore[arg-type]

        assert stored(extension, "default") == {"mug": 5}
