"""An order that was begun is made by its token alone, wherever the cart has got to."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator

import msgspec
import pytest
from msgspec import UNSET

from flask_cart import Cart
from flask_cart import CartBusyError
from flask_cart import CartConfigError
from flask_cart import CartConflictError
from flask_cart import CartCorruptError
from flask_cart import CartError
from flask_cart import CartOrderUnknownError
from flask_cart import CartStorageError
from flask_cart import CartVetoError
from flask_cart import OrderDraft
from flask_cart.carts.cart import working_copy
from flask_cart.carts.notes import notes_in
from flask_cart.carts.payments import cancel_order
from flask_cart.carts.payments import place_begun_order
from flask_cart.carts.repository import Repository
from flask_cart.carts.scanning import FoundNote
from flask_cart.carts.scanning import find_carts
from flask_cart.carts.scanning import find_everything
from flask_cart.model.document import OrderNote
from flask_cart.model.document import decode
from flask_cart.model.keys import CartKey
from flask_cart.storage.base import Changes
from flask_cart.storage.base import Stored
from flask_cart.storage.cookie import CookieStorage
from flask_cart.storage.memory import MemoryStorage
from flask_cart.testing.carts import save_carts
from tests.support.shop import AT_ONCE
from tests.support.shop import BusyStorage
from tests.support.shop import Recorder
from tests.support.shop import make_cart

GUEST = CartKey("guest:a", "default")
USER = CartKey("user:1", "default")
COMPANY = CartKey("company:1", "default")


def found_notes(repository: Repository) -> list[FoundNote]:
    """The notes that are come across."""
    notes = notes_in(repository)

    return [
        t.cast(FoundNote, found)
        for found in find_everything(repository)
        if notes.is_one(found.key)
    ]


class HookedStorage(MemoryStorage):
    """Memory in which something happens before a save, once."""

    def __init__(self) -> None:
        super().__init__()
        self._hooks: list[tuple[Callable[[str, Changes], bool], Callable[[], t.Any]]]
        self._hooks = []

    def before(
        self, wanted: Callable[[str, Changes], bool], act: Callable[[], t.Any]
    ) -> None:
        """Do something before the next save that is wanted."""
        self._hooks.append((wanted, act))

    def save(self, owner: str, changes: Changes) -> bool:
        for hook in list(self._hooks):
            wanted, act = hook

            if hook in self._hooks and wanted(owner, changes):
                self._hooks.remove(hook)
                act()

        return super().save(owner, changes)


class Shop:
    """A shop whose orders are told to it by a payment provider."""

    def __init__(self, storage: t.Any = None) -> None:
        self.storage = HookedStorage() if storage is None else storage
        self.recorder = Recorder()
        self.made: dict[str, OrderDraft] = {}

    def cart(self, key: CartKey = GUEST) -> Cart:
        return make_cart(self.storage, key=key, announcer=self.recorder)

    @property
    def services(self) -> t.Any:
        return self.cart()._services

    def begin(self, quantity: int = 2, key: CartKey = GUEST) -> str:
        """Begin an order; its token."""
        cart = self.cart(key)
        cart.add("mug", quantity, price="12.50")
        cart.metadata["note"] = "ring twice"

        return cart.begin_order().order_token

    def create(self, draft: OrderDraft) -> str:
        assert draft.order_token not in self.made, "a unique column"
        self.made[draft.order_token] = draft

        return f"order {draft.order_token}"

    def find(self, token: str) -> str | None:
        return f"order {token}" if token in self.made else None

    def notify(self, token: str, **options: t.Any) -> str:
        """What the provider calls when something is paid."""
        create = options.pop("create", self.create)
        session, total = options.get("session"), options.get("expected_total", UNSET)

        return place_begun_order(
            self.services, create, self.find, session, token, total
        )

    def items(self, key: CartKey = GUEST) -> dict[str, int]:
        return {line.item_id: line.quantity for line in self.cart(key)}

    def count(self, name: str) -> int:
        return self.recorder.names.count(name)

    def told(self, name: str) -> tuple[str, str]:
        """Of which cart an event of this name was told, the only one."""
        events = (each for told in self.recorder.told for each in told)
        (event,) = (each for each in events if each.name == name)
        assert event.id
        assert event.occurred_at is not None

        return event.owner, event.instance

    @property
    def notes(self) -> int:
        return len(found_notes(self.services.repository))


@pytest.fixture
def shop() -> Shop:
    return Shop()


def stays(shop: Shop) -> CartKey:
    return GUEST


def is_added_to(shop: Shop) -> CartKey:
    shop.cart().add("pot", price=30)

    return GUEST


def is_cleared(shop: Shop) -> CartKey:
    shop.cart().clear()

    return GUEST


def is_destroyed(shop: Shop) -> CartKey:
    shop.cart().destroy()

    return GUEST


def is_made_anew(shop: Shop) -> CartKey:
    shop.cart().destroy()
    shop.cart().add("mug", 3, price="12.50")

    return GUEST


def is_merged(shop: Shop) -> CartKey:
    shop.cart(USER).add("mug", 1, price="12.50")
    shop.cart(USER).merge(shop.cart())

    return USER


def is_given_away(shop: Shop) -> CartKey:
    shop.cart().transfer("company:1")

    return COMPANY


def is_merged_and_given_away(shop: Shop) -> CartKey:
    shop.cart(USER).merge(shop.cart())
    shop.cart(USER).transfer("company:1")

    return COMPANY


def is_given_back(shop: Shop) -> CartKey:
    shop.cart().transfer("company:1")
    shop.cart(COMPANY).transfer("guest:a")

    return GUEST


def is_merged_and_destroyed(shop: Shop) -> CartKey:
    shop.cart(USER).merge(shop.cart())
    shop.cart(USER).destroy()

    return USER


FATES = [
    (stays, {}),
    (is_added_to, {"pot": 1}),
    (is_cleared, {}),
    (is_destroyed, {}),
    (is_made_anew, {"mug": 3}),
    (is_merged, {"mug": 1}),
    (is_given_away, {}),
    (is_merged_and_given_away, {}),
    (is_given_back, {}),
    (is_merged_and_destroyed, {}),
]


@pytest.mark.parametrize(("fate", "left"), FATES)
def test_whatever_becomes_of_the_cart(
    shop: Shop, fate: Callable[[Shop], CartKey], left: dict[str, int]
) -> None:
    """What was paid is ordered once, as it was begun, however often the provider says
    so; the cart keeps what is not part of it, and it is told once."""
    token = shop.begin()
    key = fate(shop)

    assert shop.notify(token, expected_total="25.00") == f"order {token}"
    assert shop.notify(token) == f"order {token}"
    assert shop.notify(token) == f"order {token}"

    (draft,) = shop.made.values()
    assert draft.owner == key.owner
    assert [line.quantity for line in draft] == [2]
    assert draft.metadata == {"note": "ring twice"}
    assert shop.items(key) == left
    assert (shop.count("cart_checked_out"), shop.notes) == (1, 0)
    assert shop.told("cart_checked_out") == key


@pytest.mark.parametrize(("fate", "left"), FATES)
def test_paid_while_the_shopper_comes_back(
    shop: Shop, fate: Callable[[Shop], CartKey], left: dict[str, int]
) -> None:
    """The page that the shopper is sent back to needs not know whose cart it was."""
    token = shop.begin()
    key = fate(shop)
    back = shop.cart(key)

    assert back.place_order(shop.create, shop.find, token=token) == f"order {token}"
    assert shop.items(key) == left
    assert (shop.count("cart_checked_out"), shop.notes) == (1, 0)


@pytest.mark.parametrize("fate", [fate for fate, _ in FATES])
def test_cancelled(shop: Shop, fate: Callable[[Shop], CartKey]) -> None:
    """What is given up stays in the cart, cannot be ordered any more, and is told once;
    beginning again is another order."""
    token = shop.begin()
    key = fate(shop)
    before = shop.items(key)

    assert cancel_order(shop.services, token)
    assert not cancel_order(shop.services, token)

    with pytest.raises(CartOrderUnknownError, match="give the money back") as caught:
        shop.notify(token)

    assert caught.value.order_token == token
    assert shop.items(key) == before
    assert (shop.made, shop.count("checkout_cancelled"), shop.notes) == ({}, 1, 0)
    assert shop.told("checkout_cancelled") == key

    if before:
        assert shop.cart(key).begin_order().order_token != token


@pytest.mark.parametrize(
    "token", ["", "made up", "0" * 40, "x" * 300, "@order:a", "a b", None, 7]
)
def test_unknown(shop: Shop, token: t.Any) -> None:
    """Money for what nobody knows is never silent, whatever the token says."""
    shop.begin()

    with pytest.raises(CartOrderUnknownError):
        shop.notify(token)

    assert not cancel_order(shop.services, token)
    assert (shop.made, shop.notes) == ({}, 1)


def test_only_tried(shop: Shop) -> None:
    """A form that failed was not begun, and cannot have been paid."""
    cart = shop.cart()
    cart.add("mug", price=1)
    token = cart.order_token

    with pytest.raises(ZeroDivisionError):
        cart.place_order(lambda draft: 1 // 0, shop.find)

    with pytest.raises(CartOrderUnknownError):
        shop.notify(token)


class OldView:
    """A session that has begun before somebody else's order was committed."""

    def __init__(self, shop: Shop) -> None:
        self.is_old = True
        self._shop = shop

    def rollback(self) -> None:
        self.is_old = False

    def find(self, token: str) -> str | None:
        return None if self.is_old else self._shop.find(token)


