"""The table of the carts: its definition, its command, and its migrations."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_cart import CartConfigError
from flask_cart import FlaskCart
from flask_cart.model.keys import CartKey
from flask_cart.model.keys import cart_key
from flask_cart.model.keys import check_instance
from flask_cart.model.keys import check_owner
from flask_cart.storage.sql import table
from tests.support.shops import open_shop


def make_app(url: str, **config: object) -> Flask:
    app = Flask("shop")
    app.config.from_mapping(
        {"SQLALCHEMY_DATABASE_URI": url, "CART_STORAGE": "database"} | config
    )

    return app


@pytest.mark.parametrize(
    "owner",
    [
        None,
        7,
        "",
        "7",
        "user",
        "user:",
        "user: 7",
        "user:7 ",
        "user:7\u00a0",
        "User:7",
        ":7",
        "user:a\nb",
        "user:a\x00",
        "user:\ud800",
        "user:" + "x" * 251,
    ],
)
def test_no_owner(owner: object) -> None:
    """What is not a kind and an id is refused before a database may change it."""
    with pytest.raises(CartConfigError, match="user:7"):
        check_owner(owner)


@pytest.mark.parametrize("owner", ["user:7", "a-b_c:x y", "guest:\u00e9", "u:::"])
def test_owner(owner: str) -> None:
    """An owner is given back as it is."""
    assert check_owner(owner) == owner


@pytest.mark.parametrize("instance", [None, "", "a b", "-a", ".", "x" * 65, "\u00e9"])
def test_no_instance(instance: object) -> None:
    """What is not a name is refused."""
    with pytest.raises(CartConfigError, match="wishlist"):
        check_instance(instance)


def test_key() -> None:
    """A key is shown as a path."""
    key = cart_key("user:7", "wishlist")

    assert key == CartKey("user:7", "wishlist")
    assert str(key) == "user:7/wishlist"


def test_create_all(database_url: str) -> None:
    """The table is one of the app's, and is created with them."""
    with open_shop(database_url) as shop, shop.outside() as connection:
        inspector = sa.inspect(connection)

        assert sorted(inspector.get_table_names()) == ["carts", "orders"]
        assert inspector.get_pk_constraint("carts")["constrained_columns"] == [
            "owner",
            "instance",
        ]


def test_init_db(database_url: str) -> None:
    """The command creates the table, and the second time finds it there."""
    app = make_app(database_url, CART_DATABASE_TABLE="baskets")
    db = SQLAlchemy(app)
    FlaskCart(app, db=db)
    runner = app.test_cli_runner()

    first = runner.invoke(args=["cart", "init-db"])
    second = runner.invoke(args=["cart", "init-db"])

    assert (first.exit_code, first.output) == (0, "Created the table 'baskets'.\n")
    assert (second.exit_code, second.output) == (
        0,
        "The table 'baskets' exists already.\n",
    )

    with app.app_context():
        cart = app.extensions["cart"].extension.cart(owner="user:1")
        assert cart.add("mug", price=1).quantity == 1
        db.engine.dispose()


SCHEMAS = {
    "translated": (None, {None: "tenant"}),
    "named": ("tenant", {}),
    "renamed": ("shop", {"shop": "tenant"}),
    "another": ("tenant", {"shop": "elsewhere"}),
}


@pytest.mark.parametrize("where", SCHEMAS)
def test_init_db_in_a_schema(postgresql_url: str, where: str) -> None:
    """Wherever the table is, also by a translation, the command finds it there the
    second time."""
    schema, translation = SCHEMAS[where]
    engine = sa.create_engine(postgresql_url, poolclass=sa.NullPool)

    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA tenant")
        # One that is somebody else's.
        connection.exec_driver_sql("CREATE TABLE carts (id integer)")

    app = make_app(
        postgresql_url,
        SQLALCHEMY_ENGINE_OPTIONS={
            "execution_options": {"schema_translate_map": translation}
        },
    )
    db = SQLAlchemy(app, metadata=sa.MetaData(schema=schema))
    extension = FlaskCart(app, db=db)
    results = [app.test_cli_runner().invoke(args=["cart", "init-db"]) for _ in range(3)]

    assert [(each.exit_code, each.output) for each in results] == [
        (0, "Created the table 'carts'.\n"),
        (0, "The table 'carts' exists already.\n"),
        (0, "The table 'carts' exists already.\n"),
    ]

    with app.app_context():
        extension.cart(owner="user:1").add("mug", price=1)
        db.engine.dispose()

    with engine.connect() as connection:
        query = "SELECT count(*) FROM tenant.carts"
        assert connection.exec_driver_sql(query).scalar() == 1


def test_init_db_where_there_is_no_schema(postgresql_url: str) -> None:
    """What the database says is said, and nothing that is not the reason."""
    app = make_app(
        postgresql_url,
        SQLALCHEMY_ENGINE_OPTIONS={
            "execution_options": {"schema_translate_map": {None: "nowhere"}}
        },
    )
    FlaskCart(app, db=SQLAlchemy(app))
    result = app.test_cli_runner().invoke(args=["cart", "init-db"])

    assert result.exit_code == 1
    assert 'schema "nowhere" does not exist' in result.output
    assert "It was not created." in result.output
    assert "init-db" not in result.output


