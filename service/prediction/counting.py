"""Counts completed calls in batches, after their responses: many observations are added with a few operations."""

from collections import defaultdict, deque
from collections.abc import Sequence
from contextlib import suppress

from service.metrics.registry import Metrics
from service.prediction.calls import CallLabels, CallRecord


class CallCounter:
    """The completed calls that are not counted yet. Thread-safe."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._records = deque[CallRecord]()

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: CallRecord) -> None:
        self._records.append(record)

    def count(self) -> None:
        """Write all pending counts to the metrics, where the next scrape finds them."""
        groups: dict[CallLabels, list[CallRecord]] = defaultdict(list)
        with suppress(IndexError):  # another thread may count at the same time
            for _ in range(len(self._records)):
                record = self._records.popleft()
                groups[record.labels].append(record)
        for labels, records in groups.items():
            self._count(labels, records)

    def _count(self, labels: CallLabels, records: Sequence[CallRecord]) -> None:
        self._metrics.count_http("POST", labels.template, labels.status, len(records))
        if labels.endpoint is None:
            return
        metrics, timings = labels.endpoint.metrics, [record.timings for record in records]
        metrics.requests(labels.protocol, labels.outcome).observe([each.ended - each.began for each in timings])
        if labels.reason:
            self._metrics.count_rejected(labels.endpoint.version.name, labels.reason, len(records))
            return
        by_stage = zip(*[each.stages() for each in timings], strict=True)
        for stage, seconds in zip(metrics.stages, by_stage, strict=True):
            stage.observe(seconds)
        metrics.count_predictions([record.classes for record in records])
        if metrics.has_categories:
            metrics.count_unseen([record.codes for record in records])
