"""The exposition: the series of all processes, combined, in the formats of Prometheus."""

import math
import os
import platform
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product

import numpy as np
import orjson
from prometheus_client import ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from npserve import __version__
from service.metrics.families import (
    FAMILIES,
    FAMILIES_BY_NAME,
    HIDDEN_FROM,
    MODEL_INFO,
    REQUESTS,
    Family,
    Group,
    Key,
    group,
)
from service.metrics.memory import SlotImage, Values
from service.metrics.series import entries

# Counted from 0 for each served version: Prometheus sees no increase in a series that begins with 1.
ALARMING_OUTCOMES = ("error", "shed")
REVISION_VARIABLE = "NPSERVE_REVISION"  # set by the Dockerfile

# prometheus_client does not validate the version in an Accept header, and repeats it in the Content-Type.
_ODD_VERSION = re.compile(r"version=(?!\d{1,3}(\.\d{1,3})*\s*([,;]|$))", re.ASCII)


def expose(source: Collector, accept: str) -> tuple[bytes, str]:
    """Return the exposition of the metrics and its content type, for an Accept header."""
    encode, content_type = choose_encoder("" if _ODD_VERSION.search(accept) else accept)
    return encode(source), content_type


class AllProcesses(Collector):
    """The metrics of all processes. The one that scrapes `is_private` if it has no slot."""

    def __init__(self, images: Sequence[SlotImage], protocols: Sequence[str], *, is_private: bool = False) -> None:
        self._images, self._protocols, self._is_private = images, protocols, is_private

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the service, then those of its processes."""
        combined = combine(self._images)
        metrics = {
            family.name: Metric(family.name.removesuffix("_total"), family.help, family.kind)
            for family in FAMILIES
            if family is not HIDDEN_FROM
        }
        for key in sorted(combined):
            _add_samples(metrics[key[0]], FAMILIES_BY_NAME[key[0]], key[1:], combined[key])
        yield from metrics.values()
        yield _requests(combined, self._protocols)
        lost = self._is_private + sum(image.is_taken and image.is_incomplete for image in self._images)
        yield GaugeMetricFamily("npserve_metrics_lost", "Processes that cannot count everything.", lost)
        yield _build_info()
        yield from _processes(self._images)


def combine(images: Sequence[SlotImage]) -> dict[Key, Values]:
    """Return the series of all processes by key, combined, without those that are hidden.

    The dead neither hide nor remove series: theirs count only for the models and versions that a living process shows.
    """
    parsed: dict[bytes, Key] = {}
    processes = [(_read(image, parsed), image.is_taken) for image in images]
    shown = _shown([series for series, is_living in processes if is_living], time.monotonic())
    combined: dict[Key, Values] = {}
    for series, is_living in processes:
        for key, values in series.items():
            family = FAMILIES_BY_NAME[key[0]]
            if group(key) not in shown or family is HIDDEN_FROM or (family.is_live and not is_living):
                continue
            if key not in combined:
                combined[key] = values.copy()
            elif family.is_maximum:
                np.maximum(combined[key], values, out=combined[key])
            else:
                combined[key] += values
    return combined


def _read(image: SlotImage, parsed: dict[bytes, Key]) -> dict[Key, Values]:
    series = {}
    for entry in entries(image.content):
        if entry.key:
            key = parsed.get(entry.key) or parsed.setdefault(entry.key, tuple(orjson.loads(entry.key)))
            series[key] = np.frombuffer(image.content, np.float64, FAMILIES_BY_NAME[key[0]].length, entry.values_at)
    return series


def _shown(living: Iterable[Mapping[Key, Values]], now: float) -> set[Group]:
    """Return the models and versions that are shown: those that one process still serves, or none hides yet."""
    times: dict[Group, list[float]] = defaultdict(list)
    for series in living:
        for about, at in (dict.fromkeys(map(group, series), math.inf) | _marks(series)).items():
            times[about].append(at)
    return {about for about, found in times.items() if max(found) == math.inf or min(found) > now}


def _marks(series: Mapping[Key, Values]) -> dict[Group, float]:
    return {group(key): float(values[0]) for key, values in series.items() if key[0] == HIDDEN_FROM.name and values[0]}


def find_marks(images: Iterable[SlotImage]) -> dict[Group, float]:
    """Return the earliest time from which a living process hides a model or version."""
    earliest: dict[Group, float] = {}
    for image in images:
        if image.is_taken:
            for about, at in _marks(_read(image, {})).items():
                earliest[about] = min(at, earliest.get(about, at))
    return earliest


def _add_samples(metric: Metric, family: Family, labels: Sequence[str], values: Values) -> None:
    named = dict(zip(family.labels, labels, strict=True))
    if not family.buckets:
        metric.add_sample(family.name, named, float(values[0]))
        return
    counts = np.cumsum(values[:-1]).tolist()
    for bound, count in zip((*family.buckets, math.inf), counts, strict=True):
        metric.add_sample(f"{family.name}_bucket", {**named, "le": floatToGoString(bound)}, count)
    metric.add_sample(f"{family.name}_count", named, counts[-1])
    metric.add_sample(f"{family.name}_sum", named, float(values[-1]))


def _requests(combined: Mapping[Key, Values], protocols: Iterable[str]) -> Metric:
    """Return the number of requests by outcome; those of ALARMING_OUTCOMES from the start."""
    counts = {key[1:]: float(values[:-1].sum()) for key, values in combined.items() if key[0] == REQUESTS.name}
    versions = {key[1:3] for key in combined if key[0] == MODEL_INFO.name}
    for version, protocol, outcome in product(versions, protocols, ALARMING_OUTCOMES):
        counts.setdefault((*version, protocol, outcome), 0.0)
    metric = Metric("npserve_requests", "Prediction requests.", "counter")
    for labels in sorted(counts):
        metric.add_sample("npserve_requests_total", dict(zip(REQUESTS.labels, labels, strict=True)), counts[labels])
    return metric


def _build_info() -> Metric:
    metric = GaugeMetricFamily(
        "npserve_build_info", "1; the labels are versions.", labels=["version", "revision", "python", "numpy"]
    )
    revision = os.environ.get(REVISION_VARIABLE, "")
    metric.add_metric([__version__, revision, platform.python_version(), np.__version__], 1)
    return metric


def _processes(images: Sequence[SlotImage]) -> Iterator[Metric]:
    """Yield memory, processor time, open files and start time of the living processes."""
    metrics: dict[str, Metric] = {}
    for image in images:
        if not image.is_taken:
            continue
        for metric in ProcessCollector(pid=partial(int, image.process), registry=None).collect():
            for sample in metric.samples:
                shown = metrics.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                shown.add_sample(sample.name, {"worker": str(image.number)}, sample.value)
    yield from metrics.values()
