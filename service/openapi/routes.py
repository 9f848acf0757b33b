"""What the pages answer, everything that is no prediction: a row for each in a table."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from service.protocols.json_schema import JsonSchema, record
from service.protocols.open_inference.codec import Inference
from service.protocols.tensorflow.body import SERVING_DEFAULT
from service.protocols.tensorflow.codec import TensorFlow


class Page(NamedTuple):
    """What a page is for, the JSON that it answers, the statuses with which it refuses, and text that it answers too.

    The tag is the name of the codec that it belongs to, or SERVICE.
    """

    tag: str
    summary: str
    schema: JsonSchema | None
    statuses: Mapping[int, str] = {}
    texts: Sequence[str] = ()
    method: str = "GET"


TEXT: JsonSchema = {"type": "string"}
WHOLE: JsonSchema = {"type": "integer"}
TRUTH: JsonSchema = {"type": "boolean"}
OBJECT: JsonSchema = {"type": "object"}


def _or_null(schema: JsonSchema) -> JsonSchema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(items: JsonSchema) -> JsonSchema:
    return {"type": "array", "items": items}


def _map(values: JsonSchema) -> JsonSchema:
    return {"type": "object", "additionalProperties": values}


TASK: JsonSchema = {"enum": ["classification", "regression"]}
FEATURE = record(
    {
        "name": TEXT,
        "kind": {"enum": ["number", "category", "boolean", "date"]},
        "missing": TRUTH,
        "categories": _list(TEXT),
    },
    "categories",
)
SUMMARY = record(
    {
        "name": TEXT,
        "stable": _or_null(WHOLE),
        "aliases": _map(WHOLE),
        "task": _or_null(TASK),
        "metrics": _or_null(OBJECT),
        "url": TEXT,
        "predict": TEXT,
    }
)
VERSION = record(
    {
        "name": TEXT,
        "version": WHOLE,
        "task": TASK,
        "features": _list(FEATURE),
        "labels": _or_null(_list({})),
        "metrics": OBJECT,
        "sha256": TEXT,
        "created": _or_null(TEXT),
        "predict": TEXT,
    }
)
MODEL = record(
    {
        "name": TEXT,
        "aliases": _map(WHOLE),
        "versions": _list(WHOLE),
        "missing": _map(TEXT),
        "stable": _or_null(VERSION),
    }
)
INDEX = record(
    {
        "service": {"const": "npserve"},
        "status": {"const": "alive"},
        "ready": TRUTH,
        "models": _list(SUMMARY),
        "curl": _or_null(TEXT),
    }
)
STATE = record(
    {
        "version": TEXT,
        "state": {"enum": ["AVAILABLE", "END"]},
        "status": record({"error_code": {"enum": ["OK", "UNAVAILABLE"]}, "error_message": TEXT}),
    }
)
DIM = record({"size": TEXT, "name": TEXT})
TENSOR = record(
    {
        "dtype": {"enum": ["DT_FLOAT", "DT_BOOL", "DT_STRING"]},
        "tensor_shape": record({"dim": _list(DIM), "unknown_rank": TRUTH}),
        "name": TEXT,
    }
)
SIGNATURE = record({"inputs": _map(TENSOR), "outputs": _map(TENSOR), "method_name": TEXT, "defaults": OBJECT})
METADATA = record(
    {
        "model_spec": record({"name": TEXT, "signature_name": TEXT, "version": TEXT}),
        "metadata": record({"signature_def": record({"signature_def": record({SERVING_DEFAULT: SIGNATURE})})}),
    }
)
SERVER = record({"name": {"const": "npserve"}, "version": TEXT, "extensions": _list(TEXT)})
V2_TENSOR = record({"name": TEXT, "datatype": TEXT, "shape": _list(WHOLE)})
V2_METADATA = record(
    {"name": TEXT, "versions": _list(TEXT), "platform": TEXT, "inputs": _list(V2_TENSOR), "outputs": _list(V2_TENSOR)}
)
V2_READY = record({"name": TEXT, "ready": {"const": True}})
ENTRY = record({"name": TEXT, "version": TEXT, "state": {"enum": ["READY", "UNAVAILABLE"]}, "reason": TEXT})

NOT_READY = {503: "It is not ready, and says why."}
UNKNOWN = {
    404: "There is no such model or version.",
    503: "The model is known, but nothing of it could be loaded (yet).",
}
V1_UNKNOWN = {400: "A word of the path can be none."} | UNKNOWN
NO_LABEL = {400: "There is no such label."} | UNKNOWN

READY = record({"status": {"const": "ready"}})
STATES = record({"model_version_status": _list(STATE)})
MODEL_STATES = record({"name": TEXT, "ready": TRUTH, "model_version_status": _list(STATE)})
EXPOSITIONS = ("text/plain", "application/openmetrics-text")
NOT_AN_INDEX = {400: "The body is neither empty nor an object."}
NOT_HERE = {400: "The store decides what is served.", 404: "No model can have that name."}
SERVICE, V1, V2 = "service", TensorFlow.name, Inference.name
PAGES = {
    "/": Page(SERVICE, "What is served, and a curl line that works; for browsers a page", INDEX, {}, ("text/html",)),
    "/models": Page(SERVICE, "Every model: aliases, task, metrics", record({"models": _list(SUMMARY)})),
    "/models/<name>": Page(SERVICE, "One model: its versions, and what could not be loaded and why", MODEL, UNKNOWN),
    "/models/<name>/versions/<version>": Page(
        SERVICE, "One version: features, labels, metrics, digest", VERSION, UNKNOWN
    ),
    "/docs": Page(SERVICE, "Every route, to read and to try", None, {}, ("text/html",)),
    "/openapi.json": Page(SERVICE, "The same for programs", OBJECT),
    "/metrics": Page(SERVICE, "Prometheus, all workers in one scrape", None, {}, EXPOSITIONS),
    "/livez": Page(SERVICE, "Whether the process answers", record({"status": {"const": "alive"}})),
    "/readyz": Page(SERVICE, "Whether a stable version answers", READY, NOT_READY),
    "/ping": Page(SERVICE, "The same, by the name that SageMaker gives it", READY, NOT_READY),
    "/v1/models": Page(V1, "The names of all models", record({"models": _list(TEXT)})),
    "/v1/models/<name>": Page(V1, "Whether a model is ready, and the state of its versions", MODEL_STATES, V1_UNKNOWN),
    "/v1/models/<name>/versions/<version>": Page(V1, "The state of a version", STATES, V1_UNKNOWN),
    "/v1/models/<name>/labels/<alias>": Page(V1, "The state of what a label names", STATES, NO_LABEL),
    "/v1/models/<name>/metadata": Page(V1, "What a model takes and gives", METADATA, V1_UNKNOWN),
    "/v1/models/<name>/versions/<version>/metadata": Page(V1, "What a version takes and gives", METADATA, V1_UNKNOWN),
    "/v1/models/<name>/labels/<alias>/metadata": Page(V1, "What it takes and gives, by label", METADATA, NO_LABEL),
    "/v2/": Page(V2, "What the server is, and which extensions of the protocol it has", SERVER),
    "/v2/health/live": Page(V2, "Whether the process answers", record({"live": TRUTH})),
    "/v2/health/ready": Page(
        V2, "Whether a stable version answers", record({"ready": TRUTH, "live": TRUTH}), NOT_READY
    ),
    "/v2/models": Page(V2, "The names of all models", record({"models": _list(TEXT)})),
    "/v2/models/<name>": Page(V2, "What a model takes and gives, and its versions", V2_METADATA, UNKNOWN),
    "/v2/models/<name>/versions/<version>": Page(V2, "What a version takes and gives", V2_METADATA, UNKNOWN),
    "/v2/models/<name>/ready": Page(V2, "Whether a model answers", V2_READY, UNKNOWN),
    "/v2/models/<name>/versions/<version>/ready": Page(V2, "Whether a version answers", V2_READY, UNKNOWN),
    "/v2/repository/index": Page(V2, "Every version and its state", _list(ENTRY), NOT_AN_INDEX, method="POST"),
    "/v2/repository/models/<name>/load": Page(V2, "Refused", None, NOT_HERE, method="POST"),
    "/v2/repository/models/<name>/unload": Page(V2, "Refused", None, NOT_HERE, method="POST"),
}
