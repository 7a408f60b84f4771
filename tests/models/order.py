"""An order: what is in a cart is ordered by two at once, and the first one may die.

Who orders notes what it is, first beside the cart and then in it, makes the order,
takes what was ordered out of the cart, and forgets the note. The second one sends the
same form again, or adds a cup and orders all that there is: at once, or when the first
one has its answer, or is dead.

An order is identified by a token, of which there is one for each content of the cart:
here it is the content.
"""

from __future__ import annotations

import enum
import typing as t
from collections.abc import Iterator

from flask_cart.testing import Step
from tests.models.checking import CRASH
from tests.models.checking import NAMES
from tests.models.checking import OWNER
from tests.models.checking import Model
from tests.models.checking import changed

#: Whose the notes are, by the token of the order.
NOTES: t.Final = "@order"

#: Where the orders are.
ORDERS: t.Final = "orders"


class Mistake(enum.Enum):
    """What can be made wrong."""

    LOOKS_FOR_NO_ORDER = "nobody looks whether there is the order already"
    TAKES_OUT_FIRST = "the cart is emptied before the order is made"
    NOTES_NOTHING = "the cart does not know what is being ordered of it"


Items = tuple[str, ...]


class Cart(t.NamedTuple):
    """:param pending: What is being ordered of it."""

    version: int = 1
    items: Items = ("mug",)
    pending: tuple[Items, ...] = ()

    def without(self, token: Items) -> Cart:
        """What is left of it when something is ordered."""
        items = tuple(item for item in self.items if item not in token)
        pending = tuple(each for each in self.pending if each != token)

        return Cart(self.version + 1, items, pending)

    def with_pending(self, token: Items) -> Cart:
        return Cart(self.version + 1, self.items, (*self.pending, token))


class Note(t.NamedTuple):
    """:param moment: When it was made. What is tried twice is noted alike then."""

    token: Items
    moment: int


class Client(t.NamedTuple):
    """Who orders.

    :param shown: The token of the form; ``None`` to order whatever there is.
    :param cart: The cart as it was read.
    :param wanted: The token of what it orders.
    :param closing: The token of the order that it takes out of the cart.
    :param note: What it has read of that.
    :param then: What comes after that.
    :param known: The note that there was already.
    :param said: What it was told in the end.
    """

    at: str
    shown: Items | None = None
    cart: Cart = Cart()
    wanted: Items = ()
    closing: Items = ()
    note: Note | None = None
    then: str = ""
    known: Note | None = None
    said: str = ""


class State(t.NamedTuple):
    clients: tuple[Client, ...]
    cart: Cart = Cart()
    notes: frozenset[Note] = frozenset()
    orders: tuple[Items, ...] = ()

    def note(self, token: Items) -> Note | None:
        """The note of an order, if there is one."""
        return next((each for each in self.notes if each.token == token), None)

    def with_note(self, token: Items, note: Note | None) -> State:
        """Keep a note, or none."""
        others = {each for each in self.notes if each.token != token}

        return self._replace(notes=frozenset(others | ({note} if note else set())))


