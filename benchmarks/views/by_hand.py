"""The carts that a shop without us would write: one statement to read, one to save."""

from __future__ import annotations

import json
import secrets
import typing as t
from decimal import Decimal

import redis
import sqlalchemy as sa
from flask import Flask
from flask import request
from flask import session
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy

from .shops import INSERT_ORDER
from .shops import PRICE
from .shops import Seen
from .shops import make_orders

CENT: t.Final = Decimal("0.01")

#: A cart's lines by their item, and its conditions, each a name and a percentage.
Content = dict[str, t.Any]

COMPARE_AND_SET: t.Final = """
local found = redis.call('HGET', KEYS[1], 'version')
if (found or '0') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'data', ARGV[3])
redis.call('EXPIRE', KEYS[1], 2592000)
return 1
"""


class Kept(t.Protocol):
    """Where a text is kept under an owner, with a version."""

    def load(self) -> tuple[Content, int]:
        """What is there, and its version; 0 if there is nothing."""

    def save(self, content: Content, version: int) -> bool:
        """Save on top of a version, and say whether it was still that one."""

    def order(self, total: str, content: Content, version: int) -> bool:
        """The same, and write an order with it."""


class HandMade:
    """A cart by hand.

    :param kept: Where it is kept.
    """

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def fill(self, lines: int, conditions: int) -> None:
        content, version = self._kept.load()
        content["lines"] = {
            f"sku-{number}": _line(f"sku-{number}") for number in range(lines)
        }
        content["conditions"] = [[f"C{number}", "1"] for number in range(conditions)]
        assert self._kept.save(content, version)

    def show(self) -> Seen:
        content, _ = self._kept.load()

        return _seen(content)

    def add(self, items: list[str]) -> int:
        is_saved = False

        while not is_saved:
            content, version = self._kept.load()
            lines = content["lines"]

            for item in items:
                line = lines.setdefault(item, _line(item) | {"quantity": 0})
                line["quantity"] += 1

            is_saved = self._kept.save(content, version)

        return t.cast(int, lines[items[-1]]["quantity"])

    def order(self) -> str:
        content, version = self._kept.load()
        total: str = _seen(content)["total"]
        emptied: Content = {"lines": {}, "conditions": []}
        assert self._kept.order(total, emptied, version)

        return total


class InTable:
    """A row in a table, saved with the version in the ``WHERE``; an order is written in
    the same transaction."""

    SELECT = sa.text("SELECT data, version FROM baskets WHERE owner = :owner")
    INSERT = sa.text("INSERT INTO baskets VALUES (:owner, 1, :data)")
    UPDATE = sa.text(
        "UPDATE baskets SET data = :data, version = :version + 1"
        " WHERE owner = :owner AND version = :version"
    )

    def __init__(self, app: Flask, url: str) -> None:
        app.config.update(
            SQLALCHEMY_DATABASE_URI=url,
            SQLALCHEMY_BINDS={"carts": {"url": url, "isolation_level": "AUTOCOMMIT"}},
        )
        db = SQLAlchemy(app)

        with app.app_context():
            self._engine, self._transactional = db.engines["carts"], db.engine
            app.extensions["engines"] = list(db.engines.values())

        make_orders(self._engine)
        data = "MEDIUMTEXT" if self._engine.name == "mysql" else "TEXT"

        with self._engine.connect() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE baskets (owner VARCHAR(255) PRIMARY KEY,"
                f" version BIGINT NOT NULL, data {data} NOT NULL)"
            )

    def load(self) -> tuple[Content, int]:
        with self._engine.connect() as connection:
            row = connection.execute(self.SELECT, {"owner": _owner()}).one_or_none()

        return (json.loads(row.data), row.version) if row else ({}, 0)

    def save(self, content: Content, version: int) -> bool:
        values = {"owner": _owner(), "version": version, "data": json.dumps(content)}
        statement = self.UPDATE if version else self.INSERT

        with self._engine.connect() as connection:
            return connection.execute(statement, values).rowcount == 1

    def order(self, total: str, content: Content, version: int) -> bool:
        values = {"owner": _owner(), "version": version, "data": json.dumps(content)}

        with self._transactional.begin() as connection:
            order = {"token": secrets.token_hex(), "total": total}
            connection.execute(INSERT_ORDER, order)

            return connection.execute(self.UPDATE, values).rowcount == 1


class InRedis:
    """A hash with the text and its version, compared in a script."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)
        self._compare_and_set = self._client.register_script(COMPARE_AND_SET)

    def load(self) -> tuple[Content, int]:
        data, version = self._client.hmget(f"basket:{_owner()}", "data", "version")

        return (json.loads(data), int(version)) if data and version else ({}, 0)

    def save(self, content: Content, version: int) -> bool:
        return bool(
            self._compare_and_set(
                keys=[f"basket:{_owner()}"],
                args=[version, version + 1, json.dumps(content)],
            )
        )

    def order(self, total: str, content: Content, version: int) -> bool:
        # Orders are elsewhere, which takes no time here.
        return self.save(content, version)


class InSession:
    """A dict in the session. Two requests at once lose one of their changes."""

    def load(self) -> tuple[Content, int]:
        return session.get("basket", {}), 0

    def save(self, content: Content, version: int) -> bool:
        session["basket"] = content
        session.modified = True

        return True

    def order(self, total: str, content: Content, version: int) -> bool:
        # Orders are elsewhere, which takes no time here.
        return self.save(content, version)


def in_table(app: Flask, address: str) -> HandMade:
    return HandMade(InTable(app, address))


def in_redis(app: Flask, address: str) -> HandMade:
    return HandMade(InRedis(address))


def in_session(app: Flask, address: str) -> HandMade:
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=redis.Redis.from_url(address))
    Session(app)

    return HandMade(InSession())


def _owner() -> str:
    return request.headers["Owner"]


def _line(item: str) -> dict[str, t.Any]:
    return {"name": f"Product {item}", "price": PRICE, "quantity": 1}


def _seen(content: Content) -> Seen:
    shown = []
    total = Decimal(0)

    for item, line in content["lines"].items():
        subtotal = (Decimal(line["price"]) * line["quantity"]).quantize(CENT)
        total += subtotal
        shown.append(line | {"item": item, "subtotal": str(subtotal)})

    for _, percent in content["conditions"]:
        left = total * (100 - Decimal(percent)) / 100
        total = left.quantize(CENT, "ROUND_HALF_UP")

    return {"lines": shown, "total": str(total)}
