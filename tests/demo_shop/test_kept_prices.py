"""What is kept for another day remembers its price, and tells when it falls."""

import pytest
from playwright.sync_api import expect

from tests.support.browsers import PHONE
from tests.support.browsers import Visits
from tests.support.browsers import find_barriers
from tests.support.slackwater import Shop
from tests.support.slackwater import Visitor
from tests.support.windows import Front
from tests.support.windows import add
from tests.support.windows import button

FELL = "It was €14.00 when you saved it, now it is €12.00."
ROSE = "It was €14.00 when you saved it, now it is €15.00."


def save(visitor: Visitor, to: str) -> str:
    """Keep a mug for another day; the id of its line."""
    visitor.add("harbour-mug", "MUG-NAVY", "2")
    (mug,) = visitor.lines()
    visitor.follow(visitor.post(f"/basket/lines/{mug}/move", to=to))

    return mug


@pytest.mark.parametrize("to", ["later", "wishlist"])
def test_a_price_that_fell_is_told(any_shop: Shop, to: str) -> None:
    """At the line, above all lists, and in the account, until the price is as it was.
    Looking does not make it forget."""
    visitor = any_shop.visitor()
    save(visitor, to)

    assert "when you saved" not in visitor.get(f"/basket/{to}/")
    assert "costs less" not in visitor.page

    any_shop.set_price("MUG-NAVY", 1200)

    for _ in range(2):
        page = visitor.get(f"/basket/{to}/")

        assert FELL in page
        assert "€12.00 each" in page
        assert "Together </span>€24.00" in page
        assert "costs less now" in visitor.get("/basket/")
        assert "1 of them costs less than when you saved it." in visitor.get("/account")

    any_shop.set_price("MUG-NAVY", 1400)

    assert "when you saved" not in visitor.get(f"/basket/{to}/")
    assert "costs less" not in visitor.get("/account")


def test_a_price_that_rose_is_told_once(shop: Shop, visitor: Visitor) -> None:
    """In the list, without a mark. The basket does not ask again for what was read
    there, and takes no price of others along."""
    mug = save(visitor, "later")
    shop.set_price("MUG-NAVY", 1500)
    page = visitor.get("/basket/later/")

    assert ROSE in page
    assert "costs less" not in page

    page = visitor.follow(visitor.post(f"/basket/later/lines/{mug}/move", to="default"))
    page = visitor.get("/basket/")

    assert "€30.00" in page
    assert "went up" not in page


def test_saved_again_is_saved_anew(shop: Shop, visitor: Visitor) -> None:
    """At the price that it has then."""
    mug = save(visitor, "later")
    shop.set_price("MUG-NAVY", 1200)
    visitor.get("/basket/later/")
    visitor.post(f"/basket/later/lines/{mug}/move", to="default")

    assert "€24.00" in visitor.get("/basket/")

    visitor.post(f"/basket/lines/{mug}/move", to="later")

    assert "when you saved" not in visitor.get("/basket/later/")


def test_what_is_gone_has_no_price_to_tell(shop: Shop, visitor: Visitor) -> None:
    """It is shown with the one that it had."""
    save(visitor, "later")

    with shop.app.app_context():
        from demo_shop.extensions import db
        from demo_shop.models import Variant

        db.session.execute(Variant.__table__.delete().where(Variant.sku == "MUG-NAVY"))
        db.session.commit()

    page = visitor.get("/basket/later/")

    assert "€14.00 each" in page
    assert "when you saved" not in page


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_price_falls_on_a_phone(
    open_window: Visits, front: Front, scripts: bool
) -> None:
    """From the basket to the list and back, the fallen price is seen and paid."""
    front.shop.set_price("MUG-FOG", 1400)
    page = open_window(viewport=PHONE, java_script_enabled=scripts)
    add(page, "harbour-mug", "Fog")
    page.goto("/basket/")
    button(page, "Save for later: Harbour mug").click()
    expect(page.locator("#cart-messages")).to_contain_text("kept for later")
    front.shop.set_price("MUG-FOG", 1200)
    page.goto("/basket/")
    page.get_by_role("link", name="For later 1 piece costs less now").click()

    expect(page.locator(".cheaper").last).to_have_text(FELL)
    assert not scripts or find_barriers(page) == []

    button(page, "Move to the basket: Harbour mug").click()
    expect(page.locator("#cart-messages")).to_contain_text("in your basket now")
    page.goto("/basket/")

    expect(page.locator(".line-sum")).to_contain_text("€12.00")
