from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

import servers
from flask_cart import FlaskCart

_numbers = itertools.count(1)

DATABASES = ["sqlite", "postgresql", "mariadb"]


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[servers.Server]:
    with servers.postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[servers.Server]:
    with servers.mariadb() as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: servers.Server) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    name = f"carts_{next(_numbers)}"

    with servers.fresh_database(postgresql_server, "postgres", name) as url:
        yield url


@pytest.fixture
def mariadb_url(mariadb_server: servers.Server) -> Iterator[str]:
    """The URL of an empty MariaDB database."""
    name = f"carts_{next(_numbers)}"

    with servers.fresh_database(mariadb_server, "mysql", name) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an empty SQLite file."""
    return f"sqlite:///{tmp_path / 'carts.sqlite3'}"


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, on every engine."""
    url: str = request.getfixturevalue(f"{request.param}_url")

    return url


def make_app(**config: object) -> Flask:
    """An app with a secret, and the given configuration."""
    app = Flask("shop")
    app.config.from_mapping({"SECRET_KEY": "test", "CART_CURRENCY": "EUR"} | config)

    return app


@pytest.fixture
def db() -> SQLAlchemy:
    return SQLAlchemy()


@pytest.fixture
def database_app(database_url: str, db: SQLAlchemy) -> Iterator[Flask]:
    """An app with carts in a database, on every engine."""
    app = make_app(SQLALCHEMY_DATABASE_URI=database_url, CART_STORAGE="database")
    db.init_app(app)
    FlaskCart(app, db=db)

    with app.app_context():
        db.create_all()

    yield app

    dispose(app, db)


@pytest.fixture
def memory_app() -> Flask:
    """An app with carts in memory."""
    app = make_app(CART_STORAGE="memory")
    FlaskCart(app)

    return app


def dispose(app: Flask, db: SQLAlchemy) -> None:
    """Close the connections of an app, so that its database can be dropped."""
    with app.app_context():
        db.session.remove()

        for engine in db.engines.values():
            engine.dispose()
