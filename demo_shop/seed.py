"""Create the tables, and stock an empty shop."""

from sqlalchemy import Connection
from sqlalchemy import select
from sqlalchemy.orm import Session

from .catalogue import SHELVES
from .catalogue import Goods
from .catalogue import Shelf
from .extensions import db
from .models import Category
from .models import Product
from .models import Variant

# Holds other processes off until the transaction ends, so that only one of two
# workers that start together creates the tables and fills them. Where there is no
# such statement, start the shop once before the workers.
_LOCKS = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SELECT pg_advisory_xact_lock(20260)",
}


def prepare_database() -> None:
    """Make the tables that are missing and fill them if there are no goods yet."""
    with db.engine.begin() as connection:
        if lock := _LOCKS.get(connection.dialect.name):
            connection.exec_driver_sql(lock)

        db.metadata.create_all(connection)
        _stock_shelves(connection)


def _stock_shelves(connection: Connection) -> None:
    with Session(connection) as session:
        if session.scalar(select(Category.id).limit(1)) is not None:
            return

        session.add_all([_category(shelf) for shelf in SHELVES])
        session.commit()


def _category(shelf: Shelf) -> Category:
    return Category(
        slug=shelf.slug,
        name=shelf.name,
        blurb=shelf.blurb,
        products=[_product(goods) for goods in shelf.goods],
    )


def _product(goods: Goods) -> Product:
    return Product(
        slug=goods.slug,
        name=goods.name,
        summary=goods.summary,
        description=goods.description,
        facts=list(goods.facts),
        featured=goods.featured,
        reduction=goods.reduction,
        variants=[
            Variant(
                sku=piece.sku,
                price_cents=piece.cents,
                stock=piece.stock,
                options=piece.options,
            )
            for piece in goods.pieces
        ],
    )
