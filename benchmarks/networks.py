"""The networks of the benchmark: every server has the same weights, published in a store or as ONNX."""

import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nn import Artifact, Dense, Features, Golden, Model, Network
from store.publish import publish

Rows = npt.NDArray[np.float32]
TO_ONNX = Path(__file__).with_name("peers") / "to_onnx.py"
# The article's network, one for a typical table, and one whose forward pass dominates the cost of a request.
WIDTHS = {"digits": (784, 64, 10), "tabular": (30, 64, 2), "large": (784, 2048, 2048, 10)}


def make_rows(name: str, count: int) -> Rows:
    """Return rows (B, I) with four decimals: in JSON, 5.4 kB per row of digits and 0.2 kB per row of the table."""
    rng = np.random.default_rng(1)
    return rng.random((count, WIDTHS[name][0])).round(4).astype(np.float32)


def make_network(name: str) -> Network:
    """Return an untrained network whose random weights give each row a different output."""
    rng = np.random.default_rng(0)
    widths = WIDTHS[name]
    activations = ["relu"] * (len(widths) - 2) + ["softmax"]
    return Network(
        Dense(rng.normal(scale=(2 / shape[0]) ** 0.5, size=shape), rng.normal(size=shape[1]), activation)
        for shape, activation in zip(pairwise(widths), activations, strict=True)
    )


def publish_network(folder: Path, name: str) -> Path:
    """Publish a network in a new store, and return the store."""
    store, widths = folder / name, WIDTHS[name]
    model = Model(Features.plain(widths[0]), make_network(name), "classification", tuple(range(widths[-1])))
    golden = Golden.measure(model, make_rows(name, 5).tolist())
    publish(store, name, Artifact(model, golden), {}, {"command": "python -m benchmarks.serving"})
    return store


def write_onnx(python: Path, store: Path, name: str) -> Path:
    """Convert the published file to ONNX, with an interpreter that has the package onnx."""
    target = store.with_suffix(".onnx")
    subprocess.run([python, TO_ONNX, store / name / "1/model.npz", target], check=True)
    return target
