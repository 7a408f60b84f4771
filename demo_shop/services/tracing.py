"""What a request does, for the developer's panel: signals, saves and statements.

Nothing is noted for a browser that has not opened the panel.
"""

import inspect
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from flask import Flask
from flask import Response
from flask import before_render_template
from flask import current_app
from flask import g
from flask import has_app_context
from flask import request
from jinja2 import Template
from redis import Connection
from sqlalchemy import delete
from sqlalchemy import event as events
from sqlalchemy import insert
from sqlalchemy import select

from flask_cart import Cart
from flask_cart import signals
from flask_cart.model.events import Event

from ..extensions import cart_ext
from ..extensions import db
from ..models import Trace
from ..settings import ROOT
from .differences import Difference
from .differences import differences

#: The cookie of a browser that has the panel open.
COOKIE = "panel"
#: How many requests of a browser are shown, and how many of all browsers are kept.
SHOWN = 6
KEPT_OF_ALL = 1000
#: How many statements of a request are shown, and how many letters of each.
STATEMENTS = 60
LETTERS = 300

_SECRET = re.compile(r"[\w-]{22}")
_COLUMNS = re.compile(r"(?<=SELECT ).{60,}?(?= FROM )")
_GUEST = re.compile(r"(guest:[\w-]{4})[\w-]+")


@dataclass(frozen=True)
class Code:
    """Where the code of a page is."""

    file: str
    first: int
    text: str

    @property
    def last(self) -> int:
        """The number of the last line."""
        return self.first + self.text.count("\n") - 1


@dataclass
class Save:
    """One save of a cart, with what is different in its document since."""

    instance: str
    version: int
    changes: list[Difference]


@dataclass
class Request:
    """What one request has done so far."""

    method: str
    path: str
    endpoint: str
    status: int = 0
    signals: list[str] = field(default_factory=list)
    saves: list[Save] = field(default_factory=list)
    #: The files of the templates of the page.
    templates: list[str] = field(default_factory=list)
    #: How often carts were read and written, and how that went.
    uses: list[str] = field(default_factory=list)
    #: Statements and commands, with the milliseconds of those that are known.
    statements: list[tuple[str, float | None]] = field(default_factory=list)


@dataclass
class Recorder:
    """Notes what the request of a browser with an open panel does."""

    panel: str
    request: Request
    #: The documents of carts, before something changed them.
    before: dict[Any, str | None] = field(default_factory=dict)
    is_paused: bool = False
    began: float = 0.0

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Note nothing for a while: it is the panel that asks."""
        self.is_paused = True

        try:
            yield
        finally:
            self.is_paused = False


class Uses:
    """Notes how the storage of carts is used, whichever it is."""

    def accessed(self, access: Any) -> None:
        """Note one use."""
        if noted := recorder():
            what = ", ".join(access.operations)
            tries = f" after {access.retries} more tries" if access.retries else ""
            noted.request.uses.append(
                f"{access.action} {access.key.instance}{what and f' ({what})'}:"
                f" {access.outcome}{tries}, {access.seconds * 1000:.1f} ms"
            )

    def happened(self, event: Event) -> None:
        """Nothing: the signals have told it."""


cart_ext.observe(Uses())


def init_app(app: Flask) -> None:
    """Listen to all that happens in the shop, before the app has its cache."""
    if "CACHE_REDIS_URL" in app.config:
        app.config["CACHE_OPTIONS"] = {"connection_class": NotedConnection}

    app.before_request(_begin)
    app.after_request(_end)

    before_render_template.connect(_render, app)

    for name in signals.names():
        signals.ALL.signal(name).connect(_hear, app)

    with app.app_context():
        events.listen(db.engine, "before_cursor_execute", _before_statement)
        events.listen(db.engine, "after_cursor_execute", _after_statement)


def recorder() -> Recorder | None:
    """That of this request, if its browser has the panel open."""
    return g.get("recorder") if has_app_context() else None


def make_secret() -> str:
    """What a browser is known by that opens the panel."""
    return secrets.token_urlsafe(16)


def forget(panel: str) -> None:
    """Forget what a browser's requests have done."""
    with db.engine.begin() as connection:
        connection.execute(delete(Trace).where(Trace.panel == panel))