def test_order_that_the_session_does_not_see(shop: Shop) -> None:
    """The second notification looks again before it says that there is no order."""
    token = shop.begin()
    first = shop.notify(token)
    view = OldView(shop)

    assert (
        place_begun_order(shop.services, shop.create, view.find, view, token, UNSET)
        == first
    )


@pytest.mark.parametrize("total", ["24.99", "0", "", object()])
def test_another_sum(shop: Shop, total: t.Any) -> None:
    """What was not paid in full is not ordered, and can still be paid."""
    token = shop.begin()
    is_merged(shop)

    with pytest.raises(CartConflictError, match=r"is 25\.00, not"):
        shop.notify(token, expected_total=total)

    assert (shop.made, shop.notes) == ({}, 1)
    assert shop.notify(token, expected_total=25) == f"order {token}"


def test_begun_again_after_the_login(shop: Shop) -> None:
    """Who begins the same once more has the same order, also under another name."""
    token = shop.begin()
    shop.cart(USER).merge(shop.cart())

    assert shop.cart(USER).begin_order().order_token == token


def test_begun_again_when_the_note_is_gone(shop: Shop) -> None:
    """What is forgotten is not begun again under its token, which may be paid."""
    token = shop.begin()
    notes_in(shop.services.repository).change(token, lambda stored: None)

    again = shop.cart().begin_order().order_token
    assert again != token
    assert shop.notify(again) == f"order {again}"
    assert shop.items() == {}


