"""npserve's own read-only routes: what is served, each model, each version; for people `/` is a page."""

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from service.protocols.json_schema import ANY_OBJECT, STRING, TRUTH, WHOLE, array, mapping, nullable, record
from service.protocols.native.describe import describe_model, describe_service, describe_version, model_summary
from service.views import UNKNOWN, Service, Views

views = Views()

_TASK = {"enum": ["classification", "regression"]}
_KIND = {"enum": ["number", "category", "boolean", "date"]}
_FEATURE = record("categories", name=STRING, kind=_KIND, missing=TRUTH, categories=array(STRING))
_SUMMARY = record(
    name=STRING,
    stable=nullable(WHOLE),
    aliases=mapping(WHOLE),
    task=nullable(_TASK),
    metrics=nullable(ANY_OBJECT),
    url=STRING,
    predict=STRING,
)
_INDEX = record(
    service={"const": "npserve"},
    status={"const": "alive"},
    ready=TRUTH,
    models=array(_SUMMARY),
    curl=nullable(STRING),
)
_VERSION = record(
    name=STRING,
    version=WHOLE,
    task=_TASK,
    features=array(_FEATURE),
    labels=nullable(array({})),
    metrics=ANY_OBJECT,
    sha256=STRING,
    created=nullable(STRING),
    predict=STRING,
)
_MODEL = record(
    name=STRING,
    aliases=mapping(WHOLE),
    versions=array(WHOLE),
    missing=mapping(STRING),
    stable=nullable(_VERSION),
)


@views.route("/", "What is served, and a curl line that works; for browsers a page", _INDEX, texts=["text/html"])
def _index(service: Service) -> ResponseReturnValue:
    # Not host_url, which decodes international names, and raises where they are invalid.
    described = describe_service(service.catalogue, f"{request.scheme}://{request.host}")
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        return Response(render_template("index.html", **described), mimetype="text/html")
    return described


@views.route("/models", "Every model: aliases, task, metrics", record(models=array(_SUMMARY)))
def _models(service: Service) -> ResponseReturnValue:
    catalogue = service.catalogue
    return {"models": [model_summary(catalogue, name) for name in catalogue.models]}


@views.route("/models/<name>", "One model: its versions, and what could not be loaded and why", _MODEL, UNKNOWN)
def _model(service: Service, name: str) -> ResponseReturnValue:
    return describe_model(service.catalogue, name)


@views.route("/models/<name>/versions/<version>", "One version: features, labels, metrics, digest", _VERSION, UNKNOWN)
def _version(service: Service, name: str, version: str) -> ResponseReturnValue:
    return describe_version(service.catalogue.find(name, version=version))
