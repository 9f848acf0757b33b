"""The differentiable operations of a model; a layer consists of up to two of them.

`forward(x, training)` maps a batch (B, I) -> (B, U) and, in training, keeps the arrays that `backward` needs.
`backward(g)` maps the gradient with respect to the output to the gradient with respect to the input. Both may overwrite
their argument. Training does not allocate memory: results are written to arrays that are reused from batch to batch.

Read base, dense, dropout, normalization.
"""

from training.keras.engine.ops.base import Op, Workspace
from training.keras.engine.ops.dense import ActivationOp, DenseOp
from training.keras.engine.ops.dropout import DropoutOp
from training.keras.engine.ops.normalization import BatchNormOp, ScaleOp

__all__ = ["ActivationOp", "BatchNormOp", "DenseOp", "DropoutOp", "Op", "ScaleOp", "Workspace"]