def test_tenant(shop: Shop) -> None:
    """The token leads to the cart of a tenant as well, and the order is told of it."""
    guest, user = (CartKey(f"acme/{each.owner}", "default") for each in (GUEST, USER))
    token = shop.begin(key=guest)
    shop.cart(user).merge(shop.cart(guest))

    shop.notify(token)
    assert shop.made[token].owner == "acme/user:1"
    assert shop.items(user) == {}


def test_two_of_one_cart(shop: Shop) -> None:
    """What was begun in two tabs and paid twice are two orders after a login."""
    first = shop.begin(2)
    second = shop.begin(3)
    shop.cart(USER).merge(shop.cart())

    shop.notify(second)
    shop.notify(first)

    assert [len(each) for each in shop.made.values()] == [1, 1]
    assert shop.items(USER) == {}
    assert (shop.count("cart_checked_out"), shop.notes) == (2, 0)


def test_notified_while_the_order_is_made(shop: Shop) -> None:
    """The second of two notifications at once gets the order of the first."""
    token = shop.begin()

    def create(draft: OrderDraft) -> str:
        shop.notify(token)

        return shop.create(draft)

    assert shop.notify(token, create=create) == f"order {token}"
    assert (len(shop.made), shop.count("cart_checked_out"), shop.notes) == (1, 1, 0)
    assert shop.items() == {}


def test_settled_at_once(shop: Shop) -> None:
    """Two who take out the same order take it out once, and tell it once."""
    token = shop.begin(2)
    shop.cart().add("mug", price="12.50")
    storage = t.cast(HookedStorage, shop.storage)
    storage.before(
        lambda owner, changes: bool(shop.made) and owner == GUEST.owner,
        lambda: shop.notify(token),
    )

    shop.notify(token)

    assert shop.items() == {"mug": 1}
    assert (shop.count("cart_checked_out"), shop.notes) == (1, 0)


