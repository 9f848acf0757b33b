"""A chain of layers with Keras's methods: compile, fit, evaluate, predict, and our own publish."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Dense as TrainedDense
from nn import Features, Model, Network
from nn.activations import ACTIVATIONS, Array
from training.errors import TrainingError
from training.keras import losses, metrics, optimizers, utils
from training.keras.callbacks import Callback, History, progress
from training.keras.fit import EVALUATION_ROWS, Rows, evaluate, fit
from training.keras.layers import Dense, Layer
from training.keras.parameters import Parameters
from training.keras.steps import Activate, Log, Step
from training.publish import class_labels, publish_arrays


class Sequential:
    """Layers one after another; built when the width of the input is known."""

    parameters: Parameters
    optimizer: optimizers.Optimizer
    loss: losses.Loss
    training_steps: list[Step]

    def __init__(self, layers: Sequence[Layer] | None = None) -> None:
        self.layers: list[Layer] = []
        self.rng = utils.new_generator()
        self.steps: list[Step] = []
        self.history: History | None = None
        self._metrics: list[str] = []
        for layer in layers or []:
            self.add(layer)

    @property
    def built(self) -> bool:
        """Whether the parameters exist."""
        return bool(self.steps)

    def add(self, layer: Layer) -> None:
        """Append a layer."""
        if not isinstance(layer, Layer):
            raise TrainingError(
                f"Only instances of `keras.Layer` can be added to a Sequential model. Received: {layer!r}"
            )
        self.layers.append(layer)

    def build(self, input_shape: Sequence[int | None], dtype: npt.DTypeLike = np.float32) -> None:
        """Create the parameters for inputs of (batch_size, I)."""
        width = input_shape[-1]
        if width is None or len(input_shape) != 2:
            raise TrainingError(f"expected an input shape (None, n), got {tuple(input_shape)}")
        if not any(isinstance(layer, Dense) for layer in self.layers):
            raise TrainingError("a model needs at least one Dense layer")
        widths = [width]
        for layer in self.layers:
            widths.append(layer.output_width(widths[-1]))
        size = sum(layer.count_params(width) for layer, width in zip(self.layers, widths, strict=False))
        self.input_width, self.output_width = width, widths[-1]
        self.parameters = Parameters(size, dtype)
        first = next(number for number, layer in enumerate(self.layers) if isinstance(layer, Dense))
        self.steps = [
            step
            for number, (layer, width) in enumerate(zip(self.layers, widths, strict=False))
            for step in layer.steps(width, number <= first, self.parameters, self.rng)
        ]

    def compile(
        self,
        optimizer: str | optimizers.Optimizer = "rmsprop",
        loss: str | losses.Loss | None = None,
        metrics: Sequence[str] | None = None,
    ) -> None:
        """Choose how to train; the optimizer begins anew."""
        if loss is None:
            raise TrainingError("compile() needs a loss, such as loss='sparse_categorical_crossentropy'")
        self.optimizer, self.loss = optimizers.get(optimizer), losses.get(loss)
        self._metrics = list(metrics or [])
        self.new_metrics()
        self._ready = False

    def new_metrics(self) -> dict[str, metrics.SparseCategoricalAccuracy]:
        """Return the compiled metrics, empty, by the names they were given."""
        return {name: metrics.get(name) for name in self._metrics}

    def fit(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Sequence[Callback] | None = None,
        validation_data: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        shuffle: bool = True,
        initial_epoch: int = 0,
    ) -> History:
        """Train on rows x (B, I) and targets y (B,) in mini-batches (32 rows by default)."""
        rows = self._rows(x, y)
        validation = None if validation_data is None else self._rows(*validation_data)
        batch_size = 32 if batch_size is None else batch_size
        if batch_size < 1:
            raise TrainingError(f"batch_size must be at least 1, got {batch_size}")
        self.history = History()
        told = [*progress(verbose), *(callbacks or []), self.history]
        for callback in told:
            callback.model = self
            callback.params = {"verbose": verbose, "epochs": epochs, "steps": -(-len(rows) // batch_size)}
        fit(
            self,
            rows,
            validation,
            batch_size=batch_size,
            epochs=range(initial_epoch, epochs),
            shuffle=shuffle,
            callbacks=told,
        )
        return self.history

    def evaluate(
        self, x: npt.ArrayLike, y: npt.ArrayLike, return_dict: bool = False
    ) -> float | list[float] | dict[str, float]:
        """Return the loss and the metrics over rows x (B, I) and targets y (B,)."""
        logs = evaluate(self, self._rows(x, y)).logs()
        if return_dict:
            return logs
        figures = [logs["loss"], *(logs[name] for name in self._metrics)]
        return figures if self._metrics else figures[0]

    def predict(self, x: npt.ArrayLike) -> Array:
        """Return the outputs of rows x (B, I) -> (B, C)."""
        inputs = self._inputs(x)
        outputs = np.empty((len(inputs), self.output_width), inputs.dtype)
        for start in range(0, len(inputs), EVALUATION_ROWS):
            part = inputs[start : start + EVALUATION_ROWS]
            for step in self.steps:
                part = step.forward(part, training=False)
            outputs[start : start + len(part)] = part
        return outputs

    def network(self) -> Network:
        """Return the trained network as plain arrays; dropout leaves nothing behind."""
        if not self.built:
            raise TrainingError("the model has no weights yet: call fit() or build() first")
        return Network(
            TrainedDense(layer.kernel, layer.bias, layer.activation)
            for layer in self.layers
            if isinstance(layer, Dense)
        )

    def publish(
        self,
        name: str,
        x: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        *,
        models: str | Path = "models",
        labels: Any = None,
    ) -> int:
        """Publish as the next version of `name`; rows x (B, I) and classes y (B,) give it metrics and golden rows.

        `labels` names the classes, which are numbers otherwise. Returns the version.
        """
        model = self.classifier(Features.plain(self.network().inputs), class_labels(labels, self.network().outputs))
        return publish_arrays(Path(models), name, model, np.asarray(x), None if y is None else np.asarray(y))

    def classifier(self, features: Features, labels: tuple[Any, ...]) -> Model:
        """Return what is published: the network behind its features, its outputs named."""
        network = self.network()
        last = network.layers[-1]
        if last.activation == "linear" and hasattr(self, "loss") and self.loss.from_logits:
            network = Network([*network.layers[:-1], TrainedDense(last.kernel, last.bias, "softmax")])
        try:
            return Model(features, network, "classification", labels)
        except ValueError as error:
            raise TrainingError(f"the model can't be published: {error}") from error

    def _rows(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Rows:
        """Check what is to be learned from, and build the model where that has not happened."""
        if not hasattr(self, "loss"):
            raise TrainingError("You must call `compile()` before using the model.")
        inputs, targets = self._inputs(x), np.asarray(y)
        if len(inputs) != (len(targets) if targets.ndim else 0):
            raise TrainingError(
                "Data cardinality is ambiguous. Make sure all arrays contain the same number of samples."
                f" 'x' sizes: {len(inputs)}, 'y' sizes: {len(targets) if targets.ndim else 0}"
            )
        if not np.isfinite(inputs).all():
            raise TrainingError("x holds NaN or infinity, from which nothing can be learned")
        self._prepare()
        return Rows(inputs, self.loss.check(targets, self.output_width))

    def _inputs(self, x: npt.ArrayLike) -> Array:
        """Return x as (B, I) in the precision of the model."""
        array = np.asarray(x)
        declared = next((layer.input_shape for layer in self.layers if layer.input_shape), None)
        if not self.built:
            self.build((None, *declared) if declared else array.shape)
        if array.ndim != 2 or array.shape[1] != self.input_width:
            fits = array.ndim > 2 and np.prod(array.shape[1:]) == self.input_width
            hint = ": did you mean x.reshape(len(x), -1)?" if fits else ""
            raise TrainingError(f"expected x of shape (n, {self.input_width}), got {array.shape}{hint}")
        if not len(array):
            raise TrainingError("x has no rows")
        return np.asarray(array, self.parameters.values.dtype)

    def _prepare(self) -> None:
        """Fit the end of the model to the loss, once after each compile."""
        if self._ready:
            return
        last = self.steps[-1]
        if self.loss.from_logits:
            self.training_steps = self.steps
        elif isinstance(last, Activate) and last.activation is ACTIVATIONS[self.loss.absorbs]:
            self.training_steps = self.steps[:-1]
        else:
            self.training_steps = [*self.steps, Log()]
        self.optimizer.build(self.parameters.values)
        self._ready = True
