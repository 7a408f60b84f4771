"""The shops that are compared, and who shops there."""

from __future__ import annotations

import re
import subprocess
import sys
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..lost_updates.places import Places
from ..serving import PROJECT
from ..serving import serve
from ..serving import variables
from .connection import Connection

#: The interpreter that has Django and the carts for it, once they are installed.
OTHER_PYTHON: t.Final = PROJECT / ".venv-peers" / "bin" / "python"

TIMEOUT: t.Final = 60.0


class Shop(t.NamedTuple):
    """A shop that is served.

    :param module: What makes it, in this package.
    :param key: What it is called there.
    :param first: The page that a shopper comes from.
    :param show: The page of the cart.
    :param add: Where its form is sent, with an item.
    """

    name: str
    module: str
    key: str
    first: str = "/cart/"
    show: str = "/cart/"
    add: str = "/cart/lines"

    @property
    def python(self) -> Path:
        return OTHER_PYTHON if self.module == "on_django" else Path(sys.executable)

    @property
    def is_there(self) -> bool:
        """Whether it is installed."""
        return self.python.exists()


#: Its views are those of the blueprint, as Oscar has its own.
OURS: t.Final = Shop("Flask-Cart, the blueprint", "on_flask", "ours")
#: Those of a shop, of a few lines.
OWN_VIEWS: t.Final = Shop(
    "Flask-Cart, own views", "on_flask", "ours", "/own", "/own", "/own/lines"
)
OSCAR: t.Final = Shop(
    "django-oscar",
    "on_django",
    "oscar",
    first="/catalogue/product-1_1/",
    show="/basket/",
    add="/basket/add/{item}/",
)

#: For the measure of memory: what ours needs anyway, and a cart by hand.
BY_HAND: t.Final = Shop("a dict in the session", "on_flask", "session")

SHOPS: t.Final = [
    OURS,
    OWN_VIEWS,
    Shop("Flask alone", "on_nothing", "", "/cart/?lines=1", "/cart/?lines={lines}"),
    BY_HAND,
    Shop("dj-shop-cart", "on_django", "dj-shop-cart"),
    OSCAR,
]


class Shopper:
    """A browser of somebody who is not logged in.

    :param lines: What is put into the cart at first.
    """

    def __init__(self, shop: Shop, port: int, lines: int) -> None:
        self._connection = Connection.to(port, TIMEOUT)
        self._shop = shop
        self._page = shop.show.format(lines=lines)
        self._connection.get(shop.first)

        for number in range(1, lines + 1):
            self.add(number)

    def add(self, item: int = 1) -> None:
        """Send the form of a product, and do not follow to where it leads."""
        form = f"item={item}&quantity=1"

        if token := self._connection.cookies.get("csrftoken"):
            form += f"&csrfmiddlewaretoken={token}"

        status, _ = self._connection.post(self._shop.add.format(item=item), form)
        assert status in (302, 303), status

    def show(self) -> str:
        """Look at the cart."""
        status, page = self._connection.get(self._page)
        assert status == 200, page

        return page

    def close(self) -> None:
        self._connection.close()


@contextmanager
def opened(shop: Shop, places: Places, place: str) -> Iterator[t.Any]:
    """A shop on a database of its own, filled and served.

    :param place: What kind of database it is.
    :return: Its server.
    """
    module = f"{__package__}.{shop.module}"

    with places.address(place) as address:
        environment = {"SHOP": shop.key, "DATABASE_URL": address}
        subprocess.run(
            [shop.python, "-m", module], env=variables(environment), check=True
        )

        with serve(f"{module}:create_app()", shop.python, **environment) as server:
            yield server


def lines_of(page: str) -> int:
    """How many lines a page of a cart has, each with a field for its quantity."""
    return len(re.findall('<input[^>]* type="number"', page))


def versions() -> str:
    """Those of the carts for Django, in a sentence."""
    pins = (Path(__file__).parent / "constraints.txt").read_text()
    found = [
        f"{name} {pin}"
        for name in ("Django", "django-oscar", "dj-shop-cart")
        for pin in re.findall(rf"^{name}==(.+)$", pins, re.MULTILINE)
    ]

    return f"With {', '.join(found)}."
