"""The OpenAPI document at /openapi.json, and a self-contained reference page at /docs.

Both take tens of milliseconds to build, so they are built once for each catalogue.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any, NamedTuple

import orjson
from flask import render_template, request

from service.conditional import Document
from service.openapi.document import ABOUT, openapi, targets
from service.prediction.catalogue import Catalogue
from service.prediction.messages import Response
from service.protocols import ROUTES
from service.protocols.json_schema import OBJECT
from service.views import Service, View, Views

views = Views()
_building = Lock()


class Example(NamedTuple):
    """A request that succeeds; a GET has no body."""

    label: str
    path: str
    body: Any


@views.route("/docs", "Get the interactive API reference", None, texts=["text/html"])
def _docs(service: Service) -> Response:
    return _document(service, "/docs", _build_docs)


def _build_docs(catalogue: Catalogue, service: Service) -> Document:
    sections = defaultdict(list)
    for view in service.views:
        sections[view.codec.title].append((view, [*_examples(view, catalogue)]))
    shown = next(view for entries in sections.values() for view, examples in entries if examples)
    models = {name: served.stable.artifact.model for name, served in catalogue.models.items() if served.stable}
    page = render_template(
        "docs.html", about=ABOUT, models=models, sections=sections, shown=shown, predictions=ROUTES.keys()
    )
    return Document.make(page.encode(), "text/html; charset=utf-8")


@views.route("/openapi.json", "Get the OpenAPI document", OBJECT)
def _openapi(service: Service) -> Response:
    return _document(service, "/openapi.json", _build_openapi)


def _build_openapi(catalogue: Catalogue, service: Service) -> Document:
    return Document.make(orjson.dumps(openapi(catalogue, service.views)), "application/json")


def _document(service: Service, template: str, build: Callable[[Catalogue, Service], Document]) -> Response:
    """Respond with a document about the current catalogue, which keeps it."""
    catalogue = service.catalogue
    with _building:  # concurrent requests wait for the same document
        document = catalogue.documents.get(template) or build(catalogue, service)
        catalogue.documents[template] = document
    return document.response(request.headers)


def _examples(view: View, catalogue: Catalogue) -> Iterator[Example]:
    route, predicts = view.template, view.template in ROUTES
    if not predicts and "<" not in route:
        yield Example("", route, None)
        return
    for target in targets(catalogue, route):
        body = target.endpoint.codecs[view.codec].describe().example if predicts else None
        yield Example(target.label, target.path(route), body)
