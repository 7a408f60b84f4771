"""Orders in a database session: the order and the emptied cart are one."""

from __future__ import annotations

import signal
import subprocess
import sys
import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from flask_cart import Cart
from flask_cart import CartConflictError
from flask_cart import CartEmptyError
from flask_cart import OrderDraft
from flask_cart import signals
from tests.support.shops import Shop
from tests.support.shops import heard
from tests.support.shops import open_shop


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    """A shop on every engine, with two items in a cart."""
    with open_shop(database_url) as shop, shop.app.app_context():
        shop.fill("mug", "pot")
        yield shop


@pytest.fixture
def sqlite_shop(sqlite_url: str) -> Iterator[Shop]:
    """A shop on SQLite, with two items in a cart."""
    with open_shop(sqlite_url) as shop, shop.app.app_context():
        shop.fill("mug", "pot")
        yield shop


class Refusal(Exception):
    """The view changes its mind."""


def refuse() -> None:
    raise Refusal


def check_out(
    cart: Cart, shop: Shop, *inside: Callable[[], object], **options: t.Any
) -> OrderDraft:
    """Order what is in a cart, doing all this while the order is made."""

    def create(draft: OrderDraft) -> OrderDraft:
        for act in inside:
            act()

        return draft

    options = {"session": shop.db.session, **options}

    return cart.place_order(create, lambda token: None, **options)


def test_order_and_cart_commit_together(shop: Shop) -> None:
    """Nothing of a checkout is visible before its end, and then everything is."""
    cart = shop.cart()

    def create(draft: OrderDraft) -> OrderDraft:
        shop.order(draft.order_token)
        shop.db.session.flush()
        assert [line.item_id for line in draft] == ["mug", "pot"]
        assert shop.stored() == {"mug": 1, "pot": 1}
        assert shop.orders() == []

        return draft

    order = cart.place_order(create, lambda token: None, session=shop.db.session)

    assert shop.orders() == [order.order_token]
    assert shop.stored() == {}
    assert len(cart) == 0


def test_plain_session(shop: Shop) -> None:
    """Any session of SQLAlchemy will do, not only Flask-SQLAlchemy's."""
    insert = shop.order_table.insert().values(token="one")

    with sa.orm.Session(shop.db.engine) as session:
        check_out(shop.cart(), shop, lambda: session.execute(insert), session=session)
        assert not session.in_transaction()

    assert shop.orders() == ["one"]
    assert shop.stored() == {}


def test_session_that_has_begun(shop: Shop) -> None:
    """What the view wrote before the checkout is committed with it."""
    shop.order("before")

    check_out(shop.cart(), shop, lambda: shop.order("inside"))

    assert shop.orders() == ["before", "inside"]


def test_session_goes_on_working(shop: Shop) -> None:
    """After a checkout the session commits without thinking of carts."""
    check_out(shop.cart(), shop, lambda: shop.order("one"))

    shop.order("two")
    shop.db.session.commit()
    shop.db.session.remove()
    shop.order("three")
    shop.db.session.commit()

    assert shop.orders() == ["one", "three", "two"]


def test_signals_are_sent_after_the_commit(shop: Shop) -> None:
    """Whoever hears of the checkout finds the order committed; it is heard once."""
    found = []

    def look(*args: object, **extra: object) -> None:
        found.append((shop.orders(), shop.stored()))
        # And the session can be used.
        shop.order("receipt")
        shop.db.session.commit()

    with (
        heard(shop.app) as names,
        signals.cart_checked_out.connected_to(look, shop.app),
    ):
        check_out(shop.cart(), shop, lambda: shop.order(f"{len(names)} heard"))

    assert names == ["cart_checked_out", "cart_updated"]
    assert found == [(["0 heard"], {})]
    assert shop.orders() == ["0 heard", "receipt"]


def test_error_in_the_block(shop: Shop) -> None:
    """An error rolls the order back and leaves the cart as it was, unannounced."""
    cart = shop.cart()
    version = cart.version

    with heard(shop.app) as names, pytest.raises(Refusal):
        check_out(cart, shop, lambda: shop.order("one"), refuse)

    assert names == []
    assert shop.orders() == []
    assert (len(cart), cart.version) == (2, version)
    assert shop.stored() == {"mug": 1, "pot": 1}


