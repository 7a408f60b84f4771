"""Create the tables, and fill those of a new shop from ``catalogue.toml``."""

import tomllib
from pathlib import Path
from typing import Any
from typing import cast

from sqlalchemy import URL
from sqlalchemy import Connection
from sqlalchemy import Table
from sqlalchemy import inspect
from sqlalchemy import select
from sqlalchemy.orm import Session

from .extensions import Base
from .extensions import db
from .models import Category
from .models import Coupon
from .models import GiftCard
from .models import Product
from .models import Variant

# Holds other processes off until the transaction ends, so that only one of two
# workers that start together creates the tables and fills them. Where there is no
# such statement, start the shop once before the workers.
_LOCKS = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SELECT pg_advisory_xact_lock(20260)",
}


def read_catalogue() -> dict[str, list[dict[str, Any]]]:
    """What a new shop has, by the names of the columns."""
    with (Path(__file__).parent / "catalogue.toml").open("rb") as file:
        return tomllib.load(file)


def prepare_database() -> None:
    """Make the tables that are missing and fill them if there are no goods yet."""
    _keep_private(db.engine.url)

    with db.engine.begin() as connection:
        if lock := _LOCKS.get(connection.dialect.name):
            connection.exec_driver_sql(lock)

        _begin_anew_after_changes(connection)
        db.metadata.create_all(connection)

        with Session(connection) as session:
            _fill(session)
            session.commit()


def _begin_anew_after_changes(connection: Connection) -> None:
    """Drop all tables but the baskets if a shop of another version has made them."""
    database = inspect(connection)
    tables = [cast(Table, each.local_table) for each in Base.registry.mappers]

    there = {
        table: {each["name"] for each in database.get_columns(table.name)}
        for table in tables
        if database.has_table(table.name)
    }

    if any(names != set(table.columns.keys()) for table, names in there.items()):
        db.metadata.drop_all(connection, tables)


def _keep_private(url: URL) -> None:
    # There are names and addresses in it. What SQLite writes beside it is as private.
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).touch(mode=0o600)


def _fill(session: Session) -> None:
    catalogue = read_catalogue()

    if session.scalar(select(Category.id).limit(1)) is None:
        session.add_all(_category(**each) for each in catalogue["categories"])

    if session.scalar(select(Coupon.id).limit(1)) is None:
        shelves = {each.slug: each for each in session.scalars(select(Category))}
        session.add_all(_coupon(shelves, **each) for each in catalogue["coupons"])

    if session.scalar(select(GiftCard.id).limit(1)) is None:
        session.add_all(GiftCard(**each) for each in catalogue["gift_cards"])


def _category(products: list[dict[str, Any]], **columns: Any) -> Category:
    return Category(products=[_product(**each) for each in products], **columns)


def _product(variants: list[dict[str, Any]], **columns: Any) -> Product:
    return Product(variants=[Variant(**each) for each in variants], **columns)


def _coupon(
    shelves: dict[str, Category], category: str | None = None, **columns: Any
) -> Coupon:
    return Coupon(category=shelves[category] if category else None, **columns)
