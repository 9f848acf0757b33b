"""npserve's own read-only routes: what is served, each model, each version; for people `/` is a page."""

from flask import Blueprint, Response, render_template, request

from service.prediction.reloader import CatalogueReloader
from service.protocols.native.describe import describe_model, describe_service, describe_version, model_summary
from service.responses import json_response


def native_views(reloader: CatalogueReloader) -> Blueprint:
    """Return the views."""
    views = Blueprint("native", __name__)

    @views.get("/")
    def index() -> Response:
        # Not host_url, which decodes international names, and raises where they are invalid.
        described = describe_service(reloader.catalogue, f"{request.scheme}://{request.host}")
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
            return Response(render_template("index.html", **described), mimetype="text/html")
        return json_response(described)

    @views.get("/models")
    def models() -> Response:
        catalogue = reloader.catalogue
        return json_response({"models": [model_summary(catalogue, name) for name in catalogue.models]})

    @views.get("/models/<name>")
    def model(name: str) -> Response:
        return json_response(describe_model(reloader.catalogue, name))

    @views.get("/models/<name>/versions/<version>")
    def version(name: str, version: str) -> Response:
        return json_response(describe_version(reloader.catalogue.find(name, version=version)))

    return views
