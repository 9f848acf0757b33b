"""The read-only routes of the Open Inference Protocol under /v2: server, health, models and repository index."""

from collections.abc import Mapping
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from npserve import __version__
from service.errors import BadRequest, NotLoaded
from service.prediction.messages import Response
from service.protocols.body import parse_json, read_stream
from service.protocols.json_schema import STRING, TRUTH, WHOLE, array, record
from service.protocols.open_inference.codec import OpenInferenceCodec
from service.protocols.open_inference.inputs import InputSpec, input_specs
from service.protocols.open_inference.outputs import OutputSpec, output_specs
from service.views import HEALTH, NOT_READY, UNKNOWN, Service, Views, json_response
from store.watch import WHOLE_STORE

EXTENSIONS = ["binary_tensor_data", "classification", "model_repository"]
MAX_INDEX_BYTES = 10_000  # the only known key is "ready"
INDEX_BODY = 'expected no body, or an object such as {"ready": true}'
TOO_LARGE = {413: "The body is larger than 64 kB."}
LOAD_REFUSED = {
    400: "Not supported: the store decides what is served.",
    404: "The model name is malformed.",
    **TOO_LARGE,
}

_TENSORS = array(record(name=STRING, datatype=STRING, shape=array(WHOLE)))
_METADATA = record(name=STRING, versions=array(STRING), platform=STRING, inputs=_TENSORS, outputs=_TENSORS)
_READY = record(name=STRING, ready={"const": True})

views = Views(OpenInferenceCodec)


@views.route(
    "/v2/",
    "Get the server's name, version and protocol extensions",
    record(name={"const": "npserve"}, version=STRING, extensions=array(STRING)),
    purpose=HEALTH,
)
def _server(_: Service) -> Response:
    return json_response({"name": "npserve", "version": __version__, "extensions": EXTENSIONS})


@views.route("/v2/health/live", "Check whether the server is alive", record(live=TRUTH), purpose=HEALTH)
def _live(_: Service) -> Response:
    return json_response({"live": True})


@views.route(
    "/v2/health/ready", "Check whether the server is ready", record(ready=TRUTH, live=TRUTH), NOT_READY, purpose=HEALTH
)
def _ready(service: Service) -> Response:
    if (reason := service.why_not_ready()) is None:
        return json_response({"ready": True, "live": True})
    body = {"ready": False, "live": True, "error": f"not ready: {reason}"}
    return json_response(body, 503, Retry_After="1")


@views.route("/v2/models", "List the names of all models", record(models=array(STRING)))
def _models(service: Service) -> ResponseReturnValue:
    return {"models": [*service.catalogue.models]}


@views.route("/v2/models/<name>/versions/<version>", "Get the inputs and outputs of a version", _METADATA, UNKNOWN)
@views.route("/v2/models/<name>", "Get the versions, inputs and outputs of a model", _METADATA, UNKNOWN)
def _metadata(service: Service, name: str, version: str | None = None) -> ResponseReturnValue:
    catalogue = service.catalogue
    endpoint = catalogue.find(name, version)
    model = endpoint.version.artifact.model
    return {
        "name": name,
        "versions": [str(number) for number in sorted(catalogue.models[name].versions)],
        "platform": "npserve_numpy",
        "inputs": _describe(input_specs(model.features)),
        "outputs": _describe(output_specs(model)),
    }


def _describe(specs: Mapping[str, InputSpec | OutputSpec]) -> list[dict[str, Any]]:
    return [{"name": name, "datatype": spec.datatype, "shape": spec.shape} for name, spec in specs.items()]


@views.route("/v2/models/<name>/versions/<version>/ready", "Check whether a version is ready", _READY, UNKNOWN)
@views.route("/v2/models/<name>/ready", "Check whether a model is ready", _READY, UNKNOWN)
def _model_ready(service: Service, name: str, version: str | None = None) -> ResponseReturnValue:
    try:
        service.catalogue.find(name, version)
    except NotLoaded as error:
        return {"name": name, "ready": False, "error": str(error)}, error.status, error.headers
    return {"name": name, "ready": True}


@views.route(
    "/v2/repository/index",
    "List all versions with their state",
    array(record(name=STRING, version=STRING, state={"enum": ["READY", "UNAVAILABLE"]}, reason=STRING)),
    {400: "The body is neither empty nor a valid JSON object.", **TOO_LARGE},
    method="POST",
)
def _repository_index(service: Service) -> ResponseReturnValue:
    if (request.content_length or 0) > MAX_INDEX_BYTES:
        raise BadRequest(INDEX_BODY)
    raw = read_stream(request.stream, MAX_INDEX_BYTES)
    body = parse_json(raw) if raw else {}
    if type(body) is not dict or type(body.get("ready", False)) is not bool:
        raise BadRequest(INDEX_BODY)
    catalogue, entries = service.catalogue, []
    for name, served in catalogue.models.items():
        entries += [_entry(name, number, "READY") for number in sorted(served.versions)]
        entries += [_entry(name, number, "UNAVAILABLE", reason) for number, reason in sorted(served.missing.items())]
    unknown = catalogue.problems.keys() - catalogue.models.keys() - {WHOLE_STORE}
    entries += [_entry(name, "", "UNAVAILABLE", catalogue.problems[name]) for name in sorted(unknown)]
    return [entry for entry in entries if entry["state"] == "READY" or not body.get("ready")]


@views.route("/v2/repository/models/<name>/unload", "Unload a model (not supported)", None, LOAD_REFUSED, method="POST")
@views.route("/v2/repository/models/<name>/load", "Load a model (not supported)", None, LOAD_REFUSED, method="POST")
def _change(_: Service, name: str) -> ResponseReturnValue:
    raise BadRequest(
        "explicit model load / unload is not allowed: the store decides what is served; use npserve promote"
    )


def _entry(name: str, version: int | str, state: str, reason: str = "") -> dict[str, str]:
    return {"name": name, "version": str(version), "state": state, "reason": reason}
