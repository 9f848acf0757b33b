"""Passes over rows from which nothing is learned: evaluation and prediction."""

import numpy as np

from nn.activations import Array
from training.keras.callbacks.callback_list import CallbackList
from training.keras.engine.compiled_model import CompiledModel
from training.keras.engine.data_adapter import Batch, DataAdapter, Samples
from training.keras.engine.layer_stack import LayerStack
from training.keras.engine.running_metrics import RunningMetrics

EVALUATION_ROWS = 1024  # in a batch: few enough to stay in the cache


def measure(model: CompiledModel, batch: Batch, metrics: RunningMetrics, *, training: bool) -> None:
    """Go forward, and add the losses and the outputs of the batch to the metrics."""
    z = batch.x
    for op in model.forward_ops:
        z = op.forward(z, training=training)
    losses, outputs = model.loss.forward(batch.y, z)
    if batch.weights is not None:
        losses = losses * batch.weights
    penalty = sum(regularizer.penalty(parameter.values) for parameter, regularizer in model.stack.regularized)
    metrics.update(losses, penalty, batch, outputs)


@np.errstate(over="ignore", invalid="ignore")
def evaluation_loop(model: CompiledModel, samples: Samples, callbacks: CallbackList) -> dict[str, float]:
    """Return the loss and the metrics over all rows."""
    callbacks.call("on_test_begin", {})
    metrics = RunningMetrics(model.new_metrics(samples.y))
    for number, batch in enumerate(samples.batches(EVALUATION_ROWS, np.arange(len(samples)), model.stack.dtype)):
        callbacks.call("on_test_batch_begin", number, {})
        measure(model, batch, metrics, training=False)
        callbacks.call("on_test_batch_end", number, metrics)
    logs = dict(metrics)
    callbacks.call("on_test_end", logs)
    return logs


def prediction_loop(stack: LayerStack, inputs: DataAdapter, callbacks: CallbackList) -> Array:
    """Return the outputs (B, C) of all rows."""
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
