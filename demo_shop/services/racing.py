"""Races: the shop sends itself many adds at once, and counts what is in the carts.

They are real requests to the running server, as those of one browser with many tabs.
The race is kept in the database, as the worker that answers the page may be another
than the one that lets it run.
"""

import json
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import as_completed
from dataclasses import asdict
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPException
from http.cookiejar import CookieJar
from itertools import cycle
from itertools import islice
from urllib.request import HTTPCookieProcessor
from urllib.request import ProxyHandler
from urllib.request import Request
from urllib.request import build_opener

from flask import Flask
from flask import current_app
from itsdangerous import BadSignature
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import delete
from sqlalchemy import insert
from sqlalchemy import select
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from ..extensions import db
from ..models import Race
from ..models import Variant
from ..models.columns import now
from ..places import NAME
from ..places import here
from .racers import CacheCart
from .racers import Racer
from .racers import SessionCart
from .racers import ShopCart

#: How many are added to each cart, all at once.
ADDS = 50
#: For how many seconds requests are sent, and how long one of them may take.
SENDING = 20
PATIENCE = 10
#: After how many seconds a race is over, whatever became of its worker.
LONGEST = SENDING + 2 * PATIENCE
#: How many races are kept.
KEPT = 20
#: How many seconds are between two looks at the counters.
TICK = 0.1

#: Those that race, in this order.
RACERS: dict[str, Callable[[int], Racer]] = {
    "session": SessionCart,
    "cache": CacheCart,
    "flask-cart": ShopCart,
}


@dataclass
class Tally:
    """What is counted of one cart.

    `kept` is what the last answer has said, and at the end what is in the cart.
    """

    racer: str
    sent: int = 0
    answered: int = 0
    kept: int = 0
    is_over: bool = False
    #: Whether `kept` is what is in the cart after all of them.
    is_counted: bool = False

    @property
    def lost(self) -> int:
        """How many were answered with 200, and are not in the cart."""
        return max(0, self.answered - self.kept) if self.is_counted else 0

    @property
    def failed(self) -> int:
        """How many were told that they are not in the cart, or nothing at all."""
        return self.sent - self.answered if self.is_over else 0


@dataclass(frozen=True)
class Standing:
    """A race as the page shows it."""

    id: int
    is_running: bool
    tallies: list[Tally]


def read_race() -> Standing | None:
    """The last race, or the one that is running."""
    race = db.session.scalar(select(Race).order_by(Race.id.desc()).limit(1))

    if race is None:
        return None

    is_running = bool(race.running) and race.began_at > now() - timedelta(
        seconds=LONGEST
    )

    return Standing(race.id, is_running, [Tally(**each) for each in race.tallies])


def begin_race(port: int) -> threading.Thread | None:
    """Let a race begin, unless one is running.

    :param port: Where this server listens on this machine.
    :return: What lets it run.
    """
    number = _claim()

    if number is None:
        return None

    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    thread = threading.Thread(
        target=_run, args=(app, number, port), name="race", daemon=True
    )
    thread.start()

    return thread


def _claim() -> int | None:
    """The number of a new race, or ``None`` if one is running."""
    long_ago = now() - timedelta(seconds=LONGEST)

    try:
        with db.engine.begin() as connection:
            # What has not ended by now was left by a worker that did.
            connection.execute(
                update(Race).where(Race.began_at < long_ago).values(running=None)
            )
            made = connection.execute(insert(Race).values(running=True))
            assert made.inserted_primary_key is not None
            number: int = made.inserted_primary_key[0]
            connection.execute(delete(Race).where(Race.id <= number - KEPT))
    except IntegrityError:
        return None

    return number


def _run(app: Flask, number: int, port: int) -> None:
    with app.app_context():
        tallies: list[Tally] = []

        try:
            skus = _goods()
            deadline = time.monotonic() + SENDING

            for racer in RACERS:
                tallies.append(Tally(racer))
                address = f"http://127.0.0.1:{port}/race/{racer}/cart?{NAME}={here()}"
                tab = Tab(address, number, deadline)

                for _ in _send(tab, skus, tallies[-1]):
                    _note(number, tallies)
        finally:
            _note(number, tallies, running=None)


def _send(tab: "Tab", skus: list[str], tally: Tally) -> Iterator[None]:
    """Send the adds, and stop now and then to have it noted how far they are."""
    tab.send("PUT")

    with ThreadPoolExecutor(ADDS) as pool:
        ticked = time.monotonic()

        for answer in as_completed([pool.submit(tab.send, "POST", e) for e in skus]):
            pieces = answer.result()
            tally.sent += 1

            if pieces is not None:
                tally.answered += 1
                tally.kept = pieces

            if time.monotonic() - ticked > TICK:
                ticked = time.monotonic()
                yield

    found = tab.send("GET")
    tally.is_over, tally.is_counted = True, found is not None
    tally.kept = found or 0
    tab.send("DELETE")
    yield


def _note(number: int, tallies: list[Tally], running: bool | None = True) -> None:
    with db.engine.begin() as connection:
        connection.execute(
            update(Race)
            .where(Race.id == number)
            .values(running=running, tallies=[asdict(each) for each in tallies])
        )


def _goods() -> list[str]:
    """What is added: one piece each of what is on the shelves."""
    statement = select(Variant.sku).where(Variant.stock > 0).order_by(Variant.id)
    skus = db.session.scalars(statement.limit(ADDS)).all()

    return list(islice(cycle(skus), ADDS))


class Tab:
    """The tabs of one browser, which have its cookies and nobody else's.

    :param address: Of the cart.
    :param deadline: When no more is sent.
    """

    def __init__(self, address: str, race: int, deadline: float) -> None:
        self._address = address
        self._deadline = deadline
        self._ticket = _tickets().dumps(race)
        # Not through a proxy of the environment: it is this machine.
        self._opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()))

    def send(self, method: str, sku: str = "") -> int | None:
        """Send a request. How many pieces are in the cart, if all went well."""
        left = min(PATIENCE, self._deadline - time.monotonic())

        if left <= 0:
            return None

        request = Request(
            self._address,
            json.dumps({"sku": sku}).encode(),
            {"Content-Type": "application/json", "Race": self._ticket},
            method=method,
        )

        try:
            with self._opener.open(request, timeout=left) as response:
                pieces: int = json.load(response)["pieces"]
        except (HTTPException, OSError):
            return None

        return pieces


def race_of(ticket: str) -> int | None:
    """The race that a request belongs to; only this shop can write such a ticket."""
    try:
        number: int = _tickets().loads(ticket, max_age=LONGEST)
    except BadSignature:
        return None

    return number


def _tickets() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="race")
