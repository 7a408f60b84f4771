"""What the errors of a database become."""

from __future__ import annotations

import re
import sqlite3
import typing as t
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_cart import CartBusyError
from flask_cart import CartConflictError
from flask_cart import CartLockTimeoutError
from flask_cart import CartStorageError
from flask_cart import FlaskCart
from flask_cart import current_cart
from flask_cart import signals
from flask_cart.storage.sql.connections import translated
from flask_cart.testing.carts import save_carts
from tests.support.shop import sell
from tests.support.shops import Shop
from tests.support.shops import open_shop


class Error(Exception):
    """What a driver raises.

    :param more: What psycopg and others have beside the message.
    """

    def __init__(self, *args: t.Any, **more: str) -> None:
        super().__init__(*args)
        self.__dict__.update(more)


def sqlite_error(code: int | None) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")

    if code is not None:
        error.sqlite_errorcode = code

    return error


@pytest.mark.parametrize(
    "error",
    [
        sqlite_error(sqlite3.SQLITE_BUSY),
        sqlite_error(sqlite3.SQLITE_LOCKED),
        sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT),
        sqlite_error(sqlite3.SQLITE_BUSY_RECOVERY),
        sqlite_error(sqlite3.SQLITE_LOCKED_SHAREDCACHE),
        Error("serialization failure", sqlstate="40001"),
        Error("deadlock", sqlstate="40P01"),
        Error(1020, "Record has changed since last read in table 'carts'"),
        Error(1213, "Deadlock found when trying to get lock"),
        Error("serialization failure", pgcode="40001"),
        Error({"S": "ERROR", "C": "40P01", "M": "deadlock"}),
        Error(1213, "1213: Deadlock found", sqlstate="40001"),
        Error(3101, "Plugin instructed the server to rollback", sqlstate="HY000"),
    ],
)
def test_contention(error: Exception) -> None:
    """Errors that rivals have caused are known in the words of every database and every
    driver."""
    with (
        pytest.raises(CartBusyError, match="'carts' is busy") as caught,
        translated("carts", "Create it."),
    ):
        raise sa.exc.OperationalError("UPDATE carts", {}, error)

    assert not isinstance(caught.value, CartLockTimeoutError)


@pytest.mark.parametrize(
    "error",
    [
        Error("lock not available", sqlstate="55P03"),
        Error(1205, "Lock wait timeout exceeded"),
        Error("lock not available", pgcode="55P03"),
        Error({"S": "ERROR", "C": "55P03", "M": "lock not available"}),
        Error(1205, "Lock wait timeout exceeded", sqlstate="HY000"),
    ],
)
def test_lock_timeout(error: Exception) -> None:
    """So is having waited for one of them in vain, which is not tried again."""
    cause = sa.exc.OperationalError("UPDATE carts", {"data": "secret"}, error)

    with (
        pytest.raises(CartLockTimeoutError, match="'carts' was locked") as caught,
        translated("carts", "Create it."),
    ):
        raise cause

    assert str(error) in str(caught.value)
    assert caught.value.__cause__ is cause
    assert "secret" not in str(cause)


@pytest.mark.parametrize(
    "error",
    [
        None,
        sqlite_error(None),
        sqlite_error(sqlite3.SQLITE_READONLY),
        sqlite_error(sqlite3.SQLITE_FULL),
        sqlite_error(sqlite3.SQLITE_IOERR),
        Error(),
        Error("1205"),
        Error("1213"),
        Error("undefined table", sqlstate="42P01"),
        Error("statement timeout", sqlstate="57014"),
        Error(1146, "Table 'carts' doesn't exist"),
        Error(2006, "MySQL server has gone away"),
    ],
)
def test_no_contention(error: Exception | None) -> None:
    """Other errors would come again, and are not tried again."""
    cause = sa.exc.OperationalError("SELECT", {}, t.cast(Exception, error))

    with (
        pytest.raises(CartStorageError, match="'carts' could not be used") as caught,
        translated("carts", "Create it."),
    ):
        raise cause

    assert not isinstance(caught.value, CartBusyError)
    assert caught.value.__cause__ is cause


NO_TABLE = [
    sqlite3.OperationalError("no such table: carts"),
    Error("relation does not exist", sqlstate="42P01"),
    Error("relation does not exist", pgcode="42P01"),
    Error({"S": "ERROR", "C": "42P01"}),
    Error(1146, "Table 'shop.carts' doesn't exist"),
]

NOT_PREPARED = [
    Error("prepared statement _pg3_0 does not exist", sqlstate="26000"),
    Error("prepared statement _pg3_0 already exists", sqlstate="42P05"),
]

