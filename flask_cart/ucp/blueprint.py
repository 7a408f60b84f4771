"""The blueprint: the addresses of the protocol, and how they are answered."""

from __future__ import annotations

import secrets
import typing as t
from collections.abc import Callable

import msgspec
from flask import Blueprint
from flask import Response
from flask import current_app
from flask import has_request_context
from flask import request
from werkzeug.routing import MapAdapter

from ..app.current import get_state
from ..app.links import end_of_lasting_link
from ..app.links import handoff_token
from ..app.wording import tell_elsewhere
from ..carts.answers import Answer
from ..carts.answers import answer_token
from ..carts.answers import end_of_answer
from ..carts.answers import keep_answer
from ..carts.answers import kept_answer
from ..model.errors import CartBusyError
from ..model.errors import CartConflictError
from ..model.errors import CartStorageError
from ..model.idempotency import LASTS
from .profile import make_profile
from .representation import Json
from .requests import VERSIONS
from .requests import Asked
from .requests import ProtocolError
from .requests import profile_in
from .requests import read_asked
from .sessions import LINK_LASTS
from .sessions import Outcome
from .sessions import Session
from .sessions import key_reused

#: What endpoints of the blueprint begin with.
NAME: t.Final = "cart_ucp"

_WELL_KNOWN: t.Final = "/.well-known/ucp"

_METHODS: t.Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]

#: Seconds that others may keep a profile, and after which a request may succeed.
_PROFILE_LASTS: t.Final = 3600
_RETRY_AFTER: t.Final = {"busy": 1, "unavailable": 5}


def ucp_blueprint() -> Blueprint:
    """The carts of assistants, by the Universal Commerce Protocol over REST.

    .. code-block:: python

        app.register_blueprint(ucp_blueprint())

    It is at ``/.well-known/ucp`` and ``/ucp``, and needs the blueprint of the cart, on
    whose page one is handed over. An app with Flask-WTF exempts it from its protection
    from forged forms: assistants have no cookies that others could misuse.
    """
    blueprint = Blueprint(NAME, "flask_cart")
    carts = "/ucp/<version>/carts"
    blueprint.add_url_rule(_WELL_KNOWN, "profile", profile)
    blueprint.add_url_rule(f"{_WELL_KNOWN}/<version>", "profile", profile)
    blueprint.add_url_rule(carts, "create", create, methods=["POST"])
    blueprint.add_url_rule(f"{carts}/<cart_id>", "read", read)
    blueprint.add_url_rule(f"{carts}/<cart_id>", "update", update, methods=["PUT"])
    blueprint.add_url_rule(
        f"{carts}/<cart_id>/cancel", "cancel", cancel, methods=["POST"]
    )
    # An error handler of a blueprint does not hear of what no rule of it has matched.
    blueprint.add_url_rule(_WELL_KNOWN, "nowhere", nowhere, methods=_METHODS[1:])

    for rest in (f"{_WELL_KNOWN}/<path:rest>", "/ucp/", "/ucp/<path:rest>"):
        blueprint.add_url_rule(rest, "nowhere", nowhere, methods=_METHODS)

    blueprint.register_error_handler(ProtocolError, _refuse)
    blueprint.register_error_handler(CartConflictError, _apologize)
    blueprint.register_error_handler(CartStorageError, _apologize)

    return blueprint


def current_assistant() -> str | None:
    """The address of the profile of the assistant that has sent this request.

    It is what the assistant says of itself. Of everybody else it is ``None``, and so
    it is outside of a request.
    """
    if not has_request_context() or request.blueprint != NAME:
        return None

    return profile_in(request)


def nowhere(rest: str = "") -> Response:
    """Say that there is nothing at an address, or nothing to be done by a method."""
    adapter = current_app.create_url_adapter(request)
    others = [each for each in _METHODS if _leads_on(adapter, each)]

    if not others:
        raise ProtocolError(404, "not_found", "There is nothing at this address.")

    response = _refuse(
        ProtocolError(405, "method_not_allowed", "Nothing is done here by this method.")
    )
    response.headers["Allow"] = ", ".join(others)

    return response


