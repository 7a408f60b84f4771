"""What two do to carts at once, in the models and in the code."""

from __future__ import annotations

from tests.models import merge
from tests.models import move
from tests.models.replaying import Operation
from tests.models.replaying import Shop


def keyed_add(shop: Shop) -> Operation:
    """Add a mug, with a key."""

    def add() -> None:
        cart = shop.cart()

        with cart.once("key"):
            cart.add("mug", price=1)

    return shop.inside(add)


def fill_for_move(shop: Shop) -> None:
    """There are two carts, and the mug is in the first."""
    shop.forget()
    shop.add("mug")()
    shop.add("pen", instance=move.TARGET)()


def moves(shop: Shop, rival: move.Rival) -> tuple[Operation, Operation]:
    """Move the mug, and do something else at once."""
    with shop.app.app_context():
        (line,) = shop.cart().lines

    def take() -> None:
        shop.cart().move(line.id, to=move.TARGET)

    go = shop.inside(take)

    return go, go if rival == "move" else shop.add("cup", instance=rival)


def fill_for_login(shop: Shop) -> None:
    """The guest has a mug, and the user a pen."""
    shop.forget()
    shop.add("mug", merge.GUEST)()
    shop.add("pen", merge.USER)()


def logins(shop: Shop, rival: merge.Rival) -> tuple[Operation, Operation]:
    """Log in, and do something else at once."""

    def take_over() -> None:
        shop.cart(merge.USER).merge(shop.cart(merge.GUEST))

    log_in = shop.inside(take_over)

    return log_in, log_in if rival == "log in" else shop.add("cup", rival)
