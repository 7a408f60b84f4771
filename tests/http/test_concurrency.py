"""Many requests for one cart at once, to real workers, on each storage that is safe."""

from __future__ import annotations

import http.client
import json
import threading
import typing as t
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flask_cart.http.answers import REPLAYED
from flask_cart.http.answers import VERSION
from tests.support.harness import DEADLINE
from tests.support.harness import empty_database
from tests.support.harness import gunicorn
from tests.support.served_shop import create_app
from tests.support.storefronts import line_of

pytestmark = pytest.mark.unmeasured

#: How many send something at the same moment; more than the server has threads.
CROWD: t.Final = 20

MUG: t.Final = line_of("mug", size="L")

STORAGES = ["sqlite", "postgresql", "redis", "locked redis", "sessions in redis"]


class Answer(t.NamedTuple):
    """What a server has answered."""

    status: int
    etag: str | None
    body: t.Any
    replayed: str | None = None
    version: str | None = None


class Browser:
    """A shopper's browser, of which many windows may send something at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookies: dict[str, str] = {}

    def send(
        self, method: str, path: str, body: t.Any = None, **headers: str
    ) -> Answer:
        """Ask the server in a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Accept": "application/json", "Content-Type": "application/json"}
        sent["Cookie"] = "; ".join(map("=".join, self._cookies.items()))

        try:
            connection.request(method, path, json.dumps(body or {}), sent)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()

        for cookie in response.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies.setdefault(name, value)

        told = response.headers

        return Answer(
            response.status,
            told["ETag"],
            json.loads(text),
            told[REPLAYED],
            told[VERSION],
        )

    def show(self) -> Answer:
        return self.send("GET", "/cart/")

    def add_mug(self) -> Answer:
        """Put a mug into the cart, by which the browser gets its cookie."""
        mug = {"item": "mug", "options": {"size": "L"}}

        return self.send("POST", "/cart/lines", mug)


