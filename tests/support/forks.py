"""Processes that share nothing, and yet need not import everything again.

They are forked from one that has imported what most of them need, and done nothing
else. It is started when the first of them is. There is only one, whoever asks for it:
to name modules to it anywhere else would take the place of these.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any
from typing import Final

FORKS: Final = multiprocessing.get_context("forkserver")

FORKS.set_forkserver_preload(
    [
        "benchmarks.lost_updates.app",
        "demo_shop",
        "gunicorn.app.wsgiapp",
        "gunicorn.workers.gthread",
        "pymysql",
        "redis",
        "tests.support.cart_app",
        "tests.support.customers",
        "tests.support.harness",
        "tests.support.served_shop",
        # Last.
        "tests.support.frozen",
    ]
)


def let_die(job: Callable[..., None], *arguments: Any) -> None:
    """Let another process do something, in which it ends itself with the code 42."""
    process = FORKS.Process(target=job, args=arguments)
    process.start()
    process.join(60)
    process.kill()
    process.join()

    # It has written why, if it is another one.
    assert process.exitcode == 42
