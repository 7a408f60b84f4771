"""One form is one order, and a coupon is used once: with real servers and processes."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import typing as t
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import count
from itertools import cycle
from threading import Barrier
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from tests.support.guests import cookies_of
from tests.support.guests import give_cookies
from tests.support.harness import empty_database
from tests.support.harness import gunicorn
from tests.support.slackwater import SECRET_KEY
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor

MUG = ("harbour-mug", "MUG-NAVY")
#: Of each kind, on the shelf.
PIECES = 32
# Orders of different things, of which none waits for the stock that another has taken:
# they meet at the coupon.
SHIRTS = (
    "pier-shirt",
    *(f"SHIRT-{colour}-{size}" for colour in ("NAVY", "RUST") for size in "SML"),
)
SHOPPERS = 16
DEADLINE = 60

_numbers = count(1)


class Server(t.NamedTuple):
    """Workers that serve the shop, and a look into its storeroom."""

    port: int
    shop: Shop

    def post(self, visitor: Visitor, path: str, fields: dict[str, str]) -> Answer:
        """Send a form as the visitor's browser does, to one of the workers."""
        cookies = cookies_of(visitor.client)
        headers = {
            "Cookie": "; ".join(map("=".join, cookies.items())),
            "Accept": "text/html",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        connection = HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        connection.request("POST", path, urlencode(fields), headers)
        response = connection.getresponse()
        answer = Answer(
            response.status, response.headers["Location"], response.read().decode()
        )
        connection.close()

        return answer

    def post_together(
        self, forms: list[tuple[Visitor, str, dict[str, str]]]
    ) -> list[Answer]:
        """Send many forms at the same time."""
        start = Barrier(len(forms))

        def post(form: tuple[Visitor, str, dict[str, str]]) -> Answer:
            start.wait(DEADLINE)

            return self.post(*form)

        with ThreadPoolExecutor(len(forms)) as pool:
            return list(pool.map(post, forms))


class Answer(t.NamedTuple):
    status: int
    location: str | None
    text: str


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A database for all tests of this file, on both engines."""
    folder = tmp_path_factory.mktemp("database")

    with empty_database(request, request.param, folder) as url:
        yield url


@pytest.fixture(scope="module")
def opened(url: str) -> Iterator[Shop]:
    shop = Shop(url)
    yield shop
    shop.close()


@pytest.fixture
def shop(opened: Shop) -> Shop:
    """The shop with its shelves filled up, and nothing sold."""
    for sku in (MUG[1], *SHIRTS[1:]):
        opened.set_stock(sku, PIECES)

    opened.forget_orders()

    return opened


@pytest.fixture(scope="module")
def port(
    opened: Shop, url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """Two processes of eight threads."""
    log = tmp_path_factory.mktemp("server") / "log"
    options = ("--workers=2", "--threads=8", "--worker-class=gthread")
    environment = {
        "DEMO_SHOP_DATABASE_URI": url,
        "DEMO_SHOP_SECRET_KEY": SECRET_KEY,
    }

    with gunicorn(
        url, log, *options, app="demo_shop:create_app()", **environment
    ) as port:
        yield port


@pytest.fixture
def server(port: int, shop: Shop) -> Server:
    return Server(port, shop)


@pytest.fixture
def print_coupon(shop: Shop) -> Iterator[Callable[..., None]]:
    """Makes a coupon that is gone after the test."""
    printed = []

    def print_coupon(code: str, **about: t.Any) -> None:
        shop.print_coupon(code, **about)
        printed.append(code)

    yield print_coupon

    shop.forget_orders()

    for code in printed:
        shop.burn_coupon(code)


def shoppers(
    shop: Shop, number: int, code: str, goods: tuple[str, ...] = MUG
) -> list[Visitor]:
    """Visitors who have put the same code in their baskets, each with one of these."""
    visitors = [shop.visitor() for _ in range(number)]
    slug, *skus = goods

    for each, sku in zip(visitors, cycle(skus), strict=False):
        # Whoever tries many codes from one address is slowed down.
        each.client.environ_base["REMOTE_ADDR"] = f"2001:db8::{next(_numbers):x}"
        # The pages that these lead to are for others to look at.
        each.get(f"/goods/{slug}")
        added = each.post("/basket/lines", item=sku, quantity="1")
        entered = each.post("/basket/coupons", code=code, cart_key="of the coupon")
        assert (added.status_code, entered.status_code) == (303, 303)

    return visitors


def shirts_sold(shop: Shop) -> int:
    """How many are missing on the shelf."""
    return sum(PIECES - shop.stock(sku) for sku in SHIRTS[1:])


def test_one_form_is_one_order(server: Server, print_coupon) -> None:
    """Of 32 who post the same form at once, all get the number of the one order."""
    print_coupon("SPRING10", total_limit=1)
    (visitor,) = shoppers(server.shop, 1, "SPRING10")
    form = visitor.checkout_form()
    answers = server.post_together([(visitor, "/checkout", form)] * 32)
    (order,) = server.shop.orders()

    assert {each[:2] for each in answers} == {(303, f"/orders/{order.token}")}
    assert f"Order {order.number}" in visitor.get(f"/orders/{order.token}")
    assert server.shop.stock("MUG-NAVY") == PIECES - 1
    assert server.shop.used("SPRING10") == (1, 1)
    assert visitor.lines() == []


def test_a_single_use_code(server: Server, print_coupon) -> None:
    """Of 16 shoppers with the same single-use code one orders with it; the others are
    told, with the new total, and can order without it."""
    print_coupon("SINGLE", total_limit=1)
    visitors = shoppers(server.shop, SHOPPERS, "SINGLE", SHIRTS)
    answers = server.post_together(
        [
            (each, "/checkout", {**each.checkout_form(), "email": f"{i}@example.org"})
            for i, each in enumerate(visitors)
        ]
    )

    assert Counter(each.status for each in answers) == {303: 1, 409: SHOPPERS - 1}
    assert len(server.shop.orders()) == 1
    assert shirts_sold(server.shop) == 1
    assert server.shop.used("SINGLE") == (1, 1)

    for visitor, answer in zip(visitors, answers, strict=True):
        if answer.status == 409:
            assert "SINGLE has" in answer.text
            assert "used up" in answer.text
            assert "The total is €53.90 now. Nothing was ordered yet." in answer.text
            assert visitor.order().location.startswith("/orders/")

    assert len(server.shop.orders()) == SHOPPERS
    assert server.shop.used("SINGLE") == (1, 1)


def test_a_limit_for_each_customer(server: Server, print_coupon) -> None:
    """One customer with eight browsers at once uses a coupon as often as allowed."""
    print_coupon("TWICE", customer_limit=2)
    visitors = shoppers(server.shop, 8, "TWICE", SHIRTS)
    answers = server.post_together(
        [(each, "/checkout", each.checkout_form()) for each in visitors]
    )

    assert Counter(each.status for each in answers) == {303: 2, 409: 6}
    assert server.shop.used("TWICE") == (2, 2)
    assert shirts_sold(server.shop) == 2
    assert all(
        "was used with the address ada@example.org" in each.text
        for each in answers
        if each.status == 409
    )


def test_the_last_pieces(server: Server) -> None:
    """Of 16 shoppers for five mugs, five get one; the others are told which is gone."""
    server.shop.set_stock("MUG-NAVY", SHOPPERS)
    visitors = shoppers(server.shop, SHOPPERS, "FAIRWIND")
    forms = [(each, "/checkout", each.checkout_form()) for each in visitors]
    server.shop.set_stock("MUG-NAVY", 5)
    answers = server.post_together(forms)
    places = Counter((each.location or "").split("/")[1] for each in answers)

    assert places == {"orders": 5, "basket": SHOPPERS - 5}
    assert server.shop.stock("MUG-NAVY") == 0
    assert len(server.shop.orders()) == 5


def test_adds_while_it_is_ordered(server: Server) -> None:
    """What is added during the checkout is in the order, or in the basket."""
    (visitor,) = shoppers(server.shop, 1, "BIGFISH")
    form = visitor.checkout_form()
    added = {"csrf_token": form["csrf_token"], "item": "MUG-NAVY", "quantity": "1"}
    adds = [(visitor, "/basket/lines", added)] * 8
    answers = server.post_together([*adds[:4], (visitor, "/checkout", form), *adds[4:]])
    sold = PIECES - server.shop.stock("MUG-NAVY")
    visitor.get("/basket/")
    left = sum(int(visitor.field(f"quantity.{each}")) for each in visitor.lines())

    assert all(each.status == 303 for each in answers)
    assert sold == len(server.shop.orders())
    assert sold + left == 9


def test_a_process_that_dies(shop: Shop, url: str, print_coupon) -> None:
    """Killed after any statement of the checkout, before the commit or after it, and
    then sent again, the form makes one order with one use of the coupon."""
    print_coupon("DEADLY", total_limit=1, customer_limit=1)
    survived = False
    moment = 0

    with mortals(url) as order_and_die:
        while not survived:
            shop.set_stock("MUG-NAVY", PIECES)
            shop.forget_orders()
            shop.change_coupon("DEADLY", used=0)
            (visitor,) = shoppers(shop, 1, "DEADLY")
            form = visitor.checkout_form()
            survived = order_and_die(visitor, form, moment)
            first = visitor.post("/checkout", **form)
            second = visitor.post("/checkout", **form)
            (order,) = shop.orders()

            assert first.location == second.location == f"/orders/{order.token}"
            assert (order.total_cents, shop.stock("MUG-NAVY")) == (1750, PIECES - 1)
            assert shop.used("DEADLY") == (1, 1)
            assert visitor.lines() == []

            moment += 1

    # Prices, the order and its lines, stock, coupon, the cart, the commit, the answer.
    assert moment > 12


@contextmanager
def mortals(url: str) -> Iterator[Callable[[Visitor, dict[str, str], int], bool]]:
    """Sends a form to a process that dies at a moment of it, and tells whether it had
    ended before; each is forked from one that has imported everything."""
    process = subprocess.Popen(
        [sys.executable, __file__, url],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def order_and_die(visitor: Visitor, form: dict[str, str], moment: int) -> bool:
        cookies = cookies_of(visitor.client)
        print(json.dumps([cookies, form, moment]), file=process.stdin, flush=True)
        code = process.stdout.readline().strip()
        assert code in ("0", "42")

        return code == "0"

    with process:
        yield order_and_die
        process.stdin.close()


def fork_mortals(url: str) -> None:
    """Fork a process for each line that comes, and write how it has ended."""
    shop = Shop(url)
    # No two processes may share a connection.
    shop.close()
    # Nor does each of them look for garbage in all of this.
    gc.freeze()

    for line in sys.stdin:
        child = os.fork()

        if child == 0:
            signal.alarm(DEADLINE)
            die_at(shop, *json.loads(line))
            os._exit(0)

        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def die_at(
    shop: Shop, cookies: dict[str, str], form: dict[str, str], moment: int
) -> None:
    """Send a form, and die at the moment of this number: after a statement, or around
    the commit."""
    visitor = shop.visitor()
    give_cookies(visitor.client, cookies)
    left = moment

    def count(*_: object) -> None:
        nonlocal left

        if left == 0:
            os._exit(42)

        left -= 1

    sa.event.listen(sa.Engine, "after_cursor_execute", count)
    sa.event.listen(orm.Session, "before_commit", count)
    sa.event.listen(orm.Session, "after_commit", count)
    response = visitor.client.post("/checkout", data=form)
    assert response.status_code == 303, response.text
    count()


if __name__ == "__main__":
    fork_mortals(*sys.argv[1:])