class _Order:
    def __init__(
        self,
        mistake: Mistake | None,
        is_at_once: bool,
        may_crash: bool,
        is_one_moment: bool,
    ) -> None:
        self._mistake = mistake
        self._is_at_once = is_at_once
        self._may_crash = may_crash
        self._is_one_moment = is_one_moment

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        """What can happen next."""
        is_first_over = bool(state.clients[0].said)

        for number, client in enumerate(state.clients):
            may_act = number == 0 or self._is_at_once or is_first_over

            if may_act and not client.said:
                yield getattr(self, f"_{client.at}")(_Doing(state, number, client))

        if self._may_crash and not is_first_over:
            yield CRASH, _Doing(state, 0, state.clients[0]).told("crashed")

    # Who adds a cup first

    def _add_load(self, it: _Doing) -> tuple[Step, State]:
        return it.load(), it.now(at="add_save", cart=it.state.cart)

    def _add_save(self, it: _Doing) -> tuple[Step, State]:
        cart = it.client.cart

        if cart != it.state.cart:
            return it.save("lost"), it.now(at="add_load")

        after = cart._replace(version=cart.version + 1, items=(*cart.items, "cup"))

        return it.save(), it.now(after, at="load_cart")

    # What is to be ordered

    def _load_cart(self, it: _Doing) -> tuple[Step, State]:
        cart, shown = it.state.cart, it.client.shown
        wanted = cart.items if shown is None else shown
        is_pending = wanted in cart.pending
        it = it.seeing(cart=cart, wanted=wanted)

        if self._mistake is Mistake.TAKES_OUT_FIRST:
            after = it.now(at="take_out") if cart.items else it.told("refused")
        elif wanted == cart.items and not is_pending:
            after = self._find_it(it)
        else:
            after = it.now(at="load_known")

        return it.load(), after

    def _load_known(self, it: _Doing) -> tuple[Step, State]:
        note = it.state.note(it.client.wanted)

        return it.load(NOTES), self._find_it(it.seeing(known=note))

    def _find_it(self, it: _Doing) -> State:
        if it.client.shown is not None:
            return it.now(at="find_shown")

        return it.now(at="find_others") if it.client.cart.pending else self._agree(it)

    def _find_shown(self, it: _Doing) -> tuple[Step, State]:
        return it.step("find", ORDERS), (
            it.closing("done") if self._is_made(it) else self._agree(it)
        )

    def _find_others(self, it: _Doing) -> tuple[Step, State]:
        # There is never more than one here.
        (other,) = it.client.cart.pending
        step = it.step("find", ORDERS)

        if self._is_made(it, other):
            return step, it.closing("reload", other)

        return step, self._agree(it)

    def _reload(self, it: _Doing) -> tuple[Step, State]:
        """What is left without what was ordered before."""
        cart = it.state.cart
        it = it.seeing(cart=cart)

        return it.load(), it.told("done") if not cart.items else self._agree(it)

    def _agree(self, it: _Doing) -> State:
        """Begin with the order, if the cart has what is wanted."""
        if it.client.wanted != it.client.cart.items:
            return it.now(at="find_again")

        is_noted = it.client.known == self._note(it)
        keeps_notes = self._mistake is not Mistake.NOTES_NOTHING

        return it.now(at="keep_load" if keeps_notes and not is_noted else "create")

    def _note(self, it: _Doing) -> Note:
        return Note(it.client.wanted, 0 if self._is_one_moment else it.number)

    # The note, and the order

    def _keep_load(self, it: _Doing) -> tuple[Step, State]:
        note = it.state.note(it.client.wanted)

        if note == self._note(it):
            return it.load(NOTES), self._begin_or_create(it)

        return it.load(NOTES), it.now(at="keep_save", note=note)

    def _keep_save(self, it: _Doing) -> tuple[Step, State]:
        token = it.client.wanted

        if it.state.note(token) != it.client.note:
            return it.save("lost", NOTES), it.now(at="keep_load")

        after = self._begin_or_create(it)

        return it.save("", NOTES), after.with_note(token, self._note(it))

    def _begin_or_create(self, it: _Doing) -> State:
        is_pending = it.client.wanted in it.client.cart.pending

        return it.now(at="create" if is_pending else "begin")

    def _begin(self, it: _Doing) -> tuple[Step, State]:
        cart = it.client.cart

        if cart != it.state.cart:
            return it.save("lost"), it.now(at="begin_was_lost")

        return it.save(), it.now(cart.with_pending(it.client.wanted), at="create")

    def _begin_was_lost(self, it: _Doing) -> tuple[Step, State]:
        return it.load(), it.now(at="look_again")

    def _look_again(self, it: _Doing) -> tuple[Step, State]:
        cart = it.state.cart

        if it.client.wanted in cart.pending:
            return it.load(), it.now(at="create", cart=cart)

        it = it.seeing(cart=cart)

        return it.load(), it.now(at="find_again" if it.client.known else "drop_load")

    def _drop_load(self, it: _Doing) -> tuple[Step, State]:
        note = it.state.note(it.client.wanted)
        is_mine = note == self._note(it)

        return it.load(NOTES), it.now(at="drop" if is_mine else "find_again", note=note)

    def _drop(self, it: _Doing) -> tuple[Step, State]:
        token = it.client.wanted

        if it.state.note(token) != it.client.note:
            return it.delete("lost"), it.now(at="drop_load")

        return it.delete(), it.now(at="find_again").with_note(token, None)

    def _find_again(self, it: _Doing) -> tuple[Step, State]:
        step = it.step("find", ORDERS)

        return step, it.closing("done") if self._is_made(it) else it.told("refused")

    def _create(self, it: _Doing) -> tuple[Step, State]:
        step = it.step("create", ORDERS)
        wanted = it.client.wanted

        if self._is_made(it):
            return step, it.now(at="find_again")

        after = it.closing("done")

        if self._mistake is Mistake.NOTES_NOTHING:
            after = it.now(at="settle")
        elif self._mistake is Mistake.TAKES_OUT_FIRST:
            after = it.told("done")

        return step, after._replace(orders=(*it.state.orders, wanted))

    def _is_made(self, it: _Doing, token: Items | None = None) -> bool:
        if self._mistake is Mistake.LOOKS_FOR_NO_ORDER:
            return False

        return (it.client.wanted if token is None else token) in it.state.orders

    # What was ordered is taken out

    def _close(self, it: _Doing) -> tuple[Step, State]:
        note = it.state.note(it.client.closing)

        if note is None:
            return it.load(NOTES), self._closed(it, has_closed=False)

        return it.load(NOTES), it.now(at="close_cart", note=note)

    def _close_cart(self, it: _Doing) -> tuple[Step, State]:
        cart = it.state.cart
        is_pending = it.client.closing in cart.pending

        if is_pending:
            return it.load(), it.now(at="close_save", cart=cart)

        return it.load(), it.now(at="forget_load", cart=cart)

    def _close_save(self, it: _Doing) -> tuple[Step, State]:
        cart = it.client.cart

        if cart != it.state.cart:
            return it.save("lost"), it.now(at="close_cart")

        after = cart.without(it.client.closing)

        return it.save(), it.now(after, at="forget_load", cart=after)

    def _forget_load(self, it: _Doing) -> tuple[Step, State]:
        is_same = it.state.note(it.client.closing) == it.client.note

        return it.load(NOTES), it.now(at="forget" if is_same else "close")

    def _forget(self, it: _Doing) -> tuple[Step, State]:
        token = it.client.closing

        if it.state.note(token) != it.client.note:
            return it.delete("lost"), it.now(at="forget_load")

        return it.delete(), self._closed(it, has_closed=True).with_note(token, None)

    def _closed(self, it: _Doing, has_closed: bool) -> State:
        if it.client.then == "done":
            return it.told("done")

        return it.now(at="reload") if has_closed else self._agree(it)

    # With a mistake

    def _take_out(self, it: _Doing) -> tuple[Step, State]:
        """Empty the cart that was read."""
        cart = it.client.cart

        if cart != it.state.cart:
            return it.save("lost"), it.now(at="take_out_was_lost")

        return it.save(), it.now(cart.without(cart.items), at="create")

    def _take_out_was_lost(self, it: _Doing) -> tuple[Step, State]:
        return it.load(), it.told("refused")

    def _settle(self, it: _Doing) -> tuple[Step, State]:
        """Take what was ordered out of a cart that does not know of it."""
        cart = it.client.cart

        if cart != it.state.cart:
            return it.save("lost"), it.now(at="settle_load")

        return it.save(), it.closing("done", None, cart.without(it.client.wanted))

    def _settle_load(self, it: _Doing) -> tuple[Step, State]:
        return it.load(), it.now(at="settle", cart=it.state.cart)


