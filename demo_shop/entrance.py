"""What no page of the shop has to look at, for every request."""

from flask import abort
from flask import request

#: No database takes it in a text, and nobody types it.
NUL = "\0"


def refuse_unreadable() -> None:
    """Refuse text that cannot even be looked up; no page has such an address."""
    if NUL in request.path:
        abort(404)

    for values in (request.args, request.form):
        if any(NUL in text for pair in values.items(multi=True) for text in pair):
            abort(400)
