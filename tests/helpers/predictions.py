"""Predictions without HTTP."""

from flask import Flask

from service.prediction.memory_budget import MemoryBudget
from service.prediction.messages import Headers, Request, Response
from service.protocols import find_route


def make_request(headers: Headers, body: bytes | bytearray, **clock: float) -> Request:
    """Return a request with a memory limit of 1 GiB; `clock` may contain `began`, when its headers were received."""
    return Request(headers, MemoryBudget(2**30).reserve(), body, **clock)


def predict(app: Flask, path: str, body: bytes, **clock: float) -> Response:
    """Return the response of the pipeline of an app to a body."""
    route = find_route(path)
    assert route is not None
    response: Response = app.extensions["npserve"].pipeline.handle(make_request({}, body, **clock), route)
    return response
