"""Clients that do to a few carts what shoppers do, at random, and record it."""

from __future__ import annotations

import random
import time
import typing as t
from pathlib import Path

from msgspec.structs import replace

from ...carts.cart import Cart
from ...carts.cart import stored_cart
from ...carts.drafts import OrderDraft
from ...carts.repository import Repository
from ...carts.repository import Retry
from ...carts.services import CartServices
from ...model.errors import CartBusyError
from ...model.errors import CartError
from ...model.errors import CartStorageError
from ...model.events import Event
from ...model.keys import CartKey
from ...model.limits import Limits
from ...storage.base import Storage
from .recording import recorded
from .records import Call
from .records import History
from .records import Made
from .records import Outcome
from .records import current_call

OWNER: t.Final = "user:1"
#: The carts that all clients share.
CARTS: t.Final = ("default", "later")
#: After so many operations another guest comes, whose cart is merged into the owner's.
STAY: t.Final = 15
ITEMS: t.Final = ("mug", "pot", "cup")

#: How often each operation is tried, beside the others.
OPERATIONS: t.Final = {
    "add": 6,
    "increment": 4,
    "set_quantity": 2,
    "remove": 2,
    "add_two": 2,
    "add_once": 3,
    "move": 3,
    "clear": 1,
    "destroy": 1,
    "greet": 2,
    "merge": 3,
    "order": 3,
    "show": 3,
}


class _NothingError(Exception):
    """There is no line that an operation could be about."""


class _TakenError(Exception):
    """There is such an order: somebody else was faster."""


def guest(number: int) -> str:
    """One of the guests, as an owner."""
    return f"guest:{number:022}"


class Silent:
    """Tells nobody of anything."""

    def before(self, cart: object, version: int, events: tuple[Event, ...]) -> None:
        """Let everything be saved."""

    def after(self, cart: object, events: tuple[Event, ...]) -> None:
        """Keep it to oneself."""

    def hears(self, *names: str) -> bool:
        return False

    def tell(self, cart: object, event: Event) -> None:
        """Keep it to oneself."""

    def left(self, cart: object, event: Event) -> None:
        """Let everything be deleted."""


