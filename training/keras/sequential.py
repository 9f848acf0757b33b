"""The Sequential model: Keras's words over `engine`, which does the work."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from nn import Features, Model, Network
from nn.activations import Array
from training.errors import TrainingError
from training.keras import export
from training.keras.callbacks import Callback, History
from training.keras.callbacks.callback_list import CallbackList, run_callbacks
from training.keras.callbacks.progress import format_logs
from training.keras.engine.arguments import ClassWeight, read_inputs, read_samples
from training.keras.engine.compiled_model import CompiledAttribute, CompiledModel, Results
from training.keras.engine.fit_plan import FitPlan, TrainingState, count_steps, read_validation, split_off
from training.keras.engine.layer_stack import LayerStack
from training.keras.engine.loops import evaluation_loop, fit_loop, prediction_loop, step_on
from training.keras.layers.base import AlwaysTrainable, Layer
from training.keras.saving.model_file import save_model
from training.keras.saving.state_file import read_state, write_state
from training.keras.summary import summary_table

Callbacks = Callback | Sequence[Callback] | None


class Sequential(AlwaysTrainable):
    """A stack of layers, a compiled model from `compile` on, and the training state of the latest run of `fit`."""

    optimizer, loss, metrics = CompiledAttribute(), CompiledAttribute(), CompiledAttribute([])
    _compiled: CompiledModel | None = None
    history: History | None = None

    def __init__(self, layers: Sequence[Layer] | None = None, name: str = "sequential") -> None:
        self.name, self.stack, self.state = name, LayerStack(name), TrainingState()
        self.layers = self.stack.layers
        for layer in layers or []:
            self.add(layer)

    def add(self, layer: Layer) -> None:
        """Append a layer."""
        self.stack.add(layer)

    def build(self, input_shape: Sequence[int | None], dtype: npt.DTypeLike = "float32") -> None:
        """Create the parameters for inputs of (batch_size, …)."""
        self.stack.build(input_shape, dtype)

    @property
    def built(self) -> bool:
        """Whether there are parameters."""
        return self.stack.built

    def get_weights(self) -> list[Array]:
        """Return copies of all weights, layer by layer: kernel, bias; gamma, beta, mean, variance."""
        return self.stack.get_weights()

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Take weights in the order of `get_weights`."""
        self.stack.set_weights(weights)

    def compile(self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Sequence[Any] | None = None) -> None:
        """Choose how to train, by names or objects; the state of the optimizer is reset."""
        self._compiled = CompiledModel(self.stack, optimizer, loss, metrics)

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled is not None

    @property
    def compiled_model(self) -> CompiledModel:
        """What `compile` made. Raises TrainingError before it was called."""
        if self._compiled is None:
            raise TrainingError("You must call `compile()` before using the model.")
        return self._compiled

    @property
    def stop_training(self) -> bool:
        """Whether the run ends after the current batch; a callback may set it."""
        return self.state.stop

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self.state.stop = value

    def fit(
        self,
        x: Any,
        y: npt.ArrayLike,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: tuple[Any, ...] | None = None,
        shuffle: bool = True,
        class_weight: ClassWeight = None,
        sample_weight: npt.ArrayLike | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Train on rows x (B, …), an array or a data adapter, and targets y in mini-batches (32 rows by default).

        `epochs` is the number of the last epoch, as in Keras: training goes on from `initial_epoch` to it.
        With `steps_per_epoch` an epoch begins at the rows where the one before ended, and ends early where the rows do.
        """
        model, batch_size = self.compiled_model, 32 if batch_size is None else batch_size
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_off(x, y, sample_weight, validation_split)
        samples = read_samples(model, x, y, sample_weight, class_weight)
        steps = count_steps(steps_per_epoch, len(samples), batch_size)
        validation = read_validation(model, validation_data, validation_steps, validation_batch_size, batch_size)
        plan = FitPlan(samples, validation, batch_size, epochs, steps, shuffle, validation_freq)
        self.history = History()
        self.state = TrainingState(initial_epoch, run_callbacks(callbacks, self.history, verbose))
        params = {"verbose": verbose, "epochs": epochs, "steps": steps, "do_validation": validation is not None}
        fit_loop(model, plan, self.state, CallbackList(self.state.callbacks, self, params))
        return self.history

    def evaluate(
        self,
        x: Any,
        y: npt.ArrayLike,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: npt.ArrayLike | None = None,
        *,
        callbacks: Callbacks = None,
        return_dict: bool = False,
    ) -> Results:
        """Return the loss and the metrics over rows x (B, …) and targets y; print them unless `verbose` is 0.

        `batch_size` is accepted for compatibility; the result does not depend on it.
        """
        model, callback_list = self.compiled_model, CallbackList(callbacks, self, {"verbose": verbose})
        logs = evaluation_loop(model, read_samples(model, x, y, sample_weight), callback_list)
        if verbose != 0:
            print(format_logs(logs), flush=True)
        return model.results(logs, return_dict)

    def train_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, class_weight: ClassWeight = None, return_dict: bool = False
    ) -> Results:
        """Take one step with all these rows; return the loss and the metrics before it."""
        samples = read_samples(self.compiled_model, x, y, sample_weight, class_weight)
        return self.compiled_model.results(step_on(self.compiled_model, samples), return_dict)

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False) -> Results:
        """Return the loss and the metrics over these rows."""
        return self.evaluate(x, y, verbose=0, sample_weight=sample_weight, return_dict=return_dict)

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: str | int = "auto", *, callbacks: Callbacks = None
    ) -> Array:
        """Return the outputs of rows x (B, …) -> (B, C); `batch_size` and `verbose` are accepted for compatibility."""
        inputs = read_inputs(self.stack, x)
        return prediction_loop(self.stack, inputs, CallbackList(callbacks, self, {"verbose": verbose}))

    predict_on_batch = predict

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print the layers, their output shapes and how many parameters they have."""
        print_fn(summary_table(self.stack, self._compiled if self.history else None))

    def save(self, filepath: str | Path) -> None:
        """Save the whole model as a .npz, to be read by `models.load_model`."""
        save_model(self.stack, self._compiled, Path(filepath))

    def save_weights(self, filepath: str | Path) -> None:
        """Save the weights alone as a .npz."""
        write_state(Path(filepath), {"weights": self.get_weights()})

    def load_weights(self, filepath: str | Path) -> None:
        """Take the weights of a file into a model of the same layers."""
        self.set_weights(read_state(Path(filepath), "weights")["weights"])

    def network(self) -> Network:
        """Return the trained network as plain arrays; dropout is dropped, scales are folded in."""
        return export.to_network(self.stack)

    def classifier(self, features: Features, labels: Sequence[Any] | None = None) -> Model:
        """Return the model to publish: features, network and the labels of the outputs."""
        return export.to_classifier(self.stack, self._compiled, features, labels)

    def regression(self, features: Features) -> Model:
        """Return the model to publish: features and network."""
        return export.to_regression(self.stack, features)

    def publish(self, name: str, x: Any, y: Any = None, *, models: str | Path = "models", labels: Any = None) -> int:
        """Publish as the next version of `name`; rows x (B, …) and targets y give it metrics and golden rows.

        `labels` names the classes, which are numbered otherwise. Returns the version.
        """
        return export.publish_layers(self.stack, self._compiled, Path(models), name, x, y, labels)
