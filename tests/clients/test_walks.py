"""Clients that are generated from the document walk the whole way of a shopper."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.clients.conftest import HERE
from tests.clients.conftest import Programs
from tests.clients.conftest import run

WALKS = HERE / "walks"

#: How a walk could look away from what the client says.
LOOKS_AWAY = r"\bcast\(|type: *ignore|: Any|\bas (any|unknown|never)\b|@ts-|!\.|: any"


@pytest.mark.parametrize("walk", sorted(WALKS.iterdir()), ids=lambda walk: walk.name)
def test_a_walk_looks_away_from_nothing(walk: Path) -> None:
    """No cast, nothing that is ignored: the types of the client are enough."""
    assert re.findall(LOOKS_AWAY, walk.read_text()) == []


def test_in_python(url: str, folder: Path) -> None:
    """openapi-python-client, under mypy as strict as can be."""
    (folder / "options.yaml").write_text("post_hooks: []\n")
    shutil.copy(WALKS / "shopper.py", folder)
    python = [sys.executable, "-W", "ignore", "-m"]
    generate = ["generate", "--path", "openapi.json", "--config", "options.yaml"]
    where = ["--meta", "none", "--output-path", "cart_client", "--fail-on-warning"]
    run([*python, "openapi_python_client", *generate, *where], folder)
    strict = ["--strict", "--config-file=", "--cache-dir=cache"]
    run([*python, "mypy", *strict, "shopper.py"], folder)
    run([sys.executable, "shopper.py", url], folder, **os.environ)


def test_in_typescript(url: str, npm: Programs) -> None:
    """openapi-typescript and openapi-fetch, under tsc as strict as can be."""
    shutil.copy(WALKS / "shopper.ts", npm.folder)
    # Or what a request can leave out, because it has a default, would be required.
    options = ["--output", "schema.d.ts", "--default-non-nullable", "false"]
    npm.run("openapi-typescript", "openapi.json", *options)
    npm.run("tsc")
    npm.run(
        "node",
        "--input-type=module",
        "--eval",
        f"import {{ walk }} from './made/shopper.js'; await walk('{url}');",
    )
