"""What is counted and timed, and the libraries that keep the numbers."""

from __future__ import annotations

import typing as t
from collections import Counter
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry
from prometheus_client import generate_latest

from flask_cart import CartConflictError
from flask_cart import FlaskCart
from flask_cart.carts.observing import Access
from flask_cart.metrics.counting import BUCKETS
from flask_cart.metrics.counting import COUNTERS
from flask_cart.metrics.counting import TIMERS
from flask_cart.metrics.counting import Metric
from flask_cart.metrics.counting import Metrics
from flask_cart.metrics.opentelemetry import OpenTelemetryMetrics
from flask_cart.metrics.prometheus import PrometheusMetrics
from tests.support.apps import make_app
from tests.support.shop import KEY
from tests.support.shop import ContestedStorage
from tests.support.shop import sell

#: A name and the values of its labels.
Key = tuple[str, ...]


class Kept(Metrics):
    """Keeps the numbers in dicts."""

    def __init__(self) -> None:
        self.numbers: Counter[Key] = Counter()
        self.times: dict[Key, list[float]] = {}

    def count(self, metric: Metric, number: int, *labels: str) -> None:
        assert metric in COUNTERS
        assert len(labels) == len(metric.labels)
        self.numbers[metric.name, *labels] += number

    def record(self, metric: Metric, seconds: float, *labels: str) -> None:
        assert metric in TIMERS
        assert len(labels) == len(metric.labels)
        self.times.setdefault((metric.name, *labels), []).append(seconds)


class Prometheus(PrometheusMetrics):
    """Prometheus, and what is in its registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        super().__init__(self.registry)

    def close(self) -> None:
        pass

    @property
    def text(self) -> str:
        return generate_latest(self.registry).decode()

    @property
    def numbers(self) -> dict[Key, float]:
        """The counters, and for the timers their counts and sums."""
        labels = {each.name: each.labels for each in COUNTERS + TIMERS}

        return {
            (
                sample.name.removeprefix("flask_cart_").removesuffix("_total"),
                *(sample.labels[label] for label in labels[family.name[11:]]),
            ): sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if not sample.name.endswith(("_created", "_bucket"))
        }


class OpenTelemetry(OpenTelemetryMetrics):
    """OpenTelemetry, and what its meter has been given."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader])
        super().__init__(self.provider)

    def close(self) -> None:
        self.provider.shutdown()

    @property
    def numbers(self) -> dict[Key, float]:
        """The counters, and for the timers their counts and sums."""
        labels = {each.name: each.labels for each in COUNTERS + TIMERS}
        numbers: dict[Key, float] = {}

        for metric, points in self.points():
            name = metric.removeprefix("flask_cart.")

            for point in points:
                values = [point.attributes[label] for label in labels[name]]

                if hasattr(point, "value"):
                    numbers[name, *values] = point.value
                else:
                    numbers[f"{name}_count", *values] = point.count
                    numbers[f"{name}_sum", *values] = point.sum

        return numbers

    def points(self) -> Iterator[tuple[str, t.Any]]:
        data = self.reader.get_metrics_data()

        for resource in data.resource_metrics if data is not None else []:
            for scope in resource.scope_metrics:
                assert scope.scope.name == "flask_cart"

                for metric in scope.metrics:
                    yield metric.name, metric.data.data_points


@pytest.fixture(params=[Prometheus, OpenTelemetry])
def adapter(request: pytest.FixtureRequest) -> Iterator[Prometheus | OpenTelemetry]:
    """Each of the libraries."""
    adapter = request.param()
    yield adapter
    adapter.close()


def access(**fields: t.Any) -> Access:
    """An access in which nothing special happened."""
    usual = {
        "action": "write",
        "key": KEY,
        "storage": "RedisStorage",
        "operations": ("add_line",),
        "outcome": "done",
        "seconds": 0.25,
        "retries": 0,
        "lock_waits": (),
        "expired_leases": 0,
    }

    return Access(**usual | fields)


