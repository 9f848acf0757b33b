"""The routes that are not predictions: a row for each in a table, with the JSON Schema of its response."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from service.protocols.json_schema import JsonSchema, record
from service.protocols.open_inference.codec import OpenInferenceCodec
from service.protocols.tensorflow.body import SERVING_DEFAULT
from service.protocols.tensorflow.codec import TensorFlowCodec


class PageRoute(NamedTuple):
    """The purpose of a route, its JSON, the statuses of its errors, and the types of text that it also returns.

    The tag is the name of the codec that it belongs to, or SERVICE.
    """

    tag: str
    summary: str
    schema: JsonSchema | None
    statuses: Mapping[int, str] = {}
    texts: Sequence[str] = ()
    method: str = "GET"


TEXT: JsonSchema = {"type": "string"}
INTEGER: JsonSchema = {"type": "integer"}
BOOLEAN: JsonSchema = {"type": "boolean"}
OBJECT: JsonSchema = {"type": "object"}


def _or_null(schema: JsonSchema) -> JsonSchema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(items: JsonSchema) -> JsonSchema:
    return {"type": "array", "items": items}


def _map(values: JsonSchema) -> JsonSchema:
    return {"type": "object", "additionalProperties": values}


TASK_SCHEMA: JsonSchema = {"enum": ["classification", "regression"]}
FEATURE_SCHEMA = record(
    {
        "name": TEXT,
        "kind": {"enum": ["number", "category", "boolean", "date"]},
        "missing": BOOLEAN,
        "categories": _list(TEXT),
    },
    "categories",
)
SUMMARY_SCHEMA = record(
    {
        "name": TEXT,
        "stable": _or_null(INTEGER),
        "aliases": _map(INTEGER),
        "task": _or_null(TASK_SCHEMA),
        "metrics": _or_null(OBJECT),
        "url": TEXT,
        "predict": TEXT,
    }
)
VERSION_SCHEMA = record(
    {
        "name": TEXT,
        "version": INTEGER,
        "task": TASK_SCHEMA,
        "features": _list(FEATURE_SCHEMA),
        "labels": _or_null(_list({})),
        "metrics": OBJECT,
        "sha256": TEXT,
        "created": _or_null(TEXT),
        "predict": TEXT,
    }
)
MODEL_SCHEMA = record(
    {
        "name": TEXT,
        "aliases": _map(INTEGER),
        "versions": _list(INTEGER),
        "missing": _map(TEXT),
        "stable": _or_null(VERSION_SCHEMA),
    }
)
INDEX_SCHEMA = record(
    {
        "service": {"const": "npserve"},
        "status": {"const": "alive"},
        "ready": BOOLEAN,
        "models": _list(SUMMARY_SCHEMA),
        "curl": _or_null(TEXT),
    }
)
STATE_SCHEMA = record(
    {
        "version": TEXT,
        "state": {"enum": ["AVAILABLE", "END"]},
        "status": record({"error_code": {"enum": ["OK", "UNAVAILABLE"]}, "error_message": TEXT}),
    }
)
DIM_SCHEMA = record({"size": TEXT, "name": TEXT})
TENSOR_SCHEMA = record(
    {
        "dtype": {"enum": ["DT_FLOAT", "DT_BOOL", "DT_STRING"]},
        "tensor_shape": record({"dim": _list(DIM_SCHEMA), "unknown_rank": BOOLEAN}),
        "name": TEXT,
    }
)
SIGNATURE_SCHEMA = record(
    {"inputs": _map(TENSOR_SCHEMA), "outputs": _map(TENSOR_SCHEMA), "method_name": TEXT, "defaults": OBJECT}
)
METADATA_SCHEMA = record(
    {
        "model_spec": record({"name": TEXT, "signature_name": TEXT, "version": TEXT}),
        "metadata": record({"signature_def": record({"signature_def": record({SERVING_DEFAULT: SIGNATURE_SCHEMA})})}),
    }
)
SERVER_SCHEMA = record({"name": {"const": "npserve"}, "version": TEXT, "extensions": _list(TEXT)})
V2_TENSOR_SCHEMA = record({"name": TEXT, "datatype": TEXT, "shape": _list(INTEGER)})
V2_METADATA_SCHEMA = record(
    {
        "name": TEXT,
        "versions": _list(TEXT),
        "platform": TEXT,
        "inputs": _list(V2_TENSOR_SCHEMA),
        "outputs": _list(V2_TENSOR_SCHEMA),
    }
)
V2_READY_SCHEMA = record({"name": TEXT, "ready": {"const": True}})
ENTRY_SCHEMA = record({"name": TEXT, "version": TEXT, "state": {"enum": ["READY", "UNAVAILABLE"]}, "reason": TEXT})

NOT_READY = {503: "It is not ready, and says why."}
UNKNOWN = {
    404: "There is no such model or version.",
    503: "The model is known, but nothing of it could be loaded (yet).",
}
V1_UNKNOWN = {400: "A word of the path can be none."} | UNKNOWN
NO_LABEL = {400: "There is no such label."} | UNKNOWN

READY_SCHEMA = record({"status": {"const": "ready"}})
STATES_SCHEMA = record({"model_version_status": _list(STATE_SCHEMA)})
MODEL_STATES_SCHEMA = record({"name": TEXT, "ready": BOOLEAN, "model_version_status": _list(STATE_SCHEMA)})
EXPOSITIONS = ("text/plain", "application/openmetrics-text")
NOT_AN_INDEX = {400: "The body is neither empty nor an object."}
LOAD_REFUSED = {400: "The store decides what is served.", 404: "No model can have that name."}
SERVICE, V1, V2 = "service", TensorFlowCodec.name, OpenInferenceCodec.name
PAGES = {
    "/": PageRoute(
        SERVICE, "What is served, and a curl line that works; for browsers a page", INDEX_SCHEMA, {}, ("text/html",)
    ),
    "/models": PageRoute(SERVICE, "Every model: aliases, task, metrics", record({"models": _list(SUMMARY_SCHEMA)})),
    "/models/<name>": PageRoute(
        SERVICE, "One model: its versions, and what could not be loaded and why", MODEL_SCHEMA, UNKNOWN
    ),
    "/models/<name>/versions/<version>": PageRoute(
        SERVICE, "One version: features, labels, metrics, digest", VERSION_SCHEMA, UNKNOWN
    ),
    "/docs": PageRoute(SERVICE, "Every route, to read and to try", None, {}, ("text/html",)),
    "/openapi.json": PageRoute(SERVICE, "The same for programs", OBJECT),
    "/metrics": PageRoute(SERVICE, "Prometheus, all workers in one scrape", None, {}, EXPOSITIONS),
    "/livez": PageRoute(SERVICE, "Whether the process answers", record({"status": {"const": "alive"}})),
    "/readyz": PageRoute(SERVICE, "Whether a stable version answers", READY_SCHEMA, NOT_READY),
    "/ping": PageRoute(SERVICE, "The same, by the name that SageMaker gives it", READY_SCHEMA, NOT_READY),
    "/v1/models": PageRoute(V1, "The names of all models", record({"models": _list(TEXT)})),
    "/v1/models/<name>": PageRoute(
        V1, "Whether a model is ready, and the state of its versions", MODEL_STATES_SCHEMA, V1_UNKNOWN
    ),
    "/v1/models/<name>/versions/<version>": PageRoute(V1, "The state of a version", STATES_SCHEMA, V1_UNKNOWN),
    "/v1/models/<name>/labels/<alias>": PageRoute(V1, "The state of what a label names", STATES_SCHEMA, NO_LABEL),
    "/v1/models/<name>/metadata": PageRoute(V1, "What a model takes and gives", METADATA_SCHEMA, V1_UNKNOWN),
    "/v1/models/<name>/versions/<version>/metadata": PageRoute(
        V1, "What a version takes and gives", METADATA_SCHEMA, V1_UNKNOWN
    ),
    "/v1/models/<name>/labels/<alias>/metadata": PageRoute(
        V1, "What it takes and gives, by label", METADATA_SCHEMA, NO_LABEL
    ),
    "/v2/": PageRoute(V2, "What the server is, and which extensions of the protocol it has", SERVER_SCHEMA),
    "/v2/health/live": PageRoute(V2, "Whether the process answers", record({"live": BOOLEAN})),
    "/v2/health/ready": PageRoute(
        V2, "Whether a stable version answers", record({"ready": BOOLEAN, "live": BOOLEAN}), NOT_READY
    ),
    "/v2/models": PageRoute(V2, "The names of all models", record({"models": _list(TEXT)})),
    "/v2/models/<name>": PageRoute(V2, "What a model takes and gives, and its versions", V2_METADATA_SCHEMA, UNKNOWN),
    "/v2/models/<name>/versions/<version>": PageRoute(
        V2, "What a version takes and gives", V2_METADATA_SCHEMA, UNKNOWN
    ),
    "/v2/models/<name>/ready": PageRoute(V2, "Whether a model answers", V2_READY_SCHEMA, UNKNOWN),
    "/v2/models/<name>/versions/<version>/ready": PageRoute(V2, "Whether a version answers", V2_READY_SCHEMA, UNKNOWN),
    "/v2/repository/index": PageRoute(
        V2, "Every version and its state", _list(ENTRY_SCHEMA), NOT_AN_INDEX, method="POST"
    ),
    "/v2/repository/models/<name>/load": PageRoute(V2, "Refused", None, LOAD_REFUSED, method="POST"),
    "/v2/repository/models/<name>/unload": PageRoute(V2, "Refused", None, LOAD_REFUSED, method="POST"),
}
