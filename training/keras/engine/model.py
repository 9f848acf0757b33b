"""The model that the fit loop, the callbacks and the saved files work on: compiled layers, and the state of a run."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nn.activations import ACTIVATIONS
from training.errors import TrainingError
from training.keras.engine.data_adapter import Indices, TargetArray
from training.keras.engine.layer_stack import LayerStack
from training.keras.engine.ops import ActivationOp, BatchNormOp, DenseOp, Op
from training.keras.layers import Layer
from training.keras.losses import Crossentropy, Loss
from training.keras.losses import get as get_loss
from training.keras.metrics import Metric, check_metric, get_metric
from training.keras.optimizers import Optimizer
from training.keras.optimizers import get as get_optimizer


class TrainableModel(LayerStack):
    """Layers with an optimizer, a loss and metrics, and the state of a run of `fit`.

    The state of a run between two epochs is `next_epoch`, `remaining_rows`, the weights, the optimizer and the random
    generators. `stop_training` ends the run after the current batch, and its epoch counts; `interrupted` ends it after
    the current batch, and its epoch does not count.
    """

    optimizer: Optimizer
    loss: Loss
    forward_ops: list[Op]
    backward_ops: list[Op]
    first_trainable: int  # the number of the first operation with parameters

    def __init__(self, layers: Sequence[Layer] | None = None, name: str = "sequential") -> None:
        self.metrics: list[Any] = []
        self.callbacks: list[Any] = []  # of the latest run
        self.metric_directions: dict[str, str] = {}  # of each metric: whether "min" or "max" is better
        self.compiled = self.fitted = False
        self.begin_run(0)
        super().__init__(layers, name)

    def begin_run(self, initial_epoch: int) -> None:
        """Reset the state of the run."""
        self.stop_training = self.interrupted = False
        self.next_epoch = initial_epoch
        self.remaining_rows: Indices = np.empty(0, np.intp)  # of this pass over the data, for the next epoch

    def build(self, input_shape: Sequence[int | None], dtype: npt.DTypeLike = np.float32) -> None:
        """Create the parameters for inputs of (batch_size, …)."""
        super().build(input_shape, dtype)
        if self.compiled:
            self._prepare()

    def compile(
        self,
        optimizer: str | Optimizer = "rmsprop",
        loss: str | Loss | None = None,
        metrics: Sequence[Any] | None = None,
    ) -> None:
        """Choose how to train; the state of the optimizer is reset."""
        if loss is None:
            raise TrainingError("compile() needs a loss, such as loss='sparse_categorical_crossentropy'")
        self.optimizer, self.loss = get_optimizer(optimizer), get_loss(loss)
        self.metrics = list(metrics or [])
        for metric in self.metrics:
            check_metric(metric)
        self.compiled = True
        if self.built:
            self._prepare()

    def _prepare(self) -> None:
        """Fit the end of the model to the loss, and allocate the state of the optimizer."""
        self.forward_ops = list(self.ops)
        if isinstance(self.loss, Crossentropy) and not self.loss.from_logits and self.ops:
            last, fused = self.ops[-1], ACTIVATIONS[str(self.loss.fused_activation)]
            if isinstance(last, ActivationOp) and last.activation is fused:
                self.forward_ops.pop()
            else:
                self.forward_ops.append(self.loss.to_logits())
        # The operations before the first trained one do not need a gradient.
        trainable = (number for number, op in enumerate(self.ops) if isinstance(op, DenseOp | BatchNormOp))
        self.first_trainable = next(trainable, len(self.ops))
        self.backward_ops = self.forward_ops[self.first_trainable :][::-1]
        self.optimizer.build(self.parameters.values)

    def new_metrics(self, y: TargetArray) -> dict[str, Metric]:
        """Return the compiled metrics, empty, by their names."""
        metrics = [get_metric(metric, y, self.output_width) for metric in self.metrics]
        return {metric.name: metric for metric in metrics}

    def penalty(self) -> float:
        """Return what the regularizers add to the loss."""
        return sum(regularizer.penalty(parameter.values) for parameter, regularizer in self.regularized)
