"""The read-only routes of the native API: the index, models and versions. Browsers get the index as a page.

The example command in the index is also part of the startup message.
"""

import json
import shlex
from pathlib import Path
from typing import Any

import orjson
from flask import render_template, request
from flask.typing import ResponseReturnValue

from nn import Category
from nn.columns import Column
from service.conditional import Document
from service.prediction.catalogue import Catalogue, Endpoint
from service.prediction.messages import Response
from service.protocols.codec import example_row
from service.protocols.json_schema import OBJECT, STRING, TRUTH, TYPES, WHOLE, array, mapping, nullable, record
from service.views import SCRAPE, UNKNOWN, Service, Views

MAX_NAMES = 20  # of models, in the message at startup
views = Views()

_TASK = {"enum": ["classification", "regression"]}
_SUMMARY = record(
    name=STRING,
    stable=nullable(WHOLE),
    aliases=mapping(WHOLE),
    task=nullable(_TASK),
    metrics=nullable(OBJECT),
    url=STRING,
    predict=STRING,
)


def _summary(catalogue: Catalogue, name: str) -> dict[str, Any]:
    served = catalogue.models[name]
    stable = served.stable
    return {
        "name": name,
        "stable": served.aliases.get("stable"),
        "aliases": dict(served.aliases),
        "task": stable.artifact.model.task if stable else None,
        "metrics": stable.metrics if stable else None,
        "url": f"/models/{name}",
        "predict": f"/models/{name}/predict",
    }


_INDEX = record(
    service={"const": "npserve"},
    status={"const": "alive"},
    ready=TRUTH,
    models=array(_SUMMARY),
    curl=nullable(STRING),
)


@views.route("/", "Get the models served and an example curl command", _INDEX, texts=["text/html"])
def _index(service: Service) -> Response:
    catalogue = service.catalogue
    endpoint = _example(catalogue)
    described = {
        "service": "npserve",
        "status": "alive",  # the liveness check of KServe's V1 client reads it
        "ready": catalogue.ready,
        "models": [_summary(catalogue, name) for name in catalogue.models],
        # Not host_url, which decodes international domain names and raises if they are invalid.
        "curl": curl_command(endpoint, f"{request.scheme}://{request.host}") if endpoint else None,
    }
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        scraped = any(view.purpose is SCRAPE for view in service.views)
        page = render_template("index.html", **described, metrics=scraped)
        document = Document.make(page.encode(), "text/html; charset=utf-8")
    else:
        document = Document.make(orjson.dumps(described), "application/json")
    sent = document.response(request.headers)  # not kept: it depends on Host and Accept
    return Response(sent.status, {**sent.headers, "Vary": "Accept"}, sent.body)


@views.route("/models", "List all models with their aliases, task and metrics", record(models=array(_SUMMARY)))
def _models(service: Service) -> ResponseReturnValue:
    catalogue = service.catalogue
    return {"models": [_summary(catalogue, name) for name in catalogue.models]}


_FEATURE = record(
    "categories", name=STRING, kind={"enum": [*TYPES]}, expected=STRING, missing=TRUTH, categories=array(STRING)
)
_VERSION = record(
    name=STRING,
    version=WHOLE,
    task=_TASK,
    features=array(_FEATURE),
    labels=nullable(array({})),
    metrics=OBJECT,
    sha256=STRING,
    created=nullable(STRING),
    predict=STRING,
)


def _describe(endpoint: Endpoint) -> dict[str, Any]:
    version, model = endpoint.version, endpoint.version.artifact.model
    return {
        "name": version.name,
        "version": version.number,
        "task": model.task,
        "features": [_feature(column) for column in model.features.columns],
        "labels": list(model.labels) or None,
        "metrics": version.metrics,
        "sha256": version.sha256,
        "created": version.manifest.get("created"),
        "predict": f"/models/{version.name}/versions/{version.number}/predict",
    }


def _feature(column: Column) -> dict[str, Any]:
    categories = {"categories": list(column.categories)} if isinstance(column, Category) else {}
    about = {"name": column.name, "kind": column.kind, "expected": column.expected, "missing": column.missing}
    return about | categories


_MODEL = record(
    name=STRING,
    aliases=mapping(WHOLE),
    versions=array(WHOLE),
    missing=mapping(STRING),
    problem=nullable(STRING),
    stable=nullable(_VERSION),
)


@views.route("/models/<name>", "Get a model: its aliases, versions and load errors", _MODEL, UNKNOWN)
def _model(service: Service, name: str) -> ResponseReturnValue:
    catalogue = service.catalogue
    served = catalogue.model(name)
    return {
        "name": name,
        "aliases": dict(served.aliases),
        "versions": sorted(served.versions),
        "missing": {str(number): reason for number, reason in served.missing.items()},
        "problem": catalogue.problems.get(name),
        "stable": _describe(catalogue.find(name)) if served.stable else None,
    }


@views.route("/models/<name>/versions/<version>", "Get a version: features, labels, metrics, digest", _VERSION, UNKNOWN)
def _version(service: Service, name: str, version: str) -> ResponseReturnValue:
    return _describe(service.catalogue.find(name, version=version))


def curl_command(endpoint: Endpoint, url: str) -> str:
    """Return a curl command that requests a prediction for one of the golden rows."""
    body = json.dumps({"instances": [example_row(endpoint.version)]}, separators=(",", ":"))
    path = f"/models/{endpoint.version.name}/predict"
    if url.startswith("unix:"):
        address = f"--unix-socket {shlex.quote(url.removeprefix('unix:'))} {shlex.quote(f'http://localhost{path}')}"
    else:
        address = shlex.quote(f"{url.rstrip('/')}{path}")
    return f"curl {address} -H 'Content-Type: application/json' -d {shlex.quote(body)}"


def startup_message(catalogue: Catalogue, models: Path, url: str) -> str:
    """Return the served models with an example request, or the next step if the store `models` has none."""
    endpoint = _example(catalogue)
    if endpoint is None:
        train = f"npserve train --data digits --models {shlex.quote(str(models))}"
        hint = (
            "" if catalogue.models else f"\nTrain and publish one (the server loads it without a restart):\n\n{train}\n"
        )
        return f"No model is served yet: {catalogue.why_not_ready()}{hint}"
    stable = [f"{v.name} {v.number}" for s in catalogue.models.values() if (v := s.stable)]
    names = ", ".join(stable[:MAX_NAMES]) + (f" and {len(stable) - MAX_NAMES} more" if stable[MAX_NAMES:] else "")
    note = ""
    if catalogue.default_model and catalogue.default_model not in catalogue.models:
        note = f"The default model {catalogue.default_model!r} is not served: POST /predict is a 404 until it is\n"
    return f"Serving {names}\n{note}Try it:\n\n{curl_command(endpoint, url)}\n"


def _example(catalogue: Catalogue) -> Endpoint | None:
    """Return the stable version with the fewest columns, whose example is the easiest to read."""
    stable = [catalogue.find(name) for name, served in catalogue.models.items() if served.stable]
    return min(stable, key=lambda endpoint: len(endpoint.version.artifact.model.features), default=None)
