"""Every saved change is announced exactly once, and what was not saved never."""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable
from contextlib import ExitStack
from contextlib import suppress
from typing import Any

import pytest
from blinker import ANY
from flask import Flask
from hypothesis import event
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import CartError
from flask_cart import CartVetoError
from flask_cart import Condition
from flask_cart import FlaskCart
from flask_cart import Line
from flask_cart import ShippingMethod
from flask_cart import signals
from flask_cart.model.document import decode
from flask_cart.model.events import Event
from flask_cart.model.keys import CartKey
from flask_cart.model.lines import line_id
from flask_cart.storage.memory import MemoryStorage
from tests.support.shop import ContestedStorage
from tests.support.shop import sell
from tests.support.shop import stored

KEY = CartKey("user:1", "default")
GRANULAR = sorted(signals.names() - {"before_change", "cart_updated"})


def make_shop(**config: object) -> Flask:
    app = Flask("shop")
    app.config.from_mapping(
        {
            "SECRET_KEY": "test",
            "CART_CURRENCY": "EUR",
            "CART_STORAGE": "memory",
            "CART_RETRY_BASE_DELAY": 0,
        }
        | config
    )
    FlaskCart(app)

    return app


def cart_of(app: Flask, owner: str = KEY.owner) -> Cart:
    with app.app_context():
        return app.extensions["cart"].extension.cart(owner=owner)


def storage_of(app: Flask) -> MemoryStorage:
    return app.extensions["cart"].storage


def signal(name: str) -> Any:
    return getattr(signals, name)


#: The name of a signal, and what came with it.
Heard = tuple[str, Cart, Event]


class Listener:
    """Hears all the signals of an app, in order."""

    def __init__(self, app: Flask, names: list[str] | None = None) -> None:
        self.app = app
        self.heard: list[Heard] = []
        self._stack = ExitStack()

        for name in names or [*GRANULAR, "cart_updated"]:
            receiver = self._receiver(name)
            self._stack.enter_context(signal(name).connected_to(receiver, app))

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.heard]

    @property
    def events(self) -> list[Event]:
        return [event for _, _, event in self.heard]

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _receiver(self, name: str) -> Callable[..., None]:
        def receive(sender: Flask, cart: Cart, event: Event) -> None:
            assert sender is self.app
            self.heard.append((name, cart, event))

        return receive


class Model:
    """A cart's content, as somebody who hears its events knows it."""

    def __init__(self, storage: MemoryStorage) -> None:
        found = stored(storage, KEY)
        document = decode(found.data) if found is not None else None
        self.version = found.version if found is not None else 0
        self.lines: list[Line] = list(document.lines) if document else []
        self.conditions: dict[str, Condition] = (
            {each.name: each for each in document.conditions} if document else {}
        )
        self.metadata: dict[str, Any] = dict(document.metadata) if document else {}
        self.coupons = list(document.coupons) if document else []
        self.shipping = document.shipping if document else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self.content == other.content

    __hash__ = None

    @property
    def content(self) -> tuple[object, ...]:
        return (
            self.lines,
            self.conditions,
            self.metadata,
            self.coupons,
            self.shipping,
        )

    def line(self, line_id: str) -> Line | None:
        return next((each for each in self.lines if each.id == line_id), None)

    def put(self, line: Line) -> None:
        self.lines = [line if each.id == line.id else each for each in self.lines]

    def replay(self, event: Event) -> None:
        """Take note of an event, which must fit to what is known."""
        match event.name:
            case "cart_created":
                assert self.content == ([], {}, {}, [], None)
            case "item_added":
                assert self.line(event.line.id) is None
                self.lines.append(event.line)
            case "item_updated":
                assert self.line(event.line.id) == event.previous != event.line
                delta = event.line.quantity - event.previous.quantity
                assert event.quantity_delta == delta
                self.put(event.line)
            case "item_removed":
                assert self.line(event.line.id) == event.line
                self.lines.remove(event.line)
            case "condition_added":
                assert event.condition.name not in self.conditions
                self.conditions[event.condition.name] = event.condition
            case "condition_removed":
                assert self.conditions.pop(event.condition.name) == event.condition
            case "item_condition_added":
                assert event.condition in event.line.conditions
                assert event.condition not in self.line(event.line.id).conditions or (
                    self.line(event.line.id) == event.line
                )
                self.put(event.line)
            case "item_condition_removed":
                assert event.condition in self.line(event.line.id).conditions
                assert event.condition not in event.line.conditions
                self.put(event.line)
            case "metadata_added":
                self.metadata[event.key] = event.value
            case "metadata_removed":
                assert self.metadata.pop(event.key) == event.value
            case "coupon_added":
                assert event.code not in self.coupons
                self.coupons.append(event.code)
            case "coupon_removed":
                self.coupons.remove(event.code)
            case "shipping_chosen":
                assert event.method != self.shipping
                self.shipping = event.method
            case "cart_cleared":
                assert list(event.lines) == self.lines
                assert {each.name: each for each in event.conditions} == self.conditions
                assert event.metadata == self.metadata
                assert list(event.coupons) == self.coupons
                assert event.shipping == self.shipping
                self._empty()
            case "cart_destroyed" | "cart_checked_out":
                assert list(event.lines) == self.lines
                self._empty()
            case "checkout_started":
                assert list(event.lines) == self.lines
            case _:
                raise AssertionError(event.name)

    def _empty(self) -> None:
        self.lines, self.conditions, self.metadata = [], {}, {}
        self.coupons, self.shipping = [], None


