from __future__ import annotations

from decimal import Decimal

import pytest
from markupsafe import Markup
from moneyed import Money

from flask_cart import Cart
from flask_cart import CartLimitError
from flask_cart import Condition
from flask_cart import InvalidConditionError
from flask_cart import InvalidItemError
from flask_cart.carts.cart import working_copy
from flask_cart.model.events import Event
from flask_cart.model.events import ItemAdded
from flask_cart.model.keys import CartKey
from flask_cart.model.limits import Limits
from flask_cart.storage.memory import MemoryStorage
from tests.support.shop import KEY
from tests.support.shop import ContestedStorage
from tests.support.shop import Recorder
from tests.support.shop import make_cart
from tests.support.shop import stored

GIFT = Condition("GIFT", "fee", "item", "2")


class Counting(MemoryStorage):
    """Counts what is read and written."""

    def __init__(self) -> None:
        super().__init__()
        self.loads = 0
        self.saves = 0

    def load(self, key):
        self.loads += 1

        return super().load(key)

    def save(self, owner, changes):
        self.saves += 1

        return super().save(owner, changes)


class TestReading:
    def test_nothing_is_read_before_it_is_needed(self) -> None:
        """A cart that nobody looks at costs nothing."""
        storage = Counting()
        cart = make_cart(storage)
        repr(cart)
        cart.refresh()
        cart.expect(0)
        assert cart.metadata is not None
        assert cart.instance("wishlist").key is not None

        assert storage.loads == 0

    def test_read_once(self) -> None:
        """However much is looked at, it is read once; a refresh reads again."""
        storage = Counting()
        cart = make_cart(storage)
        assert [len(cart), cart.quantity, cart.version] == [0, 0, 0]
        assert cart.totals.count == 0
        assert cart.get("x") is None
        assert storage.loads == 1

        make_cart(storage).add("mug", price=1)
        assert not cart
        cart.refresh()
        assert len(cart) == 1

    def test_one_load_and_one_save_for_a_change(self) -> None:
        """An addition reads once and writes once."""
        storage = Counting()
        make_cart(storage).add("mug", price=1)

        assert (storage.loads, storage.saves) == (1, 1)

    def test_reads_its_own_writes_without_loading(self) -> None:
        """What a cart wrote itself need not be read again."""
        storage = Counting()
        cart = make_cart(storage)
        cart.add("mug", price=1)
        cart.increment(cart.lines[0].id)

        assert cart.quantity == 2
        assert (storage.loads, storage.saves) == (1, 2)

    def test_no_change_is_no_write(self) -> None:
        """What is so already is not saved."""
        storage = Counting()
        cart = make_cart(storage)
        line = cart.add("mug", 2, price=1)
        saves = storage.saves
        cart.set_quantity(line.id, 2)
        cart.update(line.id)
        cart.increment(line.id, 0)
        cart.remove("gone")
        cart.remove_condition("gone")
        cart.remove_condition("gone", line=line.id)
        cart.metadata.clear()
        working_copy(cart).apply()

        assert storage.saves == saves

    def test_container(self, cart: Cart) -> None:
        """A cart is a collection of its lines."""
        assert not cart
        line = cart.add("mug", 3, price=1)

        assert cart
        assert (len(cart), cart.quantity) == (1, 3)
        assert list(cart) == list(cart.lines) == [line]
        assert line.id in cart
        assert "gone" not in cart
        assert 5 not in cart
        assert cart.get(line.id) is line
        assert cart.currency == "EUR"

    def test_repr(self, storage: MemoryStorage) -> None:
        """It says whose cart it is."""
        assert repr(make_cart(storage)) == "<Cart user:1/default>"
        assert repr(make_cart(storage, key=None)) == "<Cart of a new guest>"

    def test_totals_are_calculated_once(self, cart: Cart) -> None:
        """The totals stay the same object until something changes."""
        cart.add("mug", price=1)
        totals = cart.totals
        assert cart.totals is totals
        cart.add("mug", price=1)

        assert cart.totals.total == Money(2, "EUR")

    def test_totals_in_a_batch(self, cart: Cart) -> None:
        """Inside a batch, the totals are those of the changes so far."""
        with cart.batch():
            cart.add("mug", price=1)
            assert cart.totals.total == Money(1, "EUR")
            cart.add("mug", price=1)
            assert cart.totals.total == Money(2, "EUR")

    def test_currency_of_a_stored_cart(self, storage: MemoryStorage) -> None:
        """A cart keeps its currency when the shop takes another for new ones."""
        make_cart(storage, currency="JPY").add("mug", price=500)
        cart = make_cart(storage, currency="EUR")

        assert cart.currency == cart.totals.currency == "JPY"

        with pytest.raises(InvalidItemError, match="in EUR, the cart in JPY"):
            cart.add("mug", price=Money(5, "EUR"))


