from __future__ import annotations

import json
import shutil
import subprocess
import sys
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask import request

from flask_cart import OrderDraft
from flask_cart import current_cart
from tests.support.browsers import served
from tests.support.servers import ask_for_servers
from tests.support.servers import missing
from tests.support.storefronts import open_storefront

#: Where "make clients" installs what is written in JavaScript.
NODE: t.Final = Path(sys.prefix) / "node"

HERE: t.Final = Path(__file__).parent


class Programs:
    """Programs of npm, run in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *command: str) -> str:
        """What a program says; fails with that if it is not pleased."""
        node = NODE / "node_modules"
        name, *arguments = command
        program = str(node / ".bin" / name) if name != "node" else name

        return run([program, *arguments], self.folder)


def run(command: list[str], folder: Path, **environment: str) -> str:
    """What a command says; fails with that if it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment or None,
    )

    if done.returncode:
        pytest.fail(f"{command}\n{done.stdout}\n{done.stderr}", pytrace=False)

    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A shop that sells, too."""
    ask_for_servers()
    folder = tmp_path_factory.mktemp("shop")

    with open_storefront("database", folder=folder) as storefront:
        storefront.app.post("/checkout")(check_out)
        yield storefront.app


@pytest.fixture(scope="module")
def url(shop: Flask) -> Iterator[str]:
    """Where it is served."""
    with served(shop) as url:
        yield url


@pytest.fixture
def folder(shop: Flask, tmp_path: Path) -> Path:
    """An empty folder, but for the document of the shop."""
    document = shop.test_client().get("/cart/openapi.json").get_json()
    (tmp_path / "openapi.json").write_text(json.dumps(document))

    return tmp_path


@pytest.fixture
def npm(folder: Path) -> Programs:
    """What npm has installed, in that folder."""
    if shutil.which("node") is None or not (NODE / "node_modules").exists():
        missing("Node, or what 'make clients' installs,")

    (folder / "node_modules").symlink_to(NODE / "node_modules")

    for each in ("package.json", "tsconfig.json", "redocly.yaml", "spectral.yaml"):
        shutil.copy(HERE / each, folder)

    return Programs(folder)


def check_out() -> dict[str, t.Any]:
    """Sell what the client has seen."""
    wanted = request.get_json()

    def create(draft: OrderDraft) -> dict[str, t.Any]:
        return {
            "pieces": draft.totals.quantity,
            "total": str(draft.totals.total.amount),
        }

    order: dict[str, t.Any] = current_cart.place_order(
        create,
        lambda token: None,
        token=wanted["token"],
        expected_total=wanted["total"],
    )

    return order
