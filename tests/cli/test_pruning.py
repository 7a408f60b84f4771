"""Carts that nobody touches are announced, and deleted, and no others."""

from __future__ import annotations

import datetime as dt
import json
import os
import pty
import queue
import subprocess
import sys
import threading
import typing as t
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from flask import Flask

from flask_cart import Cart
from flask_cart import CartBusyError
from flask_cart import CartStorageError
from flask_cart import CartVetoError
from flask_cart import FlaskCart
from flask_cart import signals
from flask_cart.carts.abandonment import delete_abandoned
from flask_cart.carts.cart import working_copy
from flask_cart.carts.scanning import find_carts
from flask_cart.model.events import CartAbandoned
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Changes
from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing.carts import save_cart
from tests.support import shops
from tests.support.apps import make_app
from tests.support.crowds import Given
from tests.support.crowds import cart_of
from tests.support.crowds import fill
from tests.support.crowds import insert
from tests.support.crowds import pass_days
from tests.support.crowds import run
from tests.support.crowds import run_json

OWNERS = ["guest:1", "user:1", "acme/guest:1", "acme/user:1", "company:1"]


class Hearing:
    """What was announced, and what was said to have happened then."""

    def __init__(self) -> None:
        self.abandoned: list[CartAbandoned] = []
        self.others: list[t.Any] = []
        self.versions: list[int] = []
        self.error: Exception | None = None

    def note_abandoned(self, app: Flask, cart: Cart, event: t.Any) -> None:
        self.abandoned.append(event)
        self.versions.append(cart.version)

        if self.error is not None:
            raise self.error

    def note(self, app: Flask, event: t.Any, **extra: t.Any) -> None:
        self.others.append(event)


@pytest.fixture
def app() -> Flask:
    """A shop with carts in memory."""
    return shop_at(make_app(TESTING=True, CART_STORAGE="memory"))


def shop_at(app: Flask) -> Flask:
    FlaskCart(app)

    return app


@pytest.fixture
def heard(app: Flask) -> Iterator[Hearing]:
    """What the shop announces."""
    hearing = Hearing()

    with ExitStack() as stack:
        connected = stack.enter_context
        connected(signals.cart_abandoned.connected_to(hearing.note_abandoned, app))

        for signal in signals.cart_destroyed, signals.cart_updated:
            connected(signal.connected_to(hearing.note, app))

        yield hearing


def stored(app: Flask) -> set[str]:
    with app.app_context():
        return {each.key.owner for each in app.extensions["cart"].storage.scan()}


