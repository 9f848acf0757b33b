"""The Sequential model: Keras's public methods, implemented by `engine`.

A model holds a layer stack, a compiled model once `compile` has been called, and the state of the latest `fit`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from nn import Features, Model, Network
from nn.activations import Array
from training.errors import TrainingError
from training.keras import export
from training.keras.callbacks import Callback, History
from training.keras.callbacks.callback_list import CallbackList, fit_callbacks
from training.keras.callbacks.progress import format_logs
from training.keras.checks import reject_unknown_arguments
from training.keras.engine import fit_plan as plans
from training.keras.engine.arguments import ClassWeight, read_inputs, read_samples
from training.keras.engine.compiled_model import CompiledAttribute, CompiledModel, Results
from training.keras.engine.layer_stack import LayerStack
from training.keras.engine.loops import evaluation_loop, fit_loop, prediction_loop, train_on_samples
from training.keras.layers.base import AlwaysTrainable, Layer
from training.keras.saving.archive import read_archive, write_archive
from training.keras.saving.model_file import save_model
from training.keras.summary import summary_table

WITHOUT_EFFECT = {"run_eagerly", "jit_compile", "steps_per_execution", "auto_scale_loss"}  # arguments of `compile`
Callbacks = Callback | Sequence[Callback] | None


class Sequential(AlwaysTrainable):
    """`Sequential` groups a linear stack of layers into a model.

    A typical script calls `compile`, `fit` and `evaluate`, then `publish` or `save`.

    Args:
        layers: Optional list of layers to add to the model.
        name: Optional name of the model.
    """

    optimizer, loss, metrics = CompiledAttribute(), CompiledAttribute(), CompiledAttribute([])
    _compiled_model: CompiledModel | None = None
    history: History | None = None

    def __init__(self, layers: Sequence[Layer] | None = None, name: str = "sequential") -> None:
        self.name, self.stack, self.fit_state = name, LayerStack(name), plans.FitState()
        self.layers = self.stack.layers
        for layer in layers or []:
            self.add(layer)

    def add(self, layer: Layer) -> None:
        """Adds a layer instance on top of the layer stack."""
        self.stack.add(layer)

    def build(self, input_shape: Sequence[int | None], dtype: npt.DTypeLike = "float32") -> None:
        """Creates the weights for inputs of shape `input_shape`, (batch_size, …)."""
        self.stack.build(input_shape, dtype)

    @property
    def built(self) -> bool:
        """Whether the weights have been created."""
        return self.stack.built

    def get_weights(self) -> list[Array]:
        """Returns copies of all weights, layer by layer: kernel, bias; gamma, beta, mean, variance."""
        return self.stack.get_weights()

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Sets the weights from a list of arrays in the order of `get_weights`."""
        self.stack.set_weights(weights)

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Sequence[Any] | None = None, **compatible: Any
    ) -> None:
        """Configures the model for training, and resets the optimizer.

        Args:
            optimizer: Name of an optimizer, or an optimizer instance.
            loss: Name of a loss, or a loss instance.
            metrics: List of metric names or metric instances.
            compatible: Arguments of Keras that do not change the results, such as `run_eagerly` and `jit_compile`.
        """
        reject_unknown_arguments(self, compatible.keys() - WITHOUT_EFFECT)
        self._compiled_model = CompiledModel(self.stack, optimizer, loss, metrics)

    @property
    def compiled(self) -> bool:
        """Whether `compile` has been called."""
        return self._compiled_model is not None

    @property
    def compiled_model(self) -> CompiledModel:
        """The result of `compile`. Raises TrainingError if it has not been called."""
        if self._compiled_model is None:
            raise TrainingError("You must call `compile()` before using the model.")
        return self._compiled_model

    @property
    def stop_training(self) -> bool:
        """Whether training stops after the current batch; a callback may set it."""
        return self.fit_state.stop

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self.fit_state.stop = value

    def fit(
        self,
        x: Any,
        y: npt.ArrayLike | None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: ClassWeight = None,
        sample_weight: npt.ArrayLike | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Trains the model on samples x (B, …), an array or a data adapter, and targets y; returns the history.

        x may also be a generator or a `keras.utils.Sequence` of batches (x, y) or (x, y, sample_weight), and so may
        `validation_data`, of which one epoch is read, before training; one without end needs `validation_steps`.
        All arguments have the meaning and the defaults that they have in Keras; `batch_size` is 32 by default. `epochs`
        is the index of the final epoch: training runs from `initial_epoch` up to it. With `steps_per_epoch`, an epoch
        continues with the samples after those of the previous epoch, and ends early at the end of the data.
        """
        model, batch_size = self.compiled_model, 32 if batch_size is None else batch_size
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = plans.train_validation_split(x, y, sample_weight, validation_split)
        samples = plans.read_any_samples(model, x, y, sample_weight, class_weight)
        steps = plans.count_steps(steps_per_epoch, samples, batch_size)
        validation = plans.read_validation(model, validation_data, validation_steps, validation_batch_size, batch_size)
        plan = plans.FitPlan(samples, validation, batch_size, epochs, steps, shuffle, validation_freq)
        self.history = History()
        self.fit_state = plans.FitState(initial_epoch, fit_callbacks(callbacks, self.history, verbose))
        params = {"verbose": verbose, "epochs": epochs, "steps": steps, "do_validation": validation is not None}
        fit_loop(model, plan, self.fit_state, CallbackList(self.fit_state.callbacks, self, params))
        return self.history

    def evaluate(
        self,
        x: Any,
        y: npt.ArrayLike | None = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: npt.ArrayLike | None = None,
        *,
        steps: int | None = None,
        callbacks: Callbacks = None,
        return_dict: bool = False,
    ) -> Results:
        """Computes the loss and the metrics for samples x (B, …) and targets y; prints them unless `verbose` is 0.

        x may also make batches: `steps` of them, or all. The result does not depend on `batch_size`.

        Returns:
            The loss if there are no metrics, otherwise a list of the loss and the metrics; a dict if `return_dict`.
        """
        model, callback_list = self.compiled_model, CallbackList(callbacks, self, {"verbose": verbose})
        logs = evaluation_loop(model, plans.read_evaluation(model, x, y, sample_weight, steps), callback_list)
        if verbose != 0:
            print(format_logs(logs), flush=True)
        return model.results(logs, return_dict)

    def train_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, class_weight: ClassWeight = None, return_dict: bool = False
    ) -> Results:
        """Runs a single gradient update on one batch; returns the loss and the metrics as they were before it."""
        samples = read_samples(self.compiled_model, x, y, sample_weight, class_weight)
        return self.compiled_model.results(train_on_samples(self.compiled_model, samples), return_dict)

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False) -> Results:
        """Tests the model on one batch of samples; returns the loss and the metrics."""
        return self.evaluate(x, y, verbose=0, sample_weight=sample_weight, return_dict=return_dict)

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: str | int = "auto", *, callbacks: Callbacks = None
    ) -> Array:
        """Generates output predictions for samples x (B, …) -> (B, C); `batch_size` and `verbose` have no effect."""
        inputs = read_inputs(self.stack, x)
        return prediction_loop(self.stack, inputs, CallbackList(callbacks, self, {"verbose": verbose}))

    predict_on_batch = predict

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Prints a summary of the model: each layer with its output shape and its number of parameters."""
        print_fn(summary_table(self.stack, self._compiled_model if self.history else None))

    def save(self, filepath: str | Path) -> None:
        """Saves the whole model as a `.npz` file, which `models.load_model` reads."""
        save_model(self.stack, self._compiled_model, Path(filepath))

    def save_weights(self, filepath: str | Path) -> None:
        """Saves all weights to a `.npz` file."""
        write_archive(Path(filepath), {"weights": self.get_weights()})

    def load_weights(self, filepath: str | Path) -> None:
        """Loads the weights from a file that `save_weights` or `save` wrote for a model with the same layers."""
        self.set_weights(read_archive(Path(filepath), "weights")["weights"])

    def network(self) -> Network:
        """Returns the network as plain arrays: dropout is removed, scaling is folded into the dense layers."""
        return export.to_network(self.stack)

    def classifier(self, features: Features, labels: Sequence[Any] | None = None) -> Model:
        """Returns the classifier to publish: features, network and the labels of the outputs."""
        return export.to_classifier(self.stack, self._compiled_model, features, labels)

    def regression(self, features: Features) -> Model:
        """Returns the regression model to publish: features and network."""
        return export.to_regression(self.stack, features)

    def publish(
        self,
        name: str,
        x: Any,
        y: Any = None,
        *,
        models: str | Path = "models",
        labels: Any = None,
        test: bool = False,
    ) -> int:
        """Publishes the model as the next version of `name`.

        Args:
            name: Name of the model in the store.
            x: Samples (B, …), such as the test set, from which the golden rows are chosen. Of a data frame, the
                version has the names and kinds of the columns, and a report.
            y: Targets of the samples; without them the version has no metrics.
            models: Path to the store.
            labels: Names of the classes; class indices by default.
            test: Whether the samples are a test set, on which the model was not trained. The metrics are called `test`
                then, and otherwise `given`.

        Returns:
            The number of the version.
        """
        return export.publish_layers(self.stack, self._compiled_model, Path(models), name, x, y, labels, test=test)