def test_init_db_twice_at_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is second finds it there, also if it was not when it looked."""
    with open_shop(database_url, has_tables=True) as shop, shop.app.app_context():
        assert shop.storage.create_table()
        answers = iter([False, True])
        monkeypatch.setattr(table, "_is_there", lambda *_: next(answers))
        assert not shop.storage.create_table()


def test_init_db_creates_nothing_else(sqlite_url: str) -> None:
    """The app's other tables are not the command's business."""
    with open_shop(sqlite_url) as shop:
        with shop.app.app_context():
            shop.db.drop_all()

        shop.app.test_cli_runner().invoke(args=["cart", "init-db"])

        with shop.outside() as connection:
            assert sa.inspect(connection).get_table_names() == ["carts"]


def test_init_db_of_a_bind(sqlite_url: str, tmp_path: Path) -> None:
    """The table is created in the bind that it belongs to."""
    with open_shop(
        sqlite_url,
        SQLALCHEMY_BINDS={"carts": f"sqlite:///{tmp_path / 'own.sqlite3'}"},
        CART_DATABASE_BIND_KEY="carts",
    ) as shop:
        with shop.app.app_context():
            shop.db.drop_all()

        shop.app.test_cli_runner().invoke(args=["cart", "init-db"])

        with shop.app.app_context():
            engines = shop.db.engines
            assert sa.inspect(engines["carts"]).get_table_names() == ["carts"]
            assert sa.inspect(engines[None]).get_table_names() == []


def test_init_db_without_database(memory_app: Flask) -> None:
    """Without a database there is no table, which the command says in one line."""
    result = memory_app.test_cli_runner().invoke(args=["cart", "init-db"])

    assert result.exit_code == 1
    assert result.output.startswith(
        "Error: CART_STORAGE = 'database' needs the app's SQLAlchemy() extension."
    )


def test_name_that_is_taken(sqlite_url: str) -> None:
    """A table of the app's that has the name is not taken for that of the carts."""
    app = make_app(sqlite_url, CART_DATABASE_TABLE="orders")
    db = SQLAlchemy(app)
    db.Table("orders", sa.Column("id", sa.Integer, primary_key=True))

    with pytest.raises(CartConfigError, match="'orders' that is not for carts"):
        FlaskCart(app, db=db)


def test_init_app_twice(sqlite_url: str) -> None:
    """An app has one extension; a second one is a mistake."""
    app = make_app(sqlite_url)
    db = SQLAlchemy(app)
    extension = FlaskCart(app, db=db)

    with pytest.raises(CartConfigError, match="has a FlaskCart already"):
        extension.init_app(app, db=db)


def test_two_apps_with_one_db(tmp_path: Path) -> None:
    """Apps may share the SQLAlchemy extension, and each has its own carts."""
    db = SQLAlchemy()
    extension = FlaskCart()
    apps = [make_app(f"sqlite:///{tmp_path / name}") for name in ["a.db", "b.db"]]

    for number, app in enumerate(apps):
        db.init_app(app)
        extension.init_app(app, db=db)

        with app.app_context():
            db.create_all()
            extension.cart(owner="user:1").add("mug", number + 1, price=1)

    for number, app in enumerate(apps):
        with app.app_context():
            assert extension.cart(owner="user:1").quantity == number + 1
            db.engine.dispose()


SHOP = """
import os

import sqlalchemy as sa
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from flask_cart import FlaskCart

app = Flask(__name__)
app.config.from_mapping(
    SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"],
    SQLALCHEMY_BINDS=(
        {"carts": os.environ["CARTS_URL"]} if "CARTS_URL" in os.environ else {}
    ),
    CART_STORAGE="database",
    CART_DATABASE_TABLE="baskets",
    CART_DATABASE_BIND_KEY="carts" if "CARTS_URL" in os.environ else None,
)
db = SQLAlchemy(app)
db.Table("orders", sa.Column("id", sa.Integer, primary_key=True))
extension = FlaskCart(app, db=db)
Migrate(app, db)
"""

MIGRATE = """
from flask_migrate import init
from flask_migrate import migrate
from flask_migrate import upgrade

from shop import app
from shop import db
from shop import extension

with app.app_context():
    init(multidb=bool(app.config["SQLALCHEMY_BINDS"]))
    migrate(message="first")
    upgrade()
    migrate(message="second")
    cart = extension.cart(owner="user:1")
    cart.add("mug", price=1)
    print(cart.quantity)

    for engine in db.engines.values():
        engine.dispose()
"""


def migrate(folder: Path, **environment: str) -> list[str]:
    """Make a project that migrates its database twice.

    :return: The text of its migrations.
    """
    (folder / "shop.py").write_text(SHOP)
    result = subprocess.run(
        [sys.executable, "-c", MIGRATE],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path)}
        | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "1"
    assert "No changes in schema detected" in result.stderr

    versions = folder / "migrations" / "versions"

    return [path.read_text() for path in versions.glob("*.py")]


def test_migrations(database_url: str, tmp_path: Path) -> None:
    """Flask-Migrate finds the table once, and nothing to change after that."""
    (migration,) = migrate(tmp_path, DATABASE_URL=database_url)

    assert migration.count("op.create_table('baskets'") == 1
    assert migration.count("op.create_table(") == 2


def test_migrations_of_a_bind(database_url: str, tmp_path: Path) -> None:
    """With several databases the table is proposed for its own."""
    (migration,) = migrate(
        tmp_path,
        DATABASE_URL=f"sqlite:///{tmp_path / 'orders.sqlite3'}",
        CARTS_URL=database_url,
    )
    _, _, of_carts = migration.partition("def upgrade_carts()")

    assert migration.count("op.create_table('baskets'") == 1
    assert "op.create_table('baskets'" in of_carts
