"""Accounts in the demo shop: coming, going, and finding one's things again."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import delete
from sqlalchemy import select
from werkzeug.test import TestResponse

from demo_shop.extensions import cart_ext
from demo_shop.extensions import db
from demo_shop.models import Account
from demo_shop.services import accounts
from flask_cart import MergeReport
from flask_cart.model.events import CartMerged
from flask_cart.model.lines import make_line
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor

EMAIL = "ada@example.org"
PASSWORD = "kettle rope tide"


def sign_up(visitor: Visitor, email: str = EMAIL, password: str = PASSWORD) -> str:
    """Open an account and look at where that leads."""
    visitor.get("/signup")

    return visitor.follow(visitor.post("/signup", email=email, password=password))


def try_to_log_in(
    visitor: Visitor, email: str = EMAIL, password: str = PASSWORD, **fields: str
) -> TestResponse:
    """Send the form to log in."""
    visitor.get("/login")

    return visitor.post("/login", email=email, password=password, **fields)


def log_in(visitor: Visitor) -> str:
    """Log in and look at where that leads."""
    return visitor.follow(try_to_log_in(visitor))


def log_out(visitor: Visitor) -> str:
    """Press the button of the account page."""
    visitor.get("/account")

    return visitor.follow(visitor.post("/logout"))


def is_known(visitor: Visitor) -> bool:
    """Whether the shop says whose account it is."""
    return EMAIL in visitor.get("/account")


@pytest.fixture
def real_hashes() -> None:
    """Lets a test have those of the shop."""


@pytest.fixture
def member(shop: Shop) -> Visitor:
    """Somebody who has an account and is logged in."""
    visitor = shop.visitor()
    sign_up(visitor)

    return visitor


def test_coming_and_going(visitor):
    """Signing up logs in, logging out logs out, and logging in works again."""
    page = sign_up(visitor)

    assert "Your account is open" in page
    assert EMAIL in page
    assert "You are logged out" in log_out(visitor)
    assert not is_known(visitor)
    assert "Good to see you again" in log_in(visitor)
    assert is_known(visitor)


def test_the_password_is_not_kept(real_hashes, shop, member):
    """What is stored is a salted, slow hash of the password."""
    with shop.app.app_context():
        account = db.session.scalars(select(Account)).one()

    assert account.password_hash.startswith("scrypt:")
    assert PASSWORD not in account.password_hash


def test_how_the_address_is_written_does_not_matter(shop, member):
    """Capitals and spaces around it make no other account."""
    visitor = shop.visitor()
    visitor.follow(try_to_log_in(visitor, " ADA@Example.org "))

    assert is_known(visitor)


def test_a_stranger_learns_no_address(real_hashes, shop, member, monkeypatch):
    """A wrong password and an address that nobody has get the same answer, after the
    same work."""
    answers = []
    checked = []
    check = accounts.check_password_hash

    def spy(password_hash: str, password: str) -> bool:
        checked.append(password_hash.split("$")[0])
        return check(password_hash, password)

    monkeypatch.setattr(accounts, "check_password_hash", spy)

    for email in (EMAIL, "bob@example.org"):
        visitor = shop.visitor()
        response = try_to_log_in(visitor, email, "not the password")
        # What is new on every page, and what was typed.
        text = re.sub('name="csrf_token" value="[^"]*"', "", response.text)
        answers.append((response.status_code, text.replace(email, "")))

    assert answers[0][0] == 422
    assert answers[0] == answers[1]
    assert checked == [checked[0]] * 2


def test_a_taken_address(shop, member):
    """Signing up with the address of an account opens none, and gives nothing away of
    it; its owner, with the password, is just logged in."""
    stranger, owner = shop.visitor(), shop.visitor()
    stranger.get("/signup")
    response = stranger.post("/signup", email=EMAIL, password="a guessed one")

    assert response.status_code == 422
    assert not is_known(stranger)

    sign_up(owner)

    assert is_known(owner)

    with shop.app.app_context():
        assert len(db.session.scalars(select(Account)).all()) == 1


def test_two_sign_ups_at_once_are_one_account(shop):
    """The same form from two browsers at the same time: one account, and no error."""
    visitors = [shop.visitor(), shop.visitor()]
    start = Barrier(2)

    for visitor in visitors:
        visitor.get("/signup")

    def send(visitor: Visitor) -> int:
        start.wait(60)
        return visitor.post("/signup", email=EMAIL, password=PASSWORD).status_code

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(send, visitors)) == [303, 303]

    assert all(is_known(visitor) for visitor in visitors)


def test_what_is_wrong_with_a_sign_up_is_said(visitor):
    """The form comes back with the address, the problem, and no password."""
    visitor.get("/signup")

    for email, password, problem in [
        ("", PASSWORD, "looks unfinished"),
        ("ada", PASSWORD, "looks unfinished"),
        (f"{'a' * 250}@b.ie", PASSWORD, "looks unfinished"),
        (EMAIL, "", "8 characters or more"),
        (EMAIL, "seven77", "8 characters or more"),
        (EMAIL, "a" * 201, "Up to 200 characters"),
    ]:
        response = visitor.post("/signup", email=email, password=password)

        assert (email, response.status_code) == (email, 422)
        assert problem in response.text
        assert f'value="{email}"' in response.text
        assert not password or password not in response.text


def test_no_form_without_a_token(member):
    """None of the forms can be sent by another site."""
    fields = {"email": EMAIL, "password": PASSWORD}

    for path in ("/login", "/signup", "/logout", "/account/not-mine"):
        assert member.client.post(path, data=fields).status_code == 400

    assert is_known(member)


def test_a_link_logs_nobody_out(member):
    """Logging out takes the button."""
    member.get("/logout", status=405)

    assert is_known(member)


def test_log_in_leads_back(shop, member):
    """The link in the header knows the page it is on, with what was searched for."""
    visitor = shop.visitor()
    page = visitor.get("/search?q=mug&sort=cheap")

    assert 'href="/login?next=/search?q%3Dmug%26sort%3Dcheap"' in page

    visitor.get("/login?next=/search?q%3Dmug%26sort%3Dcheap")
    path = visitor.field("next")
    response = visitor.post("/login", email=EMAIL, password=PASSWORD, next=path)

    assert response.location == "/search?q=mug&sort=cheap"


def test_log_in_leads_nowhere_else(shop, member):
    """The redirect stays inside the shop, whatever the form says."""
    for target in [
        "https://example.com/",
        "//example.com/",
        "///example.com/",
        "/\\example.com/",
        "\\\\example.com",
        "/\t/example.com/",
        "javascript:alert(1)",
        "basket",
        "/login",
        "",
    ]:
        response = try_to_log_in(shop.visitor(), next=target)

        assert (target, response.location) == (target, "/account")


def test_a_log_in_changes_the_id_of_the_session(tmp_path):
    """Where sessions are on the server, nobody who planted or saw the id before the
    log-in is in as well."""
    shop = Shop(
        f"sqlite:///{tmp_path / 'shop.sqlite3'}",
        DEMO_SHOP_STORAGE="session",
        DEMO_SHOP_FOLDER=tmp_path,
    )
    visitor, thief = shop.visitor(), shop.visitor()
    visitor.get("/signup")
    planted = visitor.client.get_cookie("session")
    assert planted is not None
    thief.client.set_cookie("session", planted.value)
    visitor.follow(visitor.post("/signup", email=EMAIL, password=PASSWORD))

    assert is_known(visitor)
    assert not is_known(thief)

    shop.close()


def test_who_is_in_needs_no_form(member):
    """The pages to log in and sign up lead on to the account."""
    for path in ("/login", "/signup"):
        assert member.client.get(path).location == "/account"


def test_a_closed_account_is_a_guest(shop, member):
    """A session that names an account that is gone is that of a guest."""
    with shop.app.app_context():
        db.session.execute(delete(Account))
        db.session.commit()

    assert not is_known(member)


# The cart


def test_the_guests_basket_comes_along(shop, member):
    """What was in the browser is added to the account's basket, and the shop says how
    many things that were."""
    member.add("watch-cap", "CAP-MOSS")
    member.add("harbour-mug", "MUG-NAVY")
    guest = shop.visitor()
    guest.add("harbour-mug", "MUG-NAVY", "2")
    guest.add("iron-skillet", "SKILLET-20CM")
    page = log_in(guest)

    assert "We added 3 things from this browser to your basket." in page
    assert "These are not mine" in page

    page = guest.get("/account")

    assert "5 things" in page
    assert "These are not mine" not in page
    assert "5 things" in member.get("/account")


def test_an_empty_basket_is_not_mentioned(visitor):
    """Somebody who brings nothing is told nothing about it."""
    assert "from this browser" not in sign_up(visitor)


def test_taking_it_out_again(shop, member):
    """The button leaves what the account had, also of what came."""
    member.add("watch-cap", "CAP-MOSS")
    member.add("harbour-mug", "MUG-NAVY")
    guest = shop.visitor()
    guest.add("harbour-mug", "MUG-NAVY", "2")
    guest.add("iron-skillet", "SKILLET-20CM")
    log_in(guest)
    page = guest.follow(guest.post("/account/not-mine"))

    assert "What was yours before is still here." in page
    assert "2 things" in page
    assert "Iron skillet" not in member.get("/basket/")
    assert "Harbour mug" in member.page


def test_taking_it_out_once(shop, member):
    """A double click takes nothing out a second time, and neither does an old page."""
    member.add("harbour-mug", "MUG-NAVY", "4")
    guest = shop.visitor()
    guest.add("harbour-mug", "MUG-NAVY", "2")
    log_in(guest)
    cookie = guest.client.get_cookie("session").value
    token = guest.field("csrf_token")
    guest.post("/account/not-mine", csrf_token=token)
    guest.client.set_cookie("session", cookie)
    page = guest.follow(guest.post("/account/not-mine", csrf_token=token))

    assert "4 things" in page

    page = guest.follow(guest.post("/account/not-mine"))

    assert "4 things" in page
    assert "still here" not in page


def test_what_came_is_of_one_login(shop, member):
    """Nothing is taken out of the basket of somebody else who logs in later."""
    member.add("watch-cap", "CAP-MOSS")
    guest = shop.visitor()
    guest.add("watch-cap", "CAP-MOSS")
    log_in(guest)
    log_out(guest)
    log_in(guest)
    page = guest.follow(guest.post("/account/not-mine"))

    assert "2 things" in page


def test_too_much_for_a_cookie(shop, member, monkeypatch):
    """What the session has no room for comes along, and there is no button."""
    monkeypatch.setattr(accounts, "MOST_NOTED", 1)
    guest = shop.visitor()
    guest.add("harbour-mug", "MUG-NAVY")
    guest.add("iron-skillet", "SKILLET-20CM")
    page = log_in(guest)

    assert "We added 2 things" in page
    assert "These are not mine" not in page


def test_in_every_storage(any_shop):
    """Wherever baskets are kept, what came along can be taken out again, while the
    account keeps its own."""
    member, guest, phone = (any_shop.visitor() for _ in range(3))
    sign_up(member)
    member.add("watch-cap", "CAP-MOSS")
    guest.add("harbour-mug", "MUG-NAVY", "2")

    assert "We added 2 things from this browser to your basket." in log_in(guest)
    assert "3 things" in member.get("/account")

    guest.get("/account")
    guest.follow(guest.post("/account/not-mine"))

    assert "1 thing" in log_in(phone)
    assert "Harbour mug" not in phone.page


def test_what_was_changed_since(shop, member):
    """Of what was partly taken out by hand, the rest goes."""
    guest = shop.visitor()
    guest.add("harbour-mug", "MUG-NAVY", "2")
    guest.add("watch-cap", "CAP-MOSS")
    log_in(guest)
    guest.get("/account")
    csrf_token = guest.field("csrf_token")

    with shop.app.app_context():
        account = db.session.scalars(select(Account)).one()
        cart = cart_ext.cart(owner=f"user:{account.id}")
        cart.set_quantity(cart.lines[0].id, 1)
        cart.increment(cart.lines[1].id)

    page = guest.follow(guest.post("/account/not-mine", csrf_token=csrf_token))

    assert "1 thing" in page
    assert "Watch cap" in guest.get("/basket/")


def test_there_may_be_nothing_to_take_out(member):
    """The button of an old page does nothing."""
    member.add("watch-cap", "CAP-MOSS")
    member.get("/account")
    page = member.follow(member.post("/account/not-mine"))

    assert "1 thing" in page
    assert "still here" not in page


def test_what_is_told_of_a_merge():
    """Each cart that something came into is named, and what was left out."""

    def merged(instance: str, *quantities: int, left_out: int = 0) -> CartMerged:
        lines = tuple(line(quantity) for quantity in quantities)
        left = (line(left_out),) if left_out else ()

        return CartMerged(
            source="guest:x", instance=instance, lines=lines, left_out=left
        )

    def line(quantity: int):
        return make_line("MUG", quantity, "EUR", name="Harbour mug", price=14)

    both = MergeReport((merged("default", 2, 1), merged("wishlist", 1)))
    cut = MergeReport((merged("default", 1, left_out=4),))
    failed = MergeReport(errors=(ValueError("broken"),))

    assert accounts.tell_merged(both) == (
        "We added 3 things from this browser to your basket. We added one thing from"
        " this browser to your wishlist."
    )
    assert accounts.tell_left_out(both) == ""
    assert accounts.tell_left_out(cut) == "There was no room for 4 \u00d7 Harbour mug."
    assert accounts.tell_merged(failed) == ""
    assert "still here when you log out" in accounts.tell_left_out(failed)


def test_one_basket_on_two_devices(shop, member):
    """What is added on one device is in the basket of the other."""
    phone = shop.visitor()
    log_in(phone)
    phone.add("harbour-mug", "MUG-NAVY")
    member.add("watch-cap", "CAP-MOSS")

    assert len(phone.lines()) == len(member.lines()) == 2


# The orders


def test_orders_are_seen_on_every_device(shop, member):
    """An order of an account is in its list, and opens, wherever one logs in."""
    member.add("harbour-mug", "MUG-NAVY")
    page = member.follow(member.order())

    assert "on every device" in page

    (order,) = shop.orders()
    phone = shop.visitor()

    assert order.number not in phone.get("/account")

    phone.get(f"/orders/{order.token}", status=404)
    log_in(phone)

    assert order.number in phone.get("/account")
    assert order.number in phone.get(f"/orders/{order.token}")


def test_a_guests_orders_stay_in_the_browser(shop, visitor):
    """A guest finds the orders of this browser, and nobody else does."""
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.follow(visitor.order())
    (order,) = shop.orders()
    stranger = shop.visitor()
    sign_up(stranger)

    assert order.number in visitor.get("/account")
    assert order.number not in stranger.get("/account")

    stranger.get(f"/orders/{order.token}", status=404)


def test_a_guests_orders_come_along(shop, visitor):
    """From the log-in on, they belong to the account and no longer to the browser."""
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.follow(visitor.order())
    (order,) = shop.orders()

    assert order.number in sign_up(visitor)

    log_out(visitor)

    assert order.number not in visitor.get("/account")

    visitor.get(f"/orders/{order.token}", status=404)
    phone = shop.visitor()

    assert order.number in log_in(phone)


def test_one_form_sent_on_two_devices_is_one_order(shop, member):
    """The second device gets the order that the first one made."""
    phone = shop.visitor()
    log_in(phone)
    member.add("harbour-mug", "MUG-NAVY")
    forms = [member.checkout_form(), phone.checkout_form()]
    answers = [
        visitor.client.post("/checkout", data=form)
        for visitor, form in zip([member, phone], forms, strict=True)
    ]

    assert len(shop.orders()) == 1
    assert answers[0].location == answers[1].location


def test_a_coupon_knows_the_account(shop, member):
    """A code that each customer has once is not had again on another device and with
    another address."""
    member.add("harbour-mug", "MUG-NAVY")
    member.enter("MAIDENVOYAGE")
    member.follow(member.order())
    phone = shop.visitor()
    log_in(phone)
    phone.add("harbour-mug", "MUG-NAVY")
    phone.enter("MAIDENVOYAGE")
    phone.follow(phone.order(email="ada@example.com"))

    assert shop.used("MAIDENVOYAGE") == (1, 1)


def test_a_coupon_knows_what_the_guest_ordered(shop, visitor):
    """An order that was made as a guest counts for the account from the log-in on."""
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.enter("MAIDENVOYAGE")
    visitor.follow(visitor.order())
    sign_up(visitor)
    visitor.add("harbour-mug", "MUG-NAVY")
    visitor.enter("MAIDENVOYAGE")
    visitor.follow(visitor.order(email="ada@example.com"))

    assert shop.used("MAIDENVOYAGE") == (1, 1)
