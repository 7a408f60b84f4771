"""Carts as the commands show them."""

from __future__ import annotations

import json

import pytest
from flask import Flask

from flask_cart import Condition
from flask_cart.model.keys import CartKey
from flask_cart.pricing.presets import gift_card
from flask_cart.testing.carts import save_cart
from tests.support.crowds import cart_of
from tests.support.crowds import run
from tests.support.crowds import run_json

GUEST = "guest:abcdefghijklmnopqrstuv"


def words(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines()]


@pytest.fixture
def app(memory_app: Flask) -> Flask:
    """A shop with a full cart, a wish list and a guest."""
    with memory_app.app_context():
        cart = cart_of(memory_app, "user:7")
        mug = cart.add("mug", 2, name="Mug", price="12.50", options={"size": "L"})
        cart.add("pot", price=30)
        cart.add_condition(Condition("SALE", "discount", "item", "-2"), line=mug.id)
        cart.add_discount("SUMMER", "10%")
        cart.add_tax("VAT", "19%", included=True)
        cart.metadata["note"] = "Ring twice."
        cart_of(memory_app, "user:7", "wishlist").add("jug", price=5)
        cart_of(memory_app, GUEST).add("jug", price=5)

    return memory_app


class TestList:
    def test_table(self, app: Flask) -> None:
        """Numbers are below each other, and the token of a guest is not in full."""
        output = run(app, "list").output
        table = words(output)

        assert table[0] == ["Owner", "Instance", "Lines", "Quantity", "Total", "Saved"]
        assert [row[:5] for row in table[1:]] == [
            ["guest:abcd...", "default", "1", "1", "€5.00"],
            ["user:7", "default", "2", "3", "€45.90"],
            ["user:7", "wishlist", "1", "1", "€5.00"],
        ]
        rows = output.splitlines()[1:]
        amounts = "€5.00", "€45.90", "€5.00"
        ends = [
            row.index(amount) + len(amount)
            for row, amount in zip(rows, amounts, strict=True)
        ]
        assert len(set(ends)) == 1

    def test_tokens(self, app: Flask) -> None:
        """The token is printed only if it is asked for, also as JSON."""
        for options in [], ["--json"]:
            assert GUEST not in run(app, "list", *options).output
            assert GUEST in run(app, "list", "--show-tokens", *options).output

    def test_filters(self, app: Flask) -> None:
        """Owner and instance are compared as a whole."""
        found = run_json(app, "list", "--owner", "user:7", "--instance", "wishlist")

        assert [each["instance"] for each in found["carts"]] == ["wishlist"]
        assert run_json(app, "list", "--owner", "user:")["carts"] == []

    def test_none(self, app: Flask) -> None:
        """If there are none, it says so."""
        output = run(app, "list", "--owner", "user:8").output

        assert output == "There are no such carts.\n"

    def test_more(self, app: Flask) -> None:
        """If there are more, it says how to see them."""
        output = run(app, "list", "--per-page", "2").output
        assert output.endswith("There are more: --page 2\n")
        output = run(app, "list", "--per-page", "2", "--page", "2").output
        assert "There are more" not in output
        assert "wishlist" in output

    def test_corrupt(self, app: Flask) -> None:
        """A cart that cannot be read is in the list, and says so."""
        key = CartKey("user:1", "default")
        save_cart(app.extensions["cart"].storage, key, "{", 0)

        assert words(run(app, "list").output)[2][:3] == ["user:1", "default", "corrupt"]
        (_, row, *_) = run_json(app, "list")["carts"]
        assert row["owner"] == "user:1"
        assert row["error"].startswith("The stored text is not a cart")


