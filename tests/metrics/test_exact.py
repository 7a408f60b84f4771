"""Eight processes of four threads count together: each number is exactly what was
done."""

from __future__ import annotations

import math
import typing as t
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from flask_cart import FlaskCart
from flask_cart.carts import repository
from flask_cart.metrics.opentelemetry import OpenTelemetryMetrics
from tests.support.apps import make_app
from tests.support.cache_servers import CacheServer
from tests.support.counting_shopper import ROUNDS
from tests.support.counting_shopper import THREADS
from tests.support.counting_shopper import work
from tests.support.workers import working

PROCESSES = 8
TIMES = PROCESSES * THREADS * ROUNDS


def shop_together(url: str, locking: str, folder: Path) -> Counter[str]:
    """Let all processes shop at once.

    :return: What they have done, all together.
    """
    done: Counter[str] = Counter()

    with ExitStack() as stack:
        workers = [
            stack.enter_context(working(work, str(folder), url, locking, number))
            for number in range(PROCESSES)
        ]

        for worker in workers:
            assert worker.receive() == "ready"

        for worker in workers:
            worker.send("go")

        for worker in workers:
            done.update(worker.receive())

    return done


def kept_in(folder: Path) -> t.Callable[..., float]:
    """Looks up what Prometheus has, from the files of all processes."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))

    def value(name: str, **labels: str) -> float:
        """The sum of all that have these labels."""
        return sum(
            sample.value
            for family in registry.collect()
            for sample in family.samples
            if sample.name == f"flask_cart_{name}"
            and labels.items() <= sample.labels.items()
        )

    return value


@pytest.mark.parametrize("locking", ["locking", "optimistic"])
def test_prometheus(valkey_server: CacheServer, tmp_path: Path, locking: str) -> None:
    """Operations, outcomes, retries, waits, conversions and times: nothing is counted
    twice, and nothing is left out."""
    done = shop_together(valkey_server.url, locking, tmp_path)
    value = kept_in(tmp_path)

    # All that was asked for has been done or refused, by their own account.
    assert done["add done"] == TIMES
    assert done["set done"] + done["set conflict"] == TIMES
    assert done["set conflict"] > 0

    for operation, name in [("add_line", "add"), ("update_line", "set")]:
        for outcome in ["done", "conflict"]:
            # The batches have two more lines each.
            extra = 2 * TIMES if (name, outcome) == ("add", "done") else 0
            found = value("operations_total", operation=operation, outcome=outcome)
            unchanged = value(
                "operations_total", operation=operation, outcome="unchanged"
            )
            expected = done[f"{name} {outcome}"] + extra
            assert found + (unchanged if outcome == "done" else 0) == expected

    assert value("operations_total", operation="settle_order", outcome="done") == TIMES
    assert value("operations_total", outcome="busy") == 0
    assert value("conflicts_total", action="write") == done["set conflict"]

    # The carts of one's own are never lost to anybody, and what is lost is tried again.
    assert value("retries_total") == done["lost saves"] == done["retries told"]
    assert value("expired_leases_total") == 0
    assert value("lock_wait_seconds_count") == done["lock waits"]

    if locking == "locking":
        assert done["lock waits"] > 0
    else:
        assert done["lost saves"] > 0

    writes = 5 * TIMES
    assert value("access_seconds_count", action="write") == writes
    assert value("access_seconds_bucket", action="write", le="+Inf") == writes
    assert value("access_seconds_count", action="load") == done["loads"] == 2 * TIMES
    assert value("events_total", event="cart_checked_out") == done["sold"] == TIMES
    assert value("events_total", event="cart_created") == 1 + PROCESSES * THREADS
    assert value("events_total") == done["events"]


def test_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight threads of one process count together, too."""
    # On a busy machine a thread could give up before the try that holds the lock.
    monkeypatch.setattr(repository, "PATIENCE", math.inf)
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    app = make_app(CART_STORAGE="memory", CART_RETRY_BASE_DELAY=0.001)
    extension = FlaskCart(app)
    extension.observe(OpenTelemetryMetrics(provider))

    def add(thread: int) -> None:
        for _ in range(200):
            with app.app_context():
                extension.cart(owner="user:1").add("mug", price=1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))

    with app.app_context():
        assert extension.cart(owner="user:1").quantity == 1600

    data = reader.get_metrics_data()
    provider.shutdown()
    assert data is not None
    points = {
        metric.name: metric.data.data_points
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    (operations,) = points["flask_cart.operations"]
    assert operations.value == 1600
    assert sum(each.count for each in points["flask_cart.access_seconds"]) == 1601
    events = {
        each.attributes["event"]: each.value for each in points["flask_cart.events"]
    }
    assert events == {"cart_created": 1, "item_added": 1, "item_updated": 1599}