ITEMS = ["mug", "pot", "cup"]
line_ids = st.sampled_from([line_id(item, {}) for item in ITEMS])
names = st.sampled_from(["A", "B", "C"])
quantities = st.integers(0, 5)


def call(name: str, /, *arguments: st.SearchStrategy, **options: st.SearchStrategy):
    """A change: a method of the cart with arguments."""
    return st.tuples(
        st.just(name), st.tuples(*arguments), st.fixed_dictionaries(options)
    )


changes = st.one_of(
    call(
        "add",
        st.sampled_from(ITEMS),
        st.integers(1, 5),
        price=st.integers(1, 3),
        attributes=st.sampled_from([{}, {"gift": "yes"}]),
        on_existing=st.sampled_from(["merge", "merge", "replace", "error"]),
    ),
    call("set_quantity", line_ids, quantities),
    call("update", line_ids, name=st.sampled_from(["x", "y"]), price=st.integers(1, 3)),
    call("increment", line_ids, st.integers(-3, 3)),
    call("remove", line_ids),
    call("add_discount", names, st.sampled_from(["1", "2"])),
    call("add_shipping", names, st.sampled_from(["1", "2"])),
    call("remove_condition", names),
    call(
        "add_condition",
        st.builds(
            Condition,
            names,
            st.just("fee"),
            st.just("item"),
            st.sampled_from(["1", "2"]),
        ),
        line=line_ids,
    ),
    call("remove_condition", names, line=line_ids),
    call("metadata.update", st.dictionaries(names, st.integers(0, 2), max_size=3)),
    call("metadata.pop", names, st.none()),
    call("metadata.clear"),
    call("coupons.add", names),
    call("coupons.remove", names),
    call("shipping.choose", st.sampled_from(["Post", "Bike"])),
    call("shipping.clear"),
    call("clear"),
    call("destroy"),
    call("check_out"),
)

#: One change, or a batch of them that may fail at its end.
steps = st.tuples(
    st.sampled_from(["now", "now", "batch", "batch", "failing batch", "veto"]),
    st.integers(0, 1),
    st.lists(changes, min_size=1, max_size=5),
)


def make_change(cart: Cart, change: tuple[str, tuple, dict]) -> None:
    name, arguments, options = change

    if name == "check_out":
        sell(cart)
    else:
        operator.attrgetter(name)(cart)(*arguments, **options)


def take_step(cart: Cart, how: str, several: list) -> None:
    if how in {"now", "veto"}:
        make_change(cart, several[0])
        return

    with cart.batch():
        for change in several:
            # What is refused inside a batch need not end it.
            with suppress(CartError):
                make_change(cart, change)

        if how == "failing batch":
            raise ZeroDivisionError


