"""Tenants: names in front of owners that nothing else can put there."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

from flask_cart import Cart
from flask_cart import CartConfigError
from flask_cart import rule
from flask_cart.app.identity import known_owner
from flask_cart.app.identity import known_tenant
from flask_cart.app.identity import user_owner
from flask_cart.carts.drafts import order_token
from flask_cart.model.document import decode
from flask_cart.model.events import Event
from flask_cart.model.keys import MAX_OWNER_LENGTH
from flask_cart.model.keys import CartKey
from flask_cart.model.keys import cart_key
from flask_cart.model.keys import check_owner
from flask_cart.model.keys import check_tenant
from flask_cart.model.keys import owner_in
from flask_cart.model.keys import split_owner
from flask_cart.model.keys import tenant_of
from flask_cart.pricing.rulebook import Rulebook
from flask_cart.storage.memory import MemoryStorage
from tests.support import strategies
from tests.support.shop import Recorder
from tests.support.shop import make_cart

ACME = CartKey("acme/user:7", "default")
GLOBEX = CartKey("globex/user:7", "default")
NO_TENANT = CartKey("user:7", "default")

shops = st.none() | strategies.tenants


class TestNames:
    @pytest.mark.parametrize(
        "tenant", ["a", "7", "acme", "acme-2", "a_b", "shop.example.org", "x" * 63]
    )
    def test_tenants(self, tenant: str) -> None:
        """Slugs, numbers and names of hosts are tenants."""
        assert check_tenant(tenant) == tenant

    @pytest.mark.parametrize(
        "tenant",
        ["", "-a", ".a", "A", "ä", "a b", "a/b", "a:b", "a\n", "x" * 64, None, 7, b"a"],
        ids=ascii,
    )
    def test_bad_tenants(self, tenant: object) -> None:
        """What could be mistaken for something else is no tenant."""
        with pytest.raises(CartConfigError, match="'acme', or None, not "):
            check_tenant(tenant)

    def test_length(self) -> None:
        """Tenant and owner have to fit into the column of the owner together."""
        owner = "user:" + "x" * (MAX_OWNER_LENGTH - 10)

        assert len(owner_in("acme", owner)) == MAX_OWNER_LENGTH

        with pytest.raises(CartConfigError, match="255 characters together, not 256"):
            owner_in("acme2", owner)

    def test_key(self) -> None:
        """A key tells the tenant and the owner, and reads like an address."""
        key = cart_key("user:7", "wishlist", "acme")

        assert key == ("acme/user:7", "wishlist")
        assert str(key) == "acme/user:7/wishlist"
        assert (key.tenant, key.bare_owner) == ("acme", "user:7")

    def test_key_without_tenant(self) -> None:
        """The keys of a shop without tenants are as they have always been."""
        key = cart_key("user:7", "default")

        assert key == ("user:7", "default")
        assert (key.tenant, key.bare_owner) == (None, "user:7")

    @pytest.mark.parametrize(
        ("tenant", "owner"),
        [
            (None, "acme/user:7"),
            ("acme", "globex/user:7"),
            ("acme", "acme/acme/user:7"),
        ],
    )
    def test_owner_of_another_tenant(self, tenant: str | None, owner: str) -> None:
        """An owner cannot lead out of a tenant."""
        with pytest.raises(CartConfigError, match="names a tenant"):
            cart_key(owner, "default", tenant)

    @pytest.mark.parametrize("owner", [None, 7, b"user:7"], ids=ascii)
    def test_owner_that_is_no_text(self, owner: object) -> None:
        """A tenant does not make an owner of something else."""
        with pytest.raises(CartConfigError, match="An owner"):
            owner_in("acme", owner)


class TestAddresses:
    @given(shops, strategies.owners)
    def test_parts_are_found_again(self, tenant: str | None, owner: str) -> None:
        """Whatever a tenant and an owner are made of, their parts can be told."""
        whole = owner_in(tenant, owner)

        assert split_owner(whole) == (tenant, owner)
        assert tenant_of(whole) == tenant
        assert owner_in(tenant, whole) == whole

    @given(st.tuples(shops, strategies.owners), st.tuples(shops, strategies.owners))
    @example((None, "user:a/user:b"), ("user", "a:b"))
    @example(("a", "b:c"), ("a", "b:c"))
    def test_no_two_are_the_same(
        self, one: tuple[str | None, str], other: tuple[str | None, str]
    ) -> None:
        """Different tenants or owners never have the same address."""
        assert (owner_in(*one) == owner_in(*other)) == (one == other)

    @given(strategies.tenants, strategies.owners)
    def test_loaders_cannot_name_a_tenant(self, tenant: str, owner: str) -> None:
        """What an owner_loader returns is refused if it begins with a tenant."""
        whole = owner_in(tenant, owner)

        with pytest.raises(CartConfigError, match="names a tenant"):
            known_owner(lambda: whole, None)

        with pytest.raises(CartConfigError, match="names a tenant"):
            check_owner(whole)

    @given(st.text(max_size=40))
    @example("acme/user:7")
    @example("/user:7")
    @example("../acme/user:7")
    def test_ids_cannot_name_a_tenant(self, user_id: str) -> None:
        """No id of a user leads into a tenant, however it is written."""
        try:
            owner = user_owner(SimpleNamespace(get_id=lambda: user_id), None)
        except CartConfigError:
            return

        assert tenant_of(owner) is None
        assert split_owner(owner_in("acme", owner)) == ("acme", owner)


class TestLoader:
    @pytest.mark.parametrize("tenant", ["acme", None])
    def test_known(self, tenant: str | None) -> None:
        """A loader says which tenant it is, or that it is none."""
        assert known_tenant(lambda: tenant) == tenant

    def test_no_loader(self) -> None:
        """An app without a loader has no tenants."""
        assert known_tenant(None) is None

    @pytest.mark.parametrize("tenant", ["", "Acme", "acme/user:7", 7], ids=ascii)
    def test_bad(self, tenant: object) -> None:
        """A loader that returns something else is refused, rather than ignored."""
        with pytest.raises(CartConfigError, match="A tenant"):
            known_tenant(lambda: tenant)


class TestCarts:
    def test_tenant(self) -> None:
        """A cart tells its tenant, also that of a guest who has no key yet."""
        cart = make_cart(key=None, new_key=ACME, tenant="acme")
        assert cart.tenant == "acme"

        cart.add("mug", price=1)
        assert cart.tenant == "acme"
        assert make_cart(key=GLOBEX).tenant == "globex"
        assert make_cart().tenant is None

    def test_carts_of_one_name(self) -> None:
        """The same owner has a cart in every shop, and they have nothing in common."""
        storage = MemoryStorage()
        carts = {key: make_cart(storage, key=key) for key in (ACME, GLOBEX, NO_TENANT)}

        for key, cart in carts.items():
            cart.add(str(key), price=1)

        carts[GLOBEX].destroy()

        assert [found.key for found in storage.scan()] == [ACME, NO_TENANT]
        assert _items(make_cart(storage, key=ACME)) == [str(ACME)]
        assert _items(make_cart(storage, key=NO_TENANT)) == [str(NO_TENANT)]

    def test_tokens_of_orders(self) -> None:
        """The same version of the same owner's cart is another order in every shop."""
        tokens = {order_token(key, 1, "mugs") for key in (ACME, GLOBEX, NO_TENANT)}

        assert len(tokens) == 3

    def test_orders(self) -> None:
        """An order that was made in one shop is not that of another."""
        storage = MemoryStorage()
        orders: dict[str, str] = {}

        def order(key: CartKey) -> str:
            cart = make_cart(storage, key=key)

            def create(draft):
                return orders.setdefault(draft.order_token, str(key))

            return cart.place_order(create, orders.get)

        # The same content at the same version.
        make_cart(storage, key=ACME).add("mug", price=1)
        storage._carts[GLOBEX] = storage._carts[ACME]

        assert [order(ACME), order(GLOBEX)] == [str(ACME), str(GLOBEX)]
        assert len(orders) == 2

    def test_document_knows_no_tenant(self) -> None:
        """What is stored is the same in every shop, so that it can be moved."""
        storage = MemoryStorage()
        make_cart(storage, key=ACME).metadata["note"] = "x"

        stored = storage.load(ACME)
        assert stored is not None
        assert "acme" not in stored.data
        assert decode(stored.data).metadata == {"note": "x"}


