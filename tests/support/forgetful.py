"""PyMySQL forgets the sockets of connections that fail."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

forgetful = pytest.mark.filterwarnings(
    "ignore:Exception ignored .*<socket.socket:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(scope="module", autouse=True)
def collect_sockets() -> Iterator[None]:
    """Find what was forgotten here, and not in another test."""
    yield
    gc.collect()