def refuse(sender: Flask, **extra: object) -> None:
    raise CartVetoError("no")


@settings(deadline=None)
@given(st.lists(steps, max_size=12))
def test_every_saved_change_is_announced(taken: list) -> None:
    """Whatever two holders of a cart do to it: who replays the events of each saved
    version has exactly its content, and nothing else is heard."""
    app = make_shop(CART_MAX_ITEMS=2, CART_MAX_QUANTITY=8, CART_MAX_COUPONS=2)
    app.extensions["cart"].extension.shipping_methods(
        lambda facts: [
            ShippingMethod(Condition(name, "shipping", "total", "1"))
            for name in ("Post", "Bike")
        ]
    )
    storage = storage_of(app)
    holders = [cart_of(app), cart_of(app)]

    with Listener(app) as listener:
        for how, who, several in taken:
            before = Model(storage)
            listener.heard.clear()

            with ExitStack() as stack:
                if how == "veto":
                    stack.enter_context(signals.before_change.connected_to(refuse, app))

                stack.enter_context(suppress(CartError, ZeroDivisionError))
                take_step(holders[who], how, several)

            after = Model(storage)
            event(f"{how}: {'saved' if after.version != before.version else 'not'}")

            if after.version == before.version:
                assert after == before
                assert listener.heard == []
            else:
                assert how not in {"failing batch", "veto"}
                check_announcements(listener.heard, holders[who], before, after)


def check_announcements(
    heard: list[Heard], cart: Cart, before: Model, after: Model
) -> None:
    """Each saved version is announced: an order is noted in one, and taken out of the
    cart in another."""
    ends = [number for number, (name, *_) in enumerate(heard) if name == "cart_updated"]
    begins = [0, *(end + 1 for end in ends[:-1])]
    assert ends
    assert ends[-1] == len(heard) - 1

    versions = [
        check_announcement(heard[begin : end + 1], cart)
        for begin, end in zip(begins, ends, strict=True)
    ]
    assert versions == sorted(set(versions))
    assert versions[-1] == (after.version or before.version)
    assert (heard[0][0] == "cart_created") == (before.version == 0)

    if before.version and after.version:
        assert versions[0] > before.version

    for name, _, each in heard:
        if name != "cart_updated":
            before.replay(each)

    assert before == after


def check_announcement(heard: list[Heard], cart: Cart) -> int:
    """Check what is told of one version, and return that."""
    *granular, (_, _, summary) = heard
    events = [event for _, _, event in granular]

    assert [name for name, _, _ in granular] == [each.name for each in events]
    assert all(each is cart for _, each, _ in heard)
    assert summary.events == tuple(events)
    assert summary.reason == events[-1].name
    assert {each.version for each in events} == {summary.version}
    assert {(each.owner, each.instance) for each in [*events, summary]} == {KEY}
    assert {each.occurred_at for each in events} == {summary.occurred_at}
    assert len({each.id for each in [*events, summary]}) == len(heard)

    return summary.version


def test_order() -> None:
    """A write, then the events in order, then the summary of all."""
    app = make_shop()
    cart = cart_of(app)

    with Listener(app) as listener:

        def look(sender: Flask, **extra: object) -> None:
            assert stored(storage_of(app), KEY).version == cart.version

        with signals.cart_created.connected_to(look, app), cart.batch():
            cart.add("mug", price=1)
            cart.add_tax("VAT", "19%")

    assert listener.names == [
        "cart_created",
        "item_added",
        "condition_added",
        "cart_updated",
    ]


def test_announcement_of_a_retry() -> None:
    """What was applied again is announced once, as it was saved."""
    storage = ContestedStorage()
    app = make_shop(CART_STORAGE=storage)
    cart = cart_of(app)
    line = cart.add("mug", price=1)
    storage.contest([lambda rival: rival.add("mug", price=1)] * 3)

    with Listener(app) as listener:
        cart.increment(line.id)

    assert listener.names == ["item_updated", "cart_updated"]
    assert listener.events[0].previous.quantity == 4