class TestEvents:
    @pytest.mark.parametrize("key", [ACME, NO_TENANT], ids=str)
    def test_tenant(self, key: CartKey) -> None:
        """An event tells the tenant, also as plain data."""
        recorder = Recorder()
        cart = make_cart(key=key, announcer=recorder)
        cart.add("mug", price=1)
        cart.destroy()
        events = [event for told in recorder.told for event in told]

        assert [event.name for event in events] == [
            "cart_created",
            "item_added",
            "cart_destroyed",
        ]
        assert {event.tenant for event in events} == {key.tenant}
        assert {event.owner for event in events} == {key.owner}
        assert {event.to_dict()["tenant"] for event in events} == {key.tenant}

    def test_event_of_nobody(self) -> None:
        """An event that is not stamped yet has no tenant."""
        assert Event().tenant is None


class TestRules:
    def test_facts(self) -> None:
        """A rule is told the tenant, and the owner as without one."""
        cart = make_cart(key=ACME, rulebook=_rulebook())
        cart.add("mug", price=10)
        cart.add_discount("SHOP", "1", rule=rule("whose"))

        assert _explained(cart) == "acme user 7 default"

    def test_guest_without_key(self) -> None:
        """In the first batch of a guest, a rule is told the tenant, too."""
        cart = make_cart(key=None, tenant="acme", rulebook=_rulebook())

        with cart.batch():
            cart.add("mug", price=10)
            cart.add_discount("SHOP", "1", rule=rule("whose"))

            assert _explained(cart) == "acme guest None default"


def _items(cart: Cart) -> list[str]:
    return [line.item_id for line in cart]


def _rulebook() -> Rulebook:
    rulebook = Rulebook()

    def whose(facts):
        return f"{facts.tenant} {facts.owner_kind} {facts.owner_id} {facts.instance}"

    rulebook.rules.add("whose", whose)

    return rulebook


def _explained(cart: Cart) -> str:
    return cart.totals.explain()[0].reason