@pytest.fixture(scope="module", params=STORAGES)
def port(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """A shop on each storage, with two processes of four threads."""
    folder = tmp_path_factory.mktemp("served")
    config: dict[str, t.Any] = {"CART_CURRENCY": "EUR"}
    name: str = request.param

    if name in ("sqlite", "postgresql"):
        with empty_database(request, name, folder) as url:
            config |= {"CART_STORAGE": "database", "SQLALCHEMY_DATABASE_URI": url}
            _make_table(config)
            yield from _serve(config, folder)

        return

    url = request.getfixturevalue("running_valkey").url

    if name == "sessions in redis":
        config |= {"CART_STORAGE": "session", "SESSION_TYPE": "redis"}
    else:
        config |= {
            "CART_STORAGE": "cache",
            "CACHE_TYPE": "RedisCache",
            "CACHE_REDIS_URL": url,
            "CART_CACHE_LOCKING": name == "locked redis",
        }

    yield from _serve(config, folder, REDIS_URL=url)


def _serve(config: dict[str, t.Any], folder: Path, **environment: str) -> Iterator[int]:
    with gunicorn(
        "",
        folder / "gunicorn.log",
        app="tests.support.served_shop:create_app()",
        SHOP_CONFIG=json.dumps(config),
        **environment,
    ) as port:
        yield port


def _make_table(config: dict[str, t.Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_CONFIG", json.dumps(config))
        app = create_app()

    assert app.test_cli_runner().invoke(args=["cart", "init-db"]).exit_code == 0

    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


@pytest.fixture
def browser(port: int) -> Browser:
    """A shopper who has a mug in the cart."""
    browser = Browser(port)
    assert browser.add_mug().status == 200

    return browser


def at_once(send: Callable[[int], Answer]) -> list[Answer]:
    """Send something so many times at the same moment, and number them."""
    barrier = threading.Barrier(CROWD)

    def together(number: int) -> Answer:
        barrier.wait(DEADLINE)

        return send(number)

    with ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(together, range(CROWD)))


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(each.status for each in answers)


def test_same_key(browser: Browser) -> None:
    """What is sent many times with one key is done once, and answered the same."""
    pot = {"item": "pot", "quantity": 2}
    answers = at_once(
        lambda number: browser.send("POST", "/cart/lines", pot, Idempotency_Key="same")
    )

    marks = Counter(each.replayed for each in answers)
    assert marks == {None: 1, "true": CROWD - 1}

    first = browser.show()
    as_shown = [each._replace(replayed=None, version=None) for each in answers]
    assert as_shown == [first] * CROWD
    assert {each.version for each in answers} == {str(first.body["version"])}
    assert (first.status, first.body["quantity"]) == (200, 3)


def test_same_key_for_two_changes(browser: Browser) -> None:
    """Of two changes with one key, one is done once, and the other one never."""
    answers = at_once(
        lambda number: browser.send(
            "POST",
            "/cart/lines",
            {"item": "pot", "quantity": 2 + number % 2},
            Idempotency_Key="same",
        )
    )

    assert statuses(answers) == {200: CROWD // 2, 422: CROWD // 2}
    assert browser.show().body["quantity"] in (3, 4)
    assert {each.body["code"] for each in answers if each.status == 422} == {
        "key-reused"
    }


def test_other_keys(browser: Browser) -> None:
    """What is sent with keys of its own is all done, and nothing is refused."""
    answers = at_once(
        lambda number: browser.send(
            "POST", "/cart/lines", {"item": "pot"}, Idempotency_Key=f"{number}"
        )
    )

    assert statuses(answers) == {200: CROWD}
    assert browser.show().body["quantity"] == 1 + CROWD
    # Each was a change of its own, and is answered with a cart that has it.
    assert len({each.body["version"] for each in answers}) > 1


def test_same_version(browser: Browser) -> None:
    """Of what is meant for one version, one is done; the others get the cart then."""
    before = browser.show()
    answers = at_once(
        lambda number: browser.send(
            "POST",
            f"/cart/lines/{MUG}/increment",
            {"by": number + 1},
            If_Match=before.etag or "",
        )
    )
    (done,) = [each for each in answers if each.status == 200]
    stale = [each for each in answers if each is not done]

    assert statuses(stale) == {412: CROWD - 1}
    assert browser.show() == Answer(200, done.etag, done.body)
    assert all(each.body["cart"] == done.body for each in stale)


def test_stale_version(browser: Browser) -> None:
    """Of what is meant for an older version, nothing is done."""
    before = browser.show()
    now = browser.add_mug()
    answers = at_once(
        lambda number: browser.send(
            "DELETE", "/cart/", If_Match=before.etag or "", Idempotency_Key=f"{number}"
        )
    )

    assert statuses(answers) == {412: CROWD}
    assert all(each.body["cart"] == now.body for each in answers)
    assert browser.show().etag == now.etag


def test_same_line(browser: Browser) -> None:
    """Of quantities that were decided on the same one, one is set.

    The others are told of a conflict, with both values. It is no failed condition.
    """
    answers = at_once(
        lambda number: browser.send(
            "PATCH", f"/cart/lines/{MUG}", {"quantity": number + 2, "seen": 1}
        )
    )
    (done,) = [each for each in answers if each.status == 200]
    conflicts = [each for each in answers if each is not done]

    assert statuses(conflicts) == {409: CROWD - 1}
    assert browser.show().body == done.body
    assert all(each.body["line_id"] == MUG for each in conflicts)

    for number, each in enumerate(answers):
        if each is not done:
            stored = done.body["quantity"]
            differs = {"seen": 1, "stored": stored, "wanted": number + 2}
            assert each.body["differs"] == differs


def test_any_line(browser: Browser) -> None:
    """Changes that say how many more, and not how many, are all done."""
    answers = at_once(
        lambda number: browser.send("POST", f"/cart/lines/{MUG}/increment", {"by": 2})
    )

    assert statuses(answers) == {200: CROWD}
    assert browser.show().body["quantity"] == 1 + 2 * CROWD