def test_settled_after_a_crash(shop: Shop) -> None:
    """Who dies after the cart is settled leaves nothing to be told a second time."""
    token = shop.begin()
    storage = t.cast(HookedStorage, shop.storage)

    def die() -> None:
        raise CartStorageError("The server is gone.")

    storage.before(
        lambda owner, changes: owner.startswith("@") and bool(shop.made), die
    )
    shop.notify(token)
    assert shop.notes == 1

    shop.notify(token)
    assert (shop.count("cart_checked_out"), shop.notes) == (1, 0)


MERGING: list[tuple[str, Callable[[str, Changes], bool]]] = [
    ("before it is followed", lambda owner, changes: owner.startswith("@")),
    ("before it comes", lambda owner, changes: owner == USER.owner),
    (
        "before it goes",
        lambda owner, changes: owner == GUEST.owner and changes["default"].text is None,
    ),
]


@pytest.mark.parametrize("wanted", [each for _, each in MERGING])
@pytest.mark.parametrize("left", [0, 1, 3])
def test_paid_while_it_is_merged(
    shop: Shop, wanted: Callable[[str, Changes], bool], left: int
) -> None:
    """Whenever the provider says so during a login, the order is made once, nothing of
    it stays in the cart, and all that is not part of it does."""
    token = shop.begin()

    if left:
        shop.cart(USER).add("mug", left, price="12.50")

    shop.cart().add("pot", price=30)
    storage = t.cast(HookedStorage, shop.storage)
    storage.before(wanted, lambda: shop.notify(token))

    shop.cart(USER).merge(shop.cart())

    assert len(shop.made) == 1
    assert shop.items(USER) == ({"mug": left} if left else {}) | {"pot": 1}
    assert shop.items(GUEST) == {}
    assert (shop.count("cart_checked_out"), shop.notes) == (1, 0)

    document = working_copy(shop.cart(USER)).document
    assert document.pending == ()


@pytest.mark.parametrize("wanted", [each for _, each in MERGING])
def test_merged_while_it_is_paid(
    shop: Shop, wanted: Callable[[str, Changes], bool]
) -> None:
    """A login in the middle of a notification leaves nothing of the order anywhere."""
    token = shop.begin()
    storage = t.cast(HookedStorage, shop.storage)

    def create(draft: OrderDraft) -> str:
        storage.before(
            lambda owner, changes: (
                owner in (GUEST.owner, USER.owner) or owner[0] == "@"
            ),
            lambda: shop.cart(USER).merge(shop.cart()),
        )

        return shop.create(draft)

    shop.notify(token, create=create)

    assert len(shop.made) == 1
    assert (shop.items(USER), shop.items(GUEST)) == ({}, {})
    assert (shop.count("cart_checked_out"), shop.notes) == (1, 0)


def test_settled_but_not_forgotten_while_it_is_merged(shop: Shop) -> None:
    """A login between the cart and the note of an order, and another notification:
    it is told once, though the cart that could say so is gone."""
    token = shop.begin()
    storage = t.cast(HookedStorage, shop.storage)

    def log_in() -> None:
        shop.cart(USER).merge(shop.cart())
        shop.notify(token)

    storage.before(
        lambda owner, changes: owner.startswith("@") and bool(shop.made), log_in
    )
    shop.notify(token)

    assert (shop.count("cart_checked_out"), shop.notes) == (1, 0)


def test_veto_of_a_begin(shop: Shop) -> None:
    """What a receiver has refused to begin leaves no note behind."""
    cart = shop.cart()
    cart.add("mug", price=1)
    shop.recorder.veto = CartVetoError("closed on Sundays")

    with pytest.raises(CartVetoError):
        cart.begin_order()

    assert shop.notes == 0


def test_begun_by_somebody_else_at_another_price(shop: Shop) -> None:
    """Whoever is slower does not replace what is begun, and may be paid."""
    cart = shop.cart()
    cart.add("mug", price=1)
    storage = t.cast(HookedStorage, shop.storage)
    repository = shop.services.repository

    def be_faster() -> None:
        token = shop.cart().begin_order().order_token
        notes = notes_in(repository)
        notes.change(
            token, lambda note: note and msgspec.structs.replace(note, shipping="SHIP")
        )

    storage.before(lambda owner, changes: owner.startswith("@"), be_faster)

    with pytest.raises(CartConflictError, match="at another price"):
        cart.begin_order()


