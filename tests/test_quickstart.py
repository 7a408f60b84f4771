"""The quickstart, as a new user does it: in an empty folder, with only the wheel."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import typing as t
import urllib.parse
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from tests.support.servers import end
from tests.support.servers import missing
from tests.support.servers import wait_until

ROOT = Path(__file__).parent.parent

#: What pip says if it gets no answer from the index, or not what it needs.
UNREACHABLE = re.compile("Could not find a version|No matching distribution|Connection")


class Browser:
    """A browser without scripts."""

    def __init__(self, port: int, cookies: CookieJar) -> None:
        self._site = f"http://127.0.0.1:{port}"
        cookie_handler = urllib.request.HTTPCookieProcessor(cookies)
        self._opener = urllib.request.build_opener(cookie_handler)
        self._opener.addheaders = [("Accept", "text/html")]
        self.page = ""

    def open(self, path: str, fields: dict[str, str] | None = None) -> str:
        """Load a page, or send a form; what is shown then."""
        data = urllib.parse.urlencode(fields).encode() if fields is not None else None

        with self._opener.open(self._site + path, data, timeout=30) as answer:
            self.page = answer.read().decode()

        return self.page

    def submit(self, button: str, **changes: str) -> str:
        """Send the form that has this in it, as the page has filled it in."""
        forms = re.findall("<form.*?</form>", self.page, re.DOTALL)
        form = next(each for each in forms if button in each)
        (action,) = re.findall('<form[^>]* action="([^"]+)"', form)
        fields = dict(re.findall('name="([^"]+)" value="([^"]*)"', form))

        return self.open(action, fields | changes)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment that has the wheel, and what it asks for."""
    folder = tmp_path_factory.mktemp("installed")
    _pip("wheel", "--no-deps", f"--wheel-dir={folder}", str(ROOT))
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv")
    programs = folder / "venv" / "bin"
    _pip(
        f"--python={programs / 'python'}",
        "install",
        f"--constraint={ROOT / 'constraints.txt'}",
        f"{wheel}[database]",
    )

    return programs


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)

    if done.returncode != 0 and UNREACHABLE.search(done.stderr):
        missing("The package index")

    assert done.returncode == 0, done.stderr


def commands_of(page: Path) -> list[str]:
    """The commands that a page of the documentation tells its reader to run."""
    text = page.read_text().replace("\\\n", " ")

    return re.findall(r"^    \$ (.+)$", text, flags=re.M)


def files_of(page: Path) -> dict[str, str]:
    """The files that a page of the documentation tells its reader to write."""
    blocks = re.findall(
        r"\.\. code-block:: \S+\n +:caption: (\S+)\n\n((?:    .*\n|\n)+)",
        page.read_text(),
    )

    return {name: re.sub("^    ", "", text, flags=re.M) for name, text in blocks}


@contextmanager
def served(programs: Path, folder: Path) -> Iterator[int]:
    """The app in a folder, as ``flask run`` serves it."""
    log = folder / "log"
    command = [programs / "flask", "--app", "shop", "run", "--port", "0"]

    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=_environment(), stdout=output, stderr=output
        )

    try:
        wait_until(lambda: "Running on" in log.read_text(), t.cast(t.Any, process))
        (port,) = re.findall(r"Running on http://127\.0\.0\.1:(\d+)", log.read_text())
        yield int(port)
    finally:
        end(process)


def _environment() -> dict[str, str]:
    # Nothing of the project, nor of what runs these tests.
    hidden = ("PYTHON", "FLASK", "COV", "VIRTUAL_ENV")

    return {
        name: value for name, value in os.environ.items() if not name.startswith(hidden)
    }


def test_quickstart(programs: Path, tmp_path: Path) -> None:
    """Its files are a shop, in which a cart is filled, changed and kept."""
    files = files_of(ROOT / "docs" / "quickstart.rst")

    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    made = subprocess.run(
        [programs / "flask", "--app", "shop", "cart", "init-db"],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
    )
    assert made.stdout == "Created the table 'carts'.\n", made.stderr

    cookies = CookieJar()

    with served(programs, tmp_path) as port:
        browser = Browser(port, cookies)
        browser.open("/")
        # Back on the page of the shop, with the cart in its header.
        assert "€12.50" in browser.submit("Add to cart")

    # A restart of the server.
    with served(programs, tmp_path) as port:
        browser = Browser(port, cookies)
        assert "Mug" in browser.open("/cart/")
        (quantity,) = re.findall(r'name="(quantity\.\w+)"', browser.page)
        assert "€37.50" in browser.submit('id="cart-typed"', **{quantity: "3"})
        assert "There is nothing in it yet." in browser.submit("Remove<span")
        assert "€37.50" in browser.submit("put Mug back")


def test_quickstart_is_short() -> None:
    """It is 15 lines of Python, and one template."""
    files = files_of(ROOT / "docs" / "quickstart.rst")
    lines = [line for line in files["shop.py"].splitlines() if line.strip()]

    assert list(files) == ["shop.py", "templates/shop.html"]
    assert len(lines) == 15
    assert max(len(line) for line in lines) <= 88


def test_wheel_has_all_files(programs: Path) -> None:
    """It has the package as it is here, and nothing else of the project."""
    (packages,) = programs.parent.glob("lib/python*/site-packages")
    other = ["tests", "demo_shop", "benchmarks", "docs", "templates"]

    assert _files(packages / "flask_cart") == _files(ROOT / "flask_cart")
    assert not [name for name in other if (packages / name).exists()]


def _files(package: Path) -> set[Path]:
    return {
        path.relative_to(package)
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_assistants(programs: Path, tmp_path: Path) -> None:
    """With two lines more, an assistant fills a cart with what the guide lets its
    reader type, and a shopper takes it over."""
    if shutil.which("curl") is None:
        missing("curl")

    files = files_of(ROOT / "docs" / "quickstart.rst")
    files["shop.py"] += files_of(ROOT / "docs" / "agents.rst")["shop.py"]

    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    subprocess.run(
        [programs / "flask", "--app", "shop", "cart", "init-db"],
        cwd=tmp_path,
        env=_environment(),
        check=True,
        capture_output=True,
    )
    run, *commands = commands_of(ROOT / "docs" / "agents.rst")
    assert run == "flask --app shop run"

    with served(programs, tmp_path) as port:
        profile, cart = (
            json.loads(
                subprocess.check_output(
                    shlex.split(each.replace(":5000", f":{port}")), timeout=30
                )
            )
            for each in commands
        )
        assert "dev.ucp.shopping.cart" in profile["ucp"]["capabilities"]
        assert cart["totals"][-1] == {"type": "total", "amount": 2500}

        browser = Browser(port, CookieJar())
        browser.open(cart["continue_url"].removeprefix(f"http://127.0.0.1:{port}"))

        assert "2 \u00d7 <bdi>Mug</bdi>" in browser.page
        assert "\u20ac25.00" in browser.submit("Put it in my cart")
