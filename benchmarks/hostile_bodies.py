"""Request bodies that cost a server much more than their sender: small shapes repeated up to the limit of a body.

Each shape is sent in every JSON protocol and, with zeros in the binary formats, under every content encoding.
"""

import gzip
import io
import json
import random
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from benchmarks.bodies import Written
from service.settings import Settings

JSON_BYTES, BINARY_BYTES = Settings.max_body_bytes, Settings.max_binary_bytes  # the defaults
SHAPES = {"nested": "[[[[[[[[[[1]]]]]]]]]]", "empty-lists": "[]", "lists-of-one": "[1]", "objects": '{"":[]}'}
ENCODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": lambda content: gzip.compress(content, 9, mtime=0),  # without the time, the bytes are repeatable
    "deflate": lambda content: zlib.compress(content, 9),
}
# By protocol: the path for the network "tabular", and the text before and after the repeated shape.
TENSOR = '{"name":"input","shape":[1,30],"datatype":"FP32"'
ENVELOPES = {
    "native": ("/models/tabular/predict", '{"instances":[', "]}"),
    "v1": ("/v1/models/tabular:predict", '{"instances":[', "]}"),
    "v2": ("/v2/models/tabular/infer", '{"inputs":[' + TENSOR + ',"data":[', "]}]}"),
}
JSON, BINARY, NPY = (
    {"Content-Type": kind} for kind in ("application/json", "application/octet-stream", "application/x-npy")
)
SCALARS = ("0", "1", "-1.5e-300", "0.12345678901234567", "12345678901234567890", "true", "null", '""', '"\\u0000"')


class HostileBody(NamedTuple):
    """A body, the path that it is sent to, and its size after decompression."""

    name: str
    path: str
    body: Written
    inflated: int


def hostile_bodies(shapes: Mapping[str, str]) -> Iterator[HostileBody]:
    """Yield each JSON shape in every protocol, including the JSON part of a binary request."""
    for name, unit in shapes.items():
        for protocol, (path, before, after) in ENVELOPES.items():
            yield from _encoded(f"{protocol} {name}", path, _repeat(unit, before, after), JSON)
        path, before, after = ENVELOPES["v2"]
        content = _repeat(unit, before, after)
        headers = {**BINARY, "Inference-Header-Content-Length": str(len(content))}
        yield from _encoded(f"v2-binary {name}", path, content, headers)


def binary_bodies() -> Iterator[HostileBody]:
    """Yield zeros in the binary formats, as many as the limits accept."""
    for dtype in ("<f2", "<i4"):
        stream = io.BytesIO()
        np.save(stream, np.zeros(((BINARY_BYTES - 1000) // (30 * np.dtype(dtype).itemsize), 30), dtype))
        yield from _encoded(f"npy {dtype} zeros", ENVELOPES["native"][0], stream.getvalue(), NPY)
    rows = (BINARY_BYTES - 1000) // (30 * 4)
    for datatype, shape in (("FP32", [rows, 30]), ("BYTES", [rows * 30, 1])):
        tensor = {"name": "input", "shape": shape, "datatype": datatype}
        head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": rows * 120}}]}).encode()
        headers = {**BINARY, "Inference-Header-Content-Length": str(len(head))}
        yield from _encoded(f"v2-binary {datatype}", ENVELOPES["v2"][0], head + bytes(rows * 120), headers)


def random_bodies(seed: int, count: int) -> Iterator[HostileBody]:
    """Yield shapes of random nesting, width and content, each in a random protocol and encoding; repeatable by seed."""
    rng = random.Random(seed)
    for number in range(count):
        shape = _random_value(rng, rng.choice((1, 2, 4, 8, 64)))
        yield rng.choice([*hostile_bodies({f"random-{seed}-{number}": shape})])


def _random_value(rng: random.Random, depth: int) -> str:
    """Return a value of at most `depth` levels; the deeper, the fewer values on each level."""
    kind = rng.random()
    if depth == 0 or kind < 0.1:
        return rng.choice(SCALARS) if rng.random() < 0.7 else json.dumps('é"\\' * rng.randrange(40))
    width = rng.randrange(1 + 8 // depth) if depth < 8 else 1
    values = [_random_value(rng, depth - 1) for _ in range(width)]
    space = rng.choice(("", "", " ", "\n\t"))
    if kind < 0.7:
        return f"[{space}{f',{space}'.join(values)}]"
    keys = (json.dumps(rng.choice(("", "x0", "instances", "data")) + str(rng.randrange(3))) for _ in values)
    return "{" + ",".join(f"{key}:{space}{value}" for key, value in zip(keys, values, strict=False)) + "}"


def _repeat(unit: str, before: str, after: str) -> bytes:
    count = max(1, (JSON_BYTES - len(before) - len(after)) // (len(unit.encode()) + 1))
    return (before + ",".join([unit] * count) + after).encode()


def _encoded(name: str, path: str, content: bytes, headers: Mapping[str, str]) -> Iterator[HostileBody]:
    for encoding, encode in ENCODINGS.items():
        own = {} if encoding == "identity" else {"Content-Encoding": encoding}
        yield HostileBody(f"{name} {encoding}", path, Written(encode(content), {**headers, **own}), len(content))