class TestGuest:
    def test_reading_makes_no_key(self, storage: MemoryStorage) -> None:
        """A guest who only looks, or changes nothing, gets no cart."""
        cart = make_cart(storage, key=None)
        cart.remove("gone")
        cart.clear()
        cart.destroy()
        cart.metadata.clear()

        with cart.batch():
            cart.add("mug", price=1)
            cart.remove(cart.lines[0].id)

        assert (len(cart), cart.version, cart.key) == (0, 0, None)
        assert stored(storage) is None

    def test_first_write_makes_a_key(self, storage: MemoryStorage) -> None:
        """The first thing that is added is stored under a key of its own."""
        cart = make_cart(storage, key=None)
        cart.add("mug", price=1)

        assert cart.key == KEY
        assert cart.version == stored(storage).version

    def test_bad_item_makes_no_key(self, storage: MemoryStorage) -> None:
        """An error before the first write leaves no trace."""
        cart = make_cart(storage, key=None)

        with pytest.raises(InvalidItemError):
            cart.add("mug", price="much")

        assert cart.key is None


class TestLines:
    def test_add_returns_the_line(self, cart: Cart) -> None:
        """The line is returned as it is in the cart now."""
        cart.add("mug", 2, price="12.50", attributes={"gift": True})
        line = cart.add("mug", 3, name="Becher", price=11)

        assert (line.quantity, line.name, line.unit_amount) == (5, "Becher", 11)
        assert line.attributes == {"gift": True}
        assert cart.lines == (line,)

    def test_add_in_a_batch(self, cart: Cart) -> None:
        """Inside a batch, the line is the one that will be saved."""
        with cart.batch():
            cart.add("mug", 2, price=1)
            assert cart.add("mug", 3, price=1).quantity == 5

    def test_add_what_the_receiver_takes_away(self, storage: MemoryStorage) -> None:
        """A line that is removed as soon as it is added is returned as it was added."""

        class Remover(Recorder):
            def after(self, cart, events):
                super().after(cart, events)

                for line in cart.lines:
                    cart.remove(line.id)

        cart = make_cart(storage, announcer=Remover())

        assert cart.add("mug", price=1).item_id == "mug"
        assert not cart

    @pytest.mark.parametrize(
        ("on_existing", "quantity"), [("merge", 5), ("replace", 3)]
    )
    def test_on_existing(self, cart: Cart, on_existing: str, quantity: int) -> None:
        """A line that is there grows, or makes way."""
        cart.add("mug", 2, price=1)

        assert cart.add("mug", 3, price=1, on_existing=on_existing).quantity == quantity

    def test_on_existing_error(self, cart: Cart) -> None:
        """A line that is there may be an error."""
        cart.add("mug", 2, price=1)

        with pytest.raises(InvalidItemError, match="in the cart already"):
            cart.add("mug", 3, price=1, on_existing="error")

        assert cart.quantity == 2

    def test_set_quantity(self, cart: Cart) -> None:
        """A quantity is set; zero removes the line."""
        line = cart.add("mug", 2, price=1)
        cart.set_quantity(line.id, 7)
        assert cart.quantity == 7
        cart.set_quantity(line.id, 0)
        assert not cart

    def test_update(self, cart: Cart) -> None:
        """Several fields are set in one write, the others stay."""
        line = cart.add("mug", 2, price=1, options={"size": "M"})
        version = cart.version
        cart.update(
            line.id,
            quantity=3,
            name="Becher",
            price=Money("2.50", "EUR"),
            attributes={"gift": True},
        )
        (changed,) = cart

        assert cart.version > version
        assert (changed.id, changed.options) == (line.id, {"size": "M"})
        assert (changed.quantity, changed.name) == (3, "Becher")
        assert (changed.unit_amount, changed.attributes) == (
            Decimal("2.50"),
            {"gift": True},
        )

    def test_increment(self, cart: Cart) -> None:
        """A quantity grows and shrinks; at zero the line goes."""
        line = cart.add("mug", 2, price=1)
        cart.increment(line.id)
        assert cart.quantity == 3
        cart.increment(line.id, -2)
        assert cart.quantity == 1
        cart.increment(line.id, -5)
        assert not cart

    def test_add_over_a_limit(self, storage: MemoryStorage) -> None:
        """An addition that goes over a limit leaves the cart as it was."""
        cart = make_cart(storage, limits=Limits(quantity=5))
        cart.add("mug", 3, price=1)
        before = stored(storage)

        with pytest.raises(CartLimitError, match=r"at most 5 .* make 6 of 'mug'"):
            cart.add("mug", 3, price=1)

        assert stored(storage) == before
        assert cart.quantity == 3


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD", "USD", "GBP"])
@pytest.mark.parametrize("is_money", [False, True])
def test_price_is_money_on_every_line(currency: str, is_money: bool) -> None:
    """Of a cart, its totals, a draft, an event and a merge report: the same type."""
    recorder, storage = Recorder(), MemoryStorage()
    cart = make_cart(storage, announcer=recorder, currency=currency)
    price = Money(1200, currency)
    line = cart.add("mug", 2, price=price if is_money else 1200)
    other = make_cart(storage, key=CartKey("user:2", "default"), currency=currency)
    report = other.merge(make_cart(storage, currency=currency))
    (event,) = (e for e in recorder.told[0] if isinstance(e, ItemAdded))
    other.update(line.id, price=Money(1300, currency))
    merged = report.lines[0]

    assert {line.price, event.line.price, merged.price} == {price}
    lines = [*other, *other.totals.lines, *other.begin_order()]
    assert [each.price for each in lines] == [Money(1300, currency)] * 3
    assert {type(each.price) for each in lines} == {Money}
    assert event.to_dict()["line"]["currency"] == currency