def test_merged_when_the_note_is_gone(shop: Shop) -> None:
    """A login does not need the notes of orders that are long forgotten."""
    token = shop.begin()
    notes_in(shop.services.repository).change(token, lambda stored: None)
    shop.cart(USER).merge(shop.cart())

    assert shop.items(USER) == {"mug": 2}

    with pytest.raises(CartOrderUnknownError):
        shop.notify(token)


def test_veto_of_what_was_begun_before(shop: Shop) -> None:
    """A note that was there is there also if the cart may not have it once more."""
    token = shop.begin()
    notes = notes_in(shop.services.repository)
    note = t.cast(OrderNote, notes.find(token))
    shop.cart().destroy()
    shop.recorder.veto = CartVetoError("closed on Sundays")
    cart = shop.cart()

    with pytest.raises(CartVetoError):
        cart._notes.begin(working_copy(cart), note, note)

    assert notes.find(token) == note


def test_damaged_cart_is_not_ordered(shop: Shop) -> None:
    """What is in a cart that cannot be read is not ordered as nothing."""
    shop.begin()
    save_carts(shop.storage, GUEST.owner, {"default": (shop.cart().version, "{")})

    with pytest.raises(CartCorruptError):
        shop.cart().place_order(shop.create, shop.find)


def test_note_is_no_cart(shop: Shop) -> None:
    """No cart can be where a note is, and nothing that goes through all carts finds
    one."""
    token = shop.begin()

    with pytest.raises(CartConfigError):
        shop.cart().transfer(f"@order:{token}")

    (found,) = find_carts(shop.storage)
    assert found.key == GUEST
    (note,) = found_notes(shop.services.repository)
    assert note.content.token == token


@pytest.mark.parametrize("text", ["", "{}", "[", '{"token": "t"}', "null", "\0"])
def test_damaged_note(shop: Shop, text: str) -> None:
    """A note that cannot be read is an error that has the text, and stays stored."""
    token = shop.begin()
    key = CartKey(f"@order:{token}", "default")
    stored = shop.storage.load(key)
    save_carts(shop.storage, key.owner, {"default": (stored.version, text)})

    for act in [shop.notify, lambda token: cancel_order(shop.services, token)]:
        with pytest.raises(CartCorruptError) as caught:
            act(token)

        assert caught.value.data == text

    (note,) = found_notes(shop.services.repository)
    assert isinstance(note.content, CartCorruptError)
    assert shop.storage.load(key).data == text


@pytest.mark.parametrize("is_paid", [True, False])
def test_damaged_cart(shop: Shop, is_paid: bool) -> None:
    """What was paid is ordered also if the cart cannot be read; it stays as it is."""
    token = shop.begin()
    version = shop.cart().version
    save_carts(shop.storage, GUEST.owner, {"default": (version, "{")})

    if is_paid:
        assert shop.notify(token) == f"order {token}"
        assert shop.count("cart_checked_out") == 1
    else:
        assert cancel_order(shop.services, token)
        assert shop.count("checkout_cancelled") == 1

    assert shop.notes == 0
    assert shop.storage.load(GUEST).data == "{"


def test_busy() -> None:
    """A storage that is busy for a moment does not lose a payment."""
    shop = Shop(BusyStorage())
    token = shop.begin()
    shop.storage.busy.update(load=2, save=2)

    assert shop.notify(token) == f"order {token}"
    assert shop.items() == {}


def test_busy_for_too_long() -> None:
    """A note that cannot be saved is an error that can be tried again."""
    shop = Shop(BusyStorage())
    token = shop.begin()
    shop.storage.busy.update(save=AT_ONCE.attempts + 1)

    with pytest.raises(CartBusyError):
        cancel_order(shop.services, token)

    assert cancel_order(shop.services, token)


class BusyWithNotes(MemoryStorage):
    """Memory that is too busy for notes, a few times."""

    times = 0

    def save(self, owner: str, changes: Changes) -> bool:
        if owner.startswith("@") and self.times:
            self.times -= 1
            raise CartBusyError("too busy for notes")

        return super().save(owner, changes)


def test_busy_with_notes() -> None:
    """What may succeed the next time is tried again."""
    shop = Shop(BusyWithNotes())
    shop.storage.times = 3
    token = shop.begin()
    shop.storage.times = 3

    assert shop.notify(token) == f"order {token}"
    assert (shop.notes, shop.count("cart_checked_out")) == (0, 1)


