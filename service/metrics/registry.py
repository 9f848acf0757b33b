"""Counts what happens in this process, and shows the counts of all processes to Prometheus."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt

from nn.features import Codes
from service.metrics.exposition import AllProcesses, expose, find_marks
from service.metrics.families import (
    HIDDEN_FROM,
    HTTP_REQUESTS,
    IN_FLIGHT,
    LOADED_AT,
    LOADS,
    MODEL_INFO,
    NO_GROUP,
    PREDICTED_LABELS,
    REJECTED,
    REQUESTS,
    ROWS,
    STAGES,
    UNSEEN,
    Family,
    Group,
    group,
)
from service.metrics.memory import READY, SharedMemory, SlotImage, Words
from service.metrics.series import Series, SeriesTable
from store import Version

MAX_LABEL_VALUES = 50
OTHER = "other"
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
UNMATCHED = "unmatched"
STAGE_NAMES = ("decode", "queue", "forward", "encode")
# The series of a version that is not served any more are shown for several scrapes, but not of ever more versions.
RETIRED_SECONDS = 300
MAX_VERSIONS = 20  # of a model
HIDDEN_SECONDS = 60  # until all workers hide them


class Metrics:
    """The metrics of one process. `render` shows those of all processes."""

    def __init__(self, protocols: Sequence[str] = ()) -> None:
        self._protocols = protocols
        self._memory = SharedMemory.find()
        self._series = SeriesTable(self._memory)
        self.in_flight = self.find(IN_FLIGHT)
        self._infos: set[tuple[str, ...]] = set()
        self._served: set[Group] = {NO_GROUP}
        if left := self._series.groups(without=self._served):  # what others hide, they must not show again
            known = find_marks(self._images())
            for each in left & known.keys():
                self.find(HIDDEN_FROM, *each).set(known[each])

    @property
    def record(self) -> Words | None:
        """What other processes know of this one, if they can."""
        return self._series.record

    def records_of_others(self) -> list[Words]:
        """Return the records of the other processes of this server that live."""
        return self._memory.records_of_others() if self._memory else []

    def show_ready(self, models: int) -> None:
        """Let the other processes know how many models this one serves."""
        if self.record is not None:
            self.record[READY] = models

    def find(self, family: Family, *labels: str) -> Series:
        """Return a series of this process."""
        return self._series.find(family, *labels)

    def count_http(self, method: str, route: str | None, status: int, count: int = 1) -> None:
        """Count responses. `route` is the template that the path matched, or None."""
        labels = method if method in METHODS else OTHER, route or UNMATCHED, str(status)
        self.find(HTTP_REQUESTS, *labels).add(count)

    def count_rejected(self, model: str, reason: str, count: int) -> None:
        self.find(REJECTED, model, reason).add(count)

    def count_load(self, model: str, outcome: str) -> None:
        self.find(LOADS, model, outcome).add(1)

    def show_served(self, models: Iterable[str], served: Iterable[tuple[Version, str]]) -> None:
        """Set the known models, and the served versions with their aliases."""
        infos: set[tuple[str, ...]] = {(v.name, str(v.number), alias, v.sha256) for v, alias in served}
        self._series.remove((MODEL_INFO.name, *labels) for labels in self._infos - infos)
        for added in infos - self._infos:
            self.find(MODEL_INFO, *added).set(1)
        versions: set[Group] = {(name, number) for name, number, *_ in infos}
        for version in versions - self._served:
            self.find(LOADED_AT, *version).set(time.time())
        self._infos, self._served = infos, versions | {(name, "") for name in models} | {NO_GROUP}
        self._series.remove((HIDDEN_FROM.name, *each) for each in self._served)

    def forget_retired(self) -> None:
        """Hide the series of versions and models that are not served any more after a while, and remove them later.

        The workers do this at different times. So each says when its series are hidden, the earliest time counts, and
        only then are they removed; otherwise a sum would decrease when the first worker removes them.
        """
        now = time.monotonic()
        marks = [self.find(HIDDEN_FROM, *each) for each in self._series.groups(without=self._served)]
        if not marks:
            return
        if new := [mark for mark in marks if not mark.values[0]]:
            known = find_marks(self._images())
            for mark in new:
                mark.set(known.get(group(mark.key), now + RETIRED_SECONDS))
        versions = Counter(name for name, number in self._served if number)
        removed = set[Group]()
        for mark in sorted(marks, key=lambda mark: mark.values[0], reverse=True):  # the latest first
            _, name, number = mark.key
            versions[name] += bool(number)
            if versions[name] > MAX_VERSIONS and mark.values[0] > now:
                mark.set(now)
            if now > mark.values[0] + HIDDEN_SECONDS or versions[name] > 2 * MAX_VERSIONS:
                removed.add((name, number))
        if removed:
            self._series.remove_groups(removed)

    def _images(self) -> list[SlotImage]:
        return list(self._memory.images()) if self._memory else []

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return the exposition of all processes and its content type, for an Accept header."""
        return expose(AllProcesses(self._images(), self._protocols, is_private=self._series.is_private), accept)


class VersionMetrics:
    """The metrics of one version with their labels bound, so that a request needs no lookup."""

    def __init__(self, metrics: Metrics, version: Version) -> None:
        def find(family: Family, *labels: str) -> Series:
            return metrics.find(family, version.name, str(version.number), *labels)

        self._find, self.rows = find, find(ROWS)
        self.requests = cache(lambda protocol, outcome: find(REQUESTS, protocol, outcome))
        model = version.artifact.model
        self._labels = [_label_text(label) if i < MAX_LABEL_VALUES else OTHER for i, label in enumerate(model.labels)]
        self._features = model.features
        names = model.features.category_names
        self._columns = [_label_text(name) if i < MAX_LABEL_VALUES else OTHER for i, name in enumerate(names)]

    # A series is created on first use: there are many, and most versions are never used.
    @cached_property
    def stages(self) -> list[Series]:
        return [self._find(STAGES, stage) for stage in STAGE_NAMES]

    @property
    def has_categories(self) -> bool:
        return bool(self._columns)

    def count_unseen(self, parts: Sequence[Codes]) -> None:
        """Count the cells in several batches of codes (B, K) with a category that training has not seen."""
        counts = self._features.count_unseen(np.concatenate(parts)).tolist()
        for label, count in zip(self._columns, counts, strict=True):
            if count:
                self._find(UNSEEN, label).add(count)

    def count_predictions(self, parts: Sequence[npt.NDArray[np.intp]]) -> None:
        """Count the predicted classes of several batches (B,)."""
        self.rows.add(sum(map(len, parts)))
        if self._labels:
            for label, count in zip(self._labels, np.bincount(np.concatenate(parts)).tolist(), strict=False):
                if count:
                    self._find(PREDICTED_LABELS, label).add(count)


def _label_text(label: object) -> str:
    text = str(label).lower() if isinstance(label, bool) else str(label)
    return text.encode(errors="replace").decode()  # JSON may have a lone surrogate, which UTF-8 cannot encode
