"""Looking around: the home page, the shelves, and one product."""

from flask import Blueprint
from flask import render_template
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from ..extensions import cart_ext
from ..extensions import db
from ..models import MOST_PIECES
from ..models import Category
from ..models import Product
from ..services.shipping import POST
from ..services.stock import left_of
from ..services.vat import rate_of

bp = Blueprint("catalogue", __name__)


@bp.get("/")
@cart_ext.cacheable()
def home() -> str:
    """Show the hero, the shelves and a few favourites."""
    featured = db.session.scalars(
        select(Product)
        .where(Product.featured)
        .options(selectinload(Product.variants))
        .order_by(Product.id)
    )
    return render_template("home.html", featured=featured.all())


@bp.get("/shelves/<slug>")
@cart_ext.cacheable()
def category(slug: str) -> str:
    """Show everything on one shelf."""
    category = db.one_or_404(
        select(Category)
        .where(Category.slug == slug)
        .options(selectinload(Category.products).selectinload(Product.variants))
    )
    return render_template("category.html", category=category)


@bp.get("/goods/<slug>")
def product(slug: str) -> str:
    """Show one product and the form that puts it in the basket."""
    product = db.one_or_404(
        select(Product)
        .where(Product.slug == slug)
        .options(selectinload(Product.variants), selectinload(Product.category))
    )
    neighbours = db.session.scalars(
        select(Product)
        .where(Product.category_id == product.category_id, Product.id != product.id)
        .options(selectinload(Product.variants))
        .order_by(Product.id)
        .limit(4)
    )
    return render_template(
        "product.html",
        product=product,
        neighbours=neighbours.all(),
        most=MOST_PIECES,
        vat=rate_of(product),
    )


@bp.app_context_processor
def layout() -> dict[str, object]:
    """Give the layout what it shows; nothing is read unless a page lists shelves."""
    return {"shelves": _read_shelves, "postage": POST.price}


def _read_shelves() -> list[Category]:
    return list(db.session.scalars(select(Category).order_by(Category.id)))


# What a card of a product asks for.
bp.add_app_template_global(left_of)