class LosingStorage(MemoryStorage):
    """Memory in which somebody else is always faster with a note."""

    def save(self, owner: str, changes: Changes) -> bool:
        if owner.startswith("@"):
            return False

        return super().save(owner, changes)


def test_note_that_does_not_stop_changing() -> None:
    """Who always comes too late is told."""
    with pytest.raises(CartBusyError, match="does not stop changing"):
        Shop(LosingStorage()).begin()


class LockedStorage(MemoryStorage):
    """Memory that is locked from the first try on."""

    always_lock = True

    def __init__(self) -> None:
        super().__init__()
        self.owners: list[str] = []

    def lock(self, owner: str) -> t.Any:
        self.owners.append(owner)

        return super().lock(owner)


def test_locked() -> None:
    """Where carts are locked, notes are, too."""
    shop = Shop(LockedStorage())
    token = shop.begin()

    assert f"@order:{token}" in shop.storage.owners


class JoinedStorage(MemoryStorage):
    """Memory that is part of a transaction, which has failed."""

    def transaction(self) -> t.Any:
        return self

    def __init__(self, failing: str) -> None:
        super().__init__()
        self.failing, self.times = failing, 0

    def when_done(self, committed: t.Any, rolled_back: t.Any) -> None:
        committed()

    def load(self, key: CartKey) -> Stored | None:
        self.fail("load", key.owner)

        return super().load(key)

    def save(self, owner: str, changes: Changes) -> bool:
        self.fail("save", owner)

        return super().save(owner, changes)

    def fail(self, action: str, owner: str) -> None:
        if owner.startswith("@") and action == self.failing:
            self.times += 1
            raise CartBusyError("The transaction has failed.")


@pytest.mark.parametrize("failing", ["load", "save"])
def test_transaction_that_has_failed(failing: str) -> None:
    """What has failed as a whole is not tried again: only the app can begin it anew."""
    storage = JoinedStorage(failing)

    with pytest.raises(CartConflictError, match="has failed"):
        Shop(storage).begin()

    assert storage.times == 1


def in_cookies() -> Iterator[Shop]:
    session: dict[str, t.Any] = {}
    yield Shop(CookieStorage(lambda: session, lambda: None))


def test_cookies() -> None:
    """What only a browser has cannot be found by a token, and who tries is told."""
    (shop,) = in_cookies()
    acts: Iterable[Callable[[], object]] = [
        shop.begin,
        lambda: shop.notify("0" * 40),
        lambda: cancel_order(shop.services, "0" * 40),
    ]

    for act in acts:
        with pytest.raises(CartConfigError, match="found by its token alone"):
            act()

    assert shop.items() == {"mug": 2}


def test_order_in_cookies() -> None:
    """A cart in a cookie is ordered and emptied, with nothing noted in it."""
    (shop,) = in_cookies()
    cart = shop.cart()
    cart.add("mug", 2, price=5)

    def create(draft: OrderDraft) -> str:
        shop.cart().add("pot", price=30)

        return shop.create(draft)

    assert cart.place_order(create, shop.find)
    assert shop.items() == {"pot": 1}
    assert shop.recorder.names.count("checkout_started") == 0
    assert shop.count("cart_checked_out") == 1


def test_cart_of_a_new_guest(shop: Shop) -> None:
    """What was begun can be merged into the cart of a guest who has none yet."""
    token = shop.begin()
    new = make_cart(shop.storage, key=None, new_key=USER, announcer=shop.recorder)
    new.merge(shop.cart())

    shop.notify(token)
    assert shop.items(USER) == {}


def test_not_in_a_batch(shop: Shop) -> None:
    """The page that knows the cart does not place its order in the middle of a
    batch."""
    token = shop.begin()
    cart = shop.cart()

    with cart.batch(), pytest.raises(CartError, match="inside a batch"):
        cart.place_order(shop.create, shop.find, token=token)


def test_what_the_cart_keeps(shop: Shop) -> None:
    """A cart keeps the token of what was begun, not what was in it."""
    shop.begin()
    stored = t.cast(Stored, shop.storage.load(GUEST))
    before = len(stored.data)
    cart = shop.cart()
    cart.add("mug", price="12.50")
    cart.begin_order()

    assert len(t.cast(Stored, shop.storage.load(GUEST)).data) - before < 200
    assert len(decode(t.cast(Stored, shop.storage.load(GUEST)).data).pending) == 2
