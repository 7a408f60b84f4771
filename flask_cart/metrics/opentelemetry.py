"""Metrics for OpenTelemetry."""

from __future__ import annotations

from opentelemetry import metrics

from .counting import BUCKETS
from .counting import COUNTERS
from .counting import TIMERS
from .counting import Metric
from .counting import Metrics

_PREFIX = "flask_cart."


class OpenTelemetryMetrics(Metrics):
    """Gives all metrics to a meter.

    .. code-block:: python

        cart_ext.observe(OpenTelemetryMetrics())

    :param provider: Where the meter comes from; left out, the global one.
    """

    def __init__(self, provider: metrics.MeterProvider | None = None) -> None:
        meter = metrics.get_meter("flask_cart", meter_provider=provider)
        self._counters = {
            each: meter.create_counter(_PREFIX + each.name, description=each.help)
            for each in COUNTERS
        }
        self._histograms = {
            each: meter.create_histogram(
                _PREFIX + each.name,
                unit="s",
                description=each.help,
                explicit_bucket_boundaries_advisory=BUCKETS,
            )
            for each in TIMERS
        }

    def count(self, metric: Metric, number: int, *labels: str) -> None:
        self._counters[metric].add(number, _named(metric, labels))

    def record(self, metric: Metric, seconds: float, *labels: str) -> None:
        self._histograms[metric].record(seconds, _named(metric, labels))


def _named(metric: Metric, labels: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(metric.labels, labels, strict=True))
