"""Other carts are asked for the same, and what is too slow is told."""

from __future__ import annotations

import typing as t
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask

from benchmarks.lost_updates.places import Places
from benchmarks.measuring import Ratio
from benchmarks.peers import __main__ as command
from benchmarks.peers import memory
from benchmarks.peers import on_flask
from benchmarks.peers import on_nothing
from benchmarks.peers.connection import Connection
from benchmarks.peers.memory import Memory
from benchmarks.peers.shops import BY_HAND
from benchmarks.peers.shops import OSCAR
from benchmarks.peers.shops import OURS
from benchmarks.peers.shops import OWN_VIEWS
from benchmarks.peers.shops import SHOPS
from benchmarks.peers.shops import Shop
from benchmarks.peers.shops import Shopper
from benchmarks.peers.shops import lines_of
from benchmarks.peers.shops import opened
from benchmarks.report import read_table

DOCS = Path(__file__).parent.parent.parent / "docs" / "benchmarks"


class Wire:
    """A server that has its answers ready, and sends them in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.heard: list[str] = []
        self.is_closed = False

    def sendall(self, data: bytes) -> None:
        self.heard.append(data.decode())

    def recv(self, size: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def close(self) -> None:
        self.is_closed = True


def answer(*headers: str, text: str = "") -> bytes:
    head = "\r\n".join(["HTTP/1.1 200 OK", *headers])

    return f"{head}\r\nContent-Length: {len(text.encode())}\r\n\r\n{text}".encode()


def cookies_said(wire: Wire) -> list[str]:
    """What the last request had in its header of cookies."""
    _, _, said = wire.heard[-1].partition("\r\nCookie: ")

    return said.partition("\r\n")[0].split("; ") if said else []


def page_of(app: Flask, add: str, show: str) -> str:
    """The page of a cart of two lines, of which one was added twice."""
    client = app.test_client()

    for item in (1, 2, 1):
        form = {"item": item, "quantity": 1}
        assert client.post(add, data=form).status_code == 303

    return client.get(show).text


def test_an_answer_in_pieces() -> None:
    """An answer is read to its end and no further, wherever its pieces begin."""
    whole = answer("Server: gunicorn", text="Größe: 3")

    for cut in range(1, len(whole) - 1):
        pieces = whole[:cut], whole[cut : cut + 1], whole[cut + 1 :]
        wire = Wire(*pieces, answer(text="next"))
        connection = Connection(wire, "shop")

        assert connection.get("/cart/") == (200, "Größe: 3")
        assert connection.get("/cart/") == (200, "next")


def test_what_a_browser_says() -> None:
    """A form is sent with its length, and all headers in one go."""
    wire = Wire(b"HTTP/1.1 303 SEE OTHER\r\ncontent-length: 0\r\n\r\n")
    connection = Connection(wire, "shop:80")

    assert connection.post("/cart/lines", "item=1&quantity=1") == (303, "")
    assert len(wire.heard) == 1
    head, _, form = wire.heard[0].partition("\r\n\r\n")
    first, *headers = head.split("\r\n")
    assert first == "POST /cart/lines HTTP/1.1"
    assert {"Host: shop:80", "Content-Length: 17"} < {*headers}
    assert form == "item=1&quantity=1"
    connection.close()
    assert wire.is_closed


def test_cookies() -> None:
    """They are sent as they came, until the server deletes them."""
    both = [
        "Set-Cookie: cart=a.b-c; Path=/; HttpOnly",
        'set-cookie: said="x y"; Path=/',
    ]
    gone = [
        "Set-Cookie: cart=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/",
        'Set-Cookie: said="x"; Path=/; Max-Age=0',
    ]
    wire = Wire(
        answer(*both),
        answer(),
        answer(gone[0]),
        answer(gone[1], text="Set-Cookie: a=b"),
    )
    connection = Connection(wire, "shop")
    found = []

    for _ in range(4):
        connection.get("/")
        found.append(cookies_said(wire))

    both_said = ["cart=a.b-c", 'said="x y"']
    assert found == [[], both_said, both_said, ['said="x y"']]
    assert connection.cookies == {}


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"],
        [answer(text="a") + b"HTTP/1.1 200 OK"],
    ],
    ids=["in chunks", "two at once"],
)
def test_an_answer_of_another_length(pieces: list[bytes]) -> None:
    """What is not read whole is not timed."""
    with pytest.raises(AssertionError):
        Connection(Wire(*pieces), "shop").get("/")


def test_a_server_that_is_gone() -> None:
    """Nobody waits for the rest of an answer."""
    with pytest.raises(ConnectionError, match="has closed"):
        Connection(Wire(answer(text="abc")[:-1]), "shop").get("/")


def test_the_same_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is written by hand shows the same as ours, and without a cart as much."""
    pages = []

    for shop, add, show in [
        ("session", "/cart/lines", "/cart/"),
        ("ours", "/own/lines", "/own"),
    ]:
        monkeypatch.setenv("SHOP", shop)
        monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/{shop}")
        on_flask.fill()
        app = on_flask.create_app()
        pages.append(page_of(app, add, show))

        with app.app_context():
            on_flask.db.engine.dispose()

    by_hand, ours = pages
    nothing = page_of(on_nothing.create_app(), "/cart/lines", "/cart/?lines=2")

    assert ours == by_hand
    assert "Total: 37.50" in ours
    assert (lines_of(ours), lines_of(nothing)) == (2, 2)