class TestConditions:
    def test_helpers(self, cart: Cart) -> None:
        """Each helper makes a condition of its type and target."""
        cart.add_discount("SUMMER", "10%", order=1)
        cart.add_tax("VAT", "19%", order=2)
        cart.add_fee("PACK", "2.50", order=3)
        cart.add_shipping("POST", "4.90", order=4)

        assert [
            (each.name, each.type, each.target, each.value, each.order)
            for each in cart.conditions
        ] == [
            ("SUMMER", "discount", "subtotal", "-10%", 1),
            ("VAT", "tax", "subtotal", "19%", 2),
            ("PACK", "fee", "total", "2.50", 3),
            ("POST", "shipping", "total", "4.90", 4),
        ]

    @pytest.mark.parametrize(
        ("given", "value"),
        [
            ("5", "-5"),
            ("5%", "-5%"),
            ("-5", "-5"),
            ("+5", "+5"),
            ("*0.9", "*0.9"),
            ("/2", "/2"),
            (5, "-5"),
            (Decimal("2.50"), "-2.50"),
            (Money("2.50", "EUR"), "-2.50"),
            (Markup("5%"), "-5%"),
        ],
    )
    def test_discount_without_a_sign(
        self, cart: Cart, given: object, value: str
    ) -> None:
        """A discount without a sign takes off, one with a sign does what it says."""
        cart.add_discount("SUMMER", given)

        assert cart.conditions[0].value == value

    @pytest.mark.parametrize(
        ("given", "value"),
        [(5, "5"), (Decimal("4.90"), "4.90"), (Money("4.90", "EUR"), "4.90")],
    )
    @pytest.mark.parametrize("helper", ["add_tax", "add_fee", "add_shipping"])
    def test_amounts(self, cart: Cart, helper: str, given: object, value: str) -> None:
        """The others take amounts as well as text."""
        getattr(cart, helper)("X", given)

        assert cart.conditions[0].value == value

    @pytest.mark.parametrize("given", [-5, Money(5, "USD"), None, 1e300])
    def test_bad_amounts(self, cart: Cart, given: object) -> None:
        """What is no amount of this currency is no value either."""
        for helper in [cart.add_discount, cart.add_fee]:
            with pytest.raises(InvalidConditionError):
                helper("X", given)

    def test_shipping_takes_the_place_of_shipping(self, cart: Cart) -> None:
        """A cart is shipped once, in the way that was chosen last."""
        cart.add_fee("PACK", "2.50")
        cart.add_shipping("POST", "4.90")
        version = cart.version
        cart.add_shipping("COURIER", "9.90")

        assert [each.name for each in cart.conditions] == ["PACK", "COURIER"]
        assert cart.version > version

    def test_two_ways_of_shipping_at_once(self) -> None:
        """Of two choices at once, one is left."""
        storage = ContestedStorage()
        cart = make_cart(storage)
        cart.add("mug", price=1)
        storage.contest([lambda rival: rival.add_shipping("POST", "4.90")])
        cart.add_shipping("COURIER", "9.90")

        assert [each.name for each in cart.conditions] == ["COURIER"]

    def test_the_same_condition_again(self, cart: Cart, storage: MemoryStorage) -> None:
        """Adding what is there already saves nothing."""
        cart.add_tax("VAT", "19%")
        before = stored(storage)
        cart.add_tax("VAT", "19%")

        assert stored(storage) == before

    def test_remove(self, cart: Cart) -> None:
        """A condition goes by its name."""
        cart.add_tax("VAT", "19%")
        cart.remove_condition("VAT")

        assert cart.conditions == ()

    def test_condition_on_items_is_not_for_the_cart(self, cart: Cart) -> None:
        """A condition that the totals would pass over is refused."""
        with pytest.raises(InvalidConditionError, match=r"'GIFT' .* line=\.\.\."):
            cart.add_condition(GIFT)

        assert cart.conditions == ()

    def test_item_condition(self, cart: Cart) -> None:
        """A condition of a line comes and goes, and acts on each unit."""
        line = cart.add("mug", 3, price=10)
        cart.add_condition(GIFT, line=line.id)
        assert cart.totals.total == Money(36, "EUR")
        cart.remove_condition("GIFT", line=line.id)
        assert cart.totals.total == Money(30, "EUR")