class _Doing(t.NamedTuple):
    """A client that does something."""

    state: State
    number: int
    client: Client

    def step(self, what: str, owner: str, outcome: str = "") -> Step:
        instances = () if owner == ORDERS else ("default",)

        return Step(NAMES[self.number], what, owner, instances, outcome)

    def load(self, owner: str = OWNER) -> Step:
        return self.step("load", owner)

    def save(self, outcome: str = "", owner: str = OWNER) -> Step:
        return self.step("save", owner, outcome)

    def delete(self, outcome: str = "") -> Step:
        return self.step("delete", NOTES, outcome)

    def seeing(self, **what: t.Any) -> _Doing:
        """The client, who knows more."""
        return self._replace(client=self.client._replace(**what))

    def now(self, saved: Cart | None = None, **what: t.Any) -> State:
        """The state after it.

        :param saved: The cart, if it is saved.
        :param what: What is different about the client then.
        """
        client = self.client._replace(**what)
        clients = changed(self.state.clients, self.number, client)

        return self.state._replace(clients=clients, cart=saved or self.state.cart)

    def closing(
        self, then: str, token: Items | None = None, saved: Cart | None = None
    ) -> State:
        """Go on with taking an order out, by default the one that is wanted."""
        closing = self.client.wanted if token is None else token

        return self.now(saved, at="close", closing=closing, then=then)

    def told(self, said: str) -> State:
        """There is nothing more to do."""
        return self.now(said=said)


