"""Requests of the Open Inference Protocol as bytes, and parsers for the responses."""

import json
import struct
from typing import Any

import numpy as np
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.helpers.models import ROW
from tests.helpers.wire import JSON

INFER = "/v2/models/iris/infer"
LENGTH = "Inference-Header-Content-Length"
ROWS = [ROW, [6.0, 2.0, 5.0, 1.5]]
ALL_BINARY = {"binary_data_output": True}

RawRequest = tuple[dict[str, str], bytes]


def tensor(data: Any = None, shape: Any = (2, 4), name: Any = "input", datatype: Any = "FP32", **more: Any) -> Any:
    """Return a tensor as JSON; with `size`, a binary tensor."""
    parameters = {"parameters": {"binary_data_size": more.pop("size")}} if "size" in more else {}
    given = {} if data is None else {"data": data}
    return {"name": name, "shape": shape, "datatype": datatype, **given, **parameters, **more}


def in_json(*inputs: Any, **more: Any) -> RawRequest:
    """Return a request in JSON only."""
    return {}, json.dumps({"inputs": inputs, **more}).encode()


def in_binary(raw: bytes, *inputs: Any, length: Any = None, **more: Any) -> RawRequest:
    """Return a request with binary data after its JSON."""
    head = json.dumps({"inputs": inputs, **more}).encode()
    return {LENGTH: str(len(head) if length is None else length)}, head + raw


def array_request(
    values: Any, datatype: str = "FP32", dtype: str = "<f4", name: str = "input", **more: Any
) -> RawRequest:
    """Return a request with one binary tensor."""
    raw = np.asarray(values, dtype)
    return in_binary(raw.tobytes(), tensor(shape=raw.shape, size=raw.nbytes, name=name, datatype=datatype), **more)


def pack_strings(*texts: str) -> bytes:
    return b"".join(struct.pack("<I", len(raw)) + raw for raw in (text.encode() for text in texts))


def post(client: FlaskClient, sent: RawRequest, path: str = INFER, **headers: str) -> TestResponse:
    return client.post(path, data=sent[1], headers={**sent[0], **headers})


def response_json(response: TestResponse) -> dict[str, Any]:
    """Return the JSON of a response."""
    assert response.status_code == 200, response.text
    body: dict[str, Any] = json.loads(response.data[: int(response.headers.get(LENGTH, len(response.data)))])
    assert list(body) == ["model_name", "model_version", "id", "outputs"]
    return body


def read_outputs(response: TestResponse) -> dict[str, Any]:
    """Return the outputs of a response by name, from the JSON or the binary data after it; all data must be used."""
    body, raw = response_json(response), response.data[int(response.headers.get(LENGTH, len(response.data))) :]
    found = {}
    for output in body["outputs"]:
        values = output.get("data")
        if "parameters" in output:
            size = output["parameters"]["binary_data_size"]
            values, raw = _unpack(raw[:size], output["datatype"]), raw[size:]
        found[output["name"]] = np.array(values).reshape(output["shape"])
    assert raw == b""
    assert response.content_type == ("application/octet-stream" if LENGTH in response.headers else JSON)
    return found


def _unpack(raw: bytes, datatype: str) -> Any:
    if datatype != "BYTES":
        return np.frombuffer(raw, {"FP32": "<f4", "INT64": "<i8", "FP64": "<f8", "BOOL": "?"}[datatype])
    texts = []
    while raw:
        size = 4 + int.from_bytes(raw[:4], "little")
        texts.append(raw[4:size].decode())
        raw = raw[size:]
    return texts


def error_message(response: TestResponse) -> str:
    """Assert the format of an error response, and return the message."""
    assert response.content_type == JSON
    assert response.headers["X-Request-ID"]
    body = response.get_json()
    assert list(body) == ["error"]
    return str(body["error"])