OTHERS = [
    Error("disk on fire"),
    Error("cannot execute UPDATE in a read-only transaction", sqlstate="25006"),
    Error("terminating connection", sqlstate="57P01"),
    Error(1047, "WSREP has not yet prepared node for application use"),
    Error(1180, "Got error 5 during COMMIT"),
    Error(1290, "The server is running with --read-only"),
    sqlite_error(sqlite3.SQLITE_FULL),
]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        *[(each, "Create it.") for each in NO_TABLE],
        *[(each, "set prepare_threshold to None") for each in NOT_PREPARED],
        *[(each, "") for each in OTHERS],
    ],
)
def test_advice(error: Exception, advice: str) -> None:
    """To create the table is the advice where there is none, and nowhere else."""
    cause = sa.exc.OperationalError("SELECT", {}, error)

    with (
        pytest.raises(CartStorageError, match="'carts' could not be used") as caught,
        translated("carts", "Create it."),
    ):
        raise cause

    _, said = str(caught.value).split(str(error))
    assert re.fullmatch(rf"\.( .*{advice}.*)?" if advice else r"\.", said)


def test_pool_without_connections() -> None:
    """A pool that has no connection left is an error of the storage."""
    with (
        pytest.raises(CartStorageError, match="QueuePool"),
        translated("carts", "Create it."),
    ):
        raise sa.exc.TimeoutError("QueuePool limit reached")


def test_errors_of_the_app_pass() -> None:
    """What is not the database's is none of the storage's business."""
    with pytest.raises(ZeroDivisionError), translated("carts", "Create it."):
        _ = 1 / 0


@pytest.fixture
def empty_shop(database_url: str) -> Iterator[Shop]:
    """A shop whose tables nobody has created."""
    with open_shop(database_url) as shop, shop.app.app_context():
        shop.db.drop_all()
        yield shop


def test_missing_table(empty_shop: Shop) -> None:
    """Without the table, reading and writing say how to create it."""
    key = empty_shop.cart().key
    storage = empty_shop.storage
    assert key is not None

    for use in [
        lambda: storage.load(key),
        lambda: save_carts(storage, key.owner, {"default": (0, "{}")}),
        lambda: save_carts(storage, key.owner, {"default": (1, "{}")}),
        lambda: save_carts(storage, key.owner, {"default": (1, None)}),
        lambda: save_carts(
            storage, key.owner, {"default": (1, None), "other": (0, "{}")}
        ),
        lambda: storage.instances(key.owner),
        lambda: list(storage.scan()),
    ]:
        with pytest.raises(CartStorageError, match="'flask cart init-db'"):
            use()


def test_missing_table_under_the_lock(empty_shop: Shop) -> None:
    """The lock of a row that has no table is released; it works once there is one."""
    storage = empty_shop.storage
    key = empty_shop.cart().key
    assert key is not None

    with pytest.raises(CartStorageError, match="'carts'"), storage.lock(key.owner):
        storage.load(key)

    empty_shop.db.create_all()
    empty_shop.fill("mug")
    assert empty_shop.stored() == {"mug": 1}


UNREACHABLE = {
    "sqlite": "sqlite:////no/such/folder/carts.sqlite3",
    "postgresql": "postgresql+psycopg://nobody@/carts?host=/no/such/folder",
    "mariadb": "mysql+pymysql://nobody@127.0.0.1:1/carts",
}


@pytest.fixture(params=UNREACHABLE)
def down_app(request: pytest.FixtureRequest) -> Flask:
    """An app whose database cannot be reached."""
    app = Flask("shop")
    app.config.from_mapping(
        SECRET_KEY="test",
        SQLALCHEMY_DATABASE_URI=UNREACHABLE[request.param],
        CART_STORAGE="database",
    )
    db = SQLAlchemy(app)
    FlaskCart(app, db=db).owner_loader(lambda: "user:1")

    @app.get("/")
    def show() -> str:
        return str(len(current_cart))

    @app.post("/")
    def add() -> str:
        return str(current_cart.add("mug", price=1).quantity)

    return app


def test_server_down(down_app: Flask) -> None:
    """A database that cannot be reached is an error of the storage."""
    extension: FlaskCart = down_app.extensions["cart"].extension

    with (
        down_app.app_context(),
        pytest.raises(CartStorageError, match="could not be used") as caught,
    ):
        len(extension.cart(owner="user:1"))

    assert isinstance(caught.value.__cause__, sa.exc.OperationalError)


def test_server_down_is_503(down_app: Flask) -> None:
    """Nobody has to catch it: the answer is 503, not 500, for reads and writes."""
    client = down_app.test_client()

    assert client.get("/").status_code == 503
    assert client.post("/").status_code == 503


def test_the_apps_page_for_503(down_app: Flask) -> None:
    """The app's own page for the status is shown."""

    @down_app.errorhandler(503)
    def sorry(error: t.Any) -> tuple[str, int]:
        return f"Back soon. {error.code}", 503

    response = down_app.test_client().get("/")
    assert (response.status_code, response.text) == (503, "Back soon. 503")


