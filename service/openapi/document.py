"""The service in OpenAPI 3.1: every route, with the features of what is served now, and examples that work.

Codecs describe themselves (`describe`); the other routes are in `service.openapi.routes`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from service.errors import RequestError
from service.openapi.routes import SERVICE, VIEW_ROUTES, ViewRoute
from service.prediction.catalogue import Catalogue, Endpoint
from service.protocols import CODECS, ROUTES
from service.protocols.codec import ERROR, Codec
from service.protocols.json_schema import JsonSchema

JSON = "application/json"
_SEGMENT = re.compile(r"<(\w+)>")
ABOUT = (
    "Predictions of small neural networks. Every answer carries X-Request-ID, and a prediction says in X-Model-Name "
    "and X-Model-Version which model gave it. Bodies may be compressed, with gzip or deflate. Errors are JSON: error "
    "is a sentence, and npserve's own routes add details, which name every place that is wrong."
)


class Target(NamedTuple):
    """Values for the segments of a route, and the endpoint that then answers."""

    segments: Mapping[str, str]
    endpoint: Endpoint

    @property
    def label(self) -> str:
        """Name it in a list."""
        return " ".join(self.segments.values()) or self.endpoint.version.name

    def path(self, template: str) -> str:
        """Return the path with the segments filled in."""
        return _SEGMENT.sub(lambda found: self.segments[found[1]], template)


def openapi(catalogue: Catalogue) -> dict[str, Any]:
    """Describe the service as it is at this moment."""
    plugin = MarshmallowPlugin()
    info = {"description": ABOUT, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}}
    spec = APISpec("npserve", "1", "3.1.0", plugins=[plugin], info=info)
    assert plugin.converter is not None
    plugin.converter.add_attribute_function(_own_schema)
    for codec in CODECS:
        spec.tag({"name": codec.name, "description": codec.title})
        spec.components.schema(f"{codec.name}.error", codec.error)
        for endpoint in catalogue.endpoints.values():
            _add_codec(spec, endpoint.codecs[codec], endpoint)
    spec.components.schema("error", ERROR)
    for template, codec in ROUTES.items():
        found = [*targets(catalogue, template)]
        spec.path(_path(template), operations={"post": _prediction(template, codec, found)})
    for template, view in VIEW_ROUTES.items():
        found = [*targets(catalogue, template)]
        spec.path(_path(template), operations={view.method.lower(): _view(template, view, found)})
    return spec.to_dict()


def targets(catalogue: Catalogue, template: str) -> Iterator[Target]:
    """Yield the possible values for the segments of a route."""
    segments = _segments(template)
    for (name, number), endpoint in catalogue.endpoints.items():
        aliases = [alias for alias, named in catalogue.models[name].aliases.items() if named == number]
        if "version" in segments:
            yield Target({"name": name, "version": str(number)}, endpoint)
        elif "alias" in segments:
            yield from (Target({"name": name, "alias": alias}, endpoint) for alias in aliases)
        elif "name" in segments and "stable" in aliases:
            yield Target({"name": name}, endpoint)
    if not segments and (default := _default(catalogue)):
        yield Target({}, default)


def predict_summary(template: str) -> str:
    """Say in a few words which version predicts there."""
    who = {
        "version": "a version by its number",
        "alias": "the version that an alias names",
        "name": "a model's stable version",
    }
    segments = _segments(template)
    return f"Predict with {who[segments[-1]] if segments else 'the default model, or the only one'}"


def _default(catalogue: Catalogue) -> Endpoint | None:
    try:
        return catalogue.find(None)
    except RequestError:
        return None


def _own_schema(_: Any, field: Any, **__: Any) -> JsonSchema:
    """Let a field of ours describe itself; apispec knows marshmallow's."""
    schema: JsonSchema = field.json_schema() if hasattr(field, "json_schema") else {}
    return schema


def _add_codec(spec: APISpec, codec: Codec, endpoint: Endpoint) -> None:
    described, name = codec.describe(), _component(codec, endpoint)
    spec.components.schema(f"{name}.request", described.request, schema=described.schema)
    spec.components.schema(f"{name}.answer", described.response)  # the name that clients made from the document have
    spec.components.example(name, {"value": described.example})


def _component(codec: Codec | type[Codec], endpoint: Endpoint) -> str:
    return f"{codec.name}.{endpoint.version.name}.{endpoint.version.number}"


def _prediction(template: str, codec: type[Codec], found: list[Target]) -> dict[str, Any]:
    names = dict.fromkeys(_component(codec, target.endpoint) for target in found)
    binary = {codec.binary: {"schema": {"type": "string", "format": "binary"}}} if codec.binary else {}
    examples = {
        target.label: {"$ref": f"#/components/examples/{_component(codec, target.endpoint)}"} for target in found
    }
    request = {"schema": _any_of(f"{name}.request" for name in names), "examples": examples}
    response = {"schema": _any_of(f"{name}.answer" for name in names)}
    return {
        "tags": [codec.name],
        "summary": predict_summary(template),
        "parameters": _parameters(template, found),
        "requestBody": {"required": True, "content": {JSON: request, **binary}},
        "responses": {
            "200": {"description": "Predictions.", "content": {JSON: response, **binary}},
            **_errors(codec.statuses, f"{codec.name}.error"),
        },
    }


def _view(template: str, view: ViewRoute, found: list[Target]) -> dict[str, Any]:
    content = {JSON: {"schema": view.schema}} if view.schema else {}
    content |= {text: {"schema": {"type": "string"}} for text in view.texts}
    success = {"200": {"description": view.summary, "content": content}} if content else {}
    error = "error" if view.tag == SERVICE else f"{view.tag}.error"
    return {
        "tags": [view.tag],
        "summary": view.summary,
        "parameters": _parameters(template, found),
        "responses": success | _errors(view.statuses, error),
    }


def _errors(statuses: Mapping[int, str], schema: str) -> dict[str, Any]:
    content = {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {str(status): {"description": statuses[status], "content": content} for status in sorted(statuses)}


def _parameters(template: str, found: list[Target]) -> list[dict[str, Any]]:
    return [_parameter(word, sorted({target.segments[word] for target in found})) for word in _segments(template)]


def _parameter(word: str, known: list[str]) -> dict[str, Any]:
    schema = {"type": "string", "enum": known} if known else {"type": "string"}
    return {"name": word, "in": "path", "required": True, "schema": schema}


def _any_of(names: Iterable[str]) -> JsonSchema:
    """Describe what is like one of these components; where nothing is served, anything."""
    references = [{"$ref": f"#/components/schemas/{name}"} for name in names]
    return {"anyOf": references} if len(references) > 1 else dict(*references)


def _segments(template: str) -> list[str]:
    return _SEGMENT.findall(template)


def _path(template: str) -> str:
    return _SEGMENT.sub(r"{\1}", template)
