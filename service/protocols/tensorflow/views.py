"""The read-only routes of TensorFlow Serving under /v1: model status and metadata, including KServe V1's fields."""

from typing import Any

import orjson
from flask import Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import MethodNotAllowed

from nn import Model
from service.errors import NotFound
from service.prediction.catalogue import Catalogue
from service.protocols.json_schema import OBJECT, STRING, TRUTH, array, mapping, record
from service.protocols.tensorflow.body import INPUT_KEY
from service.protocols.tensorflow.codec import SERVING_DEFAULT, TensorFlowCodec
from service.views import UNKNOWN, Service, Views

DTYPES = {"number": "DT_FLOAT", "boolean": "DT_BOOL", "category": "DT_STRING", "date": "DT_STRING"}

_STATUS = record(error_code={"enum": ["OK", "UNAVAILABLE"]}, error_message=STRING)
_STATES = array(record(version=STRING, state={"enum": ["AVAILABLE", "END"]}, status=_STATUS))
_VERSION_STATES = record(model_version_status=_STATES)
_SHAPE = record(dim=array(record(size=STRING, name=STRING)), unknown_rank=TRUTH)
_TENSORS = mapping(record(dtype={"enum": ["DT_FLOAT", "DT_BOOL", "DT_STRING"]}, tensor_shape=_SHAPE, name=STRING))
_SIGNATURE = record(inputs=_TENSORS, outputs=_TENSORS, method_name=STRING, defaults=OBJECT)
_METADATA = record(
    model_spec=record(name=STRING, signature_name=STRING, version=STRING),
    metadata=record(signature_def=record(signature_def=record(**{SERVING_DEFAULT: _SIGNATURE}))),
)
_MALFORMED = {400: "The path is malformed."} | UNKNOWN
_UNKNOWN_LABEL = {400: "The label is unknown, or the path is malformed."} | UNKNOWN

views = Views(TensorFlowCodec)


@views.route("/v1/models", "List the names of all models", record(models=array(STRING)))
def _models(service: Service) -> ResponseReturnValue:
    return {"models": [*service.catalogue.models]}


@views.route(
    "/v1/models/<name>",
    "Get the readiness of a model and the state of its versions",
    record(name=STRING, ready=TRUTH, model_version_status=_STATES),
    _MALFORMED,
)
def _model(service: Service, name: str) -> ResponseReturnValue:
    catalogue = service.catalogue
    states = _version_states(catalogue, name)
    ready = catalogue.models[name].stable is not None
    return {"name": name, "ready": ready, "model_version_status": [*states.values()]}


@views.route(
    "/v1/models/<name>/labels/<alias>",
    "Get the state of the version that a label names",
    _VERSION_STATES,
    _UNKNOWN_LABEL,
)
@views.route("/v1/models/<name>/versions/<version>", "Get the state of a version", _VERSION_STATES, _MALFORMED)
def _one(service: Service, name: str, version: str | None = None, alias: str | None = None) -> ResponseReturnValue:
    catalogue = service.catalogue
    states = _version_states(catalogue, name)
    number = version if alias is None else str(catalogue.models[name].aliases.get(alias))
    if number in states:
        return {"model_version_status": [states[number]]}
    if alias is None:
        raise NotFound(f"Could not find version {version} of model {name}")
    raise NotFound(f"{name} has no alias {alias}", name, alias=alias)


@views.route(
    "/v1/models/<name>/labels/<alias>/metadata",
    "Get the signature of the version that a label names",
    _METADATA,
    _UNKNOWN_LABEL,
)
@views.route("/v1/models/<name>/versions/<version>/metadata", "Get the signature of a version", _METADATA, _MALFORMED)
@views.route("/v1/models/<name>/metadata", "Get the signature of a model", _METADATA, _MALFORMED)
def _described(service: Service, name: str, **which: str) -> ResponseReturnValue:
    endpoint = service.catalogue.find(name, **which)
    model = endpoint.version.artifact.model
    signature = {
        "inputs": _inputs(model),
        "outputs": {"output": _tensor("DT_FLOAT", model.network.outputs, "output:0")},
        "method_name": "tensorflow/serving/predict",
        "defaults": {},
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(endpoint.version.number)},
        "metadata": {"signature_def": {"signature_def": {SERVING_DEFAULT: signature}}},
    }


def malformed_request() -> Response | None:
    """Return TensorFlow Serving's error for a request under /v1 that matches no route, or None for other requests."""
    error = request.routing_exception
    if error is None or not request.path.startswith("/v1/"):
        return None
    body = orjson.dumps({"error": f"Malformed request: {request.method} {request.path}"})
    allowed = {"Allow": ", ".join(sorted(error.valid_methods or ()))} if isinstance(error, MethodNotAllowed) else None
    return Response(body, 405 if allowed else 400, allowed, mimetype="application/json")


def _version_states(catalogue: Catalogue, name: str) -> dict[str, dict[str, Any]]:
    """Return the states of the versions of a model by number, newest first. Raises NotFound."""
    try:
        served = catalogue.model(name)
    except NotFound as error:
        raise NotFound(f"Could not find any versions of model {name}") from error
    states = {number: _state(number, "AVAILABLE", "OK") for number in served.versions}
    states |= {number: _state(number, "END", "UNAVAILABLE", reason) for number, reason in served.missing.items()}
    return {str(number): states[number] for number in sorted(states, reverse=True)}


def _state(number: int, state: str, code: str, message: str = "") -> dict[str, Any]:
    return {"version": str(number), "state": state, "status": {"error_code": code, "error_message": message}}


def _inputs(model: Model) -> dict[str, Any]:
    features = model.features
    if features.only_numbers:
        return {INPUT_KEY: _tensor("DT_FLOAT", len(features), f"{INPUT_KEY}:0")}
    return {column.name: _tensor(DTYPES[column.kind], 1, f"{column.name}:0") for column in features.columns}


def _tensor(dtype: str, width: int, name: str) -> dict[str, Any]:
    """Describe a tensor (-1, width); sizes are strings, as in the JSON encoding of protocol buffers."""
    dims = [{"size": size, "name": ""} for size in ("-1", str(width))]
    return {"dtype": dtype, "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": name}
