"""A layer stack with an optimizer, a loss and metrics, and the operations of a training step."""

from collections import Counter
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
    """The result of `compile`. Whenever the layers are built, `prepare` sets the operations of a training step."""

    def __init__(self, stack: LayerStack, optimizer: Any, loss: Any, metrics: Sequence[Any] | None) -> None:
        if loss is None:
            raise TrainingError(
                "No loss to compute. Provide a `loss` argument in `compile()`, such as"
                " loss='sparse_categorical_crossentropy'."
            )
        self.stack = stack
        self.optimizer, self.loss = optimizers.get(optimizer), losses.get(loss)
        if not isinstance(metrics, list | tuple | None):
            raise TrainingError(f"`metrics` must be a list, such as ['accuracy']. Received: metrics={metrics!r}")
        self.metrics = list(metrics or [])
        for metric in self.metrics:
            get_metric(metric, np.empty(0), outputs=1)  # raises now for an unknown name
        stack.on_build = self.prepare
        if stack.built:
            self.prepare()

    def prepare(self) -> None:
        """Adapt the last operations to the loss, and reset the optimizer."""
        ops, self.parameters = self.stack.ops, self.stack.parameters
        self.forward_ops = list(ops)
        if isinstance(self.loss, losses.Crossentropy) and not self.loss.from_logits and ops:
            last, fused = ops[-1], ACTIVATIONS[str(self.loss.fused_activation)]
            if isinstance(last, ActivationOp) and last.activation is fused:
                self.forward_ops.pop()
            else:
                self.forward_ops.append(self.loss.to_logits())
        # The operations before the first one with parameters do not need a gradient.
        first = next((i for i, op in enumerate(ops) if isinstance(op, DenseOp | BatchNormOp)), len(ops))
        self.backward_ops = self.forward_ops[first:][::-1]
        if first < len(ops) and isinstance(dense := ops[first], DenseOp):
            dense.needs_input_gradient = False
        self.optimizer.build(self.parameters.values)

    @property
    def directions(self) -> dict[str, str]:
        """The direction of an improvement, "min" or "max", by the name of the loss or metric."""
        # get_metric would reset a metric instance.
        metrics = [m if isinstance(m, Metric) else get_metric(m, np.empty(0), outputs=1) for m in self.metrics]
        directions = [metric.direction for metric in metrics]
        return {"loss": "min", **dict(zip(self.metric_names, directions, strict=True))}

    @property
    def metric_names(self) -> list[str]:
        """The names of the metrics in the logs; a name that occurs again gets a number, as in Keras."""
        names, counts = list[str](), Counter[str]()
        for metric in self.metrics:
            name = metric if isinstance(metric, str) else metric.name
            names.append(f"{name}_{counts[name]}" if counts[name] else name)
            counts[name] += 1
        return names

    def new_metrics(self, y: TargetArray) -> dict[str, Metric]:
        """Return the compiled metrics by their names, each reset."""
        metrics = [get_metric(metric, y, self.stack.output_width) for metric in self.metrics]
        return dict(zip(self.metric_names, metrics, strict=True))

    def results(self, logs: Mapping[str, float], as_dict: bool) -> Results:
        """Return the loss, followed by the metrics in the order of `compile`; without metrics, only the loss."""
        if as_dict:
            return dict(logs)
        return [logs["loss"], *(logs[name] for name in self.metric_names)] if self.metrics else logs["loss"]

    def penalty(self) -> float:
        """Compute the penalty that the regularizers add to the loss."""
        return sum(regularizer.penalty(parameter.values) for parameter, regularizer in self.stack.regularized)


class CompiledAttribute:
    """A descriptor that delegates an attribute of a model to its compiled model, for reading and assignment.

    Before `compile` the attribute has the given default; without a default, reading it raises AttributeError.
    """

    def __init__(self, *default: Any) -> None:
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, model: Any, owner: type) -> Any:
        if not model.compiled and self._default:
            return self._default[0]
        if not model.compiled:
            raise AttributeError(f"The model has no `{self._name}` before `compile()` is called")
        return getattr(model.compiled_model, self._name)

    def __set__(self, model: Any, value: Any) -> None:
        setattr(model.compiled_model, self._name, value)
