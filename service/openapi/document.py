"""The OpenAPI 3.1 document: every route, with the schemas of the models served now and working examples.

Each handler declares its own description (`service.views`), and each codec describes its requests (`describe`).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from service.errors import RequestError
from service.prediction.catalogue import Catalogue, Endpoint
from service.protocols import CODECS, ROUTES
from service.protocols.codec import Codec
from service.protocols.json_schema import STRING, JsonSchema
from service.views import View

JSON = "application/json"
_SEGMENT = re.compile(r"<(\w+)>")
ABOUT = (
    "Predictions from small neural networks. Every response has the header X-Request-ID; a prediction also names its "
    "model in X-Model-Name and X-Model-Version. Request bodies may be compressed with gzip or deflate. Errors are JSON "
    'objects with a message in "error"; the native API adds "details", a list with the location of each problem.'
)
LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
INFO = {"title": "npserve", "version": "1", "description": ABOUT, "license": LICENSE}


class Target(NamedTuple):
    """Values for the segments of a route, and the endpoint that they select."""

    segments: Mapping[str, str]
    endpoint: Endpoint

    @property
    def label(self) -> str:
        return " ".join(self.segments.values()) or self.endpoint.version.name

    def path(self, template: str) -> str:
        """Return the path with the segments filled in."""
        return _SEGMENT.sub(lambda found: self.segments[found[1]], template)


def openapi(catalogue: Catalogue, views: Sequence[View]) -> dict[str, Any]:
    """Return the OpenAPI document for the current catalogue."""
    schemas, examples = {"error": Codec.error}, {}
    for codec in CODECS:
        schemas[f"{codec.name}.error"] = codec.error
        for endpoint in catalogue.endpoints.values():
            described, name = endpoint.codecs[codec].describe(), _component(codec, endpoint)
            # Generated clients derive type names from these names, so the suffix "answer" must not change.
            schemas |= {f"{name}.request": described.request, f"{name}.answer": described.response}
            examples[name] = {"value": described.example}
    codecs: list[type[Codec]] = [*CODECS, Codec]
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for view in views:
        operation = _operation(view, [*targets(catalogue, view.template)])
        paths[_SEGMENT.sub(r"{\1}", view.template)][view.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "tags": [{"name": codec.name, "description": codec.title} for codec in codecs],
        "paths": paths,
        "components": {"schemas": schemas, "examples": examples},
    }


def targets(catalogue: Catalogue, template: str) -> Iterator[Target]:
    """Yield the valid values for the segments of a route."""
    segments = _SEGMENT.findall(template)
    for (name, number), endpoint in catalogue.endpoints.items():
        aliases = [alias for alias, named in catalogue.models[name].aliases.items() if named == number]
        if "version" in segments:
            yield Target({"name": name, "version": str(number)}, endpoint)
        elif "alias" in segments:
            yield from (Target({"name": name, "alias": alias}, endpoint) for alias in aliases)
        elif "name" in segments and "stable" in aliases:
            yield Target({"name": name}, endpoint)
    if not segments:
        with suppress(RequestError):  # there is no default model
            yield Target({}, catalogue.find(None))


def _component(codec: type[Codec], endpoint: Endpoint) -> str:
    return f"{codec.name}.{endpoint.version.name}.{endpoint.version.number}"


def _operation(view: View, found: list[Target]) -> dict[str, Any]:
    schema = "error" if view.codec is Codec else f"{view.codec.name}.error"
    request, success = _prediction(view.codec, found) if view.template in ROUTES else ({}, _view(view))
    error = {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    segments = _SEGMENT.findall(view.template)
    return {
        "tags": [view.codec.name],
        "summary": view.summary,
        "parameters": [_parameter(word, sorted({target.segments[word] for target in found})) for word in segments],
        **request,
        "responses": success
        | {str(status): {"description": why, "content": error} for status, why in sorted(view.statuses.items())},
    }


def _prediction(codec: type[Codec], found: list[Target]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Describe the request body and the successful response of a prediction."""
    names = {target.label: _component(codec, target.endpoint) for target in found}
    examples = {label: {"$ref": f"#/components/examples/{name}"} for label, name in names.items()}
    binary = {codec.binary: {"schema": STRING | {"format": "binary"}}} if codec.binary else {}
    request = {JSON: {"schema": _any_of(names.values(), "request"), "examples": examples}, **binary}
    response = {JSON: {"schema": _any_of(names.values(), "answer")}, **binary}
    success = {"200": {"description": "The predictions.", "content": response}}
    return {"requestBody": {"required": True, "content": request}}, success


def _view(view: View) -> dict[str, Any]:
    """Describe the successful response of a handler; it has none if every request is rejected."""
    content = {JSON: {"schema": view.schema}} if view.schema else {}
    content |= {text: {"schema": STRING} for text in view.texts}
    return {"200": {"description": "Success.", "content": content}} if content else {}


def _parameter(word: str, known: list[str]) -> dict[str, Any]:
    schema = STRING | {"enum": known} if known else STRING
    return {"name": word, "in": "path", "required": True, "schema": schema}


def _any_of(names: Iterable[str], part: str) -> JsonSchema:
    """Describe a value that matches this part of any of the components; without components, any value."""
    references = [{"$ref": f"#/components/schemas/{name}.{part}"} for name in dict.fromkeys(names)]
    return {"anyOf": references} if len(references) > 1 else dict(*references)
