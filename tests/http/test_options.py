"""What a shopper may choose: one of each choice, several where there may be."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_cart import current_cart
from tests.support.storefronts import JSON
from tests.support.storefronts import open_storefront
from tests.support.storefronts import show


@dataclass
class Pizza:
    """A pizza in two sizes, with as many toppings as one likes."""

    cart_id: str = "pizza"
    cart_name: str = "Pizza"
    cart_price: str = "8.00"
    cart_multiple: t.Any = ("topping",)
    cart_attributes: dict[str, str] = field(default_factory=lambda: {"tax": "food"})
    cart_choices: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            "size": ("S", "L"),
            "topping": ("ham", "olives", "more ham"),
        }
    )

    def cart_variant(self, options: t.Mapping[str, t.Any]) -> Pizza | None:
        toppings = options.get("topping", ())

        if options["size"] == "S" and "more ham" in toppings:
            return None

        return Pizza(cart_price=f"{8 + len(toppings)}.00")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    with open_storefront("memory", folder=tmp_path) as shop:
        shop.extension.product_loader(lambda ids: [Pizza()] if "pizza" in ids else [])

        yield shop.app.test_client()


def order(client: FlaskClient, **options: t.Any) -> TestResponse:
    return client.post("/cart/lines", json={"item": "pizza", "options": options})


def lines(client: FlaskClient) -> list[tuple[t.Any, int, str]]:
    return [(e["options"], e["quantity"], e["price"]) for e in show(client)["lines"]]


def test_a_set_from_json(client: FlaskClient) -> None:
    """In any order it is the same line, at the price of the variant."""
    order(client, size="L", topping=["olives", "ham"])
    order(client, size="L", topping=["ham", "olives", "ham"])

    both = {"size": "L", "topping": ["ham", "olives"]}
    assert lines(client) == [(both, 2, "10.00")]


def test_a_set_from_a_form(client: FlaskClient) -> None:
    """A box for each topping makes a field of each that is ticked."""
    form = {"item": "pizza", "option.size": "L", "option.topping": ["olives", "ham"]}
    client.post("/cart/lines", data=form)
    order(client, size="L", topping=["ham", "olives"])
    client.post("/cart/lines", data=form | {"option.topping": "ham"})
    order(client, size="L", topping="ham")
    order(client, size="L", topping=["ham"])

    assert lines(client) == [
        ({"size": "L", "topping": ["ham", "olives"]}, 2, "10.00"),
        ({"size": "L", "topping": ["ham"]}, 3, "9.00"),
    ]


@pytest.mark.parametrize("none", [{}, {"topping": []}])
def test_none_of_several(client: FlaskClient, none: dict[str, t.Any]) -> None:
    """Nobody has to choose what may be left out."""
    order(client, size="L", **none)

    assert lines(client) == [({"size": "L"}, 1, "8.00")]


@pytest.mark.parametrize(
    ("options", "code", "detail"),
    [
        ({"size": "L", "topping": ["gold"]}, "bad-option", "'gold' is not a"),
        ({"size": "L", "topping": "gold"}, "bad-option", "'gold' is not a"),
        ({"size": ["S", "L"]}, "missing-option", "Choose one for 'size'"),
        ({"size": ["S"]}, "missing-option", "Choose one for 'size'"),
        ({"size": []}, "missing-option", "Choose one for 'size'"),
        ({"topping": ["ham"]}, "missing-option", "Choose one for 'size'"),
        ({"size": "L", "price": ["1"]}, "bad-option", "'1' is not a choice"),
        ({"size": {"S": 1}}, "invalid-field", "a list"),
        ({"size": "L", "topping": ["ham"] * 101}, "invalid-field", "100"),
        ({"size": "S", "topping": ["more ham"]}, "not-sold", "not sold like that"),
    ],
)
def test_what_cannot_be_chosen(
    client: FlaskClient, options: dict[str, t.Any], code: str, detail: str
) -> None:
    """Not two sizes, no topping that there is not, and nothing that is not made."""
    answer = order(client, **options)

    assert (answer.status_code, answer.json["code"]) == (422, code)
    assert detail in answer.json["detail"]
    assert lines(client) == []


def test_two_sizes_from_a_form(client: FlaskClient) -> None:
    """A form that has a field twice has chosen twice."""
    form = {"item": "pizza", "option.size": ["S", "L"]}
    answer = client.post("/cart/lines", data=form, headers=JSON)
    assert answer.status_code == 422

    client.post("/cart/lines", data=form | {"option.size": ["S", "S"]})
    assert lines(client) == [({"size": "S"}, 1, "8.00")]


def test_is_shown(client: FlaskClient) -> None:
    """The page has a box for each, and says what was chosen."""
    order(client, size="L", topping=["olives", "ham"])

    assert "Topping: ham, olives" in client.get("/cart/").text


@pytest.mark.parametrize("by", ["json", "data"])
def test_attributes_of_the_product(client: FlaskClient, by: str) -> None:
    """A line has those of its product, whichever way it came, and no others."""
    client.application.add_url_rule(
        "/attributes", view_func=lambda: current_cart.lines[0].attributes
    )
    wanted: dict[str, t.Any] = {"item": "pizza", "options": {"size": "L"}}
    fields = {"item": "pizza", "option.size": "L", "attributes.tax": "none"}
    client.post("/cart/lines", **{by: wanted if by == "json" else fields})

    assert client.get("/attributes").json == {"tax": "food"}