def test_nothing_is_announced_of_a_conflict() -> None:
    """A change that lost for good is not announced."""
    storage = ContestedStorage()
    app = make_shop(CART_STORAGE=storage)
    cart = cart_of(app)
    line = cart.add("mug", price=1)

    for change in [lambda: cart.set_quantity(line.id, 5), cart.clear, cart.destroy]:
        storage.contest([lambda rival: rival.add("mug", price=1)])

        with Listener(app) as listener, pytest.raises(CartConflictError):
            change()

        assert listener.heard == []


class TestFailingReceivers:
    def test_others_are_called(self, caplog: pytest.LogCaptureFixture) -> None:
        """A receiver that raises is logged; all others hear, and the cart is saved."""
        app = make_shop()
        heard: list[int] = []

        def fail(sender: Flask, **extra: object) -> None:
            raise ZeroDivisionError("a receiver's mistake")

        def make_receiver(number: int) -> Callable[..., None]:
            return lambda sender, **extra: heard.append(number)

        with ExitStack() as stack:
            for number in range(5):
                for receiver in [make_receiver(number), lambda s, **e: fail(s, **e)]:
                    stack.enter_context(signals.item_added.connected_to(receiver, app))

            listener = stack.enter_context(Listener(app))
            caplog.set_level(logging.ERROR)
            cart_of(app).add("mug", price=1)

        assert sorted(heard) == list(range(5))
        assert listener.names == ["cart_created", "item_added", "cart_updated"]
        assert len(cart_of(app)) == 1
        assert len(caplog.records) == 5
        assert "'item_added'" in caplog.text
        assert "a receiver's mistake" in caplog.text

    @pytest.mark.parametrize("name", ["cart_created", "item_added", "cart_updated"])
    def test_of_any_signal(self, name: str, caplog: pytest.LogCaptureFixture) -> None:
        """It does not matter which signal it was."""
        app = make_shop()

        with signal(name).connected_to(refuse, app), Listener(app) as listener:
            cart_of(app).add("mug", price=1)

        assert listener.names == ["cart_created", "item_added", "cart_updated"]
        assert f"'{name}'" in caplog.text

    def test_a_veto_comes_too_late(self, caplog: pytest.LogCaptureFixture) -> None:
        """After the save, a veto is an error like any other."""
        app = make_shop()

        with signals.item_added.connected_to(refuse, app):
            cart_of(app).add("mug", price=1)

        assert len(cart_of(app)) == 1
        assert "CartVetoError" in caplog.text


class TestBeforeChange:
    def test_says_what_would_happen(self) -> None:
        """The receiver hears the version and the events, before anything is saved."""
        app = make_shop()
        cart = cart_of(app)
        cart.add("mug", price=1)
        base = stored(storage_of(app), KEY)
        heard: list[Event] = []

        def receive(sender: Flask, cart: Cart, event: Event) -> None:
            assert stored(storage_of(app), KEY) == base
            heard.append(event)

        with signals.before_change.connected_to(receive, app):
            cart.add("pot", price=1)

        (event,) = heard
        assert (event.owner, event.instance, event.version) == (*KEY, base.version)
        assert event.id
        assert event.occurred_at.tzinfo is not None
        assert [each.name for each in event.events] == ["item_added"]

    @pytest.mark.parametrize("error", [CartVetoError, ZeroDivisionError])
    @pytest.mark.parametrize("how", ["add", "clear", "destroy"])
    def test_veto(self, error: type[Exception], how: str) -> None:
        """Whatever a receiver raises, the storage stays as it is."""
        app = make_shop()
        cart = cart_of(app)
        cart.add("mug", price=1)
        before = stored(storage_of(app), KEY)

        def refuse(sender: Flask, **extra: object) -> None:
            raise error("not today")

        with (
            Listener(app) as listener,
            signals.before_change.connected_to(refuse, app),
            pytest.raises(error, match="not today"),
        ):
            cart.add("pot", price=1) if how == "add" else getattr(cart, how)()

        assert stored(storage_of(app), KEY) == before
        assert listener.heard == []
        assert len(cart) == 1

    def test_not_asked_about_nothing(self) -> None:
        """What changes nothing can be done against every veto."""
        app = make_shop()
        cart = cart_of(app)
        line = cart.add("mug", price=1)

        with signals.before_change.connected_to(refuse, app):
            cart.remove("gone")
            cart.set_quantity(line.id, 1)

    def test_of_a_new_guest(self) -> None:
        """The first change of a guest names the cart that would be made."""
        app = make_shop()
        heard: list[Event] = []

        def receive(sender: Flask, event: Event, **extra: object) -> None:
            heard.append(event)

        with app.test_request_context(), signals.before_change.connected_to(receive):
            from flask_cart import current_cart

            current_cart.add("mug", price=1)
            key = current_cart.key

        assert (heard[0].owner, heard[0].instance) == key
        assert heard[0].version == 0


