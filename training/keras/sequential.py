"""The Sequential model: layers one after another, compiled, fitted, evaluated, saved and published."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Dense as TrainedDense
from nn import Features, Model, Network
from nn.activations import ACTIVATIONS, Array
from nn.network import NetworkError
from training.errors import TrainingError
from training.keras import losses, optimizers, utils
from training.keras.callbacks import (
    BackupAndRestore,
    Callback,
    Callbacks,
    History,
    as_callbacks,
    figures_line,
    progress,
)
from training.keras.checks import check_count
from training.keras.engine.arguments import as_array, read_rows, read_source, read_steps, read_validation, split_off
from training.keras.engine.data_adapter import Batch
from training.keras.engine.fit import EVALUATION_ROWS, Figures, evaluate, fit, train_on_batch
from training.keras.engine.narrowing import narrowed
from training.keras.engine.ops import Activate, Affine, Drop, Normalize, Step
from training.keras.engine.parameters import Index, Parameter, Parameters
from training.keras.folding import fold
from training.keras.layers import Input, Layer
from training.keras.layers.base import Trained, check_weights
from training.keras.metrics import Metric, check_metric, get_metric
from training.keras.regularizers import L1L2
from training.keras.saving import model_file
from training.keras.summary import summary
from training.publishing.publish import class_labels, publish_arrays


class Sequential(Trained):
    """Layers one after another; built when weights are asked for, or data seen, and the shape of a row is known."""

    parameters: Parameters
    optimizer: optimizers.Optimizer
    loss: losses.Loss
    training_steps: list[Step]

    def __init__(self, layers: Sequence[Layer] | None = None, name: str = "sequential") -> None:
        self.name = name
        self.layers: list[Layer] = []
        self._declared_shape: tuple[int, ...] | None = None
        self.rng = utils.new_generator()
        self.steps: list[Step] = []
        self.history: History | None = None
        self.metrics: list[Any] = []
        self.built = self.compiled = False
        self.callbacks: list[Callback] = []
        self.stop_training = self.interrupted = False
        self.next_epoch = 0
        self.remaining: Index = np.empty(0, np.intp)  # rows of this pass that the next epoch takes
        for layer in layers or []:
            self.add(layer)

    def add(self, layer: Layer) -> None:
        """Append a layer."""
        if not isinstance(layer, Layer):
            raise TrainingError(
                f"Only instances of `keras.Layer` can be added to a Sequential model. Received: {layer!r}"
            )
        if isinstance(layer, Input):
            self._declare(layer)
        elif self.built:
            self._add_to_built(layer)
        else:
            self.layers.append(layer)

    def _declare(self, layer: Input) -> None:
        """Remember the shape of a row; as in Keras an Input is none of the model's `layers`."""
        if self.layers or self._declared_shape:
            raise TrainingError(f"{layer.name} comes too late: an Input comes before all layers, once")
        self._declared_shape = layer.shape

    def _add_to_built(self, layer: Layer) -> None:
        """Build anew with one layer more; the others keep their weights, whether it fits or not."""
        kept, shape, dtype = self.get_weights(), (None, *self.input_shape), self.dtype
        self.layers.append(layer)
        try:
            self.build(shape, dtype)
        except TrainingError:
            self.layers.pop()
            self.build(shape, dtype)
            raise
        finally:
            self.set_weights([*kept, *self.get_weights()[len(kept) :]])

    @property
    def declared_shape(self) -> tuple[int, ...] | None:
        """The shape of a row, where an Input or a layer says it."""
        return self._declared_shape or next((layer.input_shape for layer in self.layers if layer.input_shape), None)

    def build(self, input_shape: Sequence[int | None], dtype: npt.DTypeLike = np.float32) -> None:
        """Create the parameters for inputs of (batch_size, …)."""
        shape = tuple(input_shape[1:])
        if not shape or any(size is None or size < 1 for size in shape):
            raise TrainingError(f"expected an input shape (None, n), got {tuple(input_shape)}")
        if not self.layers:
            raise TrainingError("a model needs at least one layer")
        shapes = [tuple(int(size) for size in shape if size)]
        for layer in self.layers:
            shapes.append(layer.output_shape(shapes[-1]))
        self.input_shape, self.input_width = shapes[0], int(np.prod(shapes[0]))
        self.output_width = int(np.prod(shapes[-1]))
        pairs = list(zip(self.layers, shapes, strict=False))
        self.dtype = np.dtype(dtype)
        self.parameters = Parameters(
            [tensor for layer, shape in pairs for tensor in layer.make_parameters(shape, self.dtype)], dtype
        )
        trained = [bool(layer.parameters) for layer in self.layers]
        for number, (layer, shape) in enumerate(pairs):
            layer.build(shape, not any(trained[:number]), self.rng)
        self.steps = [step for layer in self.layers for step in layer.steps]
        self.regularized: list[tuple[Parameter, L1L2]] = [pair for layer in self.layers for pair in layer.regularized]
        self.built = True
        if self.compiled:
            self._prepare()

    def compile(
        self,
        optimizer: str | optimizers.Optimizer = "rmsprop",
        loss: str | losses.Loss | None = None,
        metrics: Sequence[Any] | None = None,
    ) -> None:
        """Choose how to train; the optimizer begins anew."""
        if loss is None:
            raise TrainingError("compile() needs a loss, such as loss='sparse_categorical_crossentropy'")
        self.optimizer, self.loss = optimizers.get(optimizer), losses.get(loss)
        self.metrics = list(metrics or [])
        for metric in self.metrics:
            check_metric(metric)
        self.compiled = True
        if self.built:
            self._prepare()

    def _prepare(self) -> None:
        """Fit the end of the model to the loss, and make room for the optimizer."""
        self.training_steps = list(self.steps)
        if isinstance(self.loss, losses.Crossentropy) and not self.loss.from_logits and self.steps:
            last, absorbed = self.steps[-1], ACTIVATIONS[str(self.loss.absorbs)]
            if isinstance(last, Activate) and last.activation is absorbed:
                self.training_steps.pop()
            else:
                self.training_steps.append(self.loss.recover())
        # What comes before the first trained layer has no use for a gradient.
        trained = (number for number, step in enumerate(self.steps) if isinstance(step, Affine | Normalize))
        self.first_trained = next(trained, len(self.steps))
        self.backward_steps = self.training_steps[self.first_trained :][::-1]
        self.optimizer.build(self.parameters.values)

    @property
    def generators(self) -> list[np.random.Generator]:
        """Everything that training draws from: the order of the rows, and each dropout."""
        return [self.rng, *(step.rng for step in self.steps if isinstance(step, Drop))]

    def restart_generators(self) -> None:
        """Make what is drawn depend on the state of the generators alone."""
        for step in self.steps:
            if isinstance(step, Drop):
                step.restart()

    def new_metrics(self, y: npt.NDArray[Any]) -> dict[str, Metric]:
        """Return the compiled metrics, empty, by their names."""
        made = [get_metric(metric, y, self.output_width) for metric in self.metrics]
        return {metric.name: metric for metric in made}

    def penalty(self) -> float:
        """Return what the regularizers add to the loss."""
        return sum(regularizer.penalty(parameter.values) for parameter, regularizer in self.regularized)

    def fit(
        self,
        x: Any,
        y: npt.ArrayLike,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Callback | Sequence[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: tuple[Any, ...] | None = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: npt.ArrayLike | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Train on rows x (B, …), an array or a source, and targets y in mini-batches (32 rows by default).

        `epochs` is the number of the last epoch, as in Keras: training goes on from `initial_epoch` to it.
        With `steps_per_epoch` an epoch begins at the rows where the one before ended, and ends early where the rows do.
        """
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_off(x, y, sample_weight, validation_split)
        rows = read_rows(self, x, y, sample_weight, class_weight)
        batch_size = 32 if batch_size is None else batch_size
        check_count("batch_size", batch_size)
        check_count("validation_freq", validation_freq)
        validation_batch = batch_size if validation_batch_size is None else validation_batch_size
        validation = read_validation(self, validation_data, validation_steps, validation_batch)
        steps = read_steps(steps_per_epoch, len(rows), batch_size)
        self.metric_directions = {name: metric.direction for name, metric in self.new_metrics(rows.y).items()}
        self.history = History()
        given = as_callbacks(callbacks)
        backups = [callback for callback in given if isinstance(callback, BackupAndRestore)]
        others = [callback for callback in given if callback not in backups]
        # Backups come last: they keep what all others know.
        self.callbacks = [*progress(verbose), *others, self.history, *backups]
        self.stop_training, self.interrupted, self.next_epoch = False, False, initial_epoch
        self.remaining = np.empty(0, np.intp)
        told = {"verbose": verbose, "epochs": epochs, "steps": steps, "do_validation": validation is not None}
        with narrowed(self, rows) as rows:
            fit(
                self,
                rows,
                validation,
                batch_size=batch_size,
                epochs=epochs,
                steps=steps,
                shuffle=shuffle,
                validation_freq=validation_freq,
                callbacks=Callbacks(self.callbacks, self, told),
            )
        return self.history

    def evaluate(
        self,
        x: Any,
        y: npt.ArrayLike,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: npt.ArrayLike | None = None,
        *,
        callbacks: Callback | Sequence[Callback] | None = None,
        return_dict: bool = False,
    ) -> float | list[float] | dict[str, float]:
        """Return the loss and the metrics over rows x (B, …) and targets y; print them unless `verbose` is 0.

        They do not depend on a batch size: it is taken for the sake of programs that give one.
        """
        told = Callbacks(as_callbacks(callbacks), self, {"verbose": verbose})
        figures = evaluate(self, read_rows(self, x, y, sample_weight), told)
        if verbose != 0:
            print(figures_line(figures), flush=True)
        return self._figures(figures, return_dict)

    def train_on_batch(
        self,
        x: Any,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> float | list[float] | dict[str, float]:
        """Take one step with all these rows; return the loss and the metrics before it."""
        rows = read_rows(self, x, y, sample_weight, class_weight)
        inputs = np.empty(rows.source.shape, self.dtype)
        rows.source.gather(np.arange(len(rows)), inputs)
        figures = Figures(self, rows.y)
        with np.errstate(over="ignore", invalid="ignore"):
            train_on_batch(self, Batch(inputs, rows.y, rows.weights), figures)
        return self._figures(figures, return_dict)

    def test_on_batch(
        self, x: Any, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None, return_dict: bool = False
    ) -> float | list[float] | dict[str, float]:
        """Return the loss and the metrics over these rows."""
        return self.evaluate(x, y, verbose=0, sample_weight=sample_weight, return_dict=return_dict)

    def _figures(self, figures: Mapping[str, float], return_dict: bool) -> float | list[float] | dict[str, float]:
        if return_dict:
            return dict(figures)
        # The loss comes first, then the metrics as they were given.
        names = [metric if isinstance(metric, str) else metric.name for metric in self.metrics]
        listed = [figures["loss"], *(figures[name] for name in names)]
        return listed if names else listed[0]

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        *,
        callbacks: Callback | Sequence[Callback] | None = None,
    ) -> Array:
        """Return the outputs of rows x (B, …) -> (B, C).

        It is done before a bar could be seen: what programs say about batches and bars is taken, and changes nothing.
        """
        source, told = read_source(self, x), Callbacks(as_callbacks(callbacks), self, {"verbose": verbose})
        rows = source.shape[0]
        outputs = np.empty((rows, self.output_width), self.dtype)
        told.tell("on_predict_begin", {})
        for number, start in enumerate(range(0, rows, EVALUATION_ROWS)):
            told.tell("on_predict_batch_begin", number, {})
            index = np.arange(start, min(start + EVALUATION_ROWS, rows))
            part: Array = np.empty((len(index), self.input_width), self.dtype)
            source.gather(index, part)
            for step in self.steps:
                part = step.forward(part, training=False)
            outputs[index] = part
            told.tell("on_predict_batch_end", number, {"outputs": part})
        told.tell("on_predict_end", {})
        return outputs

    predict_on_batch = predict

    def get_weights(self) -> list[Array]:
        """Return copies of all weights, layer by layer: kernel, bias; gamma, beta, mean, variance."""
        self._ensure_built()
        return [weights.copy() for layer in self.layers for weights in layer.weights]

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Take weights in the order of `get_weights`."""
        self._ensure_built()
        check_weights(self.name, [own for layer in self.layers for own in layer.weights], weights)
        left = list(weights)
        for layer in self.layers:
            count = len(layer.weights)
            layer.set_weights(left[:count])
            left = left[count:]

    def _ensure_built(self) -> None:
        if self.built:
            return
        if self.declared_shape is None:
            raise TrainingError("the model has no weights yet: call fit() or build() first")
        self.build((None, *self.declared_shape))

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print the layers, their output shapes and how many parameters they have."""
        # What can't be built yet, such as a Normalization that has seen no data, is shown as it is.
        with suppress(TrainingError):
            self._ensure_built()
        print_fn(summary(self))

    def save(self, filepath: str | Path) -> None:
        """Save the whole model as a .npz, to be read by `models.load_model`."""
        self._ensure_built()
        model_file.save_model(self, Path(filepath))

    def save_weights(self, filepath: str | Path) -> None:
        """Save the weights alone as a .npz."""
        model_file.save_weights(self, Path(filepath))

    def load_weights(self, filepath: str | Path) -> None:
        """Take the weights of a file into a model of the same layers."""
        model_file.load_weights(self, Path(filepath))

    def network(self) -> Network:
        """Return the trained network as plain arrays; dropout leaves nothing behind, scales are folded in."""
        self._ensure_built()
        try:
            return fold(self.layers)
        except NetworkError as error:
            raise TrainingError(f"the model can't be used outside training: {error}") from error

    def publish(
        self,
        name: str,
        x: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        *,
        models: str | Path = "models",
        labels: Any = None,
    ) -> int:
        """Publish as the next version of `name`; rows x (B, …) and targets y give it metrics and golden rows.

        `labels` names the classes, which are numbered otherwise. Returns the version.
        """
        features = Features.plain(self.network().inputs)
        model = self.regression(features) if self._regresses() else self.classifier(features, labels)
        rows, targets = as_array("x", x), None if y is None else as_array("y", y)
        if rows.ndim > 2 and len(rows):
            rows = rows.reshape(len(rows), -1)
        return publish_arrays(Path(models), name, model, rows, targets)

    def _regresses(self) -> bool:
        return self.compiled and isinstance(self.loss, losses.Distance)

    def classifier(self, features: Features, labels: Sequence[Any] | None = None) -> Model:
        """Return what is published: the network behind its features, its outputs named."""
        network = self.network()
        if self.compiled and self.loss.from_logits and network.layers[-1].activation == "linear":
            network = _activated(network, str(self.loss.absorbs))
        return _model(features, network, "classification", class_labels(labels, network.outputs))

    def regression(self, features: Features) -> Model:
        """Return what is published: the network behind its features."""
        return _model(features, self.network(), "regression", ())


def _activated(network: Network, activation: str) -> Network:
    """Return the network with its last activation, which the loss had taken over."""
    last = network.layers[-1]
    if activation == "sigmoid" and network.outputs == 1:
        kernel, bias = (np.concatenate([np.zeros_like(part), part], axis=-1) for part in (last.kernel, last.bias))
        return Network([*network.layers[:-1], TrainedDense(kernel, bias, "softmax")])
    return Network([*network.layers[:-1], TrainedDense(last.kernel, last.bias, activation)])


def _model(features: Features, network: Network, task: str, labels: tuple[Any, ...]) -> Model:
    try:
        return Model(features, network, task, labels)
    except ValueError as error:
        raise TrainingError(f"the model can't be published: {error}") from error
