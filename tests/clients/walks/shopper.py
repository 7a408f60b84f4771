"""The whole way of a shopper, by a client that was generated from the document.

It is checked by mypy, strictly, and takes what the client says at its word.
"""

from __future__ import annotations

import sys

from cart_client import Client
from cart_client.api.about import problem
from cart_client.api.about import show_item
from cart_client.api.cart import show
from cart_client.api.coupons import add_coupon
from cart_client.api.lines import add
from cart_client.api.lines import add_many
from cart_client.api.lines import move
from cart_client.api.lines import remove
from cart_client.api.lines import restore
from cart_client.api.lines import set_quantity
from cart_client.api.metadata import set_metadata
from cart_client.api.shipping import choose_shipping
from cart_client.models import Addition
from cart_client.models import AdditionOptions
from cart_client.models import Additions
from cart_client.models import Cart
from cart_client.models import Code
from cart_client.models import Entries
from cart_client.models import EntriesMetadata
from cart_client.models import Item
from cart_client.models import Line
from cart_client.models import Meaning
from cart_client.models import Method
from cart_client.models import Move
from cart_client.models import NewQuantity
from cart_client.models import Problem
from cart_client.models import ProblemCode
from cart_client.models import Report


def cart_of(answer: Cart | Problem | None) -> Cart:
    """The cart of an answer that has to be one."""
    assert isinstance(answer, Cart), answer

    return answer


def problem_of(answer: Cart | Problem | None, code: ProblemCode) -> Problem:
    """The problem of an answer that has to be this one."""
    assert isinstance(answer, Problem), answer
    assert answer.code is code, answer

    return answer


def line_in(cart: Cart, item: str) -> Line:
    """The line of an item."""
    (line,) = (each for each in cart.lines if each.item == item)

    return line


def choose(client: Client) -> None:
    """A mug, in the first of the sizes that there are."""
    answer = add.sync(client=client, body=Addition(item="mug"))
    missing = problem_of(answer, ProblemCode.MISSING_OPTION)
    assert missing.params["name"] == "size"

    item = show_item.sync("mug", client=client)
    assert isinstance(item, Item)
    options = AdditionOptions()

    for name, values in item.choices.additional_properties.items():
        options[name] = values[0]

    body = Addition(item=item.item, quantity=2, options=options)
    # The answer got lost, so it is sent once more.
    for _ in range(2):
        cart = cart_of(add.sync(client=client, body=body, idempotency_key="mug"))

    mug = line_in(cart, "mug")
    assert (mug.quantity, mug.options["size"], mug.subtotal) == (2, "S", "25.00")


def add_the_old_order(client: Client) -> None:
    """All that there is of an old order, and what is missing."""
    old = [Addition(item="pot"), Addition(item="rare", quantity=9), Addition("boat")]
    cart = cart_of(add_many.sync(client=client, body=Additions(items=old)))
    assert isinstance(cart.report, Report)
    assert [each.item for each in cart.report.gone] == ["boat"]
    (short,) = cart.report.short
    assert (short.item, short.quantity) == ("rare", 6)
    assert line_in(cart, "rare").limits.maximum == 3


def change(client: Client) -> None:
    """A quantity that somebody else has changed: ask, and send it again."""
    shown = show.sync_detailed(client=client)
    mug = line_in(cart_of(shown.parsed), "mug")
    other = NewQuantity(quantity=5, seen=mug.quantity)
    assert cart_of(set_quantity.sync(mug.id, client=client, body=other))

    wanted = NewQuantity(quantity=3, seen=mug.quantity)
    late = set_quantity.sync(mug.id, client=client, body=wanted)
    conflict = problem_of(late, ProblemCode.CONFLICT)
    assert isinstance(conflict.cart, Cart)
    assert line_in(conflict.cart, "mug").quantity == 5

    tag = shown.headers["ETag"]
    stale = set_quantity.sync_detailed(mug.id, client=client, body=wanted, if_match=tag)
    refused = problem_of(stale.parsed, ProblemCode.PRECONDITION_FAILED)
    assert isinstance(refused.cart, Cart)
    seen = line_in(refused.cart, "mug").quantity
    again = set_quantity.sync(
        mug.id,
        client=client,
        body=NewQuantity(quantity=3, seen=seen),
        if_match=stale.headers["ETag"],
    )
    assert line_in(cart_of(again), "mug").quantity == 3


def tidy_up(client: Client) -> None:
    """Away, back again, and to the wishlist."""
    cart = cart_of(show.sync(client=client))
    pot, rare = line_in(cart, "pot"), line_in(cart, "rare")
    assert len(cart_of(remove.sync(pot.id, client=client)).lines) == 2
    (removed,) = cart_of(show.sync(client=client)).removed
    assert (removed.name, removed.quantity) == (pot.name, pot.quantity)
    assert len(cart_of(restore.sync(removed.id, client=client)).lines) == 3
    moved = move.sync(rare.id, client=client, body=Move(to="wishlist"))
    assert len(cart_of(moved).lines) == 2


def settle(client: Client) -> None:
    """A coupon, the way that it is sent, and a note."""
    unknown = add_coupon.sync(client=client, body=Code("NOTHING"))
    kind = problem_of(unknown, ProblemCode.UNKNOWN_COUPON)
    page = problem.sync(kind.code, client=client)
    assert isinstance(page, Meaning)
    assert page.title == kind.title

    cart = cart_of(add_coupon.sync(client=client, body=Code("TEN")))
    assert [(each.code, each.is_used) for each in cart.coupons] == [("TEN", True)]

    option = next(each for each in cart.shipping_options if each.is_available)
    cart = cart_of(choose_shipping.sync(client=client, body=Method(option.name)))
    assert cart.shipping == option.name

    note = EntriesMetadata()
    note["note"] = "Ring twice"
    cart = cart_of(set_metadata.sync(client=client, body=Entries(metadata=note)))
    assert cart.metadata["note"] == "Ring twice"


def check_out(client: Client, shop: str) -> None:
    """The shop's own checkout gets the token, and the total that was seen."""
    cart = cart_of(show.sync(client=client))
    assert cart.problems == []
    order = {"token": cart.order_token, "total": cart.total}
    answer = client.get_httpx_client().post(f"{shop}/checkout", json=order)
    assert answer.json() == {"pieces": 4, "total": cart.total}
    assert cart_of(show.sync(client=client)).lines == []


def walk(shop: str) -> None:
    """Walk the whole way."""
    with Client(base_url=f"{shop}/cart") as client:
        choose(client)
        add_the_old_order(client)
        change(client)
        tidy_up(client)
        settle(client)
        check_out(client, shop)


walk(sys.argv[1])
