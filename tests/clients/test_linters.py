"""The document pleases those that look for what generators stumble over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.conftest import Programs


def lint(npm: Programs) -> None:
    npm.run("redocly", "lint", "openapi.json", "--config", "redocly.yaml")
    npm.run(
        "spectral",
        "lint",
        "openapi.json",
        "--ruleset",
        "spectral.yaml",
        "--fail-severity",
        "hint",
    )


def test_redocly_and_spectral_are_pleased(npm: Programs) -> None:
    """Neither has anything to say, not even a hint."""
    lint(npm)


def test_they_would_say_so(npm: Programs, folder: Path) -> None:
    """An operation without a tag is one too many for them."""
    document = json.loads((folder / "openapi.json").read_text())
    del document["paths"]["/lines"]["post"]["tags"]
    (folder / "openapi.json").write_text(json.dumps(document))

    with pytest.raises(pytest.fail.Exception, match="tag"):
        lint(npm)
