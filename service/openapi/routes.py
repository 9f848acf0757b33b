"""The routes that are not predictions: a row for each in a table, with the JSON Schema of its response."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from service.protocols.json_schema import JsonSchema, record
from service.protocols.open_inference.codec import OpenInferenceCodec
from service.protocols.tensorflow.body import SERVING_DEFAULT
from service.protocols.tensorflow.codec import TensorFlowCodec


class ViewRoute(NamedTuple):
    """The purpose of a route, its JSON, the statuses of its errors, and the types of text that it also returns.

    The tag is the name of the codec that it belongs to, or SERVICE.
    """

    tag: str
    summary: str
    schema: JsonSchema | None
    statuses: Mapping[int, str] = {}
    texts: Sequence[str] = ()
    method: str = "GET"


STRING: JsonSchema = {"type": "string"}
WHOLE: JsonSchema = {"type": "integer"}
FLAG: JsonSchema = {"type": "boolean"}
ANY_OBJECT: JsonSchema = {"type": "object"}


def _or_null(schema: JsonSchema) -> JsonSchema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(items: JsonSchema) -> JsonSchema:
    return {"type": "array", "items": items}


def _map(values: JsonSchema) -> JsonSchema:
    return {"type": "object", "additionalProperties": values}


TASK_SCHEMA: JsonSchema = {"enum": ["classification", "regression"]}
FEATURE_SCHEMA = record(
    {
        "name": STRING,
        "kind": {"enum": ["number", "category", "boolean", "date"]},
        "missing": FLAG,
        "categories": _list(STRING),
    },
    "categories",
)
SUMMARY_SCHEMA = record(
    {
        "name": STRING,
        "stable": _or_null(WHOLE),
        "aliases": _map(WHOLE),
        "task": _or_null(TASK_SCHEMA),
        "metrics": _or_null(ANY_OBJECT),
        "url": STRING,
        "predict": STRING,
    }
)
VERSION_SCHEMA = record(
    {
        "name": STRING,
        "version": WHOLE,
        "task": TASK_SCHEMA,
        "features": _list(FEATURE_SCHEMA),
        "labels": _or_null(_list({})),
        "metrics": ANY_OBJECT,
        "sha256": STRING,
        "created": _or_null(STRING),
        "predict": STRING,
    }
)
MODEL_SCHEMA = record(
    {
        "name": STRING,
        "aliases": _map(WHOLE),
        "versions": _list(WHOLE),
        "missing": _map(STRING),
        "stable": _or_null(VERSION_SCHEMA),
    }
)
INDEX_SCHEMA = record(
    {
        "service": {"const": "npserve"},
        "status": {"const": "alive"},
        "ready": FLAG,
        "models": _list(SUMMARY_SCHEMA),
        "curl": _or_null(STRING),
    }
)
STATE_SCHEMA = record(
    {
        "version": STRING,
        "state": {"enum": ["AVAILABLE", "END"]},
        "status": record({"error_code": {"enum": ["OK", "UNAVAILABLE"]}, "error_message": STRING}),
    }
)
DIM_SCHEMA = record({"size": STRING, "name": STRING})
TENSOR_SCHEMA = record(
    {
        "dtype": {"enum": ["DT_FLOAT", "DT_BOOL", "DT_STRING"]},
        "tensor_shape": record({"dim": _list(DIM_SCHEMA), "unknown_rank": FLAG}),
        "name": STRING,
    }
)
SIGNATURE_SCHEMA = record(
    {
        "inputs": _map(TENSOR_SCHEMA),
        "outputs": _map(TENSOR_SCHEMA),
        "method_name": STRING,
        "defaults": ANY_OBJECT,
    }
)
METADATA_SCHEMA = record(
    {
        "model_spec": record({"name": STRING, "signature_name": STRING, "version": STRING}),
        "metadata": record({"signature_def": record({"signature_def": record({SERVING_DEFAULT: SIGNATURE_SCHEMA})})}),
    }
)
SERVER_SCHEMA = record({"name": {"const": "npserve"}, "version": STRING, "extensions": _list(STRING)})
V2_TENSOR_SCHEMA = record({"name": STRING, "datatype": STRING, "shape": _list(WHOLE)})
V2_METADATA_SCHEMA = record(
    {
        "name": STRING,
        "versions": _list(STRING),
        "platform": STRING,
        "inputs": _list(V2_TENSOR_SCHEMA),
        "outputs": _list(V2_TENSOR_SCHEMA),
    }
)
V2_READY_SCHEMA = record({"name": STRING, "ready": {"const": True}})
ENTRY_SCHEMA = record(
    {"name": STRING, "version": STRING, "state": {"enum": ["READY", "UNAVAILABLE"]}, "reason": STRING}
)

NOT_READY = {503: "It is not ready, and says why."}
UNKNOWN = {
    404: "There is no such model or version.",
    503: "The model is known, but nothing of it could be loaded (yet).",
}
V1_UNKNOWN = {400: "A word of the path can be none."} | UNKNOWN
NO_LABEL = {400: "There is no such label."} | UNKNOWN

READY_SCHEMA = record({"status": {"const": "ready"}})
STATES_SCHEMA = record({"model_version_status": _list(STATE_SCHEMA)})
MODEL_STATES_SCHEMA = record({"name": STRING, "ready": FLAG, "model_version_status": _list(STATE_SCHEMA)})
EXPOSITIONS = ("text/plain", "application/openmetrics-text")
NOT_AN_INDEX = {400: "The body is neither empty nor an object."}
LOAD_REFUSED = {400: "The store decides what is served.", 404: "No model can have that name."}
SERVICE, V1, V2 = "service", TensorFlowCodec.name, OpenInferenceCodec.name
VIEW_ROUTES = {
    "/": ViewRoute(
        SERVICE, "What is served, and a curl line that works; for browsers a page", INDEX_SCHEMA, {}, ("text/html",)
    ),
    "/models": ViewRoute(SERVICE, "Every model: aliases, task, metrics", record({"models": _list(SUMMARY_SCHEMA)})),
    "/models/<name>": ViewRoute(
        SERVICE, "One model: its versions, and what could not be loaded and why", MODEL_SCHEMA, UNKNOWN
    ),
    "/models/<name>/versions/<version>": ViewRoute(
        SERVICE, "One version: features, labels, metrics, digest", VERSION_SCHEMA, UNKNOWN
    ),
    "/docs": ViewRoute(SERVICE, "Every route, to read and to try", None, {}, ("text/html",)),
    "/openapi.json": ViewRoute(SERVICE, "The same for programs", ANY_OBJECT),
    "/metrics": ViewRoute(SERVICE, "Prometheus, all workers in one scrape", None, {}, EXPOSITIONS),
    "/livez": ViewRoute(SERVICE, "Whether the process answers", record({"status": {"const": "alive"}})),
    "/readyz": ViewRoute(SERVICE, "Whether a stable version answers", READY_SCHEMA, NOT_READY),
    "/ping": ViewRoute(SERVICE, "The same, by the name that SageMaker gives it", READY_SCHEMA, NOT_READY),
    "/v1/models": ViewRoute(V1, "The names of all models", record({"models": _list(STRING)})),
    "/v1/models/<name>": ViewRoute(
        V1, "Whether a model is ready, and the state of its versions", MODEL_STATES_SCHEMA, V1_UNKNOWN
    ),
    "/v1/models/<name>/versions/<version>": ViewRoute(V1, "The state of a version", STATES_SCHEMA, V1_UNKNOWN),
    "/v1/models/<name>/labels/<alias>": ViewRoute(V1, "The state of what a label names", STATES_SCHEMA, NO_LABEL),
    "/v1/models/<name>/metadata": ViewRoute(V1, "What a model takes and gives", METADATA_SCHEMA, V1_UNKNOWN),
    "/v1/models/<name>/versions/<version>/metadata": ViewRoute(
        V1, "What a version takes and gives", METADATA_SCHEMA, V1_UNKNOWN
    ),
    "/v1/models/<name>/labels/<alias>/metadata": ViewRoute(
        V1, "What it takes and gives, by label", METADATA_SCHEMA, NO_LABEL
    ),
    "/v2/": ViewRoute(V2, "What the server is, and which extensions of the protocol it has", SERVER_SCHEMA),
    "/v2/health/live": ViewRoute(V2, "Whether the process answers", record({"live": FLAG})),
    "/v2/health/ready": ViewRoute(
        V2, "Whether a stable version answers", record({"ready": FLAG, "live": FLAG}), NOT_READY
    ),
    "/v2/models": ViewRoute(V2, "The names of all models", record({"models": _list(STRING)})),
    "/v2/models/<name>": ViewRoute(V2, "What a model takes and gives, and its versions", V2_METADATA_SCHEMA, UNKNOWN),
    "/v2/models/<name>/versions/<version>": ViewRoute(
        V2, "What a version takes and gives", V2_METADATA_SCHEMA, UNKNOWN
    ),
    "/v2/models/<name>/ready": ViewRoute(V2, "Whether a model answers", V2_READY_SCHEMA, UNKNOWN),
    "/v2/models/<name>/versions/<version>/ready": ViewRoute(V2, "Whether a version answers", V2_READY_SCHEMA, UNKNOWN),
    "/v2/repository/index": ViewRoute(
        V2, "Every version and its state", _list(ENTRY_SCHEMA), NOT_AN_INDEX, method="POST"
    ),
    "/v2/repository/models/<name>/load": ViewRoute(V2, "Refused", None, LOAD_REFUSED, method="POST"),
    "/v2/repository/models/<name>/unload": ViewRoute(V2, "Refused", None, LOAD_REFUSED, method="POST"),
}
