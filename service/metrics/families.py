"""The metrics of the service: their names, labels and meaning.

Label values are bounded: route templates, served models and versions, fixed outcomes, and the first labels of a
classifier. No text that a client chooses becomes a label value.
"""

from dataclasses import dataclass

# A prediction takes tens of microseconds to a millisecond; the default buckets of prometheus_client begin at 5 ms.
REQUEST_BUCKETS = (5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
STAGE_BUCKETS = (5e-6, 1e-5, 2e-5, *REQUEST_BUCKETS[:-3])


Key = tuple[str, ...]  # of a series: the name of its family, then its label values
Group = tuple[str, str]  # what series are about: a version ("iris", "3"), a model ("iris", ""), or neither
NO_GROUP: Group = ("", "")


@dataclass(frozen=True)
class Family:
    """A metric. A series of it has one number, or the counts of a histogram's buckets and the sum.

    Processes are combined by the sum, or with `is_maximum` by the maximum. With `is_live`, a value is true only while
    its process lives.
    """

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    is_live: bool = False
    is_maximum: bool = False

    @property
    def length(self) -> int:
        """The numbers of a series: for a histogram its buckets, the one without a bound, and the sum."""
        return len(self.buckets) + 2 if self.buckets else 1


def _histogram(name: str, labels: tuple[str, ...], buckets: tuple[float, ...], text: str) -> Family:
    return Family(name, "histogram", text, labels, buckets)


def _counter(name: str, labels: tuple[str, ...], text: str) -> Family:
    return Family(name, "counter", text, labels)


_VERSION = ("model", "version")
REQUESTS = _histogram(
    "npserve_request_seconds",
    (*_VERSION, "protocol", "outcome"),
    REQUEST_BUCKETS,
    "Seconds from the last byte of the headers of a prediction request to its complete response.",
)
STAGES = _histogram(
    "npserve_stage_seconds",
    (*_VERSION, "stage"),
    STAGE_BUCKETS,
    "Seconds of a stage of a prediction: decode, queue, forward, encode.",
)
ROWS = _counter("npserve_rows_total", _VERSION, "Rows predicted.")
PREDICTED_LABELS = _counter("npserve_predictions_total", (*_VERSION, "label"), "Predictions by label.")
UNSEEN = _counter(
    "npserve_unseen_values_total", (*_VERSION, "column"), "Cells with a category that training has not seen."
)
REJECTED = _counter("npserve_rejected_inputs_total", ("model", "reason"), "Requests to a model that were rejected.")
LOADS = _counter("npserve_model_loads_total", ("model", "outcome"), "Attempts to load a version.")
HTTP_REQUESTS = _counter("npserve_http_requests_total", ("method", "route", "code"), "HTTP responses.")
IN_FLIGHT = Family("npserve_requests_in_flight", "gauge", "Prediction requests in progress.", is_live=True)
MODEL_INFO = Family(
    "npserve_model_info",
    "gauge",
    "1 for each served alias.",
    (*_VERSION, "alias", "sha256"),
    is_live=True,
    is_maximum=True,
)
LOADED_AT = Family(
    "npserve_model_loaded_timestamp_seconds", "gauge", "Last load of a version.", _VERSION, is_maximum=True
)
# Not shown: the time (monotonic) from which the series of a version or model that is not served any more are hidden.
HIDDEN_FROM = Family("npserve_hidden_from", "gauge", "", _VERSION, is_maximum=True)
FAMILIES = (
    REQUESTS,
    STAGES,
    ROWS,
    PREDICTED_LABELS,
    UNSEEN,
    REJECTED,
    LOADS,
    HTTP_REQUESTS,
    IN_FLIGHT,
    MODEL_INFO,
    LOADED_AT,
    HIDDEN_FROM,
)
FAMILIES_BY_NAME = {family.name: family for family in FAMILIES}


def group(key: Key) -> Group:
    """Return the version or model that a series is about."""
    labels = FAMILIES_BY_NAME[key[0]].labels
    if labels[:2] == _VERSION:
        return key[1], key[2]
    return (key[1], "") if labels[:1] == ("model",) else NO_GROUP