def test_error_of_the_order(shop: Shop) -> None:
    """An order that violates a constraint leaves the cart and the first order."""
    shop.order("one")
    shop.db.session.commit()

    with pytest.raises(sa.exc.IntegrityError):
        check_out(shop.cart(), shop, lambda: shop.order("one"))

    assert shop.orders() == ["one"]
    assert shop.stored() == {"mug": 1, "pot": 1}


def test_error_at_the_commit(shop: Shop) -> None:
    """An order that turns out invalid when it is committed leaves the cart full."""

    class Order:
        token: str | None = None

    shop.db.Model.registry.map_imperatively(Order, shop.order_table)
    cart = shop.cart()

    with heard(shop.app) as names, pytest.raises(sa.exc.IntegrityError):
        # It is only flushed by the commit, after the cart's UPDATE.
        check_out(cart, shop, lambda: shop.db.session.add(Order()))

    assert names == []
    assert len(cart) == 2
    assert shop.orders() == []
    assert shop.stored() == {"mug": 1, "pot": 1}


def test_order_succeeds_after_an_error(shop: Shop) -> None:
    """What could not be ordered can be ordered later, with the same token."""
    cart = shop.cart()
    token = cart.order_token

    with pytest.raises(Refusal):
        check_out(cart, shop, refuse)

    order = check_out(cart, shop, lambda: shop.order("one"))

    assert order.order_token == token
    assert shop.orders() == ["one"]
    assert shop.stored() == {}


#: SQLite has one writer, which keeps every rival out.
MANY_WRITERS = ["postgresql", "mariadb"]


@pytest.mark.parametrize(
    ("database_url", "flushed"),
    [("sqlite", False), *[(n, each) for n in MANY_WRITERS for each in (False, True)]],
    indirect=["database_url"],
)
def test_rival_before_the_block_ends(shop: Shop, flushed: bool) -> None:
    """A cart that a rival changed during the checkout is not sold."""
    cart = shop.cart()
    first = [lambda: shop.order("one")] if flushed else []

    with heard(shop.app) as names, pytest.raises(CartConflictError) as caught:
        check_out(cart, shop, *first, shop.touch, lambda: shop.order("two"))

    assert names == []
    assert shop.orders() == []
    assert shop.stored() == {"mug": 1, "pot": 1}
    assert caught.value.cart is cart
    assert caught.value.current_version == caught.value.expected_version + 1
    assert cart.version == caught.value.current_version


def test_rival_before_the_block_begins(shop: Shop) -> None:
    """A cart that a rival changed after it was shown is not sold either."""
    cart = shop.cart()
    assert len(cart) == 2
    shop.touch()

    with pytest.raises(CartConflictError):
        check_out(cart, shop, lambda: shop.order("one"))

    assert shop.orders() == []
    assert shop.stored() == {"mug": 1, "pot": 1}


def test_rival_who_destroys_the_cart(shop: Shop) -> None:
    """A cart that is gone is not sold, and not made anew."""

    def destroy() -> None:
        with shop.outside() as rival:
            rival.execute(shop.storage.table.delete())

    with pytest.raises(CartConflictError) as caught:
        check_out(shop.cart(), shop, destroy, lambda: shop.order("one"))

    assert caught.value.current_version == 0
    assert shop.orders() == []
    assert shop.stored() is None


def test_unexpected_total_leaves_the_session(shop: Shop) -> None:
    """A refusal before the order is made does not undo what the view did before."""
    shop.order("before")

    with pytest.raises(CartConflictError, match="not 3 as expected"):
        check_out(shop.cart(), shop, pytest.fail, expected_total="3")

    shop.db.session.commit()
    assert shop.orders() == ["before"]
    assert shop.stored() == {"mug": 1, "pot": 1}


def test_empty_cart(shop: Shop) -> None:
    """There is no second order: a cart that was ordered is empty."""
    check_out(shop.cart(), shop, lambda: shop.order("one"))

    for owner in ["user:1", "user:2"]:
        with pytest.raises(CartEmptyError):
            check_out(shop.cart(owner), shop, lambda: shop.order("two"))

    assert shop.orders() == ["one"]


def test_nothing_remains_joined(shop: Shop) -> None:
    """After a checkout the cart is saved at once again."""
    check_out(shop.cart(), shop, lambda: shop.order("one"))

    shop.cart().add("cup", price=1)
    assert shop.stored() == {"cup": 1}


