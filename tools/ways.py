"""Draw the five ways through the house, from the code as it runs.

``python -m tools.ways`` writes ``docs/ways/``, or another folder: a picture of each
way, and a table of how many modules it enters and how often it goes between them.
"""

from __future__ import annotations

import itertools
import sys
import types
import typing as t
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from decimal import Decimal
from pathlib import Path

from flask import Flask
from flask import render_template_string
from flask_login import LoginManager
from flask_login import UserMixin
from flask_login import login_user
from flask_sqlalchemy import SQLAlchemy

import flask_cart
from flask_cart import FlaskCart
from flask_cart import current_cart
from flask_cart import signals

PACKAGE = Path(flask_cart.__file__).parent
_COMPREHENSIONS: t.Final = {"<dictcomp>", "<listcomp>", "<setcomp>"}

FOLDER = Path(__file__).parent.parent / "docs" / "ways"


@dataclass
class Way:
    """What is called on a way: modules in the order of the calls, and who called."""

    title: str
    modules: list[str] = field(default_factory=list)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def entered(self) -> list[str]:
        """The modules, in the order in which they were first called."""
        return list(dict.fromkeys(self.modules))

    @property
    def module_changes(self) -> int:
        """How often the next call is in another module."""
        return _changes(self.modules)

    @property
    def folder_changes(self) -> int:
        """How often the next call is in another folder."""
        return _changes([folder_of(each) for each in self.modules])


def _changes(names: list[str]) -> int:
    return sum(one != other for one, other in itertools.pairwise(names))


def folder_of(module: str) -> str:
    """The folder of a module, such as ``"storage/sql"``; at the root, its file."""
    return module.rpartition("/")[0] or f"{module}.py"


@contextmanager
def traced(title: str) -> Iterator[Way]:
    """Follow all calls of functions of the package inside the block."""
    way = Way(title)

    def profile(frame: types.FrameType, what: str, argument: object) -> None:
        module = _module_of(frame) if what == "call" else None

        if module is not None:
            way.modules.append(module)
            caller = _caller_of(frame)

            if caller is not None and folder_of(caller) != folder_of(module):
                way.calls[folder_of(caller), folder_of(module)] += 1

    before = sys.getprofile()
    sys.setprofile(profile)

    try:
        yield way
    finally:
        sys.setprofile(before)


def _module_of(frame: types.FrameType) -> str | None:
    path = Path(frame.f_code.co_filename)

    # From Python 3.12 on, comprehensions are no calls.
    if frame.f_code.co_name in _COMPREHENSIONS or not path.is_relative_to(PACKAGE):
        return None

    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def _caller_of(frame: types.FrameType) -> str | None:
    """The module of the package that has called, through whatever lies between."""
    caller = frame.f_back

    while caller is not None:
        module = _module_of(caller)

        if module is not None:
            return module

        caller = caller.f_back

    return None


class Mug:
    """A product."""

    cart_id = "mug"
    cart_name = "Mug"
    cart_price = Decimal("12.50")


class User(UserMixin):  # type: ignore[misc]
    """Somebody with an account."""

    id = "7"


@dataclass
class Shop:
    """A shop with carts in SQLite."""

    app: Flask
    db: SQLAlchemy
    extension: FlaskCart


def make_shop() -> Shop:
    """A shop as the quickstart has it."""
    app = Flask("shop")
    app.config.from_mapping(
        SECRET_KEY="ways",
        CART_STORAGE="database",
        SQLALCHEMY_DATABASE_URI="sqlite://",
    )
    db = SQLAlchemy(app)
    extension = FlaskCart(app, db=db)
    app.register_blueprint(extension.blueprint, url_prefix="/cart")
    extension.product_loader(lambda ids: [Mug()] if "mug" in ids else [])
    LoginManager(app).user_loader(lambda user_id: User())

    with app.app_context():
        db.create_all()

    return Shop(app, db, extension)


