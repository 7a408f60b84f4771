"""Many clients add to one cart at once, through gunicorn: what is in it afterwards?

    python -m benchmarks.lost_updates --clients 16 --adds 50 postgresql redis

It fails if a storage that promises to keep what it has acknowledged has not.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack

from tests.support import harness

from . import command
from .adds import Outcome
from .adds import add_together
from .places import Places
from .places import Served

COLUMNS = ["sent", "acknowledged", "in the cart", "conflicts shown", "retries"]


def main() -> None:
    parser = command.make_parser(__doc__)
    parser.add_argument("--clients", type=int, default=16, metavar="N")
    parser.add_argument(
        "--adds", type=int, default=50, metavar="M", help="of each client"
    )
    options = parser.parse_args()
    rows = command.rows_with(options.words)

    with ExitStack() as stack:
        crowd = stack.enter_context(harness.clients(options.clients))

        def measure(served: Served) -> command.Line:
            outcome = add_together(served, crowd, options.clients, options.adds)

            return line_of(outcome)

        is_kept = command.print_table(rows, COLUMNS, Places(stack), measure, "adds")

    sys.exit(not is_kept)


def line_of(outcome: Outcome) -> command.Line:
    notes = {
        "lost": outcome.lost,
        "doubled": outcome.doubled,
        "failed": outcome.failed,
    }

    return command.Line(
        [
            outcome.sent,
            outcome.acknowledged,
            sum(outcome.stored.values()),
            outcome.refused,
            outcome.retries,
        ],
        [f"{number} {what}" for what, number in notes.items() if number],
        outcome.lost + outcome.doubled > 0,
    )


if __name__ == "__main__":
    main()