def test_the_apps_handler_of_the_error(down_app: Flask) -> None:
    """An app that handles the error itself comes first."""

    @down_app.errorhandler(CartStorageError)
    def sorry(error: CartStorageError) -> tuple[str, int]:
        return "We are closed.", 500

    assert down_app.test_client().get("/").text == "We are closed."


def test_503_does_not_show_the_database(down_app: Flask) -> None:
    """What the database said is for the log, and not for the shopper."""
    text = down_app.test_client().get("/").text

    for secret in ["/no/such/", "127.0.0.1", "SELECT", "user:1"]:
        assert secret not in text


def test_init_db_of_a_server_that_is_down(down_app: Flask) -> None:
    """The command says what is wrong, without a traceback."""
    result = down_app.test_cli_runner().invoke(args=["cart", "init-db"])

    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "could not be used" in result.output


def test_conflict_is_409(database_url: str) -> None:
    """A conflict that nobody catches is 409, through the app's page for it."""
    with open_shop(database_url) as shop:
        shop.fill("mug")
        shop.extension.owner_loader(lambda: "user:1")

        @shop.app.post("/clear")
        def clear() -> str:
            assert current_cart.version
            shop.touch()
            current_cart.clear()

            return "cleared"

        client = shop.app.test_client()
        assert client.post("/clear").status_code == 409


def test_the_apps_page_for_409(sqlite_url: str) -> None:
    """The app's own page for the status is shown, also for conflicts."""
    with open_shop(sqlite_url) as shop:
        shop.fill("mug")
        shop.extension.owner_loader(lambda: "user:1")

        @shop.app.errorhandler(409)
        def explain(error: t.Any) -> tuple[str, int]:
            return f"Somebody was faster. {error.code}", 409

        @shop.app.post("/clear")
        def clear() -> str:
            current_cart.expect(1).clear()
            return "cleared"

        response = shop.app.test_client().post("/clear")
        assert response.text == "Somebody was faster. 409"
        assert shop.stored() == {"mug": 1}


@pytest.mark.parametrize("always_lock", [False, True])
def test_error_of_a_receiver_under_the_lock(
    database_url: str, always_lock: bool
) -> None:
    """What goes wrong in an app's own statements is raised as it is, and not taken for
    an error of the cart's."""
    with (
        open_shop(database_url, CART_DATABASE_LOCK_FOR_UPDATE=always_lock) as shop,
        shop.app.app_context(),
    ):
        calls = []

        def fail(app: Flask, **extra: t.Any) -> None:
            calls.append(app)
            raise sa.exc.IntegrityError("INSERT INTO orders", {}, Error("duplicate"))

        with (
            signals.before_change.connected_to(fail, shop.app),
            pytest.raises(sa.exc.IntegrityError, match="duplicate"),
        ):
            shop.cart().add("mug", price=1)

        assert len(calls) == 1
        assert shop.stored() is None


@pytest.mark.parametrize("always_lock", [False, True])
def test_contention_of_a_receiver(sqlite_url: str, always_lock: bool) -> None:
    """The same goes for what looks like contention."""
    with (
        open_shop(sqlite_url, CART_DATABASE_LOCK_FOR_UPDATE=always_lock) as shop,
        shop.app.app_context(),
    ):
        calls = []

        def fail(app: Flask, **extra: t.Any) -> None:
            calls.append(app)
            raise sa.exc.OperationalError("INSERT", {}, Error(1213, "deadlock"))

        with (
            signals.before_change.connected_to(fail, shop.app),
            pytest.raises(sa.exc.OperationalError, match="deadlock"),
        ):
            shop.cart().add("mug", price=1)

        assert len(calls) == 1


def test_conflict_has_both_versions(sqlite_url: str) -> None:
    """A conflict names the version that was meant and the one that is stored."""
    with open_shop(sqlite_url) as shop, shop.app.app_context():
        shop.fill("mug")
        cart = shop.cart()
        version = cart.version
        shop.touch()

        with pytest.raises(CartConflictError) as caught:
            cart.clear()

        assert caught.value.expected_version == version
        assert caught.value.current_version == version + 1


@pytest.mark.parametrize("joined", [False, True])
def test_log_has_no_parameters(
    database_url: str, joined: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither whose cart it is nor what is in it gets into the log."""
    with open_shop(database_url) as shop:

        @shop.app.post("/")
        def add() -> str:
            def drop() -> None:
                with shop.outside() as rival:
                    shop.storage.table.drop(rival)

            cart = shop.cart("guest:secret-token")

            if joined:
                sell(cart, drop, session=shop.db.session)
            else:
                drop()
                cart.clear()

            return ""

        shop.fill("secret-wish", owner="guest:secret-token")

        assert shop.app.test_client().post("/").status_code == 503

    assert "carts" in caplog.text
    assert "secret" not in caplog.text.replace('shop.cart("guest:secret-token")', "")