class TestSwitches:
    def test_disabled_altogether(self) -> None:
        """Without events nothing is heard, and nobody can refuse anything."""
        app = make_shop(CART_EVENTS_ENABLED=False)

        with Listener(app) as listener:
            with signals.before_change.connected_to(refuse, app):
                cart_of(app).add("mug", price=1)

            cart_of(app).destroy()

        assert listener.heard == []

    @pytest.mark.parametrize("name", ["item_added", "cart_created", "cart_updated"])
    def test_disabled_by_name(self, name: str) -> None:
        """A disabled signal is not heard; the others are."""
        app = make_shop(CART_EVENTS_DISABLED=[name])

        with Listener(app) as listener:
            cart_of(app).add("mug", price=1)

        expected = {"cart_created", "item_added", "cart_updated"} - {name}
        assert set(listener.names) == expected

    def test_disabled_events_are_in_the_summary(self) -> None:
        """The summary has all that happened, also what is not sent by itself."""
        app = make_shop(CART_EVENTS_DISABLED={"item_added"})

        with Listener(app) as listener:
            cart_of(app).add("mug", price=1)

        assert [each.name for each in listener.events[-1].events] == [
            "cart_created",
            "item_added",
        ]

    def test_disabled_veto(self) -> None:
        """Where before_change is disabled, nobody is asked."""
        app = make_shop(CART_EVENTS_DISABLED={"before_change"})

        with signals.before_change.connected_to(refuse, app):
            cart_of(app).add("mug", price=1)

        assert len(cart_of(app)) == 1

    @pytest.mark.parametrize("name", ["item_added", "cart_updated"])
    def test_muted(self, name: str) -> None:
        """A signal that blinker has muted is not heard."""
        app = make_shop()

        with Listener(app) as listener, signal(name).muted():
            cart_of(app).add("mug", price=1)

        expected = {"cart_created", "item_added", "cart_updated"} - {name}
        assert set(listener.names) == expected

    def test_muted_veto(self) -> None:
        """A muted before_change refuses nothing."""
        app = make_shop()

        with (
            signals.before_change.connected_to(refuse, app),
            signals.before_change.muted(),
        ):
            cart_of(app).add("mug", price=1)

        assert len(cart_of(app)) == 1


class TestSenders:
    def test_apps_do_not_hear_each_other(self) -> None:
        """Signals of one app are not heard for another, nor can it refuse them."""
        one, other = make_shop(), make_shop()

        with (
            Listener(one) as heard,
            Listener(other) as not_heard,
            signals.before_change.connected_to(refuse, other),
        ):
            cart_of(one).add("mug", price=1)

        assert len(heard.heard) == 3
        assert not_heard.heard == []

    def test_any_sender(self) -> None:
        """Who connects without a sender hears every app."""
        one, other = make_shop(), make_shop()
        senders: list[Flask] = []

        def receive(sender: Flask, **extra: object) -> None:
            senders.append(sender)

        with signals.item_added.connected_to(receive, ANY):
            cart_of(one).add("mug", price=1)
            cart_of(other).add("mug", price=1)

        assert senders == [one, other]

    def test_switches_of_one_app(self) -> None:
        """What one app has disabled, another one still sends."""
        one, other = make_shop(CART_EVENTS_ENABLED=False), make_shop()

        with Listener(one) as silent, Listener(other) as heard:
            cart_of(one).add("mug", price=1)
            cart_of(other).add("mug", price=1)

        assert silent.heard == []
        assert len(heard.heard) == 3


