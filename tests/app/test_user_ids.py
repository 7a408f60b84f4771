"""Users whom Flask-Login knows by a credential, which changes while the user stays."""

from __future__ import annotations

import json
import secrets
import typing as t
import uuid
from collections.abc import Callable
from collections.abc import Iterator

import pytest
from flask import Flask
from flask import request
from flask_login import LoginManager
from flask_login import UserMixin
from flask_login import login_user
from flask_security import Security
from flask_security import SQLAlchemyUserDatastore
from flask_security import hash_password
from flask_security.models import fsqla_v3
from flask_sqlalchemy import SQLAlchemy
from itsdangerous import URLSafeSerializer
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import Session
from sqlalchemy.orm import mapped_column

from flask_cart import CartConfigError
from flask_cart import CartConfigWarning
from flask_cart import FlaskCart
from flask_cart import current_cart
from tests.support.apps import make_app


class User(UserMixin):
    """A user with an id that stays and a token that does not."""

    def __init__(self, user_id: t.Any = 7) -> None:
        self.id = user_id
        self.change()

    def change(self) -> None:
        """What a change of the password does."""
        self.session_token = secrets.token_urlsafe(16)

    def get_id(self) -> str:
        return self.session_token


class ByUniquifier(User):
    """As in Flask-Security."""

    def change(self) -> None:
        self.fs_uniquifier = uuid.uuid4().hex

    def get_id(self) -> str:
        return self.fs_uniquifier


class ByTokenUniquifier(User):
    def change(self) -> None:
        self.fs_token_uniquifier = uuid.uuid4().hex

    def get_id(self) -> str:
        return self.fs_token_uniquifier


class ByAlternativeId(User):
    """As Flask-Login's documentation has it."""

    def change(self) -> None:
        self.alternative_id = uuid.uuid4()

    def get_id(self) -> str:
        return str(self.alternative_id)


class WithId(User):
    def get_id(self) -> str:
        return f"{self.id}:{self.session_token}"


class AsJson(User):
    def get_id(self) -> str:
        return json.dumps([self.id, self.session_token])


class BySecurityStamp(User):
    def change(self) -> None:
        self.security_stamp = secrets.token_hex(16)

    def get_id(self) -> str:
        return self.security_stamp


class ByNonce(User):
    def change(self) -> None:
        self.login_nonce = secrets.token_hex(8)

    def get_id(self) -> str:
        return f"staff-{self.login_nonce}"


class WithSlots(UserMixin):
    __slots__ = ("alternative_id", "id")

    def __init__(self) -> None:
        self.id = 7
        self.change()

    def change(self) -> None:
        self.alternative_id = secrets.token_hex(16)

    def get_id(self) -> str:
        return self.alternative_id


class Base(DeclarativeBase):
    pass


class Member(UserMixin, Base):
    """A model whose key has another name."""

    __tablename__ = "members"
    number: Mapped[int] = mapped_column(primary_key=True)
    alternative_id: Mapped[str]

    def get_id(self) -> str:
        return self.alternative_id


LASTING: dict[str, Callable[[], t.Any]] = {
    kind.__name__: kind
    for kind in [
        ByUniquifier,
        ByTokenUniquifier,
        ByAlternativeId,
        User,
        WithId,
        AsJson,
        BySecurityStamp,
        ByNonce,
        WithSlots,
    ]
}


class OfPassword(User):
    """The token that Flask-Login once recommended."""

    def change(self) -> None:
        self.password_hash = secrets.token_hex(16)

    def get_id(self) -> str:
        content = [self.id, self.password_hash[:8]]

        return str(URLSafeSerializer("key").dumps(content))


class OnlyToken(User):
    """Without an id."""

    def __init__(self) -> None:
        super().__init__()
        del self.id


class OnlyUniquifier(ByUniquifier):
    def __init__(self) -> None:
        super().__init__()
        self.id = None


class Computed(User):
    def get_id(self) -> str:
        return uuid.uuid5(uuid.NAMESPACE_OID, self.session_token).hex