class TestWholeCart:
    def test_clear(self, cart: Cart, storage: MemoryStorage) -> None:
        """A cleared cart is empty and still there, at the next version."""
        cart.add("mug", price=1)
        cart.add_tax("VAT", "19%")
        cart.metadata["a"] = 1
        version = cart.version
        cart.clear()

        assert (len(cart), cart.conditions, dict(cart.metadata)) == (0, (), {})
        assert stored(storage).version > version

    @pytest.mark.parametrize(
        "change",
        [
            lambda cart: cart.add("mug", price=1),
            lambda cart: cart.add_tax("VAT", "19%"),
            lambda cart: cart.metadata.update(a=1),
        ],
    )
    def test_clear_of_one_thing(self, cart: Cart, recorder: Recorder, change) -> None:
        """Whatever there is, it is cleared; once."""
        change(cart)
        cart.clear()
        cart.clear()

        assert recorder.names.count("cart_cleared") == 1

    def test_destroy(self, cart: Cart, storage: MemoryStorage) -> None:
        """A destroyed cart is gone, and can be used again."""
        cart.add("mug", price=1)
        version = cart.version
        cart.destroy()

        assert stored(storage) is None
        assert (len(cart), cart.version) == (0, 0)
        cart.add("pot", price=1)
        assert cart.version != version

    def test_destroy_event(self, cart: Cart, recorder: Recorder) -> None:
        """The event has the last version and the lines of the cart."""
        line = cart.add("mug", price=1)
        version = cart.version
        cart.destroy()
        ((event,),) = recorder.told[1:]

        assert event.name == "cart_destroyed"
        assert (event.version, event.lines) == (version, (line,))

    def test_destroy_nothing(self, cart: Cart, recorder: Recorder) -> None:
        """A cart that is not there is not destroyed."""
        cart.destroy()

        assert recorder.asked == recorder.told == []

    def test_instances(self, cart: Cart, storage: MemoryStorage) -> None:
        """Another cart of the same owner has its own content."""
        wishlist = cart.instance("wishlist")
        wishlist.add("pot", price=1)

        assert not cart
        assert wishlist.key == CartKey("user:1", "wishlist")
        assert wishlist.instance("default").key == KEY
        assert storage.instances("user:1") == ["wishlist"]


class TestAfterTransaction:
    """A storage whose writes are part of the app's transaction."""

    class Joined(MemoryStorage):
        def __init__(self) -> None:
            super().__init__()
            self.callbacks: list[tuple] = []

        def transaction(self):
            return self

        def when_done(self, committed, rolled_back) -> None:
            self.callbacks.append((committed, rolled_back))

    def test_commit(self, recorder: Recorder) -> None:
        """Nothing is announced before it is committed."""
        storage = self.Joined()
        cart = make_cart(storage, announcer=recorder)
        cart.add("mug", price=1)
        assert recorder.told == []

        ((committed, _),) = storage.callbacks
        committed()
        assert recorder.names == ["cart_created", "item_added"]

    def test_rollback(self, recorder: Recorder) -> None:
        """What is rolled back is not announced, and is read and expected as before."""
        storage = self.Joined()
        cart = make_cart(storage, announcer=recorder).expect(0)
        cart.add("mug", price=1)
        ((_, rolled_back),) = storage.callbacks
        storage._carts.clear()
        rolled_back()

        assert not cart
        assert recorder.told == []
        cart.add("pot", price=1)
        assert [line.item_id for line in cart] == ["pot"]


def test_line_that_is_removed_at_once() -> None:
    """Whoever listens may take it out again; what was added still has a price."""

    class Picky(Recorder):
        def after(self, cart: Cart, events: tuple[Event, ...]) -> None:
            for event in events:
                if isinstance(event, ItemAdded):
                    cart.remove(event.line.id)

    cart = make_cart(announcer=Picky())
    line = cart.add("mug", price="12.50")

    assert not cart
    assert line.price == Money("12.50", "EUR")