def _leads_on(adapter: MapAdapter | None, method: str) -> bool:
    """Whether there is something else at the address of this request by a method."""
    return adapter is not None and adapter.match(method=method)[0] != request.endpoint


def profile(version: str = VERSIONS[0]) -> Response:
    """What the shop can do."""
    if version not in VERSIONS:
        raise ProtocolError(404, "not_found", "There is no profile of this version.")

    response = _json(200, make_profile(version))
    response.cache_control.public = True
    response.cache_control.max_age = _PROFILE_LASTS

    return response


def create(version: str) -> Response:
    """Make a cart."""
    asked = read_asked(request, version)

    return _once(asked, lambda: Session(asked, _new_cart_id(asked)).create())


def read(version: str, cart_id: str) -> Response:
    """Show a cart."""
    session = Session(read_asked(request, version), cart_id)

    # Who asks for the headers alone has not seen what is in it.
    return _answer(session.read(is_shown=request.method == "GET"))


def update(version: str, cart_id: str) -> Response:
    """Let there be in a cart what an assistant wants."""
    asked = read_asked(request, version)

    return _once(asked, lambda: Session(asked, cart_id).update(request))


def cancel(version: str, cart_id: str) -> Response:
    """Delete a cart."""
    asked = read_asked(request, version)

    return _once(asked, Session(asked, cart_id).cancel)


def _new_cart_id(asked: Asked) -> str:
    """What a new cart is called: the same one, where the same request comes again."""
    if not asked.key:
        return f"cart_{secrets.token_urlsafe(16)}"

    number = 0

    # A key that is forgotten is a new one, and makes a cart that is new, too.
    while _is_forgotten(cart_id := _numbered_id(asked, number)):
        number += 1

    return cart_id


def _numbered_id(asked: Asked, number: int) -> str:
    name = f"{asked.client} {number} {asked.key}"

    return f"cart_{handoff_token(name)}"


def _is_forgotten(cart_id: str) -> bool:
    """Whether nobody knows the key any more that a cart was made with."""
    end = end_of_lasting_link(cart_id)

    return end is not None and end - LINK_LASTS < get_state().services.clock() - LASTS


def _once(asked: Asked, make: Callable[[], Outcome]) -> Response:
    """Answer a change, and again like that if it is sent again."""
    if not asked.key:
        return _answer(make())

    services = get_state().services
    repository, now = services.repository, services.clock()
    token = answer_token(asked.client, asked.key)
    kept = kept_answer(repository, token, now)

    if kept is None:
        outcome = make()
        body = msgspec.json.encode(outcome.body).decode()
        kept = Answer(
            asked.content, outcome.status, body, outcome.etag, end_of_answer(now)
        )
        keep_answer(repository, token, kept, now)

        return _answer(outcome)

    if kept.content != asked.content:
        raise key_reused()

    body = msgspec.json.decode(kept.body)

    if "id" in body:
        Session(asked, body["id"]).show_again(body)

    response = _answer(Outcome(kept.status, body, kept.etag))
    response.headers["Idempotent-Replayed"] = "true"

    return response


def _answer(outcome: Outcome) -> Response:
    response = _json(outcome.status, outcome.body)
    response.headers["Cache-Control"] = "private, no-store"

    if outcome.etag:
        response.set_etag(outcome.etag)

    return response


def _json(status: int, body: Json) -> Response:
    return Response(
        msgspec.json.encode(body), status=status, mimetype="application/json"
    )


def _refuse(error: ProtocolError) -> Response:
    response = _json(error.status, {"code": error.code, "content": error.content})
    response.headers["Cache-Control"] = "no-store"

    return response


def _apologize(error: CartConflictError | CartStorageError) -> Response:
    # A conflict that gets so far is a cart that does not stop changing.
    is_busy = isinstance(error, CartBusyError | CartConflictError)

    if not is_busy:
        logger = get_state().services.logger
        logger.error("The storage of the carts failed.", exc_info=error)

    code = "busy" if is_busy else "unavailable"
    response = _json(503, {"code": code, "content": tell_elsewhere(code)})
    response.headers["Retry-After"] = str(_RETRY_AFTER[code])

    return response