class Appended(User):
    def get_id(self) -> str:
        return f"{self.id}.{uuid.uuid5(uuid.NAMESPACE_OID, self.session_token).hex}"


ADVICE = r"Register what does not change with user_id_loader\(\)"

CHANGING = [OfPassword, OnlyToken, OnlyUniquifier, Computed, Appended]


class Plain(UserMixin):
    """A user whose id is what get_id() says, or has it in it."""

    def __init__(self, said: str, **fields: t.Any) -> None:
        self.said = lambda: said
        self.__dict__.update(fields)

    def get_id(self) -> str:
        return self.said()


KEY = uuid.UUID("0b8d7e0a-5f0e-4d6b-9f35-6c9b7a3a1a11")

#: Those for which ``get_id()`` is as good as an id, and says more than one.
PLAIN = [
    Plain("7", id=7),
    Plain("customer-7", id=7),
    Plain("staff:7", id=7),
    Plain("ann@shop.example", id=7, email="ann@shop.example"),
    Plain(str(KEY), id=KEY),
    Plain(str(KEY), uid=KEY),
    Plain(f"staff:{KEY}", uid=KEY),
    Plain(f"staff:{KEY}", id=KEY, session_token="0123456789abcdef"),
    Plain("auth0|5f7c8ec7c33c6c004bbafe82", sub="auth0|5f7c8ec7c33c6c004bbafe82"),
    Plain("7", user_id=7),
    Plain("wholesale-customer-of-the-north", name="Ann"),
]


class Shop:
    """An app with one user, who logs in and changes the password.

    :param user: The user.
    """

    def __init__(self, user: t.Any) -> None:
        self.user = user
        self.app = make_app(CART_STORAGE="memory", PROPAGATE_EXCEPTIONS=True)
        self.extension = FlaskCart(self.app)
        LoginManager(self.app).user_loader(self._load)
        self.app.add_url_rule("/login", view_func=self.login, methods=["POST"])
        self.app.add_url_rule("/add", view_func=self.add, methods=["POST"])

    def _load(self, user_id: str) -> t.Any:
        return self.user if self.user.get_id() == user_id else None

    def login(self) -> str:
        login_user(self.user, remember="remember" in request.args)
        return ""

    def add(self) -> dict[str, t.Any]:
        current_cart.add("mug", price=1)
        assert current_cart.key is not None
        return {"owner": current_cart.key.owner, "mugs": current_cart.quantity}


@pytest.mark.parametrize("name", LASTING)
def test_password_is_changed(name: str) -> None:
    """The user keeps the cart, whatever becomes of the token."""
    shop = Shop(LASTING[name]())
    client = shop.app.test_client()
    client.post("/login")
    client.post("/add")
    shop.user.change()
    client.post("/login")

    assert client.post("/add").json == {"owner": "user:7", "mugs": 2}


def test_guest_logs_in_with_another_token() -> None:
    """What a guest has is merged into the same cart before and after the change."""
    shop = Shop(ByUniquifier())

    for _ in range(2):
        shop.user.change()
        client = shop.app.test_client()
        client.post("/add")
        client.post("/login")

    assert client.post("/add").json == {"owner": "user:7", "mugs": 3}


def test_remembered_user() -> None:
    """Who is remembered by the cookie is the same user."""
    shop = Shop(ByAlternativeId())
    client = shop.app.test_client()
    client.post("/login?remember=1")
    client.post("/add")
    client.delete_cookie("session")

    assert client.post("/add").json == {"owner": "user:7", "mugs": 2}


