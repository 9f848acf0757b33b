"""The OpenAPI document at /openapi.json, and a self-contained reference page at /docs."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from flask import render_template
from flask.typing import ResponseReturnValue

from service.openapi.document import ABOUT, openapi, targets
from service.prediction.catalogue import Catalogue
from service.protocols import ROUTES
from service.protocols.json_schema import OBJECT
from service.views import Service, View, Views

views = Views()


class Example(NamedTuple):
    """A request that succeeds; a GET has no body."""

    label: str
    path: str
    body: Any


@views.route("/docs", "Get the interactive API reference", None, texts=["text/html"])
def _docs(service: Service) -> ResponseReturnValue:
    catalogue = service.catalogue
    sections = defaultdict(list)
    for view in service.views:
        sections[view.codec.title].append((view, [*_examples(view, catalogue)]))
    shown = next(view for entries in sections.values() for view, examples in entries if examples)
    models = {name: served.stable.artifact.model for name, served in catalogue.models.items() if served.stable}
    return render_template(
        "docs.html", about=ABOUT, models=models, sections=sections, shown=shown, predictions=ROUTES.keys()
    )


@views.route("/openapi.json", "Get the OpenAPI document", OBJECT)
def _openapi(service: Service) -> ResponseReturnValue:
    return openapi(service.catalogue, service.views)


def _examples(view: View, catalogue: Catalogue) -> Iterator[Example]:
    route, predicts = view.template, view.template in ROUTES
    if not predicts and "<" not in route:
        yield Example("", route, None)
        return
    for target in targets(catalogue, route):
        body = target.endpoint.codecs[view.codec].describe().example if predicts else None
        yield Example(target.label, target.path(route), body)
