"""The pages of the Open Inference Protocol under /v2: the server, its health, its models, the index of its store."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from service.errors import BadRequest, CallError, NotLoaded
from service.prediction.catalogue import Catalogue, Endpoint
from service.prediction.reloader import Follower
from service.protocols.body import parse_json, read_stream
from service.protocols.open_inference.codec import Inference
from service.protocols.open_inference.inputs import input_slots
from service.protocols.open_inference.outputs import output_slots
from service.responses import json_response, refusal
from store.watch import WHOLE_STORE

VERSION = "0.1.0"  # as in pyproject.toml: the image has no metadata of a package to ask
EXTENSIONS = ["binary_tensor_data", "classification", "model_repository"]
MOST_BYTES = 10_000  # of a body that may hold one key
NOT_HERE = "explicit model load / unload is not allowed: the store decides what is served; use python -m store promote"


def inference_pages(follower: Follower) -> Blueprint:
    """Return the pages."""
    pages = Blueprint("inference", __name__, url_prefix="/v2")
    _add_server(pages, follower)
    _add_models(pages, follower)
    _add_repository(pages, follower)

    @pages.errorhandler(CallError)
    def refused(error: CallError) -> Response:
        return refusal(Inference, error)

    return pages


def _add_server(pages: Blueprint, follower: Follower) -> None:
    @pages.get("/", strict_slashes=False)
    def server() -> Response:
        return json_response({"name": "npserve", "version": VERSION, "extensions": EXTENSIONS})

    @pages.get("/health/live")
    def live() -> Response:
        return json_response({"live": True})

    @pages.get("/health/ready")
    def ready() -> Response:
        catalogue = follower.catalogue
        if catalogue.ready:
            return json_response({"ready": True, "live": True})
        body = {"ready": False, "live": True, "error": f"not ready: {catalogue.why_not_ready()}"}
        return json_response(body, 503, {"Retry-After": "1"})


def _add_models(pages: Blueprint, follower: Follower) -> None:
    @pages.get("/models")
    def models() -> Response:
        return json_response({"models": [*follower.catalogue.models]})

    @pages.get("/models/<name>")
    @pages.get("/models/<name>/versions/<version>")
    def metadata(name: str, version: str | None = None) -> Response:
        catalogue = follower.catalogue
        return json_response(describe(catalogue.find(name, version), catalogue.models[name].versions))

    @pages.get("/models/<name>/ready")
    @pages.get("/models/<name>/versions/<version>/ready")
    def model_ready(name: str, version: str | None = None) -> Response:
        try:
            follower.catalogue.find(name, version)
        except NotLoaded as error:
            return json_response({"name": name, "ready": False, "error": str(error)}, error.status, error.headers)
        return json_response({"name": name, "ready": True})


def _add_repository(pages: Blueprint, follower: Follower) -> None:
    @pages.post("/repository/index")
    def repository_index() -> Response:
        body = read_stream(request.stream, MOST_BYTES)
        asked = parse_json(body) if body else {}
        if type(asked) is not dict or type(asked.get("ready", False)) is not bool:
            raise BadRequest('expected no body, or an object such as {"ready": true}')
        entries = index(follower.catalogue)
        return json_response([entry for entry in entries if entry["state"] == "READY" or not asked.get("ready")])

    @pages.post("/repository/models/<name>/load")
    @pages.post("/repository/models/<name>/unload")
    def change(name: str) -> Response:
        raise BadRequest(NOT_HERE)


def describe(endpoint: Endpoint, versions: Mapping[int, Any]) -> dict[str, Any]:
    """Describe what a version takes and gives, and which versions of the model are served."""
    version, model = endpoint.version, endpoint.version.artifact.model
    inputs, outputs = input_slots(model.features), output_slots(model)
    return {
        "name": version.name,
        "versions": [str(number) for number in sorted(versions)],
        "platform": "npserve_numpy",
        "inputs": [_tensor(name, slot.datatype, slot.shape) for name, slot in inputs.items()],
        "outputs": [_tensor(name, slot.datatype, slot.shape) for name, slot in outputs.items()],
    }


def index(catalogue: Catalogue) -> list[dict[str, str]]:
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