class TestAges:
    def test_setting(self, app: Flask) -> None:
        """Carts are deleted that nobody changed for CART_ABANDONED_AFTER_DAYS."""
        fill(app, *OWNERS)
        pass_days(app, 6.9)
        assert run(app, "prune", "--yes").output == "Deleted 0 carts.\n"

        pass_days(app, 7.1)
        assert run(app, "prune", "--yes").output == "Deleted 5 carts.\n"
        assert stored(app) == set()

    def test_other_setting(self) -> None:
        """The setting says how many days that are."""
        app = shop_at(make_app(CART_STORAGE="memory", CART_ABANDONED_AFTER_DAYS=30))
        fill(app, "user:1")
        pass_days(app, 29)
        assert run_json(app, "prune", "--yes")["deleted"] == 0
        pass_days(app, 31)
        assert run_json(app, "prune", "--yes")["deleted"] == 1

    @pytest.mark.parametrize(
        ("option", "gone"),
        [
            ("--empty-older-than", {"user:2"}),
            ("--guests-older-than", {"guest:1", "acme/guest:1"}),
            ("--users-older-than", {"user:1", "acme/user:1", "company:1"}),
        ],
    )
    def test_kinds(self, app: Flask, option: str, gone: set[str]) -> None:
        """Each kind has an age of its own, also with a tenant; an empty cart is empty
        whoever has it."""
        fill(app, *OWNERS, "user:2")

        with app.app_context():
            cart_of(app, "user:2").clear()

        pass_days(app, 3)
        assert run_json(app, "prune", "--yes", option, "2d")["deleted"] == len(gone)
        assert stored(app) == {*OWNERS, "user:2"} - gone

        pass_days(app, 300)
        kept = stored(app)
        run_json(app, "prune", "--yes", option, "never")
        fill(app, *gone)
        assert stored(app) == gone

        assert kept.isdisjoint(gone)

    @pytest.mark.parametrize("age", ["12h", "1d"])
    def test_units(self, app: Flask, age: str) -> None:
        """Ages are given in hours or days."""
        hours = {"12h": 12, "1d": 24}[age]
        fill(app, "user:1")
        pass_days(app, (hours - 0.1) / 24)
        assert run_json(app, "prune", "--yes", "--older-than", age)["deleted"] == 0
        pass_days(app, (hours + 0.1) / 24)
        assert run_json(app, "prune", "--yes", "--older-than", age)["deleted"] == 1

    def test_dates(self) -> None:
        """A date is the beginning of the day where the shop is."""
        app = make_app(CART_STORAGE="memory", CART_TIMEZONE="Pacific/Kiritimati")
        shop_at(app)
        fill(app, "user:1")
        app.extensions["cart"].storage._carts = {
            key: (data, dt.datetime(2025, 3, 1, 9, 59, tzinfo=dt.UTC))
            for key, (data, _) in app.extensions["cart"].storage._carts.items()
        }
        prune = ("prune", "--yes", "--older-than")

        # It is 14 hours earlier in London.
        assert run_json(app, *prune, "2025-03-01")["deleted"] == 0
        assert run_json(app, *prune, "2025-03-02")["deleted"] == 1

    @pytest.mark.parametrize("age", ["7", "0d", "-1d", "1w", "2025-02-30", "never", ""])
    def test_not_ages(self, app: Flask, age: str) -> None:
        """Anything else is refused, so that a slip deletes nothing."""
        fill(app, "user:1")
        pass_days(app, 300)
        result = run(app, "prune", "--yes", "--older-than", age)

        assert result.exit_code == 2
        assert stored(app) == {"user:1"}

    def test_future(self, app: Flask) -> None:
        """A date in the future, which every cart is older than, is refused."""
        fill(app, "user:1")
        tomorrow = dt.date.today() + dt.timedelta(days=2)
        result = run(app, "prune", "--yes", "--older-than", tomorrow.isoformat())

        assert result.exit_code == 2
        assert "in the future" in result.output
        assert stored(app) == {"user:1"}

    def test_never_any(self, app: Flask) -> None:
        """Where no kind is ever abandoned, nothing is deleted."""
        fill(app, "user:1")
        pass_days(app, 300)
        never = ("--empty-older-than", "--guests-older-than", "--users-older-than")
        options = [word for option in never for word in (option, "never")]

        assert run_json(app, "prune", "--yes", *options)["deleted"] == 0