def add(shop: Shop) -> Way:
    def hear(app: Flask, **extra: object) -> None:
        """A receiver, without which a signal has nowhere to go."""

    with (
        shop.app.test_request_context(),
        signals.item_added.connected_to(hear, shop.app),
        traced(
            "``current_cart.add(product, 2)`` to the stored text and the signal"
        ) as way,
    ):
        current_cart.add(Mug(), 2)

    return way


def price(shop: Shop) -> Way:
    with shop.app.test_request_context():
        current_cart.add(Mug(), 2)
        current_cart.add_discount("SUMMER", "10%")
        current_cart.refresh()

        with traced("A price from the product to the total on the page") as way:
            render_template_string("{{ current_cart.totals.total | money }}")

    return way


def post(shop: Shop) -> Way:
    client = shop.app.test_client()
    # Some things are looked at before the first answer of an app, and then no more.
    client.get("/nowhere")

    with client, traced("``POST /cart/lines`` as JSON to its answer") as way:
        client.post(
            "/cart/lines",
            json={"item": "mug", "quantity": 1},
            headers={"Accept": "application/json"},
        )

    return way


def order(shop: Shop) -> Way:
    with shop.app.test_request_context():
        current_cart.add(Mug(), 2)

        with traced("``place_order`` in the transaction of ``db.session``") as way:
            current_cart.place_order(
                lambda draft: draft.totals.total,
                lambda token: None,
                session=shop.db.session,
            )

    return way


def login(shop: Shop) -> Way:
    with shop.app.test_request_context():
        shop.extension.cart(owner="user:7").add("pot", price=30)
        current_cart.add(Mug(), 2)

        with traced("A login that merges") as way:
            login_user(User())

    return way


Walk = Callable[[Shop], Way]

WAYS: t.Final[tuple[Walk, ...]] = (add, price, post, order, login)

#: The folders, as the layers contract has them, from the top.
ROWS: t.Final = (
    ("extension.py",),
    ("http", "cli"),
    ("app", "app/backends", "metrics"),
    ("carts",),
    ("pricing", "storage", "storage/sql", "storage/keyvalue"),
    ("model", "signals.py"),
)

STYLE: t.Final = """
text { font: 12px ui-sans-serif, system-ui, sans-serif; fill: #1c2024 }
.folder { font-weight: 700 }
rect { fill: #f4f6f8; stroke: #8b949e }
path { fill: none; stroke: #3a6ea5; stroke-width: 1.5 }
.up { stroke: #b3541e; stroke-dasharray: 4 3 }
marker path { stroke: none; fill: #3a6ea5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } rect { fill: #22272e; stroke: #768390 }
  path { stroke: #79b8ff } .up { stroke: #ffab70 } marker path { fill: #79b8ff }
}
"""

WIDTH: t.Final = 720
LINE: t.Final = 17
GAP: t.Final = 34


class Box(t.NamedTuple):
    """A folder in a picture."""

    x: int
    y: int
    width: int
    height: int


def draw(way: Way) -> str:
    """A picture of a way: its folders, the modules in them, and who calls whom."""
    boxes: dict[str, Box] = {}
    parts: list[str] = []
    y = 10

    for row in ROWS:
        present = [each for each in row if each in map(folder_of, way.entered)]
        width = (WIDTH - 40) // max(len(present), 1)
        lines = {each: _wrapped(_modules_in(way, each), width) for each in present}
        height = max(
            (LINE * (len(each) + 1) + 14 for each in lines.values()), default=0
        )

        for number, each in enumerate(present):
            box = boxes[each] = Box(20 + number * width, y, width - 16, height)
            parts.append(_box(each, box, lines[each]))

        y += height + GAP if present else 0

    arrows = [
        _arrow(boxes, *pair, number)
        for number, pair in enumerate(sorted(way.calls))
        if all(each in boxes for each in pair)
    ]

    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}"'
            f' width="{WIDTH}" height="{y}">',
            f"<style>{STYLE}</style>",
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4"'
            ' markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0 0 L8 4 L0 8 Z"/></marker></defs>',
            # Behind the boxes, so that they can be followed from gap to gap.
            *arrows,
            *parts,
            "</svg>\n",
        )
    )


