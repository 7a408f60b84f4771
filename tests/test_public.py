"""What is public: the modules that apps import from, and the names that they use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_cart import Cart
from flask_cart import FlaskCart

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.rst"))
TEXTS = [*DOCS, ROOT / "README.md", *sorted((ROOT / "demo_shop").rglob("*.py"))]

#: As the documentation lists them.
PUBLIC = {
    "flask_cart",
    "flask_cart.metrics",
    "flask_cart.metrics.opentelemetry",
    "flask_cart.metrics.prometheus",
    "flask_cart.model.events",
    "flask_cart.model.money",
    "flask_cart.pricing.presets",
    "flask_cart.signals",
    "flask_cart.storage",
    "flask_cart.testing",
    "flask_cart.ucp",
    "flask_cart.ucp.signatures",
}

_imports = re.compile(r"(?:from|import) +(flask_cart[\w.]*)(?: +import +(\(?[^\n]+))?")


def test_modules_are_listed() -> None:
    """Those that are public, and no other, in one place."""
    text = (ROOT / "docs" / "api.rst").read_text()
    _, _, section = text.partition(".. _what-is-public:")
    section, _, _ = section.partition("The extension\n---")

    assert set(re.findall(r"``(flask_cart[\w.]*)``", section)) == PUBLIC


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_nothing_else_is_imported(path: Path) -> None:
    """Whoever copies from the documentation or the demo copies what stays."""
    assert set(imported(path.read_text())) <= PUBLIC


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("from flask_cart.carts.cart import Cart", "flask_cart.carts.cart"),
        (">>> import flask_cart.app.current", "flask_cart.app.current"),
        ("    from flask_cart.storage.base import Kept", "flask_cart.storage.base"),
        ("from flask_cart import model", "flask_cart.model"),
    ],
)
def test_another_import_is_found(line: str, module: str) -> None:
    """In a copy of a page that has it."""
    page = (ROOT / "docs" / "quickstart.rst").read_text()

    assert set(imported(f"{page}\n{line}\n")) - PUBLIC == {module}


def imported(text: str) -> Iterator[str]:
    """The modules of Flask-Cart that a text imports from."""
    for module, names in _imports.findall(text):
        if module == "flask_cart" and names:
            folders = {path.name for path in (ROOT / "flask_cart").iterdir()}
            yield from (
                f"flask_cart.{name}"
                for name in re.findall(r"\w+", names)
                if name in folders and f"flask_cart.{name}" not in PUBLIC
            )

        yield module


#: What an app uses of the extension, each of which is in the documentation.
FLASK_CART = {
    "abandoned_carts",
    "mark_reminded",
    "amount",
    "blueprint",
    "cacheable",
    "cancel_order",
    "cart",
    "clock",
    "condition_provider",
    "coupon_loader",
    "facts",
    "init_app",
    "link",
    "load_products",
    "merge_guest_carts",
    "merge_report",
    "merge_strategy",
    "observe",
    "owner_loader",
    "permalink",
    "permalinks",
    "place_order",
    "product_loader",
    "reason_of",
    "revoke_link",
    "rule",
    "shipping_methods",
    "storage",
    "take_out",
    "tenant_loader",
    "transfer",
    "user_id_loader",
    "wording",
}


def test_the_extension_has_few_names() -> None:
    """All of them are here, so that a new one is noticed."""
    names = {*dir(FlaskCart), *vars(FlaskCart())}

    assert {each for each in names if not each.startswith("_")} == FLASK_CART


#: What an app does with a cart.
CART = {
    "add",
    "add_condition",
    "add_discount",
    "add_fee",
    "add_many",
    "add_shipping",
    "add_tax",
    "batch",
    "begin_order",
    "change_currency",
    "clear",
    "conditions",
    "copy",
    "coupons",
    "currency",
    "destroy",
    "expect",
    "find",
    "get",
    "increment",
    "instance",
    "key",
    "lines",
    "merge",
    "metadata",
    "move",
    "once",
    "order_token",
    "place_order",
    "products",
    "quantity",
    "refresh",
    "remove",
    "remove_condition",
    "reprice",
    "restore",
    "set_quantity",
    "shipping",
    "take_out",
    "tenant",
    "totals",
    "transfer",
    "update",
    "version",
    "to_dict",
    "total",
    "expect_any",
}


def test_a_cart_has_few_names() -> None:
    """All of them are here, so that a new one is noticed."""
    names = {each for each in dir(Cart) if not each.startswith("_")}

    assert names == CART


@pytest.mark.parametrize("name", sorted(FLASK_CART | CART))
def test_every_name_has_a_use(name: str) -> None:
    """A name that no page uses is there for nobody."""
    text = "".join(path.read_text() for path in [*DOCS, ROOT / "README.md"])

    assert re.search(rf"\.{name}\b", text)
