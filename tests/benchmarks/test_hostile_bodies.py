"""The hostile bodies are what they are named: valid JSON and arrays at the size limits, in every encoding."""

import gzip
import io
import json
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks import hostile_bodies as module
from benchmarks.hostile_bodies import ENCODINGS, SHAPES, HostileBody, binary_bodies, hostile_bodies, random_bodies

JSON_BYTES, BINARY_BYTES = 2**16, 2**18
DECODERS: dict[str, Callable[[bytes], bytes]] = {"identity": bytes, "gzip": gzip.decompress, "deflate": zlib.decompress}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower the sizes, because compressing the real ones takes seconds."""
    for name in ("JSON_BYTES", "BINARY_BYTES"):
        monkeypatch.setattr(module, name, globals()[name])


def _decode(body: HostileBody) -> bytes:
    content = DECODERS[body.body.headers.get("Content-Encoding", "identity")](body.body.content)
    assert len(content) == body.inflated
    return content


def test_a_shape_is_sent_in_every_protocol_and_encoding() -> None:
    bodies = [*hostile_bodies({"objects": SHAPES["objects"]})]
    assert len({body.name for body in bodies}) == len(bodies) == 4 * len(ENCODINGS)
    assert len({_decode(body) for body in bodies}) == 2  # native and V1 are the same; so are both of V2
    for body in bodies:
        assert JSON_BYTES - 100 < body.inflated <= JSON_BYTES
        assert len(body.body.content) == body.inflated or len(body.body.content) < JSON_BYTES / 50
    assert json.loads(_decode(bodies[0]))["instances"][-1] == {"": []}


def test_the_arrays_are_as_large_as_the_limits_accept() -> None:
    bodies = [*binary_bodies()]
    assert all(0.9 * BINARY_BYTES < body.inflated <= BINARY_BYTES for body in bodies)
    array = np.load(io.BytesIO(_decode(bodies[1])))
    assert (array.shape[1], array.dtype) == (30, np.float16)
    head = bodies[6].body
    length = int(head.headers["Inference-Header-Content-Length"])
    (tensor,) = json.loads(head.content[:length])["inputs"]
    assert len(head.content) - length == np.prod(tensor["shape"]) * 4 == tensor["parameters"]["binary_data_size"]


def test_random_bodies_are_json_and_the_same_for_the_same_seed() -> None:
    bodies = [*random_bodies(3, 4)]
    equal, different = ([*random_bodies(seed, 4)] for seed in (3, 4))
    assert bodies == equal or pytest.fail("the bodies differ")  # a comparison by pytest would print all bytes
    assert {body.body.content for body in bodies}.isdisjoint(body.body.content for body in different)
    for body in bodies:
        json.loads(_decode(body))
        assert body.inflated <= JSON_BYTES
