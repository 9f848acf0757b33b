"""The training, evaluation and prediction loops over batches."""

import warnings
from collections.abc import Iterator

import numpy as np
from threadpoolctl import threadpool_limits

from nn.activations import Array
from training.keras.callbacks.callback_list import CallbackList
from training.keras.engine.batch_stream import BatchStream
from training.keras.engine.compiled_model import CompiledModel
from training.keras.engine.data_adapter import Batch, DataAdapter, Samples
from training.keras.engine.fit_plan import FitPlan, FitState
from training.keras.engine.layer_stack import LayerStack
from training.keras.engine.running_metrics import RunningMetrics

EVALUATION_ROWS = 1024  # per batch: small enough to stay in the cache
# The number of multiplications in a matrix product above which several BLAS threads are faster than one.
LARGE_PRODUCT = 2**24
OUT_OF_DATA = (
    "Your input ran out of data; interrupting training. Make sure that your generator can generate at least"
    " `steps_per_epoch * epochs` batches."
)


# A diverging run overflows. Its loss shows that, so NumPy's warnings are suppressed.
@np.errstate(over="ignore", invalid="ignore")
def fit_loop(model: CompiledModel, plan: FitPlan, state: FitState, callbacks: CallbackList) -> None:
    """Train the model from `state.epoch` up to epoch `plan.epochs`, calling the hooks of the callbacks."""
    with threadpool_limits(_blas_threads(model, plan.batch_size), user_api="blas"):
        logs: dict[str, float] = {}
        callbacks.call("on_train_begin", {})
        while state.epoch < plan.epochs and not state.stop:
            if isinstance(plan.samples, BatchStream) and not plan.samples.has_next():
                warnings.warn(OUT_OF_DATA, stacklevel=2)
                break
            epoch = state.epoch
            callbacks.call("on_epoch_begin", epoch, {})
            logs = _train_epoch(model, plan, state, callbacks)
            if state.interrupted:
                logs = {}
                break
            if plan.validation is not None and (epoch + 1) % plan.validation_freq == 0:
                validation_logs = evaluation_loop(model, plan.validation, callbacks)
                logs |= {f"val_{name}": value for name, value in validation_logs.items()}
            state.epoch += 1
            callbacks.call("on_epoch_end", epoch, logs)
        callbacks.call("on_train_end", logs)


def _blas_threads(model: CompiledModel, batch_size: int) -> int | None:
    """Return the number of BLAS threads that suits the largest matrix product: 1, or None for no limit."""
    largest = max((parameter.values.size for parameter in model.parameters.tensors), default=0)
    return 1 if largest * batch_size < LARGE_PRODUCT else None


def _train_epoch(model: CompiledModel, plan: FitPlan, state: FitState, callbacks: CallbackList) -> dict[str, float]:
    """Run the steps of an epoch until its end, or until the run is stopped or interrupted; return its logs."""
    for dropout in model.stack.dropouts:
        dropout.restart()
    metrics = RunningMetrics(model.new_metrics(plan.samples.y))
    for number, batch in enumerate(_batches(model, plan, state)):
        callbacks.call("on_train_batch_begin", number, {})
        train_step(model, batch, metrics)
        callbacks.call("on_train_batch_end", number, metrics)
        if state.interrupted or state.stop:
            break
    return dict(metrics)


def _batches(model: CompiledModel, plan: FitPlan, state: FitState) -> Iterator[Batch]:
    """Yield the batches of an epoch; of samples, those that follow the previous epoch's, until all had their turn."""
    samples, rng = plan.samples, model.stack.rng
    if isinstance(samples, BatchStream):
        yield from samples.epoch(plan.steps, rng if plan.shuffle else None)
        return
    order = state.remaining_rows
    if not len(order):
        order = rng.permutation(len(samples)) if plan.shuffle else np.arange(len(samples))
    order, state.remaining_rows = np.split(order, [(plan.steps or 1) * plan.batch_size])
    yield from samples.batches(plan.batch_size, order, model.stack.dtype)


def train_step(model: CompiledModel, batch: Batch, metrics: RunningMetrics) -> None:
    """Run a training step on a batch: the forward and backward passes, and the update of the parameters."""
    measure(model, batch, metrics, model.penalty(), training=True)
    g = model.loss.gradient(batch.y)
    g *= 1 / len(g) if batch.weights is None else batch.weights[:, None] / len(g)
    for op in model.backward_ops:
        g = op.backward(g)
    for parameter, regularizer in model.stack.regularized:
        regularizer.add_gradient(parameter.values, parameter.gradient)
    model.optimizer.apply(model.parameters)


def measure(model: CompiledModel, batch: Batch, metrics: RunningMetrics, penalty: float, *, training: bool) -> None:
    """Run the forward pass on a batch, and update the metrics with its losses, the penalty and its outputs."""
    z = batch.x
    for op in model.forward_ops:
        z = op.forward(z, training=training)
    losses, outputs = model.loss.forward(batch.y, z)
    if batch.weights is not None:
        losses = losses * batch.weights
    metrics.update(losses, penalty, batch, outputs)


def train_on_samples(model: CompiledModel, samples: Samples) -> RunningMetrics:
    """Run a training step on all samples as one batch; return their loss and metrics before the update."""
    metrics = RunningMetrics(model.new_metrics(samples.y))
    with np.errstate(over="ignore", invalid="ignore"):
        for batch in samples.batches(len(samples), np.arange(len(samples)), model.stack.dtype):
            train_step(model, batch, metrics)
    return metrics


@np.errstate(over="ignore", invalid="ignore")
def evaluation_loop(model: CompiledModel, samples: Samples, callbacks: CallbackList) -> dict[str, float]:
    """Compute the loss and the metrics over all samples."""
    callbacks.call("on_test_begin", {})
    metrics, penalty = RunningMetrics(model.new_metrics(samples.y)), model.penalty()
    for number, batch in enumerate(samples.batches(EVALUATION_ROWS, np.arange(len(samples)), model.stack.dtype)):
        callbacks.call("on_test_batch_begin", number, {})
        measure(model, batch, metrics, penalty, training=False)
        callbacks.call("on_test_batch_end", number, metrics)
    logs = dict(metrics)
    callbacks.call("on_test_end", logs)
    return logs


def prediction_loop(stack: LayerStack, inputs: DataAdapter, callbacks: CallbackList) -> Array:
    """Compute the outputs (B, C) of all rows."""
    rows = inputs.shape[0]
    outputs = np.empty((rows, stack.output_width), stack.dtype)
    callbacks.call("on_predict_begin", {})
    for number, start in enumerate(range(0, rows, EVALUATION_ROWS)):
        callbacks.call("on_predict_batch_begin", number, {})
        index = np.arange(start, min(start + EVALUATION_ROWS, rows))
        z: Array = np.empty((len(index), stack.input_width), stack.dtype)
        inputs.gather(index, z)
        for op in stack.ops:
            z = op.forward(z, training=False)
        outputs[index] = z
        callbacks.call("on_predict_batch_end", number, {"outputs": z})
    callbacks.call("on_predict_end", {})
    return outputs
