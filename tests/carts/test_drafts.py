"""What is being sold: its token, and its price, which nothing can change any more."""

from __future__ import annotations

import datetime as dt
import typing as t
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from msgspec.structs import replace

from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import Condition
from flask_cart import OrderDraft
from flask_cart import ShippingMethod
from flask_cart import rule
from flask_cart.carts.cart import working_copy
from flask_cart.carts.drafts import order_token
from flask_cart.model.document import decode
from flask_cart.model.document import encode
from flask_cart.model.keys import CartKey
from flask_cart.pricing.presets import gift_card
from flask_cart.pricing.rulebook import Rulebook
from flask_cart.pricing.rulebook import provide_coupons
from flask_cart.storage import base as storages
from flask_cart.storage.memory import MemoryStorage
from tests.support import strategies
from tests.support.shop import KEY
from tests.support.shop import NOW
from tests.support.shop import make_cart
from tests.support.shop import sell
from tests.support.shop import stored

TAX = Condition("VAT", "tax", "subtotal", "19%", 9, lines=rule("item", ids=["pot"]))
COUPON = Condition("SPRING", "discount", "subtotal", "-10%", rule=rule("open"))


class Shop:
    """A shop that has rules, a coupon and taxes, until it is closed for good."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.moment = NOW
        self.rulebook = Rulebook()
        self.rulebook.rules.add("open", lambda facts: True)
        self.rulebook.amounts.add("freight", lambda facts: Decimal("10.05"))
        self.rulebook.providers.append(lambda facts: [COUPON])

    def cart(self) -> Cart:
        return make_cart(
            self.storage, clock=lambda: self.moment, rulebook=self.rulebook
        )

    def filled(self) -> Cart:
        cart = self.cart()

        with cart.batch():
            cart.add("mug", 3, price="12.50")
            pot = cart.add("pot", price="30")
            item = Condition("ODD", "discount", "item", "-1", rule=rule("open"))
            cart.add_condition(item, line=pot.id)
            cart.add_condition(TAX)
            cart.add_condition(
                Condition("LESS", "discount", "subtotal", "-3%", rule=rule("open"))
            )
            cart.add_condition(
                Condition("Post", "shipping", "total", "20%", base=rule("freight"))
            )
            cart.add_fee(
                "NIGHT", "5", rule=rule("time_of_day", start="22:00", end="06:00")
            )

        return cart

    def closes(self) -> None:
        """Nobody can be asked any more, and it is another day."""

        def fail(facts: t.Any) -> t.NoReturn:
            raise AssertionError("Nobody is asked.")

        self.rulebook.rules.add("open", fail)
        self.rulebook.amounts.add("freight", fail)
        self.rulebook.providers[:] = [fail]
        self.rulebook.load_facts = fail
        self.moment += dt.timedelta(days=400)


def amounts(draft: OrderDraft) -> t.Any:
    """Everything that draft comes to."""
    totals = draft.totals

    return (
        totals,
        [(each.unit_price, each.subtotal, each.share) for each in draft],
        [(each.name, each.amount, each.is_provided) for each in totals.adjustments],
        totals.taxes,
        totals.savings,
    )


class TestWhatWasBegun:
    def test_costs_the_same(self, caplog: pytest.LogCaptureFixture) -> None:
        """What was begun is ordered at its price, and nobody is asked for it: no rule,
        no provider, no coupon, no clock."""
        shop = Shop()
        shown = shop.filled().totals
        draft = shop.cart().begin_order(shown.total)
        shop.closes()

        order = sell(shop.cart(), token=draft.order_token, expected_total=shown.total)

        assert amounts(order) == amounts(draft)
        assert order.totals.total == shown.total
        assert [line.share for line in order] == [line.share for line in shown.lines]
        names = [each.name for each in shown.adjustments if not each.code]
        assert [each.name for each in order.totals.adjustments] == names
        assert names == ["LESS", "SPRING", "Post", "VAT"]
        assert caplog.text == ""

    def test_is_taken_out(self) -> None:
        """All that was ordered goes out of the cart, also the conditions that had rules
        or did not apply; what came in since stays."""
        shop = Shop()
        draft = shop.filled().begin_order()
        cart = shop.cart()
        cart.add("cup", price=1)
        cart.add_fee("WRAP", "2")
        sell(shop.cart(), token=draft.order_token)

        cart.refresh()
        assert [line.item_id for line in cart] == ["cup"]
        assert [each.name for each in cart.conditions] == ["WRAP"]

    def test_is_the_same_begun_again(self) -> None:
        """Who begins it again goes on with what was noted, at the price of then."""
        shop = Shop()
        draft = shop.filled().begin_order()
        before = stored(shop.storage)
        shop.closes()

        assert amounts(shop.cart().begin_order()) == amounts(draft)
        assert shop.cart().order_token == draft.order_token
        assert stored(shop.storage) == before

    def test_is_paid_as_then(self) -> None:
        """A gift card pays what it did when the order was begun, whatever is on it by
        now, and the order is told of it like of a coupon."""
        balances = {"GIFT": 20, "EMPTY": 0}
        rulebook = Rulebook()
        rulebook.providers.append(
            provide_coupons(lambda code, facts: gift_card(code, balances[code]))
        )
        storage = MemoryStorage()
        cart = make_cart(storage, rulebook=rulebook)
        cart.add("mug", price=50)
        cart.coupons.add("GIFT")
        cart.coupons.add("EMPTY")
        draft = cart.begin_order(expected_total=50)
        balances["GIFT"] = 5

        order = sell(make_cart(storage, rulebook=rulebook), token=draft.order_token)

        for each in (draft, order):
            assert (each.totals.total.amount, each.totals.due.amount) == (50, 30)
            assert [e.amount.amount for e in each.totals.tenders if not e.code] == [-20]
            assert each.coupons == ("GIFT",)

        assert amounts(order) == amounts(draft)

    def test_is_no_other_content_at_the_price_of_now(self) -> None:
        """Another price can be agreed to only for what is in the cart."""
        shop = Shop()
        draft = shop.filled().begin_order()
        shop.cart().add("cup", price=1)

        with pytest.raises(CartConflictError, match="not 1 as expected"):
            sell(shop.cart(), token=draft.order_token, expected_total=1)

    def test_is_not_another_price(self) -> None:
        """Of two who begin the same at different prices, the slower one gets the price
        of the first: one token never stands for both."""
        shop = Shop()
        shop.filled()
        slower = shop.cart()
        assert slower.order_token
        first = shop.cart().begin_order()
        shop.rulebook.providers.clear()

        assert slower.begin_order() == first

    @pytest.mark.parametrize("at", ["unit", "line", "total"])
    @settings(max_examples=settings.default.max_examples // 4)
    @given(data=st.data())
    def test_every_cart(self, at: t.Any, data: st.DataObject) -> None:
        """The totals of the draft are those that were shown, and those of the order."""
        drawn = data.draw(strategies.dynamic_carts().filter(lambda each: each.lines))
        provided = data.draw(strategies.condition_lists())
        storage, rulebook = MemoryStorage(), Rulebook()
        rulebook.providers.append(lambda facts: provided)
        cart = make_cart(storage, currency=drawn.currency, rulebook=rulebook, at=at)
        cart.add("mug", price=1)
        text, version = stored(storage)
        filled = replace(decode(text), lines=drawn.lines, conditions=drawn.conditions)
        storage._carts[KEY] = (
            stored(storage)._replace(data=encode(filled), version=version),
            NOW,
        )
        cart.refresh()
        shown = cart.totals

        draft = cart.begin_order()
        finishing = make_cart(storage, currency=drawn.currency, at=at)
        order = sell(finishing, token=draft.order_token)

        assert amounts(order) == amounts(draft)
        assert (order.totals.total, order.totals.subtotal) == (
            shown.total,
            shown.subtotal,
        )
        assert [e.share for e in order] == [e.share for e in shown.lines]

    @pytest.mark.parametrize("price", ["4.90", "0"])
    def test_knows_how_it_is_sent(self, price: str) -> None:
        """The draft and the order have the method, whatever it costs and whoever is
        asked by then."""
        shop = Shop()
        method = ShippingMethod(Condition("Boat", "shipping", "total", price))
        shop.rulebook.list_shipping = lambda facts: [method]
        cart = shop.cart()
        cart.add("mug", price="12.50")
        cart.shipping.choose("Boat")
        draft = cart.begin_order()
        shop.closes()
        order = sell(shop.cart(), token=draft.order_token)

        assert (draft.shipping, order.shipping) == ("Boat", "Boat")
        assert shop.filled().begin_order().shipping is None


class TestToken:
    def test_names_nobody(self) -> None:
        """Each version and content of each cart has a token, which does not name the
        owner."""
        guest = CartKey("guest:secret", "default")
        tokens = {
            order_token(guest, 1, "a"),
            order_token(guest, 2, "a"),
            order_token(guest, 1, "b"),
            order_token(CartKey("guest:secret", "default2"), 1, "a"),
            order_token(CartKey("guest:secretd", "efault"), 1, "a"),
            order_token(CartKey("guest:other", "default"), 1, "a"),
        }

        assert len(tokens) == 6
        assert {len(token) for token in tokens} == {40}
        assert not any("secret" in token for token in tokens)

    @pytest.mark.parametrize(
        "change",
        [
            {"currency": "USD", "lines": ()},
            {"lines": ()},
            {"conditions": ()},
            {"metadata": {"note": "ring once"}},
        ],
        ids=lambda each: next(iter(each)),
    )
    def test_is_of_the_content(self, change: dict[str, t.Any]) -> None:
        """The same version with another content is another order."""
        storage = MemoryStorage()
        cart = make_cart(storage)

        with cart.batch():
            cart.add("mug", price=1)
            cart.add_fee("WRAP", "2")
            cart.metadata["note"] = "ring twice"

        token = cart.order_token
        other = replace(working_copy(cart).document, **change)
        kept, saved_at = storage._carts[KEY]
        storage._carts[KEY] = kept._replace(data=encode(other)), saved_at

        assert make_cart(storage).version == cart.version
        assert make_cart(storage).order_token not in ("", token)

    def test_is_not_of_the_sequence_of_notes(self) -> None:
        """Mappings have no order, and noting an order keeps the token."""
        cart = make_cart()

        with cart.batch():
            cart.add("mug", price=1)
            cart.metadata.update(a=1, b=2)

        token = cart.begin_order().order_token

        del cart.metadata["a"]
        cart.metadata["a"] = 1

        assert list(cart.metadata) == ["b", "a"]
        assert cart.order_token == token

    @pytest.mark.parametrize("is_begun", [False, True])
    def test_after_writes_that_were_lost(
        self, is_begun: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A memory that was put back to what it was goes on with other goods, and they
        are another order, though the version is the same."""
        monkeypatch.setattr(storages.secrets, "randbits", lambda bits: 0)
        storage = MemoryStorage()
        make_cart(storage).add("mug", 7, price=5)
        before = dict(storage._carts)
        orders: dict[str, OrderDraft] = {}
        versions = []

        for item, price in [("pot", 0), ("cup", 69)]:
            cart = make_cart(storage)
            cart.add(item, price=price)
            versions.append(cart.version)
            token = cart.begin_order().order_token if is_begun else cart.order_token
            cart.place_order(
                lambda draft: orders.setdefault(draft.order_token, draft),
                orders.get,
                token=token,
            )
            storage._carts.update(before)

        assert versions[0] == versions[1]
        totals = [each.totals.total.amount for each in orders.values()]
        assert totals == [35, 104]
