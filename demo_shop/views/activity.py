"""The activity page: the signals of the shopper's own carts, as they fire."""

from flask import Blueprint
from flask import render_template
from flask import request
from werkzeug import Response

from flask_cart import current_cart

from ..forms import read_number
from ..services.accounts import PLACES
from ..services.activity import HOW_IT_WORKS
from ..services.activity import KEPT
from ..services.activity import Write
from ..services.activity import read_writes

bp = Blueprint("activity", __name__, url_prefix="/activity")


@bp.get("/")
def show() -> str:
    """Show what was heard of this shopper's carts."""
    return render_template(
        "activity.html", how_it_works=HOW_IT_WORKS, kept=KEPT, **_page(_read(0), 0)
    )


@bp.get("/latest")
def latest() -> str | Response:
    """What was heard since, for the page to put in front; 204 if nothing was."""
    after = read_number(request.args.get("after")) or 0
    writes = _read(after)

    if not writes:
        return Response(status=204)

    return render_template("_latest.html", **_page(writes, after))


@bp.get("/assistants")
def assistants() -> str:
    """Show what assistants did in what this shopper has taken over from them."""
    writes = _read(0, assisted=True)

    return render_template("assistants.html", kept=KEPT, writes=writes, places=PLACES)


def _read(after: int, *, assisted: bool = False) -> list[Write]:
    key = current_cart.key

    return read_writes(key.owner, after, assisted=assisted) if key is not None else []


def _page(writes: list[Write], after: int) -> dict[str, object]:
    newest = writes[0].id if writes else after

    return {"writes": writes, "newest": newest, "places": PLACES}
