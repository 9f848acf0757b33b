"""The request bodies in the protocol of each server, and the decoding of probabilities from the responses."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import requests

from benchmarks.networks import Rows


@dataclass(frozen=True)
class Body:
    """A number of rows for a network, in JSON or in binary."""

    network: str
    rows: int
    format: str = "json"

    def __str__(self) -> str:
        return f"{self.network}-{self.rows}" + ("" if self.format == "json" else f"-{self.format}")


BODIES = {
    str(body): body
    for format_ in ("json", "binary")
    for network in ("digits", "tabular")
    for body in (Body(network, 1, format_), Body(network, 64, format_))
}


@dataclass(frozen=True)
class Written:
    """An encoded body with its headers."""

    content: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Protocol:
    """The path of predictions, the encoder of rows, and the decoder of probabilities (B, C), if there are any."""

    path: str
    write: Callable[[Rows], Written]
    read: Callable[[requests.Response], Any] | None


def _instances(rows: Rows) -> Written:
    return _json({"instances": _numbers(rows)})


def _tensor(rows: Rows) -> Written:
    data = [number for row in _numbers(rows) for number in row]
    return _json({"inputs": [{"name": "rows", "shape": rows.shape, "datatype": "FP32", "data": data}]})


def _binary_tensor(rows: Rows) -> Written:
    content = rows.tobytes()
    tensor = {"name": "input", "shape": rows.shape, "datatype": "FP32"}
    header = json.dumps(
        {
            "inputs": [{**tensor, "parameters": {"binary_data_size": len(content)}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(header))}
    return Written(header + content, headers)


def _json(body: Any) -> Written:
    return Written(json.dumps(body, separators=(",", ":")).encode(), {"Content-Type": "application/json"})


def _numbers(rows: Rows) -> Any:
    """Return the rows as lists, with four decimals instead of the nearest float32."""
    return rows.astype(np.float64).round(4).tolist()


def _read_probabilities(response: requests.Response) -> Any:
    return response.json()["probabilities"]


def _read_tensor(response: requests.Response) -> Any:
    """Return the only tensor of floats, ignoring other tensors."""
    (output,) = (output for output in response.json()["outputs"] if output["datatype"] == "FP32")
    return np.reshape(output["data"], output["shape"])


def _read_binary_tensor(response: requests.Response) -> Any:
    start = int(response.headers["Inference-Header-Content-Length"])
    for output in json.loads(response.content[:start])["outputs"]:
        if output["datatype"] == "FP32":
            return np.frombuffer(response.content, "<f4", np.prod(output["shape"]), start).reshape(output["shape"])
        start += output["parameters"]["binary_data_size"]
    raise ValueError("no tensor of floats in the response")


NATIVE = Protocol("/models/{network}/predict", _instances, _read_probabilities)
PREDICT = Protocol("/predict", _instances, _read_probabilities)
TENSORS = Protocol("/v2/models/{network}/infer", _tensor, _read_tensor)
BINARY_TENSORS = Protocol("/v2/models/{network}/infer", _binary_tensor, _read_binary_tensor)
HELLO = Protocol("/", _instances, None)
BINARY_HELLO = Protocol("/", _binary_tensor, None)
