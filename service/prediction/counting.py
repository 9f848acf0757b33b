"""Counts answered calls together: each write goes to pages that all workers share, and costs more than all else."""

from collections import defaultdict, deque
from collections.abc import Sequence
from contextlib import suppress

from service.metrics.registry import Metrics
from service.prediction.calls import CallLabels, CallRecord


class CallCounter:
    """The calls that are answered and not counted yet; any thread may add and count."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._records = deque[CallRecord]()

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: CallRecord) -> None:
        """Count a call later."""
        self._records.append(record)

    def count(self) -> None:
        """Count what is answered, so that a scrape that comes now finds it."""
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
        metrics.requests(labels.protocol, labels.outcome).observe_many([each.ended - each.began for each in timings])
        if labels.reason:
            self._metrics.rejected.labels(labels.endpoint.version.name, labels.reason).inc(len(records))
            return
        by_stage = zip(*[each.stages() for each in timings], strict=True)
        for stage, seconds in zip(metrics.stages.values(), by_stage, strict=True):
            stage.observe_many(seconds)
        metrics.count_predictions([record.classes for record in records])
