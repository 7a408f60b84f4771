"""Two windows of one shopper, side by side: neither loses what the other one does."""

from flask import Blueprint
from flask import make_response
from flask import render_template
from sqlalchemy import select
from sqlalchemy.orm import selectinload
from werkzeug import Response

from ..extensions import db
from ..headers import POLICY
from ..models import Product

bp = Blueprint("two_windows", __name__)


@bp.get("/two-windows")
def show() -> Response:
    """Show two pages of the shop, each as it is in a window of its own."""
    product = db.first_or_404(
        select(Product)
        .where(Product.slug == "harbour-mug")
        .options(selectinload(Product.variants))
    )
    response = make_response(render_template("two_windows.html", product=product))
    response.headers["Content-Security-Policy"] = f"{POLICY}; frame-src 'self'"

    return response