class TestShow:
    def test_coupons_and_shipping(self, app: Flask) -> None:
        """What the cart has noted is shown, whether or not it does anything."""
        with app.app_context():
            cart = cart_of(app, "user:7")
            cart.coupons.add("SUMMER")
            cart.coupons.add("MUGS")

        assert "\nCoupons: SUMMER, MUGS\n" in run(app, "show", "user:7").output
        shown = run_json(app, "show", "user:7")
        assert (shown["coupons"], shown["shipping"]) == (["SUMMER", "MUGS"], None)

    def test_text(self, app: Flask) -> None:
        """All that is in the cart is shown, with what it comes to."""
        with app.app_context():
            cart_of(app, "user:7").begin_order()

        output = run(app, "show", "user:7").output

        for part in (
            "owner        user:7\n",
            "order begun  20",
            "mug   Mug   size=L          2  €12.50    €21.00\n",
            "SALE       discount  mug       -2",
            "SUMMER     discount  subtotal  -10%",
            "contains €7.33",
            "Total: €45.90\n",
            'note: "Ring twice."\n',
        ):
            assert part in output

    def test_json(self, app: Flask) -> None:
        """The same is there as JSON."""
        found = run_json(app, "show", "user:7")

        assert found["owner"] == "user:7"
        assert [line["item_id"] for line in found["lines"]] == ["mug", "pot"]
        assert [each["name"] for each in found["conditions"]] == ["SUMMER", "VAT"]
        assert found["metadata"] == {"note": "Ring twice."}
        assert found["order_begun_at"] is None
        assert found["totals"] == {
            "subtotal_without_conditions": "55.00",
            "subtotal": "45.90",
            "total": "45.90",
            "currency": "EUR",
        }

    def test_instance_and_empty(self, app: Flask) -> None:
        """Other carts of the owner have names; an empty one has no table."""
        assert "jug" in run(app, "show", "user:7", "wishlist").output

        with app.app_context():
            cart_of(app, "user:7", "wishlist").clear()

        output = run(app, "show", "user:7", "wishlist").output
        assert output.endswith("\n\nTotal: €0.00\n")

    def test_token(self, app: Flask) -> None:
        """What is printed of a guest can be shown to others."""
        assert GUEST not in run(app, "show", GUEST).output
        assert GUEST not in run(app, "show", GUEST, "--json").output
        assert GUEST in run(app, "show", GUEST, "--show-tokens").output

    @pytest.mark.parametrize("command", ["show", "explain"])
    def test_problems(self, app: Flask, command: str) -> None:
        """No cart, no such owner and a cart that cannot be read are errors."""
        key = CartKey("user:1", "default")
        save_cart(app.extensions["cart"].storage, key, "{", 0)

        for owner, error in {
            "user:1": "See 'flask cart doctor'.",
            "user:2": "Error: There is no cart 'default' of this owner.",
            "bob": "Error: An owner is a kind and an id",
        }.items():
            result = run(app, command, owner)
            assert result.exit_code == 1
            assert error in result.output

    def test_escape_sequences(self, app: Flask) -> None:
        """What would command the terminal is not sent to it."""
        with app.app_context():
            cart_of(app, "user:8").add("x", name="a\u202eb\u2028c", price=1)

        assert "a?b?c" in run(app, "show", "user:8").output
        output = run(app, "show", "user:8", "--json").output
        assert r"a\u202eb\u2028c" in output
        assert json.loads(output)["lines"][0]["name"] == "a\u202eb\u2028c"


class TestExplain:
    def test_gift_card(self, app: Flask) -> None:
        """What a gift card pays is among the steps, and below is what is to be paid."""
        with app.app_context():
            card = gift_card("GIFT", 40)
            cart_of(app, "user:7").add_condition(card)

        output = run(app, "explain", "user:7").output

        assert output.endswith("\nTotal: €45.90\nTo pay: €5.90\n")

    def test_text(self, app: Flask) -> None:
        """Each condition says what it changed, or why it did not."""
        with app.app_context():
            cart = cart_of(app, "user:7")
            cart.add_discount("NONE", "0%", order=5)

        output = run(app, "explain", "user:7").output

        assert output.startswith("Goods: €55.00\n")
        assert output.endswith("\nTotal: €45.90\n")
        assert "it makes no difference" in output

    def test_json(self, app: Flask) -> None:
        """The same as from explain() of the totals."""
        with app.app_context():
            steps = [each.to_dict() for each in cart_of(app, "user:7").totals.explain()]

        found = run_json(app, "explain", "user:7")
        assert found["steps"] == json.loads(json.dumps(steps))
        assert found["totals"]["total"] == "45.90"

    def test_nothing(self, app: Flask) -> None:
        """Without conditions, there is nothing between the goods and the total."""
        output = run(app, "explain", GUEST).output

        assert output == "Goods: €5.00\n\nTotal: €5.00\n"


def test_stats(app: Flask) -> None:
    """People read numbers in tables, and amounts in every currency."""
    with app.app_context():
        cart_of(app, "user:7").begin_order()

    output = run(app, "stats").output
    assert output.startswith("3 carts, 4 lines, 5 items; 1 in checkout, 0 corrupt\n")
    assert words(output)[2:4] == [
        ["Last", "saved", "empty", "guest", "user", "all"],
        ["up", "to", "1", "day", "0", "1", "2", "3"],
    ]
    assert output.endswith("Worth €65.00 before discounts, taxes and shipping\n")


def test_stats_of_nothing(memory_app: Flask) -> None:
    """A shop without carts has none of anything."""
    found = run_json(memory_app, "stats")

    assert (found["carts"], found["values"]) == (0, {})


def test_stats_of_damage(app: Flask) -> None:
    """What cannot be read is counted, and nothing else of it."""
    storage = app.extensions["cart"].storage
    save_cart(storage, CartKey("user:1", "default"), "{", 0)
    found = run_json(app, "stats")

    assert (found["carts"], found["corrupt"], found["lines"]) == (4, 1, 4)