def is_over(state: State) -> bool:
    """Whether everybody is told something, or dead."""
    return all(each.said for each in state.clients)


def is_sold_once(state: State) -> bool:
    """No item is in two orders."""
    sold = [item for order in state.orders for item in order]

    return len(set(sold)) == len(sold)


def is_nothing_gone(state: State) -> bool:
    """In the end, each item is in the cart, or in an order."""
    sold = {item for order in state.orders for item in order}
    has_cup = any(each.said == "done" and not each.shown for each in state.clients)
    wanted = {"mug", "cup"} if has_cup else {"mug"}

    return not is_over(state) or wanted <= {*sold, *state.cart.items}


def is_told_right(state: State) -> bool:
    """In the end, what the second one was told of is sold, and not in the cart."""
    sold = {item for order in state.orders for item in order}
    is_told = is_over(state) and state.clients[1].said == "done"

    return not is_told or (bool(sold) and not sold & set(state.cart.items))


def is_answered(state: State) -> bool:
    """In the end, who sends the form again has the order."""
    second = state.clients[1]

    return not is_over(state) or second.shown is None or second.said == "done"


def is_forgotten(state: State) -> bool:
    """In the end, nothing is noted, unless by the dead."""
    is_alive = is_over(state) and state.clients[0].said != "crashed"

    return not is_alive or not (state.notes or state.cart.pending)


def model(
    mistake: Mistake | None = None,
    adds: bool = False,
    is_at_once: bool = True,
    may_crash: bool = True,
    is_one_moment: bool = False,
) -> Model[State]:
    """The model.

    :param adds: Whether the second one adds something before it orders. Else it sends
        the same form.
    :param is_at_once: Whether the second one may begin before the first one is over.
    :param may_crash: Whether the first one may die, between any two steps.
    :param is_one_moment: Whether both order in the same second.
    """
    machine = _Order(mistake, is_at_once, may_crash, is_one_moment)
    again = Client("add_load") if adds else Client("load_cart", shown=("mug",))

    return Model(
        State((Client("load_cart", shown=("mug",)), again)),
        machine.steps,
        {
            "nothing is sold twice": is_sold_once,
            "nothing is gone without an order": is_nothing_gone,
            "what is told is true": is_told_right,
            "the form that is sent again gets the order": is_answered,
            "who lives leaves no note": is_forgotten,
        },
        is_over,
    )
