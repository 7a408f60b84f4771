"""What the extension costs, and what it is good for, in numbers."""

import sys
from pathlib import Path

# The servers and clients of the tests.
_tests = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(_tests), str(_tests / "concurrency")]
