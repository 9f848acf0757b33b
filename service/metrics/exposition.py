"""The exposition: the series of all processes, combined, in the formats of Prometheus."""

import os
import platform
import re
from collections.abc import Container, Iterator, Sequence
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
from service.metrics.families import FAMILIES, FAMILIES_BY_NAME, MODEL_INFO, REQUESTS, Family, Group, Key, group
from service.metrics.memory import SlotImage, Values
from service.metrics.series import entries

# Of each served version, present before they first occur: Prometheus sees no increase in a series that begins with 1.
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
        for key in [key for key in combined if key[0] == MODEL_INFO.name]:
            for protocol, outcome in product(self._protocols, ALARMING_OUTCOMES):
                combined.setdefault((REQUESTS.name, *key[1:3], protocol, outcome), np.zeros(REQUESTS.length))
        metrics = {
            family.name: Metric(family.name.removesuffix("_total"), family.help, family.kind) for family in FAMILIES
        }
        for key in sorted(combined):
            _add_samples(metrics[key[0]], FAMILIES_BY_NAME[key[0]], key[1:], combined[key])
        yield from metrics.values()
        yield _build_info()
        lost = self._is_private + sum(image.is_taken and image.is_incomplete for image in self._images)
        yield GaugeMetricFamily("npserve_metrics_lost", "Processes that cannot count everything.", lost)
        yield from _processes(self._images)


@np.errstate(all="ignore")  # damaged numbers
def combine(images: Sequence[SlotImage]) -> dict[Key, Values]:
    """Return the series of all processes by key, combined.

    The dead cannot remove series: theirs count only for models and versions that a living process knows.
    """
    combined: dict[Key, Values] = {}
    parsed: dict[bytes, Key] = {}
    for image in images:
        if image.is_taken:
            _add_image(image, parsed, combined)
    known = {group(key) for key in combined}
    for image in images:
        if not image.is_taken:
            _add_image(image, parsed, combined, known)
    return combined


def _add_image(
    image: SlotImage, parsed: dict[bytes, Key], combined: dict[Key, Values], known: Container[Group] | None = None
) -> None:
    """Add the series of a process; those of a dead one if they are `known` and do not end with it."""
    for entry in entries(image.content):
        if not entry.key:
            continue
        key = parsed.get(entry.key) or parsed.setdefault(entry.key, tuple(orjson.loads(entry.key)))
        family = FAMILIES_BY_NAME.get(key[0])
        if family is None or entry.length < family.length:  # of another version of this program, during an upgrade
            continue
        if known is not None and (family.is_live or group(key) not in known):
            continue
        values = np.frombuffer(image.content, np.float64, family.length, entry.values_at)
        if key in combined:
            (np.maximum if family.is_maximum else np.add)(combined[key], values, out=combined[key])
        else:
            combined[key] = values.copy()


def _add_samples(metric: Metric, family: Family, labels: Sequence[str], values: Values) -> None:
    named = dict(zip(family.labels, labels, strict=True))
    if not family.buckets:
        metric.add_sample(family.name, named, float(values[0]))
        return
    *counts, total = np.cumsum(values[:-1]).tolist()
    # While nothing is counted, one bucket is enough.
    for bound, count in zip(family.buckets, counts if total else (), strict=False):
        metric.add_sample(f"{family.name}_bucket", {**named, "le": floatToGoString(bound)}, count)
    metric.add_sample(f"{family.name}_bucket", {**named, "le": "+Inf"}, total)
    metric.add_sample(f"{family.name}_count", named, total)
    metric.add_sample(f"{family.name}_sum", named, float(values[-1]))


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
