"""How clients speak: a file for each protocol, and the table of their routes.

To add a protocol is to add a file with a `Codec`, and a row for each of its routes.
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple

from service.protocols.codec import Asked, Codec, Reply
from service.protocols.native.codec import Native
from service.protocols.open_inference.codec import Inference
from service.protocols.tensorflow.codec import TensorFlow

__all__ = ["CODECS", "ROUTES", "Asked", "Codec", "Reply", "Route", "find_route"]

# The templates name the routes in the metrics; a word in brackets is looked up in the catalogue.
ROUTES: dict[str, type[Codec]] = {
    "/predict": Native,
    "/invocations": Native,  # SageMaker's name for it
    "/models/<name>/predict": Native,
    "/models/<name>/versions/<version>/predict": Native,
    "/models/<name>/aliases/<alias>/predict": Native,
    "/v1/models/<name>:predict": TensorFlow,
    "/v1/models/<name>/versions/<version>:predict": TensorFlow,
    "/v1/models/<name>/labels/<alias>:predict": TensorFlow,
    "/v2/models/<name>/infer": Inference,
    "/v2/models/<name>/versions/<version>/infer": Inference,
}
CODECS = tuple(dict.fromkeys(ROUTES.values()))
_PATTERNS = {template: re.compile(re.sub(r"<(\w+)>", r"(?P<\1>[^/:]+)", template)) for template in ROUTES}


class Route(NamedTuple):
    """A template that a path fits, who speaks there, and the words that say which version is meant."""

    template: str
    codec: type[Codec]
    words: dict[str, Any]


@lru_cache(1024)  # what is asked for is asked for again
def find_route(path: str) -> Route | None:
    """Return where a POST to this path makes a prediction, or None."""
    for template, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(path):
            return Route(template, ROUTES[template], {"name": None, **match.groupdict()})
    return None