class TestReceiversThatChangeTheCart:
    def test_each_version_is_announced(self) -> None:
        """A change by a receiver is a version of its own, with its own summary."""
        app = make_shop()
        cart = cart_of(app)

        def note(sender: Flask, cart: Cart, event: Event) -> None:
            cart.metadata["last"] = event.line.item_id

        with (
            Listener(app) as listener,
            signals.item_added.connected_to(note, app),
        ):
            cart.add("mug", price=1)

        summaries = [
            (event.version, [each.name for each in event.events])
            for event in listener.events
            if event.name == "cart_updated"
        ]
        first = min(version for version, _ in summaries)
        assert first < cart.version
        assert sorted(summaries) == [
            (first, ["cart_created", "item_added"]),
            (cart.version, ["metadata_added"]),
        ]
        assert len(cart_of(app)) == 1
        assert cart_of(app).metadata["last"] == "mug"


def test_merge_is_announced() -> None:
    """Of two carts that become one, both are announced."""
    app = make_shop()
    cart_of(app, "guest:a").add("mug", 2, price=1)
    cart_of(app).add("mug", price=1)

    with Listener(app) as listener:
        cart_of(app).merge(cart_of(app, "guest:a"))

    assert listener.names == [
        "item_updated",
        "cart_merged",
        "cart_updated",
        "cart_destroyed",
        "cart_updated",
    ]
    assert [each.owner for each in listener.events] == ["user:1"] * 3 + ["guest:a"] * 2
    assert [each.quantity for each in listener.events[1].lines] == [2]


def test_names() -> None:
    """Every signal has an attribute of its name, and nothing else is a signal."""
    assert signals.names() == {
        "cart_created",
        "item_added",
        "item_updated",
        "item_removed",
        "condition_added",
        "condition_removed",
        "item_condition_added",
        "item_condition_removed",
        "metadata_added",
        "metadata_removed",
        "coupon_added",
        "coupon_removed",
        "shipping_chosen",
        "currency_changed",
        "cart_cleared",
        "cart_destroyed",
        "cart_abandoned",
        "cart_not_merged",
        "reminder_due",
        "cart_merged",
        "item_moved",
        "checkout_started",
        "checkout_cancelled",
        "cart_checked_out",
        "before_change",
        "cart_updated",
    }

    for name in signals.names():
        assert signal(name).name == name


class TestAsync:
    """Flask runs receivers that are coroutines with asgiref."""

    def test_receiver(self) -> None:
        """A coroutine hears like a function."""
        app = make_shop()
        heard: list[str] = []

        async def receive(sender: Flask, cart: Cart, event: Event) -> None:
            heard.append(event.name)

        with signals.item_added.connected_to(receive, app):
            cart_of(app).add("mug", price=1)

        assert heard == ["item_added"]

    def test_veto(self) -> None:
        """A coroutine can refuse like a function."""
        app = make_shop()

        async def refuse(sender: Flask, **extra: object) -> None:
            raise CartVetoError("not today")

        with (
            signals.before_change.connected_to(refuse, app),
            pytest.raises(CartVetoError),
        ):
            cart_of(app).add("mug", price=1)

        assert not cart_of(app)


def test_replay_finds_what_is_missing() -> None:
    """The model notices an event too few, too many and in the wrong order."""
    app = make_shop()
    cart = cart_of(app)

    with Listener(app, GRANULAR) as listener:
        line = cart.add("mug", price=1)
        cart.increment(line.id)
        cart.remove(line.id)

    def replayed(events: list[Event]) -> Model:
        model = Model(MemoryStorage())

        for each in events:
            model.replay(each)

        return model

    right = listener.events
    assert replayed(right) == Model(storage_of(app))

    for wrong in [right[:1] + right[2:], right[:2] + right[1:], right[::-1]]:
        with pytest.raises(AssertionError):
            replayed(wrong)
