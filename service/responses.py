"""Flask responses of the views: JSON, and errors in the form of the protocol that a view belongs to."""

from collections.abc import Mapping
from typing import Any

import orjson
from flask import Response

from service.errors import RequestError
from service.protocols import Codec


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response."""
    return Response(orjson.dumps(body), status, headers, mimetype="application/json")


def error_response(codec: type[Codec], error: RequestError) -> Response:
    """Return an error in the form of a protocol."""
    status, body = codec.encode_error(error)
    return Response(body, status, error.headers, mimetype="application/json")
