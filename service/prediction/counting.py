"""Counts and logs completed calls in batches, after their responses: that takes few operations for many calls."""

import logging
from collections import defaultdict, deque
from collections.abc import Sequence
from contextlib import suppress

from service.logs.access_log import AccessLog
from service.metrics.registry import Metrics
from service.prediction.calls import CallLabels, CallRecord

log = logging.getLogger("npserve")


class CallCounter:
    """The completed calls that are not counted yet. Thread-safe."""

    def __init__(self, metrics: Metrics, access_log: AccessLog) -> None:
        self._metrics, self._access_log = metrics, access_log
        self._records = deque[CallRecord]()

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: CallRecord) -> None:
        self._records.append(record)

    def count(self) -> None:
        """Write all pending counts to the metrics, where the next scrape finds them. Never raises."""
        try:
            self._count_all()
        except Exception:
            log.exception("responses could not be counted")

    def _count_all(self) -> None:
        groups: dict[CallLabels, list[CallRecord]] = defaultdict(list)
        with suppress(IndexError):  # another thread may count at the same time
            for _ in range(len(self._records)):
                record = self._records.popleft()
                groups[record.labels].append(record)
        for labels, records in groups.items():
            self._count(labels, records)
            if self._access_log.is_on:
                self._log(labels, records)

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

    def _log(self, labels: CallLabels, records: Sequence[CallRecord]) -> None:
        version = labels.endpoint.version if labels.endpoint else None
        name, number = (version.name, version.number) if version else (None, None)
        for record in records:
            seconds, rows = record.timings.ended - record.timings.began, len(record.classes) or None
            self._access_log.write(
                "POST", labels.template, labels.status, record.request_id, seconds, name, number, rows
            )