def read_requests(panel: str) -> list[Request]:
    """The last requests of a browser, the newest first."""
    newest = select(Trace.about).where(Trace.panel == panel).order_by(Trace.id.desc())
    found = db.session.scalars(newest.limit(SHOWN)).all()

    return [
        Request(**{**about, "saves": [Save(**each) for each in about["saves"]]})
        for about in found
    ]


def code_of(endpoint: str) -> Code | None:
    """The code of a view."""
    view = current_app.view_functions.get(endpoint)
    file = inspect.getsourcefile(inspect.unwrap(view)) if view else None

    if view is None or file is None:
        return None

    lines, first = inspect.getsourcelines(inspect.unwrap(view))

    return Code(_shown(file), first, "".join(lines))


def _shown(file: str) -> str:
    return file.removeprefix(f"{ROOT}/").rpartition("site-packages/")[2]


def _begin() -> None:
    secret = request.cookies.get(COOKIE, "")
    endpoint = request.endpoint or ""
    is_ours = endpoint.startswith("panel.") or endpoint.endswith((".latest", "static"))

    if _SECRET.fullmatch(secret) and not is_ours:
        path = request.full_path.rstrip("?")
        g.recorder = Recorder(secret, Request(request.method, path, endpoint))


def _end(response: Response) -> Response:
    """Keep what the request has done for the panel of the next page."""
    noted: Recorder | None = g.pop("recorder", None)

    if noted is None:
        return response

    noted.request.status = response.status_code

    with db.engine.begin() as connection:
        made = connection.execute(
            insert(Trace).values(panel=noted.panel, about=asdict(noted.request))
        )
        assert made.inserted_primary_key is not None
        oldest = made.inserted_primary_key[0] - KEPT_OF_ALL
        connection.execute(delete(Trace).where(Trace.id <= oldest))

    return response


def _render(app: Flask, template: Template, **extra: object) -> None:
    """Note the template of a page."""
    if (noted := recorder()) and template.filename:
        noted.request.templates.append(_shown(template.filename))


def _hear(app: Flask, cart: Cart, event: Event, **extra: object) -> None:
    """Note a signal, and what a save has made of the stored document."""
    noted = recorder()

    if noted is None or cart.key is None:
        return

    noted.request.signals.append(f"{event.name} ({cart.key.instance})")

    if event.name == "before_change":
        noted.before[cart.key] = _stored(noted, cart)
    elif event.name == "cart_updated":
        changes = differences(noted.before.get(cart.key), _stored(noted, cart))
        save = Save(cart.key.instance, event.version, changes)
        noted.request.saves.append(save)


def _stored(noted: Recorder, cart: Cart) -> str | None:
    assert cart.key is not None

    with noted.pause():
        stored = cart_ext.storage.load(cart.key)

    return stored.text if stored else None


def _before_statement(*_: Any) -> None:
    if noted := recorder():
        noted.began = time.perf_counter()


def _after_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    if noted := recorder():
        _note(noted, statement, (time.perf_counter() - noted.began) * 1000)


def _note(noted: Recorder, text: str, milliseconds: float | None = None) -> None:
    statements = noted.request.statements

    if not noted.is_paused and len(statements) < STATEMENTS:
        text = _GUEST.sub(r"\1…", _COLUMNS.sub("…", " ".join(text.split())))
        short = text if len(text) <= LETTERS else f"{text[:LETTERS]}…"
        statements.append((short, milliseconds and round(milliseconds, 1)))


class NotedConnection(Connection):
    """A connection to Redis whose commands are noted."""

    def send_command(self, *args: Any, **options: Any) -> None:
        """Send a command, and note it if somebody looks."""
        if noted := recorder():
            _note(noted, " ".join(map(_readable, args)))

        super().send_command(*args, **options)  # type: ignore[no-untyped-call]


def _readable(part: Any) -> str:
    text = part.decode(errors="replace") if isinstance(part, bytes) else str(part)

    return text if len(text) <= 60 else f"{text[:60]}…"
