"""The Sequential model: layers one after another, compiled, fitted, evaluated, saved and published."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Features, Model, Network
from nn.activations import Array
from nn.network import NetworkError
from training.errors import TrainingError
from training.keras.callbacks import (
    BackupAndRestore,
    Callback,
    CallbackList,
    History,
    as_callbacks,
    format_logs,
    progress_callbacks,
)
from training.keras.engine.arguments import as_array, read_inputs, read_samples
from training.keras.engine.data_adapter import Batch
from training.keras.engine.evaluate import evaluation_loop, prediction_loop
from training.keras.engine.fit import fit_loop, train_step
from training.keras.engine.fit_plan import read_fit_plan
from training.keras.engine.model import TrainableModel
from training.keras.engine.narrowing import narrowed
from training.keras.engine.running_metrics import RunningMetrics
from training.keras.folding import apply_output_activation, fold
from training.keras.losses import RegressionLoss
from training.keras.saving.model_file import load_weights, save_model, save_weights
from training.keras.summary import summary_table
from training.publishing.publish import class_labels, publish_arrays


class Sequential(TrainableModel):
    """Layers one after another; built when weights are asked for, or data seen, and the shape of a row is known."""

    history: History | None = None

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
        """Train on rows x (B, …), an array or a data adapter, and targets y in mini-batches (32 rows by default).

        `epochs` is the number of the last epoch, as in Keras: training goes on from `initial_epoch` to it.
        With `steps_per_epoch` an epoch begins at the rows where the one before ended, and ends early where the rows do.
        """
        plan = read_fit_plan(
            self,
            x,
            y,
            batch_size=batch_size,
            epochs=epochs,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            sample_weight=sample_weight,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
        )
        self.metric_directions = {name: metric.direction for name, metric in self.new_metrics(plan.samples.y).items()}
        self.history, self.fitted = History(), True
        params = {"verbose": verbose, "epochs": epochs, "steps": plan.steps}
        params["do_validation"] = plan.validation is not None
        self.callbacks = _fit_callbacks(callbacks, self.history, verbose)
        self.begin_run(initial_epoch)
        callback_list = CallbackList(self.callbacks, self, params)
        with narrowed(self, plan.samples) as samples:
            fit_loop(self, replace(plan, samples=samples), callback_list)
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

        `batch_size` is accepted for compatibility; the result does not depend on it.
        """
        callback_list = CallbackList(as_callbacks(callbacks), self, {"verbose": verbose})
        logs = evaluation_loop(self, read_samples(self, x, y, sample_weight), callback_list)
        if verbose != 0:
            print(format_logs(logs), flush=True)
        return self._results(logs, return_dict)

    def train_on_batch(
        self,
        x: Any,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> float | list[float] | dict[str, float]:
        """Take one step with all these rows; return the loss and the metrics before it."""
        samples = read_samples(self, x, y, sample_weight, class_weight)
        inputs = np.empty(samples.inputs.shape, self.dtype)
        samples.inputs.gather(np.arange(len(samples)), inputs)
        metrics = RunningMetrics(self.new_metrics(samples.y))
        with np.errstate(over="ignore", invalid="ignore"):
            train_step(self, Batch(inputs, samples.y, samples.weights), metrics)
        return self._results(metrics, return_dict)

    def test_on_batch(
        self, x: Any, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None, return_dict: bool = False
    ) -> float | list[float] | dict[str, float]:
        """Return the loss and the metrics over these rows."""
        return self.evaluate(x, y, verbose=0, sample_weight=sample_weight, return_dict=return_dict)

    def _results(self, logs: Mapping[str, float], return_dict: bool) -> float | list[float] | dict[str, float]:
        if return_dict:
            return dict(logs)
        # The loss comes first, then the metrics as they were given.
        names = [metric if isinstance(metric, str) else metric.name for metric in self.metrics]
        listed = [logs["loss"], *(logs[name] for name in names)]
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

        `batch_size` and `verbose` are accepted for compatibility; the result does not depend on them, and no bar is
        shown, since predictions are done before one could be seen.
        """
        inputs = read_inputs(self, x)
        return prediction_loop(self, inputs, CallbackList(as_callbacks(callbacks), self, {"verbose": verbose}))

    predict_on_batch = predict

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print the layers, their output shapes and how many parameters they have."""
        # A model that can't be built yet, such as one with a Normalization without data, is shown unbuilt.
        with suppress(TrainingError):
            self.ensure_built()
        print_fn(summary_table(self))

    def save(self, filepath: str | Path) -> None:
        """Save the whole model as a .npz, to be read by `models.load_model`."""
        self.ensure_built()
        save_model(self, Path(filepath))

    def save_weights(self, filepath: str | Path) -> None:
        """Save the weights alone as a .npz."""
        save_weights(self, Path(filepath))

    def load_weights(self, filepath: str | Path) -> None:
        """Take the weights of a file into a model of the same layers."""
        load_weights(self, Path(filepath))

    def network(self) -> Network:
        """Return the trained network as plain arrays; dropout is dropped, scales are folded in."""
        self.ensure_built()
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
        return self.compiled and isinstance(self.loss, RegressionLoss)

    def classifier(self, features: Features, labels: Sequence[Any] | None = None) -> Model:
        """Return the model to publish: features, network and the labels of the outputs."""
        network = self.network()
        if self.compiled and self.loss.from_logits and network.layers[-1].activation == "linear":
            network = apply_output_activation(network, str(self.loss.fused_activation))
        return _model(features, network, "classification", class_labels(labels, network.outputs))

    def regression(self, features: Features) -> Model:
        """Return the model to publish: features and network."""
        return _model(features, self.network(), "regression", ())


def _fit_callbacks(
    callbacks: Callback | Sequence[Callback] | None, history: History, verbose: str | int
) -> list[Callback]:
    """Return all callbacks of a run. Backups come last: they keep the state of all others."""
    given = as_callbacks(callbacks)
    backups = [callback for callback in given if isinstance(callback, BackupAndRestore)]
    others = [callback for callback in given if callback not in backups]
    return [*progress_callbacks(verbose), *others, history, *backups]


def _model(features: Features, network: Network, task: str, labels: tuple[Any, ...]) -> Model:
    try:
        return Model(features, network, task, labels)
    except ValueError as error:
        raise TrainingError(f"the model can't be published: {error}") from error
