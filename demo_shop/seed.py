"""Create the tables, and stock an empty shop."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from .catalogue import GALLEY
from .catalogue import SHELVES
from .catalogue import Goods
from .catalogue import Shelf
from .extensions import db
from .models import Category
from .models import Coupon
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

        with Session(connection) as session:
            _stock_shelves(session)
            _print_coupons(session)
            session.commit()


def _stock_shelves(session: Session) -> None:
    if session.scalar(select(Category.id).limit(1)) is None:
        session.add_all([_category(shelf) for shelf in SHELVES])


def _print_coupons(session: Session) -> None:
    if session.scalar(select(Coupon.id).limit(1)) is not None:
        return

    galley = session.scalar(select(Category).where(Category.slug == GALLEY.slug))
    session.add_all(
        [
            Coupon(
                code="SPRINGTIDE",
                blurb="10% off orders of €40 or more",
                value="10%",
                minimum_cents=4000,
            ),
            Coupon(
                code="BIGFISH",
                blurb="20% off, up to €15",
                value="20%",
                cap_cents=1500,
            ),
            Coupon(
                code="CREWOFTHREE",
                blurb="Of three things from the Galley, the cheapest is free",
                kind="cheapest_free",
                category=galley,
            ),
            Coupon(
                code="FAIRWIND",
                blurb="Free post from €60",
                kind="post_free",
                minimum_cents=6000,
            ),
            Coupon(
                code="MAIDENVOYAGE",
                blurb="€5 off your first order",
                value="5.00",
                first_order=True,
                customer_limit=1,
            ),
        ]
    )


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
