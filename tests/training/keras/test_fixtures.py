"""Compares training with Keras 3, whose weights and histories for every case in `keras_cases` are stored in a file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.helpers import keras_cases
from tests.helpers.keras_cases import BATCH_SIZE, CASES, EPOCHS, HIDDEN, ROWS, Case
from training import keras
from training.keras.engine.ops import DropoutOp

FIXTURES = Path(keras_cases.__file__).with_name("keras.npz")
TOLERANCE = 1e-5  # the largest difference in a tensor, relative to its largest weight
Vector = npt.NDArray[Any]


@pytest.fixture(scope="module")
def kept() -> Iterator[Any]:
    with np.load(FIXTURES) as file:
        yield file


class Recorded:
    """A generator that replays the dropout masks of Keras, one epoch per draw: a kept unit is the largest number."""

    def __init__(self, masks: Vector) -> None:
        bits = np.unpackbits(masks)
        self.epochs = iter(np.where(bits, 65535, 0).astype(np.uint16).reshape(EPOCHS, -1))
        self.bit_generator = self

    def random_raw(self, count: int) -> npt.NDArray[np.uint64]:
        return next(self.epochs).view(np.uint64)


def _train(case: Case, initial: Vector, masks: Vector | None, dtype: str) -> tuple[keras.Sequential, dict[str, Any]]:
    model = keras.Sequential(keras_cases.layers(keras, case))
    model.build((None, *case.shape), dtype)
    parts = np.split(initial, np.cumsum([weights.size for weights in model.get_weights()])[:-1])
    model.set_weights([part.reshape(own.shape) for part, own in zip(parts, model.get_weights(), strict=True)])
    for op in model.stack.ops:
        if isinstance(op, DropoutOp):
            assert masks is not None
            op.rng = Recorded(masks)  # type: ignore[assignment]
    model.compile(**keras_cases.compile_options(keras, case, dtype))
    history = model.fit(**keras_cases.fit_options(keras, case)).history
    return model, history


def _differences(model: keras.Sequential, expected: Vector) -> Iterator[float]:
    own = model.get_weights()
    parts = np.split(expected, np.cumsum([weights.size for weights in own])[:-1])
    for weights, part in zip(own, parts, strict=True):
        yield float(np.abs(weights.ravel() - part).max() / np.abs(part).max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_200_steps_give_the_weights_of_keras(name: str, dtype: str, kept: Any) -> None:
    masks = kept.get(f"{name}/{dtype}/masks")
    model, history = _train(CASES[name], kept[f"{name}/initial"], masks, dtype)
    assert max(_differences(model, kept[f"{name}/{dtype}/trained"])) <= TOLERANCE
    expected = json.loads(str(kept[f"{name}/{dtype}/history"]))
    assert history.keys() == expected.keys()
    for key, values in expected.items():
        assert history[key] == pytest.approx(values, rel=1e-4, abs=1e-6), key


def test_the_stored_dropout_masks_cover_every_step(kept: Any) -> None:
    assert ROWS % BATCH_SIZE == 0
    for dtype in ("float32", "float64"):
        masks = np.unpackbits(kept[f"dropout/{dtype}/masks"])
        assert masks.size == EPOCHS * ROWS * HIDDEN
        assert 0.68 < masks.mean() < 0.72
