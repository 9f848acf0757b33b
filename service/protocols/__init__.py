"""The table of prediction routes, and one sub-package per protocol with the format of its requests and responses.

Shared modules, in reading order: `codec` (the interface), `body` (decompression, content types, JSON), `rows`
(validation), `json_cost` (what parsing takes), `fast_json` (numbers parsed directly into an array), `npy` (NumPy's file
format), `json_schema`. The codecs of the protocols do not depend on the catalogue; their `views` present the catalogue,
and therefore belong to a layer above `service.prediction`.

To add a protocol, add a sub-package with a `Codec`, and a row in `ROUTES` for each of its routes.
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple

from service.protocols.codec import Codec, DecodedRequest, EncodedResponse
from service.protocols.native.codec import NativeCodec
from service.protocols.open_inference.codec import OpenInferenceCodec
from service.protocols.tensorflow.codec import TensorFlowCodec

__all__ = ["CODECS", "ROUTES", "Codec", "DecodedRequest", "EncodedResponse", "Route", "find_route"]

# The templates are the values of the metrics label `route`; the catalogue resolves the segments in brackets.
ROUTES: dict[str, type[Codec]] = {
    "/predict": NativeCodec,
    "/invocations": NativeCodec,  # SageMaker's name for /predict
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
    """The template that a path matches, its codec, and the path segments that name the version."""

    template: str
    codec: type[Codec]
    segments: dict[str, Any]


@lru_cache(1024)  # clients request the same few paths
def find_route(path: str) -> Route | None:
    """Return the prediction route for a POST to this path, or None."""
    for template, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(path):
            return Route(template, ROUTES[template], {"name": None, **match.groupdict()})
    return None
