"""What the pages answer: JSON, and errors in the form of the protocol that a page belongs to."""

from collections.abc import Mapping
from typing import Any

import orjson
from flask import Response

from service.errors import CallError
from service.protocols import Codec


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Write a body as JSON."""
    return Response(orjson.dumps(body), status, headers, mimetype="application/json")


def refusal(codec: type[Codec], error: CallError) -> Response:
    """Write an error as a codec does."""
    status, body = codec.refuse(error)
    return Response(body, status, error.headers, mimetype="application/json")
