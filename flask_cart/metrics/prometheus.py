"""Metrics for Prometheus, kept by prometheus-client."""

from __future__ import annotations

from prometheus_client import REGISTRY
from prometheus_client import CollectorRegistry
from prometheus_client import Counter
from prometheus_client import Histogram

from .counting import BUCKETS
from .counting import COUNTERS
from .counting import TIMERS
from .counting import Metric
from .counting import Metrics

_PREFIX = "flask_cart_"


class PrometheusMetrics(Metrics):
    """Keeps all metrics in a registry of prometheus-client.

    .. code-block:: python

        cart_ext.observe(PrometheusMetrics())

    :param registry: The registry. It can have them only once.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._counters = {
            each: Counter(
                _PREFIX + each.name, each.help, each.labels, registry=registry
            )
            for each in COUNTERS
        }
        self._histograms = {
            each: Histogram(
                _PREFIX + each.name,
                each.help,
                each.labels,
                registry=registry,
                buckets=BUCKETS,
            )
            for each in TIMERS
        }

    def count(self, metric: Metric, number: int, *labels: str) -> None:
        self._counters[metric].labels(*labels).inc(number)

    def record(self, metric: Metric, seconds: float, *labels: str) -> None:
        self._histograms[metric].labels(*labels).observe(seconds)
