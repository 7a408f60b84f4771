from __future__ import annotations

import os

import pytest
from hypothesis import settings

from domain.shop import Recorder
from domain.shop import make_cart
from flask_cart import Cart
from flask_cart.storage.memory import MemoryStorage

settings.register_profile("default", max_examples=100, deadline=None)
settings.register_profile("thorough", max_examples=2000, deadline=None)
settings.register_profile("exhaustive", max_examples=100_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def cart(storage: MemoryStorage, recorder: Recorder) -> Cart:
    """The cart of user 1, without anything stored."""
    return make_cart(storage, announcer=recorder)
