"""/openapi.json for programs, and /docs for people: a page that loads nothing from elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flask import Blueprint, Response, render_template

from nn import Features
from service.openapi.document import ABOUT, openapi, predict_summary, targets
from service.openapi.routes import SERVICE, VIEW_ROUTES
from service.prediction.catalogue import Catalogue
from service.prediction.reloader import CatalogueReloader
from service.protocols import CODECS, ROUTES
from service.responses import json_response

MAX_COLUMNS = 8  # that are named in the table of models


class Example(NamedTuple):
    """A request that works; the body is None where there is none."""

    label: str
    path: str
    body: Any


class RouteEntry(NamedTuple):
    """A route in the reference."""

    method: str
    route: str
    summary: str
    statuses: Mapping[int, str]
    tries: Sequence[Example]


def openapi_views(reloader: CatalogueReloader) -> Blueprint:
    """Return the views."""
    views = Blueprint("openapi", __name__)

    @views.get("/openapi.json")
    def described() -> Response:
        return json_response(openapi(reloader.catalogue))

    @views.get("/docs")
    def docs() -> str:
        catalogue = reloader.catalogue
        sections = _sections(catalogue)
        shown = next(entry for entries in sections.values() for entry in entries if entry.tries)
        return render_template("docs.html", about=ABOUT, models=_models(catalogue), sections=sections, shown=shown)

    return views


def _sections(catalogue: Catalogue) -> dict[str, list[RouteEntry]]:
    """Group all routes by protocol: title -> routes."""
    predictions = {
        codec.title: [_prediction(catalogue, route) for route in ROUTES if ROUTES[route] is codec] for codec in CODECS
    }
    sections = predictions | {"The service": []}
    titles = {codec.name: codec.title for codec in CODECS} | {SERVICE: "The service"}
    for route, view in VIEW_ROUTES.items():
        tries = [Example(target.label, target.path(route), None) for target in targets(catalogue, route)]
        tries = tries if "<" in route else [Example("", route, None)]
        sections[titles[view.tag]].append(RouteEntry(view.method, route, view.summary, view.statuses, tries))
    return sections


def _prediction(catalogue: Catalogue, route: str) -> RouteEntry:
    codec = ROUTES[route]
    tries = [
        Example(target.label, target.path(route), target.endpoint.codecs[codec].describe().example)
        for target in targets(catalogue, route)
    ]
    return RouteEntry("POST", route, predict_summary(route), codec.statuses, tries)


def _models(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Say of every stable version what it takes and gives."""
    stable = [(name, served.stable.artifact.model) for name, served in catalogue.models.items() if served.stable]
    return [
        {"name": name, "takes": _takes(model.features), "gives": _shorten([*map(str, model.labels)]) or "values"}
        for name, model in stable
    ]


def _takes(features: Features) -> str:
    if features.only_numbers and len(features) > MAX_COLUMNS:
        return f"{len(features)} numbers"
    return _shorten([f"{c.name} ({c.kind}{' or null' if c.missing else ''})" for c in features.columns])


def _shorten(words: Sequence[str]) -> str:
    more = f", and {len(words) - MAX_COLUMNS} more" if len(words) > MAX_COLUMNS else ""
    return ", ".join(words[:MAX_COLUMNS]) + more
