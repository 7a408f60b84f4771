from __future__ import annotations

import pytest

from flask_cart.storage import base


@pytest.fixture
def steps_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let versions count up, so that they tell which save was the last one."""
    monkeypatch.setattr(base, "_STEP", 0)
