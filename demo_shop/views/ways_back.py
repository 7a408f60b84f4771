"""Ways back: where a form leads that says from which page of the shop it was sent."""

from flask import request
from flask import url_for


def own_path(target: str | None) -> str | None:
    """The target of a redirect if it is one of our own pages."""
    if not target or not target.isprintable() or "\\" in target:
        return None

    # Browsers read two slashes as the start of a host.
    if not target.startswith("/") or target.startswith("//"):
        return None

    return target


def back_to_page() -> str:
    """The page that a form was on, or the home page if it says of none of ours."""
    return own_path(request.form.get("next")) or url_for("catalogue.home")