def test_model_with_another_key() -> None:
    """The primary key of a model is known, whatever it is called."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)

    with Session(engine) as session:
        user = Member(number=7, alternative_id=secrets.token_hex(16))
        session.add(user)
        session.commit()
        client = Shop(user).app.test_client()
        client.post("/login")

        assert client.post("/add").json == {"owner": "user:7", "mugs": 1}

    engine.dispose()


@pytest.mark.parametrize("kind", CHANGING)
def test_nothing_lasting_is_known(kind: type[User]) -> None:
    """The app is warned, and told what to register; its users can shop."""
    shop = Shop(kind())
    client = shop.app.test_client()
    client.post("/login")

    with pytest.warns(CartConfigWarning, match=ADVICE) as warned:
        assert client.post("/add").json["mugs"] == 1

    message = str(warned[0].message)
    assert message.endswith("[changing-user-id]")
    assert shop.user.get_id() not in message


@pytest.mark.parametrize("kind", [*CHANGING, ByAlternativeId])
def test_user_id_loader(kind: type[User]) -> None:
    """What the app registers is taken, without a warning."""
    shop = Shop(kind())
    numbers = {id(shop.user): 12}
    shop.extension.user_id_loader(lambda user: numbers[id(user)])
    client = shop.app.test_client()
    client.post("/add")
    client.post("/login")
    client.post("/add")
    shop.user.change()
    client.post("/login")

    assert client.post("/add").json == {"owner": "user:12", "mugs": 3}


def test_user_id_loader_that_knows_none() -> None:
    """A user without an id is an error here as well."""
    shop = Shop(User())
    shop.extension.user_id_loader(lambda user: None)
    client = shop.app.test_client()
    client.post("/login")

    with pytest.raises(CartConfigError, match="The user has no id"):
        client.post("/add")


@pytest.mark.parametrize("user", PLAIN, ids=lambda user: user.get_id())
def test_ids_that_are_kept(user: Plain) -> None:
    """What is no token is taken as it is: it may tell users of two kinds apart."""
    client = Shop(user).app.test_client()
    client.post("/login")

    assert client.post("/add").json == {"owner": f"user:{user.get_id()}", "mugs": 1}


class TestFlaskSecurity:
    """The real one."""

    @pytest.fixture
    def app(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
        app = make_app(
            CART_STORAGE="memory",
            SQLALCHEMY_DATABASE_URI="sqlite://",
            SECURITY_PASSWORD_HASH="plaintext",
            SECURITY_PASSWORD_SALT="salt",
            SECURITY_CHANGEABLE=True,
            SECURITY_SEND_PASSWORD_CHANGE_EMAIL=False,
            SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
            WTF_CSRF_ENABLED=False,
        )
        db = SQLAlchemy(app)
        fsqla_v3.FsModels.set_db_info(db)
        # The classes of the tables are looked up by name.
        role = type("Role", (db.Model, fsqla_v3.FsRoleMixin), {})
        user = type("User", (db.Model, fsqla_v3.FsUserMixin), {})
        store = SQLAlchemyUserDatastore(db, user, role)
        Security(app, store)
        FlaskCart(app)

        @app.post("/add")
        def add() -> dict[str, t.Any]:
            current_cart.add("mug", price=1)
            assert current_cart.key is not None
            return {"owner": current_cart.key.owner, "mugs": current_cart.quantity}

        with app.app_context():
            db.create_all()
            password = hash_password("kettle rope")
            store.create_user(email="ann@shop.example", password=password)
            db.session.commit()

        yield app

        with app.app_context():
            db.engine.dispose()

    def test_password_is_changed(self, app: Flask) -> None:
        """Who changes the password keeps the cart, on all devices."""
        laptop, phone = app.test_client(), app.test_client()
        login = {"email": "ann@shop.example", "password": "kettle rope"}
        laptop.post("/add")

        assert laptop.post("/login", json=login).status_code == 200
        assert laptop.post("/add").json == {"owner": "user:1", "mugs": 2}

        fields = {
            "password": "kettle rope",
            "new_password": "another rope",
            "new_password_confirm": "another rope",
        }
        assert laptop.post("/change", json=fields).status_code == 200
        assert laptop.post("/add").json == {"owner": "user:1", "mugs": 3}

        login["password"] = "another rope"
        assert phone.post("/login", json=login).status_code == 200
        assert phone.post("/add").json == {"owner": "user:1", "mugs": 4}
