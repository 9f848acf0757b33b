"""The views of the Open Inference Protocol under /v2: the server, its health, its models, the index of its store."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from npserve import __version__
from service.errors import BadRequest, NotLoaded, RequestError
from service.prediction.catalogue import Catalogue, Endpoint
from service.prediction.reloader import CatalogueReloader
from service.protocols.body import parse_json, read_stream
from service.protocols.open_inference.codec import OpenInferenceCodec
from service.protocols.open_inference.inputs import input_specs
from service.protocols.open_inference.outputs import output_specs
from service.responses import error_response, json_response
from store.watch import WHOLE_STORE

EXTENSIONS = ["binary_tensor_data", "classification", "model_repository"]
MAX_INDEX_BYTES = 10_000  # of a body that may hold one key
LOAD_REFUSAL = (
    "explicit model load / unload is not allowed: the store decides what is served; use python -m store promote"
)


def open_inference_views(reloader: CatalogueReloader) -> Blueprint:
    """Return the views."""
    views = Blueprint("open_inference", __name__, url_prefix="/v2")
    _add_server(views, reloader)
    _add_models(views, reloader)
    _add_repository(views, reloader)

    @views.errorhandler(RequestError)
    def request_error(error: RequestError) -> Response:
        return error_response(OpenInferenceCodec, error)

    return views


def _add_server(views: Blueprint, reloader: CatalogueReloader) -> None:
    @views.get("/", strict_slashes=False)
    def server() -> Response:
        return json_response({"name": "npserve", "version": __version__, "extensions": EXTENSIONS})

    @views.get("/health/live")
    def live() -> Response:
        return json_response({"live": True})

    @views.get("/health/ready")
    def ready() -> Response:
        catalogue = reloader.catalogue
        if catalogue.ready:
            return json_response({"ready": True, "live": True})
        body = {"ready": False, "live": True, "error": f"not ready: {catalogue.why_not_ready()}"}
        return json_response(body, 503, {"Retry-After": "1"})


def _add_models(views: Blueprint, reloader: CatalogueReloader) -> None:
    @views.get("/models")
    def models() -> Response:
        return json_response({"models": [*reloader.catalogue.models]})

    @views.get("/models/<name>")
    @views.get("/models/<name>/versions/<version>")
    def metadata(name: str, version: str | None = None) -> Response:
        catalogue = reloader.catalogue
        return json_response(model_metadata(catalogue.find(name, version), catalogue.models[name].versions))

    @views.get("/models/<name>/ready")
    @views.get("/models/<name>/versions/<version>/ready")
    def model_ready(name: str, version: str | None = None) -> Response:
        try:
            reloader.catalogue.find(name, version)
        except NotLoaded as error:
            return json_response({"name": name, "ready": False, "error": str(error)}, error.status, error.headers)
        return json_response({"name": name, "ready": True})


def _add_repository(views: Blueprint, reloader: CatalogueReloader) -> None:
    @views.post("/repository/index")
    def repository_index() -> Response:
        raw = read_stream(request.stream, MAX_INDEX_BYTES)
        body = parse_json(raw) if raw else {}
        if type(body) is not dict or type(body.get("ready", False)) is not bool:
            raise BadRequest('expected no body, or an object such as {"ready": true}')
        entries = index_entries(reloader.catalogue)
        return json_response([entry for entry in entries if entry["state"] == "READY" or not body.get("ready")])

    @views.post("/repository/models/<name>/load")
    @views.post("/repository/models/<name>/unload")
    def change(name: str) -> Response:
        raise BadRequest(LOAD_REFUSAL)


def model_metadata(endpoint: Endpoint, versions: Mapping[int, Any]) -> dict[str, Any]:
    """Describe what a version takes and gives, and which versions of the model are served."""
    version, model = endpoint.version, endpoint.version.artifact.model
    inputs, outputs = input_specs(model.features), output_specs(model)
    return {
        "name": version.name,
        "versions": [str(number) for number in sorted(versions)],
        "platform": "npserve_numpy",
        "inputs": [_tensor(name, spec.datatype, spec.shape) for name, spec in inputs.items()],
        "outputs": [_tensor(name, spec.datatype, spec.shape) for name, spec in outputs.items()],
    }


def index_entries(catalogue: Catalogue) -> list[dict[str, str]]:
    """List the versions that are served or should be, and the models of which nothing more is known."""
    entries = []
    for name, served in catalogue.models.items():
        entries += [_entry(name, number, "READY") for number in sorted(served.versions)]
        entries += [_entry(name, number, "UNAVAILABLE", reason) for number, reason in sorted(served.missing.items())]
    unknown = catalogue.problems.keys() - catalogue.models.keys() - {WHOLE_STORE}
    return entries + [_entry(name, "", "UNAVAILABLE", catalogue.problems[name]) for name in sorted(unknown)]


def _entry(name: str, version: int | str, state: str, reason: str = "") -> dict[str, str]:
    return {"name": name, "version": str(version), "state": state, "reason": reason}


def _tensor(name: str, datatype: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape}
