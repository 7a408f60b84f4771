"""What an assistant does, by a client that was generated from the standard's schemas.

It says where a shopper goes on, and for what total.
"""

from __future__ import annotations

import json
import sys

import httpx
from standard_client import Client
from standard_client.api.carts import cancel_cart
from standard_client.api.carts import create_cart
from standard_client.api.carts import get_cart
from standard_client.api.carts import update_cart
from standard_client.models import Cart
from standard_client.models import CartCreateRequest
from standard_client.models import CartUpdateRequest
from standard_client.models import ErrorResponse
from standard_client.models import ItemCreateRequest
from standard_client.models import ItemUpdateRequest
from standard_client.models import LineItemCreateRequest
from standard_client.models import LineItemUpdateRequest

AGENT = 'profile="https://walker.example/profile"'


def cart_of(answer: Cart | ErrorResponse | None) -> Cart:
    """The cart of an answer that has to be one."""
    assert isinstance(answer, Cart), answer

    return answer


def items_in(cart: Cart) -> dict[str, int]:
    return {line.item.id: line.quantity for line in cart.line_items}


def total_of(cart: Cart) -> int:
    (total,) = (each.amount for each in cart.totals if each.type_ == "total")

    return total


def discover(shop: str) -> Client:
    """A client for the address that the shop's profile has."""
    answer = httpx.get(f"{shop}/.well-known/ucp").raise_for_status()
    ucp = answer.json()["ucp"]
    (service,) = ucp["services"]["dev.ucp.shopping"]

    assert service["transport"] == "rest"
    assert "dev.ucp.shopping.cart" in ucp["capabilities"]

    return Client(service["endpoint"], raise_on_unexpected_status=True)


def create(client: Client, items: dict[str, int]) -> Cart:
    lines = [LineItemCreateRequest(ItemCreateRequest(k), n) for k, n in items.items()]
    body = CartCreateRequest(lines)

    return cart_of(create_cart.sync(client=client, body=body, ucp_agent=AGENT))


def update(client: Client, cart: Cart, items: dict[str, int]) -> Cart:
    lines = [LineItemUpdateRequest(ItemUpdateRequest(k), n) for k, n in items.items()]
    body = CartUpdateRequest(lines)

    return cart_of(update_cart.sync(cart.id, client=client, body=body, ucp_agent=AGENT))


def walk(shop: str) -> None:
    client = discover(shop)
    made = create(client, {"MUG-FOG": 2})

    assert items_in(made) == {"MUG-FOG": 2}

    changed = update(client, made, {"MUG-FOG": 1, "KETTLE-TAR": 1})
    cart = cart_of(get_cart.sync(changed.id, client=client, ucp_agent=AGENT))

    assert items_in(cart) == items_in(changed) == {"MUG-FOG": 1, "KETTLE-TAR": 1}
    assert total_of(cart) == total_of(changed) != total_of(made)

    other = create(client, {"MUG-FOG": 1})
    told = cart_of(cancel_cart.sync(other.id, client=client, ucp_agent=AGENT))
    gone = get_cart.sync(other.id, client=client, ucp_agent=AGENT)

    assert items_in(told) == {"MUG-FOG": 1}
    assert isinstance(gone, ErrorResponse), gone
    assert [each.code for each in gone.messages] == ["not_found"]
    print(json.dumps({"link": cart.continue_url, "total": total_of(cart)}))


walk(sys.argv[1])
