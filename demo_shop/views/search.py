"""Search: the goods that somebody looks for, on all shelves."""

from flask import Blueprint
from flask import render_template
from flask import request
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from ..extensions import cart_ext
from ..extensions import db
from ..languages import told
from ..models import Product
from ..services.search import LONGEST_QUERY
from ..services.search import SORTS
from ..services.search import Search

bp = Blueprint("search", __name__)


@bp.get("/search")
@cart_ext.cacheable()
def show() -> str:
    """Show what was found, or where else to look."""
    search = Search.read(request.args)
    products = list(db.session.scalars(search.statement()))

    # The database only knows what they are called in English.
    if search.sort == "name":
        products.sort(key=lambda product: told(product.name).casefold())

    others = [] if products else _favourites()

    return render_template(
        "search.html", search=search, products=products, others=others, sorts=SORTS
    )


@bp.app_context_processor
def box() -> dict[str, object]:
    """Give the layout what the box in the header needs."""
    return {"longest_query": LONGEST_QUERY}


def _favourites() -> list[Product]:
    return list(
        db.session.scalars(
            select(Product)
            .where(Product.featured)
            .options(selectinload(Product.variants))
            .order_by(Product.id)
            .limit(4)
        )
    )
