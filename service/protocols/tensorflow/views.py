"""TensorFlow Serving's views: status and metadata of the models under /v1, with what KServe's V1 client looks for."""

from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import MethodNotAllowed

from nn import Model
from service.errors import NotFound, RequestError
from service.prediction.catalogue import Catalogue, Endpoint
from service.prediction.reloader import CatalogueReloader
from service.protocols.tensorflow.body import INPUT_KEY, SERVING_DEFAULT
from service.protocols.tensorflow.codec import TensorFlowCodec
from service.responses import error_response, json_response

DTYPES = {"number": "DT_FLOAT", "boolean": "DT_BOOL", "category": "DT_STRING", "date": "DT_STRING"}


def tensorflow_views(reloader: CatalogueReloader) -> Blueprint:
    """Return the views. They come after the hook that gives every request its ID."""
    views = Blueprint("tensorflow", __name__, url_prefix="/v1")
    _add_models(views, reloader)
    _add_errors(views)
    return views


def _add_models(views: Blueprint, reloader: CatalogueReloader) -> None:
    @views.get("/models")
    def models() -> Response:
        return json_response({"models": [*reloader.catalogue.models]})

    @views.get("/models/<name>")
    def model(name: str) -> Response:
        catalogue = reloader.catalogue
        states = version_states(catalogue, name)
        ready = catalogue.models[name].stable is not None
        return json_response({"name": name, "ready": ready, "model_version_status": [*states.values()]})

    @views.get("/models/<name>/versions/<version>")
    @views.get("/models/<name>/labels/<alias>")
    def one(name: str, version: str | None = None, alias: str | None = None) -> Response:
        return json_response({"model_version_status": [version_state(reloader.catalogue, name, version, alias)]})

    @views.get("/models/<name>/metadata")
    @views.get("/models/<name>/versions/<version>/metadata")
    @views.get("/models/<name>/labels/<alias>/metadata")
    def described(name: str, version: str | None = None, alias: str | None = None) -> Response:
        return json_response(metadata(reloader.catalogue.find(name, version, alias)))


def _add_errors(views: Blueprint) -> None:
    @views.errorhandler(RequestError)
    def request_error(error: RequestError) -> Response:
        return error_response(TensorFlowCodec, error)

    @views.before_app_request
    def malformed() -> Response | None:
        error = request.routing_exception
        if error is None or not request.path.startswith("/v1/"):
            return None
        body = {"error": f"Malformed request: {request.method} {request.path}"}
        if isinstance(error, MethodNotAllowed):
            return json_response(body, 405, {"Allow": ", ".join(sorted(error.valid_methods or ()))})
        return json_response(body, 400)


def version_states(catalogue: Catalogue, name: str) -> dict[int, dict[str, Any]]:
    """Describe the versions of a model, the newest first. Raises NotFound."""
    try:
        served = catalogue.model(name)
    except NotFound as error:
        raise NotFound(f"Could not find any versions of model {name}") from error
    states = {number: _state(number, "AVAILABLE", "OK") for number in served.versions}
    states |= {number: _state(number, "END", "UNAVAILABLE", reason) for number, reason in served.missing.items()}
    return dict(sorted(states.items(), reverse=True))


def version_state(catalogue: Catalogue, name: str, version: str | None, alias: str | None) -> dict[str, Any]:
    """Describe one version. Raises NotFound."""
    states = version_states(catalogue, name)
    if alias is not None:
        number = catalogue.models[name].aliases.get(alias)
        if number not in states:
            raise NotFound(f"{name} has no alias {alias}", name, alias=alias)
        return states[number]
    for number, state in states.items():
        if str(number) == version:
            return state
    raise NotFound(f"Could not find version {version} of model {name}")


def _state(number: int, state: str, code: str, message: str = "") -> dict[str, Any]:
    return {"version": str(number), "state": state, "status": {"error_code": code, "error_message": message}}


def metadata(endpoint: Endpoint) -> dict[str, Any]:
    """Describe what a version takes and gives, as the signature of a SavedModel."""
    version, model = endpoint.version, endpoint.version.artifact.model
    signature = {
        "inputs": _inputs(model),
        "outputs": {"output": _tensor("DT_FLOAT", model.network.layers[-1].kernel.shape[1], "output:0")},
        "method_name": "tensorflow/serving/predict",
        "defaults": {},
    }
    return {
        "model_spec": {"name": version.name, "signature_name": "", "version": str(version.number)},
        "metadata": {"signature_def": {"signature_def": {SERVING_DEFAULT: signature}}},
    }


def _inputs(model: Model) -> dict[str, Any]:
    features = model.features
    if features.only_numbers:
        return {INPUT_KEY: _tensor("DT_FLOAT", len(features), f"{INPUT_KEY}:0")}
    return {column.name: _tensor(DTYPES[column.kind], 1, f"{column.name}:0") for column in features.columns}


def _tensor(dtype: str, width: int, name: str) -> dict[str, Any]:
    """Describe a tensor (-1, width); sizes are texts, as in protocol buffers' JSON."""
    dims = [{"size": size, "name": ""} for size in ("-1", str(width))]
    return {"dtype": dtype, "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": name}
