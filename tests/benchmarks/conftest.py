from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from benchmarks.lost_updates.places import Places


@pytest.fixture(scope="session")
def places() -> Iterator[Places]:
    """Servers for the carts, each started when it is first needed."""
    with ExitStack() as stack:
        yield Places(stack)