def test_other_carts_in_the_block(shop: Shop) -> None:
    """What is done with other carts inside the block commits or goes with it."""

    def add() -> None:
        shop.cart("user:2").add("cup", price=1)

    with pytest.raises(Refusal):
        check_out(shop.cart(), shop, add, refuse)

    assert shop.stored("user:2") is None

    def add_twice() -> None:
        other = shop.cart("user:2")
        other.add("cup", price=1)
        other.add("cup", price=1)
        assert names == []

    with heard(shop.app) as names:
        check_out(shop.cart(), shop, add_twice)

    assert shop.stored("user:2") == {"cup": 2}
    assert names.count("cart_updated") == 3


def test_another_cart_twice_in_the_block(shop: Shop) -> None:
    """A cart that the block has changed and looks up anew can be changed again."""

    def add() -> None:
        shop.cart("user:2").add("cup", price=1)

    check_out(shop.cart(), shop, add, add)

    assert shop.stored("user:2") == {"cup": 2}


@pytest.mark.parametrize("database_url", MANY_WRITERS, indirect=True)
def test_two_shoppers_wait_for_nobody(shop: Shop) -> None:
    """A checkout does not keep others from changing their own carts."""
    with ThreadPoolExecutor(1) as pool:
        check_out(
            shop.cart(),
            shop,
            lambda: shop.order("one"),
            lambda: pool.submit(shop.fill, "cup", owner="user:2").result(30),
        )

    assert shop.stored("user:2") == {"cup": 1}


CHECK_OUT_AND_DIE = """
import os
import signal
import sys

import sqlalchemy as sa
from tests.support.shops import open_shop

with open_shop(sys.argv[1]) as shop, shop.app.app_context():
    executed = []

    @sa.event.listens_for(shop.db.engine, "after_cursor_execute")
    def note(connection, cursor, statement, *args):
        executed.append(statement.split()[:2])

    @sa.event.listens_for(shop.db.engine, "commit")
    def die(connection):
        if executed[-1] == ["UPDATE", "carts"]:
            print(executed[-2:], flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    shop.cart().place_order(
        lambda draft: shop.order("one"), lambda token: None, session=shop.db.session
    )
"""


def test_process_that_dies_before_the_commit(shop: Shop) -> None:
    """A process that is killed between the cart's UPDATE and the COMMIT leaves a full
    cart and no order."""
    result = subprocess.run(
        [sys.executable, "-c", CHECK_OUT_AND_DIE, shop.url],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert result.returncode == -signal.SIGKILL, result.stderr
    assert result.stdout.strip() == "[['INSERT', 'INTO'], ['UPDATE', 'carts']]"
    assert shop.stored() == {"mug": 1, "pot": 1}
    assert shop.orders() == []

    # And nothing of it is in the way.
    check_out(shop.cart(), shop, lambda: shop.order("two"))

    assert shop.orders() == ["two"]


def test_carts_in_another_bind(database_url: str, tmp_path) -> None:
    """The session writes to as many binds as there are, and so does a checkout."""
    with (
        open_shop(
            f"sqlite:///{tmp_path / 'orders.sqlite3'}",
            SQLALCHEMY_BINDS={"carts": database_url},
            CART_DATABASE_BIND_KEY="carts",
        ) as shop,
        shop.app.app_context(),
    ):
        cart = shop.cart()
        cart.add("mug", price=1)

        check_out(cart, shop, lambda: shop.order("one"))
        assert shop.orders() == ["one"]
        assert len(shop.cart()) == 0

        shop.cart().add("mug", price=1)

        with pytest.raises(Refusal):
            check_out(shop.cart(), shop, lambda: shop.order("two"), refuse)

        assert shop.orders() == ["one"]
        assert shop.cart().quantity == 1


def test_checkout_that_is_rolled_back_by_a_savepoint(sqlite_shop: Shop) -> None:
    """A cart that is changed before the block in the same transaction goes with it."""
    shop = sqlite_shop
    shop.order("before")
    cart = shop.cart()
    cart.add("cup", price=1)

    with pytest.raises(Refusal):
        check_out(cart, shop, refuse)

    assert shop.stored() == {"mug": 1, "pot": 1}
    assert shop.orders() == []
    assert len(cart) == 2


def test_receiver_writes_after_the_commit(shop: Shop) -> None:
    """What hears that a cart was sold can change another cart, and that is saved."""

    def note(app: object, **extra: object) -> None:
        shop.cart("user:2").add("point", price=0)

    with signals.cart_checked_out.connected_to(note, shop.app):
        check_out(shop.cart(), shop, lambda: shop.order("one"))

    assert shop.orders() == ["one"]
    assert shop.stored("user:2") == {"point": 1}
