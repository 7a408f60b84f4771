"""What carts in a database cost: each statement counts."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress

import pytest
import sqlalchemy as sa
from flask import Flask
from flask import render_template_string
from flask import request

from flask_cart import CartReplayedError
from flask_cart import current_cart
from tests.support import servers
from tests.support.shops import Shop
from tests.support.shops import counted
from tests.support.shops import heard
from tests.support.shops import open_shop

pytestmark = pytest.mark.unmeasured

PAGE = """
<header>{{ current_cart | length }} lines, {{ current_cart.quantity }} items</header>
{% for line in current_cart %}{{ line.name }}{% endfor %}
{% for line in current_cart.totals.lines %}{{ line.subtotal | money }}{% endfor %}
{% if current_cart %}{{ current_cart.totals.total | money }}{% endif %}
{{ current_cart.metadata }} {{ current_cart.conditions }} {{ current_cart.version }}
"""


def show() -> str:
    return render_template_string(PAGE)


def add() -> str:
    return str(current_cart.add("mug", price=1).quantity)


def add_batch() -> str:
    with current_cart.batch():
        for number in range(20):
            current_cart.add(f"item-{number}", price=1)

    return "added"


def add_and_show() -> str:
    add()

    return show()


def add_twice() -> str:
    add()

    return add()


def set_quantity() -> str:
    current_cart.set_quantity(current_cart.lines[0].id, 7)
    return "set"


def clear() -> str:
    current_cart.clear()
    return "cleared"


def destroy() -> str:
    current_cart.destroy()
    return "destroyed"


def change_nothing() -> str:
    """Ask for many things that are so already."""
    line = current_cart.lines[0]
    current_cart.set_quantity(line.id, line.quantity)
    current_cart.update(line.id, name=line.name, price=line.price)
    current_cart.increment(line.id, 0)
    current_cart.remove("no-such-line")
    current_cart.remove_condition("no-such-condition")
    current_cart.metadata.update({})
    current_cart.metadata.pop("no-such-key", None)

    return "nothing"


def undo_in_batch() -> str:
    with current_cart.batch():
        line = current_cart.add("pot", price=1)
        current_cart.remove(line.id)

    return "nothing"


def clear_empty() -> str:
    current_cart.remove(current_cart.lines[0].id)
    current_cart.clear()

    return "cleared"


def add_once(key: str = "a") -> str:
    """Add with a key, if that has not happened."""
    with suppress(CartReplayedError), current_cart.once(key):
        current_cart.add("mug", price=1)

    return "added"


def nothing_once() -> str:
    """Ask with a key for what is so already."""
    with current_cart.once("nothing"):
        current_cart.set_quantity(current_cart.lines[0].id, 1)

    return "nothing"


def ignore() -> str:
    return render_template_string("{{ current_cart is defined }}")


def check() -> str:
    """Only look whether there is anything."""
    return "yes" if current_cart else "no"


OWNER: t.Final = {"Owner": "user:1"}

VIEWS: list[Callable[[], str]] = [
    show,
    add,
    add_batch,
    add_and_show,
    add_twice,
    set_quantity,
    clear,
    destroy,
    change_nothing,
    undo_in_batch,
    clear_empty,
    add_once,
    nothing_once,
    ignore,
    check,
]


def add_views(shop: Shop) -> None:
    for view in VIEWS:
        shop.app.add_url_rule(f"/{view.__name__}", view_func=view, methods=["POST"])

    shop.extension.owner_loader(lambda: request.headers.get("Owner"))


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    with open_shop(database_url) as shop:
        add_views(shop)
        yield shop


def visit(app: Flask, view: Callable[[], str], owner: str = "user:1") -> str:
    response = app.test_client().post(
        f"/{view.__name__}", headers={"Owner": owner} if owner else {}
    )
    assert response.status_code == 200

    return response.text


@pytest.mark.parametrize(
    ("view", "statements"),
    [
        (ignore, []),
        (check, ["SELECT"]),
        (show, ["SELECT"]),
        (add, ["SELECT", "UPDATE"]),
        (add_batch, ["SELECT", "UPDATE"]),
        (add_and_show, ["SELECT", "UPDATE"]),
        (add_twice, ["SELECT", "UPDATE", "UPDATE"]),
        (set_quantity, ["SELECT", "UPDATE"]),
        (clear, ["SELECT", "UPDATE"]),
        (destroy, ["SELECT", "DELETE"]),
        (clear_empty, ["SELECT", "UPDATE"]),
    ],
)
def test_statements(shop: Shop, view: Callable[[], str], statements: list[str]) -> None:
    """What is shown is read once, and a change is one write."""
    shop.fill("mug")

    with counted() as executed:
        visit(shop.app, view)

    assert executed == statements


@pytest.mark.parametrize("view", [change_nothing, undo_in_batch])
def test_no_change_costs_nothing(shop: Shop, view: Callable[[], str]) -> None:
    """What changes nothing is not written, is no new version, and is not announced."""
    shop.fill("mug")

    with shop.app.app_context():
        version = shop.cart().version

    with counted() as executed, heard(shop.app) as names:
        visit(shop.app, view)

    assert executed == ["SELECT"]
    assert names == []

    with shop.app.app_context():
        assert shop.cart().version == version


@pytest.mark.parametrize(
    ("view", "statements"),
    [
        (ignore, []),
        (show, ["SELECT"]),
        (clear, ["SELECT"]),
        (destroy, ["SELECT"]),
        (add, ["SELECT", "INSERT"]),
        (add_batch, ["SELECT", "INSERT"]),
        (add_twice, ["SELECT", "INSERT", "UPDATE"]),
    ],
)
def test_first_change_of_an_owner(
    shop: Shop, view: Callable[[], str], statements: list[str]
) -> None:
    """The first change of a known owner looks for a cart, and makes it."""
    with counted() as executed:
        visit(shop.app, view)

    assert executed == statements


@pytest.mark.parametrize(
    ("view", "statements"),
    [
        (ignore, []),
        (show, []),
        (check, []),
        (clear, []),
        (destroy, []),
        (add, ["INSERT"]),
        (add_batch, ["INSERT"]),
        (add_twice, ["INSERT", "UPDATE"]),
    ],
)
def test_new_guest(shop: Shop, view: Callable[[], str], statements: list[str]) -> None:
    """A guest without a token has no cart, so that nobody looks for it."""
    with counted() as executed:
        visit(shop.app, view, owner="")

    assert executed == statements


@pytest.mark.parametrize(
    ("view", "first"),
    [
        # The keys are read, and written with the cart in one transaction.
        (add_once, ["SELECT", "SELECT", "BEGIN", "UPDATE", "INSERT", "COMMIT"]),
        # What has come to nothing is remembered, and the cart left alone.
        (nothing_once, ["SELECT", "SELECT", "INSERT"]),
    ],
)
def test_keys(shop: Shop, view: Callable[[], str], first: list[str]) -> None:
    """A key costs a read and a write more, and nothing where none is given."""
    shop.fill("mug")
    seen = []

    for each in (view, view, lambda: add_once("b"), add, show):
        in_request = shop.app.test_request_context(headers=OWNER)

        with counted() as executed, in_request, suppress(CartReplayedError):
            each()

        seen.append(executed)

    other = ["SELECT", "SELECT", "BEGIN", "UPDATE", "UPDATE", "COMMIT"]
    # Of a replay, nothing is written.
    assert seen == [
        first,
        ["SELECT", "SELECT"],
        other,
        ["SELECT", "UPDATE"],
        ["SELECT"],
    ]


@pytest.mark.parametrize("owner", ["user:new", ""])
def test_key_of_a_first_change(shop: Shop, owner: str) -> None:
    """Of a guest who is new, nothing is looked for."""
    with counted() as executed:
        visit(shop.app, add_once, owner=owner)

    written = ["BEGIN", "INSERT", "INSERT", "COMMIT"]
    assert executed == (["SELECT", "SELECT"] if owner else []) + written


def test_lost_save_costs_one_more_read(shop: Shop) -> None:
    """A save that a rival was faster than is a read and a write more."""
    shop.fill("mug")

    with shop.app.app_context():
        cart = shop.cart()
        assert cart.version
        shop.touch()

        with counted() as executed:
            cart.add("mug", price=1)

    assert executed == ["UPDATE", "SELECT", "UPDATE"]
    assert shop.stored() == {"mug": 2}


class Server(t.NamedTuple):
    """What a server was asked, since the last time it was looked at."""

    asked: Callable[[], list[str]]


@contextmanager
def sqlite_log(url: str, request: pytest.FixtureRequest) -> Iterator[Server]:
    statements: list[str] = []

    def trace(dbapi_connection: t.Any, record: t.Any) -> None:
        dbapi_connection.set_trace_callback(statements.append)

    def asked() -> list[str]:
        found, statements[:] = list(statements), []
        return found

    sa.event.listen(sa.pool.Pool, "connect", trace)

    try:
        yield Server(asked)
    finally:
        sa.event.remove(sa.pool.Pool, "connect", trace)


@contextmanager
def postgresql_log(url: str, request: pytest.FixtureRequest) -> Iterator[Server]:
    server: servers.Server = request.getfixturevalue("postgresql_server")
    name = sa.make_url(url).database
    line = re.compile(
        rf"^{name}:LOG:  (?:statement|execute [^:]*): (.*(?:\n\t.*)*)$", re.M
    )
    position = len(server.log.read_text())

    def asked() -> list[str]:
        nonlocal position
        text = server.log.read_text()
        found = line.findall(text, position)
        position = len(text)

        return found

    engine = sa.create_engine(url, poolclass=sa.NullPool)

    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET log_statement = 'all'")

    yield Server(asked)


@contextmanager
def mariadb_log(url: str, request: pytest.FixtureRequest) -> Iterator[Server]:
    engine = sa.create_engine(
        url, isolation_level="AUTOCOMMIT", poolclass=sa.StaticPool
    )
    query = (
        "SELECT argument FROM mysql.general_log"
        " WHERE command_type NOT IN ('Connect', 'Quit', 'Init DB')"
        " AND thread_id <> CONNECTION_ID() ORDER BY event_time"
    )

    with engine.connect() as admin:

        def asked() -> list[str]:
            found = admin.exec_driver_sql(query).scalars().all()
            admin.exec_driver_sql("TRUNCATE mysql.general_log")

            return [
                text.decode() if isinstance(text, bytes) else text for text in found
            ]

        admin.exec_driver_sql("SET GLOBAL log_output = 'TABLE'")
        admin.exec_driver_sql("TRUNCATE mysql.general_log")
        admin.exec_driver_sql("SET GLOBAL general_log = ON")

        try:
            yield Server(asked)
        finally:
            admin.exec_driver_sql("SET GLOBAL general_log = OFF")

    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def log_of(
    request: pytest.FixtureRequest,
) -> Iterator[tuple[str, Server]]:
    """The URL of a database, and what its server is asked."""
    url = request.getfixturevalue(f"{request.param}_url")

    with globals()[f"{request.param}_log"](url, request) as server:
        yield url, server


def words(statements: list[str]) -> list[str]:
    return [statement.split()[0].upper() for statement in statements]


@pytest.mark.parametrize(
    ("view", "statements"),
    [
        (ignore, []),
        (show, ["SELECT"]),
        (change_nothing, ["SELECT"]),
        (add, ["SELECT", "UPDATE"]),
        (add_batch, ["SELECT", "UPDATE"]),
    ],
)
def test_what_the_server_is_asked(
    log_of: tuple[str, Server], view: Callable[[], str], statements: list[str]
) -> None:
    """On an open connection there is no BEGIN, COMMIT, ROLLBACK or SET."""
    url, server = log_of

    with open_shop(url) as shop:
        add_views(shop)
        visit(shop.app, add)
        visit(shop.app, show)
        assert server.asked()

        visit(shop.app, view)
        assert words(server.asked()) == statements

        # Once more, many times: PostgreSQL prepares what it is often asked.
        for _ in range(10):
            visit(shop.app, view)

        assert words(server.asked()) == statements * 10


def test_what_the_server_is_asked_with_lock(log_of: tuple[str, Server]) -> None:
    """With a lock for every write there is one transaction, begun with the lock."""
    url, server = log_of

    with open_shop(url, CART_DATABASE_LOCK_FOR_UPDATE=True) as shop:
        add_views(shop)
        visit(shop.app, add)
        server.asked()

        visit(shop.app, add)
        asked = server.asked()

    assert words(asked) == ["BEGIN", "SELECT", "UPDATE", "COMMIT"]

    if url.startswith("sqlite"):
        assert asked[0] == "BEGIN IMMEDIATE"
    else:
        assert asked[1].endswith("FOR UPDATE")


#: How a transaction of the carts begins: on PostgreSQL, with what it needs to know and
#: a pooler may have forgotten.
BEGINS = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": (
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = 5000"
    ),
    "mysql": "BEGIN",
}


def test_what_the_server_is_asked_for_a_move(log_of: tuple[str, Server]) -> None:
    """Two carts that change at once are one transaction, whose lock SQLite takes at its
    beginning."""
    url, server = log_of

    with open_shop(url) as shop, shop.app.app_context():
        shop.fill("mug", "pot")
        cart = shop.cart()
        cart.move(cart.lines[0].id, to="wishlist")
        cart = shop.cart()
        (line,) = cart.lines
        server.asked()

        cart.move(line.id, to="wishlist")
        asked = server.asked()

    # The cart itself was read before.
    assert words(asked) == ["SELECT", "BEGIN", "UPDATE", "UPDATE", "COMMIT"]
    assert asked[1] == BEGINS[sa.make_url(url).get_backend_name()]


def test_lock_timeout_is_set_once(log_of: tuple[str, Server]) -> None:
    """How long a connection waits for locks is said when it is made, and not again."""
    url, server = log_of

    def said() -> int:
        asked = " ".join(server.asked())

        return len(re.findall(r"busy_timeout|\block(?:_wait)?_timeout", asked))

    with open_shop(url) as shop:
        said()
        shop.fill("mug")
        assert said() == 1

        for _ in range(5):
            shop.fill("mug")

        assert said() == 0
        assert shop.stored() == {"mug": 6}
