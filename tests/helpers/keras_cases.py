"""Training cases for Keras and for the Keras-compatible API: each case receives the module to build its objects from.

`python -m benchmarks.keras_fixtures` trains these cases with Keras and stores the results; `test_fixtures.py` trains
them with npserve. Each case trains for 200 steps of 16 rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

ROWS, VALIDATION_ROWS, INPUTS, HIDDEN, CLASSES = 800, 200, 8, 12, 3
BATCH_SIZE, EPOCHS = 16, 4
DROPOUT_SEED = 1

Arrays = dict[str, npt.NDArray[Any]]
Make = Callable[[Any], Any]  # receives a module such as keras.layers


@dataclass(frozen=True)
class Case:
    """The training of a network with 8 inputs: its layers, and the arguments of `compile` and `fit`."""

    layers: Make  # receives the module keras
    optimizer: Make = lambda optimizers: optimizers.SGD(0.05)
    loss: Make = lambda losses: "sparse_categorical_crossentropy"
    metrics: Make = lambda metrics: ["accuracy"]
    targets: str = "classes"
    callbacks: Make = lambda callbacks: []
    fit: Callable[[Any, Arrays], dict[str, Any]] = lambda keras, data: {}
    shape: tuple[int, ...] = (INPUTS,)


def dense(activation: str = "tanh", last: str | None = "softmax", outputs: int = CLASSES, **options: Any) -> Make:
    """Return a function for a layer of 12 units with these options, and the last layer."""
    return lambda keras: [
        keras.layers.Dense(HIDDEN, activation=activation, **options),
        keras.layers.Dense(outputs, activation=last),
    ]


def data(shape: tuple[int, ...] = (INPUTS,)) -> Arrays:
    """Return inputs (1000, …), targets of each kind and weights, identical on every machine."""
    rng = np.random.RandomState(0)  # its stream is stable across NumPy versions, unlike that of a Generator
    x = rng.standard_normal((ROWS + VALIDATION_ROWS, INPUTS)).astype(np.float32)
    x[:, 3] = 0  # an input that is always zero must have no effect
    score = x @ rng.standard_normal((INPUTS, CLASSES)) + 0.5 * rng.standard_normal((len(x), CLASSES))
    classes = score.argmax(axis=1)
    return {
        "x": x.reshape(-1, *shape),
        "classes": classes,
        "one hot": np.eye(CLASSES)[classes],
        "binary": (score[:, :1] > 0).astype(float),
        "numbers": np.tanh(score[:, :2]) + 2,
        "weights": rng.uniform(0.1, 2, len(x)),
    }


def compile_options(keras: Any, case: Case, dtype: str) -> dict[str, Any]:
    """Return the arguments of `compile`, without metrics in float64, because Keras fails for some of them."""
    return {
        "optimizer": case.optimizer(keras.optimizers),
        "loss": case.loss(keras.losses),
        "metrics": case.metrics(keras.metrics) if dtype == "float32" else [],
    }


def fit_options(keras: Any, case: Case) -> dict[str, Any]:
    """Return the arguments of `fit`."""
    arrays = data(case.shape)
    x, y = arrays["x"], arrays[case.targets]
    options = {
        "x": x[:ROWS],
        "y": y[:ROWS],
        "validation_data": (x[ROWS:], y[ROWS:]),
        "batch_size": BATCH_SIZE,
        "epochs": EPOCHS,
        "shuffle": False,
        "verbose": 0,
        "callbacks": case.callbacks(keras.callbacks),
    }
    return options | case.fit(keras, {name: array[:ROWS] for name, array in arrays.items()})


def layers(keras: Any, case: Case) -> list[Any]:
    """Return all layers, beginning with the input."""
    return [keras.Input(case.shape), *case.layers(keras)]


OPTIMIZERS: dict[str, Make] = {
    "sgd": lambda o: o.SGD(0.05),
    "sgd with momentum": lambda o: o.SGD(0.02, momentum=0.9),
    "sgd with nesterov": lambda o: o.SGD(0.02, momentum=0.9, nesterov=True),
    "clipnorm": lambda o: o.SGD(0.05, clipnorm=0.1),
    "global_clipnorm": lambda o: o.SGD(0.05, global_clipnorm=0.1),
    "clipvalue": lambda o: o.SGD(0.05, clipvalue=0.01),
    "adam": lambda o: o.Adam(),
    "adam with own constants": lambda o: o.Adam(0.003, beta_1=0.8, beta_2=0.99, epsilon=1e-5),
    "adam with clipnorm": lambda o: o.Adam(clipnorm=0.1),
    "adamw": lambda o: o.AdamW(),
    "adamw with a strong decay": lambda o: o.AdamW(0.003, weight_decay=0.1),
    "rmsprop": lambda o: o.RMSprop(),
    "rmsprop with momentum": lambda o: o.RMSprop(0.0005, rho=0.8, momentum=0.9),
    "cosine": lambda o: o.SGD(o.schedules.CosineDecay(0.05, 150, alpha=0.1)),
    "cosine with warm-up": lambda o: o.SGD(o.schedules.CosineDecay(0.0, 100, warmup_target=0.05, warmup_steps=50)),
    "exponential": lambda o: o.SGD(o.schedules.ExponentialDecay(0.05, 40, 0.5)),
    "staircase": lambda o: o.SGD(o.schedules.ExponentialDecay(0.05, 40, 0.5, staircase=True)),
    "piecewise constant": lambda o: o.SGD(o.schedules.PiecewiseConstantDecay([50, 120], [0.05, 0.02, 0.005])),
}

# For each loss: activation of the last layer, number of outputs, targets, loss, metrics.
LOSSES: dict[str, tuple[str | None, int, str, Make, Make]] = {
    "sparse crossentropy of logits": (
        None,
        CLASSES,
        "classes",
        lambda lo: lo.SparseCategoricalCrossentropy(from_logits=True),
        lambda m: ["sparse_categorical_accuracy", m.SparseTopKCategoricalAccuracy(k=2, name="top")],
    ),
    "crossentropy": (
        "softmax",
        CLASSES,
        "one hot",
        lambda lo: "categorical_crossentropy",
        lambda m: ["accuracy", m.TopKCategoricalAccuracy(k=2, name="top")],
    ),
    "crossentropy of logits, smoothed": (
        None,
        CLASSES,
        "one hot",
        lambda lo: lo.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        lambda m: ["categorical_accuracy"],
    ),
    "crossentropy, smoothed": (
        "softmax",
        CLASSES,
        "one hot",
        lambda lo: lo.CategoricalCrossentropy(label_smoothing=0.2),
        lambda m: ["mse"],
    ),
    "binary crossentropy": (
        "sigmoid",
        1,
        "binary",
        lambda lo: "binary_crossentropy",
        lambda m: ["accuracy", m.AUC(name="auc"), m.Precision(name="precision"), m.Recall(name="recall")],
    ),
    "binary crossentropy of logits, smoothed": (
        None,
        1,
        "binary",
        lambda lo: lo.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
        lambda m: [],
    ),
    "binary crossentropy of three outputs": (
        "sigmoid",
        CLASSES,
        "one hot",
        lambda lo: lo.BinaryCrossentropy(label_smoothing=0.1),
        lambda m: ["binary_accuracy"],
    ),
    "mse": (None, 2, "numbers", lambda lo: "mse", lambda m: ["mae", "mean_squared_error"]),
    "mae": (None, 2, "numbers", lambda lo: "mean_absolute_error", lambda m: ["mse"]),
    "huber": (None, 2, "numbers", lambda lo: "huber", lambda m: ["mean_absolute_error"]),
    "huber, narrow": (None, 2, "numbers", lambda lo: lo.Huber(delta=0.1), lambda m: []),
}

ACTIVATIONS = ("linear", "relu", "leaky_relu", "elu", "selu", "sigmoid", "gelu", "silu", "softmax")

OPTIONS: dict[str, dict[str, Any]] = {
    "l1": {"kernel_regularizer": "l1"},
    "l2": {"kernel_regularizer": "l2", "bias_regularizer": "l1"},
    "no bias": {"use_bias": False},
}

# The layers before the last one.
LAYERS: dict[str, Make] = {
    "layer ReLU": lambda keras: [keras.layers.Dense(HIDDEN), keras.layers.ReLU()],
    "layer LeakyReLU": lambda keras: [keras.layers.Dense(HIDDEN), keras.layers.LeakyReLU(negative_slope=0.1)],
    "layer ELU": lambda keras: [keras.layers.Dense(HIDDEN), keras.layers.ELU()],
    "layer Softmax": lambda keras: [keras.layers.Dense(HIDDEN), keras.layers.Softmax()],
    "activation": lambda keras: [keras.layers.Dense(HIDDEN), keras.layers.Activation("relu")],
    "l1 and l2": lambda keras: [
        keras.layers.Dense(HIDDEN, "tanh", kernel_regularizer=keras.regularizers.L1L2(l1=0.003, l2=0.02))
    ],
    # Without a bias, which would have no effect and would contain only rounding errors.
    "batch normalization": lambda keras: [
        keras.layers.Dense(HIDDEN, use_bias=False),
        keras.layers.BatchNormalization(),
        keras.layers.Activation("tanh"),
    ],
    "batch normalization first": lambda keras: [
        keras.layers.BatchNormalization(momentum=0.8, epsilon=0.01),
        keras.layers.Dense(HIDDEN),
    ],
    "batch normalization, not scaled": lambda keras: [
        keras.layers.Dense(HIDDEN, "tanh"),
        keras.layers.BatchNormalization(scale=False),
    ],
    "batch normalization, not centred": lambda keras: [
        keras.layers.Dense(HIDDEN, "tanh"),
        keras.layers.BatchNormalization(center=False),
    ],
    "dropout": lambda keras: [
        keras.layers.Dense(HIDDEN, activation="tanh"),
        keras.layers.Dropout(0.3, seed=DROPOUT_SEED),
    ],
    "rescaling": lambda keras: [
        keras.layers.Rescaling(0.5, offset=-0.2),
        keras.layers.Dense(HIDDEN, activation="tanh"),
    ],
    "normalization": lambda keras: [
        keras.layers.Normalization(mean=np.arange(INPUTS) / 8, variance=np.arange(1.0, INPUTS + 1)),
        keras.layers.Dense(HIDDEN, activation="tanh"),
    ],
}

# The arguments of `fit` that a source of batches replaces.
BATCHES: dict[str, Any] = {"y": None, "batch_size": None}
STEPS_PER_EPOCH = ROWS // BATCH_SIZE


def _batches(data: Arrays, *weights: str) -> Iterator[tuple[Any, ...]]:
    """Yield batches of the rows again and again."""
    while True:
        for start in range(0, ROWS, BATCH_SIZE):
            yield tuple(data[name][start : start + BATCH_SIZE] for name in ("x", "classes", *weights))


def _sequence(keras: Any, data: Arrays) -> Any:
    class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # of the module that is given
        def __len__(self) -> int:
            return STEPS_PER_EPOCH

        def __getitem__(self, index: int) -> tuple[Any, ...]:
            part = slice(index * BATCH_SIZE, (index + 1) * BATCH_SIZE)
            return data["x"][part], data["classes"][part]

    return Batches()


def _frame(x: npt.NDArray[Any]) -> pd.DataFrame:
    """Return inputs with a column of integers; with booleans too, Keras itself fails in float64."""
    frame = pd.DataFrame(x.astype(float), columns=[f"c{i}" for i in range(INPUTS)])
    return frame.assign(c0=np.round(frame.c0).astype(int))


RUNS: dict[str, dict[str, Any]] = {
    "class weights": {"fit": lambda keras, data: {"class_weight": {0: 0.5, 1: 2.0, 2: 1.0}}},
    "sample weights": {"fit": lambda keras, data: {"sample_weight": data["weights"]}},
    "sample weights in validation": {
        "fit": lambda keras, data: {
            "validation_data": tuple(data[name][:100] for name in ("x", "classes", "weights")),
            "validation_freq": 2,
        }
    },
    "validation split": {"fit": lambda keras, data: {"validation_split": 0.23, "validation_data": None}},
    "a batch that is not full": {"fit": lambda keras, data: {"batch_size": 48}},
    "a generator": {"fit": lambda keras, data: BATCHES | {"x": _batches(data), "steps_per_epoch": STEPS_PER_EPOCH}},
    "a generator with weights": {
        "fit": lambda keras, data: BATCHES | {"x": _batches(data, "weights"), "steps_per_epoch": STEPS_PER_EPOCH}
    },
    "a generator with fewer steps": {"fit": lambda keras, data: BATCHES | {"x": _batches(data), "steps_per_epoch": 20}},
    "a Sequence": {"fit": lambda keras, data: BATCHES | {"x": _sequence(keras, data)}},
    "a Sequence with class weights": {
        "fit": lambda keras, data: BATCHES | {"x": _sequence(keras, data), "class_weight": {0: 0.5, 1: 2.0, 2: 1.0}}
    },
    "a Sequence for validation": {"fit": lambda keras, data: {"validation_data": _sequence(keras, data)}},
    "a frame of several types": {"fit": lambda keras, data: {"x": _frame(data["x"]), "validation_data": None}},
    "sample weights in a Series": {
        "fit": lambda keras, data: {"sample_weight": pd.Series(data["weights"], index=np.arange(ROWS) * 10.0)}
    },
    "two metrics of one name": {
        "layers": dense(last="sigmoid", outputs=1),
        "loss": lambda losses: "binary_crossentropy",
        "metrics": lambda metrics: [metrics.BinaryAccuracy(), metrics.BinaryAccuracy(threshold=0.7)],
        "targets": "binary",
    },
    "initial epoch": {"fit": lambda keras, data: {"initial_epoch": 2}},
    "scheduled": {"callbacks": lambda c: [c.LearningRateScheduler(lambda epoch, rate: rate * 0.5)]},
    "reduced on a plateau": {
        "callbacks": lambda c: [c.ReduceLROnPlateau(monitor="val_loss", factor=0.3, patience=1, min_delta=0.1)]
    },
    "stopped early": {
        "optimizer": lambda o: o.SGD(0.3),
        "callbacks": lambda c: [c.EarlyStopping(patience=1, min_delta=0.05, restore_best_weights=True)],
    },
}


def _before_the_last(make: Make) -> Make:
    return lambda keras: [*make(keras), keras.layers.Dense(CLASSES, activation="softmax")]


def _flat(keras: Any) -> list[Any]:
    return [keras.layers.Flatten(), *dense()(keras)]


def _rescaled(keras: Any) -> list[Any]:
    return [*dense()(keras), keras.layers.Rescaling(0.9, offset=0.03)]


def _cases() -> dict[str, Case]:
    cases = {name: Case(dense(), make) for name, make in OPTIMIZERS.items()}
    for name, (last, outputs, targets, loss, metrics) in LOSSES.items():
        cases[name] = Case(dense(last=last, outputs=outputs), loss=loss, metrics=metrics, targets=targets)
    cases |= {name: Case(dense(name)) for name in ACTIVATIONS}
    cases |= {name: Case(dense(**options)) for name, options in OPTIONS.items()}
    cases |= {name: Case(_before_the_last(make)) for name, make in LAYERS.items()}
    cases["crossentropy of rescaled probabilities"] = Case(_rescaled)
    cases["flatten"] = Case(_flat, shape=(2, INPUTS // 2))
    return cases | {name: Case(**{"layers": dense(), **options}) for name, options in RUNS.items()}


CASES = _cases()
