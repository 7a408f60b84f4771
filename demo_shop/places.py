"""Places: where the baskets of a visitor are, which each browser chooses.

For each place there is an app, made when somebody first asks for it. All of them are
one shop, with one database and one session of each browser. Only their carts are stored
elsewhere, and whoever is a guest is another guest in each of them: so what is done in
one place, as logging in and out, leaves what waits in the others as it is.
"""

from collections.abc import Callable
from collections.abc import Iterable
from threading import Lock
from typing import Any

from flask import Flask
from flask import current_app
from flask.sessions import SecureCookieSessionInterface
from werkzeug import Request

from .languages import sentences

#: The cookie of a browser that has chosen, and the parameter of an address that leads
#: to what is in one place, whoever opens it.
NAME = "place"
PLACES = sentences({"database": "Database", "session": "Sessions", "cache": "Cache"})

#: What is in one place. Where an address of it names none, it is the default one.
PATHS = ("/basket/links/", "/payments/")
PAGES = {"cart.link", "cart.take_link", "payments.show", "payments.stop"}
ENDPOINTS = {*PAGES, "payments.hear"}


class Places:
    """Lets each request be answered in the place that it is about.

    :param main: The app of the default place.
    :param make: Makes the app of another one.
    """

    def __init__(self, main: Flask, make: Callable[[str], Flask]) -> None:
        self.default: str = main.config["DEMO_SHOP_STORAGE"]
        self.apps = {self.default: main}
        self._answering = {self.default: main.wsgi_app}
        self._make = make
        self._lock = Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        place = self._asked_for(environ)

        if place not in self._answering:
            with self._lock:
                self._open(place)

        return self._answering[place](environ, start_response)

    def _asked_for(self, environ: dict[str, Any]) -> str:
        """The place of a request. Most say nothing of it, which costs nothing."""
        mark, place = f"{NAME}=", None

        if mark in environ.get("QUERY_STRING", ""):
            place = Request(environ, populate_request=False).args.get(NAME)
        elif environ.get("PATH_INFO", "").startswith(PATHS):
            return self.default
        elif mark in environ.get("HTTP_COOKIE", ""):
            place = Request(environ, populate_request=False).cookies.get(NAME)

        return place if place in PLACES else self.default

    def _open(self, place: str) -> None:
        # Another thread may have been faster.
        if place not in self._answering:
            app = self.apps[place] = self._make(place)
            _share_session(app, self.apps[self.default])
            app.url_defaults(_name_place)
            self._answering[place] = app.wsgi_app
            init_app(app, self)


def init_app(app: Flask, places: Places) -> None:
    """Let all that asks an app, as Sandbox Pay does, be answered where it belongs."""
    app.extensions["places"] = places
    app.wsgi_app = places  # type: ignore[method-assign]


def here() -> str:
    """The place that this request is answered in."""
    place: str = current_app.config["DEMO_SHOP_STORAGE"]

    return place


def owner_here(owner: str) -> str:
    """What tells an owner's carts from those that the same one has in other places."""
    is_default = here() == current_app.extensions["places"].default

    return owner if is_default else f"{here()} {owner}"


def _name_place(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint in ENDPOINTS:
        values.setdefault(NAME, here())


def _share_session(app: Flask, main: Flask) -> None:
    """Let an app open and save the sessions of another one, as that would itself.

    Its own interface stays, as carts beside sessions are found by it, and the name of
    its own cookie, which that of its guests is made of.
    """
    shared = main.session_interface

    if "SESSION_TYPE" not in app.config:
        # The one that there is belongs to all apps.
        app.session_interface = SecureCookieSessionInterface()

    vars(app.session_interface).update(
        open_session=lambda _, request: shared.open_session(main, request),
        save_session=lambda _, *answered: shared.save_session(main, *answered),
        regenerate=getattr(shared, "regenerate", None),
    )