class TestAnnouncement:
    def test_before_deletion(self, app: Flask, heard: Hearing) -> None:
        """It is sent while the cart is still there, with what is in it."""
        fill(app, "acme/user:1")

        with app.app_context():
            cart = cart_of(app, "acme/user:1")
            lines, updated_at = cart.lines, working_copy(cart).document.updated_at

        pass_days(app, 8)
        run_json(app, "prune", "--yes")
        (event,) = heard.abandoned

        assert (event.owner, event.instance) == ("acme/user:1", "default")
        assert (event.kind, event.lines) == ("user", lines)
        assert event.last_changed == updated_at
        assert event.id
        assert event.occurred_at is not None
        assert heard.versions == [event.version]

    def test_then_destroyed(self, app: Flask, heard: Hearing) -> None:
        """After it, the cart is destroyed like any other."""
        fill(app, "user:1")
        heard.others.clear()
        pass_days(app, 8)
        run_json(app, "prune", "--yes")

        assert [each.name for each in heard.others] == [
            "cart_destroyed",
            "cart_updated",
        ]
        assert heard.others[0].version == heard.abandoned[0].version

    def test_veto(self, app: Flask, heard: Hearing) -> None:
        """A receiver can keep a cart, and is asked again the next time."""
        fill(app, "user:1")
        heard.error = CartVetoError("She calls every month.")
        pass_days(app, 8)

        assert run(app, "prune", "--yes").output == (
            "Deleted 0 carts.\n"
            "Kept 1 cart that a receiver of a signal did not let go.\n"
        )
        assert stored(app) == {"user:1"}

        heard.error = None
        pass_days(app, 7.5)
        assert run_json(app, "prune", "--yes")["deleted"] == 1

    def test_veto_of_the_change(self, app: Flask, heard: Hearing) -> None:
        """A receiver of before_change can do so, too."""
        fill(app, "user:1")
        pass_days(app, 8)

        def refuse(app: Flask, **extra: t.Any) -> None:
            raise CartVetoError("Never.")

        with signals.before_change.connected_to(refuse, app):
            assert run_json(app, "prune", "--yes")["kept"] == 1

        assert stored(app) == {"user:1"}

    def test_receiver_fails(
        self, app: Flask, heard: Hearing, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A cart that could not be announced stays; the others are gone."""
        fill(app, "user:1", "user:2")
        pass_days(app, 8)

        def fail(app: Flask, event: CartAbandoned, **extra: t.Any) -> None:
            if event.owner == "user:1":
                raise ZeroDivisionError

        with signals.cart_abandoned.connected_to(fail, app):
            result = run(app, "prune", "--yes")

        assert result.exit_code == 1
        assert result.output == (
            "Deleted 1 cart.\nError: 1 cart could not be announced; the log says why.\n"
        )
        assert "ZeroDivisionError" in caplog.text
        assert stored(app) == {"user:1"}
        assert len(heard.abandoned) == 2

    def test_failure_counts_more_than_veto(self, app: Flask, heard: Hearing) -> None:
        """All receivers are called; one that failed is told of, whoever vetoes."""
        fill(app, "user:1")
        heard.error = CartVetoError("Keep it.")
        pass_days(app, 8)

        def fail(app: Flask, **extra: t.Any) -> None:
            raise ZeroDivisionError

        with signals.cart_abandoned.connected_to(fail, app):
            assert run(app, "prune", "--yes").exit_code == 1

        assert len(heard.abandoned) == 1

    def test_receiver_of_the_change_fails(
        self, app: Flask, heard: Hearing, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What a receiver of before_change raises keeps the cart, and no other."""
        fill(app, "user:1", "user:2")
        pass_days(app, 8)

        def fail(app: Flask, event: t.Any, **extra: t.Any) -> None:
            if event.owner == "user:1":
                raise ZeroDivisionError

        with signals.before_change.connected_to(fail, app):
            assert run(app, "prune", "--yes").exit_code == 1

        assert stored(app) == {"user:1"}
        assert "ZeroDivisionError" in caplog.text

    def test_storage_fails(
        self, app: Flask, heard: Hearing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A storage that fails ends it with an error, not with a cart that is left."""
        fill(app, "user:1")
        pass_days(app, 8)

        storage = app.extensions["cart"].storage
        save = storage.save

        def fail(owner: str, changes: Changes) -> t.Any:
            if is_deletion(changes):
                raise CartStorageError("Gone.")

            return save(owner, changes)

        monkeypatch.setattr(storage, "save", fail)
        result = run(app, "prune", "--yes")

        assert (result.exit_code, result.output) == (1, "Error: Gone.\n")

    def test_signals_off(self) -> None:
        """Without signals, nobody is asked."""
        app = shop_at(make_app(CART_STORAGE="memory", CART_EVENTS_ENABLED=False))
        fill(app, "user:1")
        pass_days(app, 8)
        hearing = Hearing()

        with signals.cart_abandoned.connected_to(hearing.note_abandoned, app):
            assert run_json(app, "prune", "--yes")["deleted"] == 1

        assert hearing.abandoned == []


class TestCheckout:
    def test_is_left(self, app: Flask) -> None:
        """A cart that an order was begun for is not deleted, however old it is, and
        30 days later it is."""
        fill(app, "user:1")

        with app.app_context():
            cart_of(app, "user:1").begin_order()

        pass_days(app, 29)
        assert run(app, "prune", "--yes").output == (
            "Deleted 0 carts.\n"
            "Left 1 cart that an order was begun for in the last 30 days.\n"
        )
        pass_days(app, 31)
        assert run_json(app, "prune", "--yes")["deleted"] == 1


class TestAsking:
    def test_no(self, app: Flask, heard: Hearing) -> None:
        """Nothing happens unless the question is answered with yes."""
        fill(app, "user:1", "guest:1")
        pass_days(app, 8)

        for answer in "n\n", "\n", "":
            result = run(app, "prune", input=answer)
            assert result.exit_code == 1
            assert "Delete 2 carts (guest 1, user 1)? [y/N]" in result.stderr

        assert stored(app) == {"user:1", "guest:1"}
        assert heard.abandoned == []

    def test_nothing_to_ask(self, app: Flask) -> None:
        """If there is nothing to delete, there is no question."""
        fill(app, "user:1")

        assert run(app, "prune").output == "Deleted 0 carts.\n"

    def test_question_is_not_in_the_json(self, app: Flask) -> None:
        """The question is beside the output, which stays JSON."""
        fill(app, "user:1")
        pass_days(app, 8)
        result = run(app, "prune", "--json", input="y\n")

        assert json.loads(result.stdout) == {
            "deleted": 1,
            "kept": 0,
            "changed": 0,
            "failed": 0,
            "in_checkout": 0,
            "corrupt": 0,
            "orders": 0,
        }


def test_dry_run(app: Flask, heard: Hearing) -> None:
    """It lists what would be deleted, without the secret that a guest's token is."""
    fill(app, "guest:abcdefghijkl", "user:1")

    with app.app_context():
        cart_of(app, "user:1").begin_order()

    pass_days(app, 8)
    words = [
        line.split() for line in run(app, "prune", "--dry-run").output.splitlines()
    ]

    assert words[0] == ["Owner", "Instance", "Kind", "Lines", "Saved"]
    assert words[1][:4] == ["guest:abcd...", "default", "guest", "1"]
    assert " ".join(words[2]) == "1 cart would be deleted."
    assert " ".join(words[3]).startswith("Left 1 cart that an order was begun")
    assert {"guest:abcdefghijkl", "user:1"} < stored(app)
    assert heard.abandoned == []

    output = run(app, "prune", "--dry-run", "--show-tokens").output
    assert "guest:abcdefghijkl " in output


def test_corrupt(app: Flask) -> None:
    """What cannot be read is left for somebody to repair."""
    key = CartKey("user:1", "default")
    save_cart(app.extensions["cart"].storage, key, "{", 0)
    pass_days(app, 300)

    assert run(app, "prune", "--yes").output == (
        "Deleted 0 carts.\nLeft 1 cart that cannot be read: see 'flask cart doctor'.\n"
    )
    assert stored(app) == {"user:1"}


def test_storage_that_cannot_list(tmp_path: Path) -> None:
    """A storage that does not know which carts it has says so."""
    app = shop_at(make_app(CART_STORAGE=Unlisted()))

    for command in "prune", "list", "stats", "doctor", "export":
        result = run(app, command)
        assert (result.exit_code, result.output) == (
            1,
            "Error: Unlisted cannot list its carts.\n",
        )


def is_deletion(changes: Changes) -> bool:
    return all(each.text is None for each in changes.values())


class Unlisted(MemoryStorage):
    scan = None  # type: ignore[assignment]


class TestOthersMeanwhile:
    def test_between_announcement_and_deletion(self, app: Flask) -> None:
        """A shopper who comes back while the cart is being announced keeps it."""
        fill(app, "user:1")
        pass_days(app, 8)

        def come_back(app: Flask, **extra: t.Any) -> None:
            cart_of(app, "user:1").add("pot", price=1)

        with signals.cart_abandoned.connected_to(come_back, app):
            assert run(app, "prune", "--yes").output == (
                "Deleted 0 carts.\nLeft 1 cart that somebody else was using.\n"
            )

        with app.app_context():
            assert [line.item_id for line in cart_of(app, "user:1")] == ["mug", "pot"]

    def test_before_the_announcement(
        self, app: Flask, heard: Hearing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One who comes back before that is not told of."""
        fill(app, "user:1")
        pass_days(app, 8)
        storage = app.extensions["cart"].storage
        save, rivals = storage.save, iter([True])

        def save_after_rival(owner: str, changes: Changes) -> t.Any:
            if next(rivals, False):
                cart_of(app, "user:1").add("pot", price=1)

            return save(owner, changes)

        monkeypatch.setattr(storage, "save", save_after_rival)

        assert run_json(app, "prune", "--yes")["changed"] == 1
        assert heard.abandoned == []
        assert stored(app) == {"user:1"}

    @pytest.mark.parametrize("is_deleted", [False, True])
    def test_busy(
        self,
        app: Flask,
        heard: Hearing,
        is_deleted: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A cart that is locked by somebody is in use, and the others are deleted."""
        fill(app, "user:1", "user:2")
        pass_days(app, 8)
        storage = app.extensions["cart"].storage
        save = storage.save

        def refuse(owner: str, changes: Changes) -> t.Any:
            if owner == "user:1" and is_deletion(changes) is is_deleted:
                raise CartBusyError("Locked.")

            return save(owner, changes)

        monkeypatch.setattr(storage, "save", refuse)

        assert run_json(app, "prune", "--yes") == {
            "deleted": 1,
            "kept": 0,
            "changed": 1,
            "failed": 0,
            "in_checkout": 0,
            "corrupt": 0,
            "orders": 0,
        }
        assert stored(app) == {"user:1"}

    def test_receiver_leaves_a_transaction_open(self, sqlite_url: str) -> None:
        """What a receiver leaves undone in db.session does not undo the deletion."""
        with shops.open_shop(sqlite_url) as shop:
            shop.fill("mug")
            pass_days(shop.app, 8)

            def order(app: Flask, **extra: t.Any) -> None:
                shop.order("x")

            with signals.cart_abandoned.connected_to(order, shop.app):
                assert run_json(shop.app, "prune", "--yes")["deleted"] == 1

            assert shop.stored() is None
            assert shop.orders() == []

    def test_two_at_once(self, shop: shops.Shop) -> None:
        """Of two who delete the same carts at once, one announces each."""
        given = [Given(3 * number + 1) for number in range(60)]
        insert(shop, given)
        announced: Counter[str] = Counter()
        outcomes: Counter[str] = Counter()
        both = threading.Barrier(2, timeout=30)

        def destroy(key: CartKey, version: int) -> None:
            shop.cart(key.owner).expect(version).destroy()

        def delete_all() -> None:
            repository = shop.app.extensions["cart"].services.repository

            with shop.app.app_context():
                found = list(find_carts(shop.storage))
                both.wait()
                outcomes.update(
                    delete_abandoned(repository, each, announce, destroy)
                    for each in found
                )

        def announce(event: CartAbandoned) -> None:
            announced[event.owner] += 1

        in_threads([delete_all, delete_all])

        assert announced == Counter(each.owner for each in given)
        assert outcomes == {"deleted": 60, "changed": 60}

    def test_shoppers(self, shop: shops.Shop) -> None:
        """No cart is deleted that a shopper has changed; each that is deleted was
        announced once, as it was then."""
        given = [
            each
            for each in map(Given, range(1, 800, 3))
            if each.days >= 7 and not each.is_corrupt
        ]
        insert(shop, given)
        owners = [each.owner for each in given]
        # Along with the one who deletes, and towards it.
        visits = [owners[::8], owners[1::8], owners[::-8], owners[-2::-8]]
        visited = set().union(*visits)
        announced: Counter[tuple[str, int]] = Counter()
        destroyed: Counter[tuple[str, int]] = Counter()
        begun = threading.Event()
        lost: list[str] = []

        # Some come back in the very moment in which their cart is announced.
        reminded: queue.Queue[str | None] = queue.Queue()
        returned: queue.Queue[str] = queue.Queue()
        caught: set[str] = set()

        def hear(app: Flask, event: CartAbandoned, **extra: t.Any) -> None:
            announced[event.owner, event.version] += 1
            begun.set()

            if len(announced) % 7 == 0:
                reminded.put(event.owner)
                caught.add(returned.get(timeout=30))

        def return_when_reminded() -> None:
            for owner in iter(lambda: reminded.get(timeout=60), None):
                go_shopping([owner])
                returned.put(owner)

        def hear_destroyed(app: Flask, event: t.Any, **extra: t.Any) -> None:
            destroyed[event.owner, event.version] += 1

            if any(line.item_id == "pot" for line in event.lines):
                lost.append(event.owner)

        def go_shopping(owners: list[str]) -> None:
            assert begun.wait(30)

            for owner in owners:
                with shop.app.app_context():
                    shop.cart(owner).add("pot", price=1)

        def prune() -> None:
            try:
                assert run(shop.app, "prune", "--yes").exit_code == 0
            finally:
                reminded.put(None)

        with (
            signals.cart_abandoned.connected_to(hear, shop.app),
            signals.cart_destroyed.connected_to(hear_destroyed, shop.app),
        ):
            shoppers = [partial(go_shopping, each) for each in visits]
            in_threads([prune, return_when_reminded, *shoppers])

        assert lost == []
        assert destroyed.keys() <= announced.keys()
        assert set(announced.values()) == set(destroyed.values()) == {1}

        gone = {owner for owner, _ in destroyed}
        assert gone
        assert visited - gone
        assert caught
        assert not caught & gone

        for owner in owners:
            found = shop.stored(owner) or {}
            assert ("pot" in found) is (owner in visited | caught)
            assert ("mug" in found) is (owner not in gone)


def in_threads(works: list[Callable[[], None]]) -> None:
    """Do all of it at once, and raise what one of them raises."""
    errors: list[BaseException] = []

    def do(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=do, args=[work]) for work in works]

    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join(120)

    for error in errors:
        raise error


#: How a bar looks at its end.
FULL = f"[{36 * '#'}]"


def run_beside(
    folder: Path, url: str, command: str, stderr: int
) -> subprocess.Popen[bytes]:
    """A command in a process of its own, which is answered with yes."""
    (folder / "shop.py").write_text(_SHOP)
    process = subprocess.Popen(
        [*[sys.executable, "-m", "flask", "--app", "shop", "cart"], *command.split()],
        cwd=folder,
        env=os.environ | {"URL": url, "NO_COLOR": "1", "TERM": "xterm"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
    )
    assert process.stdin is not None

    # It may ask nothing, and be gone already.
    with suppress(BrokenPipeError):
        process.stdin.write(b"y\n")
        process.stdin.flush()

    return process


@pytest.mark.parametrize(
    ("command", "bar"),
    [
        ("prune", f"Deleting carts  {FULL}  100%"),
        ("prune --yes", f"Deleting carts  {FULL}  2"),
        ("stats", f"Counting carts  {FULL}  2"),
        ("doctor", f"Examining carts  {FULL}  2"),
        ("export carts.jsonl", f"Exporting carts  {FULL}  2"),
    ],
)
def test_progress_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, bar: str
) -> None:
    """On a terminal, a bar tells how many are done, and of how many if they were
    counted; elsewhere, there is none."""
    url = f"sqlite:///{tmp_path / 'carts.sqlite3'}"

    with shops.open_shop(url) as shop:
        insert(shop, [Given(13), Given(16)])

    terminal, end = pty.openpty()

    with os.fdopen(terminal, "rb", buffering=0) as screen:
        process = run_beside(tmp_path, url, command, end)
        os.close(end)
        printed = bytearray()

        try:
            while chunk := screen.read(1024):
                printed += chunk
        except OSError:
            # Nobody has the other end any more.
            pass

        output, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert bar in printed.decode()
    assert b"2 carts" in output

    # What was exported is there already.
    (tmp_path / "carts.jsonl").unlink(missing_ok=True)
    monkeypatch.chdir(tmp_path)

    with shops.open_shop(url, has_tables=True) as shop:
        assert run(shop.app, *command.split()).stderr == ""


_SHOP = """
import os
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_cart import FlaskCart

app = Flask("shop")
app.config.from_mapping(
    SECRET_KEY="test",
    CART_STORAGE="database",
    CART_CURRENCY="EUR",
    SQLALCHEMY_DATABASE_URI=os.environ["URL"],
)
db = SQLAlchemy(app)
FlaskCart(app)
"""


class TestOrders:
    def begin(self, app: Flask, owner: str) -> str:
        with app.app_context():
            cart = cart_of(app, owner)
            cart.add("mug", price=1)

            return cart.begin_order().order_token

    def test_forgotten(self, app: Flask) -> None:
        """What nobody has paid for 30 days is forgotten, and told to be given up."""
        self.begin(app, "user:1")
        told: list[t.Any] = []
        hear = lambda app, cart, event: told.append(event.order_token)  # noqa: E731

        with signals.checkout_cancelled.connected_to(hear, app):
            pass_days(app, 29)
            run(app, "prune", "--yes")
            assert told == []

            pass_days(app, 31)
            output = run(app, "prune", "--yes", "--users-older-than", "never").output

        assert output == (
            "Deleted 0 carts.\nForgot 1 order begun more than 30 days ago.\n"
        )
        assert len(told) == 1
        assert stored(app) == {"user:1"}
        assert run_json(app, "prune", "--yes")["orders"] == 0

    def test_forgotten_with_its_cart(self, app: Flask) -> None:
        """The cart is deleted, and the order is not in the way."""
        self.begin(app, "guest:1")
        pass_days(app, 31)

        assert run_json(app, "prune", "--yes")["deleted"] == 1
        assert stored(app) == set()

    def test_damaged(self, app: Flask) -> None:
        """A note that cannot be read is left for somebody to repair, who finds it."""
        token = self.begin(app, "user:1")
        storage = app.extensions["cart"].storage
        key = CartKey(f"@order:{token}", "default")
        save_cart(storage, key, "{", storage.load(key).version)
        pass_days(app, 31)

        assert run_json(app, "prune", "--yes")["orders"] == 0
        assert key.owner in stored(app)

        with app.app_context():
            result = app.test_cli_runner().invoke(args=["cart", "doctor", "--json"])

        (finding,) = json.loads(result.stdout)["findings"]
        assert (finding["problem"], finding["instance"]) == ("corrupt", "default")
