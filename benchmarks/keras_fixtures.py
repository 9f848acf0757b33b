"""Train the cases of `tests/helpers/keras_cases.py` with Keras, and save the results as fixtures of the tests.

    .peers/keras/bin/python -m benchmarks.keras_fixtures

The environment must contain Keras and TensorFlow; `python -m benchmarks.training --set-up` creates it. npserve is not
imported.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

try:
    import keras
except ModuleNotFoundError:
    sys.exit(f"Keras is not installed in this environment.\n\n{__doc__}")
import numpy as np

from tests.helpers import keras_cases
from tests.helpers.keras_cases import BATCH_SIZE, CASES, EPOCHS, HIDDEN, ROWS, Case

FIXTURES = Path(keras_cases.__file__).with_name("keras.npz")
STEPS = EPOCHS * ROWS // BATCH_SIZE


def main() -> None:
    """Train every case in both precisions, and write one file."""
    argparse.ArgumentParser(
        prog="python -m benchmarks.keras_fixtures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    arrays: dict[str, Any] = {"keras": keras.__version__}
    for name, case in CASES.items():
        arrays[f"{name}/initial"] = initial = _initial(case)
        for dtype in ("float32", "float64"):
            model, history = _train(case, initial, dtype)
            arrays[f"{name}/{dtype}/trained"], arrays[f"{name}/{dtype}/history"] = _flatten(model), json.dumps(history)
            for layer in model.layers:
                if isinstance(layer, keras.layers.Dropout):
                    arrays[f"{name}/{dtype}/masks"] = _masks(layer)
        print(f"{name}: {history['loss'][-1]:.4f}", flush=True)
    FIXTURES.parent.mkdir(exist_ok=True)
    np.savez_compressed(FIXTURES, **arrays)


def _set_precision(dtype: str) -> None:
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)


def _initial(case: Case) -> Any:
    """Return the initial weights drawn by Keras, all tensors in one vector."""
    _set_precision("float32")
    keras.utils.set_random_seed(0)
    return _flatten(keras.Sequential(keras_cases.layers(keras, case)))


def _train(case: Case, initial: Any, dtype: str) -> tuple[Any, dict[str, list[float]]]:
    _set_precision(dtype)
    model = keras.Sequential(keras_cases.layers(keras, case))
    ends = np.cumsum([weights.size for weights in model.get_weights()])[:-1]
    parts = zip(np.split(initial, ends), model.get_weights(), strict=True)
    model.set_weights([part.reshape(weights.shape) for part, weights in parts])
    # XLA may draw different random numbers.
    model.compile(**keras_cases.compile_options(keras, case, dtype), jit_compile=False)
    history = model.fit(**keras_cases.fit_options(keras, case)).history
    return model, {name: [float(value) for value in values] for name, values in history.items()}


def _flatten(model: Any) -> Any:
    return np.concatenate([weights.ravel() for weights in model.get_weights()])


def _masks(dropout: Any) -> Any:
    """Return the masks (steps, B, U) of the layer as bits; the seed and the precision determine them."""
    layer = keras.layers.Dropout(dropout.rate, seed=dropout.seed)
    ones = np.ones((BATCH_SIZE, HIDDEN))
    return np.packbits([np.asarray(layer(ones, training=True)) > 0 for _ in range(STEPS)])


if __name__ == "__main__":
    main()