class TestWhatIsCounted:
    """The numbers that an access adds to."""

    def test_write(self) -> None:
        """Each operation of a write counts, and the time of the write is one."""
        kept = Kept()
        kept.accessed(access(operations=("add_line", "clear", "add_line")))

        assert kept.numbers == {
            ("operations", "RedisStorage", "add_line", "done"): 2,
            ("operations", "RedisStorage", "clear", "done"): 1,
        }
        assert kept.times == {
            ("access_seconds", "RedisStorage", "write", "done"): [0.25]
        }

    def test_load(self) -> None:
        """What only reads has no operations."""
        kept = Kept()
        kept.accessed(access(action="load", operations=()))

        assert not kept.numbers
        assert list(kept.times) == [("access_seconds", "RedisStorage", "load", "done")]

    def test_trouble(self) -> None:
        """Conflicts, retries, waits and expired leases have numbers of their own."""
        kept = Kept()
        kept.accessed(
            access(
                outcome="conflict", retries=3, lock_waits=(0.1, 0.2), expired_leases=2
            )
        )

        assert kept.numbers == {
            ("operations", "RedisStorage", "add_line", "conflict"): 1,
            ("conflicts", "RedisStorage", "write"): 1,
            ("retries", "RedisStorage", "write"): 3,
            ("expired_leases", "RedisStorage"): 2,
        }
        assert kept.times["lock_wait_seconds", "RedisStorage"] == [0.1, 0.2]

    def test_no_label_names_a_cart(self) -> None:
        """However many carts there are, there are no more numbers."""
        kept = Kept()
        app = make_app(CART_STORAGE="memory")
        extension = FlaskCart(app)
        extension.observe(kept)
        sizes = []

        with app.app_context():
            for number in range(20):
                cart = extension.cart(owner=f"user:{number}", instance=f"list{number}")
                cart.add(f"sku-{number}", price=number)

                sell(cart)

                sizes.append((len(kept.numbers), len(kept.times)))

        assert set(sizes) == {(7, 1)}


def test_a_shop(adapter: Prometheus | OpenTelemetry) -> None:
    """What happens in a shop is what the library has, number for number."""
    storage = ContestedStorage()
    app = make_app(CART_STORAGE=storage, CART_RETRY_BASE_DELAY=0)
    extension = FlaskCart(app)
    extension.observe(adapter)

    with app.app_context():
        cart = extension.cart(owner="user:1")
        cart.add("mug", price=10)
        storage.contest([lambda rival: rival.add("mug", price=10)] * 2)
        cart.add("pot", price=30)

        with cart.batch():
            cart.add("pan", price=30)
            cart.metadata["note"] = "ring twice"

        storage.contest([lambda rival: rival.add("mug", price=10)])

        with pytest.raises(CartConflictError):
            cart.set_quantity(cart.lines[0].id, 7)

        sell(cart)

        cart.destroy()

    numbers = adapter.numbers
    name = "ContestedStorage"
    seconds = {key for key in numbers if key[0] == "access_seconds_sum"}
    assert all(0 < numbers.pop(key) < 60 for key in seconds)
    assert numbers == {
        ("operations", name, "add_line", "done"): 3,
        ("operations", name, "set_metadata", "done"): 1,
        ("operations", name, "update_line", "conflict"): 1,
        ("operations", name, "begin_order", "done"): 1,
        ("operations", name, "settle_order", "done"): 1,
        ("conflicts", name, "write"): 1,
        ("retries", name, "write"): 3,
        ("access_seconds_count", name, "load", "done"): 1,
        ("access_seconds_count", name, "write", "done"): 5,
        ("access_seconds_count", name, "write", "conflict"): 1,
        ("access_seconds_count", name, "destroy", "done"): 1,
        ("events", "cart_created"): 1,
        ("events", "item_added"): 3,
        ("events", "metadata_added"): 1,
        ("events", "checkout_started"): 1,
        ("events", "cart_checked_out"): 1,
        ("events", "cart_destroyed"): 1,
    }


def test_times_in_buckets(adapter: Prometheus | OpenTelemetry) -> None:
    """The bounds of the buckets are those for a storage, not those for a page."""
    adapter.accessed(access(seconds=0.0007, lock_waits=(0.2,)))

    if isinstance(adapter, Prometheus):
        for bound, number in [("0.0005", "0.0"), ("0.001", "1.0")]:
            assert (
                f'flask_cart_access_seconds_bucket{{action="write",le="{bound}",'
                f'outcome="done",storage="RedisStorage"}} {number}\n'
            ) in adapter.text
    else:
        points = dict(adapter.points())["flask_cart.access_seconds"]
        assert points[0].explicit_bounds == BUCKETS
        assert points[0].bucket_counts[1] == 1

    assert adapter.numbers["lock_wait_seconds_sum", "RedisStorage"] == 0.2


def test_names_for_prometheus() -> None:
    """The names are those that the guide tells, each with a sentence."""
    text = Prometheus().text

    for metric in COUNTERS:
        assert f"# HELP flask_cart_{metric.name}_total {metric.help}\n" in text

    for metric in TIMERS:
        assert f"# HELP flask_cart_{metric.name} {metric.help}\n" in text
