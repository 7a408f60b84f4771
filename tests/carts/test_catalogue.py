from __future__ import annotations

import typing as t
from decimal import Decimal

import pytest

from flask_cart import CartConfigError
from flask_cart.carts.catalogue import Catalogue
from tests.support.shelf import Product
from tests.support.shelf import Shelf


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue()


def test_products_by_id(catalogue: Catalogue) -> None:
    """One call finds all that there are; ids are text, whatever the product has."""
    mug, pot = Product("mug"), Product(7, Decimal(30))
    catalogue.loader = shelf = Shelf(mug, pot)

    assert catalogue.load(["7", "gone", "mug", "7"]) == {"7": pot, "mug": mug}
    assert shelf.asked == [["7", "gone", "mug"]]


def test_any_iterable(catalogue: Catalogue) -> None:
    """Products may come from a generator, in any order, and with others among them."""
    catalogue.loader = lambda ids: (Product(each) for each in ["jar", "pot", "mug"])

    assert list(catalogue.load(["mug", "pot"])) == ["mug", "pot"]


def test_nothing_to_load(catalogue: Catalogue) -> None:
    """Nobody is asked for nothing."""
    catalogue.loader = shelf = Shelf()

    assert catalogue.load([]) == {}
    assert shelf.asked == []


def test_without_a_loader(catalogue: Catalogue) -> None:
    """An app without a loader is told what it needs."""
    with pytest.raises(CartConfigError, match=r"@cart_ext\.product_loader"):
        catalogue.load(["mug"])


@pytest.mark.parametrize("returned", [[None], ["mug"], {"mug": Product("mug")}])
def test_what_is_no_product(catalogue: Catalogue, returned: t.Any) -> None:
    """A loader that returns something else is wrong, and told so."""
    catalogue.loader = lambda ids: returned

    with pytest.raises(CartConfigError, match="returns a list of products"):
        catalogue.load(["mug"])
