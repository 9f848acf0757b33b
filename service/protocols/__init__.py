"""What bodies mean: a room for each protocol, and the table of their routes.

Shared by all, in reading order: `codec` (the interface), `body` (bytes, encodings, JSON), `rows` (validation),
`fast_json` (numbers straight into an array), `npy` (NumPy's format), `json_schema`. The codecs decide what a request
means and know nothing of what is served; the views beside them show it, and so stand above `service.prediction`.

To add a protocol is to add a folder with a `Codec`, and a row for each of its routes.
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple

from service.protocols.codec import Codec, DecodedRequest, EncodedResponse
from service.protocols.native.codec import NativeCodec
from service.protocols.open_inference.codec import OpenInferenceCodec
from service.protocols.tensorflow.codec import TensorFlowCodec

__all__ = ["CODECS", "ROUTES", "Codec", "DecodedRequest", "EncodedResponse", "Route", "find_route"]

# The templates name the routes in the metrics; a segment in brackets is looked up in the catalogue.
ROUTES: dict[str, type[Codec]] = {
    "/predict": NativeCodec,
    "/invocations": NativeCodec,  # SageMaker's name for it
    "/models/<name>/predict": NativeCodec,
    "/models/<name>/versions/<version>/predict": NativeCodec,
    "/models/<name>/aliases/<alias>/predict": NativeCodec,
    "/v1/models/<name>:predict": TensorFlowCodec,
    "/v1/models/<name>/versions/<version>:predict": TensorFlowCodec,
    "/v1/models/<name>/labels/<alias>:predict": TensorFlowCodec,
    "/v2/models/<name>/infer": OpenInferenceCodec,
    "/v2/models/<name>/versions/<version>/infer": OpenInferenceCodec,
}
CODECS = tuple(dict.fromkeys(ROUTES.values()))
_PATTERNS = {template: re.compile(re.sub(r"<(\w+)>", r"(?P<\1>[^/:]+)", template)) for template in ROUTES}


class Route(NamedTuple):
    """A template that a path matches, its codec, and the segments that name the version."""

    template: str
    codec: type[Codec]
    segments: dict[str, Any]


@lru_cache(1024)  # the same paths are requested again and again
def find_route(path: str) -> Route | None:
    """Return where a POST to this path makes a prediction, or None."""
    for template, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(path):
            return Route(template, ROUTES[template], {"name": None, **match.groupdict()})
    return None