@pytest.mark.parametrize("shop", [OURS, *SHOPS[-2:]], ids=lambda shop: shop.name)
def test_a_shop(places: Places, shop: Shop) -> None:
    """It is filled and served, keeps what somebody adds, and tells its memory."""
    if not shop.is_there:
        pytest.skip(f"{shop.name} is not installed; see the Makefile")

    place = "sqlite" if shop == OURS else "postgresql"

    with opened(shop, places, place) as server:
        with closing(Shopper(shop, server.port, 2)) as shopper:
            shopper.add()
            page = shopper.show()

        assert server.worker.memory_full_info().uss > 2**20

    assert lines_of(page) == 2
    assert "37.50" in page


def test_tables(tmp_path: Path) -> None:
    """A run writes what the page shows, with the same rows and columns."""
    measured = [
        command.Measured(request, shop, "3", Ratio(1.5, 0.1), 5)
        for request in command.REQUESTS
        for shop in SHOPS
    ]
    command.write(measured, tmp_path, 5, 1)
    written, shown = (read_table(each / "peers.csv") for each in (tmp_path, DOCS))

    assert written[0] == shown[0]
    assert [row[:2] for row in written] == [row[:2] for row in shown]
    assert (tmp_path / "peers.svg").read_text().count("<rect") == 4 + 3 * len(SHOPS)
    assert "django-oscar 4." in (tmp_path / "peers.txt").read_text()


def test_verdicts() -> None:
    """What is wanted of an add and of a page is told beside what both of ours reach."""
    ratios = {OURS: 1.0, OWN_VIEWS: 0.5, OSCAR: 12.0}
    measured = [
        command.Measured(request, shop, "", Ratio(ratio, 0), 0)
        for request in command.REQUESTS
        for shop, ratio in ratios.items()
    ]
    of_oscar = (
        "django-oscar takes 12.0 times Flask-Cart, the blueprint,"
        " 24.0 times Flask-Cart, own views"
    )

    assert [*command.verdicts(measured)] == [
        f"an add, 1 line: {of_oscar}; wanted are 10 times.",
        f"an add, 20 lines: {of_oscar}; wanted are 10 times.",
        f"an add and the page, 1 line: {of_oscar}.",
        f"an add and the page, 20 lines: {of_oscar}.",
        f"the page, 1 line: {of_oscar}.",
        f"the page, 20 lines: {of_oscar}; wanted are 30 times.",
    ]


def test_what_is_timed() -> None:
    """An add is followed to the page only where the page is timed as well."""
    asked: list[str] = []
    shopper = SimpleNamespace(
        add=lambda: asked.append("add"), show=lambda: asked.append("show")
    )
    timed = []

    for request in command.REQUESTS[::2]:
        asked.clear()
        command.work(t.cast(Shopper, shopper), request).run()
        timed.append((request.name, *asked))

    assert timed == [
        ("an add, 1 line", "add"),
        ("an add and the page, 1 line", "add", "show"),
        ("the page, 1 line", "show"),
    ]


def test_memory_beside_a_cart_by_hand() -> None:
    """The difference is that of the medians of what each has for itself."""
    found = {OURS: Memory([50, 58, 52], [60, 61, 62]), BY_HAND: Memory([40], [44])}

    assert memory.table(found) == [
        [OURS.name, "52.0 ± 4.0", "61.0", "+12.0 MiB"],
        [BY_HAND.name, "40.0 ± 0.0", "44.0", "+0.0 MiB"],
    ]
