"""What observers cost, and what it costs that there could be some.

    python -m benchmarks.metrics

One add to a cart of 10 lines in memory, where nothing hides the difference: with a
repository that knows nothing of observers, with none registered, with one that does
nothing, and with the metrics of Prometheus and OpenTelemetry. Ratios can be compared
between machines, times cannot.
"""

from __future__ import annotations

import random
import statistics
import time
import typing as t
from collections.abc import Callable
from dataclasses import replace

from flask import Flask
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry

from flask_cart import FlaskCart
from flask_cart.carts.observing import Access
from flask_cart.carts.observing import Observer
from flask_cart.carts.repository import Repository
from flask_cart.carts.used_keys import Claims
from flask_cart.carts.writing import Fit
from flask_cart.carts.writing import Part
from flask_cart.carts.writing import Written
from flask_cart.metrics.opentelemetry import OpenTelemetryMetrics
from flask_cart.metrics.prometheus import PrometheusMetrics
from flask_cart.model.events import Event

ROUNDS = 5000
LINES = 10


class UnobservableRepository(Repository):
    """A repository as it would be without observers."""

    def write(
        self,
        parts: t.Sequence[Part],
        fit: Fit | None = None,
        claims: Claims | None = None,
    ) -> list[Written]:
        return self._write(parts, fit, claims)


class Nobody:
    """An observer that does nothing."""

    def accessed(self, access: Access) -> None:
        pass

    def happened(self, event: Event) -> None:
        pass


def main() -> None:
    provider = MeterProvider([InMemoryMetricReader()])
    shops = {
        "no hook": make_shop(without_hook=True),
        "off": make_shop(),
        "observer": make_shop(Nobody()),
        "Prometheus": make_shop(PrometheusMetrics(CollectorRegistry())),
        "OpenTelemetry": make_shop(OpenTelemetryMetrics(provider)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in shops}

    for _ in range(ROUNDS):
        # In turns and in any order, so that nobody always comes after the same one.
        for name, add in random.sample(list(shops.items()), len(shops)):
            start = time.perf_counter()
            add()
            seconds[name].append(time.perf_counter() - start)

    provider.shutdown()
    floor = statistics.median(seconds["no hook"])
    print(f"an add, median of {ROUNDS}, a cart of {LINES} lines in memory")
    print(f"{'':<14}{'us':>8}{'ratio':>8}")

    for name, each in seconds.items():
        median = statistics.median(each)
        print(f"{name:<14}{median * 1e6:>8.1f}{median / floor:>8.3f}")


def make_shop(*observers: Observer, without_hook: bool = False) -> Callable[[], object]:
    """A shop with a cart, and what adds to it."""
    app = Flask("benchmark")
    app.config.update(CART_STORAGE="memory", CART_MAX_QUANTITY=2**31 - 1)
    extension = FlaskCart(app)

    for observer in observers:
        extension.observe(observer)

    if without_hook:
        state = app.extensions["cart"]
        old = state.services.repository
        repository = UnobservableRepository(
            old.storage, old.nothing.document.currency, old.limits, old._retry
        )
        services = replace(state.services, repository=repository)
        app.extensions["cart"] = replace(state, services=services)

    def add() -> object:
        with app.app_context():
            return extension.cart(owner="user:1").add("sku-0", price="12.50")

    with app.app_context(), extension.cart(owner="user:1").batch() as cart:
        for number in range(LINES):
            cart.add(f"sku-{number}", name=f"Product {number}", price="12.50")

    return add


if __name__ == "__main__":
    main()
