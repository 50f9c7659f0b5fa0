"""What the service counts of itself, in Prometheus' text format 0.0.4."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from evaltrail.api.components import Health

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_COMPONENT_VALUES = {"healthy": 1.0, "degraded": 0.5, "unhealthy": 0.0}


class Meters:
    """The service's counters; any thread may count.

    Args:
        look: how the parts are, asked when somebody reads the figures.
        evaluations: how many there are in each state, asked likewise; raises nothing.
    """

    def __init__(self, *, look: Callable[[], Health], evaluations: Callable[[], Mapping[str, int]]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._requests = Counter(
            "evaltrail_http_requests",
            "Requests by route and status",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "evaltrail_http_request_seconds",
            "Seconds until the answer began",
            ("method", "route"),
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._submissions = Counter(
            "evaltrail_submissions",
            "Submissions: accepted, replayed by their key, or refused",
            ("outcome",),
            registry=self._registry,
        )
        self._registry.register(_Gauges(look, evaluations))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request.

        Args:
            method: HTTP's.
            route: the path's pattern, never the path: what clients make up must not become names of series.
            status: HTTP's.
            seconds: until the answer began.
        """
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def submission(self, outcome: str) -> None:
        """Count one submission."""
        self._submissions.labels(outcome).inc()

    def text(self) -> bytes:
        """All figures as Prometheus reads them."""
        return generate_latest(self._registry)


class _Gauges(Collector):
    """What is read when somebody looks."""

    def __init__(self, look: Callable[[], Health], evaluations: Callable[[], Mapping[str, int]]) -> None:
        self._look = look
        self._evaluations = evaluations

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges of now."""
        health = self._look()
        up = GaugeMetricFamily("evaltrail_component", "1 healthy, 0.5 degraded, 0 unhealthy", labels=("component",))
        for name, component in health.components.items():
            up.add_metric((name,), _COMPONENT_VALUES[component.status])
        yield up
        yield GaugeMetricFamily("evaltrail_mlflow_up", "1 where MLflow answers", value=float(health.is_mlflow_up))
        if health.workers is None or health.counts is None:
            return
        yield GaugeMetricFamily("evaltrail_workers", "Workers that are alive", value=float(health.workers))
        depth = GaugeMetricFamily("evaltrail_queue_units", "Units that wait or run", labels=("state",))
        for state in ("waiting", "running"):
            depth.add_metric((state,), float(health.counts.units.get(state, 0)))
        yield depth
        evaluations = GaugeMetricFamily("evaltrail_evaluations", "Evaluations by state", labels=("state",))
        for state, count in self._evaluations().items():
            evaluations.add_metric((state,), float(count))
        yield evaluations