def _modules_in(way: Way, folder: str) -> list[str]:
    return [
        each.rpartition("/")[2]
        for each in way.entered
        if each.rpartition("/")[0] == folder
    ]


def _wrapped(names: list[str], width: int) -> list[str]:
    """Names in lines that fit into a box; a letter is about 6.6 wide."""
    lines = [""]

    for name in names:
        longer = f"{lines[-1]}  {name}".strip()

        if len(longer) * 6.6 < width - 40 or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(name)

    return lines


def _box(folder: str, box: Box, lines: list[str]) -> str:
    x, y = box.x + 10, box.y + LINE + 2
    texts = "".join(
        f'<text x="{x}" y="{y + LINE * number}">{line}</text>'
        for number, line in enumerate(lines, 1)
    )

    return (
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}"'
        f' rx="6"/><text class="folder" x="{x}" y="{y}">{folder}</text>{texts}'
    )


def _arrow(boxes: dict[str, Box], caller: str, called: str, number: int) -> str:
    """An arrow from a folder to one that it calls; dashed if that lies above it."""
    one, other = boxes[caller], boxes[called]
    shift = (number % 9 - 4) * 14

    if one.y == other.y:
        y = one.y + one.height + 8 + number % 3 * 5
        start, end = (_middle(each) + shift for each in (one, other))
        bottom = one.y + one.height

        return (
            f'<path class="{_direction(boxes, caller, called)}" marker-end="url(#head)"'
            f' d="M{start} {bottom} C{start} {y + 12} {end} {y + 12} {end} {bottom}"/>'
        )

    is_down = one.y < other.y
    start, end = _middle(one) + shift, _middle(other) + shift
    first = one.y + one.height if is_down else one.y
    last = other.y if is_down else other.y + other.height
    half = (first + last) // 2

    return (
        f'<path class="{_direction(boxes, caller, called)}" marker-end="url(#head)"'
        f' d="M{start} {first} C{start} {half} {end} {half} {end} {last}"/>'
    )


def _direction(boxes: dict[str, Box], caller: str, called: str) -> str:
    return "up" if boxes[called].y < boxes[caller].y else "down"


def _middle(box: Box) -> int:
    return box.x + box.width // 2


def table(ways: list[Way]) -> str:
    """The numbers of all ways, as reStructuredText."""
    rows = [
        f"   * - {number}. {way.title}\n     - {len(way.entered)}\n"
        f"     - {way.module_changes}\n     - {way.folder_changes}"
        for number, way in enumerate(ways, 1)
    ]

    return "\n".join(
        (
            ".. list-table::",
            "   :header-rows: 1",
            "   :widths: 55 15 15 15",
            "",
            "   * - Way",
            "     - Modules entered",
            "     - Changes of module",
            "     - Changes of folder",
            *rows,
            "",
        )
    )


def trace() -> list[Way]:
    """All ways, each in a shop of its own, once everything is warm."""
    return [walked(walk) for walk in (*WAYS, *WAYS)][len(WAYS) :]


def walked(walk: Walk) -> Way:
    """A way through a shop of its own."""
    shop = make_shop()
    way = walk(shop)

    with shop.app.app_context():
        shop.db.engine.dispose()

    return way


def write(folder: Path) -> None:
    """Write the pictures and the table."""
    folder.mkdir(exist_ok=True)
    ways = trace()
    (folder / "numbers.rst").write_text(table(ways))

    for walk, way in zip(WAYS, ways, strict=True):
        (folder / f"{walk.__name__}.svg").write_text(draw(way))


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