class Client:
    """Somebody who uses the carts, at random but the same way for the same name.

    :param name: Identifies the client, and decides what it does.
    :param storage: Where the carts are.
    :param orders: An empty folder, the same for all clients: the shop's orders.
    :param history: Where it is recorded; in memory, if left out.
    """

    def __init__(
        self,
        name: str,
        storage: Storage,
        orders: Path,
        history: History | None = None,
    ) -> None:
        self.history = history or History()
        self._name = name
        self._random = random.Random(name)
        self._orders = orders
        self._calls = 0
        self._stale: Cart | None = None
        stored = recorded(storage, self.history)
        repository = Repository(stored, "EUR", Limits(), Retry())
        self._services = CartServices(repository=repository, announcer=Silent())

    def act(self, times: int) -> None:
        """Do so many things, one after the other."""
        names, weights = list(OPERATIONS), list(OPERATIONS.values())

        for what in self._random.choices(names, weights, k=times):
            self._calls += 1
            self._call(what)

    def look(self, times: int) -> None:
        """Look at all carts once more, outside of any call.

        :param times: How much each client has done.
        """
        load = self._services.repository.storage.load

        for name in CARTS:
            load(CartKey(OWNER, name))

        for number in range(times // STAY + 1):
            load(CartKey(guest(number), "default"))

    def _call(self, what: str) -> None:
        arguments: dict[str, t.Any] = {}
        call = Call(
            call=f"{self._name}.{self._calls}",
            began=time.monotonic_ns(),
            ended=0,
            what=what,
            arguments=arguments,
            outcome="unknown",
        )
        self.history.begin(call)
        token = current_call.set(call.call)
        outcome: Outcome = "done"
        said = ""

        try:
            said = str(getattr(self, f"_{what}")(arguments) or "")
        except CartStorageError as error:
            is_undone = isinstance(error, CartBusyError)
            outcome, said = "refused" if is_undone else "unknown", repr(error)
        except (CartError, _NothingError, _TakenError) as error:
            outcome, said = "refused", repr(error)
        except Exception as error:
            outcome, said = "raised", repr(error)
        finally:
            current_call.reset(token)

        ended = time.monotonic_ns()
        self.history.add(replace(call, ended=ended, outcome=outcome, said=said))

    # What is done to one cart

    def _add(self, given: dict[str, t.Any]) -> None:
        given |= {"item": self._item(), "quantity": self._random.randint(1, 3)}
        self._cart(given).add(given["item"], given["quantity"], price=1)

    def _increment(self, given: dict[str, t.Any]) -> None:
        cart = self._cart(given)
        line = self._line(cart, given)
        given["by"] = self._random.choice((-1, 1, 2))
        cart.increment(line, given["by"])

    def _set_quantity(self, given: dict[str, t.Any]) -> None:
        cart = self._cart(given)
        line = self._line(cart, given)
        given["quantity"] = self._random.randint(0, 5)
        cart.set_quantity(line, given["quantity"])

    def _remove(self, given: dict[str, t.Any]) -> None:
        cart = self._cart(given)
        cart.remove(self._line(cart, given))

    def _add_two(self, given: dict[str, t.Any]) -> None:
        given |= {"items": self._random.sample(ITEMS, 2), "quantity": 1}
        cart = self._cart(given)

        with cart.batch():
            for item in given["items"]:
                cart.add(item, 1, price=1)

    def _add_once(self, given: dict[str, t.Any]) -> None:
        # All clients come upon the same keys, each of them several times.
        number = self._calls // 8
        given |= {"key": f"key-{number}", "item": ITEMS[number % len(ITEMS)]}
        given |= {"owner": OWNER, "cart": "default", "quantity": 1}
        cart = stored_cart(self._services, CartKey(OWNER, "default"))

        with cart.once(given["key"], given["item"]):
            cart.add(given["item"], 1, price=1)

    def _clear(self, given: dict[str, t.Any]) -> None:
        self._cart(given).clear()

    def _destroy(self, given: dict[str, t.Any]) -> None:
        # What a cart knows of keys and merges goes with it, so only that without any.
        given |= {"owner": OWNER, "cart": "later"}
        stored_cart(self._services, CartKey(OWNER, "later")).destroy()

    def _show(self, given: dict[str, t.Any]) -> None:
        list(self._cart(given))

    # What is about several

    def _move(self, given: dict[str, t.Any]) -> None:
        cart = self._cart(given)
        line = self._line(cart, given)
        (given["to"],) = {*CARTS} - {given["cart"]}
        cart.move(line, to=given["to"])

    def _greet(self, given: dict[str, t.Any]) -> None:
        """A guest adds something."""
        given |= {"owner": guest(self._calls // STAY), "cart": "default"}
        given |= {"item": self._item(), "quantity": 1}
        key = CartKey(given["owner"], "default")
        stored_cart(self._services, key).add(given["item"], 1, price=1)

    def _merge(self, given: dict[str, t.Any]) -> None:
        """A guest logs in."""
        given |= {"guest": guest(self._calls // STAY), "cart": "default"}
        theirs = stored_cart(self._services, CartKey(given["guest"], "default"))
        stored_cart(self._services, CartKey(OWNER, "default")).merge(theirs)

    def _order(self, given: dict[str, t.Any]) -> str:
        given |= {"owner": OWNER, "cart": "default"}
        cart = stored_cart(self._services, CartKey(OWNER, "default"))

        return cart.place_order(self._make, self._find, token=cart.order_token)

    def _make(self, draft: OrderDraft) -> str:
        made = Made(
            call=current_call.get(),
            began=time.monotonic_ns(),
            ended=0,
            token=draft.order_token,
            lines={line.item_id: line.quantity for line in draft},
        )
        self.history.begin(made)

        try:
            # A unique column.
            (self._orders / draft.order_token).touch(exist_ok=False)
        except FileExistsError as error:
            raise _TakenError from error

        self.history.add(replace(made, ended=time.monotonic_ns()))

        return draft.order_token

    def _find(self, token: str) -> str | None:
        return token if (self._orders / token).exists() else None

    # What all of that is about

    def _cart(self, given: dict[str, t.Any]) -> Cart:
        """One of the carts, at times as it was read before."""
        name = self._random.choice(CARTS)
        stale, self._stale = self._stale, None

        if stale is not None and stale.key is not None and self._random.random() < 0.5:
            name, cart = stale.key.instance, stale
        else:
            self._stale = cart = stored_cart(self._services, CartKey(OWNER, name))

        given |= {"owner": OWNER, "cart": name}

        return cart

    def _line(self, cart: Cart, given: dict[str, t.Any]) -> str:
        if not len(cart):
            raise _NothingError

        line = self._random.choice(cart.lines)
        given["item"] = line.item_id

        return line.id

    def _item(self) -> str:
        return self._random.choice(ITEMS)
