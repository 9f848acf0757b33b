"""The metrics of the service, for Prometheus.

Label values are bounded: route templates, served models and versions, fixed outcomes, and the first 50 labels of a
classifier. No text that a client chooses becomes a label value.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import prometheus_client
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from service.metrics.multiprocess import FOLDER_VARIABLE, AllProcessesCollector
from store import Version

MAX_LABEL_VALUES = 50
MAX_VERSIONS = 20
OTHER = "other"
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
UNMATCHED = "unmatched"
# Gauges that rank the versions of a model: served now, then last loaded.
RANKED_BY = ("npserve_model_info", "npserve_model_loaded_timestamp_seconds")

# A prediction takes tens of microseconds to a millisecond; the default buckets of prometheus_client begin at 5 ms.
REQUEST_BUCKETS = [5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]
STAGE_BUCKETS = [5e-6, 1e-5, 2e-5, *REQUEST_BUCKETS[:-3]]
STAGES = ("decode", "queue", "forward", "encode")

# prometheus_client does not validate the version in an Accept header, and repeats it in the Content-Type.
_ODD_VERSION = re.compile(r"version=(?!\d{1,3}(\.\d{1,3})*\s*([,;]|$))", re.ASCII)


class Histogram(prometheus_client.Histogram):
    """A histogram that observes many values with few writes; a write costs more than a bisection."""

    def observe_many(self, values: Sequence[float]) -> None:
        if len(values) == 1:
            self.observe(values[0])
            return
        self._sum.inc(sum(values))
        for bucket, count in enumerate(np.bincount(np.searchsorted(self._upper_bounds, values)).tolist()):
            if count:
                self._buckets[bucket].inc(count)


class Metrics:
    """The metrics of one process. `render` combines those of all processes if there are several."""

    def __init__(self) -> None:
        self._registry = prometheus_client.CollectorRegistry()
        histogram = partial(Histogram, registry=self._registry)
        counter = partial(prometheus_client.Counter, registry=self._registry)
        gauge = partial(prometheus_client.Gauge, registry=self._registry)
        model = ["model", "version"]
        self.requests = histogram(
            "npserve_request_seconds",
            "Seconds from the last byte of the headers of a prediction request to its complete response.",
            [*model, "protocol", "outcome"],
            buckets=REQUEST_BUCKETS,
        )
        self.stages = histogram(
            "npserve_stage_seconds",
            "Seconds of a stage of a prediction: decode, queue, forward, encode.",
            [*model, "stage"],
            buckets=STAGE_BUCKETS,
        )
        self.rows = counter("npserve_rows_total", "Rows predicted.", model)
        self.predictions = counter("npserve_predictions_total", "Predictions by label.", [*model, "label"])
        self.rejected = counter(
            "npserve_rejected_inputs_total", "Requests to a model that were rejected.", ["model", "reason"]
        )
        self.in_flight = gauge(
            "npserve_requests_in_flight", "Prediction requests in progress.", multiprocess_mode="livesum"
        )
        self.info = gauge(
            "npserve_model_info", "1 for each served alias.", [*model, "alias", "sha256"], multiprocess_mode="livemax"
        )
        self.loaded_at = gauge(
            "npserve_model_loaded_timestamp_seconds", "Last load of a version.", model, multiprocess_mode="max"
        )
        self.loads = counter("npserve_model_loads_total", "Attempts to load a version.", ["model", "outcome"])
        self.http_requests = counter("npserve_http_requests_total", "HTTP responses.", ["method", "route", "code"])
        self.in_flight.set(0)
        self._infos: set[tuple[str, str, str, str]] = set()

    def count_http(self, method: str, route: str | None, status: int, count: int = 1) -> None:
        """Count responses. `route` is the template that the path matched, or None."""
        self.http_requests.labels(method if method in METHODS else OTHER, route or UNMATCHED, status).inc(count)

    def show_served(self, served: Iterable[tuple[Version, str]]) -> None:
        """Set the served versions and their aliases."""
        now = {(v.name, str(v.number), alias, v.sha256) for v, alias in served}
        for removed in self._infos - now:
            self.info.labels(*removed).set(0)
        for added in now - self._infos:
            self.info.labels(*added).set(1)
            self.loaded_at.labels(*added[:2]).set_to_current_time()
        self._infos = now

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return the exposition of all processes and its content type, for an Accept header."""
        folder = os.environ.get(FOLDER_VARIABLE)
        source = AllProcessesCollector(Path(folder)) if folder else self._registry
        encode, content_type = choose_encoder("" if _ODD_VERSION.search(accept) else accept)
        return encode(_RecentVersions(source)), content_type


class VersionMetrics:
    """The metrics of one version with their labels bound, so that a request needs no lookup."""

    def __init__(self, metrics: Metrics, version: Version) -> None:
        name, number = version.name, str(version.number)
        # A series is created on first use: there are many pairs of protocol and outcome, and most never occur.
        self.requests = cache(lambda protocol, outcome: metrics.requests.labels(name, number, protocol, outcome))
        self.stages = {stage: metrics.stages.labels(name, number, stage) for stage in STAGES}
        self.rows = metrics.rows.labels(name, number)
        self.predictions = [
            metrics.predictions.labels(name, number, _label_text(label) if i < MAX_LABEL_VALUES else OTHER)
            for i, label in enumerate(version.artifact.model.labels)
        ]

    def count_predictions(self, parts: Sequence[npt.NDArray[np.intp]]) -> None:
        """Count the predicted classes of several batches (B,)."""
        self.rows.inc(sum(map(len, parts)))
        if self.predictions:
            for counter, count in zip(self.predictions, np.bincount(np.concatenate(parts)).tolist(), strict=False):
                if count:
                    counter.inc(count)


def _label_text(label: object) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)


class _RecentVersions(Collector):
    """Hides aliases that are no longer served, and all but the most recent versions."""

    def __init__(self, source: Collector) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, with the series of the MAX_VERSIONS most recently served versions of each model."""
        metrics = list(self._source.collect())
        kept = _recent_versions(metrics)
        for metric in metrics:
            metric.samples = [
                sample
                for sample in metric.samples
                if ("version" not in sample.labels or (sample.labels["model"], sample.labels["version"]) in kept)
                and not (sample.name == "npserve_model_info" and sample.value == 0)
            ]
            yield metric


def _recent_versions(metrics: list[Metric]) -> set[tuple[str, str]]:
    """Return the most recent versions of each model: those served now first, then by load time."""
    ranks: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0] * len(RANKED_BY))
    for metric in metrics:
        for sample in metric.samples:
            rank = ranks[sample.labels.get("model", ""), sample.labels.get("version", "")]
            if sample.name in RANKED_BY:
                place = RANKED_BY.index(sample.name)
                rank[place] = max(rank[place], sample.value)
    by_model: dict[str, list[str]] = defaultdict(list)
    for model, number in sorted(ranks, key=lambda version: ranks[version], reverse=True):
        by_model[model].append(number)
    return {(model, number) for model, numbers in by_model.items() for number in numbers[:MAX_VERSIONS]}
