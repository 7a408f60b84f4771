"""Coverage slows down the tests that it is asked for, and no others."""

from __future__ import annotations

import sys


def test_what_is_not_measured() -> None:
    """A test outside of the measured folders runs as fast as without coverage, also
    in one of several processes."""
    assert sys.gettrace() is None
