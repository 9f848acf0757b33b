"""Layers made ready for training: with an optimizer, a loss, metrics, and the operations of a step."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nn.activations import ACTIVATIONS
from training.errors import TrainingError
from training.keras import losses, optimizers
from training.keras.engine.data_adapter import TargetArray
from training.keras.engine.layer_stack import LayerStack
from training.keras.engine.ops import ActivationOp, BatchNormOp, DenseOp
from training.keras.metrics import Metric, get_metric

Results = float | list[float] | dict[str, float]


class CompiledModel:
    """Made by `compile`; `prepare` follows whenever the layers are built, and only then are there operations."""

    def __init__(self, stack: LayerStack, optimizer: Any, loss: Any, metrics: Sequence[Any] | None) -> None:
        if loss is None:
            raise TrainingError("compile() needs a loss, such as loss='sparse_categorical_crossentropy'")
        self.stack = stack
        self.optimizer, self.loss = optimizers.get(optimizer), losses.get(loss)
        self.metrics = list(metrics or [])
        for metric in self.metrics:
            get_metric(metric, np.empty(0), outputs=1)  # refuses unknown names now
        stack.on_build = self.prepare
        if stack.built:
            self.prepare()

    def prepare(self) -> None:
        """Fit the end of the model to the loss, and reset the state of the optimizer."""
        ops, self.parameters = self.stack.ops, self.stack.parameters
        self.forward_ops = list(ops)
        if isinstance(self.loss, losses.Crossentropy) and not self.loss.from_logits and ops:
            last, fused = ops[-1], ACTIVATIONS[str(self.loss.fused_activation)]
            if isinstance(last, ActivationOp) and last.activation is fused:
                self.forward_ops.pop()
            else:
                self.forward_ops.append(self.loss.to_logits())
        # The operations before the first trained one do not need a gradient.
        first = next((i for i, op in enumerate(ops) if isinstance(op, DenseOp | BatchNormOp)), len(ops))
        self.backward_ops = self.forward_ops[first:][::-1]
        if first < len(ops) and isinstance(dense := ops[first], DenseOp):
            dense.needs_input_gradient = False
        self.optimizer.build(self.parameters.values)

    @property
    def directions(self) -> dict[str, str]:
        """Whether "min" or "max" is better, for each of the logs by its name."""
        # get_metric would reset a metric that is an object.
        metrics = [m if isinstance(m, Metric) else get_metric(m, np.empty(0), outputs=1) for m in self.metrics]
        return {"loss": "min"} | {metric.name: metric.direction for metric in metrics}

    def new_metrics(self, y: TargetArray) -> dict[str, Metric]:
        """Return the compiled metrics, empty, by their names."""
        found = [get_metric(metric, y, self.stack.output_width) for metric in self.metrics]
        return {metric.name: metric for metric in found}

    def results(self, logs: Mapping[str, float], as_dict: bool) -> Results:
        """Return the loss and then the metrics as they were given; the loss alone where there are none."""
        if as_dict:
            return dict(logs)
        names = [metric if isinstance(metric, str) else metric.name for metric in self.metrics]
        return [logs["loss"], *(logs[name] for name in names)] if names else logs["loss"]

    def penalty(self) -> float:
        """Return what the regularizers add to the loss."""
        return sum(regularizer.penalty(parameter.values) for parameter, regularizer in self.stack.regularized)


class CompiledAttribute:
    """An attribute of a model that its compiled model has: what is assigned to it is what trains.

    Before `compile` it is missing, or what is given here.
    """

    def __init__(self, *before_compile: Any) -> None:
        self._before_compile = before_compile

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, model: Any, owner: type) -> Any:
        if not model.compiled and self._before_compile:
            return self._before_compile[0]
        if not model.compiled:
            raise AttributeError(f"the model has no {self._name} before compile()")
        return getattr(model.compiled_model, self._name)

    def __set__(self, model: Any, value: Any) -> None:
        setattr(model.compiled_model, self._name, value)
